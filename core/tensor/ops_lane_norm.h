/* ops_lane_norm.h -- operations of ops_lane_norm.c, for the list in ops_lane.c. */
#ifndef SW_TENSOR_OPS_LANE_NORM_H
#define SW_TENSOR_OPS_LANE_NORM_H

#include "stepwise/plugin.h"

extern const struct sw_op sw_op_lane_softmax, sw_op_lane_cosine, sw_op_lane_mean, sw_op_lane_l2norm;

#endif
