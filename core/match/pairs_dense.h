/* pairs_dense.h -- the walk back over whole blocks, where many pairs have a gradient. */
#ifndef SW_MATCH_PAIRS_DENSE_H
#define SW_MATCH_PAIRS_DENSE_H

#include "match/internal.h"

/* The same result as walking back pair by pair. batch->options.dense: tiles without any gradient
 * are walked as well (the full tape). */
int sw_pairs_backward_dense(const struct sw_whole_batch *batch, const float *score_grad,
                            struct sw_error *error);

#endif
