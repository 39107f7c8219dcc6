/* ops_group_columns.c -- each column of a group's fragments, taken as a whole: softmax and order.
 */
#include "tensor/tape/ops.h"
#include "tensor/ops/groups.h"

#include <stdint.h>
#include <string.h>

static int same_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (x->ndim != 2 || !sw_groups_fit(call->args->p, x->dim[0]))
        return -1;
    return sw_shape_2(out_dim, x->dim[0], x->dim[1]);
}

/* Columns taken at a time: those of an image's regions stay in cache from step to step. */
enum { COLUMNS = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- group_softmax ---- */

/* y = softmax of lambda x over the rows of `at`, `width` columns from one on. */
static void softmax_columns(const struct sw_call *call, int g, size_t from, size_t width)
{
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t C = (size_t)call->out->dim[1];
    const float lambda = call->args->f[0];
    float most[COLUMNS], sum[COLUMNS] = {0};
    for (int f = 0; f < groups->count[g]; f++) {
        const float *x = call->in[0]->data + sw_group_row(groups, g, f) * C + from;
        for (size_t c = 0; c < width; c++)
            most[c] = f && most[c] * lambda > x[c] * lambda ? most[c] : x[c];
    }
    for (int f = 0; f < groups->count[g]; f++) {
        size_t row = sw_group_row(groups, g, f) * C + from;
        float *y = call->out->data + row;
        kernels->sub(width, call->in[0]->data + row, most, y);
        kernels->affine(width, lambda, 0, y, y);
        kernels->exp(width, y, y);
        kernels->add(width, sum, y, sum);
    }
    for (size_t c = 0; c < width; c++)
        sum[c] = 1 / sum[c];
    for (int f = 0; f < groups->count[g]; f++) {
        float *y = call->out->data + sw_group_row(groups, g, f) * C + from;
        kernels->mul(width, y, sum, y);
    }
}

static void softmax_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    size_t C = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++)
        for (size_t c = 0; c < C && sw_group_size(groups, g); c += COLUMNS)
            softmax_columns(call, g, c, least(COLUMNS, C - c));
}

/* y_f = exp(lambda x_f) / sum over the group's fragments, column by column */
static void softmax_forward(const struct sw_call *call)
{
    sw_clear_padded(call, call->out->data, call->out->dim[1]);
    sw_over_groups(call, call->out->dim[1], softmax_some);
}

static void softmax_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t C = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++)
        for (size_t c = 0; c < C; c += COLUMNS) {
            size_t width = least(COLUMNS, C - c);
            float sum[COLUMNS] = {0}, rest[COLUMNS];
            for (int f = 0; f < sw_group_size(groups, g); f++) {
                size_t row = sw_group_row(groups, g, f) * C + c;
                kernels->mul_add(width, 1, call->out->data + row, call->out->grad + row, sum);
            }
            for (int f = 0; f < sw_group_size(groups, g); f++) {
                size_t row = sw_group_row(groups, g, f) * C + c;
                kernels->sub(width, call->out->grad + row, sum, rest);
                kernels->mul_add(width, call->args->f[0], call->out->data + row, rest,
                                 call->in[0]->grad + row);
            }
        }
}

/* dx_f += lambda y_f (dy_f - sum dy y) */
static void softmax_backward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], softmax_some_backward);
}

static const struct sw_sample softmax_samples[] = {
    {1, {SW_IN(-1, 1, 48, 3)}, {.f = {1}, .p = &sw_sample_regions}},
    {1, {SW_IN(-1, 1, 6, 1)}, {.f = {2.5f}, .p = &sw_sample_words}},
    {1, {SW_IN(-1, 1, 6, 131)}, {.f = {-1}, .p = &sw_sample_words}},
};

const struct sw_op sw_op_group_softmax = {
    SW_OP_WITH(softmax, same_shape, softmax_samples, "group_softmax", 1, 1, "(N,C)->(N,C)",
               "softmax of f0 x over each group's fragments, per column; zero in padding rows; p: "
               "sw_fragments"),
};

/* ---- group_sort ---- */

/* Rows of an image's regions lie so far apart, often by a power of two, that a cache holds few of
 * them at a time: some columns of all rows are brought together first. */
static size_t room_floats(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    return 2 * (size_t)groups->most * COLUMNS;
}

