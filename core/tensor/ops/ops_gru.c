/* ops_gru.c -- a GRU over captions, each as if it were alone, in one direction or both.
 *
 * The two directions are two chunks of work, or, where there are threads for more, twice the blocks
 * of at most 256 units per step; either way the same products run on the same numbers. */
#include "tensor/tape/ops.h"
#include "base/values.h"
#include "tensor/ops/gru_peers.h"
#include "tensor/ops/gru_plan.h"
#include "tensor/ops/gru_recurrent.h"
#include "tensor/ops/gru_shares.h"
#include "tensor/ops/live_rows.h"
#include "tensor/ops/rows.h"

#include <string.h>

/* Slots of a row of gates, see gru_plan.h. */
enum { SLOT_N, SLOT_R, SLOT_Z, SLOT_A, SLOTS = SW_GRU_SLOTS };

/* Where words repeat: the row of x that each has. */
static const struct sw_tensor *index_of(const struct sw_call *call)
{
    int last = 1 + sw_gru_sides(call) * SW_GRU_PARAMETERS;
    return call->inputs > last ? call->in[last] : NULL;
}

static int is(const struct sw_tensor *x, int ndim, int rows, int columns)
{
    return x->ndim == ndim && x->dim[0] == rows && (ndim == 1 || x->dim[1] == columns);
}

static int gru_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[SW_GRU_WORDS], *hh = call->in[SW_GRU_WEIGHT_HH];
    const struct sw_tensor *index = index_of(call);
    if (x->ndim != 2 || hh->ndim != 2 || (index && !sw_index_fits(index, x->dim[0])))
        return -1;
    int N = index ? index->dim[0] : x->dim[0];
    if (!sw_gru_fits(call->args->p, N))
        return -1;
    int W = x->dim[1], D = hh->dim[1], D3, from = call->args->i[0], columns = call->args->i[1];
    if (from < 0 || columns < 0 || from > W - columns)
        return -1;
    if (D < 1 || W < 1 || __builtin_mul_overflow(D, SLOTS, &D3))
        return -1;
    D3 = 3 * D;
    for (int side = 0; side < sw_gru_sides(call); side++)
        if (!is(sw_gru_parameter(call, side, SW_GRU_WEIGHT_IH), 2, D3, W) ||
            !is(sw_gru_parameter(call, side, SW_GRU_WEIGHT_HH), 2, D3, D) ||
            !is(sw_gru_parameter(call, side, SW_GRU_BIAS_IH), 1, D3, 0) ||
            !is(sw_gru_parameter(call, side, SW_GRU_BIAS_HH), 1, D3, 0))
            return -1;
    return sw_shape_2(out_dim, N, D);
}

/* Columns of x that take a gradient: i1 of them from i0 on, or all when i1 is 0. */
static int wanted_columns(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[SW_GRU_WORDS];
    return !x->grad ? 0 : call->args->i[1] ? call->args->i[1] : x->dim[1];
}

static struct sw_gru_sizes sizes_of(const struct sw_call *call)
{
    int D = call->out->dim[1];
    return (struct sw_gru_sizes){.inputs = call->in[SW_GRU_WORDS]->dim[0],
                                 .width = call->in[SW_GRU_WORDS]->dim[1],
                                 .dim = D,
                                 .sides = sw_gru_sides(call),
                                 .records = call->out->grad != NULL,
                                 .dx_columns = wanted_columns(call),
                                 .prepared_bytes = sw_gru_prepared_bytes(call->compute, D)};
}

static size_t gru_saved_size(const struct sw_call *call)
{
    struct sw_gru_sizes sizes = sizes_of(call);
    return sw_gru_bytes(call->args->p, &sizes);
}

/* ---- the walk through the steps ---- */

struct walk {
    const struct sw_call *call;
    const struct sw_kernels *kernels;
    const struct sw_gru *gru;
    const struct sw_gru_part *part;  /* its steps are walked; back, its live captions */
    const struct sw_gru_part *whole; /* back: where the part's gates and states lie */
    struct sw_gru_recurrent recurrent;
    void (*step)(const struct walk *walk, int side, int t, int block);
    int backwards; /* from the last step to the first */
    int D;
    struct sw_gru_span span; /* the captions of the part that are walked */
    int t;                   /* of the chunks that run, where chunks are single steps */
};

static int step_at(const struct walk *walk, int count)
{
    return walk->backwards ? walk->part->steps - 1 - count : count;
}

static int goes_on(const struct walk *walk)
{
    return !sw_compute_interrupted(walk->call->compute);
}

