/* safetensors.h -- a strict reader and a writer for .safetensors files.
 *
 * The format: eight bytes, little-endian, with the length of a JSON header; the header, one object
 * {name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {string: string}}; then
 * the tensors' bytes, without gaps. Every check is made before a tensor can be reached, so a file
 * that opens is whole. Tensors without elements are refused: they share their place with a
 * neighbour, and no parameter has that shape. */
#ifndef SW_DATA_SAFETENSORS_H
#define SW_DATA_SAFETENSORS_H

#include "base/error.h"
#include "base/file.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_SAFETENSORS_DIMS = 4 };

struct sw_safetensors_entry {
    const char *name;
    const char *dtype; /* "F32", "I64", ...; not looked at when writing */
    int ndim;          /* 0 to 4; a scalar has none and one element */
    size_t shape[SW_SAFETENSORS_DIMS];
    const void *data; /* row-major, little-endian, perhaps not aligned when it was read */
    size_t elements;  /* the shape's product; not looked at when writing */
};

struct sw_safetensors {
    size_t count;
    struct sw_safetensors_entry *entries; /* in the order of their bytes in the file */
    const json_t *metadata;               /* strings by name; NULL when the file has none */
    char *path;                           /* for messages */
    json_t *header;                       /* owns the names and the metadata */
    struct sw_mapping file;
};

/* Opens and checks `path`. On failure *out is empty and may be closed. Errors name the file, the
 * tensor and what is wrong with it. */
int sw_safetensors_open(struct sw_safetensors *out, const char *path, struct sw_error *error);

/* The same over bytes[0..size), which must stay as they are until the file is closed; `path` is
 * only for messages. */
int sw_safetensors_parse(struct sw_safetensors *out, const void *bytes, size_t size,
                         const char *path, struct sw_error *error);

/* Frees what open or parse made; entries and strings of the file are gone after it. */
void sw_safetensors_close(struct sw_safetensors *file);

/* The tensor called `name`, or NULL. */
const struct sw_safetensors_entry *sw_safetensors_find(const struct sw_safetensors *file,
                                                       const char *name);

/* The string `key` of the metadata, or NULL. */
const char *sw_safetensors_string(const struct sw_safetensors *file, const char *key);

/* The F32 tensor `name`, with exactly shape[0..ndim), or where shape is NULL with ndim dimensions.
 * NULL after an error: no such tensor (with the near miss), another dtype, another shape. */
const struct sw_safetensors_entry *sw_safetensors_require(const struct sw_safetensors *file,
                                                          const char *name, int ndim,
                                                          const size_t *shape,
                                                          struct sw_error *error);

/* Copies the F32 tensor `name`, which must have exactly shape[0..ndim), to out. Errors:
 * as those of sw_safetensors_require. */
int sw_safetensors_floats(const struct sw_safetensors *file, const char *name, int ndim,
                          const size_t *shape, float *out, struct sw_error *error);

/* Writes F32 tensors to `path` in the given order, whole or not at all, after a header
 * padded with spaces to a multiple of eight bytes. `metadata` is an object of strings or NULL. The
 * same input gives the same bytes. Errors: a name that is empty, taken or not UTF-8,
 * a shape that the reader would refuse, and the file system's. */
int sw_safetensors_write(const char *path, const struct sw_safetensors_entry *entries, size_t count,
                         const json_t *metadata, struct sw_error *error);

#endif
