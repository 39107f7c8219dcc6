/* gru_recurrent.c -- see gru_recurrent.h. */
#include "tensor/ops/gru_recurrent.h"

#include "tensor/threads/compute.h"
#include "tensor/kernels/kernels.h"

enum { UNIT_STEP = 16, GATES = 3 };

void sw_gru_recurrent_init(struct sw_gru_recurrent *r, struct sw_compute *compute, int D,
                           int backward)
{
    int blocks = (D - 1) / SW_GRU_UNITS + 1, even = (D - 1) / blocks + 1;
    *r = (struct sw_gru_recurrent){
        .compute = compute, .kernels = sw_compute_kernels(compute), .D = D, .backward = backward};
    r->units = (even + UNIT_STEP - 1) / UNIT_STEP * UNIT_STEP;
    r->blocks = (D - 1) / r->units + 1;
}

int sw_gru_units(const struct sw_gru_recurrent *r, int block)
{
    int left = r->D - block * r->units;
    return left < r->units ? left : r->units;
}

/* ---- prepared weights ------------------------------------------------------------------------ */

/* Forward a block multiplies by the rows of W_hh of its units, gate by gate; back, by the columns
 * of its units. */
static size_t gate_bytes(const struct sw_gru_recurrent *r)
{
    return (r->kernels->prepared_size(r->D, r->units) + 63) / 64 * 64;
}

static size_t block_bytes(const struct sw_gru_recurrent *r)
{
    return r->backward ? (r->kernels->prepared_size(GATES * r->D, r->units) + 63) / 64 * 64
                       : GATES * gate_bytes(r);
}

size_t sw_gru_prepared_bytes(struct sw_compute *compute, int D)
{
    size_t most = 0;
    for (int backward = 0; backward < 2; backward++) {
        struct sw_gru_recurrent r;
        sw_gru_recurrent_init(&r, compute, D, backward);
        size_t bytes = (size_t)r.blocks * block_bytes(&r);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static char *prepared_of(const struct sw_gru_recurrent *r, int side, int block, int gate)
{
    return r->prepared[side] + (size_t)block * block_bytes(r) + (size_t)gate * gate_bytes(r);
}

static void prepare_block(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_gru_recurrent *r = data;
    int side = chunk / r->blocks, block = chunk % r->blocks, D = r->D;
    int from = block * r->units, units = sw_gru_units(r, block);
    const float *weight = r->weight[side];
    if (r->backward)
        sw_gemm_prepare(r->compute, 0, GATES * D, units, weight + from, D,
                        prepared_of(r, side, block, 0));
    else
        for (int gate = 0; gate < GATES; gate++)
            sw_gemm_prepare(r->compute, 1, D, units, weight + (size_t)(gate * D + from) * (size_t)D,
                            D, prepared_of(r, side, block, gate));
}

void sw_gru_prepare(struct sw_gru_recurrent *r)
{
    sw_parallel(r->compute, r->sides * r->blocks, prepare_block, r);
}

/* ---- products -------------------------------------------------------------------------------- */

void sw_gru_multiply(const struct sw_gru_recurrent *r, int side, int block, int rows,
                     const float *h, float *out, int step)
{
    struct sw_prepared_product list[GATES];
    for (int gate = 0; gate < GATES; gate++)
        list[gate] = (struct sw_prepared_product){.prepared = prepared_of(r, side, block, gate),
                                                  .N = sw_gru_units(r, block),
                                                  .C = out + gate * r->D + block * r->units};
    sw_gemm_prepared(r->compute, rows, r->D, h, r->D, list, GATES, step);
}

void sw_gru_multiply_back(const struct sw_gru_recurrent *r, int side, int block, int rows,
                          const float *dgates, int step, float *dh)
{
    struct sw_prepared_product product = {.prepared = prepared_of(r, side, block, 0),
                                          .N = sw_gru_units(r, block),
                                          .C = dh + block * r->units};
    sw_gemm_prepared(r->compute, rows, GATES * r->D, dgates, step, &product, 1, r->D);
}