static void walk_side(void *data, int side, int worker)
{
    (void)worker;
    const struct walk *walk = data;
    for (int count = 0; count < walk->part->steps && goes_on(walk); count++)
        for (int block = 0; block < walk->recurrent.blocks; block++)
            walk->step(walk, side, step_at(walk, count), block);
}

/* Captions that are walked and have more than t words: [first, what this returns). */
static int walked(const struct walk *walk, int t)
{
    int running = walk->part->running[t];
    return sw_min(running, walk->span.last);
}

static void walk_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct walk *walk = data;
    int blocks = walk->recurrent.blocks;
    walk->step(walk, chunk / blocks, walk->t, chunk % blocks);
}

static void walk_steps(struct walk *walk)
{
    struct sw_compute *compute = walk->call->compute;
    if (walk->recurrent.blocks == 1 || sw_compute_threads(compute) <= walk->gru->sides) {
        sw_parallel(compute, walk->gru->sides, walk_side, walk);
        return;
    }
    for (int count = 0; count < walk->part->steps && goes_on(walk); count++) {
        walk->t = step_at(walk, count);
        sw_parallel(compute, walk->gru->sides * walk->recurrent.blocks, walk_chunk, walk);
    }
}

static struct walk new_walk(const struct sw_call *call, int backwards)
{
    int D = call->out->dim[1];
    struct walk walk = {.call = call,
                        .kernels = sw_compute_kernels(call->compute),
                        .gru = call->saved,
                        .backwards = backwards,
                        .D = D};
    sw_gru_recurrent_init(&walk.recurrent, call->compute, D, backwards);
    walk.recurrent.sides = walk.gru->sides;
    for (int side = 0; side < walk.gru->sides; side++) {
        walk.recurrent.weight[side] = sw_gru_parameter(call, side, SW_GRU_WEIGHT_HH)->data;
        walk.recurrent.prepared[side] = walk.gru->prepared[side];
    }
    return walk;
}

static float *gates_row(const struct walk *walk, float *const gates[SW_GRU_SIDES], int side,
                        size_t row)
{
    return gates[side] + row * SLOTS * (size_t)walk->D;
}

/* The state that caption i of a part starts step t from: zero at the first. */
static const float *state_before(const struct walk *walk, const struct sw_gru_part *part, int side,
                                 int t, int i)
{
    static const float zero[SW_GRU_UNITS];
    if (t == 0)
        return zero;
    return walk->gru->h[side] + sw_gru_state(part, t - 1, i) * (size_t)walk->D;
}

/* ---- inputs: what the rows of x give to the gates, and take back ---- */

struct rows_work {
    const struct walk *walk;
    int side;
};

/* gates = the share of the word's row of x, and b_hn */
static void spread_some(const void *data, int from, int to)
{
    const struct rows_work *work = data;
    const struct sw_gru *gru = work->walk->gru;
    const struct sw_gru_part *part = work->walk->part;
    size_t D = (size_t)gru->dim, bytes = D * sizeof(float);
    const float *hidden =
        sw_gru_parameter(work->walk->call, work->side, SW_GRU_BIAS_HH)->data + 2 * D;
    for (int t = from; t < to; t++)
        for (int i = 0; i < part->running[t]; i++) {
            size_t word = sw_gru_word(gru, part, work->side, t, i);
            const float *share = gru->shares[work->side] + sw_gru_input(gru, word) * 3 * D;
            float *row = gates_row(work->walk, gru->gates, work->side,
                                   part->at + (size_t)(part->start[t] + i));
            memcpy(row + SLOT_N * D, share + 2 * D, bytes);
            memcpy(row + SLOT_R * D, share, 2 * bytes);
            memcpy(row + SLOT_A * D, hidden, bytes);
        }
}

static void over_steps(const struct walk *walk, int side, int columns,
                       void (*work)(const void *data, int from, int to))
{
    struct rows_work data = {walk, side};
    double cost = (double)walk->part->captions * columns;
    sw_over_rows(walk->call->compute, walk->part->steps, cost < 1e9 ? (int)cost : (int)1e9, work,
                 &data);
}

/* ---- a part's gradients of what acts on the state ---- */

static int is_whole(const struct walk *walk)
{
    return walk->part->captions == walk->whole->captions;
}

/* packed (rows after the first step, D): the states that the live captions' steps start from. */
static void pack_states(const void *data, int from, int to)
{
    const struct rows_work *work = data;
    const struct walk *walk = work->walk;
    const struct sw_gru_part *part = walk->part;
    size_t D = (size_t)walk->D;
    float *out = walk->gru->packed[work->side];
    for (int t = from > 0 ? from : 1; t < to; t++)
        for (int i = 0; i < part->running[t]; i++)
            memcpy(out + (size_t)(part->start[t] + i - part->running[0]) * D,
                   state_before(walk, walk->whole, work->side, t, walk->gru->place[i]),
                   D * sizeof(float));
}

