/* probe.h -- opens a plugin's file, and tries first in a process of its own whether that is safe.
 */
#ifndef SW_PLUGIN_PROBE_H
#define SW_PLUGIN_PROBE_H

#include "base/error.h"
#include "stepwise/plugin.h"

/* Loads `file` and checks its descriptor as it stands (plugin/descriptor.h). The caller closes
 * *library with dlclose. NULL with *error and nothing to close when it is refused. */
const struct sw_plugin *sw_plugin_open(const char *file, void **library, struct sw_error *error);

/* Opens and closes `file` in a child process: a constructor that crashes, exits, loops or takes
 * all memory ends the child, and *error says what happened. SW_OK: opening it here is as safe as a
 * trial can tell. The child inherits no open file. */
int sw_plugin_probe(const char *file, struct sw_error *error);

#endif
