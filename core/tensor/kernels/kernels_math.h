/* kernels_math.h -- exp, sigmoid and tanh of one vector. */
#ifndef SW_TENSOR_KERNELS_MATH_H
#define SW_TENSOR_KERNELS_MATH_H

#include "tensor/kernels/kernels_vector.h"

/* Below it exp is a denormal number; we give 0. Above the other one it overflows. */
#define SW_EXP_LEAST (-87.3f)
#define SW_EXP_MOST 88.7f

/* x = n ln 2 + r with integer n and |r| <= ln 2 / 2: then e^x = 2^n e^r. ln 2 is taken in two
 * parts, the first with so few bits that n times it is exact. Adding 1.5 2^23 rounds to an integer
 * and leaves n in the lowest bits of the sum. */
struct sw_reduced {
    sw_v r;
    sw_bits shifted; /* n where a float keeps its exponent: n << 23 */
};

SW_INLINE struct sw_reduced reduce(sw_v x)
{
    const float magic = 12582912.0f;
    sw_v t = x * 1.44269504088896341f + magic;
    sw_v n = t - magic;
    sw_v r = x - n * 0.693359375f;
    return (struct sw_reduced){r + n * 2.12194440e-4f, (sw_bits)t << 23};
}

/* e^r - 1 for |r| <= ln 2 / 2: r + r^2 q(r), minimax; relative error of 1 + that: 3.1e-9. */
SW_INLINE sw_v exp_minus_one_reduced(sw_v r)
{
    sw_v q = r * 1.3814559963497165e-3f + 8.368735671766473e-3f;
    q = q * r + 4.166838986554049e-2f;
    q = q * r + 1.6666520476844435e-1f;
    q = q * r + 4.99999934373708e-1f;
    return r * r * q + r;
}

/* For x <= 88.7. The exponent of e^r, a number between 0.7 and 1.42, takes n directly: in the range
 * that is left, n = 128 comes with e^r < 1 only, and n = -126 with e^r > 1 only. */
SW_INLINE sw_v exp_below(sw_v x)
{
    sw_v c = max_v(splat(SW_EXP_LEAST), x); /* keeps a NaN */
    struct sw_reduced a = reduce(c);
    sw_v y = (sw_v)((sw_bits)(exp_minus_one_reduced(a.r) + 1.0f) + a.shifted);
    return choose(less(splat(SW_EXP_LEAST), c), y, c - SW_EXP_LEAST); /* 0, or the NaN */
}

SW_INLINE sw_v exp_v(sw_v x)
{
    return exp_below(min_v(splat(SW_EXP_MOST), x));
}

SW_INLINE sw_v sigmoid_v(sw_v x)
{
    return 1.0f / (1.0f + exp_v(-x));
}

/* With e = exp(-2|x|) - 1, formed without cancellation as 2^n (e^r - 1) + (2^n - 1):
 * tanh |x| = -e / (2 + e). Beyond |x| = 20 the result is 1. */
SW_INLINE sw_v tanh_v(sw_v x)
{
    sw_v t = max_v(splat(-40.0f), -2.0f * abs_v(x)); /* keeps a NaN */
    struct sw_reduced a = reduce(t);
    sw_v power = (sw_v)((0x7fu << 23) + a.shifted);
    sw_v e = power * exp_minus_one_reduced(a.r) + (power - 1.0f);
    return with_sign(e / (2.0f + e), x);
}

/* What gelu and its derivative are made of: the normal distribution's Phi(x) and exp(-x^2 / 2). */
struct sw_normal {
    sw_v phi, density;
};

/* With t = 1 / (1 + p |x| / sqrt 2): Phi(-|x|) = t poly(t) exp(-x^2/2) / 2, Abramowitz and Stegun
 * 7.1.26; absolute error below 1.5e-7. */
SW_INLINE struct sw_normal normal_v(sw_v x)
{
    sw_v t = 1.0f / (1.0f + abs_v(x) * 0.23164189f);
    sw_v e = exp_v(-0.5f * x * x);
    sw_v p = t * 0.5307027145f - 0.7265760135f;
    p = p * t + 0.7107068705f;
    p = p * t - 0.142248368f;
    p = p * t + 0.127414796f;
    sw_v tail = p * t * e;
    return (struct sw_normal){choose(less(x, splat(0)), tail, 1.0f - tail), e};
}

#endif
