/* core_ops.h -- the core's own operations, one list a topic, each ended by NULL. */
#ifndef SW_TENSOR_CORE_OPS_H
#define SW_TENSOR_CORE_OPS_H

#include "stepwise/plugin.h"

extern const struct sw_op *const sw_ops_lane[];        /* over pairs side by side */
extern const struct sw_op *const sw_ops_vector[];      /* over explicit vectors of pairs, (R,L,D) */
extern const struct sw_op *const sw_ops_elementwise[]; /* number by number, any shape */
extern const struct sw_op *const sw_ops_dense[];       /* over a batch's rows, and the loss */
extern const struct sw_op *const sw_ops_parts[];       /* pieces of a tensor, one number for all */

#endif
