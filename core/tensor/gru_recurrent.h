/* gru_recurrent.h -- the products of a GRU's steps with its recurrent weights, W_hh (3D, D).
 *
 * The units of a direction are cut into blocks of at most SW_GRU_UNITS, by D alone, so that a
 * thread prepares the weights of its own units only. Where the kernels split operands
 * (tensor/kernels.h) W_hh is split once for all steps: with few captions a step, splitting would
 * cost what multiplying does. */
#ifndef SW_TENSOR_GRU_RECURRENT_H
#define SW_TENSOR_GRU_RECURRENT_H

#include "tensor/gru_plan.h"

enum { SW_GRU_UNITS = 512 };

struct sw_gru_recurrent {
    struct sw_compute *compute;
    const struct sw_kernels *kernels;
    const float *weight[SW_GRU_SIDES]; /* (3D, D) */
    char *split[SW_GRU_SIDES];         /* sw_gru_split_bytes, where the kernels split */
    int D;
    int backward;      /* whether products are with W_hh, or with its transpose */
    int units, blocks; /* of each block but the last; how many */
};

/* Sets all but the pointers to weights. */
void sw_gru_recurrent_init(struct sw_gru_recurrent *r, struct sw_compute *compute, int D,
                           int backward);

int sw_gru_units(const struct sw_gru_recurrent *r, int block);

/* Bytes of a direction's W_hh as the kernels split it, for forward or backward; 0 where they do
 * not. */
size_t sw_gru_split_bytes(struct sw_compute *compute, int D);

/* Before the first step, from outside chunks: splits W_hh into `split` where the kernels do that.
 */
void sw_gru_split(struct sw_gru_recurrent *r);

/* Of the units u of a block: out[i, gate D + u] += sum over D of h[i] W_hh[gate D + u], for 3 gates
 * and `rows` rows of h (rows, D); out: rows `step` apart. */
void sw_gru_multiply(const struct sw_gru_recurrent *r, int side, int block, int rows,
                     const float *h, float *out, int step);

/* Of the units u of a block: dh[i, u] += sum over 3D of dgates[i] W_hh[:, u]; dgates: rows `step`
 * apart; dh (rows, D). */
void sw_gru_multiply_back(const struct sw_gru_recurrent *r, int side, int block, int rows,
                          const float *dgates, int step, float *dh);

#endif
