/* ops_group.c -- the fragments of each image or caption made one row: mean, largest, last, weighted
 * sum. A group's fragments are its own, so groups are what threads share out. */
#include "tensor/tape/ops.h"
#include "tensor/ops/groups.h"

#include <stdint.h>
#include <string.h>

/* (N,D) -> (G,D) */
static int pooled_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[call->inputs - 1];
    if (x->ndim != 2 || !sw_groups_fit(call->args->p, x->dim[0]))
        return -1;
    return sw_shape_2(out_dim, sw_group_rows(call->args->p), x->dim[1]);
}

/* ---- group_mean ---- */

static void mean_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t D = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++) {
        float *out = call->out->data + (size_t)g * D;
        int count = sw_group_size(groups, g);
        memset(out, 0, D * sizeof *out);
        for (int f = 0; f < count; f++)
            kernels->add(D, out, call->in[0]->data + sw_group_row(groups, g, f) * D, out);
        if (count > 1)
            kernels->affine(D, 1.0f / (float)count, 0, out, out);
    }
}

/* out_g = sum_f x_f / count */
static void mean_forward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], mean_some);
}

static void mean_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++) {
        int count = sw_group_size(groups, g);
        for (int f = 0; f < count; f++)
            sw_kernels_of(call)->axpy(D, 1.0f / (float)count, call->out->grad + (size_t)g * D,
                                      call->in[0]->grad + sw_group_row(groups, g, f) * D);
    }
}

/* dx_f += dout_g / count */
static void mean_backward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], mean_some_backward);
}

static const struct sw_sample pooled_samples[] = {
    {1, {SW_IN(-1, 1, 48, 3)}, {.p = &sw_sample_regions}},
    {1, {SW_IN(-1, 1, 6, 5)}, {.p = &sw_sample_words}},
};

static const struct sw_op group_mean = {
    SW_OP_WITH(mean, pooled_shape, pooled_samples, "group_mean", 1, 1, "(N,D)->(G,D)",
               "mean of each group's fragments, zero for a group without any; p: sw_fragments"),
};

/* ---- group_max ---- */

static int max_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    return call->args->i[0] < 0 ? -1 : pooled_shape(call, out_dim);
}

/* saved: which fragment it was, (G,D) */
static size_t max_saved_size(const struct sw_call *call)
{
    return (size_t)call->out->dim[0] * (size_t)call->out->dim[1] * sizeof(int32_t);
}

/* Of equal numbers the first; a NaN stays. */
static void take_larger(size_t D, int f, const float *x, float *out, int32_t *which)
{
    for (size_t d = 0; d < D; d++) {
        int larger = !(x[d] <= out[d]) & (out[d] == out[d]);
        out[d] = larger ? x[d] : out[d];
        which[d] = larger ? f : which[d];
    }
}

static void max_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++) {
        float *out = call->out->data + (size_t)g * D;
        int32_t *which = (int32_t *)call->saved + (size_t)g * D;
        int count = sw_group_size(groups, g) - call->args->i[0];
        memset(which, 0, D * sizeof *which);
        if (sw_group_size(groups, g) == 0)
            memset(out, 0, D * sizeof *out);
        else
            memcpy(out, call->in[0]->data + sw_group_row(groups, g, 0) * D, D * sizeof *out);
        for (int f = 1; f < count; f++)
            take_larger(D, f, call->in[0]->data + sw_group_row(groups, g, f) * D, out, which);
    }
}

/* out_gd = max_f x_fd */
static void max_forward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], max_some);
}

static void max_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++) {
        const int32_t *which = (const int32_t *)call->saved + (size_t)g * D;
        const float *dout = call->out->grad + (size_t)g * D;
        for (size_t d = 0; d < D && sw_group_size(groups, g); d++)
            call->in[0]->grad[sw_group_row(groups, g, which[d]) * D + d] += dout[d];
    }
}

/* The largest takes the gradient. */
static void max_backward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], max_some_backward);
}

static const struct sw_sample max_samples[] = {
    {1, {SW_IN(-9, 9, 48, 3)}, {.p = &sw_sample_regions}},
    {1, {SW_IN(-9, 9, 6, 2)}, {.p = &sw_sample_words}},
    {1, {SW_IN(-9, 9, 6, 3)}, {.i = {2}, .p = &sw_sample_words}},
};

