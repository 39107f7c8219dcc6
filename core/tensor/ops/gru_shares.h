/* gru_shares.h -- what the rows of x give to a GRU's gates, and take back: once per row of x,
 * however many words share it. `saved` of a call is its plan (gru_plan.h). */
#ifndef SW_TENSOR_GRU_SHARES_H
#define SW_TENSOR_GRU_SHARES_H

#include "tensor/ops/gru_plan.h"

/* shares = x W_ih^T + b_ih, and + b_hh in r and z; all directions at once. */
void sw_gru_shares_forward(const struct sw_call *call);

/* shares = 0, for their gradients to be added to. */
void sw_gru_shares_clear(const struct sw_call *call);

/* dW_ih += dshares^T x; dx += dshares W_ih, the directions in turn; db_ih += the column sums of
 * dshares, and db_hh those of r and z. */
void sw_gru_shares_backward(const struct sw_call *call);

#endif
