/* search.h -- where plugins are looked for, and in which order. */
#ifndef SW_PLUGIN_SEARCH_H
#define SW_PLUGIN_SEARCH_H

#include "base/error.h"

/* How a plugin file was found. */
enum sw_plugin_source {
    SW_PLUGIN_NAMED,    /* its path is in `first` */
    SW_PLUGIN_FOUND,    /* in a folder of `first` or of $STEPWISE_PLUGIN_PATH */
    SW_PLUGIN_BUILT_IN, /* it came with the program (base/places.h) */
};

/* The plugin path, with ':' between: `first`, $STEPWISE_PLUGIN_PATH, and the folders of the
 * built-in plugins. first: files whose names end with ".so" and folders; NULL: none; "": the path
 * is empty, and no plugin is loaded at all. Allocated. */
char *sw_plugin_path(const char *first);

/* Calls found(data, file, source) for every *.so of that path: in its order, each folder as D and
 * D/.libs, names sorted. A folder of the built-in plugins comes once, as the last. Stops when found
 * returns non-zero and returns that. Folders that are not there are fine; relative ones are
 * refused. */
int sw_plugin_files(const char *first,
                    int (*found)(void *data, const char *file, enum sw_plugin_source source),
                    void *data, struct sw_error *error);

#endif
