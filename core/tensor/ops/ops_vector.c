/* ops_vector.c -- operations on explicit vectors of pairs.
 *
 * (R, L, D): row r of pair l is D numbers end to end. Where all pairs share a row it is (R, 1, D),
 * and Lx below is L or 1. Sums that belong to all pairs are added in the order of the lanes. */
#include "base/values.h"
#include "tensor/tape/ops.h"

enum { L = SW_LANES };

/* How many of a row's lanes differ when x and y meet: 1 when both are shared. */
static int lanes_of(const struct sw_tensor *x, const struct sw_tensor *y)
{
    return x->dim[1] > 1 || y->dim[1] > 1 ? L : 1;
}

/* The gradient of one number per lane, added up where the lanes share it. */
static float lane_gradient(const float *d, int lanes, int l)
{
    if (lanes > 1)
        return d[l];
    float sum = 0;
    for (int i = 0; i < L; i++)
        sum += d[i];
    return sum;
}

/* ---- vec_rowdot ---- */

static int rowdot_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
    if (!sw_is_vectors(x) || !sw_is_vectors(y) || x->dim[2] != y->dim[2] ||
        (y->dim[0] != x->dim[0] && y->dim[0] != 1))
        return -1;
    return sw_lanes_shape(dim, 1, x->dim[0]);
}

/* out_rl = x_rl . y_rl */
static void dots(const struct sw_call *call, const struct sw_tensor *y)
{
    const struct sw_tensor *x = call->in[0];
    const int lanes = lanes_of(x, y);
    const size_t D = (size_t)x->dim[2];
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < L; l++) {
            float *to = call->out->data + (size_t)r * L + l;
            *to = l < lanes ? sw_kernels_of(call)->dot(D, x->data + sw_vector_at(x, r, l),
                                                       y->data + sw_vector_at(y, r, l))
                            : to[-1];
        }
}

/* dx = d y, dy = d x, added up over what was repeated */
static void dots_backward(const struct sw_call *call, const struct sw_tensor *y)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[0];
    const int lanes = lanes_of(x, y);
    const size_t D = (size_t)x->dim[2];
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < lanes; l++) {
            float d = lane_gradient(call->out->grad + (size_t)r * L, lanes, l);
            if (x->grad)
                kernels->axpy(D, d, y->data + sw_vector_at(y, r, l),
                              x->grad + sw_vector_at(x, r, l));
            if (y->grad)
                kernels->axpy(D, d, x->data + sw_vector_at(x, r, l),
                              y->grad + sw_vector_at(y, r, l));
        }
}

static void rowdot_forward(const struct sw_call *call)
{
    dots(call, call->in[1]);
}

static void rowdot_backward(const struct sw_call *call)
{
    dots_backward(call, call->in[1]);
}

static const struct sw_sample rowdot_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 3, 16, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 16, 4), SW_IN(-1, 1, 3, 1, 4)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 16, 4), SW_IN(-1, 1, 1, 16, 4)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 4), SW_IN(-1, 1, 1, 1, 4)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 4), SW_IN(-1, 1, 1, 1, 4)}, SW_NO_ARGS},
};

static const struct sw_op rowdot = {
    SW_OP(rowdot, "vec_rowdot", 2, 2, "(R,Lx,D),(R or 1,Ly,D)->(1,R,L)", "x_r . y_r for each pair"),
};

/* ---- vec_functional ---- */

static int functional_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    if (!sw_is_vectors(x) || w->ndim != 2 || w->dim[0] != 1 || w->dim[1] != x->dim[2])
        return -1;
    return sw_lanes_shape(dim, 1, x->dim[0]);
}

/* w as one row that all pairs share */
static struct sw_tensor shared_row(const struct sw_tensor *w)
{
    return (struct sw_tensor){w->data, w->grad, 3, {1, 1, w->dim[1]}};
}

static void functional_forward(const struct sw_call *call)
{
    const struct sw_tensor w = shared_row(call->in[1]);
    dots(call, &w);
}

static void functional_backward(const struct sw_call *call)
{
    const struct sw_tensor w = shared_row(call->in[1]);
    dots_backward(call, &w);
}

static const struct sw_sample functional_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 1, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 4, 1, 5), SW_IN(-1, 1, 1, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 1), SW_IN(-1, 1, 1, 1)}, SW_NO_ARGS},
};

