/* ops_vector_each.c -- explicit vectors of pairs with each other, number by number, and on top of
 * each other. (R, L, D) as in ops_vector.c: a single row stands for all rows, and shared lanes for
 * all pairs. */
#include "tensor/tape/ops.h"

#include <string.h>

enum { L = SW_LANES };

/* ---- what add, sub and mul share ---- */

static int each_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
    if (!sw_is_vectors(x) || !sw_is_vectors(y) || x->dim[2] != y->dim[2])
        return -1;
    const int R = x->dim[0] > y->dim[0] ? x->dim[0] : y->dim[0];
    if ((x->dim[0] != R && x->dim[0] != 1) || (y->dim[0] != R && y->dim[0] != 1))
        return -1;
    return sw_shape_3(dim, R, L, x->dim[2]);
}

static void each_row(const struct sw_call *call,
                     void (*work)(size_t count, const float *x, const float *y, float *out))
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1], *out = call->out;
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < L; l++)
            work((size_t)out->dim[2], x->data + sw_vector_at(x, r, l),
                 y->data + sw_vector_at(y, r, l), out->data + sw_vector_at(out, r, l));
}

/* dx += d and dy += factor d, added up over what was repeated */
static void sum_backward(const struct sw_call *call, float factor)
{
    const struct sw_tensor *out = call->out;
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < L; l++)
            for (int i = 0; i < 2; i++) {
                const struct sw_tensor *x = call->in[i];
                if (x->grad)
                    sw_kernels_of(call)->axpy((size_t)out->dim[2], i ? factor : 1,
                                              out->grad + sw_vector_at(out, r, l),
                                              x->grad + sw_vector_at(x, r, l));
            }
}

static const struct sw_sample each_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 3, 16, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 4), SW_IN(-1, 1, 3, 16, 4)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 16, 4), SW_IN(-1, 1, 1, 1, 4)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 2), SW_IN(-1, 1, 3, 1, 2)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 2, 1, 3), SW_IN(-1, 1, 2, 1, 3)}, SW_NO_ARGS},
};

#define EACH(op, doc_)                                             \
    const struct sw_op sw_op_vec_##op = {                          \
        SW_OP_WITH(op, each_shape, each_samples, "vec_" #op, 2, 2, \
                   "(R or 1,Lx,D),(R or 1,Ly,D)->(R,L,D)", doc_),  \
    };

/* ---- vec_add, vec_sub, vec_mul ---- */

static void add_forward(const struct sw_call *call)
{
    each_row(call, sw_kernels_of(call)->add);
}

static void add_backward(const struct sw_call *call)
{
    sum_backward(call, 1);
}

EACH(add, "x_r + y_r for each pair")

static void sub_forward(const struct sw_call *call)
{
    each_row(call, sw_kernels_of(call)->sub);
}

static void sub_backward(const struct sw_call *call)
{
    sum_backward(call, -1);
}

EACH(sub, "x_r - y_r for each pair")

static void mul_forward(const struct sw_call *call)
{
    each_row(call, sw_kernels_of(call)->mul);
}

/* d(xy) = y dx + x dy */
static void mul_backward(const struct sw_call *call)
{
    const struct sw_tensor *out = call->out;
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < L; l++)
            for (int i = 0; i < 2; i++) {
                const struct sw_tensor *x = call->in[i], *y = call->in[1 - i];
                if (x->grad)
                    sw_kernels_of(call)->mul_add(
                        (size_t)out->dim[2], 1, out->grad + sw_vector_at(out, r, l),
                        y->data + sw_vector_at(y, r, l), x->grad + sw_vector_at(x, r, l));
            }
}

EACH(mul, "x_r y_r for each pair, number by number")

/* ---- vec_stack ---- */

static int stack_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
    if (!sw_is_vectors(x) || !sw_is_vectors(y) || x->dim[2] != y->dim[2] ||
        x->dim[0] > INT_MAX / SW_LANES - y->dim[0])
        return -1;
    return sw_shape_3(dim, x->dim[0] + y->dim[0], x->dim[1] > y->dim[1] ? x->dim[1] : y->dim[1],
                      x->dim[2]);
}

static void stack_forward(const struct sw_call *call)
{
    const size_t D = (size_t)call->out->dim[2];
    float *to = call->out->data;
    for (int i = 0; i < 2; i++)
        for (int r = 0; r < call->in[i]->dim[0]; r++)
            for (int l = 0; l < call->out->dim[1]; l++, to += D)
                memcpy(to, call->in[i]->data + sw_vector_at(call->in[i], r, l), D * sizeof *to);
}

