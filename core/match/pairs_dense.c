/* pairs_dense.c -- see pairs_dense.h.
 *
 * One chunk a block of images: all captions in turn, forward and back in one tile. What the region
 * side gets belongs to the block alone and is added in place; what the word side gets is kept for
 * each block and added in the order of the blocks afterwards. */
#include "match/pairs_dense.h"

#include "base/values.h"

enum { L = SW_LANES, ROWS_A_CHUNK = 64 };

struct dense {
    const struct sw_whole_batch *batch;
    const float *score_grad;
    int blocks;
    float *product_grad[MOST_INPUTS];        /* (blocks, word rows, k*L) */
    float *word_grad[MOST_INPUTS];           /* (blocks, word rows, m) */
    float *shared_grad[MOST_INPUTS];         /* (blocks, count); cleared when a tile first asks */
    unsigned char *shared_used[MOST_INPUTS]; /* (blocks) */
    unsigned char *word_used[MOST_INPUTS];   /* (blocks), of vectors; NULL: word_grad is whole */
    int input;                               /* the one that is added up at hand */
};

static int tile_has_gradient(const struct dense *d, const struct sw_whole_tile *tile, int caption)
{
    for (int l = 0; l < L && tile->image[l] >= 0; l++)
        if (d->score_grad[(size_t)tile->image[l] * d->batch->words.groups + caption] != 0)
            return 1;
    return d->batch->options.dense;
}

static int multiply(const struct dense *d, struct sw_worker *worker, struct sw_image_block *block)
{
    const struct sw_whole_batch *batch = d->batch;
    int columns = batch->regions.most * L, words = batch->words.rows;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (input->kind != SW_IN_PRODUCT)
            continue;
        int width = input->x->dim[1];
        float *out = sw_arena_alloc(worker->arena, sizeof(float) * (size_t)words * columns);
        if (!out)
            return sw_fail(sw_graph_error(worker->graph), SW_FAILED,
                           "out of memory for a block of pairs");
        sw_gemm_one(batch->model->compute, 0, 1, words, columns, width, 1, input->y->data, width,
                    input->x->data + (size_t)block->block * columns * width, width, 0, out,
                    columns);
        block->product[h] = out;
        if (d->product_grad[h])
            block->product_grad[h] = d->product_grad[h] + (size_t)block->block * words * columns;
    }
    return SW_OK;
}

static int set_up_block(const struct dense *d, struct sw_worker *worker,
                        struct sw_image_block *block)
{
    const struct sw_whole_batch *batch = d->batch;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        size_t width = (size_t)input->x->dim[input->x->ndim - 1];
        if (d->word_grad[h])
            block->word_grad[h] =
                d->word_grad[h] + (size_t)block->block * (size_t)input->at->rows * width;
        if (d->shared_grad[h])
            block->shared_grad[h] =
                d->shared_grad[h] + (size_t)block->block * sw_tensor_count(input->x);
        int lanes =
            input->side == SW_REGIONS && (input->kind == SW_IN_ROWS || input->kind == SW_IN_GRAM);
        if (lanes && input->x->grad) {
            size_t m = input->kind == SW_IN_GRAM ? (size_t)batch->regions.most : width;
            block->rows_grad[h] =
                sw_arena_zeroed(worker->arena, sizeof(float) * (size_t)batch->regions.most * m * L);
            if (!block->rows_grad[h])
                return sw_fail(sw_graph_error(worker->graph), SW_FAILED,
                               "out of memory for a block of gradients");
        }
    }
    return multiply(d, worker, block);
}

/* The caption's rows stood on every lane: their gradient is the sum over the lanes. */
static void keep_word_rows(const struct dense *d, const struct sw_whole_tile *tile, int caption)
{
    const struct sw_whole_batch *batch = d->batch;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        const struct sw_tensor *leaf = tile->leaf[h];
        if (input->side != SW_WORDS || !leaf || !leaf->grad || !tile->block->word_grad[h] ||
            (input->kind != SW_IN_ROWS && input->kind != SW_IN_GRAM))
            continue;
        size_t width = (size_t)input->x->dim[1];
        float *out = tile->block->word_grad[h] + (size_t)batch->words.first[caption] * width;
        for (int j = 0; j < leaf->dim[0]; j++)
            for (int c = 0; c < leaf->dim[1]; c++) {
                const float *lane = leaf->grad + ((size_t)j * leaf->dim[1] + c) * L;
                float sum = 0;
                for (int l = 0; l < L; l++)
                    sum += lane[l];
                out[(size_t)j * width + c] += sum;
            }
    }
}