static const struct sw_op group_max = {
    SW_OP(max, "group_max", 1, 1, "(N,D)->(G,D)",
          "largest number of each group's fragments per column, without the last i0 fragments but "
          "with the first; zero for a group without any; p: sw_fragments"),
    .saved_size = max_saved_size,
};

/* ---- group_last ---- */

/* out_g = x of the last fragment */
static void last_forward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    memset(call->out->data, 0, (size_t)call->out->dim[0] * D * sizeof(float));
    for (int g = 0; g < groups->groups; g++)
        if (groups->count[g])
            memcpy(call->out->data + (size_t)g * D,
                   call->in[0]->data + sw_group_row(groups, g, groups->count[g] - 1) * D,
                   D * sizeof(float));
}

static void last_backward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    size_t D = (size_t)call->out->dim[1];
    for (int g = 0; g < groups->groups; g++)
        if (groups->count[g]) {
            float *dx = call->in[0]->grad + sw_group_row(groups, g, groups->count[g] - 1) * D;
            sw_kernels_of(call)->add(D, dx, call->out->grad + (size_t)g * D, dx);
        }
}

static const struct sw_op group_last = {
    SW_OP_WITH(last, pooled_shape, pooled_samples, "group_last", 1, 1, "(N,D)->(G,D)",
               "last fragment of each group, zero for a group without any; p: sw_fragments"),
};

/* ---- group_mix ---- */

static int mix_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *w = call->in[0], *x = call->in[1];
    if (w->ndim != 2 || x->ndim != 2 || w->dim[0] != x->dim[0] ||
        (w->dim[1] != 1 && w->dim[1] != x->dim[1]))
        return -1;
    return pooled_shape(call, out_dim);
}

static void mix_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t D = (size_t)call->out->dim[1];
    int one = call->in[0]->dim[1] == 1;
    for (int g = from; g < to; g++) {
        float *out = call->out->data + (size_t)g * D;
        memset(out, 0, D * sizeof *out);
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            size_t row = sw_group_row(groups, g, f);
            const float *x = call->in[1]->data + row * D;
            if (one)
                kernels->axpy(D, call->in[0]->data[row], x, out);
            else
                kernels->mul_add(D, 1, call->in[0]->data + row * D, x, out);
        }
    }
}

/* out_g = sum_f w_f x_f */
static void mix_forward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], mix_some);
}

static void mix_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *w = call->in[0], *x = call->in[1];
    size_t D = (size_t)call->out->dim[1];
    int one = w->dim[1] == 1;
    for (int g = from; g < to; g++) {
        const float *dout = call->out->grad + (size_t)g * D;
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            size_t row = sw_group_row(groups, g, f);
            if (x->grad && one)
                kernels->axpy(D, w->data[row], dout, x->grad + row * D);
            else if (x->grad)
                kernels->mul_add(D, 1, w->data + row * D, dout, x->grad + row * D);
            if (w->grad && one)
                w->grad[row] += kernels->dot(D, dout, x->data + row * D);
            else if (w->grad)
                kernels->mul_add(D, 1, x->data + row * D, dout, w->grad + row * D);
        }
    }
}

/* dx_f += w_f dout_g;  dw_f += x_f dout_g, summed over the columns that share a weight */
static void mix_backward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], mix_some_backward);
}

static const struct sw_sample mix_samples[] = {
    {2, {SW_IN(-1, 1, 48, 3), SW_IN(-1, 1, 48, 3)}, {.p = &sw_sample_regions}},
    {2, {SW_IN(-1, 1, 6, 1), SW_IN(-1, 1, 6, 5)}, {.p = &sw_sample_words}},
};

static const struct sw_op group_mix = {
    SW_OP(mix, "group_mix", 2, 2, "(N,D or 1),(N,D)->(G,D)",
          "sum of w x over each group's fragments; p: sw_fragments"),
};

const struct sw_op *const sw_ops_group[] = {
    &group_mean,
    &group_max,
    &group_last,
    &group_mix,
    &sw_op_group_softmax,
    &sw_op_group_sort,
    &sw_op_group_attention,
    &sw_op_group_windows,
    &sw_op_group_dots,
    NULL,
};
