/* pairs.c -- S for all pairs of a batch, without a tape.
 *
 * The unit of work is a block of SW_LANES images against UNIT_CAPTIONS captions: each declared
 * product is one matrix product (words of the unit, k * SW_LANES), whose result stays in cache
 * while the unit's tiles read it. Where the kernels multiply faster by regions that are laid out
 * once, all products of one matrix share the layout; where they are shallow enough for the second
 * cache, such a unit goes STRIP_CAPTIONS captions at a time. Units are independent and write to
 * places of their own in S. */
#include "match/internal.h"

#include "base/values.h"
#include "tensor/kernels/kernels.h"

#include <string.h>

enum { L = SW_LANES, UNIT_CAPTIONS = 64, STRIP_CAPTIONS = 8, STRIP_DEEPEST = 128 };

struct scoring {
    const struct sw_whole_batch *batch;
    float *out;
    size_t stride;
    int caption_units;
};

/* A block against some captions. */
struct unit {
    const struct sw_whole_batch *batch;
    struct sw_worker *worker;
    struct sw_image_block block;
    int strip;                  /* captions of which the products are there at a time */
    void *regions[MOST_INPUTS]; /* X_block^T, laid out for products; NULL: as it is */
};

static const float *rows_of_block(const struct unit *u, const struct sw_input_def *input)
{
    size_t rows = (size_t)u->block.block * (size_t)u->batch->regions.most * L;
    return input->x->data + rows * (size_t)input->x->dim[1];
}

static int words_between(const struct sw_fragments *words, int first, int last)
{
    return words->first[last - 1] + words->count[last - 1] - words->first[first];
}

static int strip_of(const struct sw_whole_batch *batch, int prepared)
{
    int strip = prepared ? STRIP_CAPTIONS : UNIT_CAPTIONS;
    for (int h = 0; h < batch->input_count; h++)
        if (batch->inputs[h].kind == SW_IN_PRODUCT && batch->inputs[h].x->dim[1] > STRIP_DEEPEST)
            strip = UNIT_CAPTIONS;
    return strip;
}

/* Lays the block's regions of input h out, where no input before it had the same. */
static void *regions_of(struct unit *u, int h)
{
    const struct sw_whole_batch *batch = u->batch;
    struct sw_compute *compute = batch->model->compute;
    const struct sw_input_def *input = &batch->inputs[h];
    for (int other = 0; other < h; other++)
        if (u->regions[other] && batch->inputs[other].x == input->x)
            return u->regions[other];
    int width = input->x->dim[1], columns = batch->regions.most * L;
    void *out = sw_arena_alloc(u->worker->arena,
                               sw_compute_kernels(compute)->prepared_size(width, columns));
    if (out)
        sw_gemm_prepare(compute, 1, width, columns, rows_of_block(u, input), width, out);
    return out;
}

/* Room for the products of a strip of captions [first, last), and the regions laid out. */
static int prepare(struct unit *u, int first, int last)
{
    const struct sw_whole_batch *batch = u->batch;
    int prepared = sw_compute_kernels(batch->model->compute)->prepares_pairs, words = 0;
    size_t row = sizeof(float) * (size_t)(batch->regions.most * L);
    u->strip = strip_of(batch, prepared);
    for (int c = first; c < last; c += u->strip)
        words = sw_max(words, words_between(&batch->words, c, sw_min(last, c + u->strip)));
    for (int h = 0; h < batch->input_count; h++) {
        if (batch->inputs[h].kind != SW_IN_PRODUCT)
            continue;
        u->block.product[h] = sw_arena_alloc(u->worker->arena, row * (size_t)words);
        if (prepared)
            u->regions[h] = regions_of(u, h);
        if (!u->block.product[h] || (prepared && !u->regions[h]))
            return sw_fail(sw_graph_error(u->worker->graph), SW_FAILED,
                           "out of memory for a block of pairs");
    }
    return SW_OK;
}

/* The products of captions [first, last), P = Y X_block^T (words, k*L). */
static void multiply(struct unit *u, int first, int last)
{
    const struct sw_whole_batch *batch = u->batch;
    struct sw_compute *compute = batch->model->compute;
    int columns = batch->regions.most * L, words = words_between(&batch->words, first, last);
    u->block.word_base = batch->words.first[first];
    for (int h = 0; h < batch->input_count; h++) {
        const struct sw_input_def *input = &batch->inputs[h];
        if (input->kind != SW_IN_PRODUCT)
            continue;
        int width = input->x->dim[1];
        float *out = (float *)(size_t)u->block.product[h];
        const float *y = input->y->data + (size_t)u->block.word_base * (size_t)width;
        if (u->regions[h]) {
            struct sw_prepared_product product = {u->regions[h], columns, out, .fresh = 1};
            sw_gemm_prepared(compute, words, width, y, width, &product, 1, columns);
        } else {
            sw_gemm_one(compute, 0, 1, words, columns, width, 1, y, width, rows_of_block(u, input),
                        width, 0, out, columns);
        }
    }
}

static void score_captions(const struct scoring *s, struct unit *u, int first, int last)
{
    const struct sw_error *error = sw_graph_error(u->worker->graph);
    struct sw_whole_tile tile;
    multiply(u, first, last);
    for (int c = first; c < last; c++) {
        sw_tile_of_block(&tile, s->batch, u->worker, &u->block, c, 0);
        const struct sw_tensor *score = sw_tile_score(&tile);
        if (error->status != SW_OK)
            break;
        for (int l = 0; l < L && tile.image[l] >= 0; l++)
            s->out[(size_t)tile.image[l] * s->stride + c] = score ? score->data[l] : 0;
    }
}

static void score_unit(void *data, int chunk, int worker_index)
{
    const struct scoring *s = data;
    struct unit u = {.batch = s->batch,
                     .worker = &s->batch->model->workers[worker_index],
                     .block = {.block = chunk / s->caption_units}};
    if (u.worker->error.status != SW_OK)
        return;
    int first = chunk % s->caption_units * UNIT_CAPTIONS;
    int last = sw_min(first + UNIT_CAPTIONS, s->batch->words.groups);
    sw_graph_reset(u.worker->graph, 0);
    sw_arena_reset(u.worker->arena);
    int status = prepare(&u, first, last);
    for (int c = first; c < last && status == SW_OK; c += u.strip) {
        score_captions(s, &u, c, sw_min(last, c + u.strip));
        status = sw_graph_error(u.worker->graph)->status;
    }
    sw_worker_keep_error(u.worker, chunk);
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
