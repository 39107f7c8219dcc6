/* ops_lane.c -- products of lane tensors: SW_LANES pairs side by side, the last index is the pair.
 */
#include "tensor/tape/ops.h"

/* ---- lane_matmul: C = X Y ---- */

static int matmul_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    if (!sw_is_lanes(call->in[0]) || !sw_is_lanes(call->in[1]))
        return -1;
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    struct sw_lanes y = sw_lanes_of(call->in[1], call->args->i[1]);
    return x.columns == y.rows ? sw_lanes_shape(dim, x.rows, y.columns) : -1;
}

static void matmul_forward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    struct sw_lanes y = sw_lanes_of(call->in[1], call->args->i[1]);
    sw_kernels_of(call)->lane_matmul(x.rows, y.columns, x.columns, call->in[0]->data, x.row,
                                     x.column, call->in[1]->data, y.row, y.column, call->out->data,
                                     0);
}

/* dX = dC Y^T and dY = X^T dC; of an input that is stored transposed, the transpose of that. */
static void matmul_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    struct sw_lanes y = sw_lanes_of(call->in[1], call->args->i[1]);
    const float *xs = call->in[0]->data, *ys = call->in[1]->data, *d = call->out->grad;
    float *dx = call->in[0]->grad, *dy = call->in[1]->grad;
    const ptrdiff_t d_row = y.columns;
    const int R = x.rows, M = x.columns, K = y.columns;
    if (dx && !call->args->i[0])
        kernels->lane_matmul(R, M, K, d, d_row, 1, ys, y.column, y.row, dx, 1);
    else if (dx)
        kernels->lane_matmul(M, R, K, ys, y.row, y.column, d, 1, d_row, dx, 1);
    if (dy && !call->args->i[1])
        kernels->lane_matmul(M, K, R, xs, x.column, x.row, d, d_row, 1, dy, 1);
    else if (dy)
        kernels->lane_matmul(K, M, R, d, 1, d_row, xs, x.row, x.column, dy, 1);
}

static const struct sw_sample matmul_samples[] = {
    {2, {SW_IN(-1, 1, 7, 5, 16), SW_IN(-1, 1, 5, 6, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 5, 3, 16), SW_IN(-1, 1, 5, 2, 16)}, {.i = {1, 0}}},
    {2, {SW_IN(-1, 1, 3, 4, 16), SW_IN(-1, 1, 5, 4, 16)}, {.i = {0, 1}}},
    {2, {SW_IN(-1, 1, 4, 2, 16), SW_IN(-1, 1, 3, 4, 16)}, {.i = {1, 1}}},
    {2, {SW_IN(-1, 1, 1, 4, 16), SW_IN(-1, 1, 4, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 16), SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
};

static const struct sw_op matmul = {
    SW_OP(matmul, "lane_matmul", 2, 2, "(R,M,L),(M,K,L)->(R,K,L)",
          "sum_m x_rm y_mk; i0: x is given as (M,R,L), i1: y as (K,M,L)"),
};

/* ---- lane_rowdot: row by row ---- */

static int rowdot_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    if (!sw_is_lanes(call->in[0]))
        return -1;
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    return sw_is_lanes_of(call->in[1], x.rows, x.columns) ? sw_lanes_shape(dim, 1, x.rows) : -1;
}

static void rowdot_forward(const struct sw_call *call)
{
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    sw_kernels_of(call)->lane_rowdot(x.rows, x.columns, call->in[0]->data, x.row, x.column,
                                     call->in[1]->data, x.columns, 1, call->out->data, 0);
}

/* dx_r = d_r y_r and dy_r = d_r x_r */
static void rowdot_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    struct sw_lanes x = sw_lanes_of(call->in[0], call->args->i[0]);
    if (call->in[0]->grad)
        kernels->lane_scale(x.rows, x.columns, call->out->grad, call->in[1]->data, x.columns, 1,
                            call->in[0]->grad, x.row, x.column, 1);
    if (call->in[1]->grad)
        kernels->lane_scale(x.rows, x.columns, call->out->grad, call->in[0]->data, x.row, x.column,
                            call->in[1]->grad, x.columns, 1, 1);
}

static const struct sw_sample rowdot_samples[] = {
    {2, {SW_IN(-1, 1, 5, 7, 16), SW_IN(-1, 1, 5, 7, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 7, 6, 16), SW_IN(-1, 1, 6, 7, 16)}, {.i = {1}}},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 1, 3, 1, 16)}, {.i = {1}}},
};

static const struct sw_op rowdot = {
    SW_OP(rowdot, "lane_rowdot", 2, 2, "(R,K,L),(R,K,L)->(1,R,L)",
          "sum_k x_rk y_rk; i0: x is given as (K,R,L)"),
};

