/* ops_lane_norm.c -- softmax, cosine, mean and l2 norm of lane tensors. */
#include "tensor/tape/ops.h"

/* ---- lane_softmax ---- */

static int softmax_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    if (!sw_is_lanes(call->in[0]))
        return -1;
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    if (call->inputs == 2 && !sw_is_lanes_of(call->in[1], 1, x.columns))
        return -1;
    return sw_lanes_shape(dim, x.rows, x.columns);
}

static void softmax_forward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    sw_kernels_of(call)->lane_softmax(x.rows, x.columns, call->args->f[0], call->in[0]->data, x.row,
                                      x.column, call->inputs == 2 ? call->in[1]->data : NULL,
                                      call->out->data);
}

/* dx_k = lambda y_k (dy_k - sum_j dy_j y_j); where y is 0, as in masked columns, so is dx. */
static void softmax_backward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    if (call->in[0]->grad)
        sw_kernels_of(call)->lane_softmax_backward(x.rows, x.columns, call->args->f[0],
                                                   call->out->data, call->out->grad,
                                                   call->in[0]->grad, x.row, x.column);
}

static const struct sw_sample softmax_samples[] = {
    {1, {SW_IN(-1, 1, 5, 7, 16)}, {.f = {1.5f}}},
    {1, {SW_IN(-1, 1, 7, 3, 16)}, {.i = {1}, .f = {2}}},
    {2, {SW_IN(-1, 1, 3, 6, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, {.f = {2}}},
    {2, {SW_IN(-1, 1, 6, 3, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, {.i = {1}, .f = {-2}}},
    {1, {SW_IN(-1, 1, 1, 4, 16)}, {.f = {4}}},
    {1, {SW_IN(-1, 1, 3, 1, 16)}, {.f = {4}}},
    {2, {SW_IN(-1, 1, 2, 3, 16), SW_CONSTANT_IN(0, 0, 1, 3, 16)}, {.f = {1}}},
};

const struct sw_op sw_op_lane_softmax = {
    SW_OP(
        softmax, "lane_softmax", 1, 2, "(R,K,L)[,(1,K,L)]->(R,K,L)",
        "exp(f0 x_rk) / sum_j exp(f0 x_rj) over the columns that the mask keeps, 0 in the others; "
        "i0: x is given as (K,R,L)"),
};

/* ---- lane_cosine ---- */

static int cosine_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *dot = call->in[0];
    if (!sw_is_lanes(dot) || dot->dim[0] != 1)
        return -1;
    const int R = dot->dim[1];
    for (int i = 1; i <= 2; i++)
        if (!sw_is_lanes_of(call->in[i], 1, R) && !sw_is_lanes_of(call->in[i], 1, 1))
            return -1;
    return sw_lanes_shape(dim, 1, R);
}

/* 0 where one number serves all rows. */
static ptrdiff_t step_of(const struct sw_tensor *x)
{
    return x->dim[1] > 1;
}

static void cosine_forward(const struct sw_call *call)
{
    const struct sw_tensor *dot = call->in[0], *xx = call->in[1], *yy = call->in[2];
    sw_kernels_of(call)->lane_cosine(dot->dim[1], dot->data, xx->data, step_of(xx), yy->data,
                                     step_of(yy), call->out->data);
}

/* c = dot / sqrt(xx yy): dc/ddot = 1 / sqrt(xx yy), dc/dxx = -c / (2 xx), dc/dyy = -c / (2 yy);
 * with a clamped denominator dc/ddot alone, 1e8. */
static void cosine_backward(const struct sw_call *call)
{
    const struct sw_tensor *dot = call->in[0], *xx = call->in[1], *yy = call->in[2];
    sw_kernels_of(call)->lane_cosine_backward(dot->dim[1], dot->data, xx->data, step_of(xx),
                                              yy->data, step_of(yy), call->out->grad, dot->grad,
                                              xx->grad, yy->grad);
}

static const struct sw_sample cosine_samples[] = {
    {3, {SW_IN(-1, 1, 1, 5, 16), SW_IN(0.5, 2, 1, 5, 16), SW_IN(0.5, 2, 1, 5, 16)}, SW_NO_ARGS},
    {3, {SW_IN(-1, 1, 1, 5, 16), SW_IN(0.5, 2, 1, 1, 16), SW_IN(0.5, 2, 1, 5, 16)}, SW_NO_ARGS},
    {3, {SW_IN(-1, 1, 1, 4, 16), SW_IN(0.5, 2, 1, 4, 16), SW_IN(0.5, 2, 1, 1, 16)}, SW_NO_ARGS},
    {3, {SW_IN(-1, 1, 1, 1, 16), SW_IN(0.5, 2, 1, 1, 16), SW_IN(0.5, 2, 1, 1, 16)}, SW_NO_ARGS},
    /* clamped: xx yy below 1e-16 */
    {3, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 0, 1, 3, 16), SW_IN(0.5, 2, 1, 3, 16)}, SW_NO_ARGS},
};

const struct sw_op sw_op_lane_cosine = {
    SW_OP(cosine, "lane_cosine", 3, 3, "(1,R,L),(1,R or 1,L),(1,R or 1,L)->(1,R,L)",
          "dot / max(sqrt(xx yy), 1e-8), from the dot product and both squared lengths; squared "
          "lengths below 0 count as 0"),
};

/* ---- lane_mean ---- */

static int mean_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_lanes(x) || x->dim[0] != 1)
        return -1;
    if (call->inputs == 2 && !sw_is_lanes_of(call->in[1], 1, x->dim[1]))
        return -1;
    return sw_lanes_shape(dim, 1, 1);
}

