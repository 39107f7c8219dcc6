/* ops_loss.h, ops_loss.c -- the hinge over a batch's similarities, eq. 17. */
#ifndef SW_TENSOR_OPS_LOSS_H
#define SW_TENSOR_OPS_LOSS_H

#include "stepwise/plugin.h"

extern const struct sw_op sw_op_hinge;

#endif
