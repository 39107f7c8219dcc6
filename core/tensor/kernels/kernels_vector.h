/* kernels_vector.h -- one vector register of the instruction set that kernels.c is compiled for.
 *
 * sw_v has as many floats as a register: 16 with AVX-512, 8 with AVX2, 4 otherwise. GCC's vector
 * extension covers arithmetic; what it lacks in C (min, max, select, square root) is below, once
 * for each set and once in plain C for other processors. */
#ifndef SW_TENSOR_KERNELS_VECTOR_H
#define SW_TENSOR_KERNELS_VECTOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define SW_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define SW_VECTOR_BYTES 32
#else
#define SW_VECTOR_BYTES 16
#endif
#define SW_WIDTH (SW_VECTOR_BYTES / 4) /* floats in a vector; divides SW_LANES */

#define SW_INLINE static inline __attribute__((always_inline))

/* Before a loop with a constant count of at most 8, whose arrays must end up in registers. */
#ifdef __clang__
#define SW_UNROLL _Pragma("unroll")
#define SW_UNROLL_16 SW_UNROLL
#else
#define SW_UNROLL _Pragma("GCC unroll 8")
#define SW_UNROLL_16 _Pragma("GCC unroll 16") /* of at most 16 */
#endif

typedef float sw_v __attribute__((vector_size(SW_VECTOR_BYTES), may_alias));
typedef uint32_t sw_bits __attribute__((vector_size(SW_VECTOR_BYTES), may_alias));
typedef float sw_v_unaligned __attribute__((vector_size(SW_VECTOR_BYTES), aligned(4), may_alias));

SW_INLINE int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Aligned, for lane tensors. */
SW_INLINE sw_v load(const float *p)
{
    return *(const sw_v *)p;
}

SW_INLINE void store(float *p, sw_v x)
{
    *(sw_v *)p = x;
}

/* Unaligned, for arrays. */
SW_INLINE sw_v load_u(const float *p)
{
    return *(const sw_v_unaligned *)p;
}

SW_INLINE void store_u(float *p, sw_v x)
{
    *(sw_v_unaligned *)p = x;
}

/* At most `left` floats, with zeros behind them: the end of an array. Where left is SW_WIDTH, a
 * constant after inlining, this is one plain load. */
SW_INLINE sw_v load_some(const float *p, size_t left)
{
    if (left >= SW_WIDTH)
        return load_u(p);
    sw_v x = {0};
    memcpy(&x, p, left * sizeof *p);
    return x;
}

SW_INLINE void store_some(float *p, sw_v x, size_t left)
{
    if (left >= SW_WIDTH)
        store_u(p, x);
    else
        memcpy(p, &x, left * sizeof *p);
}

/* x in every lane; x - 0 is x, for -0 too. */
SW_INLINE sw_v splat(float x)
{
    return x - (sw_v){0};
}

/* SW_WIDTH bytes as numbers. */
SW_INLINE sw_v load_bytes(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (sw_v)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif defined(__AVX2__)
    return (sw_v)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#elif defined(__SSE2__)
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m128i zero = _mm_setzero_si128();
    __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), zero);
    return (sw_v)_mm_cvtepi32_ps(_mm_unpacklo_epi16(words, zero));
#else
    return (sw_v){p[0], p[1], p[2], p[3]};
#endif
}

#if defined(__AVX512F__)

typedef __mmask16 sw_vm; /* one truth value per lane */

SW_INLINE sw_vm less(sw_v x, sw_v y)
{
    return _mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_LT_OQ);
}

SW_INLINE sw_vm not_zero(sw_v x)
{
    return _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

/* All bits of a true lane, none of another: -1 and 0 as whole numbers. */
SW_INLINE sw_bits truth(sw_vm when)
{
    return (sw_bits)_mm512_movm_epi32(when);
}

SW_INLINE sw_v choose(sw_vm when, sw_v x, sw_v otherwise)
{
    return (sw_v)_mm512_mask_blend_ps(when, (__m512)otherwise, (__m512)x);
}

/* y where either is NaN, as in x > y ? x : y */
SW_INLINE sw_v max_v(sw_v x, sw_v y)
{
    return (sw_v)_mm512_max_ps((__m512)x, (__m512)y);
}

SW_INLINE sw_v min_v(sw_v x, sw_v y)
{
    return (sw_v)_mm512_min_ps((__m512)x, (__m512)y);
}

SW_INLINE sw_v sqrt_v(sw_v x)
{
    return (sw_v)_mm512_sqrt_ps((__m512)x);
}

#elif defined(__AVX2__)

typedef __m256 sw_vm;

SW_INLINE sw_vm less(sw_v x, sw_v y)
{
    return _mm256_cmp_ps((__m256)x, (__m256)y, _CMP_LT_OQ);
}

SW_INLINE sw_vm not_zero(sw_v x)
{
    return _mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_NEQ_UQ);
}

SW_INLINE sw_bits truth(sw_vm when)
{
    return (sw_bits)when;
}

SW_INLINE sw_v choose(sw_vm when, sw_v x, sw_v otherwise)
{
    return (sw_v)_mm256_blendv_ps((__m256)otherwise, (__m256)x, when);
}

SW_INLINE sw_v max_v(sw_v x, sw_v y)
{
    return (sw_v)_mm256_max_ps((__m256)x, (__m256)y);
}

SW_INLINE sw_v min_v(sw_v x, sw_v y)
{
    return (sw_v)_mm256_min_ps((__m256)x, (__m256)y);
}

SW_INLINE sw_v sqrt_v(sw_v x)
{
    return (sw_v)_mm256_sqrt_ps((__m256)x);
}

#else

typedef sw_bits sw_vm; /* all bits of a true lane are set */

SW_INLINE sw_vm less(sw_v x, sw_v y)
{
    return (sw_bits)(x < y);
}

SW_INLINE sw_vm not_zero(sw_v x)
{
    return (sw_bits)(x != (sw_v){0});
}

SW_INLINE sw_bits truth(sw_vm when)
{
    return when;
}

SW_INLINE sw_v choose(sw_vm when, sw_v x, sw_v otherwise)
{
    return (sw_v)((when & (sw_bits)x) | (~when & (sw_bits)otherwise));
}

#if defined(__SSE2__)

SW_INLINE sw_v max_v(sw_v x, sw_v y)
{
    return (sw_v)_mm_max_ps((__m128)x, (__m128)y);
}

SW_INLINE sw_v min_v(sw_v x, sw_v y)
{
    return (sw_v)_mm_min_ps((__m128)x, (__m128)y);
}

SW_INLINE sw_v sqrt_v(sw_v x)
{
    return (sw_v)_mm_sqrt_ps((__m128)x);
}

#else

SW_INLINE sw_v max_v(sw_v x, sw_v y)
{
    return choose((sw_bits)(x > y), x, y);
}

SW_INLINE sw_v min_v(sw_v x, sw_v y)
{
    return choose((sw_bits)(x < y), x, y);
}

SW_INLINE sw_v sqrt_v(sw_v x)
{
    for (int i = 0; i < SW_WIDTH; i++)
        x[i] = sqrtf(x[i]);
    return x;
}

#endif
#endif

SW_INLINE sw_v abs_v(sw_v x)
{
    return (sw_v)((sw_bits)x & 0x7fffffffu);
}

/* |x| with the sign of y */
SW_INLINE sw_v with_sign(sw_v x, sw_v y)
{
    return (sw_v)(((sw_bits)x & 0x7fffffffu) | ((sw_bits)y & 0x80000000u));
}

#endif
