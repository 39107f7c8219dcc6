/* fragment_file.c -- see fragment_file.h. */
#include "data/fragment_file.h"

#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static int check_shape(const struct sw_fragment_file *f, size_t rows, size_t or_rows,
                       const char *of, struct sw_error *error)
{
    const struct sw_npy *npy = &f->file;
    const size_t *shape = npy->shape;
    if (npy->dtype != SW_FLOAT32 && npy->dtype != SW_FLOAT16 && npy->dtype != SW_UINT8)
        return sw_fail(error, SW_FAILED, "%s: expected float32, float16 or uint8, found %s",
                       f->path, sw_dtype_name(npy->dtype));
    if (npy->ndim != 3 || (shape[0] != rows && shape[0] != or_rows) || !shape[1] || !shape[2])
        return sw_fail(error, SW_FAILED,
                       "%s: expected a shape (%zu, fragments, numbers), a row per %s, found %d "
                       "dimensions: %zu, %zu, %zu, %zu",
                       f->path, rows, of, npy->ndim, shape[0], shape[1], shape[2], shape[3]);
    return SW_OK;
}

static int open_counts(struct sw_fragment_file *f, const char *path, struct sw_error *error)
{
    int status = sw_npy_open(&f->counts, path, error);
    if (status != SW_OK)
        return status;
    if (f->counts.ndim != 1 || f->counts.shape[0] != f->file.shape[0] ||
        (f->counts.dtype != SW_INT32 && f->counts.dtype != SW_INT64))
        return sw_fail(error, SW_FAILED,
                       "%s: expected %zu numbers of int32 or int64, one per row of %s, found %d "
                       "dimensions, the first %zu, of %s",
                       path, f->file.shape[0], f->path, f->counts.ndim, f->counts.shape[0],
                       sw_dtype_name(f->counts.dtype));
    for (size_t i = 0; i < f->counts.shape[0]; i++) {
        int64_t n = sw_npy_integer(&f->counts, i);
        if (n < 0 || (uint64_t)n > f->most)
            return sw_fail(error, SW_FAILED, "%s: row %zu: expected 0 to %zu fragments, found %lld",
                           path, i, f->most, (long long)n);
    }
    return SW_OK;
}

int sw_fragment_file_open(struct sw_fragment_file *out, const char *dir, const char *split,
                          const char *name, size_t rows, size_t or_rows, const char *of,
                          struct sw_error *error)
{
    char *counts = NULL;
    *out = (struct sw_fragment_file){0};
    if (asprintf(&out->path, "%s/%s_%s.npy", dir, split, name) < 0)
        out->path = NULL;
    if (!out->path || asprintf(&counts, "%s/%s_%s_counts.npy", dir, split, name) < 0)
        return sw_fail(error, SW_FAILED, "out of memory for a path in %s", dir);
    int status = SW_OK;
    if (access(out->path, F_OK) != 0)
        status = sw_fail(error, SW_FAILED,
                         "%s: expected the second set of fragments per %s that model.second of "
                         "the config names, found no such file",
                         out->path, of);
    if (status == SW_OK)
        status = sw_npy_open(&out->file, out->path, error);
    if (status == SW_OK)
        status = check_shape(out, rows, or_rows, of, error);
    out->most = out->file.shape[1];
    out->width = out->file.shape[2];
    if (status == SW_OK && access(counts, F_OK) == 0)
        status = open_counts(out, counts, error);
    free(counts);
    return status;
}

void sw_fragment_file_close(struct sw_fragment_file *file)
{
    sw_npy_close(&file->file);
    sw_npy_close(&file->counts);
    free(file->path);
    *file = (struct sw_fragment_file){0};
}

size_t sw_fragment_file_count(const struct sw_fragment_file *file, size_t row)
{
    return file->counts.data ? (size_t)sw_npy_integer(&file->counts, row) : file->most;
}

int sw_fragment_file_read(const struct sw_fragment_file *file, size_t row, float *out,
                          struct sw_error *error)
{
    size_t real = sw_fragment_file_count(file, row) * file->width;
    if (sw_npy_floats(&file->file, row, 1, out))
        return sw_fail(error, SW_MISUSE, "%s: expected a row below %zu, found %zu", file->path,
                       file->file.shape[0], row);
    memset(out + real, 0, (file->most * file->width - real) * sizeof *out);
    if (sw_all_finite(out, real))
        return SW_OK;
    size_t i = 0;
    while (isfinite(out[i]))
        i++;
    return sw_fail(error, SW_FAILED,
                   "%s: row %zu, fragment %zu, number %zu: expected a finite number, found %g",
                   file->path, row, i / file->width, i % file->width, (double)out[i]);
}

int sw_fragment_file_check(const struct sw_fragment_file *file, size_t rows, struct sw_error *error)
{
    if (file->file.dtype == SW_UINT8)
        return SW_OK;
    float *one = malloc((file->most * file->width + 1) * sizeof *one);
    int status = one ? SW_OK : sw_fail(error, SW_FAILED, "%s: out of memory for a row", file->path);
    for (size_t row = 0; status == SW_OK && row < rows; row++)
        status = sw_fragment_file_read(file, row, one, error);
    free(one);
    return status;
}

uint64_t sw_fragment_file_fingerprint(const struct sw_fragment_file *file, uint64_t so_far)
{
    so_far = sw_fingerprint_sampled(so_far, &file->file.mapping);
    return file->counts.data
               ? XXH3_64bits_withSeed(file->counts.mapping.data, file->counts.mapping.size, so_far)
               : so_far;
}
