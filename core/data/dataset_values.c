/* dataset_values.c -- the numbers of a data set: regions as they are read, and all of them at once.
 */
#include "data/dataset.h"

#include "base/file.h"
#include "tensor/threads/compute.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

/* All bits of an exponent set: infinite, or no number. */
bool sw_all_finite(const void *x, size_t count)
{
    uint32_t endless = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, (const unsigned char *)x + i * sizeof bits, sizeof bits);
        endless |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !endless;
}

int sw_dataset_regions(const struct sw_dataset *data, size_t row, float *out,
                       struct sw_error *error)
{
    sw_dataset_prefetch(data, row); /* else a row is read page by page */
    if (sw_npy_floats(&data->file, row, 1, out))
        return sw_fail(error, SW_MISUSE, "%s: expected a row below %zu, found %zu", data->path,
                       data->file.shape[0], row);
    size_t real = sw_dataset_region_count(data, row) * data->features;
    size_t all = data->regions * data->features;
    memset(out + real, 0, (all - real) * sizeof *out);
    if (data->file.dtype == SW_UINT8 || sw_all_finite(out, real))
        return SW_OK;
    size_t i = 0;
    while (sw_all_finite(out + i, 1))
        i++;
    return sw_fail(error, SW_FAILED,
                   "%s: row %zu, region %zu, feature %zu: expected a finite number, found %g",
                   data->path, row, i / data->features, i % data->features, (double)out[i]);
}

/* -- all values -------------------------------------------------------------------------------- */

/* Each thread takes CHUNK images at a time, CHUNKS of them make a block. */
enum { CHUNK = 16, CHUNKS = 64 };

struct pass {
    const struct sw_dataset *data;
    size_t first;       /* image of the block */
    size_t bad[CHUNKS]; /* images that have a value that is not finite; SIZE_MAX: none */
};

/* The same of a row as it is in the file, of float32 or float16. */
static bool row_is_finite(const struct sw_dataset *data, size_t row)
{
    size_t count = sw_dataset_region_count(data, row) * data->features;
    size_t bytes = sw_npy_row(&data->file) * sw_dtype_size(data->file.dtype);
    const unsigned char *at = (const unsigned char *)data->file.data + row * bytes;
    unsigned endless = 0;
    if (data->file.dtype == SW_FLOAT32)
        return sw_all_finite(at, count);
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, at + i * sizeof bits, sizeof bits);
        endless |= (bits & 0x7c00u) == 0x7c00u;
    }
    return !endless;
}

static void look(void *data, int chunk, int worker)
{
    (void)worker;
    struct pass *pass = data;
    size_t begin = pass->first + (size_t)chunk * CHUNK, end = begin + CHUNK;
    if (end > pass->data->images)
        end = pass->data->images;
    pass->bad[chunk] = SIZE_MAX;
    for (size_t image = begin; image < end; image++)
        sw_dataset_prefetch(pass->data, sw_dataset_image_row(pass->data, image));
    for (size_t image = begin; image < end && pass->bad[chunk] == SIZE_MAX; image++)
        if (!row_is_finite(pass->data, sw_dataset_image_row(pass->data, image)))
            pass->bad[chunk] = image;
}

/* The reader of a single row says what is wrong with it. */
static int refuse(const struct sw_dataset *data, size_t image, struct sw_error *error)
{
    float *row = malloc(data->regions * data->features * sizeof *row);
    if (!row)
        return sw_fail(error, SW_FAILED, "%s: out of memory for a row", data->path);
    int status = sw_dataset_regions(data, sw_dataset_image_row(data, image), row, error);
    free(row);
    return status;
}

/* The pages of the images from .. to - 1, of which nothing is wanted until a batch has them: else
 * a file larger than memory would look as if it filled it. */
static void leave(const struct sw_dataset *data, size_t from, size_t to)
{
    enum { PIECE = 1 << 26 };
    size_t row = sw_npy_row(&data->file) * sw_dtype_size(data->file.dtype);
    size_t head = (size_t)((const unsigned char *)data->file.data - data->file.mapping.data);
    sw_unmap_behind(&data->file.mapping, head + sw_dataset_image_row(data, from) * row,
                    head + (sw_dataset_image_row(data, to - 1) + 1) * row, PIECE);
}

int sw_dataset_check_values(const struct sw_dataset *data, struct sw_compute *compute,
                            struct sw_error *error)
{
    struct pass pass = {.data = data};
    const size_t rows[2] = {data->images * data->stride, data->captions};
    for (int side = 0; side < 2; side++) {
        const struct sw_fragment_file *second = &data->second[side];
        size_t used = rows[side] < second->file.shape[0] ? rows[side] : second->file.shape[0];
        if (second->path && sw_fragment_file_check(second, used, error) != SW_OK)
            return SW_FAILED;
    }
    if (data->file.dtype == SW_UINT8)
        return SW_OK;
    for (; pass.first < data->images; pass.first += (size_t)CHUNK * CHUNKS) {
        size_t left = (data->images - pass.first + CHUNK - 1) / CHUNK;
        int chunks = left < CHUNKS ? (int)left : CHUNKS;
        sw_parallel(compute, chunks, look, &pass);
        for (int i = 0; i < chunks; i++)
            if (pass.bad[i] != SIZE_MAX)
                return refuse(data, pass.bad[i], error);
        size_t end = pass.first + (size_t)CHUNK * CHUNKS;
        leave(data, pass.first, end < data->images ? end : data->images);
    }
    return SW_OK;
}

uint64_t sw_dataset_stamp(const struct sw_dataset *data)
{
    struct stat about;
    if (stat(data->path, &about) != 0)
        memset(&about, 0, sizeof about);
    const uint64_t parts[] = {sw_dataset_fingerprint(data), (uint64_t)about.st_mtim.tv_sec,
                              (uint64_t)about.st_mtim.tv_nsec, data->images};
    uint64_t stamp = XXH3_64bits(parts, sizeof parts);
    for (int side = 0; side < 2; side++)
        if (data->second[side].path && stat(data->second[side].path, &about) == 0)
            stamp = XXH3_64bits_withSeed(&about.st_mtim, sizeof about.st_mtim, stamp);
    return stamp;
}
