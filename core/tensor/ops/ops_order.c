/* ops_order.c -- how far captions are from containing images: the order embeddings' score of all
 * pairs at once. */
#include "tensor/tape/ops.h"
#include "tensor/ops/rows.h"

#include <math.h>

enum { IMAGES, CAPTIONS };

static int order_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[IMAGES], *y = call->in[CAPTIONS];
    if (x->ndim != 2 || y->ndim != 2 || x->dim[1] != y->dim[1])
        return -1;
    return sw_shape_2(out_dim, x->dim[0], y->dim[0]);
}

/* Four running sums, as a compiler may keep in one register. */
static float violation(size_t P, const float *x, const float *y)
{
    float sum[4] = {0};
    size_t d = 0;
    for (; d + 4 <= P; d += 4)
        for (size_t j = 0; j < 4; j++) {
            float over = y[d + j] - x[d + j];
            over = over < 0 ? 0 : over;
            sum[j] += over * over;
        }
    for (; d < P; d++) {
        float over = y[d] - x[d];
        sum[0] += over < 0 ? 0 : over * over;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void order_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t P = (size_t)call->in[IMAGES]->dim[1], C = (size_t)call->out->dim[1];
    for (int i = from; i < to; i++)
        for (size_t c = 0; c < C; c++)
            call->out->data[(size_t)i * C + c] = -sqrtf(violation(
                P, call->in[IMAGES]->data + (size_t)i * P, call->in[CAPTIONS]->data + c * P));
}

static int cost(const struct sw_call *call, int side)
{
    double numbers = (double)call->out->dim[side] * call->in[IMAGES]->dim[1];
    return numbers < 1e9 ? (int)numbers : (int)1e9;
}

/* out_ic = -|max(0, y_c - x_i)| */
static void order_forward(const struct sw_call *call)
{
    sw_over_rows(call->compute, call->out->dim[0], cost(call, 1), order_some, call);
}

/* Adds sign times what pair (i,c) gives to both of its rows to row `out`. A pair without a
 * violation has no direction and takes no gradient. */
static void push(const struct sw_call *call, size_t i, size_t c, float sign, float *out)
{
    size_t P = (size_t)call->in[IMAGES]->dim[1], at = i * (size_t)call->out->dim[1] + c;
    const float *x = call->in[IMAGES]->data + i * P, *y = call->in[CAPTIONS]->data + c * P;
    if (call->out->data[at] == 0 || call->out->grad[at] == 0)
        return;
    float factor = sign * call->out->grad[at] / call->out->data[at];
    for (size_t d = 0; d < P; d++) {
        float over = y[d] - x[d];
        out[d] += over < 0 ? 0 : factor * over;
    }
}

static void push_to_images(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t P = (size_t)call->in[IMAGES]->dim[1];
    for (int i = from; i < to; i++)
        for (int c = 0; c < call->out->dim[1]; c++)
            push(call, (size_t)i, (size_t)c, -1, call->in[IMAGES]->grad + (size_t)i * P);
}

static void push_to_captions(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t P = (size_t)call->in[IMAGES]->dim[1];
    for (int c = from; c < to; c++)
        for (int i = 0; i < call->out->dim[0]; i++)
            push(call, (size_t)i, (size_t)c, 1, call->in[CAPTIONS]->grad + (size_t)c * P);
}

/* With e = max(0, y - x): dy += dout e / out, dx -= dout e / out */
static void order_backward(const struct sw_call *call)
{
    if (call->in[IMAGES]->grad)
        sw_over_rows(call->compute, call->out->dim[0], cost(call, 1), push_to_images, call);
    if (call->in[CAPTIONS]->grad)
        sw_over_rows(call->compute, call->out->dim[1], cost(call, 0), push_to_captions, call);
}

static const struct sw_sample samples[] = {
    {2, {SW_IN(0, 1, 3, 5), SW_IN(1.2f, 2, 4, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-9, 9, 4, 3), SW_IN(-9, 9, 2, 3)}, SW_NO_ARGS},
};

const struct sw_op sw_op_order_scores = {
    SW_OP_WITH(order, order_shape, samples, "order_scores", 2, 2, "(G,P),(C,P)->(G,C)",
               "-|max(0, y - x)| for each row x of the first and y of the second"),
};
