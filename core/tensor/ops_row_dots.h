/* ops_row_dots.h -- the scalar products of every row with each of a few vectors. */
#ifndef SW_TENSOR_OPS_ROW_DOTS_H
#define SW_TENSOR_OPS_ROW_DOTS_H

#include "stepwise/plugin.h"

enum { SW_MOST_ROW_DOTS = 9 }; /* vectors of one call */

extern const struct sw_op sw_op_row_dots;

#endif
