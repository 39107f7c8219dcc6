/* ops_norm.c -- layer norm. Batch norm: ops_batch_norm.c. */
#include "tensor/tape/ops.h"
#include "tensor/ops/rows.h"

#include <math.h>

/* ---- layer_norm ---- */

enum { X, GAIN, SHIFT };

static int layer_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[X];
    if (x->ndim != 2 || x->dim[1] < 1 || !(call->args->f[0] >= 0))
        return -1;
    for (int i = GAIN; i <= SHIFT; i++)
        if (call->in[i]->ndim != 1 || call->in[i]->dim[0] != x->dim[1])
            return -1;
    return sw_shape_2(out_dim, x->dim[0], x->dim[1]);
}

/* saved: of each row the normed numbers (N,D), and 1 / deviation (N) */
static size_t layer_saved_size(const struct sw_call *call)
{
    return (size_t)call->in[X]->dim[0] * ((size_t)call->in[X]->dim[1] + 1) * sizeof(float);
}

static float *inverses(const struct sw_call *call)
{
    return (float *)call->saved + (size_t)call->in[X]->dim[0] * (size_t)call->in[X]->dim[1];
}

static void layer_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t D = (size_t)call->out->dim[1];
    for (int i = from; i < to; i++) {
        const float *x = call->in[X]->data + (size_t)i * D;
        float *normed = (float *)call->saved + (size_t)i * D;
        float *out = call->out->data + (size_t)i * D;
        double sum = 0;
        for (size_t d = 0; d < D; d++)
            sum += x[d];
        kernels->affine(D, 1, (float)(-sum / (double)D), x, normed);
        double variance = kernels->sum_squares(D, normed) / (double)D;
        float inverse = (float)(1 / sqrt(variance + (double)call->args->f[0]));
        kernels->affine(D, inverse, 0, normed, normed);
        inverses(call)[i] = inverse;
        kernels->mul(D, normed, call->in[GAIN]->data, out);
        kernels->add(D, out, call->in[SHIFT]->data, out);
    }
}

/* out = gain (x - mean) / sqrt(variance + eps) + shift, for each row */
static void layer_forward(const struct sw_call *call)
{
    sw_over_rows(call->compute, call->out->dim[0], call->out->dim[1], layer_some, call);
}

static void layer_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t D = (size_t)call->out->dim[1];
    const float *gain = call->in[GAIN]->data;
    for (int i = from; i < to; i++) {
        const float *dy = call->out->grad + (size_t)i * D;
        const float *normed = (const float *)call->saved + (size_t)i * D;
        float *dx = call->in[X]->grad + (size_t)i * D;
        double sum = 0, along = 0;
        for (size_t d = 0; d < D; d++) {
            float t = dy[d] * gain[d];
            sum += t;
            along += (double)t * normed[d];
        }
        float mean = (float)(sum / (double)D), slope = (float)(along / (double)D);
        float inverse = inverses(call)[i];
        for (size_t d = 0; d < D; d++)
            dx[d] += inverse * (dy[d] * gain[d] - mean - normed[d] * slope);
    }
}

/* Columns that one chunk sums over all rows, in their order. */
enum { COLUMNS = 64 };

static void gain_columns(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    size_t D = (size_t)call->out->dim[1], from = (size_t)chunk * COLUMNS;
    size_t width = D - from < COLUMNS ? D - from : COLUMNS;
    double sum[COLUMNS] = {0}, along[COLUMNS] = {0};
    for (int i = 0; i < call->out->dim[0]; i++) {
        const float *dy = call->out->grad + (size_t)i * D + from;
        const float *normed = (const float *)call->saved + (size_t)i * D + from;
        for (size_t d = 0; d < width; d++) {
            sum[d] += dy[d];
            along[d] += (double)dy[d] * normed[d];
        }
    }
    for (size_t d = 0; d < width; d++) {
        if (call->in[GAIN]->grad)
            call->in[GAIN]->grad[from + d] += (float)along[d];
        if (call->in[SHIFT]->grad)
            call->in[SHIFT]->grad[from + d] += (float)sum[d];
    }
}

/* With t = gain dy: dx += (t - mean t - normed mean(t normed)) / deviation; dgain += dy normed,
 * dshift += dy, over all rows. */
static void layer_backward(const struct sw_call *call)
{
    if (call->in[X]->grad)
        sw_over_rows(call->compute, call->out->dim[0], call->out->dim[1], layer_some_backward,
                     call);
    if (call->in[GAIN]->grad || call->in[SHIFT]->grad)
        sw_parallel(call->compute, (call->out->dim[1] - 1) / COLUMNS + 1, gain_columns,
                    (void *)call);
}

static const struct sw_sample layer_samples[] = {
    {3, {SW_IN(-1, 1, 5, 7), SW_IN(-1, 1, 7), SW_IN(-1, 1, 7)}, {.f = {1e-5f}}},
    {3, {SW_IN(-1, 1, 3, 70), SW_IN(-1, 1, 70), SW_IN(-1, 1, 70)}, {.f = {0.5f}}},
};

static const struct sw_op layer_norm = {
    SW_OP(layer, "layer_norm", 3, 3, "(N,D),(D),(D)->(N,D)",
          "gain (x - mean) / sqrt(variance + f0) + shift, mean and variance of each row"),
    .saved_size = layer_saved_size,
};

const struct sw_op *const sw_ops_norm[] = {
    &layer_norm,    &sw_op_batch_norm, &sw_op_row_moments,
    &sw_op_dropout, &sw_op_uniform,    &sw_op_order_scores,
    NULL,
};
