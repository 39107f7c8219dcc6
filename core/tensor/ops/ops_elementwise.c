/* ops_elementwise.c -- operations number by number, on tensors of any shape. */
#include "tensor/tape/graph.h"
#include "tensor/tape/ops.h"

#include <math.h>
#include <string.h>

/* ---- what they share ---- */

static int same_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    for (int d = 0; d < x->ndim; d++)
        dim[d] = x->dim[d];
    for (int i = 1; i < call->inputs; i++)
        if (call->in[i]->ndim != x->ndim ||
            memcmp(call->in[i]->dim, x->dim, sizeof *x->dim * (size_t)x->ndim) != 0)
            return -1;
    return x->ndim;
}

/* A range of the numbers of a call; x, y, dx, dy, out and d point at its first. y, dx and dy may be
 * NULL. */
struct range {
    const struct sw_kernels *kernels;
    const float *f; /* the call's arguments */
    size_t count;
    const float *x, *y, *d;
    float *dx, *dy, *out;
};

/* Larger tensors are cut for the threads, at places that depend on the count alone. */
enum { CHUNK = 1 << 15 };

struct walk {
    const struct sw_call *call;
    size_t count;
    void (*work)(const struct range *);
};

static void walk_chunk(void *data, int chunk, int worker)
{
    const struct walk *walk = data;
    const struct sw_call *call = walk->call;
    const size_t from = (size_t)chunk * CHUNK, left = walk->count - from;
    const struct sw_tensor *x = call->in[0], *y = call->inputs > 1 ? call->in[1] : NULL;
    const struct range range = {
        .kernels = sw_kernels_of(call),
        .f = call->args->f,
        .count = left < CHUNK ? left : CHUNK,
        .x = x->data + from,
        .y = y ? y->data + from : NULL,
        .d = call->out->grad ? call->out->grad + from : NULL,
        .dx = x->grad ? x->grad + from : NULL,
        .dy = y && y->grad ? y->grad + from : NULL,
        .out = call->out->data + from,
    };
    (void)worker;
    walk->work(&range);
}

static void walk(const struct sw_call *call, void (*work)(const struct range *))
{
    struct walk w = {call, sw_tensor_count(call->out), work};
    if (w.count <= CHUNK)
        walk_chunk(&w, 0, 0);
    else
        sw_parallel(call->compute, (int)((w.count + CHUNK - 1) / CHUNK), walk_chunk, &w);
}

static const struct sw_sample one_input_samples[] = {
    {1, {SW_IN(-2, 2, 5, 7)}, {.f = {1.5f, -0.25f}}},
    {1, {SW_IN(-2, 2, 1, 3, 16)}, {.f = {-2, 1}}},
    {1, {SW_IN(-2, 2, 1)}, {.f = {0.5f, 0}}},
};

/* Away from the bend at 0, where there is no derivative. */
static const struct sw_sample bent_samples[] = {
    {1, {SW_IN(0.1f, 2, 5, 7)}, {.f = {0.1f}}},
    {1, {SW_IN(-2, -0.1f, 1, 3, 16)}, {.f = {0.1f}}},
};

/* Where a root and a logarithm are steep no longer. */
static const struct sw_sample positive_samples[] = {
    {1, {SW_IN(0.5f, 2, 5, 7)}, SW_NO_ARGS},
    {1, {SW_IN(0.5f, 2, 1, 3, 16)}, SW_NO_ARGS},
};

static const struct sw_sample two_input_samples[] = {
    {2, {SW_IN(-1, 1, 5, 7), SW_IN(-1, 1, 5, 7)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1), SW_IN(-1, 1, 1)}, SW_NO_ARGS},
};

/* name_range is forward's and name_range_backward backward's work on a range. */
#define ELEMENTWISE(op, inputs, shapes_, doc_, table)                          \
    static void op##_forward(const struct sw_call *call)                       \
    {                                                                          \
        walk(call, op##_range);                                                \
    }                                                                          \
    static void op##_backward(const struct sw_call *call)                      \
    {                                                                          \
        walk(call, op##_range_backward);                                       \
    }                                                                          \
    static const struct sw_op op##_op = {                                      \
        SW_OP_WITH(op, same_shape, table, #op, inputs, inputs, shapes_, doc_), \
    };

/* ---- two inputs ---- */

static void add_range(const struct range *r)
{
    r->kernels->add(r->count, r->x, r->y, r->out);
}

static void add_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->add(r->count, r->dx, r->d, r->dx);
    if (r->dy)
        r->kernels->add(r->count, r->dy, r->d, r->dy);
}

ELEMENTWISE(add, 2, "(..),(..)->(..)", "x + y", two_input_samples)

static void sub_range(const struct range *r)
{
    r->kernels->sub(r->count, r->x, r->y, r->out);
}

static void sub_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->add(r->count, r->dx, r->d, r->dx);
    if (r->dy)
        r->kernels->sub(r->count, r->dy, r->d, r->dy);
}

