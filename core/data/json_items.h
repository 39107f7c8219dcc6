/* json_items.h -- the elements of one array of a large JSON file, each as text: files of hundreds
 * of megabytes are lists of small objects. */
#ifndef SW_DATA_JSON_ITEMS_H
#define SW_DATA_JSON_ITEMS_H

#include "base/error.h"
#include "base/file.h"

#include <stddef.h>

struct sw_json_items {
    struct sw_mapping mapping;
    size_t at;   /* where the next element begins */
    size_t done; /* elements given so far */
    char *path;
};

/* Goes to the array that the object of the file has under `key`. On failure *out may be closed.
 * Errors: no object, no such key. */
int sw_json_items_open(struct sw_json_items *out, const char *path, const char *key,
                       struct sw_error *error);
void sw_json_items_close(struct sw_json_items *items);

/* The text of the next element, which is balanced and not checked further; *text is NULL behind
 * the last one. */
int sw_json_items_next(struct sw_json_items *items, const char **text, size_t *length,
                       struct sw_error *error);

#endif
