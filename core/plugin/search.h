/* search.h -- where plugins are looked for. */
#ifndef SW_PLUGIN_SEARCH_H
#define SW_PLUGIN_SEARCH_H

#include "base/error.h"

/* The plugin path: `given` if not NULL, else $STEPWISE_PLUGIN_PATH when it is set and not empty,
 * else the build tree's folders when this program lies in one, else the installed folder.
 * Allocated. */
char *sw_plugin_path(const char *given);

/* Calls found(data, file) for every *.so of the path: folders in order, each as D and D/.libs,
 * names sorted. Stops when found returns non-zero and returns that. Folders that are not there are
 * fine; relative ones are refused. */
int sw_plugin_files(const char *path, int (*found)(void *data, const char *file), void *data,
                    struct sw_error *error);

#endif