ELEMENTWISE(sub, 2, "(..),(..)->(..)", "x - y", two_input_samples)

static void mul_range(const struct range *r)
{
    r->kernels->mul(r->count, r->x, r->y, r->out);
}

/* d(xy) = y dx + x dy */
static void mul_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->mul_add(r->count, 1, r->d, r->y, r->dx);
    if (r->dy)
        r->kernels->mul_add(r->count, 1, r->d, r->x, r->dy);
}

ELEMENTWISE(mul, 2, "(..),(..)->(..)", "x y", two_input_samples)

/* ---- one input ---- */

static void affine_range(const struct range *r)
{
    r->kernels->affine(r->count, r->f[0], r->f[1], r->x, r->out);
}

static void affine_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->axpy(r->count, r->f[0], r->d, r->dx);
}

ELEMENTWISE(affine, 1, "(..)->(..)", "f0 x + f1", one_input_samples)

static void square_range(const struct range *r)
{
    r->kernels->mul(r->count, r->x, r->x, r->out);
}

/* d(x^2) = 2 x dx */
static void square_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->mul_add(r->count, 2, r->d, r->x, r->dx);
}

ELEMENTWISE(square, 1, "(..)->(..)", "x^2", one_input_samples)

static void sigmoid_range(const struct range *r)
{
    r->kernels->sigmoid(r->count, r->x, r->out);
}

/* y' = y (1 - y) */
static void sigmoid_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->sigmoid_backward(r->count, r->out, r->d, r->dx);
}

ELEMENTWISE(sigmoid, 1, "(..)->(..)", "1 / (1 + exp(-x))", one_input_samples)

static void tanh_range(const struct range *r)
{
    r->kernels->tanh(r->count, r->x, r->out);
}

/* y' = 1 - y^2 */
static void tanh_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->tanh_backward(r->count, r->out, r->d, r->dx);
}

ELEMENTWISE(tanh, 1, "(..)->(..)", "tanh(x)", one_input_samples)

static void relu_range(const struct range *r)
{
    r->kernels->leaky_relu(r->count, 0, r->x, r->out);
}

/* y' = 1 above 0, else 0 */
static void relu_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->leaky_relu_backward(r->count, 0, r->x, r->d, r->dx);
}

ELEMENTWISE(relu, 1, "(..)->(..)", "max(x, 0)", bent_samples)

static void leaky_relu_range(const struct range *r)
{
    r->kernels->leaky_relu(r->count, r->f[0], r->x, r->out);
}

/* y' = 1 above 0, else f0 */
static void leaky_relu_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->leaky_relu_backward(r->count, r->f[0], r->x, r->d, r->dx);
}

ELEMENTWISE(leaky_relu, 1, "(..)->(..)", "x where x > 0, else f0 x", bent_samples)

static void gelu_range(const struct range *r)
{
    r->kernels->gelu(r->count, r->x, r->out);
}

/* y' = Phi(x) + x Phi'(x) */
static void gelu_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->gelu_backward(r->count, r->x, r->d, r->dx);
}

ELEMENTWISE(gelu, 1, "(..)->(..)", "x Phi(x), with the normal distribution's Phi",
            one_input_samples)

static void exp_range(const struct range *r)
{
    r->kernels->exp(r->count, r->x, r->out);
}

/* y' = y */
static void exp_range_backward(const struct range *r)
{
    if (r->dx)
        r->kernels->mul_add(r->count, 1, r->d, r->out, r->dx);
}

ELEMENTWISE(exp, 1, "(..)->(..)", "exp(x), 0 below x = -87.3", one_input_samples)

static void log_range(const struct range *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->out[i] = logf(r->x[i]);
}

/* y' = 1 / x */
static void log_range_backward(const struct range *r)
{
    for (size_t i = 0; r->dx && i < r->count; i++)
        r->dx[i] += r->d[i] / r->x[i];
}

ELEMENTWISE(log, 1, "(..)->(..)", "the natural logarithm of x", positive_samples)

static void sqrt_range(const struct range *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->out[i] = sqrtf(r->x[i]);
}

/* y' = 1 / (2 y) */
static void sqrt_range_backward(const struct range *r)
{
    for (size_t i = 0; r->dx && i < r->count; i++)
        r->dx[i] += 0.5f * r->d[i] / r->out[i];
}

ELEMENTWISE(sqrt, 1, "(..)->(..)", "the square root of x", positive_samples)

static void inverse_length_range(const struct range *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->out[i] = r->x[i] > 0 ? 1 / (sqrtf(r->x[i]) + 1e-8f) : 0;
}

/* y' = -y^2 / (2 sqrt(x)); none where there is no length, as of a row of padding */
static void inverse_length_range_backward(const struct range *r)
{
    for (size_t i = 0; r->dx && i < r->count; i++)
        if (r->x[i] > 0)
            r->dx[i] -= r->d[i] * r->out[i] * r->out[i] / (2 * sqrtf(r->x[i]));
}

