/* ranks.c -- see ranks.h. */
#include "run/ranks.h"

#include "data/npy.h"

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
