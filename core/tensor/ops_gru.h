/* ops_gru.h, ops_gru.c -- the bi-directional GRU over captions, eq. 2 before its normalisation. */
#ifndef SW_TENSOR_OPS_GRU_H
#define SW_TENSOR_OPS_GRU_H

#include "stepwise/plugin.h"

extern const struct sw_op sw_op_bigru;

#endif
