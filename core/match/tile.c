/* tile.c -- SW_LANES pairs side by side: their inputs in lane order, and the run of the stages.
 *
 * Two ways to come by a tile. A block tile holds the images of one block with one caption: regions
 * lie in lane order already, products are slabs of one large matrix product, and gradients go
 * straight to the block's buffers. A gathered tile holds any pairs: its inputs are collected pair
 * by pair, and its gradients are fetched from its leaves by pairs_backward.c. */
#include "match/internal.h"

#include <stdio.h>
#include <string.h>

enum { L = SW_LANES };

int sw_group_count(const struct sw_fragments *fragments, int group)
{
    return group < 0 ? 0 : fragments->count[group];
}

const struct sw_fragments *sw_fragments_of(const struct sw_whole_batch *batch, enum sw_side side)
{
    return side == SW_REGIONS ? &batch->regions : &batch->words;
}

int sw_input_width(const struct sw_whole_tile *tile, const struct sw_input_def *input)
{
    if (input->kind == SW_IN_GRAM)
        return input->side == SW_REGIONS ? tile->shown.k : tile->shown.n;
    return input->x->dim[input->x->ndim - 1];
}

static struct sw_tensor *mask_of_counts(struct sw_graph *graph, const int *counts, int most)
{
    int all = 1;
    for (int l = 0; l < L; l++)
        all &= counts[l] == most;
    if (all)
        return NULL;
    struct sw_tensor *mask = sw_graph_tensor(graph, 3, (int[]){1, most, L}, NULL, 0);
    for (int f = 0; mask && f < most; f++)
        for (int l = 0; l < L; l++)
            mask->data[f * L + l] = f < counts[l];
    return mask;
}

static void begin(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                  struct sw_worker *worker, int record)
{
    tile->batch = batch;
    tile->worker = worker;
    tile->block = NULL;
    memset(tile->leaf, 0, sizeof tile->leaf);
    memset(tile->fragments, 0, sizeof tile->fragments);
    tile->state_count = 0;
    tile->attention = NULL;
    sw_graph_reset(worker->graph, record);
    tile->shown = (struct sw_tile){.host = batch->shown.host,
                                   .graph = worker->graph,
                                   .dim = batch->shown.dim,
                                   .training = batch->shown.training,
                                   .direction = batch->shown.direction};
}

void sw_tile_of_block(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                      struct sw_worker *worker, struct sw_image_block *block, int caption,
                      int record)
{
    begin(tile, batch, worker, record);
    tile->block = block;
    tile->pairs = L;
    int counts[L];
    for (int l = 0; l < L; l++) {
        int image = block->block * L + l;
        tile->image[l] = image < batch->regions.groups ? image : -1;
        tile->caption[l] = tile->image[l] < 0 ? -1 : caption;
        counts[l] = sw_group_count(&batch->regions, tile->image[l]);
    }
    tile->shown.k = batch->regions.most;
    tile->shown.n = batch->words.count[caption];
    tile->shown.region_mask = mask_of_counts(worker->graph, counts, tile->shown.k);
}

void sw_tile_of_pairs(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                      struct sw_worker *worker, const int *images, const int *captions, int pairs)
{
    begin(tile, batch, worker, 1);
    tile->pairs = pairs;
    int regions[L], words[L];
    for (int l = 0; l < L; l++) {
        tile->image[l] = l < pairs ? images[l] : -1;
        tile->caption[l] = l < pairs ? captions[l] : -1;
        regions[l] = sw_group_count(&batch->regions, tile->image[l]);
        words[l] = sw_group_count(&batch->words, tile->caption[l]);
        if (regions[l] > tile->shown.k)
            tile->shown.k = regions[l];
        if (words[l] > tile->shown.n)
            tile->shown.n = words[l];
    }
    tile->shown.region_mask = mask_of_counts(worker->graph, regions, tile->shown.k);
    tile->shown.word_mask = mask_of_counts(worker->graph, words, tile->shown.n);
}

