/* ops_rows_at.c -- rows in an order of their own, as often as they are asked for. */
#include "tensor/tape/ops.h"
#include "tensor/ops/rows.h"

#include <string.h>

int sw_index_fits(const struct sw_tensor *index, int rows)
{
    if (index->ndim != 1)
        return 0;
    for (int j = 0; j < index->dim[0]; j++)
        if (!(index->data[j] >= 0 && index->data[j] < (float)rows))
            return 0;
    return 1;
}

static int rows_at_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *index = call->in[1];
    if (x->ndim != 2 || !sw_index_fits(index, x->dim[0]))
        return -1;
    return sw_shape_2(out_dim, index->dim[0], x->dim[1]);
}

static size_t row_at(const struct sw_call *call, int j)
{
    return (size_t)call->in[1]->data[j] * (size_t)call->out->dim[1];
}

static void copy_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t W = (size_t)call->out->dim[1];
    for (int j = from; j < to; j++)
        memcpy(call->out->data + (size_t)j * W, call->in[0]->data + row_at(call, j),
               W * sizeof(float));
}

/* out_j = x[index_j] */
static void rows_at_forward(const struct sw_call *call)
{
    sw_over_rows(call->compute, call->out->dim[0], call->out->dim[1], copy_some, call);
}

/* Columns of x that one chunk adds to: a row that is asked for twice is added in the order of the
 * index, so the chunks share no number. */
enum { COLUMNS = 64 };

static void add_columns(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    size_t W = (size_t)call->out->dim[1], from = (size_t)chunk * COLUMNS;
    size_t columns = W - from < COLUMNS ? W - from : COLUMNS;
    for (int j = 0; j < call->out->dim[0]; j++) {
        float *row = call->in[0]->grad + row_at(call, j) + from;
        sw_kernels_of(call)->add(columns, row, call->out->grad + (size_t)j * W + from, row);
    }
}

/* dx[index_j] += dout_j */
static void rows_at_backward(const struct sw_call *call)
{
    int W = call->out->dim[1];
    if (W > 0 && call->in[0]->grad)
        sw_parallel(call->compute, (W - 1) / COLUMNS + 1, add_columns, (void *)call);
}

static const struct sw_sample rows_at_samples[] = {
    {2, {{2, {4, 3}, -1, 1, 0}, SW_CONSTANT_IN(0, 3.9f, 6)}, SW_NO_ARGS},
    {2, {{2, {3, 70}, -1, 1, 0}, SW_CONSTANT_IN(0, 2.9f, 5)}, SW_NO_ARGS},
};

const struct sw_op sw_op_rows_at = {
    SW_OP(rows_at, "rows_at", 2, 2, "(X,W),(N)->(N,W)",
          "row index_j of x for each of the N whole numbers of the index, from 0"),
};