/* saved: each number's rank, (N,D); then two times (most,COLUMNS) numbers for each thread */
static size_t sort_saved_size(const struct sw_call *call)
{
    size_t ranks = (size_t)call->out->dim[0] * (size_t)call->out->dim[1] * sizeof(int32_t);
    return ranks + (size_t)sw_compute_threads(call->compute) * room_floats(call) * sizeof(float);
}

struct columns {
    const struct sw_call *call;
    size_t step, width; /* between a group's rows; of the columns */
    int count;
    float *near[2];
};

/* Calls work for the columns of a group in turn; `first` is the place of the group's first number.
 */
static void over_columns(const struct sw_call *call, int g, int worker,
                         void (*work)(const struct columns *columns, size_t first))
{
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    float *room = (float *)((int32_t *)call->saved + (size_t)call->out->dim[0] * D) +
                  (size_t)worker * room_floats(call);
    struct columns columns = {.call = call,
                              .step = (size_t)groups->stride * D,
                              .count = sw_group_size(groups, g),
                              .near = {room, room + room_floats(call) / 2}};
    for (size_t d = 0; d < D && columns.count; d += COLUMNS) {
        columns.width = least(COLUMNS, D - d);
        work(&columns, (size_t)groups->first[g] * D + d);
    }
}

static void bring_near(const struct columns *c, const float *x, float *near)
{
    for (int f = 0; f < c->count; f++)
        memcpy(near + (size_t)f * COLUMNS, x + (size_t)f * c->step, c->width * sizeof *x);
}

/* Ranks by counting: with tens of fragments as fast as sorting, and the same work on all columns.
 * Each number then goes to the row of its rank. A NaN has no rank that is its own; the rows that
 * stay without a number become NaN. */
static void sort_columns(const struct columns *c, size_t first)
{
    const float *x = c->near[0];
    float *sorted = c->near[1], *out = c->call->out->data + first;
    int32_t *rank = (int32_t *)c->call->saved + first;
    bring_near(c, c->call->in[0]->data + first, c->near[0]);
    memset(sorted, 0xff, (size_t)c->count * COLUMNS * sizeof *sorted);
    for (int f = 0; f < c->count; f++, rank += c->step, x += COLUMNS) {
        sw_kernels_of(c->call)->column_ranks(c->count, f, c->width, c->near[0], COLUMNS, rank);
        for (size_t d = 0; d < c->width; d++)
            sorted[(size_t)rank[d] * COLUMNS + d] = x[d];
    }
    for (int f = 0; f < c->count; f++)
        memcpy(out + (size_t)f * c->step, sorted + (size_t)f * COLUMNS, c->width * sizeof *out);
}

static void sort_group(void *data, int group, int worker)
{
    over_columns(data, group, worker, sort_columns);
}

/* Row r of a group: the r-th largest number of each column. */
static void sort_forward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    sw_clear_padded(call, call->out->data, call->out->dim[1]);
    sw_parallel(call->compute, groups->groups, sort_group, (void *)call);
}

static void sort_columns_backward(const struct columns *c, size_t first)
{
    const int32_t *rank = (const int32_t *)c->call->saved + first;
    float *dx = c->call->in[0]->grad + first;
    bring_near(c, c->call->out->grad + first, c->near[0]);
    for (int f = 0; f < c->count; f++, rank += c->step, dx += c->step)
        for (size_t d = 0; d < c->width; d++)
            dx[d] += c->near[0][(size_t)rank[d] * COLUMNS + d];
}

static void sort_group_backward(void *data, int group, int worker)
{
    over_columns(data, group, worker, sort_columns_backward);
}

/* dx takes the gradient of the place it went to. */
static void sort_backward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    sw_parallel(call->compute, groups->groups, sort_group_backward, (void *)call);
}

static const struct sw_sample sort_samples[] = {
    {1, {SW_IN(-9, 9, 48, 3)}, {.p = &sw_sample_regions}},
    {1, {SW_IN(-9, 9, 6, 5)}, {.p = &sw_sample_words}},
};

const struct sw_op sw_op_group_sort = {
    SW_OP_WITH(
        sort, same_shape, sort_samples, "group_sort", 1, 1, "(N,D)->(N,D)",
        "numbers of each column in falling order within each group; zero in padding rows; p: "
        "sw_fragments"),
    .saved_size = sort_saved_size,
};
