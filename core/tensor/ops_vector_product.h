/* ops_vector_product.h -- operations of ops_vector_product.c, for the list in ops_vector.c. */
#ifndef SW_TENSOR_OPS_VECTOR_PRODUCT_H
#define SW_TENSOR_OPS_VECTOR_PRODUCT_H

#include "stepwise/plugin.h"

#include <limits.h>

extern const struct sw_op sw_op_mix, sw_op_vec_dots;

/* (R, L or 1, D); rows times lanes and lanes times D fit an int, as matrix products want it. */
static inline int sw_is_vectors(const struct sw_tensor *x)
{
    return x->ndim == 3 && (x->dim[1] == 1 || x->dim[1] == SW_LANES) && x->dim[0] > 0 &&
           x->dim[2] > 0 && x->dim[0] <= INT_MAX / SW_LANES && x->dim[2] <= INT_MAX / SW_LANES;
}

#endif
