/* gradcheck.h -- holds an operation's backward against finite differences of its forward. */
#ifndef SW_TENSOR_GRADCHECK_H
#define SW_TENSOR_GRADCHECK_H

#include "tensor/tape/graph.h"

/* Tries `op` on each of its samples, on `graph`, which is reset. Refuses, naming the operation and
 * the sample: a shape that does not fit, a result that is not finite or not wholly written, two
 * forwards that differ in a bit, a written input, a gradient that is set and not added to, that
 * depends on which other inputs want one, or that differs from the numeric one by more than 1e-3
 * of the largest of its input. *worst, where not NULL, becomes the largest such difference found.
 *
 * The loss is sum_j sin(1.7 (j+1)) out_j; its numeric gradient a four-point stencil in double over
 * float forwards, (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h, with h within a few hundredths
 * of the input's range, so that no point leaves that range. */
int sw_gradcheck(struct sw_graph *graph, const struct sw_op *op, double *worst,
                 struct sw_error *error);

#endif
