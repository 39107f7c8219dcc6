/* ops_row_dots.c -- the scalar products of every row with each of a few vectors, in one sweep over
 * the rows: they are read from memory once (and their gradient once more), however many vectors. */
#include "tensor/tape/ops.h"

#include <string.h>

/* Rows in a chunk: the same for all, so that sums over chunks do not depend on the threads. */
enum { ROWS = 128 };

static int chunks_of(const struct sw_call *call)
{
    return (call->in[0]->dim[0] + ROWS - 1) / ROWS;
}

static int row_dots_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    if (x->ndim != 2)
        return -1;
    for (int m = 1; m < call->inputs; m++) {
        const struct sw_tensor *w = call->in[m];
        if (w->ndim != 2 || w->dim[0] != 1 || w->dim[1] != x->dim[1])
            return -1;
    }
    return sw_shape_2(out_dim, call->inputs - 1, x->dim[0]);
}

/* saved: each chunk's part of the vectors' gradients, (chunks, M, D) */
static size_t row_dots_saved_size(const struct sw_call *call)
{
    if (!call->out->grad)
        return 0;
    return (size_t)chunks_of(call) * (size_t)(call->inputs - 1) * (size_t)call->in[0]->dim[1] *
           sizeof(float);
}

static void dot_rows(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_compute_kernels(call->compute);
    int N = call->in[0]->dim[0], M = call->inputs - 1;
    size_t D = (size_t)call->in[0]->dim[1];
    for (int i = chunk * ROWS; i < (chunk + 1) * ROWS && i < N; i++)
        for (int m = 0; m < M; m++)
            call->out->data[(size_t)m * (size_t)N + (size_t)i] =
                kernels->dot(D, call->in[0]->data + (size_t)i * D, call->in[1 + m]->data);
}

/* out_mi = w_m . x_i */
static void row_dots_forward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), dot_rows, (void *)call);
}

static void dot_rows_backward(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_compute_kernels(call->compute);
    int N = call->in[0]->dim[0], M = call->inputs - 1;
    size_t D = (size_t)call->in[0]->dim[1];
    float *parts = (float *)call->saved + (size_t)chunk * (size_t)M * D;
    memset(parts, 0, (size_t)M * D * sizeof *parts);
    for (int i = chunk * ROWS; i < (chunk + 1) * ROWS && i < N; i++) {
        const float *x = call->in[0]->data + (size_t)i * D;
        for (int m = 0; m < M; m++) {
            float d = call->out->grad[(size_t)m * (size_t)N + (size_t)i];
            if (d == 0)
                continue;
            if (call->in[0]->grad)
                kernels->axpy(D, d, call->in[1 + m]->data, call->in[0]->grad + (size_t)i * D);
            if (call->in[1 + m]->grad)
                kernels->axpy(D, d, x, parts + (size_t)m * D);
        }
    }
}

/* dx_i += sum_m dout_mi w_m;  dw_m += sum_i dout_mi x_i, chunk after chunk */
static void row_dots_backward(const struct sw_call *call)
{
    int chunks = chunks_of(call), M = call->inputs - 1;
    size_t D = (size_t)call->in[0]->dim[1];
    const struct sw_kernels *kernels = sw_compute_kernels(call->compute);
    sw_parallel(call->compute, chunks, dot_rows_backward, (void *)call);
    for (int m = 0; m < M; m++)
        for (int chunk = 0; call->in[1 + m]->grad && chunk < chunks; chunk++)
            kernels->add(D, call->in[1 + m]->grad,
                         (const float *)call->saved + ((size_t)chunk * (size_t)M + (size_t)m) * D,
                         call->in[1 + m]->grad);
}

static const struct sw_sample row_dots_samples[] = {
    {3, {{2, {5, 4}, -1, 1, 0}, {2, {1, 4}, -1, 1, 0}, {2, {1, 4}, -1, 1, 0}}, SW_NO_ARGS},
    {2, {{2, {130, 2}, -1, 1, 0}, {2, {1, 2}, -1, 1, 0}}, SW_NO_ARGS},
};

const struct sw_op sw_op_row_dots = {
    SW_OP(row_dots, "row_dots", 2, 1 + SW_MOST_ROW_DOTS, "(N,D),(1,D)..->(M,N)",
          "w_m . x_i for each row of x and each of M vectors"),
    .saved_size = row_dots_saved_size,
};
