/* fragment_file.h -- a second set of fragments per image or caption, as numbers in a file beside a
 * split's.
 *
 *   {split}_NAME.npy         (rows,m,W): float32, float16 or uint8 (value / 255)
 *   {split}_NAME_counts.npy  optional: (rows) int32 or int64, how many of a row's m are real, from
 * 0
 *
 * Of captions, a row is a caption; of images, a row of {split}_ims.npy, or an image. */
#ifndef SW_DATA_FRAGMENT_FILE_H
#define SW_DATA_FRAGMENT_FILE_H

#include "base/error.h"
#include "data/npy.h"

#include <stddef.h>
#include <stdint.h>

struct sw_fragment_file {
    struct sw_npy file, counts;
    size_t most, width; /* m, W */
    char *path;         /* NULL: there is no such set */
};

/* Opens `name` of a split for `rows` images or captions, or `or_rows`. Errors name the file. On
 * failure *out may be closed. */
int sw_fragment_file_open(struct sw_fragment_file *out, const char *dir, const char *split,
                          const char *name, size_t rows, size_t or_rows, const char *of,
                          struct sw_error *error);
void sw_fragment_file_close(struct sw_fragment_file *file);

/* How many fragments of a row are real: 0 to m. */
size_t sw_fragment_file_count(const struct sw_fragment_file *file, size_t row);

/* All m fragments of a row into out (m,W), zeros behind those that are real. A value that is not
 * finite is an error that names its place. May be called by several threads at once. */
int sw_fragment_file_read(const struct sw_fragment_file *file, size_t row, float *out,
                          struct sw_error *error);

/* Reads the first `rows` rows once; the first that is not finite is the error. */
int sw_fragment_file_check(const struct sw_fragment_file *file, size_t rows,
                           struct sw_error *error);

/* XXH3 over `so_far` of its size, evenly spread pages, and the counts. */
uint64_t sw_fragment_file_fingerprint(const struct sw_fragment_file *file, uint64_t so_far);

#endif
