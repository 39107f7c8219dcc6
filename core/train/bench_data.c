/* bench_data.c -- see bench_data.h. */
#include "train/bench_data.h"

#include "tensor/tape/random.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { L = SW_LANES, FIRST_WORD = 4 };
enum { FOR_LENGTHS, FOR_IDS, FOR_FEATURES }; /* seeds of the streams */

int sw_bench_data_new(struct sw_bench_data *out, int images, int k, int features, int captions,
                      int words, int vocabulary, struct sw_error *error)
{
    int shortest = words > 2 ? 6 * words / 14 : 1, longest = (32 * words + 13) / 14;
    *out = (struct sw_bench_data){.features = features, .vocabulary = vocabulary};
    size_t blocks = ((size_t)images + L - 1) / L, rows, count;
    if (__builtin_mul_overflow(blocks * L, (size_t)k, &rows) || rows > INT_MAX ||
        __builtin_mul_overflow(rows, (size_t)features, &count) ||
        count > SIZE_MAX / sizeof(float) - 1 || captions > INT_MAX / longest)
        return sw_fail(error, SW_MISUSE,
                       "%d images with %d regions of %d features and %d captions are too many",
                       images, k, features, captions);
    out->regions = calloc(count + 1, sizeof(float));
    out->image = malloc(sizeof *out->image * ((size_t)captions + 1));
    out->start = malloc(sizeof *out->start * ((size_t)captions + 1));
    out->ids = malloc(sizeof *out->ids * ((size_t)captions * (size_t)longest + 1));
    if (!out->regions || !out->image || !out->start || !out->ids) {
        sw_bench_data_free(out);
        return sw_fail(error, SW_FAILED, "out of memory for %d images and %d captions", images,
                       captions);
    }
    struct sw_random random = sw_random_stream(FOR_LENGTHS, SW_FOR_BENCH, 0, 0);
    out->start[0] = 0;
    for (int c = 0; c < captions; c++) {
        int length = (int)lroundf((14 + 4 * sw_random_normal(&random)) * (float)words / 14);
        length = length < shortest ? shortest : length > longest ? longest : length;
        out->start[c + 1] = out->start[c] + length;
        out->image[c] = c;
    }
    out->examples = (struct sw_examples){.images = images,
                                         .k = k,
                                         .features = out->regions,
                                         .captions = captions,
                                         .caption_start = out->start,
                                         .ids = out->ids};
    return SW_OK;
}

void sw_bench_data_free(struct sw_bench_data *data)
{
    free(data->regions);
    free(data->image);
    free(data->start);
    free(data->ids);
    *data = (struct sw_bench_data){0};
}

struct drawing {
    struct sw_bench_data *data;
    int draw;
};

static void draw_block(void *data, int block, int worker)
{
    (void)worker;
    const struct drawing *d = data;
    int k = d->data->examples.k, F = d->data->features;
    for (int row = block * k * L; row < (block + 1) * k * L; row++) {
        float *out = d->data->regions + (size_t)row * (size_t)F;
        if (block * L + row % L >= d->data->examples.images) {
            memset(out, 0, (size_t)F * sizeof *out);
            continue;
        }
        struct sw_random random =
            sw_random_stream(FOR_FEATURES, SW_FOR_BENCH, (uint64_t)d->draw, (uint32_t)row);
        for (int f = 0; f < F; f++)
            out[f] = sw_random_uniform(&random);
    }
}

void sw_bench_draw(struct sw_bench_data *data, struct sw_compute *compute, int draw)
{
    struct drawing drawing = {data, draw};
    sw_parallel(compute, (data->examples.images + L - 1) / L, draw_block, &drawing);
    struct sw_random random = sw_random_stream(FOR_IDS, SW_FOR_BENCH, (uint64_t)draw, 0);
    for (int w = 0; w < data->start[data->examples.captions]; w++)
        data->ids[w] = FIRST_WORD +
                       (int32_t)sw_random_below(&random, (uint32_t)(data->vocabulary - FIRST_WORD));
}
