/* gru_recurrent.c -- see gru_recurrent.h. */
#include "tensor/gru_recurrent.h"

#include "tensor/compute.h"
#include "tensor/kernels.h"

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

/* ---- split weights --------------------------------------------------------------------------- */

/* Forward a block multiplies by the rows of W_hh of its units of each gate; back, by the columns of
 * its units. */
static size_t block_bytes(const struct sw_gru_recurrent *r)
{
    return r->backward ? r->kernels->split_size(GATES * r->D, r->units)
                       : GATES * r->kernels->split_size(r->D, r->units);
}

size_t sw_gru_split_bytes(struct sw_compute *compute, int D)
{
    size_t most = 0;
    for (int backward = 0; backward < 2; backward++) {
        struct sw_gru_recurrent r;
        sw_gru_recurrent_init(&r, compute, D, backward);
        size_t bytes = r.kernels->split ? (size_t)r.blocks * block_bytes(&r) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static char *split_of(const struct sw_gru_recurrent *r, int side, int block, int gate)
{
    size_t bytes = block_bytes(r);
    return r->split[side] + (size_t)block * bytes + (size_t)gate * (bytes / GATES);
}

static const float *rows_of(const struct sw_gru_recurrent *r, int side, int block, int gate)
{
    return r->weight[side] + (size_t)(gate * r->D + block * r->units) * (size_t)r->D;
}

static const float *columns_of(const struct sw_gru_recurrent *r, int side, int block)
{
    return r->weight[side] + block * r->units;
}

static void split_block(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_gru_recurrent *r = data;
    int side = chunk / r->blocks, block = chunk % r->blocks, units = sw_gru_units(r, block);
    if (r->backward)
        sw_gemm_split(r->compute, 0, GATES * r->D, units, columns_of(r, side, block), r->D,
                      split_of(r, side, block, 0));
    else
        for (int gate = 0; gate < GATES; gate++)
            sw_gemm_split(r->compute, 1, r->D, units, rows_of(r, side, block, gate), r->D,
                          split_of(r, side, block, gate));
}

void sw_gru_split(struct sw_gru_recurrent *r)
{
    if (r->kernels->split)
        sw_parallel(r->compute, SW_GRU_SIDES * r->blocks, split_block, r);
}

/* ---- products -------------------------------------------------------------------------------- */

static void multiply_split(const struct sw_gru_recurrent *r, int side, int block, int rows,
                           const float *h, float *out, int step)
{
    struct sw_split_product list[GATES];
    for (int gate = 0; gate < GATES; gate++)
        list[gate] = (struct sw_split_product){.split = split_of(r, side, block, gate),
                                               .N = sw_gru_units(r, block),
                                               .C = out + gate * r->D + block * r->units};
    sw_gemm_by_split(r->compute, rows, r->D, h, r->D, list, GATES, step);
}

void sw_gru_multiply(const struct sw_gru_recurrent *r, int side, int block, int rows,
                     const float *h, float *out, int step)
{
    int D = r->D;
    if (r->kernels->split)
        multiply_split(r, side, block, rows, h, out, step);
    else if (r->blocks == 1)
        sw_gemm_one(r->compute, 0, 1, rows, GATES * D, D, 1, h, D, r->weight[side], D, 1, out,
                    step);
    else
        for (int gate = 0; gate < GATES; gate++)
            sw_gemm_one(r->compute, 0, 1, rows, sw_gru_units(r, block), D, 1, h, D,
                        rows_of(r, side, block, gate), D, 1, out + gate * D + block * r->units,
                        step);
}

void sw_gru_multiply_back(const struct sw_gru_recurrent *r, int side, int block, int rows,
                          const float *dgates, int step, float *dh)
{
    int units = sw_gru_units(r, block), D = r->D;
    float *out = dh + block * r->units;
    if (r->kernels->split) {
        struct sw_split_product product = {
            .split = split_of(r, side, block, 0), .N = units, .C = out};
        sw_gemm_by_split(r->compute, rows, GATES * D, dgates, step, &product, 1, D);
    } else {
        sw_gemm_one(r->compute, 0, 0, rows, units, GATES * D, 1, dgates, step,
                    columns_of(r, side, block), D, 1, out, D);
    }
}
