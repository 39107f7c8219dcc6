/* npy_rows.h -- large .npy files by their rows, in the memory of one row: read from front to back,
 * out of a file or a zip archive, and filled in any order. */
#ifndef SW_DATA_NPY_ROWS_H
#define SW_DATA_NPY_ROWS_H

#include "base/error.h"
#include "data/npy.h"
#include "data/zip.h"

#include <stddef.h>
#include <stdio.h>

struct sw_row_reader {
    struct sw_npy npy;  /* dtype, ndim and shape of the whole; data is NULL */
    unsigned char *row; /* the last row that was read */
    size_t bytes, next; /* of a row; the number of the next one */
    FILE *stream;       /* NULL: a member of an archive */
    struct sw_zip_stream member;
    char *name;
};

/* Reads the head of a file of at least one dimension. Errors are those of sw_npy_open. On failure
 * *out may be closed. */
int sw_row_reader_open(struct sw_row_reader *out, const char *path, struct sw_error *error);
int sw_row_reader_open_member(struct sw_row_reader *out, const struct sw_zip *zip,
                              const struct sw_zip_entry *entry, struct sw_error *error);

/* The next row into reader->row; SW_MISUSE when there is none. */
int sw_row_reader_next(struct sw_row_reader *reader, struct sw_error *error);

/* Goes on by `count` rows; in an archive they are read. */
int sw_row_reader_skip(struct sw_row_reader *reader, size_t count, struct sw_error *error);
void sw_row_reader_close(struct sw_row_reader *reader);

struct sw_row_file {
    int fd;
    size_t begin, bytes, rows; /* where row 0 begins; of a row; how many */
    enum sw_dtype dtype;
    char *path;
};

/* Makes the file with all rows zero; one that is there, with this head and size, is gone on with.
 * On failure *out may be closed. */
int sw_row_file_open(struct sw_row_file *out, const char *path, enum sw_dtype dtype, int ndim,
                     const size_t *shape, struct sw_error *error);

/* Row `row`, in the bytes of the file's dtype. */
int sw_row_file_put(struct sw_row_file *file, size_t row, const void *bytes,
                    struct sw_error *error);

/* Brings what was put to the disk. */
int sw_row_file_sync(struct sw_row_file *file, struct sw_error *error);
void sw_row_file_close(struct sw_row_file *file);

/* float32 numbers in the bytes of another dtype, each the nearest one: float16, uint8 (of value *
 * 255). False when one is too large, or below zero for uint8. */
bool sw_npy_from_floats(enum sw_dtype dtype, const float *in, size_t count, void *out);

#endif
