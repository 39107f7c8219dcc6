/* ops_parts.c -- columns of a matrix, and one number added to all. */
#include "tensor/tape/ops.h"
#include "tensor/tape/graph.h"

#include <string.h>

/* ---- columns: y = x[:, first : first + count]
 * ------------------------------------------------------ */

static int columns_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    int first = call->args->i[0], count = call->args->i[1];
    if (x->ndim != 2 || first < 0 || count < 1 || count > x->dim[1] - first)
        return -1;
    return sw_shape_2(out_dim, x->dim[0], count);
}

static void columns_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *y = call->out;
    size_t width = (size_t)x->dim[1], count = (size_t)y->dim[1];
    for (int r = 0; r < x->dim[0]; r++)
        memcpy(y->data + (size_t)r * count, x->data + (size_t)r * width + call->args->i[0],
               count * sizeof(float));
}

static void columns_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *y = call->out;
    size_t width = (size_t)x->dim[1], count = (size_t)y->dim[1];
    for (int r = 0; x->grad && r < x->dim[0]; r++) {
        float *out = x->grad + (size_t)r * width + call->args->i[0];
        const float *in = y->grad + (size_t)r * count;
        for (size_t c = 0; c < count; c++)
            out[c] += in[c];
    }
}

static const struct sw_sample columns_samples[] = {
    {.inputs = 1, .in = {{2, {3, 5}, -1, 1, 0}}, .args = {.i = {0, 2}}},
    {.inputs = 1, .in = {{2, {4, 6}, -1, 1, 0}}, .args = {.i = {3, 3}}},
};

static const struct sw_op columns = {
    SW_OP(columns, "columns", 1, 1, "(N,A)->(N,i1)", "y = x[:, i0 : i0 + i1]"),
};

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
    size_t count = sw_tensor_count(call->out);
    float b = call->in[1]->data[0];
    for (size_t i = 0; i < count; i++)
        call->out->data[i] = call->in[0]->data[i] + b;
}

static void add_scalar_backward(const struct sw_call *call)
{
    size_t count = sw_tensor_count(call->out);
    const float *dy = call->out->grad;
    for (size_t i = 0; call->in[0]->grad && i < count; i++)
        call->in[0]->grad[i] += dy[i];
    double sum = 0;
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

/* ---- vec_bias: y = x + b, b one row for all ---- */

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
    size_t width = (size_t)call->in[1]->dim[0], rows = sw_tensor_count(call->out) / width;
    const float *b = call->in[1]->data;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c++)
            call->out->data[r * width + c] = call->in[0]->data[r * width + c] + b[c];
}

static void vec_bias_backward(const struct sw_call *call)
{
    size_t width = (size_t)call->in[1]->dim[0], rows = sw_tensor_count(call->out) / width;
    const float *dy = call->out->grad;
    float *dx = call->in[0]->grad, *db = call->in[1]->grad;
    for (size_t i = 0; dx && i < rows * width; i++)
        dx[i] += dy[i];
    for (size_t r = 0; db && r < rows; r++)
        for (size_t c = 0; c < width; c++)
            db[c] += dy[r * width + c];
}

static const struct sw_sample vec_bias_samples[] = {
    {.inputs = 2, .in = {{3, {2, SW_LANES, 3}, -1, 1, 0}, {1, {3}, -1, 1, 0}}},
    {.inputs = 2, .in = {{2, {4, 7}, -1, 1, 0}, {1, {7}, -1, 1, 0}}},
};

static const struct sw_op vec_bias = {
    SW_OP(vec_bias, "vec_bias", 2, 2, "(...,D),(D)->(...,D)", "y = x + b, one row for all"),
};

const struct sw_op *const sw_ops_parts[] = {&columns, &add_scalar, &vec_bias, NULL};