/* ---- inputs of a block tile ---------------------------------------------------------------------
 */

static struct sw_tensor *leaf(struct sw_whole_tile *tile, int d0, int d1, int d2, float *data,
                              float *grad)
{
    struct sw_tensor *t = sw_graph_tensor(tile->shown.graph, 3, (int[]){d0, d1, d2}, data, 0);
    if (t && sw_graph_records(tile->shown.graph))
        t->grad = grad;
    return t;
}

/* (k,m,L) of region rows (k*L, m): once a block. */
static float *block_rows(struct sw_whole_tile *tile, int handle)
{
    struct sw_image_block *block = tile->block;
    if (block->rows[handle])
        return block->rows[handle];
    const struct sw_input_def *input = &tile->batch->inputs[handle];
    int k = tile->shown.k, m = sw_input_width(tile, input), width = input->x->dim[1];
    float *out = sw_arena_alloc(tile->worker->arena, sizeof(float) * (size_t)k * m * L);
    const float *rows = input->x->data + (size_t)block->block * k * L * width;
    for (int i = 0; out && i < k; i++)
        for (int c = 0; c < m; c++)
            for (int l = 0; l < L; l++)
                out[((size_t)i * m + c) * L + l] = rows[((size_t)i * L + l) * width + c];
    return block->rows[handle] = out;
}

static struct sw_tensor *block_region_rows(struct sw_whole_tile *tile, int handle)
{
    float *data = block_rows(tile, handle);
    if (!data)
        return NULL;
    return leaf(tile, tile->shown.k, sw_input_width(tile, &tile->batch->inputs[handle]), L, data,
                tile->block->rows_grad[handle]);
}

/* The caption's rows on every lane. */
static struct sw_tensor *block_word_rows(struct sw_whole_tile *tile, int handle)
{
    const struct sw_input_def *input = &tile->batch->inputs[handle];
    int n = tile->shown.n, m = sw_input_width(tile, input), width = input->x->dim[1];
    int wanted = sw_graph_records(tile->shown.graph) && tile->block->word_grad[handle];
    struct sw_tensor *t = sw_graph_tensor(tile->shown.graph, 3, (int[]){n, m, L}, NULL, wanted);
    const float *rows = input->x->data + (size_t)tile->batch->words.first[tile->caption[0]] * width;
    for (int j = 0; t && j < n; j++)
        for (int c = 0; c < m; c++)
            for (int l = 0; l < L; l++)
                t->data[((size_t)j * m + c) * L + l] = rows[(size_t)j * width + c];
    return t;
}

static struct sw_tensor *block_input(struct sw_whole_tile *tile, int handle)
{
    const struct sw_input_def *input = &tile->batch->inputs[handle];
    struct sw_image_block *block = tile->block;
    int k = tile->shown.k, n = tile->shown.n;
    int word = tile->batch->words.first[tile->caption[0]];
    size_t slab = (size_t)(word - block->word_base) * k * L;
    switch (input->kind) {
    case SW_IN_PRODUCT:
        return leaf(tile, n, k, L, (float *)(size_t)block->product[handle] + slab,
                    block->product_grad[handle] ? block->product_grad[handle] + slab : NULL);
    case SW_IN_ROWS:
    case SW_IN_GRAM:
        return input->side == SW_REGIONS ? block_region_rows(tile, handle)
                                         : block_word_rows(tile, handle);
    case SW_IN_VECTORS: {
        int of_images = input->side == SW_REGIONS, caption = tile->caption[0];
        size_t width = (size_t)input->x->dim[1];
        size_t row = of_images ? (size_t)block->block * (size_t)input->at->most * L
                               : (size_t)input->at->first[caption];
        float *grad = of_images ? input->x->grad : block->word_grad[handle];
        if (!of_images && grad && !block->word_used[handle]) {
            memset(grad, 0, sizeof *grad * (size_t)input->at->rows * width);
            block->word_used[handle] = 1;
        }
        return leaf(tile, of_images ? input->at->most : input->at->count[caption],
                    of_images ? L : 1, (int)width, input->x->data + row * width,
                    grad ? grad + row * width : NULL);
    }
    case SW_IN_SHARED:
        break;
    }
    struct sw_tensor *t =
        sw_graph_tensor(tile->shown.graph, input->x->ndim, input->x->dim, input->x->data, 0);
    if (t && sw_graph_records(tile->shown.graph))
        t->grad = block->shared_grad[handle];
    if (t && t->grad && !block->shared_used[handle]) {
        memset(t->grad, 0, sw_tensor_count(t) * sizeof *t->grad);
        block->shared_used[handle] = 1;
    }
    return t;
}

