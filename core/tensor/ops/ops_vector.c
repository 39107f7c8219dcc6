/* ops_vector.c -- operations on explicit vectors of pairs.
 *
 * (R, L, D): row r of pair l is D numbers end to end. Where all pairs share a row it is (R, 1, D),
 * and Lx below is L or 1. Sums that belong to all pairs are added in the order of the lanes. */
#include "tensor/tape/ops.h"

enum { L = SW_LANES };

/* How many of a row's lanes differ when x and y (or x alone) meet: 1 when both are shared. */
static int lanes_of(const struct sw_tensor *x, const struct sw_tensor *y)
{
    return x->dim[1] > 1 || (y && y->dim[1] > 1) ? L : 1;
}

/* The gradient of one number a lane, added up where the lanes share it. */
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

static void rowdot_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
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

/* dx = d y, dy = d x */
static void rowdot_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
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

static const struct sw_sample rowdot_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 3, 16, 5)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 3, 16, 4), SW_IN(-1, 1, 3, 1, 4)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 3, 16, 4), SW_IN(-1, 1, 1, 16, 4)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 1, 16, 4), SW_IN(-1, 1, 1, 1, 4)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 3, 1, 4), SW_IN(-1, 1, 1, 1, 4)}, {{0}, {0}, NULL}},
};

static const struct sw_op rowdot = {
    .name = "vec_rowdot",
    .shapes = "(R,Lx,D),(R or 1,Ly,D)->(1,R,L)",
    .doc = "x_r . y_r for each pair",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = rowdot_shape,
    .forward = rowdot_forward,
    .backward = rowdot_backward,
    SW_SAMPLES(rowdot_samples),
};

/* ---- vec_functional ---- */

static int functional_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    if (!sw_is_vectors(x) || w->ndim != 2 || w->dim[0] != 1 || w->dim[1] != x->dim[2])
        return -1;
    return sw_lanes_shape(dim, 1, x->dim[0]);
}

static void functional_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0];
    const int lanes = lanes_of(x, NULL);
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < L; l++) {
            float *to = call->out->data + (size_t)r * L + l;
            *to = l < lanes
                      ? sw_kernels_of(call)->dot((size_t)x->dim[2], x->data + sw_vector_at(x, r, l),
                                                 call->in[1]->data)
                      : to[-1];
        }
}

/* dx = d w, dw = sum over r and l of d x */
static void functional_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    const int lanes = lanes_of(x, NULL);
    const size_t D = (size_t)x->dim[2];
    for (int r = 0; r < x->dim[0]; r++)
        for (int l = 0; l < lanes; l++) {
            float d = lane_gradient(call->out->grad + (size_t)r * L, lanes, l);
            if (x->grad)
                kernels->axpy(D, d, w->data, x->grad + sw_vector_at(x, r, l));
            if (w->grad)
                kernels->axpy(D, d, x->data + sw_vector_at(x, r, l), w->grad);
        }
}

static const struct sw_sample functional_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 1, 5)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 4, 1, 5), SW_IN(-1, 1, 1, 5)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 1, 16, 1), SW_IN(-1, 1, 1, 1)}, {{0}, {0}, NULL}},
};

static const struct sw_op functional = {
    .name = "vec_functional",
    .shapes = "(R,Lx,D),(1,D)->(1,R,L)",
    .doc = "w . x_r for each pair",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = functional_shape,
    .forward = functional_forward,
    .backward = functional_backward,
    SW_SAMPLES(functional_samples),
};

/* ---- vec_scale ---- */

static int scale_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_vectors(x) || !sw_is_lanes_of(call->in[1], 1, x->dim[0]))
        return -1;
    return sw_vectors_shape(dim, x->dim[0], L, x->dim[2]);
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
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 1, 3, 16)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 3, 1, 4), SW_IN(-1, 1, 1, 3, 16)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 1, 16, 3), SW_IN(-1, 1, 1, 1, 16)}, {{0}, {0}, NULL}},
};

static const struct sw_op scale = {
    .name = "vec_scale",
    .shapes = "(R,Lx,D),(1,R,L)->(R,L,D)",
    .doc = "s_r x_r for each pair",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = scale_shape,
    .forward = scale_forward,
    .backward = scale_backward,
    SW_SAMPLES(scale_samples),
};

/* ---- vec_pool ---- */

static int pool_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (!sw_is_vectors(x) || !sw_is_lanes_of(call->in[1], 1, x->dim[0]))
        return -1;
    return sw_vectors_shape(dim, 1, L, x->dim[2]);
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
    {2, {SW_IN(-1, 1, 4, 16, 5), SW_IN(-1, 1, 1, 4, 16)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 4, 1, 5), SW_IN(-1, 1, 1, 4, 16)}, {{0}, {0}, NULL}},
    {2, {SW_IN(-1, 1, 1, 16, 3), SW_IN(-1, 1, 1, 1, 16)}, {{0}, {0}, NULL}},
};

static const struct sw_op pool = {
    .name = "vec_pool",
    .shapes = "(R,Lx,D),(1,R,L)->(1,L,D)",
    .doc = "sum_r w_r x_r for each pair",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = pool_shape,
    .forward = pool_forward,
    .backward = pool_backward,
    SW_SAMPLES(pool_samples),
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