/* What the block's own regions get, added in place. */
static void finish_regions(const struct dense *d, const struct sw_image_block *block)
{
    const struct sw_whole_batch *batch = d->batch;
    int k = batch->regions.most, words = batch->words.rows;
    size_t first = (size_t)block->block * k * L;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (!input->x->grad)
            continue;
        int width = input->x->dim[input->x->ndim - 1];
        if (input->kind == SW_IN_PRODUCT)
            sw_gemm_one(batch->model->compute, 1, 0, k * L, width, words, 1, block->product_grad[h],
                        k * L, input->y->data, width, 1, input->x->grad + first * width, width);
        if (!block->rows_grad[h])
            continue;
        int m = input->kind == SW_IN_GRAM ? k : width;
        for (int i = 0; i < k; i++)
            for (int c = 0; c < m; c++)
                for (int l = 0; l < L; l++)
                    input->x->grad[(first + (size_t)i * L + l) * width + c] +=
                        block->rows_grad[h][((size_t)i * m + c) * L + l];
    }
}

static void walk_block(void *data, int chunk, int worker_index)
{
    const struct dense *d = data;
    const struct sw_whole_batch *batch = d->batch;
    struct sw_worker *worker = &batch->model->workers[worker_index];
    if (worker->error.status != SW_OK)
        return;
    struct sw_image_block block = {.block = chunk};
    sw_graph_reset(worker->graph, 1);
    sw_arena_reset(worker->arena);
    int status = set_up_block(d, worker, &block);
    struct sw_whole_tile tile;
    for (int c = 0; status == SW_OK && c < batch->words.groups; c++) {
        sw_tile_of_block(&tile, batch, worker, &block, c, 1);
        if (!tile_has_gradient(d, &tile, c))
            continue;
        struct sw_tensor *score = sw_tile_score(&tile);
        status = sw_graph_error(worker->graph)->status;
        if (!score || !score->grad || status != SW_OK)
            continue;
        for (int l = 0; l < L && tile.image[l] >= 0; l++)
            score->grad[l] = d->score_grad[(size_t)tile.image[l] * batch->words.groups + c];
        status = sw_graph_backward(worker->graph);
        keep_word_rows(d, &tile, c);
    }
    if (status == SW_OK)
        finish_regions(d, &block);
    for (int h = 0; h < batch->input_count; h++) {
        if (d->shared_used[h])
            d->shared_used[h][chunk] = block.shared_used[h];
        if (d->word_used[h])
            d->word_used[h][chunk] = block.word_used[h];
    }
    sw_worker_keep_error(worker, chunk);
}

static void list_used(const void *data, int block, struct sw_slices *slices)
{
    const struct dense *d = data;
    for (int h = 0; h < d->batch->input_count; h++) {
        if (d->shared_used[h])
            sw_slice(slices, d->shared_used[h] + block, 1);
        if (d->word_used[h])
            sw_slice(slices, d->word_used[h] + block, 1);
    }
}

static void list_block(const void *data, int block, struct sw_slices *slices)
{
    const struct dense *d = data;
    const struct sw_whole_batch *batch = d->batch;
    size_t product = (size_t)batch->words.rows * (size_t)batch->regions.most * L;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        size_t width = (size_t)input->x->dim[input->x->ndim - 1];
        size_t count = sw_tensor_count(input->x);
        if (d->product_grad[h])
            sw_slice(slices, d->product_grad[h] + (size_t)block * product, sizeof(float) * product);
        if (d->shared_grad[h] && d->shared_used[h][block])
            sw_slice(slices, d->shared_grad[h] + (size_t)block * count, sizeof(float) * count);
        if (d->word_grad[h] && (!d->word_used[h] || d->word_used[h][block])) {
            size_t words = (size_t)input->at->rows * width;
            sw_slice(slices, d->word_grad[h] + (size_t)block * words, sizeof(float) * words);
        }
        const struct sw_fragments *at = input->kind == SW_IN_PRODUCT ? &batch->regions : input->at;
        if (input->kind == SW_IN_SHARED || !input->x->grad || input->side != SW_REGIONS)
            continue;
        int rows = at->most * L, from = block * rows;
        rows = sw_min(rows, input->x->dim[0] - from);
        if (rows > 0)
            sw_slice(slices, input->x->grad + (size_t)from * width,
                     sizeof(float) * (size_t)rows * width);
    }
}