static void stack_backward(const struct sw_call *call)
{
    const size_t D = (size_t)call->out->dim[2];
    const float *d = call->out->grad;
    for (int i = 0; i < 2; i++)
        for (int r = 0; r < call->in[i]->dim[0]; r++)
            for (int l = 0; l < call->out->dim[1]; l++, d += D)
                if (call->in[i]->grad)
                    sw_kernels_of(call)->axpy(D, 1, d,
                                              call->in[i]->grad + sw_vector_at(call->in[i], r, l));
}

static const struct sw_sample stack_samples[] = {
    {2, {SW_IN(-1, 1, 2, 16, 3), SW_IN(-1, 1, 1, 16, 3)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 2), SW_IN(-1, 1, 3, 1, 2)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 1, 2), SW_IN(-1, 1, 2, 1, 2)}, SW_NO_ARGS},
};

const struct sw_op sw_op_vec_stack = {
    SW_OP(stack, "vec_stack", 2, 2, "(R,Lx,D),(K,Ly,D)->(R+K,L or 1,D)",
          "the rows of x, and under them those of y"),
};

/* ---- vec_memory ---- */

/* Inputs: what tanh and sigmoid are taken of, side by side; what is remembered. */
static int memory_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *j = call->in[0], *x = call->in[1];
    if (!sw_is_vectors(j) || !sw_is_vectors(x) || j->dim[1] != L || x->dim[0] != j->dim[0] ||
        j->dim[2] != 2 * x->dim[2])
        return -1;
    return sw_shape_3(dim, j->dim[0], L, x->dim[2]);
}

/* Rows of h and g side by side, (R,L,2D) where backward will ask for them, else one; behind them
 * one more row to work in. */
static size_t memory_saved_size(const struct sw_call *call)
{
    const size_t rows = call->out->grad ? (size_t)call->out->dim[0] * L : 1;
    return sizeof(float) * 2 * (size_t)call->out->dim[2] * (rows + 1);
}

static float *memory_row(const struct sw_call *call, int r, int l)
{
    const size_t row = call->out->grad ? (size_t)r * L + (size_t)l : 0;
    return (float *)call->saved + row * 2 * (size_t)call->out->dim[2];
}

static void memory_forward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *j = call->in[0], *x = call->in[1], *out = call->out;
    const size_t D = (size_t)out->dim[2];
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < L; l++) {
            const float *from = j->data + sw_vector_at(j, r, l);
            float *h = memory_row(call, r, l), *g = h + D;
            float *to = out->data + sw_vector_at(out, r, l);
            kernels->tanh(D, from, h);
            kernels->sigmoid(D, from + D, g);
            kernels->sub(D, x->data + sw_vector_at(x, r, l), h, to);
            kernels->mul(D, to, g, to);
            kernels->add(D, to, h, to);
        }
}

/* y = h + g (x - h): dx = g d, dh = (1 - g) d, dg = (x - h) d */
static void memory_backward(const struct sw_call *call)
{
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *j = call->in[0], *x = call->in[1], *out = call->out;
    const size_t D = (size_t)out->dim[2];
    float *one = memory_row(call, out->dim[0], 0), *two = one + D;
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < L; l++) {
            const float *d = out->grad + sw_vector_at(out, r, l);
            const float *h = memory_row(call, r, l), *g = h + D;
            kernels->mul(D, g, d, one);
            if (x->grad)
                kernels->axpy(D, 1, one, x->grad + sw_vector_at(x, r, l));
            if (!j->grad)
                continue;
            float *dj = j->grad + sw_vector_at(j, r, l);
            kernels->sub(D, d, one, one);
            kernels->tanh_backward(D, h, one, dj);
            kernels->sub(D, x->data + sw_vector_at(x, r, l), h, two);
            kernels->mul(D, two, d, two);
            kernels->sigmoid_backward(D, g, two, dj + D);
        }
}

static const struct sw_sample memory_samples[] = {
    {2, {SW_IN(-1, 1, 2, 16, 6), SW_IN(-1, 1, 2, 16, 3)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 2, 16, 2), SW_IN(-1, 1, 2, 1, 1)}, SW_NO_ARGS},
};

const struct sw_op sw_op_vec_memory = {
    SW_OP(memory, "vec_memory", 2, 2, "(R,L,2D),(R,Lx,D)->(R,L,D)",
          "h + g (x - h) with h = tanh of the first D numbers and g = sigmoid of the others"),
    .saved_size = memory_saved_size,
};
