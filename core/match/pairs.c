/* pairs.c -- S for all pairs of a batch, without a tape.
 *
 * The unit of work is a block of SW_LANES images against UNIT_CAPTIONS captions: each declared
 * product is one matrix product (words of the unit, k * SW_LANES), whose result stays in cache
 * while the unit's tiles read it. Units are independent and write to places of their own in S. */
#include "match/internal.h"

#include "base/values.h"

#include <string.h>

enum { L = SW_LANES, UNIT_CAPTIONS = 64 };

struct scoring {
    const struct sw_whole_batch *batch;
    float *out;
    size_t stride;
    int caption_units;
};

/* The unit's products, P = Y X_block^T (words, k*L). */
static int multiply(const struct sw_whole_batch *batch, struct sw_worker *worker,
                    struct sw_image_block *block, int first_word, int words)
{
    int columns = batch->regions.most * L;
    block->word_base = first_word;
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (input->kind != SW_IN_PRODUCT)
            continue;
        int width = input->x->dim[1];
        float *out = sw_arena_alloc(worker->arena, sizeof(float) * (size_t)words * (size_t)columns);
        if (!out)
            return sw_fail(sw_graph_error(worker->graph), SW_FAILED,
                           "out of memory for a block of pairs");
        sw_gemm_one(batch->model->compute, 0, 1, words, columns, width, 1,
                    input->y->data + (size_t)first_word * width, width,
                    input->x->data + (size_t)block->block * columns * width, width, 0, out,
                    columns);
        block->product[h] = out;
    }
    return SW_OK;
}

static void score_unit(void *data, int chunk, int worker_index)
{
    const struct scoring *s = data;
    const struct sw_whole_batch *batch = s->batch;
    struct sw_worker *worker = &batch->model->workers[worker_index];
    if (worker->error.status != SW_OK)
        return;
    int first = chunk % s->caption_units * UNIT_CAPTIONS;
    int last = first + UNIT_CAPTIONS;
    if (last > batch->words.groups)
        last = batch->words.groups;
    struct sw_image_block block = {.block = chunk / s->caption_units};
    int first_word = batch->words.first[first];
    int words = batch->words.first[last - 1] + batch->words.count[last - 1] - first_word;
    sw_graph_reset(worker->graph, 0);
    sw_arena_reset(worker->arena);
    if (multiply(batch, worker, &block, first_word, words) == SW_OK) {
        struct sw_whole_tile tile;
        for (int c = first; c < last; c++) {
            sw_tile_of_block(&tile, batch, worker, &block, c, 0);
            const struct sw_tensor *score = sw_tile_score(&tile);
            if (sw_graph_error(worker->graph)->status != SW_OK)
                break;
            for (int l = 0; l < L && tile.image[l] >= 0; l++)
                s->out[(size_t)tile.image[l] * s->stride + c] = score ? score->data[l] : 0;
        }
    }
    sw_worker_keep_error(worker, chunk);
}

/* Scores of a unit, and what its tiles reported to buffers. */
static void list_unit(const void *data, int chunk, struct sw_slices *slices)
{
    const struct scoring *s = data;
    const struct sw_whole_batch *batch = s->batch;
    int block = chunk / s->caption_units, blocks = (batch->regions.groups + L - 1) / L;
    int first = chunk % s->caption_units * UNIT_CAPTIONS;
    size_t captions = (size_t)sw_min(UNIT_CAPTIONS, batch->words.groups - first);
    size_t images = (size_t)sw_min(L, batch->regions.groups - block * L);
    slices->take(slices, s->out + (size_t)(block * L) * s->stride + first, images,
                 sizeof(float) * captions, sizeof(float) * s->stride);
    for (int i = 0; i < batch->observed_count; i++) {
        const struct sw_observed_def *o = &batch->observed[i];
        slices->take(slices, o->seen + ((size_t)first * (size_t)blocks + (size_t)block) * o->count,
                     captions, sizeof(float) * o->count, sizeof(float) * o->count * (size_t)blocks);
    }
}

