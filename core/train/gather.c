/* gather.c -- see gather.h. */
#include "train/gather_ahead.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { L = SW_LANES };

int sw_gather_new(struct sw_gather *out, const struct sw_dataset *data, struct sw_compute *compute,
                  int images, int captions, struct sw_error *error)
{
    *out = (struct sw_gather){
        .data = data, .compute = compute, .images = images, .captions = captions};
    size_t threads = compute ? (size_t)sw_compute_threads(compute) : 1;
    size_t blocks = ((size_t)images + L - 1) / L, one = 0, all = 0, rows = 0;
    int bad = __builtin_mul_overflow(data->regions, data->features, &one) ||
              __builtin_mul_overflow(blocks * L, data->regions, &rows) ||
              __builtin_mul_overflow(blocks * L, one, &all) || all > SIZE_MAX / sizeof(float) ||
              rows > INT_MAX ||
              __builtin_mul_overflow((size_t)captions, data->longest, &out->words) ||
              out->words > INT_MAX;
    if (bad)
        return sw_fail(
            error, SW_FAILED,
            "%s: a batch of %d images with %zu regions of %zu features, or of %d captions "
            "of up to %zu words, is too large",
            data->path, images, data->regions, data->features, captions, data->longest);
    out->arena = sw_arena_new();
    if (out->arena)
        out->features = sw_arena_zeroed(out->arena, all * sizeof *out->features);
    out->rows = malloc((one + 1) * sizeof(float) * threads);
    out->count = calloc(blocks * L + 1, sizeof *out->count);
    out->row = calloc(blocks * L + 1, sizeof *out->row);
    out->errors = calloc(blocks + 1, sizeof *out->errors);
    out->start = calloc((size_t)captions + 1, sizeof *out->start);
    out->image = calloc((size_t)captions + 1, sizeof *out->image);
    out->ids = calloc(out->words + 1, sizeof *out->ids);
    if (out->features && out->rows && out->count && out->row && out->errors && out->start &&
        out->image && out->ids)
        return SW_OK;
    sw_gather_free(out);
    return sw_fail(error, SW_FAILED, "out of memory for a batch of %d images and %d captions",
                   images, captions);
}

void sw_gather_free(struct sw_gather *gather)
{
    sw_gather_ahead_free(gather->ahead);
    sw_arena_free(gather->arena);
    free(gather->rows);
    free(gather->count);
    free(gather->row);
    free(gather->errors);
    free(gather->start);
    free(gather->image);
    free(gather->ids);
    *gather = (struct sw_gather){0};
}

/* One block of images: read and converted one after the other, spread over the block's rows. Lanes
 * without an image become zeros. */
static void fill_block(void *data, int block, int worker)
{
    struct sw_gather *g = data;
    size_t k = g->data->regions, F = g->data->features;
    float *one = g->rows + (size_t)worker * (k * F + 1);
    float *out = g->features + (size_t)block * k * L * F;
    for (int lane = 0; lane < L; lane++) {
        int image = block * L + lane;
        if (image < g->examples.images) {
            size_t row = g->row[image];
            if (sw_dataset_regions(g->data, row, one, &g->errors[block]) != SW_OK)
                return;
            g->count[image] = (int)sw_dataset_region_count(g->data, row);
        } else {
            memset(one, 0, k * F * sizeof *one);
        }
        for (size_t region = 0; region < k; region++)
            memcpy(out + (region * L + (size_t)lane) * F, one + region * F, F * sizeof *one);
    }
}

static int fill_images(struct sw_gather *g, int count, struct sw_error *error)
{
    int blocks = (count + L - 1) / L;
    g->examples.images = count;
    g->examples.k = (int)g->data->regions;
    g->examples.features = g->features;
    memset(g->errors, 0, sizeof *g->errors * ((size_t)blocks + 1));
    if (g->compute)
        sw_parallel(g->compute, blocks, fill_block, g);
    for (int block = 0; !g->compute && block < blocks; block++)
        fill_block(g, block, 0);
    for (int block = 0; block < blocks; block++)
        if (g->errors[block].status != SW_OK)
            return sw_fail(error, g->errors[block].status, "%s", g->errors[block].text);
    g->examples.region_count = NULL;
    for (int image = 0; image < count; image++)
        if (g->count[image] != g->examples.k)
            g->examples.region_count = g->count;
    return SW_OK;
}

/* Caption number `at` of the batch. */
static void add_caption(struct sw_gather *g, int at, size_t caption)
{
    size_t first = g->data->offsets[caption], words = g->data->offsets[caption + 1] - first;
    memcpy(g->ids + g->start[at], g->data->ids + first, words * sizeof *g->ids);
    g->start[at + 1] = g->start[at] + (int)words;
    g->image[at] = (int32_t)sw_dataset_image(g->data, caption);
}

static void begin(struct sw_gather *g, int captions)
{
    g->examples = (struct sw_examples){
        .k = (int)g->data->regions,
        .features = g->features,
        .captions = captions,
        .caption_start = g->start,
        .ids = g->ids,
    };
    g->start[0] = 0;
}

int sw_gather_pairs(struct sw_gather *gather, const uint32_t *caption, int count,
                    struct sw_error *error)
{
    int status;
    if (gather->ahead && sw_gather_ahead_take(gather, caption, count, &status, error))
        return status;
    begin(gather, count);
    for (int i = 0; i < count; i++) {
        add_caption(gather, i, caption[i]);
        gather->row[i] = sw_dataset_caption_row(gather->data, caption[i]);
    }
    return fill_images(gather, count, error);
}

int sw_gather_images(struct sw_gather *gather, size_t first, int count, struct sw_error *error)
{
    begin(gather, 0);
    for (int i = 0; i < count; i++)
        gather->row[i] = sw_dataset_image_row(gather->data, first + (size_t)i);
    return fill_images(gather, count, error);
}

void sw_gather_captions(struct sw_gather *gather, size_t first, int count)
{
    begin(gather, count);
    for (int i = 0; i < count; i++)
        add_caption(gather, i, first + (size_t)i);
}
