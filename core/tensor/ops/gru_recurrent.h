/* gru_recurrent.h -- the products of a GRU's steps with its recurrent weights, W_hh (3D, D).
 *
 * The units of a direction are cut into blocks of at most SW_GRU_UNITS, by D alone, which are what
 * threads share out. W_hh is prepared once for all steps (tensor/kernels/kernels.h): with the 64
 * captions of a batch, laying it out anew in each step takes as long as multiplying. */
#ifndef SW_TENSOR_GRU_RECURRENT_H
#define SW_TENSOR_GRU_RECURRENT_H

#include "tensor/ops/gru_plan.h"

enum { SW_GRU_UNITS = 512 };

struct sw_gru_recurrent {
    struct sw_compute *compute;
    const struct sw_kernels *kernels;
    const float *weight[SW_GRU_SIDES]; /* (3D, D) */
    char *prepared[SW_GRU_SIDES];      /* sw_gru_prepared_bytes, 64-byte aligned */
    int D, sides;
    int backward;      /* products are with W_hh, else with its transpose */
    int units, blocks; /* of each block but the last; how many */
};

/* Sets all but sides, weight and prepared. */
void sw_gru_recurrent_init(struct sw_gru_recurrent *r, struct sw_compute *compute, int D,
                           int backward);

int sw_gru_units(const struct sw_gru_recurrent *r, int block);

/* Bytes of a direction's prepared W_hh, enough for forward and for backward. */
size_t sw_gru_prepared_bytes(struct sw_compute *compute, int D);

/* Before the first step, from outside chunks. */
void sw_gru_prepare(struct sw_gru_recurrent *r);

/* Of the units u of a block: out[i, gate D + u] += sum over D of h[i] W_hh[gate D + u], for 3 gates
 * and `rows` rows of h (rows, D); rows of out are `step` apart. */
void sw_gru_multiply(const struct sw_gru_recurrent *r, int side, int block, int rows,
                     const float *h, float *out, int step);

/* Of the units u of a block: dh[i, u] += sum over 3D of dgates[i] W_hh[:, u]; rows of dgates are
 * `step` apart; dh (rows, D). */
void sw_gru_multiply_back(const struct sw_gru_recurrent *r, int side, int block, int rows,
                          const float *dgates, int step, float *dh);

#endif