/* Adds what stages say of all pairs at once, or puts it there where no tile was scored. */
static void add_matrices(const struct sw_whole_batch *batch, float *out, size_t stride)
{
    const struct sw_model_plan *plan = batch->model->plan;
    int fresh = !batch->model->has_tiles;
    for (int s = 0; s < plan->stage_count; s++) {
        const struct sw_tensor *matrix = batch->matrices[s];
        if (!matrix || !plan->stages[s].score)
            continue;
        size_t columns = (size_t)matrix->dim[1];
        for (size_t i = 0; i < (size_t)batch->regions.groups; i++)
            for (size_t c = 0; c < columns; c++)
                out[i * stride + c] =
                    matrix->data[i * columns + c] + (fresh ? 0 : out[i * stride + c]);
        fresh = 0;
    }
}

int sw_pairs_score(const struct sw_whole_batch *batch, float *out, size_t stride, int all,
                   struct sw_error *error)
{
    if (batch->regions.groups < 1 || batch->words.groups < 1)
        return SW_OK;
    struct scoring s = {.batch = batch,
                        .out = out,
                        .stride = stride,
                        .caption_units = (batch->words.groups + UNIT_CAPTIONS - 1) / UNIT_CAPTIONS};
    int blocks = batch->model->has_tiles ? (batch->regions.groups + L - 1) / L : 0;
    sw_parallel_shared(batch->model->compute, blocks * s.caption_units, score_unit, list_unit, &s);
    int status = sw_workers_failure(batch->model, error);
    if (status == SW_OK && sw_compute_interrupted(batch->model->compute))
        status = sw_fail(error, SW_INTERRUPTED, "interrupted");
    if (status == SW_OK && all)
        add_matrices(batch, out, stride);
    return status;
}

/* ---- S on the batch's tape
 * ----------------------------------------------------------------------- */

static const struct sw_whole_batch *batch_of(const struct sw_call *call)
{
    return call->args->p;
}

static int scores_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    out_dim[0] = batch_of(call)->regions.groups;
    out_dim[1] = batch_of(call)->words.groups;
    return 2;
}

static void scores_forward(const struct sw_call *call)
{
    const struct sw_whole_batch *batch = batch_of(call);
    sw_pairs_score(batch, call->out->data, (size_t)call->out->dim[1], 0,
                   sw_graph_error(batch->shown.graph));
}

static void scores_backward(const struct sw_call *call)
{
    const struct sw_whole_batch *batch = batch_of(call);
    sw_pairs_backward(batch, call->out->grad, sw_graph_error(batch->shown.graph));
}

static const struct sw_op scores = {
    .name = "pair_scores",
    .shapes = "inputs of the tiles->(I,C)",
    .doc = "S of every image with every caption, eq. 16",
    .least_inputs = 1,
    .most_inputs = 2 * MOST_INPUTS,
    .shape = scores_shape,
    .forward = scores_forward,
    .backward = scores_backward,
};

/* The same numbers and gradient without the rows that only fill up a block. */
static struct sw_tensor *first_rows(struct sw_graph *graph, struct sw_tensor *x, int rows)
{
    struct sw_tensor *view = sw_graph_tensor(graph, 2, (int[]){rows, x->dim[1]}, x->data, 0);
    if (view)
        view->grad = x->grad;
    return view;
}

struct sw_tensor *sw_pairs_scores(struct sw_whole_batch *batch)
{
    struct sw_tensor *in[2 * MOST_INPUTS], *total = NULL;
    struct sw_args args = {.p = batch};
    int inputs = 0;
    if (!batch)
        return NULL;
    struct sw_graph *graph = batch->shown.graph;
    for (int h = 0; h < batch->input_count; h++) {
        in[inputs++] = batch->inputs[h].x;
        if (batch->inputs[h].y)
            in[inputs++] = batch->inputs[h].y;
    }
    if (batch->model->has_tiles)
        total = sw_graph_apply(graph, &scores, in, inputs, &args);
    for (int s = 0; s < batch->model->plan->stage_count; s++) {
        struct sw_tensor *matrix = batch->matrices[s];
        if (!matrix || !batch->model->plan->stages[s].score)
            continue;
        struct sw_tensor *both[2] = {total, first_rows(graph, matrix, batch->regions.groups)};
        total = total ? sw_graph_apply_named(graph, "add", both, 2, NULL) : both[1];
    }
    sw_batch_observed(batch);
    return total;
}

const struct sw_whole_batch *sw_pairs_scored(const struct sw_graph *graph)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    while (sw_graph_before(graph, &at, &op, &call))
        if (op == &scores)
            return batch_of(call);
    return NULL;
}
