/* ops.h -- the core's own operations, and what their files share. */
#ifndef SW_TENSOR_OPS_H
#define SW_TENSOR_OPS_H

#include "stepwise/plugin.h"
#include "tensor/threads/compute.h"
#include "tensor/kernels/kernels.h"

#include <limits.h>
#include <stddef.h>

/* One list per family, each ended by NULL. */
extern const struct sw_op *const sw_ops_lane[];        /* over pairs side by side */
extern const struct sw_op *const sw_ops_vector[];      /* over explicit vectors of pairs, (R,L,D) */
extern const struct sw_op *const sw_ops_elementwise[]; /* number by number, any shape */
extern const struct sw_op *const sw_ops_dense[];       /* over a batch's rows, and the loss */
extern const struct sw_op *const sw_ops_group[];       /* over the fragments of each group */
extern const struct sw_op *const sw_ops_norm[];        /* norms over rows, dropout */

/* Operations in files of their own, for the lists. */
extern const struct sw_op sw_op_bigru, sw_op_gram, sw_op_hinge, sw_op_row_dots;
extern const struct sw_op sw_op_lane_softmax, sw_op_lane_cosine, sw_op_lane_mean, sw_op_lane_l2norm;
extern const struct sw_op sw_op_group_softmax, sw_op_group_sort, sw_op_group_attention;
extern const struct sw_op sw_op_group_windows, sw_op_batch_norm, sw_op_row_moments;
extern const struct sw_op sw_op_order_scores, sw_op_gru, sw_op_dropout, sw_op_uniform;
extern const struct sw_op sw_op_lane_max, sw_op_lane_lse, sw_op_lane_batch_norm, sw_op_lane_moment;
extern const struct sw_op sw_op_group_dots, sw_op_rows_at;
extern const struct sw_op sw_op_mix, sw_op_vec_dots;
extern const struct sw_op sw_op_vec_add, sw_op_vec_sub, sw_op_vec_mul, sw_op_vec_stack;
extern const struct sw_op sw_op_vec_memory;

enum { SW_MOST_ROW_DOTS = 9 }; /* vectors of one call of row_dots */

static inline const struct sw_kernels *sw_kernels_of(const struct sw_call *call)
{
    return sw_compute_kernels(call->compute);
}

/* 1 when `index` is (N), each number that of one of `rows` rows; they stand for their whole part.
 */
int sw_index_fits(const struct sw_tensor *index, int rows);

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

/* Set out_dim to (a, b), or (a, b, c), and return how many that are. */
static inline int sw_shape_2(int out_dim[SW_MAX_DIM], int a, int b)
{
    out_dim[0] = a;
    out_dim[1] = b;
    return 2;
}

static inline int sw_shape_3(int out_dim[SW_MAX_DIM], int a, int b, int c)
{
    out_dim[2] = c;
    return sw_shape_2(out_dim, a, b) + 1;
}

/* (rows, columns, L) */
static inline int sw_lanes_shape(int out_dim[SW_MAX_DIM], int rows, int columns)
{
    return sw_shape_3(out_dim, rows, columns, SW_LANES);
}

/* (R, L or 1, D); rows times lanes and lanes times D fit an int, as matrix products want it. */
static inline int sw_is_vectors(const struct sw_tensor *x)
{
    return x->ndim == 3 && (x->dim[1] == 1 || x->dim[1] == SW_LANES) && x->dim[0] > 0 &&
           x->dim[2] > 0 && x->dim[0] <= INT_MAX / SW_LANES && x->dim[2] <= INT_MAX / SW_LANES;
}

/* Where row r of pair l lies in explicit vectors; single rows and shared lanes repeat. */
static inline size_t sw_vector_at(const struct sw_tensor *x, int r, int l)
{
    const size_t row = x->dim[0] > 1 ? (size_t)r : 0, lane = x->dim[1] > 1 ? (size_t)l : 0;
    return (row * (size_t)x->dim[1] + lane) * (size_t)x->dim[2];
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
#define SW_NO_ARGS     \
    {                  \
        {0}, {0}, NULL \
    }
#define SW_SAMPLES(table) .samples = table, .sample_count = sizeof table / sizeof *table

/* The members of an operation whose functions are stem_forward and stem_backward; of SW_OP also
 * stem_shape, and the table stem_samples. */
#define SW_OP_WITH(stem, shape_, samples_, name_, least, most, shapes_, doc_)                  \
    .name = name_, .shapes = shapes_, .doc = doc_, .least_inputs = least, .most_inputs = most, \
    .shape = shape_, .forward = stem##_forward, .backward = stem##_backward, SW_SAMPLES(samples_)
#define SW_OP(stem, ...) SW_OP_WITH(stem, stem##_shape, stem##_samples, __VA_ARGS__)

#endif