/* ---- inputs of a gathered tile
 * --------------------------------------------------------------------- */

/* (n,k,L): words' rows . regions' rows, pair by pair. */
static void gather_product(struct sw_whole_tile *tile, const struct sw_input_def *input,
                           struct sw_tensor *out)
{
    const struct sw_whole_batch *batch = tile->batch;
    int k = tile->shown.k, width = input->x->dim[1];
    float *pair = sw_graph_scratch(tile->shown.graph, sizeof(float) * (size_t)tile->shown.n * k);
    memset(out->data, 0, sw_tensor_count(out) * sizeof *out->data);
    for (int l = 0; pair && l < tile->pairs; l++) {
        int regions = sw_group_count(&batch->regions, tile->image[l]);
        int words = sw_group_count(&batch->words, tile->caption[l]);
        sw_gemm_one(batch->model->compute, 0, 1, words, regions, width, 1,
                    input->y->data + (size_t)batch->words.first[tile->caption[l]] * width, width,
                    input->x->data + (size_t)batch->regions.first[tile->image[l]] * width,
                    batch->regions.stride * width, 0, pair, regions);
        for (int j = 0; j < words; j++)
            for (int i = 0; i < regions; i++)
                out->data[((size_t)j * k + i) * L + l] = pair[j * regions + i];
    }
}

/* (f,m,L) of rows, or (f,L,D) of vectors: fragment by fragment, so that what all lanes write to
 * stays in the first cache. */
static void gather_rows(struct sw_whole_tile *tile, const struct sw_input_def *input,
                        struct sw_tensor *out)
{
    const struct sw_fragments *at = input->at;
    const int *group = input->side == SW_REGIONS ? tile->image : tile->caption;
    int width = input->x->dim[1], m = sw_input_width(tile, input);
    for (int f = 0; f < out->dim[0]; f++) {
        float *rows = out->data + (size_t)f * L * (size_t)m;
        memset(rows, 0, sizeof *rows * L * (size_t)m);
        for (int l = 0; l < tile->pairs; l++) {
            if (f >= sw_group_count(at, group[l]))
                continue;
            const float *row =
                input->x->data + ((size_t)at->first[group[l]] + (size_t)f * at->stride) * width;
            if (input->kind == SW_IN_VECTORS)
                memcpy(rows + (size_t)l * width, row, sizeof(float) * (size_t)width);
            else
                for (int c = 0; c < m; c++)
                    rows[c * L + l] = row[c];
        }
    }
}

