/* ops_shared.h -- what the files of operations on pairs share. */
#ifndef SW_TENSOR_OPS_SHARED_H
#define SW_TENSOR_OPS_SHARED_H

#include "stepwise/plugin.h"
#include "tensor/compute.h"
#include "tensor/kernels.h"

#include <stddef.h>

static inline const struct sw_kernels *sw_kernels_of(const struct sw_call *call)
{
    return sw_compute_kernels(call->compute);
}

/* Matrices of lanes, (rows, columns, L), with the steps in lane vectors. */
struct sw_lanes {
    int rows, columns;
    ptrdiff_t row, column;
};

static inline struct sw_lanes sw_lanes_of(const struct sw_tensor *x, int transposed)
{
    if (transposed)
        return (struct sw_lanes){x->dim[1], x->dim[0], 1, x->dim[1]};
    return (struct sw_lanes){x->dim[0], x->dim[1], x->dim[1], 1};
}

static inline int sw_is_lanes(const struct sw_tensor *x)
{
    return x->ndim == 3 && x->dim[0] > 0 && x->dim[1] > 0 && x->dim[2] == SW_LANES;
}

static inline int sw_is_lanes_of(const struct sw_tensor *x, int rows, int columns)
{
    return sw_is_lanes(x) && x->dim[0] == rows && x->dim[1] == columns;
}

/* Sets out_dim to (rows, columns, L) and returns 3. */
static inline int sw_lanes_shape(int out_dim[SW_MAX_DIM], int rows, int columns)
{
    out_dim[0] = rows;
    out_dim[1] = columns;
    out_dim[2] = SW_LANES;
    return 3;
}

/* A sample's input, for the tables of samples. */
#define SW_IN(low, high, ...)                                                   \
    {                                                                           \
        sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}, low, high, 0 \
    }
#define SW_CONSTANT_IN(low, high, ...)                                          \
    {                                                                           \
        sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}, low, high, 1 \
    }
#define SW_SAMPLES(table) .samples = table, .sample_count = sizeof table / sizeof *table

#endif
