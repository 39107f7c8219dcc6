/* kernels.c -- one set of kernels. The build compiles this file once for each instruction set, with
 * the flags of that set and SW_KERNELS as the name of the table; all else here is static. SW_ON_AMX
 * stands for AMX, which compilers have different names for.
 *
 * Multiply-adds may be contracted to FMA where the set has it (-ffp-contract=fast, GCC's default,
 * or clang's `on`). Nothing may be reassociated: no -ffast-math, so that the order of every sum is
 * the one written. */
#include "tensor/kernels/kernels.h"

#include "tensor/kernels/kernels_array.h"
#include "tensor/kernels/kernels_lane.h"
#include "tensor/kernels/kernels_product.h"
#ifdef SW_ON_AMX
#include "tensor/kernels/kernels_amx.h"
#else
#include "tensor/kernels/kernels_prepared.h"
#endif

#ifndef SW_KERNELS
#define SW_KERNELS sw_kernels_baseline
#endif

#if defined(SW_ON_AMX)
#define SW_KERNELS_NAME "amx"
#elif SW_WIDTH == 16
#define SW_KERNELS_NAME "avx512"
#elif SW_WIDTH == 8
#define SW_KERNELS_NAME "avx2"
#else
#define SW_KERNELS_NAME "baseline"
#endif

const struct sw_kernels SW_KERNELS = {
    .name = SW_KERNELS_NAME,
    .exp = array_exp,
    .sigmoid = array_sigmoid,
    .tanh = array_tanh,
    .add = array_add,
    .sub = array_sub,
    .mul = array_mul,
    .affine = array_affine,
    .axpy = array_axpy,
    .mul_add = array_mul_add,
    .dot = array_dot,
    .sum_squares = array_sum_squares,
    .from_u8 = array_from_u8,
    .leaky_relu = array_leaky_relu,
    .leaky_relu_backward = array_leaky_relu_backward,
    .gelu = array_gelu,
    .gelu_backward = array_gelu_backward,
    .column_ranks = array_column_ranks,
    .sigmoid_backward = array_sigmoid_backward,
    .tanh_backward = array_tanh_backward,
    .adam = array_adam,
    .gru_forward = array_gru_forward,
    .gru_backward = array_gru_backward,
    .lane_softmax = lane_softmax,
    .lane_softmax_backward = lane_softmax_backward,
    .lane_matmul = lane_matmul,
    .lane_rowdot = lane_rowdot,
    .lane_scale = lane_scale,
    .lane_quadratic = lane_quadratic,
    .lane_quadratic_backward = lane_quadratic_backward,
    .lane_cosine = lane_cosine,
    .lane_cosine_backward = lane_cosine_backward,
    .lane_l2norm = lane_l2norm,
    .lane_l2norm_backward = lane_l2norm_backward,
#ifdef SW_ON_AMX
    .prepared_size = amx_prepared_size,
    .prepare = amx_prepare,
    .product_prepared = amx_product_prepared,
    .product = amx_product,
    .product_room = (ROOM_A + ROOM_B) * sizeof(uint32_t),
#else
    .prepared_size = array_prepared_size,
    .prepare = array_prepare,
    .product_prepared = array_product_prepared,
    .product_room = PREPARED_LINES * PREPARED_K * sizeof(float),
    .prepares_pairs = SW_WIDTH == 8,
#endif
};