/* dW_hh += dgates^T h over all steps but the first, of r, z and a; db_hh += column sums of a */
static void states_backward(const struct walk *walk)
{
    const struct sw_gru *gru = walk->gru;
    const struct sw_gru_part *part = walk->part;
    struct sw_compute *compute = walk->call->compute;
    int D = walk->D, row = SLOTS * D, count = 0;
    size_t later = (size_t)part->running[0];
    struct sw_product_of list[SW_GRU_SIDES];
    for (int side = 0; side < gru->sides; side++) {
        float *grad = sw_gru_parameter(walk->call, side, SW_GRU_WEIGHT_HH)->grad;
        const float *h = gru->h[side] + walk->whole->at * (size_t)D;
        if (grad && !is_whole(walk)) {
            over_steps(walk, side, D, pack_states);
            h = gru->packed[side];
        }
        if (grad)
            list[count++] = sw_product_of(1, 0, 3 * D, D, part->rows - part->running[0],
                                          gru->dgates[side] + SLOT_R * D + later * (size_t)row, row,
                                          h, D, 1, grad, D);
    }
    sw_gemm_all(compute, list, count);
    for (int side = 0; side < gru->sides; side++) {
        float *grad = sw_gru_parameter(walk->call, side, SW_GRU_BIAS_HH)->grad;
        if (grad)
            sw_add_column_sums(compute, part->rows, D, gru->dgates[side] + SLOT_A * D, (size_t)row,
                               grad + 2 * D);
    }
}

/* ---- a step ---- */

/* r, z, a += h W_hh^T, then the cell, for the units of a block in one step:
 * r = sigmoid(r), z = sigmoid(z), n = tanh(n + r a), h = (1 - z) n + z h. */
static void step_forward(const struct walk *walk, int side, int t, int block)
{
    const struct sw_gru_recurrent *recurrent = &walk->recurrent;
    const struct sw_gru_part *part = walk->part;
    int D = walk->D, first = walk->span.first, running = walked(walk, t);
    int from = block * recurrent->units, units = sw_gru_units(recurrent, block);
    float *gates = gates_row(walk, walk->gru->gates, side, part->at + (size_t)part->start[t]);
    if (running <= first)
        return;
    if (t > 0)
        sw_gru_multiply(recurrent, side, block, running - first,
                        state_before(walk, part, side, t, first),
                        gates + (size_t)first * SLOTS * (size_t)D + SLOT_R * D, SLOTS * D);
    for (int i = first; i < running; i++)
        walk->kernels->gru_forward(units, gates + (size_t)i * SLOTS * (size_t)D + from, (size_t)D,
                                   state_before(walk, part, side, t, i) + (t ? from : 0),
                                   walk->gru->h[side] + sw_gru_state(part, t, i) * (size_t)D +
                                       from);
}

/* share of the word's row of x += dgates, of the units of a block. */
static void add_to_share(const struct walk *walk, int side, size_t word, const float *dgates,
                         int block)
{
    const struct sw_gru *gru = walk->gru;
    size_t D = (size_t)walk->D, from = (size_t)(block * walk->recurrent.units);
    size_t units = (size_t)sw_gru_units(&walk->recurrent, block);
    float *share = gru->shares[side] + sw_gru_input(gru, word) * 3 * D + from;
    for (size_t slot = SLOT_N; slot <= SLOT_Z; slot++) {
        float *sum = share + (slot + 2) % 3 * D;
        walk->kernels->add(units, sum, dgates + slot * D, sum);
    }
}

/* The gradient of h after step t is what later steps ask for, dgates(t+1) W_hh and z dh, and half
 * that of the result. It is carried in the rows of the last states, which forward is done with. */
