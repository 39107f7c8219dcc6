/* npy.h -- NumPy's .npy files: a strict reader over a mapping, and writers.
 *
 * Read are versions 1 to 3, little-endian, C order, up to four dimensions. A file must have exactly
 * the bytes that its shape asks for. */
#ifndef SW_DATA_NPY_H
#define SW_DATA_NPY_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_NPY_DIMS = 4 };

enum sw_dtype {
    SW_FLOAT32 = 1, /* <f4 */
    SW_FLOAT16,     /* <f2 */
    SW_UINT8,       /* |u1 */
    SW_INT32,       /* <i4 */
    SW_INT64,       /* <i8 */
    SW_FLOAT64,     /* <f8 */
};

struct sw_npy {
    enum sw_dtype dtype;
    int ndim;                  /* 0 to 4 */
    size_t shape[SW_NPY_DIMS]; /* 1 beyond ndim */
    const void *data;          /* product of shape elements, perhaps not aligned */
    struct sw_mapping mapping;
};

/* Maps and checks `path`. On failure *out may be closed. Errors name the file, what was expected
 * and what was found: no .npy, another dtype or order, too many dimensions, a shape whose size
 * overflows, a file that is too short or too long. */
int sw_npy_open(struct sw_npy *out, const char *path, struct sw_error *error);
void sw_npy_close(struct sw_npy *npy);

/* The same of bytes[0..size) in memory, which must stay; there is nothing to close. The errors name
 * no file. */
int sw_npy_parse(struct sw_npy *out, const void *bytes, size_t size, struct sw_error *error);

/* Only the head, of a file that is read as a stream: its first `size` bytes give dtype, ndim and
 * shape, and where the elements begin. Where these are too few, *begin is how many it takes (0: not
 * known yet), and SW_OK is returned with ndim -1. */
int sw_npy_parse_head(struct sw_npy *out, const void *bytes, size_t size, size_t *begin,
                      struct sw_error *error);

/* The bytes of the whole array; false when that overflows. */
bool sw_npy_bytes(const struct sw_npy *npy, size_t *out);

/* The dtype that NumPy writes as "<f4"; 0: none of these. */
enum sw_dtype sw_dtype_find(const char *descr);

/* "float32", and the bytes an element takes. */
const char *sw_dtype_name(enum sw_dtype dtype);
size_t sw_dtype_size(enum sw_dtype dtype);

/* Elements of one row, that is, the product of all dimensions but the first; 1 for one dimension.
 */
size_t sw_npy_row(const struct sw_npy *npy);

/* Rows first .. first + count - 1 along the first dimension as float32 into out (count, row).
 * uint8 gives value * (1/255), other dtypes the nearest float32. SW_MISUSE when the rows are not
 * there. */
int sw_npy_floats(const struct sw_npy *npy, size_t first, size_t count, float *out);

/* Element i, counted through all dimensions, of an integer dtype (uint8, int32, int64). */
int64_t sw_npy_integer(const struct sw_npy *npy, size_t i);

/* Writes a float32 array, whole or not at all: version 1, data at a multiple of 64 bytes. */
int sw_npy_write(const char *path, const float *data, int ndim, const size_t *shape,
                 struct sw_error *error);

/* The head of a file of version 1, whose elements follow at a multiple of 64 bytes, into out;
 * returns its bytes. ndim is 1 to 4. */
enum { SW_NPY_HEAD = 512 };
size_t sw_npy_head(unsigned char out[SW_NPY_HEAD], enum sw_dtype dtype, int ndim,
                   const size_t *shape);

/* The same row by row: begin with the whole shape, append rows in the dtype's own bytes, commit
 * when all of them are there. Discard after a failure; harmless after commit. */
struct sw_npy_writer {
    struct sw_new_file file;
    size_t row_bytes, rows, written;
};
int sw_npy_begin(struct sw_npy_writer *writer, const char *path, enum sw_dtype dtype, int ndim,
                 const size_t *shape, struct sw_error *error);
int sw_npy_append(struct sw_npy_writer *writer, const void *rows, size_t count,
                  struct sw_error *error);
int sw_npy_commit(struct sw_npy_writer *writer, struct sw_error *error);
void sw_npy_discard(struct sw_npy_writer *writer);

#endif
