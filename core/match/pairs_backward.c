/* pairs_backward.c -- from dS to the gradients of a batch's inputs.
 *
 * A hinge with hardest negatives gives a gradient to at most three pairs a sample, so S is scored
 * without a tape and only the pairs with a gradient are built again, SW_LANES at a time, and walked
 * back. For any loss this is exact. Each pair's share is stashed; then every image, and after that
 * every caption, adds up the shares of its own pairs in their order: no two threads write to one
 * place, and the order does not depend on the threads. Where many pairs have a gradient (warm-up),
 * pairs_dense.c walks whole blocks instead. */
#include "match/pairs_dense.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { L = SW_LANES };

struct pair {
    int image, caption, words;
    float grad;
};

struct going_back {
    const struct sw_whole_batch *batch;
    const struct pair *pairs;
    int count;
    float *stash[MOST_INPUTS]; /* shares of one input, pair after pair; NULL: no gradient wanted */
    size_t *at[MOST_INPUTS];   /* (count) where a pair's share begins */
    unsigned char *used[MOST_INPUTS]; /* (tiles): whether a tile asked for the input */
    const int *of[2], *from[2]; /* pairs of each image and caption: of[from[g] .. from[g+1]) */
    enum sw_side side;          /* the pass at hand */
};

static int by_words(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->words != y->words)
        return x->words < y->words ? -1 : 1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->caption - y->caption;
}

/* ---- first pass: tiles
 * --------------------------------------------------------------------------- */

static size_t share_size(const struct sw_whole_batch *batch, const struct sw_input_def *input,
                         const struct pair *pair)
{
    size_t regions = (size_t)sw_group_count(&batch->regions, pair->image);
    size_t words = (size_t)sw_group_count(&batch->words, pair->caption);
    size_t own = input->side == SW_REGIONS ? regions : words;
    if (input->at == &batch->groups[input->side])
        own = 1;
    switch (input->kind) {
    case SW_IN_PRODUCT:
        return words * regions;
    case SW_IN_GRAM:
        return own * own;
    case SW_IN_ROWS:
    case SW_IN_VECTORS:
        return own * (size_t)input->x->dim[1];
    case SW_IN_SHARED:
        break;
    }
    return 0;
}

static void keep_product(const struct sw_whole_tile *tile, const struct sw_tensor *leaf, int l,
                         float *out)
{
    int regions = sw_group_count(&tile->batch->regions, tile->image[l]);
    int words = sw_group_count(&tile->batch->words, tile->caption[l]);
    for (int j = 0; j < words; j++)
        for (int i = 0; i < regions; i++)
            out[j * regions + i] = leaf->grad[((size_t)j * leaf->dim[1] + i) * L + l];
}

/* Fragment by fragment, as the tile gathered them. */
static void keep_rows(const struct going_back *g, const struct sw_whole_tile *tile, int h,
                      const struct sw_tensor *leaf, int chunk)
{
    const struct sw_input_def *input = &g->batch->inputs[h];
    const int *group = input->side == SW_REGIONS ? tile->image : tile->caption;
    for (int f = 0; f < leaf->dim[0]; f++)
        for (int l = 0; l < tile->pairs; l++) {
            int fragments = sw_group_count(input->at, group[l]);
            if (f >= fragments)
                continue;
            int width = input->kind == SW_IN_GRAM ? fragments : input->x->dim[1];
            float *out = g->stash[h] + g->at[h][chunk * L + l] + (size_t)f * (size_t)width;
            if (input->kind == SW_IN_VECTORS)
                memcpy(out, leaf->grad + ((size_t)f * L + l) * width, sizeof *out * (size_t)width);
            else
                for (int c = 0; c < width; c++)
                    out[c] = leaf->grad[((size_t)f * leaf->dim[1] + c) * L + l];
        }
}

static void keep_shares(const struct going_back *g, const struct sw_whole_tile *tile, int chunk)
{
    const struct sw_whole_batch *batch = g->batch;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_tensor *leaf = tile->leaf[h];
        const struct sw_input_def *input = &batch->inputs[h];
        if (!leaf || !leaf->grad || !g->stash[h])
            continue;
        g->used[h][chunk] = 1;
        if (input->kind == SW_IN_SHARED) {
            size_t count = sw_tensor_count(leaf);
            memcpy(g->stash[h] + (size_t)chunk * count, leaf->grad, count * sizeof(float));
        } else if (input->kind == SW_IN_PRODUCT) {
            for (int l = 0; l < tile->pairs; l++)
                keep_product(tile, leaf, l, g->stash[h] + g->at[h][chunk * L + l]);
        } else {
            keep_rows(g, tile, h, leaf, chunk);
        }
    }
}