static void step_backward(const struct walk *walk, int side, int t, int block)
{
    const struct sw_gru_recurrent *recurrent = &walk->recurrent;
    const struct sw_gru_part *part = walk->part;
    const struct sw_gru *gru = walk->gru;
    int D = walk->D, first = walk->span.first, running = walked(walk, t),
        later = walked(walk, t + 1);
    int from = block * recurrent->units, units = sw_gru_units(recurrent, block);
    size_t U = (size_t)units, row_size = SLOTS * (size_t)D;
    float *dh = gru->h[side] + sw_gru_state(walk->whole, walk->whole->steps - 1, 0) * (size_t)D;
    float *carried = dh + from;
    if (part->running[t + 1] == 0)
        for (int i = first; i < walked(walk, 0); i++)
            memset(carried + (size_t)i * (size_t)D, 0, U * sizeof *carried);
    else if (later > first)
        sw_gru_multiply_back(recurrent, side, block, later - first,
                             gru->dgates[side] + (size_t)(part->start[t + 1] + first) * row_size +
                                 SLOT_R * D,
                             SLOTS * D, dh + (size_t)first * (size_t)D);
    for (int i = first; i < running; i++) {
        size_t row = (size_t)(part->start[t] + i);
        size_t whole_row = walk->whole->at + (size_t)(walk->whole->start[t] + gru->place[i]);
        size_t word = sw_gru_word(gru, part, side, t, i);
        const float *gates = gates_row(walk, gru->gates, side, whole_row) + from;
        float *dgates = gru->dgates[side] + row * row_size + from;
        walk->kernels->gru_backward(
            units, gates, dgates, (size_t)D,
            state_before(walk, walk->whole, side, t, gru->place[i]) + (t ? from : 0),
            1.0f / (float)gru->sides, walk->call->out->grad + word * (size_t)D + from,
            carried + (size_t)i * (size_t)D);
        if (!walk->span.is_shared)
            add_to_share(walk, side, word, dgates, block);
    }
}

/* What step_backward leaves to later: the sums over the words of all captions, in its order. */
static void add_to_shares(void *data, int chunk, int worker)
{
    (void)worker;
    const struct walk *walk = data;
    const struct sw_gru_part *part = walk->part;
    int blocks = walk->recurrent.blocks, side = chunk / blocks;
    for (int t = part->steps - 1; t >= 0; t--)
        for (int i = 0; i < part->running[t]; i++)
            add_to_share(walk, side, sw_gru_word(walk->gru, part, side, t, i),
                         gates_row(walk, walk->gru->dgates, side, (size_t)(part->start[t] + i)),
                         chunk % blocks);
}

static void share_dgates(struct walk *walk)
{
    if (!walk->span.is_shared)
        return;
    sw_gru_exchange_dgates(&walk->span);
    sw_parallel(walk->call->compute, walk->gru->sides * walk->recurrent.blocks, add_to_shares,
                walk);
}

/* ---- the operation ---- */

/* out = the forward state, or (forward state + reverse state) / 2 */
static void join_some(const void *data, int from, int to)
{
    const struct rows_work *work = data;
    const struct sw_gru *gru = work->walk->gru;
    const struct sw_gru_part *part = work->walk->part;
    size_t D = (size_t)gru->dim;
    for (int t = from; t < to; t++)
        for (int i = 0; i < part->running[t]; i++) {
            const float *forward = gru->h[0] + sw_gru_state(part, t, i) * D;
            float *out = work->walk->call->out->data + sw_gru_word(gru, part, 0, t, i) * D;
            if (gru->sides == 1) {
                memcpy(out, forward, D * sizeof *out);
                continue;
            }
            int mirrored = gru->words->count[part->caption[i]] - 1 - t;
            const float *reverse = gru->h[1] + sw_gru_state(part, mirrored, i) * D;
            for (size_t j = 0; j < D; j++)
                out[j] = (forward[j] + reverse[j]) * 0.5f;
        }
}

/* x: the word's row of X. For each direction and caption, over its words in that direction's order,
 * from h = 0: r = sigmoid(W_ir x + b_ir + W_hr h + b_hr),  z = sigmoid(W_iz x + b_iz + W_hz h +
 * b_hz), n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h = (1 - z) n + z h;   out = the mean of the
 * directions. */
static void gru_forward(const struct sw_call *call)
{
    const struct sw_fragments *words = call->args->p;
    struct sw_gru_sizes sizes = sizes_of(call);
    struct sw_gru *gru = sw_gru_lay_out(call->saved, words, &sizes);
    gru->index = index_of(call) ? index_of(call)->data : NULL;
    gru->dx_from = call->args->i[1] ? call->args->i[0] : 0;
    struct walk walk = new_walk(call, 0);
    walk.step = step_forward;
    sw_gru_prepare(&walk.recurrent);
    sw_gru_shares_forward(call);
    for (int p = 0; p < gru->parts; p++) {
        walk.part = &gru->part[p];
        for (int side = 0; side < gru->sides; side++)
            over_steps(&walk, side, SLOTS * walk.D, spread_some);
        walk.span = sw_gru_span(call->compute, gru, walk.part, NULL);
        walk_steps(&walk);
        sw_gru_exchange_states(&walk.span);
        over_steps(&walk, 0, walk.D, join_some);
    }
}

