/* kernels_lane.h -- softmax, cosine and l2 norm of lane tensors; part of kernels.c. */
#ifndef SW_TENSOR_KERNELS_LANE_H
#define SW_TENSOR_KERNELS_LANE_H

#include "stepwise/plugin.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/kernels_math.h"

#include <float.h>

/* Masks hold 1 and 0. */
SW_INLINE sw_vm kept(const float *mask)
{
    return less(splat(0.5f), load(mask));
}

/* ---- softmax ---- */

/* What is taken from the x of a row: the largest, or with a negative lambda the least. */
SW_INLINE sw_v further(int negative, sw_v x, sw_v than)
{
    return negative ? min_v(x, than) : max_v(x, than);
}

SW_INLINE sw_v kept_or(const float *x, const float *mask, float otherwise)
{
    return mask ? choose(kept(mask), load(x), splat(otherwise)) : load(x);
}

/* One row of one part; steps in floats; negative, and mask NULL or not, are constants.
 * exp(lambda (x - top)): top is taken off before lambda comes in, so that FMA, which does not round
 * lambda x, cannot leave more than 0 to exp. Four running maxima shorten the chain of dependent
 * instructions; a maximum has no rounding, so their order is free. */
SW_INLINE void softmax_row(int negative, int K, float lambda, const float *x, ptrdiff_t x_column,
                           const float *mask, float *y)
{
    const float never = negative ? FLT_MAX : -FLT_MAX;
    sw_v tops[4];
    SW_UNROLL for (int j = 0; j < 4; j++)
    {
        tops[j] = splat(negative ? INFINITY : -INFINITY);
    }
    int k = 0;
    for (; k + 4 <= K; k += 4)
        SW_UNROLL for (int j = 0; j < 4; j++)
        {
            sw_v t =
                kept_or(x + (k + j) * x_column, mask ? mask + (k + j) * SW_LANES : NULL, never);
            tops[j] = further(negative, t, tops[j]);
        }
    for (; k < K; k++) {
        sw_v t = kept_or(x + k * x_column, mask ? mask + k * SW_LANES : NULL, never);
        tops[0] = further(negative, t, tops[0]);
    }
    sw_v top =
        further(negative, further(negative, tops[0], tops[1]), further(negative, tops[2], tops[3]));

    sw_v sum = splat(0);
    for (k = 0; k < K; k++) {
        sw_v e = exp_below(lambda * (load(x + k * x_column) - top));
        if (mask)
            e = choose(kept(mask + k * SW_LANES), e, splat(0));
        store(y + k * SW_LANES, e);
        sum += e;
    }
    sw_v by = choose(not_zero(sum), 1.0f / sum, splat(0)); /* a NaN is not zero and stays */
    for (k = 0; k < K; k++)
        store(y + k * SW_LANES, load(y + k * SW_LANES) * by);
}

static void lane_softmax(int R, int K, float lambda, const float *x, ptrdiff_t x_row,
                         ptrdiff_t x_column, const float *mask, float *y)
{
    x_row *= SW_LANES, x_column *= SW_LANES;
    for (int r = 0; r < R; r++)
        for (int part = 0; part < SW_LANES; part += SW_WIDTH) {
            const float *from = x + r * x_row + part;
            float *to = y + (ptrdiff_t)r * K * SW_LANES + part;
            if (lambda < 0 && mask)
                softmax_row(1, K, lambda, from, x_column, mask + part, to);
            else if (lambda < 0)
                softmax_row(1, K, lambda, from, x_column, NULL, to);
            else if (mask)
                softmax_row(0, K, lambda, from, x_column, mask + part, to);
            else
                softmax_row(0, K, lambda, from, x_column, NULL, to);
        }
}

static void lane_softmax_backward(int R, int K, float lambda, const float *y, const float *dy,
                                  float *dx, ptrdiff_t dx_row, ptrdiff_t dx_column)
{
    dx_row *= SW_LANES, dx_column *= SW_LANES;
    for (int r = 0; r < R; r++)
        for (int part = 0; part < SW_LANES; part += SW_WIDTH) {
            const float *yr = y + (ptrdiff_t)r * K * SW_LANES + part;
            const float *dyr = dy + (ptrdiff_t)r * K * SW_LANES + part;
            float *to = dx + r * dx_row + part;
            sw_v sum = splat(0);
            for (int k = 0; k < K; k++)
                sum += load(yr + k * SW_LANES) * load(dyr + k * SW_LANES);
            for (int k = 0; k < K; k++) {
                sw_v g = lambda * load(yr + k * SW_LANES) * (load(dyr + k * SW_LANES) - sum);
                store(to + k * dx_column, load(to + k * dx_column) + g);
            }
        }
}