static const struct sw_op functional = {
    SW_OP(functional, "vec_functional", 2, 2, "(R,Lx,D),(1,D)->(1,R,L)", "w . x_r for each pair"),
};

/* ---- vec_scale ---- */

static int scale_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_vectors(x) || !sw_is_lanes_of(call->in[1], 1, x->dim[0]))
        return -1;
    return sw_shape_3(dim, x->dim[0], L, x->dim[2]);
}

static void scale_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0];
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < L; l++)
            sw_kernels_of(call)->affine((size_t)x->dim[2], call->in[1]->data[(size_t)r * L + l], 0,
                                        x->data + sw_vector_at(x, r, l),
                                        call->out->data + sw_vector_at(call->out, r, l));
}

/* dx = s dy, ds = x . dy */
static void scale_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[0], *s = call->in[1];
    const size_t D = (size_t)x->dim[2];
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < L; l++) {
            const float *d = call->out->grad + sw_vector_at(call->out, r, l);
            const size_t one = (size_t)r * L + l;
            if (x->grad)
                kernels->axpy(D, s->data[one], d, x->grad + sw_vector_at(x, r, l));
            if (s->grad)
                s->grad[one] += kernels->dot(D, x->data + sw_vector_at(x, r, l), d);
        }
}

static const struct sw_sample scale_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 4), SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 3), SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
};

static const struct sw_op scale = {
    SW_OP(scale, "vec_scale", 2, 2, "(R,Lx,D),(1,R,L)->(R,L,D)", "s_r x_r for each pair"),
};

/* ---- vec_pool ---- */

static int pool_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_vectors(x) || !sw_is_lanes_of(call->in[1], 1, x->dim[0]))
        return -1;
    return sw_shape_3(dim, 1, L, x->dim[2]);
}

static void pool_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    const int R = x->dim[0], D = x->dim[2];
    if (x->dim[1] == 1) { /* rows that all pairs share: W^T X */
        sw_gemm_one(call->compute, 1, 0, L, D, R, 1, w->data, L, x->data, D, 0, call->out->data, D);
        return;
    }
    for (int l = 0; l < L; l++) {
        float *to = call->out->data + (size_t)l * (size_t)D;
        sw_kernels_of(call)->affine((size_t)D, w->data[l], 0, x->data + sw_vector_at(x, 0, l), to);
        for (int r = 1; r < R; r++)
            sw_kernels_of(call)->axpy((size_t)D, w->data[(size_t)r * L + l],
                                      x->data + sw_vector_at(x, r, l), to);
    }
}

/* dx_r = w_r dy, dw_r = x_r . dy */
static void pool_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    const int R = x->dim[0], D = x->dim[2];
    const float *d = call->out->grad;
    if (x->dim[1] == 1) {
        if (x->grad)
            sw_gemm_one(call->compute, 0, 0, R, D, L, 1, w->data, L, d, D, 1, x->grad, D);
        if (w->grad)
            sw_gemm_one(call->compute, 0, 1, R, L, D, 1, x->data, D, d, D, 1, w->grad, L);
        return;
    }
    for (int l = 0; l < L; l++, d += D)
        for (int r = 0; r < R; r++) {
            if (x->grad)
                kernels->axpy((size_t)D, w->data[(size_t)r * L + l], d,
                              x->grad + sw_vector_at(x, r, l));
            if (w->grad)
                w->grad[(size_t)r * L + l] +=
                    kernels->dot((size_t)D, x->data + sw_vector_at(x, r, l), d);
        }
}

static const struct sw_sample pool_samples[] = {
    {2, {SW_IN(-1, 1, 4, 16, 5), SW_IN(-1, 1, 1, 4, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 4, 1, 5), SW_IN(-1, 1, 1, 4, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 3), SW_IN(-1, 1, 1, 1, 16)}, SW_NO_ARGS},
};

static const struct sw_op pool = {
    SW_OP(pool, "vec_pool", 2, 2, "(R,Lx,D),(1,R,L)->(1,L,D)", "sum_r w_r x_r for each pair"),
};

const struct sw_op *const sw_ops_vector[] = {
    &sw_op_mix,
    &sw_op_vec_dots,
    &rowdot,
    &functional,
    &scale,
    &pool,
    &sw_op_vec_add,
    &sw_op_vec_sub,
    &sw_op_vec_mul,
    &sw_op_vec_stack,
    &sw_op_vec_memory,
    NULL,
};