static void walk_tile(void *data, int chunk, int worker_index)
{
    const struct going_back *g = data;
    struct sw_worker *worker = &g->batch->model->workers[worker_index];
    if (worker->error.status != SW_OK)
        return;
    int images[L], captions[L], pairs = g->count - chunk * L < L ? g->count - chunk * L : L;
    const struct pair *pair = g->pairs + (size_t)chunk * L;
    for (int l = 0; l < pairs; l++) {
        images[l] = pair[l].image;
        captions[l] = pair[l].caption;
    }
    struct sw_whole_tile tile;
    sw_tile_of_pairs(&tile, g->batch, worker, images, captions, pairs);
    struct sw_tensor *score = sw_tile_score(&tile);
    if (score && score->grad) {
        for (int l = 0; l < pairs; l++)
            score->grad[l] = pair[l].grad;
        if (sw_graph_backward(worker->graph) == SW_OK)
            keep_shares(g, &tile, chunk);
    }
    sw_worker_keep_error(worker, chunk);
}

static void list_used(const void *data, int chunk, struct sw_slices *slices)
{
    const struct going_back *g = data;
    for (int h = 0; h < g->batch->input_count; h++)
        if (g->stash[h])
            sw_slice(slices, g->used[h] + chunk, 1);
}

static void list_shares(const void *data, int chunk, struct sw_slices *slices)
{
    const struct going_back *g = data;
    int first = chunk * L, last = first + L < g->count ? first + L : g->count;
    for (int h = 0; h < g->batch->input_count; h++) {
        const struct sw_input_def *input = &g->batch->inputs[h];
        if (!g->stash[h] || !g->used[h][chunk])
            continue;
        size_t count = input->kind == SW_IN_SHARED ? sw_tensor_count(input->x) : 0;
        size_t from = count ? (size_t)chunk * count : g->at[h][first];
        if (!count)
            count = g->at[h][last - 1] + share_size(g->batch, input, &g->pairs[last - 1]) - from;
        sw_slice(slices, g->stash[h] + from, sizeof(float) * count);
    }
}

/* ---- second pass: images, then captions
 * ----------------------------------------------------------- */

static void add_product(const struct sw_whole_batch *batch, const struct sw_input_def *input,
                        const struct pair *pair, const float *share, enum sw_side side)
{
    int width = input->x->dim[1], stride = batch->regions.stride * width;
    int regions = sw_group_count(&batch->regions, pair->image);
    int words = sw_group_count(&batch->words, pair->caption);
    size_t x = (size_t)batch->regions.first[pair->image] * width;
    size_t y = (size_t)batch->words.first[pair->caption] * width;
    if (side == SW_REGIONS && input->x->grad)
        sw_gemm_one(batch->model->compute, 1, 0, regions, width, words, 1, share, regions,
                    input->y->data + y, width, 1, input->x->grad + x, stride);
    if (side == SW_WORDS && input->y->grad)
        sw_gemm_one(batch->model->compute, 0, 0, words, width, regions, 1, share, regions,
                    input->x->data + x, stride, 1, input->y->grad + y, width);
}

static void add_rows(const struct sw_input_def *input, const struct pair *pair, const float *share)
{
    const struct sw_fragments *at = input->at;
    int group = input->side == SW_REGIONS ? pair->image : pair->caption;
    int fragments = sw_group_count(at, group), width = input->x->dim[1];
    int used = input->kind == SW_IN_GRAM ? fragments : width;
    for (int f = 0; f < fragments; f++) {
        float *out = input->x->grad + ((size_t)at->first[group] + (size_t)f * at->stride) * width;
        for (int c = 0; c < used; c++)
            out[c] += share[(size_t)f * used + c];
    }
}

static void add_up_group(void *data, int group, int worker)
{
    (void)worker;
    const struct going_back *g = data;
    const struct sw_whole_batch *batch = g->batch;
    const int *from = g->from[g->side];
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (!g->stash[h] || input->kind == SW_IN_SHARED)
            continue;
        for (int p = from[group]; p < from[group + 1]; p++) {
            int index = g->of[g->side][p];
            if (!g->used[h][index / L])
                continue;
            const float *share = g->stash[h] + g->at[h][index];
            if (input->kind == SW_IN_PRODUCT)
                add_product(batch, input, &g->pairs[index], share, g->side);
            else if (input->side == g->side)
                add_rows(input, &g->pairs[index], share);
        }
    }
}