/* 1 / count of what a lane keeps, 0 where that is nothing; 1 for a sum. */
static void mean_factors(const struct sw_call *call, float factor[SW_LANES])
{
    const int R = call->in[0]->dim[1];
    float count[SW_LANES] = {0};
    for (int r = 0; r < R; r++)
        for (int l = 0; l < SW_LANES; l++)
            count[l] += call->inputs < 2 || call->in[1]->data[r * SW_LANES + l] > 0.5f;
    for (int l = 0; l < SW_LANES; l++)
        factor[l] = call->args->i[0] ? 1 : count[l] > 0 ? 1 / count[l] : 0;
}

static void mean_forward(const struct sw_call *call)
{
    const int R = call->in[0]->dim[1];
    const float *x = call->in[0]->data, *mask = call->inputs == 2 ? call->in[1]->data : NULL;
    float sum[SW_LANES] = {0}, factor[SW_LANES];
    for (int r = 0; r < R; r++)
        for (int l = 0; l < SW_LANES; l++)
            sum[l] += !mask || mask[r * SW_LANES + l] > 0.5f ? x[r * SW_LANES + l] : 0;
    mean_factors(call, factor);
    for (int l = 0; l < SW_LANES; l++)
        call->out->data[l] = sum[l] * factor[l];
}

/* dx_r = dy / count, for a sum dy */
static void mean_backward(const struct sw_call *call)
{
    const int R = call->in[0]->dim[1];
    const float *mask = call->inputs == 2 ? call->in[1]->data : NULL;
    float *dx = call->in[0]->grad, factor[SW_LANES];
    mean_factors(call, factor);
    for (int r = 0; r < R && dx; r++)
        for (int l = 0; l < SW_LANES; l++)
            if (!mask || mask[r * SW_LANES + l] > 0.5f)
                dx[r * SW_LANES + l] += call->out->grad[l] * factor[l];
}

static const struct sw_sample mean_samples[] = {
    {1, {SW_IN(-1, 1, 1, 7, 16)}, SW_NO_ARGS},
    {1, {SW_IN(-1, 1, 1, 7, 16)}, {.i = {1}}},
    {2, {SW_IN(-1, 1, 1, 6, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 6, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, {.i = {1}}},
    {1, {SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_CONSTANT_IN(0, 0, 1, 3, 16)}, SW_NO_ARGS},
};

const struct sw_op sw_op_lane_mean = {
    SW_OP(mean, "lane_mean", 1, 2, "(1,R,L)[,(1,R,L)]->(1,1,L)",
          "the mean over what the mask keeps, 0 where it keeps nothing; i0: the sum"),
};

/* ---- lane_l2norm ---- */

/* Groups are columns when the norm runs over rows (i0 = 0), and rows when it runs over columns. */
static struct sw_lanes l2norm_groups(const struct sw_call *call)
{
    return sw_lanes_of(call->in[0], !call->args->i[0]);
}

static int l2norm_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_lanes(x))
        return -1;
    if (call->inputs == 2 && !sw_is_lanes_of(call->in[1], 1, l2norm_groups(call).columns))
        return -1;
    return sw_lanes_shape(dim, x->dim[0], x->dim[1]);
}

static void l2norm_forward(const struct sw_call *call)
{
    struct sw_lanes x = l2norm_groups(call);
    sw_kernels_of(call)->lane_l2norm(x.rows, x.columns, call->in[0]->data, x.row, x.column,
                                     call->inputs == 2 ? call->in[1]->data : NULL, call->out->data);
}

/* With s = |x| and e = 1e-8: dx = dy / (s + e) - x (sum dy x) / (s (s + e)^2) */
static void l2norm_backward(const struct sw_call *call)
{
    struct sw_lanes x = l2norm_groups(call);
    if (call->in[0]->grad)
        sw_kernels_of(call)->lane_l2norm_backward(
            x.rows, x.columns, call->in[0]->data, call->out->grad, x.row, x.column,
            call->inputs == 2 ? call->in[1]->data : NULL, call->in[0]->grad);
}

static const struct sw_sample l2norm_samples[] = {
    {1, {SW_IN(0.2f, 1, 5, 4, 16)}, SW_NO_ARGS},
    {1, {SW_IN(-1, 1, 4, 6, 16)}, {.i = {1}}},
    {2, {SW_IN(0.2f, 1, 6, 3, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, SW_NO_ARGS},
    {2, {SW_IN(0.2f, 1, 3, 6, 16), SW_CONSTANT_IN(0, 1, 1, 6, 16)}, {.i = {1}}},
    {1, {SW_IN(0.2f, 1, 1, 4, 16)}, SW_NO_ARGS},
    {1, {SW_IN(0.2f, 1, 4, 1, 16)}, SW_NO_ARGS},
};

const struct sw_op sw_op_lane_l2norm = {
    SW_OP(
        l2norm, "lane_l2norm", 1, 2, "(R,K,L)[,(1,R,L) or (1,K,L)]->(R,K,L)",
        "x / (|x| + 1e-8) along the rows r (i0 = 0) or the columns k (i0 = 1), over what the mask "
        "of that axis keeps; 0 elsewhere"),
};