/* ---- cosine ---- */

static void lane_cosine(int R, const float *dot, const float *xx, ptrdiff_t xx_step,
                        const float *yy, ptrdiff_t yy_step, float *out)
{
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int r = 0; r < R; r++) {
            const ptrdiff_t at = (ptrdiff_t)r * SW_LANES + part;
            sw_v p = max_v(load(xx + r * xx_step * SW_LANES + part), splat(0)) *
                     max_v(load(yy + r * yy_step * SW_LANES + part), splat(0));
            store(out + at, load(dot + at) / max_v(splat(1e-8f), sqrt_v(p)));
        }
}

/* c = dot / sqrt(xx yy): dc/ddot = 1 / sqrt(xx yy), dc/dxx = -c / (2 xx), dc/dyy = -c / (2 yy).
 * Where the denominator is clamped only dot has a gradient, 1e8. */
static void lane_cosine_backward(int R, const float *dot, const float *xx, ptrdiff_t xx_step,
                                 const float *yy, ptrdiff_t yy_step, const float *dout, float *ddot,
                                 float *dxx, float *dyy)
{
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int r = 0; r < R; r++) {
            const ptrdiff_t at = (ptrdiff_t)r * SW_LANES + part;
            const ptrdiff_t xx_at = r * xx_step * SW_LANES + part;
            const ptrdiff_t yy_at = r * yy_step * SW_LANES + part;
            sw_v x2 = max_v(load(xx + xx_at), splat(0)), y2 = max_v(load(yy + yy_at), splat(0));
            sw_v root = sqrt_v(x2 * y2), d = load(dout + at) / max_v(splat(1e-8f), root);
            sw_vm free_root = less(splat(1e-8f), root);
            sw_v half = splat(0.5f) * d * load(dot + at);
            if (ddot)
                store(ddot + at, load(ddot + at) + d);
            if (dxx)
                store(dxx + xx_at, load(dxx + xx_at) - choose(free_root, half / x2, splat(0)));
            if (dyy)
                store(dyy + yy_at, load(dyy + yy_at) - choose(free_root, half / y2, splat(0)));
        }
}

/* ---- l2 norm ---- */

SW_INLINE sw_v unmasked(const float *x, const float *mask, int entry)
{
    return mask ? choose(kept(mask + entry * SW_LANES), load(x), splat(0)) : load(x);
}

static void lane_l2norm(int groups, int entries, const float *x, ptrdiff_t group_step,
                        ptrdiff_t entry_step, const float *mask, float *y)
{
    group_step *= SW_LANES, entry_step *= SW_LANES;
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int i = 0; i < groups; i++) {
            const float *from = x + i * group_step + part, *m = mask ? mask + part : NULL;
            float *to = y + i * group_step + part;
            sw_v sum = splat(0);
            for (int j = 0; j < entries; j++) {
                sw_v v = unmasked(from + j * entry_step, m, j);
                sum += v * v;
            }
            sw_v by = 1.0f / (sqrt_v(sum) + 1e-8f);
            for (int j = 0; j < entries; j++)
                store(to + j * entry_step, unmasked(from + j * entry_step, m, j) * by);
        }
}

/* With s = |x| and y = x / (s + e): dx = dy / (s + e) - x (sum dy x) / (s (s + e)^2); the second
 * term is 0 where s is. */
static void lane_l2norm_backward(int groups, int entries, const float *x, const float *dy,
                                 ptrdiff_t group_step, ptrdiff_t entry_step, const float *mask,
                                 float *dx)
{
    group_step *= SW_LANES, entry_step *= SW_LANES;
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int i = 0; i < groups; i++) {
            const ptrdiff_t at = i * group_step + part;
            const float *m = mask ? mask + part : NULL;
            sw_v sum = splat(0), inner = splat(0);
            for (int j = 0; j < entries; j++) {
                sw_v v = unmasked(x + at + j * entry_step, m, j);
                sum += v * v;
                inner += v * unmasked(dy + at + j * entry_step, m, j);
            }
            sw_v s = sqrt_v(sum), by = 1.0f / (s + 1e-8f);
            sw_v back = choose(not_zero(s), inner / s * by * by, splat(0));
            for (int j = 0; j < entries; j++) {
                float *to = dx + at + j * entry_step;
                sw_v g = unmasked(dy + at + j * entry_step, m, j) * by -
                         unmasked(x + at + j * entry_step, m, j) * back;
                store(to, load(to) + g);
            }
        }
}

#endif