static void add_up_shared(const struct going_back *g, int tiles)
{
    for (int h = 0; h < g->batch->input_count; h++) {
        const struct sw_input_def *input = &g->batch->inputs[h];
        if (input->kind != SW_IN_SHARED || !g->stash[h])
            continue;
        size_t count = sw_tensor_count(input->x);
        for (int t = 0; t < tiles; t++)
            for (size_t i = 0; g->used[h][t] && i < count; i++)
                input->x->grad[i] += g->stash[h][(size_t)t * count + i];
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Room for `count` numbers, not cleared: an input may be a whole weight matrix, or all fragments as
 * vectors, and no tile asks for it. Untouched pages cost nothing; a tile that asks for an input
 * writes all of its share and says so in used[]. */
static float *not_cleared(struct sw_graph *graph, size_t count)
{
    enum { ROW = 1 << 16 };
    if (count / ROW >= INT_MAX) {
        sw_fail(sw_graph_error(graph), SW_FAILED, "out of memory for %zu shares", count);
        return NULL;
    }
    struct sw_tensor *room =
        sw_graph_tensor(graph, 2, (int[]){(int)(count / ROW) + 1, ROW}, NULL, 0);
    return room ? room->data : NULL;
}

static int set_up_stash(struct going_back *g, struct sw_graph *graph, int tiles)
{
    const struct sw_whole_batch *batch = g->batch;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (!input->x->grad && !(input->y && input->y->grad))
            continue;
        size_t used = 0;
        if (input->kind == SW_IN_SHARED) {
            used = sw_tensor_count(input->x) * (size_t)tiles;
        } else {
            g->at[h] = sw_graph_scratch(graph, sizeof(size_t) * (size_t)g->count);
            for (int p = 0; g->at[h] && p < g->count; p++) {
                g->at[h][p] = used;
                used += share_size(batch, input, &g->pairs[p]);
            }
        }
        g->used[h] = sw_graph_scratch(graph, (size_t)tiles);
        g->stash[h] = not_cleared(graph, used);
    }
    return sw_graph_error(graph)->status;
}

/* Lists the pairs of each image (or caption), in the order of the pairs. */
static void set_up_lists(struct going_back *g, struct sw_graph *graph, enum sw_side side)
{
    int groups = sw_fragments_of(g->batch, side)->groups;
    int *from = sw_graph_scratch(graph, sizeof(int) * ((size_t)groups + 2));
    int *of = sw_graph_scratch(graph, sizeof(int) * ((size_t)g->count + 1));
    if (!from || !of)
        return;
    for (int p = 0; p < g->count; p++)
        from[(side == SW_REGIONS ? g->pairs[p].image : g->pairs[p].caption) + 2]++;
    for (int group = 0; group < groups; group++)
        from[group + 2] += from[group + 1];
    for (int p = 0; p < g->count; p++)
        of[from[(side == SW_REGIONS ? g->pairs[p].image : g->pairs[p].caption) + 1]++] = p;
    g->from[side] = from;
    g->of[side] = of;
}

static int go_back_sparse(const struct sw_whole_batch *batch, struct pair *pairs, int count,
                          struct sw_error *error)
{
    struct sw_graph *graph = batch->shown.graph;
    struct sw_compute *compute = batch->model->compute;
    struct going_back g = {.batch = batch, .pairs = pairs, .count = count};
    int tiles = (count + L - 1) / L;
    qsort(pairs, (size_t)count, sizeof *pairs, by_words);
    set_up_lists(&g, graph, SW_REGIONS);
    set_up_lists(&g, graph, SW_WORDS);
    int status = set_up_stash(&g, graph, tiles);
    if (status == SW_OK) {
        sw_parallel_shared(compute, tiles, walk_tile, list_used, &g);
        sw_exchange_shared(compute, tiles, list_shares, &g);
        status = sw_workers_failure(batch->model, error);
    }
    if (status == SW_OK) {
        g.side = SW_REGIONS;
        sw_parallel(compute, batch->regions.groups, add_up_group, &g);
        g.side = SW_WORDS;
        sw_parallel(compute, batch->words.groups, add_up_group, &g);
        add_up_shared(&g, tiles);
    }
    return status;
}

int sw_pairs_backward(const struct sw_whole_batch *batch, const float *score_grad,
                      struct sw_error *error)
{
    int I = batch->regions.groups, C = batch->words.groups, count = 0;
    for (int at = 0; at < I * C; at++)
        count += score_grad[at] != 0;
    if (count == 0 && !batch->options.dense)
        return SW_OK;
    if (batch->options.dense || batch->couples || count > I * C / 4)
        return sw_pairs_backward_dense(batch, score_grad, error);
    struct pair *pairs = sw_graph_scratch(batch->shown.graph, sizeof *pairs * ((size_t)count + 1));
    if (!pairs)
        return sw_graph_error(batch->shown.graph)->status;
    int filled = 0;
    for (int i = 0; i < I; i++)
        for (int c = 0; c < C; c++)
            if (score_grad[(size_t)i * C + c] != 0)
                pairs[filled++] = (struct pair){.image = i,
                                                .caption = c,
                                                .words = batch->words.count[c],
                                                .grad = score_grad[(size_t)i * C + c]};
    return go_back_sparse(batch, pairs, count, error);
}