static struct sw_tensor *gathered_input(struct sw_whole_tile *tile, int handle)
{
    const struct sw_input_def *input = &tile->batch->inputs[handle];
    struct sw_graph *graph = tile->shown.graph;
    int k = tile->shown.k, n = tile->shown.n;
    int wanted = input->x->grad || (input->y && input->y->grad);
    if (input->kind == SW_IN_SHARED)
        return sw_graph_tensor(graph, input->x->ndim, input->x->dim, input->x->data, wanted);
    int fragments = input->side == SW_REGIONS ? k : n, m = sw_input_width(tile, input);
    if (input->at == &tile->batch->groups[input->side])
        fragments = 1;
    int dim[3] = {fragments, m, L};
    if (input->kind == SW_IN_PRODUCT) {
        dim[0] = n;
        dim[1] = k;
    } else if (input->kind == SW_IN_VECTORS) {
        dim[1] = L;
        dim[2] = m;
    }
    struct sw_tensor *out = sw_graph_tensor(graph, 3, dim, NULL, wanted);
    if (out && input->kind == SW_IN_PRODUCT)
        gather_product(tile, input, out);
    else if (out)
        gather_rows(tile, input, out);
    return out;
}

struct sw_tensor *sw_tile_input(struct sw_tile *shown, struct sw_input input)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    int handle = input.at;
    if (handle < 0 || handle >= tile->batch->input_count) {
        sw_fail(sw_graph_error(shown->graph), SW_FAILED,
                "input %d: expected a handle that prepare was given, 0 to %d", handle,
                tile->batch->input_count - 1);
        return NULL;
    }
    if (!tile->leaf[handle])
        tile->leaf[handle] = tile->block ? block_input(tile, handle) : gathered_input(tile, handle);
    return tile->leaf[handle];
}

/* ---- state, and the run of the stages
 * --------------------------------------------------------------- */

void sw_tile_put(struct sw_tile *shown, const char *name, struct sw_vectors *vectors)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    if (!vectors || !name)
        return;
    for (int i = 0; i < tile->state_count; i++)
        if (strcmp(tile->states[i].name, name) == 0) {
            tile->states[i].vectors = vectors;
            return;
        }
    if (tile->state_count == MOST_STATES) {
        sw_fail(sw_graph_error(shown->graph), SW_FAILED,
                "cannot keep '%s': the stages leave more than %d vectors", name, MOST_STATES);
        return;
    }
    tile->states[tile->state_count++] = (struct sw_state){name, vectors};
}

struct sw_vectors *sw_tile_get(struct sw_tile *shown, const char *name)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    if (sw_graph_error(shown->graph)->status != SW_OK)
        return NULL;
    const char *names[MOST_STATES];
    for (int i = 0; i < tile->state_count; i++) {
        if (strcmp(tile->states[i].name, name) == 0)
            return tile->states[i].vectors;
        names[i] = tile->states[i].name;
    }
    char hint[256];
    sw_suggest(hint, sizeof hint, name, names, (size_t)tile->state_count);
    sw_fail(sw_graph_error(shown->graph), SW_MISUSE,
            "needs '%s', which no earlier stage leaves in this direction%s", name, hint);
    return NULL;
}

void sw_tile_observe(struct sw_tile *shown, struct sw_observed observed, struct sw_tensor *x)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    /* Tiles are run again for their gradients: the first run, without a tape, reports. */
    if (!x || observed.at < 0 || !tile->block || sw_graph_records(shown->graph))
        return;
    const struct sw_observed_def *o = &tile->batch->observed[observed.at];
    size_t blocks = (size_t)(tile->batch->regions.groups + L - 1) / L;
    size_t at = (size_t)tile->caption[0] * blocks + (size_t)tile->block->block;
    if (sw_tensor_count(x) == o->count)
        memcpy(o->seen + at * o->count, x->data, sizeof(float) * o->count);
    else
        sw_fail(sw_graph_error(shown->graph), SW_FAILED,
                "a tile's report to a buffer: expected %zu numbers, found %zu", o->count,
                sw_tensor_count(x));
}

static int length_of(const struct sw_tile *tile, enum sw_axis axis)
{
    return axis == SW_AXIS_REGIONS ? tile->k : axis == SW_AXIS_WORDS ? tile->n : 1;
}

