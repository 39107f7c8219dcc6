/* npy_header.h -- inside npy: the header's text. */
#ifndef SW_DATA_NPY_HEADER_H
#define SW_DATA_NPY_HEADER_H

#include "data/npy.h"

/* Reads text[0..size), the dictionary after magic, version and length, into dtype, ndim and shape.
 * `path` is for messages. */
int sw_npy_header(struct sw_npy *out, const char *text, size_t size, const char *path,
                  struct sw_error *error);

/* The three characters that name a dtype in a file. */
const char *sw_npy_descr(enum sw_dtype dtype);

#endif