static void mark_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_gru *gru = call->saved;
    size_t D = (size_t)gru->dim;
    for (int c = from; c < to; c++)
        gru->is_live[c] = (unsigned char)sw_is_live(
            call->out->grad + (size_t)gru->words->first[c] * D, (size_t)gru->words->count[c] * D);
}

/* A caption whose states take no gradient gives none: it is left out. The gradients of x, W_ih and
 * b_ih stay the same to the last bit, sums over the words of all captions change their order. */
static void gru_backward(const struct sw_call *call)
{
    struct sw_gru *gru = call->saved;
    struct walk walk = new_walk(call, 1);
    walk.step = step_backward;
    sw_gru_prepare(&walk.recurrent);
    sw_gru_shares_clear(call);
    sw_over_rows(call->compute, gru->words->groups, gru->words->most * walk.D, mark_some, call);
    for (int p = 0; p < gru->parts; p++) {
        walk.whole = &gru->part[p];
        walk.part = &gru->live;
        sw_gru_lay_out_live(gru, walk.whole);
        if (!gru->live.captions)
            continue;
        walk.span = sw_gru_span(call->compute, gru, walk.part, walk.whole);
        walk_steps(&walk);
        share_dgates(&walk);
        states_backward(&walk);
    }
    sw_gru_shares_backward(call);
}

/* ---- samples ---- */

#define PARAMETERS_OF(W, D)                                               \
    {2, {3 * (D), W}, -0.8f, 0.8f, 0}, {2, {3 * (D), D}, -0.8f, 0.8f, 0}, \
        {1, {3 * (D)}, -0.5f, 0.5f, 0},                                   \
    {                                                                     \
        1, {3 * (D)}, -0.5f, 0.5f, 0                                      \
    }

static const int mixed_first[] = {0, 2, 3, 3}, mixed_count[] = {2, 1, 0, 4};
static const struct sw_fragments mixed = {4, 7, 4, 1, mixed_first, mixed_count};
static const int single_first[] = {0}, single_count[] = {3};
static const struct sw_fragments single = {1, 3, 3, 1, single_first, single_count};

static const struct sw_sample bigru_samples[] = {
    {9, {{2, {7, 3}, -1, 1, 0}, PARAMETERS_OF(3, 2), PARAMETERS_OF(3, 2)}, {{0}, {0}, &mixed}},
    {9, {{2, {3, 2}, -1, 1, 1}, PARAMETERS_OF(2, 3), PARAMETERS_OF(2, 3)}, {{0}, {0}, &single}},
    {10,
     {{2, {4, 3}, -1, 1, 0}, PARAMETERS_OF(3, 2), PARAMETERS_OF(3, 2), SW_CONSTANT_IN(0, 3.9f, 7)},
     {{0}, {0}, &mixed}},
};

static const struct sw_sample one_way_samples[] = {
    {5, {{2, {7, 3}, -1, 1, 0}, PARAMETERS_OF(3, 2)}, {{0}, {0}, &mixed}},
    {5, {{2, {3, 4}, -1, 1, 0}, PARAMETERS_OF(4, 3)}, {{0}, {0}, &single}},
    {6,
     {{2, {2, 4}, -1, 1, 0}, PARAMETERS_OF(4, 3), SW_CONSTANT_IN(0, 1.9f, 3)},
     {{0}, {0}, &single}},
};

#define GRU(inputs, table)                                                          \
    .least_inputs = inputs, .most_inputs = inputs + 1, .shape = gru_shape,          \
    .saved_size = gru_saved_size, .forward = gru_forward, .backward = gru_backward, \
    .products = sw_gru_products, SW_SAMPLES(table)

const struct sw_op sw_op_gru = {
    .name = "gru",
    .shapes = "(X,W),(3D,W),(3D,D),(3D),(3D)[,(N)]->(N,D)",
    .doc = "a forward GRU over captions of N words end to end; arguments as bigru's",
    GRU(5, one_way_samples),
};

const struct sw_op sw_op_bigru = {
    .name = "bigru",
    .shapes = "(X,W),(3D,W),(3D,D),(3D),(3D),(3D,W),(3D,D),(3D),(3D)[,(N)]->(N,D)",
    .doc = "mean of a forward and a reverse GRU over captions of N words end to end; p: their "
           "sw_fragments; the last input: which row of X each word has, else X is N; i1 columns of "
           "X from i0 on take a gradient, all when i1 is 0",
    GRU(9, bigru_samples),
};
