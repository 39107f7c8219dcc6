/* ops_lane_reduce.c -- a row of lanes to one number: the largest, and the log of a sum of
 * exponentials. Like lane_softmax they run along the columns k, over what the mask keeps, and read
 * an x that is stored transposed as well. */
#include "tensor/tape/graph.h"
#include "tensor/tape/ops.h"

#include <math.h>

enum { L = SW_LANES };

static int reduce_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    if (!sw_is_lanes(call->in[0]))
        return -1;
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    if (call->inputs == 2 && !sw_is_lanes_of(call->in[1], 1, x.columns))
        return -1;
    return sw_lanes_shape(dim, 1, x.rows);
}

static const float *mask_of(const struct sw_call *call)
{
    return call->inputs == 2 ? call->in[1]->data : NULL;
}

/* ---- lane_max ---- */

/* Which column of each row is largest: (R,L), -1 where the mask keeps none. */
static size_t max_saved_size(const struct sw_call *call)
{
    return sizeof(int) * L * (size_t)call->out->dim[1];
}

static void max_forward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    const float *mask = mask_of(call);
    for (int r = 0; r < x.rows; r++) {
        const float *from = call->in[0]->data + r * x.row * L;
        float *most = call->out->data + (size_t)r * L;
        int *at = (int *)call->saved + (size_t)r * L;
        for (int l = 0; l < L; l++) {
            most[l] = -INFINITY;
            at[l] = -1;
        }
        for (int k = 0; k < x.columns; k++)
            for (int l = 0; l < L; l++) {
                const float v = from[k * x.column * L + l];
                const int kept = !mask || mask[k * L + l] > 0.5f;
                const int larger = kept & ((v > most[l]) | (v != v) | (at[l] < 0));
                most[l] = larger ? v : most[l];
                at[l] = larger ? k : at[l];
            }
        for (int l = 0; l < L; l++)
            most[l] = at[l] < 0 ? 0 : most[l];
    }
}

/* dx = dy at the largest, the first one of equals */
static void max_backward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    const int *at = call->saved;
    float *dx = call->in[0]->grad;
    for (int r = 0; dx && r < x.rows; r++)
        for (int l = 0; l < L; l++) {
            const size_t one = (size_t)r * L + (size_t)l;
            if (at[one] >= 0)
                dx[(r * x.row + at[one] * x.column) * L + l] += call->out->grad[one];
        }
}

/* Few enough that no two columns come as close as the step of a finite difference. */
static const struct sw_sample max_samples[] = {
    {1, {SW_IN(-1, 1, 3, 5, 16)}, SW_NO_ARGS},
    {1, {SW_IN(-1, 1, 5, 3, 16)}, {.i = {1}}},
    {2, {SW_IN(-1, 1, 2, 4, 16), SW_CONSTANT_IN(0, 1, 1, 4, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-2, 2, 3, 2, 16), SW_CONSTANT_IN(0, 1, 1, 3, 16)}, {.i = {1}}},
    {1, {SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 2, 3, 16), SW_CONSTANT_IN(0, 0, 1, 3, 16)}, SW_NO_ARGS},
};

const struct sw_op sw_op_lane_max = {
    SW_OP_WITH(
        max, reduce_shape, max_samples, "lane_max", 1, 2, "(R,K,L)[,(1,K,L)]->(1,R,L)",
        "the largest x_rk of the columns that the mask keeps, 0 where it keeps none; i0: x is "
        "given as (K,R,L)"),
    .saved_size = max_saved_size,
};

/* ---- lane_lse ---- */

/* The softmax, which is the gradient: (R,K,L). */
static size_t lse_saved_size(const struct sw_call *call)
{
    return sizeof(float) * sw_tensor_count(call->in[0]);
}

/* The softmax's largest weight stands at the x that exp took as 1, so that sum_k exp(f0 (x_k - x))
 * is one over that weight. */
static void lse_forward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    const float lambda = call->args->f[0];
    float *softmax = call->saved;
    sw_kernels_of(call)->lane_softmax(x.rows, x.columns, lambda, call->in[0]->data, x.row, x.column,
                                      mask_of(call), softmax);
    for (int r = 0; r < x.rows; r++) {
        const float *weight = softmax + (size_t)r * (size_t)x.columns * L;
        const float *from = call->in[0]->data + r * x.row * L;
        for (int l = 0; l < L; l++) {
            int top = 0;
            for (int k = 1; k < x.columns; k++)
                if (weight[k * L + l] > weight[top * L + l])
                    top = k;
            const float most = weight[top * L + l];
            call->out->data[(size_t)r * L + (size_t)l] =
                most == 0 ? 0 : from[top * x.column * L + l] - logf(most) / lambda;
        }
    }
}

/* dx_rk = dy_r softmax_rk */
static void lse_backward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    if (call->in[0]->grad)
        sw_kernels_of(call)->lane_scale(x.rows, x.columns, call->out->grad, call->saved, x.columns,
                                        1, call->in[0]->grad, x.row, x.column, 1);
}

static const struct sw_sample lse_samples[] = {
    {1, {SW_IN(-1, 1, 3, 5, 16)}, {.f = {6}}},
    {1, {SW_IN(-1, 1, 5, 2, 16)}, {.i = {1}, .f = {2}}},
    {2, {SW_IN(-1, 1, 1, 4, 16), SW_CONSTANT_IN(0, 1, 1, 4, 16)}, {.f = {1}}},
    {1, {SW_IN(-1, 1, 2, 3, 16)}, {.f = {-2}}},
    {1, {SW_IN(-1, 1, 2, 1, 16)}, {.f = {5}}},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_CONSTANT_IN(0, 0, 1, 3, 16)}, {.f = {2}}},
};

const struct sw_op sw_op_lane_lse = {
    SW_OP_WITH(
        lse, reduce_shape, lse_samples, "lane_lse", 1, 2, "(R,K,L)[,(1,K,L)]->(1,R,L)",
        "log(sum_k exp(f0 x_rk)) / f0 over the columns that the mask keeps, 0 where it keeps "
        "none; f0 is not 0; i0: x is given as (K,R,L)"),
    .saved_size = lse_saved_size,
};