ELEMENTWISE(inverse_length, 1, "(..)->(..)",
            "1 / (sqrt(x) + 1e-8) of a squared length x, 0 and without gradient where x is not "
            "above 0",
            positive_samples)

/* ---- add_scalar: y = x + b
 * ------------------------------------------------------------------------ */

static int add_scalar_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (sw_tensor_count(call->in[1]) != 1)
        return -1;
    memcpy(out_dim, x->dim, sizeof x->dim);
    return x->ndim;
}

static void add_scalar_forward(const struct sw_call *call)
{
    sw_kernels_of(call)->affine(sw_tensor_count(call->out), 1, call->in[1]->data[0],
                                call->in[0]->data, call->out->data);
}

static void add_scalar_backward(const struct sw_call *call)
{
    size_t count = sw_tensor_count(call->out);
    const float *dy = call->out->grad;
    float *dx = call->in[0]->grad;
    double sum = 0;
    if (dx)
        sw_kernels_of(call)->add(count, dx, dy, dx);
    for (size_t i = 0; call->in[1]->grad && i < count; i++)
        sum += dy[i];
    if (call->in[1]->grad)
        call->in[1]->grad[0] += (float)sum;
}

static const struct sw_sample add_scalar_samples[] = {
    {.inputs = 2, .in = {{3, {1, 5, SW_LANES}, -1, 1, 0}, {1, {1}, -1, 1, 0}}},
    {.inputs = 2, .in = {{2, {3, 7}, -1, 1, 0}, {1, {1}, -1, 1, 0}}},
};

static const struct sw_op add_scalar = {
    SW_OP(add_scalar, "add_scalar", 2, 2, "(...),(1)->(...)", "y = x + b, one number for all"),
};

/* ---- vec_bias: y = x + b, vec_gain: y = x g; b, g one row for all ---- */

static int vec_bias_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *b = call->in[1];
    if (b->ndim != 1 || b->dim[0] != x->dim[x->ndim - 1])
        return -1;
    memcpy(out_dim, x->dim, sizeof x->dim);
    return x->ndim;
}

static void vec_bias_forward(const struct sw_call *call)
{
    size_t width = (size_t)call->in[1]->dim[0], count = sw_tensor_count(call->out);
    for (size_t at = 0; at < count; at += width)
        sw_kernels_of(call)->add(width, call->in[0]->data + at, call->in[1]->data,
                                 call->out->data + at);
}

static void vec_bias_backward(const struct sw_call *call)
{
    size_t width = (size_t)call->in[1]->dim[0], count = sw_tensor_count(call->out);
    const float *dy = call->out->grad;
    float *dx = call->in[0]->grad, *db = call->in[1]->grad;
    if (dx)
        sw_kernels_of(call)->add(count, dx, dy, dx);
    for (size_t at = 0; db && at < count; at += width)
        sw_kernels_of(call)->add(width, db, dy + at, db);
}

static void vec_gain_forward(const struct sw_call *call)
{
    size_t width = (size_t)call->in[1]->dim[0], count = sw_tensor_count(call->out);
    for (size_t at = 0; at < count; at += width)
        sw_kernels_of(call)->mul(width, call->in[0]->data + at, call->in[1]->data,
                                 call->out->data + at);
}

/* dx = g dy, dg = sum of x dy over the rows */
static void vec_gain_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *g = call->in[1];
    size_t width = (size_t)g->dim[0], count = sw_tensor_count(call->out);
    const float *dy = call->out->grad;
    for (size_t at = 0; at < count; at += width) {
        if (x->grad)
            sw_kernels_of(call)->mul_add(width, 1, dy + at, g->data, x->grad + at);
        if (g->grad)
            sw_kernels_of(call)->mul_add(width, 1, dy + at, x->data + at, g->grad);
    }
}

/* Of both. */
static const struct sw_sample vec_bias_samples[] = {
    {.inputs = 2, .in = {{3, {2, SW_LANES, 3}, -1, 1, 0}, {1, {3}, -1, 1, 0}}},
    {.inputs = 2, .in = {{2, {4, 7}, -1, 1, 0}, {1, {7}, -1, 1, 0}}},
};

static const struct sw_op vec_bias = {
    SW_OP(vec_bias, "vec_bias", 2, 2, "(...,D),(D)->(...,D)", "y = x + b, one row for all"),
};

#define vec_gain_shape vec_bias_shape
#define vec_gain_samples vec_bias_samples
static const struct sw_op vec_gain = {
    SW_OP(vec_gain, "vec_gain", 2, 2, "(...,D),(D)->(...,D)", "y = x g, one row for all"),
};

const struct sw_op *const sw_ops_elementwise[] = {
    &add_op,     &sub_op,        &mul_op,   &affine_op, &square_op, &sigmoid_op, &tanh_op,
    &relu_op,    &leaky_relu_op, &gelu_op,  &exp_op,    &log_op,    &sqrt_op,    &inverse_length_op,
    &add_scalar, &vec_bias,      &vec_gain, NULL,
};
