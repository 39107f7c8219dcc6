/* gather.c -- see gather.h. */
#include "train/gather_ahead.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { L = SW_LANES };

/* The numbers of an image's fragments, of either set. */
static size_t row_room(const struct sw_dataset *data)
{
    size_t own = data->regions * data->features;
    size_t second = data->second[0].most * data->second[0].width;
    return own > second ? own : second;
}

static int make_second(struct sw_gather *g, struct sw_error *error);

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
    out->rows = malloc((row_room(data) + 1) * sizeof(float) * threads);
    out->count = calloc(blocks * L + 1, sizeof *out->count);
    out->row = calloc(blocks * L + 1, sizeof *out->row);
    out->errors = calloc(blocks + 1, sizeof *out->errors);
    out->start = calloc((size_t)captions + 1, sizeof *out->start);
    out->image = calloc((size_t)captions + 1, sizeof *out->image);
    out->ids = calloc(out->words + 1, sizeof *out->ids);
    if (out->features && out->rows && out->count && out->row && out->errors && out->start &&
        out->image && out->ids) {
        int status = make_second(out, error);
        if (status != SW_OK)
            sw_gather_free(out);
        return status;
    }
    sw_gather_free(out);
    return sw_fail(error, SW_FAILED, "out of memory for a batch of %d images and %d captions",
                   images, captions);
}

/* Room for the second sets. */
static int make_second(struct sw_gather *g, struct sw_error *error)
{
    const size_t groups[2] = {((size_t)g->images + L - 1) / L * L, (size_t)g->captions};
    for (int side = 0; side < 2; side++) {
        const struct sw_fragment_file *file = &g->data->second[side];
        size_t bytes;
        if (!file->path)
            continue;
        if (__builtin_mul_overflow(file->most * file->width, groups[side] * sizeof(float),
                                   &bytes) ||
            groups[side] > INT_MAX / file->most)
            return sw_fail(error, SW_FAILED,
                           "%s: a batch of %zu with %zu fragments of %zu numbers is too large",
                           file->path, groups[side], file->most, file->width);
        g->second[side] = sw_arena_zeroed(g->arena, bytes + sizeof(float));
        g->second_count[side] = sw_arena_zeroed(g->arena, sizeof(int) * (groups[side] + 1));
        if (!g->second[side] || !g->second_count[side])
            return sw_fail(error, SW_FAILED, "%s: out of memory for a batch of %zu", file->path,
                           groups[side]);
    }
    return SW_OK;
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

/* One image's rows (k,F) spread over those of its block. */
static void spread(float *out, int lane, const float *one, size_t k, size_t F)
{
    for (size_t region = 0; region < k; region++)
        memcpy(out + (region * L + (size_t)lane) * F, one + region * F, F * sizeof *one);
}

/* The same of an image's second set. */
static int fill_second(struct sw_gather *g, int block, int lane, float *one)
{
    const struct sw_fragment_file *file = &g->data->second[0];
    size_t m = file->most, W = file->width;
    int image = block * L + lane;
    memset(one, 0, m * W * sizeof *one);
    if (image < g->examples.images) {
        size_t row = sw_dataset_second_row(g->data, g->row[image]);
        if (sw_fragment_file_read(file, row, one, &g->errors[block]) != SW_OK)
            return SW_FAILED;
        g->second_count[0][image] = (int)sw_fragment_file_count(file, row);
    }
    spread(g->second[0] + (size_t)block * m * L * W, lane, one, m, W);
    return SW_OK;
}

/* One block of images: read and converted one after the other, spread over the block's rows. Lanes
 * without an image become zeros. */
static void fill_block(void *data, int block, int worker)
{
    struct sw_gather *g = data;
    size_t k = g->data->regions, F = g->data->features;
    float *one = g->rows + (size_t)worker * (row_room(g->data) + 1);
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
        spread(out, lane, one, k, F);
        if (g->second[0] && fill_second(g, block, lane, one) != SW_OK)
            return;
    }
}

static int fill_images(struct sw_gather *g, int count, struct sw_error *error)
{
    int blocks = (count + L - 1) / L;
    g->examples.images = count;
    g->examples.k = (int)g->data->regions;
    g->examples.features = g->features;
    if (g->second[0])
        g->examples.second[0] =
            (struct sw_second){g->second[0], g->second_count[0], (int)g->data->second[0].most};
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

/* The second set of caption number `at` of the batch, behind those of the captions before it:
 * there is room for the most fragments of each, and what is not real is overwritten by the next. */
static int add_second(struct sw_gather *g, int at, size_t caption, struct sw_error *error)
{
    const struct sw_fragment_file *file = &g->data->second[1];
    size_t before = at ? (size_t)g->second_start : 0;
    int count = (int)sw_fragment_file_count(file, caption);
    g->second_count[1][at] = count;
    g->second_start = (int)before + count;
    g->examples.second[1] = (struct sw_second){g->second[1], g->second_count[1], (int)file->most};
    return sw_fragment_file_read(file, caption, g->second[1] + before * file->width, error);
}

/* Caption number `at` of the batch. */
static int add_caption(struct sw_gather *g, int at, size_t caption, struct sw_error *error)
{
    size_t first = g->data->offsets[caption], words = g->data->offsets[caption + 1] - first;
    memcpy(g->ids + g->start[at], g->data->ids + first, words * sizeof *g->ids);
    g->start[at + 1] = g->start[at] + (int)words;
    g->image[at] = (int32_t)sw_dataset_image(g->data, caption);
    return g->second[1] ? add_second(g, at, caption, error) : SW_OK;
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
        if (add_caption(gather, i, caption[i], error) != SW_OK)
            return SW_FAILED;
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

int sw_gather_captions(struct sw_gather *gather, size_t first, int count, struct sw_error *error)
{
    int status = SW_OK;
    begin(gather, count);
    for (int i = 0; i < count && status == SW_OK; i++)
        status = add_caption(gather, i, first + (size_t)i, error);
    return status;
}
