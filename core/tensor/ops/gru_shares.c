/* gru_shares.c -- see gru_shares.h. */
#include "tensor/ops/gru_shares.h"

#include "tensor/ops/rows.h"
#include "tensor/tape/ops.h"

#include <string.h>

void sw_gru_shares_forward(const struct sw_call *call)
{
    const struct sw_gru *gru = call->saved;
    int D = gru->dim, W = gru->width, X = gru->inputs;
    struct sw_product_of list[SW_GRU_SIDES];
    for (int side = 0; side < gru->sides; side++) {
        const float *ih = sw_gru_parameter(call, side, SW_GRU_BIAS_IH)->data;
        float *bias = gru->bias[side];
        sw_kernels_of(call)->add(2 * (size_t)D, ih,
                                 sw_gru_parameter(call, side, SW_GRU_BIAS_HH)->data, bias);
        memcpy(bias + 2 * (size_t)D, ih + 2 * (size_t)D, (size_t)D * sizeof *ih);
        sw_fill_rows(call->compute, X, 3 * D, bias, gru->shares[side], 3 * (size_t)D);
        list[side] = sw_product_of(0, 1, X, 3 * D, W, call->in[SW_GRU_WORDS]->data, W,
                                   sw_gru_parameter(call, side, SW_GRU_WEIGHT_IH)->data, W, 1,
                                   gru->shares[side], 3 * D);
    }
    sw_gemm_all(call->compute, list, gru->sides);
}

static void clear_some(const void *data, int from, int to)
{
    const struct sw_gru *gru = data;
    size_t row = 3 * (size_t)gru->dim;
    for (int side = 0; side < gru->sides; side++)
        memset(gru->shares[side] + (size_t)from * row, 0,
               (size_t)(to - from) * row * sizeof(float));
}

void sw_gru_shares_clear(const struct sw_call *call)
{
    const struct sw_gru *gru = call->saved;
    sw_over_rows(call->compute, gru->inputs, 3 * gru->dim * gru->sides, clear_some, gru);
}

/* b_hh stands beside b_ih in r and z, so both take the same sums there. */
void sw_gru_shares_backward(const struct sw_call *call)
{
    const struct sw_gru *gru = call->saved;
    struct sw_compute *compute = call->compute;
    struct sw_tensor *x = call->in[SW_GRU_WORDS];
    int D = gru->dim, W = gru->width, X = gru->inputs, count = 0;
    struct sw_product_of list[1 + SW_GRU_SIDES], *dx = NULL;
    if (gru->dx_columns) {
        dx = &list[count++];
        *dx = sw_product_of(0, 0, X, gru->dx_columns, 3 * D, gru->shares[0], 3 * D,
                            sw_gru_parameter(call, 0, SW_GRU_WEIGHT_IH)->data + gru->dx_from, W, 1,
                            x->grad + gru->dx_from, W);
    }
    if (dx && gru->sides > 1) {
        dx->K2 = 3 * D;
        dx->A2 = gru->shares[1];
        dx->B2 = sw_gru_parameter(call, 1, SW_GRU_WEIGHT_IH)->data + gru->dx_from;
    }
    for (int side = 0; side < gru->sides; side++) {
        float *grad = sw_gru_parameter(call, side, SW_GRU_WEIGHT_IH)->grad;
        if (grad)
            list[count++] =
                sw_product_of(1, 0, 3 * D, W, X, gru->shares[side], 3 * D, x->data, W, 1, grad, W);
    }
    sw_gemm_all(compute, list, count);
    for (int side = 0; side < gru->sides; side++) {
        float *dih = sw_gru_parameter(call, side, SW_GRU_BIAS_IH)->grad;
        float *dhh = sw_gru_parameter(call, side, SW_GRU_BIAS_HH)->grad;
        size_t row = 3 * (size_t)D;
        if (dih)
            sw_add_column_sums(compute, X, 3 * D, gru->shares[side], row, dih);
        if (dhh)
            sw_add_column_sums(compute, X, 2 * D, gru->shares[side], row, dhh);
    }
}