void sw_tile_show(struct sw_tile *shown, const char *name, enum sw_axis rows, enum sw_axis columns,
                  struct sw_tensor *weights)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    struct sw_attention *out = tile->attention;
    struct sw_error *error = sw_graph_error(shown->graph);
    if (!out || !name || !weights)
        return;
    int R = length_of(shown, rows), K = length_of(shown, columns);
    if (weights->ndim != 3 || weights->dim[0] != R || weights->dim[1] != K || weights->dim[2] != L)
        sw_fail(error, SW_FAILED, "shows '%s': expected weights of shape (%d,%d,%d) for its axes",
                name, R, K, L);
    else if (out->count == SW_MOST_SHOWN)
        sw_fail(error, SW_FAILED, "shows '%s': expected at most %d weights of all stages", name,
                SW_MOST_SHOWN);
    const char *prefix = tile->batch->model->plan->stages[tile->stage].prefix;
    size_t length = strlen(prefix) + strlen(name) + 2;
    char *whole = sw_graph_scratch(shown->graph, length);
    float *lane = sw_graph_scratch(shown->graph, sizeof(float) * (size_t)R * (size_t)K);
    if (!whole || !lane)
        return;
    snprintf(whole, length, "%s.%s", prefix, name);
    for (int i = 0; i < R * K; i++)
        lane[i] = weights->data[(size_t)i * L];
    out->list[out->count++] = (struct sw_shown){whole, rows, columns, R, K, lane};
}

struct sw_tensor *sw_tile_mean_weights(struct sw_tile *shown, enum sw_side side)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    const struct sw_fragments *at = sw_fragments_of(tile->batch, side);
    const int *group = side == SW_REGIONS ? tile->image : tile->caption;
    int most = side == SW_REGIONS ? shown->k : shown->n;
    struct sw_tensor *w = sw_graph_tensor(shown->graph, 3, (int[]){1, most, L}, NULL, 0);
    for (int l = 0; w && l < L; l++) {
        int count = sw_group_count(at, group[l]);
        for (int f = 0; f < most; f++)
            w->data[f * L + l] = f < count ? 1.0f / (float)count : 0.0f;
    }
    return w;
}

struct sw_vectors *sw_tile_fuse(struct sw_tile *shown, const struct sw_fusion_use *use,
                                enum sw_side side, struct sw_vectors *own,
                                struct sw_vectors *attended)
{
    struct sw_whole_tile *tile = (struct sw_whole_tile *)shown;
    if (!use || !own || !attended)
        return NULL;
    return use->fusion->fuse(shown, use->self, tile->batch->fusion_prepared[use->slot], side, own,
                             attended);
}

struct sw_tensor *sw_tile_score(struct sw_whole_tile *tile)
{
    const struct sw_model *model = tile->batch->model;
    struct sw_graph *graph = tile->shown.graph;
    struct sw_error *error = sw_graph_error(graph);
    struct sw_tensor *total = NULL;
    for (int s = 0; s < model->plan->stage_count; s++) {
        const struct sw_stage_plan *part = &model->plan->stages[s];
        if (!part->stage->score)
            continue;
        tile->stage = s;
        struct sw_tensor *score =
            part->stage->score(&tile->shown, model->stage_self[s], tile->batch->prepared[s]);
        int fits = score && score->ndim == 3 && score->dim[0] == 1 && score->dim[1] == 1 &&
                   score->dim[2] == L;
        if (!fits && error->status == SW_OK)
            sw_fail(error, SW_FAILED,
                    score ? "expected a score of shape (1,1,%d), found (%d,%d,%d)"
                          : "expected a score of shape (1,1,%d), found none",
                    L, score ? score->dim[0] : 0, score ? score->dim[1] : 0,
                    score ? score->dim[2] : 0);
        if (error->status != SW_OK) {
            sw_error_within(error, "stage %s", part->stage->name);
            return NULL;
        }
        if (part->score)
            total = total ? sw_plus(&tile->shown, total, score) : score;
    }
    return total;
}