/* ---- lane_quadratic: x^T G x for each row ---- */

static int quadratic_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_lanes(x) || !sw_is_lanes_of(call->in[1], x->dim[1], x->dim[1]))
        return -1;
    return sw_lanes_shape(dim, 1, x->dim[0]);
}

static void quadratic_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0];
    sw_kernels_of(call)->lane_quadratic(x->dim[0], x->dim[1], x->data, call->in[1]->data,
                                        call->out->data);
}

/* dx_r = d_r (G + G^T) x_r and dG = sum_r d_r x_r x_r^T */
static void quadratic_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0];
    sw_kernels_of(call)->lane_quadratic_backward(x->dim[0], x->dim[1], x->data, call->in[1]->data,
                                                 call->out->grad, x->grad, call->in[1]->grad);
}

static const struct sw_sample quadratic_samples[] = {
    {2, {SW_IN(-1, 1, 7, 6, 16), SW_IN(-1, 1, 6, 6, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 9, 16), SW_CONSTANT_IN(-1, 1, 9, 9, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 5, 16), SW_IN(-1, 1, 5, 5, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 4, 1, 16), SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
};

static const struct sw_op quadratic = {
    SW_OP(
        quadratic, "lane_quadratic", 2, 2, "(R,K,L),(K,K,L)->(1,R,L)",
        "x_r^T G x_r: the squared length of row r's combination, G the Gram matrix; any G will do"),
};

/* ---- lane_diag: g_kk ---- */

static int diag_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *g = call->in[0];
    return sw_is_lanes(g) && g->dim[0] == g->dim[1] ? sw_lanes_shape(dim, 1, g->dim[0]) : -1;
}

static void diag_forward(const struct sw_call *call)
{
    const size_t K = (size_t)call->in[0]->dim[0];
    for (size_t k = 0; k < K; k++)
        for (size_t l = 0; l < SW_LANES; l++)
            call->out->data[k * SW_LANES + l] = call->in[0]->data[k * (K + 1) * SW_LANES + l];
}

static void diag_backward(const struct sw_call *call)
{
    const size_t K = (size_t)call->in[0]->dim[0];
    for (size_t k = 0; k < K && call->in[0]->grad; k++)
        for (size_t l = 0; l < SW_LANES; l++)
            call->in[0]->grad[k * (K + 1) * SW_LANES + l] += call->out->grad[k * SW_LANES + l];
}

static const struct sw_sample diag_samples[] = {
    {1, {SW_IN(-1, 1, 5, 5, 16)}, SW_NO_ARGS},
    {1, {SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
};

static const struct sw_op diag = {
    SW_OP(diag, "lane_diag", 1, 1, "(K,K,L)->(1,K,L)", "g_kk: the fragments' own squared lengths"),
};

/* ---- lane_scale: s_r x_r ---- */

static int scale_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_lanes(x) || !sw_is_lanes_of(call->in[1], 1, x->dim[0]))
        return -1;
    return sw_lanes_shape(dim, x->dim[0], x->dim[1]);
}

static void scale_forward(const struct sw_call *call)
{
    const int R = call->in[0]->dim[0], K = call->in[0]->dim[1];
    sw_kernels_of(call)->lane_scale(R, K, call->in[1]->data, call->in[0]->data, K, 1,
                                    call->out->data, K, 1, 0);
}

/* dx_r = s_r dy_r and ds_r = x_r . dy_r */
static void scale_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const int R = call->in[0]->dim[0], K = call->in[0]->dim[1];
    if (call->in[0]->grad)
        kernels->lane_scale(R, K, call->in[1]->data, call->out->grad, K, 1, call->in[0]->grad, K, 1,
                            1);
    if (call->in[1]->grad)
        kernels->lane_rowdot(R, K, call->in[0]->data, K, 1, call->out->grad, K, 1,
                             call->in[1]->grad, 1);
}

static const struct sw_sample scale_samples[] = {
    {2, {SW_IN(-1, 1, 5, 7, 16), SW_IN(-1, 1, 1, 5, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 16), SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
};

static const struct sw_op scale = {
    SW_OP(scale, "lane_scale", 2, 2, "(R,K,L),(1,R,L)->(R,K,L)", "s_r x_rk"),
};

const struct sw_op *const sw_ops_lane[] = {
    &sw_op_lane_softmax,
    &matmul,
    &rowdot,
    &quadratic,
    &diag,
    &scale,
    &sw_op_lane_cosine,
    &sw_op_lane_mean,
    &sw_op_lane_max,
    &sw_op_lane_lse,
    &sw_op_lane_batch_norm,
    &sw_op_lane_moment,
    &sw_op_lane_l2norm,
    NULL,
};
