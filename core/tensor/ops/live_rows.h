/* live_rows.h -- the rows of a batch that backward has to look at.
 *
 * Once most hinges are satisfied, most images and captions take no gradient: the rows of their
 * fragments are zero in dout, and give nothing to any gradient. Products over a batch's rows leave
 * them out where they are a quarter or more: the others are packed, SW_LIVE_PANEL at a time. */
#ifndef SW_TENSOR_LIVE_ROWS_H
#define SW_TENSOR_LIVE_ROWS_H

#include "stepwise/plugin.h"

#include <stddef.h>

enum { SW_LIVE_PANEL = 1024 };

/* 1 where a number of x (count) is not zero; NaN is not. */
int sw_is_live(const float *x, size_t count);

/* Rows of a call's first input x (N,F) and of its output's gradient (N,D), all or some of them. */
struct sw_live_rows {
    const float *x, *dout; /* (rows, F), (rows, D) */
    float *dx;             /* (rows, F), to be added to; NULL: not wanted */
    int rows;
};

/* sw_op.saved_size of an operation whose backward is sw_live_backward. */
size_t sw_live_size(const struct sw_call *call);

/* Calls backward(call, rows) once with all rows, or with the live ones part after part. What comes
 * out is the same within rounding, not to the last bit: sums over rows are cut elsewhere, and
 * OpenBLAS adds up a row in an order that depends on its place. */
void sw_live_backward(const struct sw_call *call,
                      void (*backward)(const struct sw_call *call, struct sw_live_rows rows));

#endif
