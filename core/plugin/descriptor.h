/* descriptor.h -- is a plugin's descriptor one that this runtime can use? */
#ifndef SW_PLUGIN_DESCRIPTOR_H
#define SW_PLUGIN_DESCRIPTOR_H

#include "base/error.h"
#include "stepwise/plugin.h"

/* Version, numeric size, lanes, names, required functions, well-formed options whose presets pass
 * their own checks. Does not look at what else is loaded. */
int sw_descriptor_check(const struct sw_plugin *plugin, struct sw_error *error);

#endif