/* ---- the word side, in the order of the blocks
 * ---------------------------------------------------- */

static void add_up_rows(void *data, int chunk, int worker)
{
    (void)worker;
    const struct dense *d = data;
    const struct sw_input_def *input = &d->batch->inputs[d->input];
    size_t width = (size_t)input->x->dim[1], rows = (size_t)input->at->rows;
    size_t first = (size_t)chunk * ROWS_A_CHUNK * width;
    size_t last = first + ROWS_A_CHUNK * width;
    if (last > rows * width)
        last = rows * width;
    for (int b = 0; b < d->blocks; b++) {
        const float *part = d->word_grad[d->input] + (size_t)b * rows * width;
        if (d->word_used[d->input] && !d->word_used[d->input][b])
            continue;
        for (size_t i = first; i < last; i++)
            input->x->grad[i] += part[i];
    }
}

static void add_up_words(struct dense *d)
{
    const struct sw_whole_batch *batch = d->batch;
    struct sw_compute *compute = batch->model->compute;
    int words = batch->words.rows, columns = batch->regions.most * L;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        d->input = h;
        if (d->word_grad[h])
            sw_parallel(compute, (input->at->rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK, add_up_rows,
                        d);
        if (d->shared_grad[h])
            for (int b = 0; b < d->blocks; b++)
                for (size_t i = 0, count = sw_tensor_count(input->x);
                     d->shared_used[h][b] && i < count; i++)
                    input->x->grad[i] += d->shared_grad[h][(size_t)b * count + i];
        if (input->kind != SW_IN_PRODUCT || !input->y->grad)
            continue;
        int width = input->x->dim[1];
        for (int b = 0; b < d->blocks; b++)
            sw_gemm(compute, 0, 0, words, width, columns, 1,
                    d->product_grad[h] + (size_t)b * words * columns, columns,
                    input->x->data + (size_t)b * columns * width, width, 1, input->y->grad, width);
    }
}

int sw_pairs_backward_dense(const struct sw_whole_batch *batch, const float *score_grad,
                            struct sw_error *error)
{
    struct sw_graph *graph = batch->shown.graph;
    struct dense d = {
        .batch = batch, .score_grad = score_grad, .blocks = (batch->regions.groups + L - 1) / L};
    size_t words = (size_t)batch->words.rows, blocks = (size_t)d.blocks;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        size_t width = (size_t)input->x->dim[input->x->ndim - 1];
        if (input->kind == SW_IN_PRODUCT && (input->x->grad || input->y->grad)) {
            d.product_grad[h] = sw_graph_scratch(graph, sizeof(float) * blocks * words *
                                                            (size_t)batch->regions.most * L);
        } else if (input->kind == SW_IN_SHARED && input->x->grad) {
            struct sw_tensor *parts = sw_graph_tensor(
                graph, 2, (int[]){d.blocks, (int)sw_tensor_count(input->x)}, NULL, 0);
            d.shared_grad[h] = parts ? parts->data : NULL;
            d.shared_used[h] = sw_graph_scratch(graph, blocks);
        } else if (input->kind != SW_IN_PRODUCT && input->side == SW_WORDS && input->x->grad) {
            if (input->kind == SW_IN_VECTORS) {
                struct sw_tensor *parts = sw_graph_tensor(
                    graph, 3, (int[]){d.blocks, input->at->rows, (int)width}, NULL, 0);
                d.word_grad[h] = parts ? parts->data : NULL;
                d.word_used[h] = sw_graph_scratch(graph, blocks);
            } else {
                d.word_grad[h] = sw_graph_scratch(graph, sizeof(float) * blocks * words * width);
            }
        }
    }
    int status = sw_graph_error(graph)->status;
    if (status == SW_OK) {
        struct sw_compute *compute = batch->model->compute;
        sw_parallel_shared(compute, d.blocks, walk_block, list_used, &d);
        sw_exchange_shared(compute, d.blocks, list_block, &d);
        status = sw_workers_failure(batch->model, error);
    }
    if (status == SW_OK)
        add_up_words(&d);
    return status;
}
