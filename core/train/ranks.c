/* ranks.c -- see ranks.h. */
#include "train/ranks.h"

#include "data/npy.h"

#include <math.h>
#include <stdlib.h>

int sw_ranks_write(const char *path, const struct sw_ranks *ranks, struct sw_error *error)
{
    size_t shape[2] = {ranks->images, 1 + ranks->per_image};
    float *rows = malloc(sizeof *rows * shape[0] * shape[1]);
    if (!rows)
        return sw_fail(error, SW_FAILED, "%s: out of memory for %zu ranks", path,
                       shape[0] * shape[1]);
    for (size_t i = 0; i < ranks->images; i++) {
        float *row = rows + i * shape[1];
        row[0] = (float)ranks->text[i];
        for (size_t c = 0; c < ranks->per_image; c++)
            row[1 + c] = (float)ranks->image[i * ranks->per_image + c];
    }
    int status = sw_npy_write(path, rows, 2, shape, error);
    free(rows);
    return status;
}

static int take(struct sw_ranks *out, const struct sw_npy *npy, const char *path,
                struct sw_error *error)
{
    size_t width = 1 + out->per_image;
    float *row = malloc(width * sizeof *row);
    if (!row)
        return sw_fail(error, SW_FAILED, "%s: out of memory for %zu ranks", path, width);
    int status = SW_OK;
    for (size_t i = 0; !status && i < out->images; i++) {
        sw_npy_floats(npy, i, 1, row);
        for (size_t c = 0; !status && c < width; c++) {
            size_t rivals = (c ? out->images : out->captions) / out->folds;
            if (!(row[c] >= 0 && row[c] < (float)rivals && row[c] == floorf(row[c])))
                status = sw_fail(error, SW_FAILED,
                                 "%s: row %zu, column %zu: expected a rank of 0 to %zu, found %g",
                                 path, i, c, rivals - 1, (double)row[c]);
            else if (c)
                out->image[i * out->per_image + c - 1] = (uint32_t)row[c];
            else
                out->text[i] = (uint32_t)row[c];
        }
    }
    free(row);
    return status;
}

int sw_ranks_read(struct sw_ranks *out, const char *path, size_t folds, struct sw_error *error)
{
    struct sw_npy npy;
    *out = (struct sw_ranks){0};
    int status = sw_npy_open(&npy, path, error);
    if (status)
        return status;
    if (npy.dtype != SW_FLOAT32 || npy.ndim != 2 || !npy.shape[0] || npy.shape[1] < 2)
        status = sw_fail(error, SW_FAILED,
                         "%s: expected float32 ranks of shape (images, 1 + captions per image), "
                         "found %s with %d dimensions and %zu x %zu numbers",
                         path, sw_dtype_name(npy.dtype), npy.ndim, npy.shape[0], sw_npy_row(&npy));
    else {
        status = sw_ranks_new(out, npy.shape[0], npy.shape[1] - 1, folds, error);
        if (status)
            sw_error_within(error, "%s", path);
    }
    if (!status)
        status = take(out, &npy, path, error);
    sw_npy_close(&npy);
    if (status)
        sw_ranks_free(out);
    return status;
}
