/* ops_gram.h, ops_gram.c -- products of each image's regions, or each caption's words, with
 * themselves: what vectors in coordinates need for their lengths. */
#ifndef SW_TENSOR_OPS_GRAM_H
#define SW_TENSOR_OPS_GRAM_H

#include "stepwise/plugin.h"

extern const struct sw_op sw_op_gram;

#endif
