/* ops_gram.c -- G = X Y^T within each group of rows. */
#include "tensor/tape/ops.h"
#include "tensor/ops/live_rows.h"
#include "tensor/ops/groups.h"
#include "tensor/ops/rows.h"

#include <string.h>

static int gram_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    const struct sw_fragments *groups = call->args->p;
    if (call->inputs == 2 && (call->in[1]->ndim != 2 || call->in[1]->dim[0] != x->dim[0] ||
                              call->in[1]->dim[1] != x->dim[1]))
        return -1;
    if (x->ndim != 2 || !sw_groups_fit(groups, x->dim[0]))
        return -1;
    /* Row lengths as the matrix products take them. */
    int step;
    if (__builtin_mul_overflow(groups->stride, x->dim[1], &step) ||
        __builtin_mul_overflow(groups->stride, groups->most, &step))
        return -1;
    return sw_shape_2(out_dim, x->dim[0], groups->most);
}

/* saved: room for one group's gradient on each thread */
static size_t gram_saved_size(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    if (!call->out->grad)
        return 0;
    return (size_t)sw_compute_threads(call->compute) * (size_t)groups->most * (size_t)groups->most *
           sizeof(float);
}

static void clear_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t most = (size_t)call->out->dim[1];
    memset(call->out->data + (size_t)from * most, 0, (size_t)(to - from) * most * sizeof(float));
}

/* Groups in a chunk: the same for all, so the bits do not depend on it. */
enum { GROUPS = 2 };

static void gram_groups(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    int D = call->in[0]->dim[1], most = groups->most, step = groups->stride;
    const float *second = call->in[call->inputs - 1]->data;
    for (int g = chunk * GROUPS; g < (chunk + 1) * GROUPS && g < groups->groups; g++) {
        int count = groups->count[g];
        size_t first = (size_t)groups->first[g], line = (size_t)step * (size_t)most;
        const float *x = call->in[0]->data + first * (size_t)D;
        const float *y = second + first * (size_t)D;
        float *out = call->out->data + first * (size_t)most;
        sw_gemm_one(call->compute, 0, 1, count, count, D, 1, x, step * D, y, step * D, 0, out,
                    step * most);
        for (int i = 1; call->inputs == 1 && i < count; i++)
            for (int j = 0; j < i; j++)
                out[(size_t)i * line + (size_t)j] = out[(size_t)j * line + (size_t)i];
    }
}

/* Row f of a group: out_ff' = x_f . y_f', exactly symmetric where y is x; zero beyond the group's
 * count and in rows that belong to no group. */
static void gram_forward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    sw_over_rows(call->compute, call->out->dim[0], call->out->dim[1], clear_some, call);
    if (call->in[0]->dim[1] > 0)
        sw_parallel(call->compute, (groups->groups + GROUPS - 1) / GROUPS, gram_groups,
                    (void *)call);
}

static void gram_groups_backward(void *data, int chunk, int worker)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    int D = call->in[0]->dim[1], most = groups->most, step = groups->stride;
    float *both = (float *)call->saved + (size_t)worker * (size_t)most * (size_t)most;
    for (int g = chunk * GROUPS; g < (chunk + 1) * GROUPS && g < groups->groups; g++) {
        int count = groups->count[g];
        size_t first = (size_t)groups->first[g], line = (size_t)step * (size_t)most;
        const float *dout = call->out->grad + first * (size_t)most;
        for (size_t i = 0; i < (size_t)count; i++)
            for (size_t j = 0; j < (size_t)count; j++)
                both[i * (size_t)count + j] = dout[i * line + j] + dout[j * line + i];
        if (!sw_is_live(both, (size_t)count * (size_t)count))
            continue;
        sw_gemm_one(call->compute, 0, 0, count, D, count, 1, both, count,
                    call->in[0]->data + first * (size_t)D, step * D, 1,
                    call->in[0]->grad + first * (size_t)D, step * D);
    }
}

static void add_side(const struct sw_call *call, int side, int g)
{
    const struct sw_fragments *groups = call->args->p;
    const struct sw_tensor *to = call->in[side], *from = call->in[1 - side];
    int D = to->dim[1], most = groups->most, step = groups->stride, count = groups->count[g];
    size_t first = (size_t)groups->first[g];
    if (to->grad)
        sw_gemm_one(call->compute, side, 0, count, D, count, 1,
                    call->out->grad + first * (size_t)most, step * most,
                    from->data + first * (size_t)D, step * D, 1, to->grad + first * (size_t)D,
                    step * D);
}

static void gram_groups_of_two(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    for (int g = chunk * GROUPS; g < (chunk + 1) * GROUPS && g < groups->groups; g++) {
        add_side(call, 0, g);
        add_side(call, 1, g);
    }
}

/* dX += (dG + dG^T) X within each group; of two inputs dX += dG Y, dY += dG^T X */
static void gram_backward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    if (call->in[0]->dim[1] > 0)
        sw_parallel(call->compute, (groups->groups + GROUPS - 1) / GROUPS,
                    call->inputs == 2 ? gram_groups_of_two : gram_groups_backward, (void *)call);
}

/* Three images of up to 3 regions, four rows apart, with two padding rows; captions end to end. */
static const int strided_first[] = {0, 1, 2}, strided_count[] = {3, 1, 2};
static const struct sw_fragments strided = {3, 12, 3, 4, strided_first, strided_count};
static const int dense_first[] = {0, 2, 2}, dense_count[] = {2, 0, 4};
static const struct sw_fragments dense = {3, 6, 4, 1, dense_first, dense_count};

static const struct sw_sample gram_samples[] = {
    {1, {{2, {12, 2}, -1, 1, 0}}, {{0}, {0}, &strided}},
    {1, {{2, {6, 3}, -1, 1, 0}}, {{0}, {0}, &dense}},
    {2, {{2, {12, 2}, -1, 1, 0}, {2, {12, 2}, -1, 1, 0}}, {{0}, {0}, &strided}},
    {2, {{2, {6, 3}, -1, 1, 0}, {2, {6, 3}, -1, 1, 0}}, {{0}, {0}, &dense}},
};

const struct sw_op sw_op_gram = {
    SW_OP(gram, "gram", 1, 2, "(N,D)[,(N,D)]->(N,most)",
          "x_f . y_f' (or x_f . x_f') for the rows f, f' of each group; p: sw_fragments of N rows"),
    .saved_size = gram_saved_size,
};
