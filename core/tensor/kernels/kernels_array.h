/* kernels_array.h -- kernels over plain arrays of any length and alignment; part of kernels.c. */
#ifndef SW_TENSOR_KERNELS_ARRAY_H
#define SW_TENSOR_KERNELS_ARRAY_H

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/kernels_math.h"

/* ---- number by number ---- */

typedef sw_v sw_each(sw_v x, sw_v y, sw_v z, sw_v a, sw_v c);

SW_INLINE void each_step(size_t left, sw_each *f, sw_v a, sw_v c, const float *x, const float *y,
                         const float *z, float *out)
{
    sw_v none = {0};
    store_some(
        out,
        f(load_some(x, left), y ? load_some(y, left) : none, z ? load_some(z, left) : none, a, c),
        left);
}

/* out = f(x, y, z, a, c); y and z may be NULL. Inlined with a constant f. */
SW_INLINE void each(size_t count, sw_each *f, float a, float c, const float *x, const float *y,
                    const float *z, float *out)
{
    sw_v va = splat(a), vc = splat(c);
    size_t i = 0;
    for (; i + SW_WIDTH <= count; i += SW_WIDTH)
        each_step(SW_WIDTH, f, va, vc, x + i, y ? y + i : NULL, z ? z + i : NULL, out + i);
    if (i < count)
        each_step(count - i, f, va, vc, x + i, y ? y + i : NULL, z ? z + i : NULL, out + i);
}

#define SW_EACH(name, expression)                               \
    SW_INLINE sw_v name(sw_v x, sw_v y, sw_v z, sw_v a, sw_v c) \
    {                                                           \
        (void)x, (void)y, (void)z, (void)a, (void)c;            \
        return expression;                                      \
    }

SW_EACH(each_exp, exp_v(x))
SW_EACH(each_sigmoid, sigmoid_v(x))
SW_EACH(each_tanh, tanh_v(x))
SW_EACH(each_gelu, x *normal_v(x).phi)
SW_EACH(each_add, x + y)
SW_EACH(each_sub, x - y)
SW_EACH(each_mul, x *y)
SW_EACH(each_affine, a *x + c)
SW_EACH(each_axpy, z + a * x)
SW_EACH(each_mul_add, z + a * x * y)
SW_EACH(each_leaky, choose(less(x, splat(0)), a *x, x))
SW_EACH(each_leaky_backward, z + choose(less(splat(0), x), y, a *y))
SW_EACH(each_sigmoid_backward, z + y * (x * (1.0f - x)))
SW_EACH(each_tanh_backward, z + y * (1.0f - x * x))

/* phi + x density / sqrt(2 pi) */
SW_INLINE sw_v each_gelu_backward(sw_v x, sw_v y, sw_v z, sw_v a, sw_v c)
{
    (void)a, (void)c;
    struct sw_normal n = normal_v(x);
    return z + y * (n.phi + x * n.density * 0.3989422804f);
}

static void array_exp(size_t count, const float *x, float *out)
{
    each(count, each_exp, 0, 0, x, NULL, NULL, out);
}

static void array_sigmoid(size_t count, const float *x, float *out)
{
    each(count, each_sigmoid, 0, 0, x, NULL, NULL, out);
}

static void array_tanh(size_t count, const float *x, float *out)
{
    each(count, each_tanh, 0, 0, x, NULL, NULL, out);
}

static void array_add(size_t count, const float *x, const float *y, float *out)
{
    each(count, each_add, 0, 0, x, y, NULL, out);
}

static void array_sub(size_t count, const float *x, const float *y, float *out)
{
    each(count, each_sub, 0, 0, x, y, NULL, out);
}

static void array_mul(size_t count, const float *x, const float *y, float *out)
{
    each(count, each_mul, 0, 0, x, y, NULL, out);
}

static void array_affine(size_t count, float a, float c, const float *x, float *out)
{
    each(count, each_affine, a, c, x, NULL, NULL, out);
}

static void array_axpy(size_t count, float a, const float *x, float *out)
{
    each(count, each_axpy, a, 0, x, NULL, out, out);
}

static void array_mul_add(size_t count, float a, const float *x, const float *y, float *out)
{
    each(count, each_mul_add, a, 0, x, y, out, out);
}

static void array_leaky_relu(size_t count, float slope, const float *x, float *out)
{
    each(count, each_leaky, slope, 0, x, NULL, NULL, out);
}

static void array_leaky_relu_backward(size_t count, float slope, const float *x, const float *dy,
                                      float *dx)
{
    each(count, each_leaky_backward, slope, 0, x, dy, dx, dx);
}

static void array_gelu(size_t count, const float *x, float *out)
{
    each(count, each_gelu, 0, 0, x, NULL, NULL, out);
}

static void array_gelu_backward(size_t count, const float *x, const float *dy, float *dx)
{
    each(count, each_gelu_backward, 0, 0, x, dy, dx, dx);
}

static void array_sigmoid_backward(size_t count, const float *y, const float *dy, float *dx)
{
    each(count, each_sigmoid_backward, 0, 0, y, dy, dx, dx);
}

static void array_tanh_backward(size_t count, const float *y, const float *dy, float *dx)
{
    each(count, each_tanh_backward, 0, 0, y, dy, dx, dx);
}

/* ---- sums ---- */

static float array_dot(size_t count, const float *x, const float *y)
{
    sw_v sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + 4 * SW_WIDTH <= count; i += 4 * SW_WIDTH)
        SW_UNROLL for (int j = 0; j < 4; j++)
        {
            sum[j] += load_u(x + i + j * SW_WIDTH) * load_u(y + i + j * SW_WIDTH);
        }
    for (; i + SW_WIDTH <= count; i += SW_WIDTH)
        sum[0] += load_u(x + i) * load_u(y + i);
    if (i < count)
        sum[1] += load_some(x + i, count - i) * load_some(y + i, count - i);
    sw_v all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    float total = 0;
    for (int j = 0; j < SW_WIDTH; j++)
        total += all[j];
    return total;
}

typedef double sw_d __attribute__((vector_size(SW_VECTOR_BYTES)));
typedef float sw_half __attribute__((vector_size(SW_VECTOR_BYTES / 2), aligned(4), may_alias));

/* Sixteen running sums, whatever the width of a vector; a square of a float is exact in double, so
 * that FMA changes nothing either. */
static double array_sum_squares(size_t count, const float *x)
{
    enum { PARTS = 2 * 16 / SW_WIDTH, EACH = SW_WIDTH / 2 };
    sw_d sum[PARTS] = {{0}};
    float end[16] = {0};
    for (size_t i = 0; i < count; i += 16) {
        const float *from = x + i;
        if (count - i < 16)
            from = memcpy(end, from, (count - i) * sizeof *x);
        SW_UNROLL for (int part = 0; part < PARTS; part++)
        {
            sw_d v = __builtin_convertvector(*(const sw_half *)(from + part * EACH), sw_d);
            sum[part] += v * v;
        }
    }
    double total = 0;
    for (int part = 0; part < PARTS; part++)
        for (int j = 0; j < EACH; j++)
            total += sum[part][j];
    return total;
}

static void array_from_u8(size_t count, float scale, const uint8_t *x, float *out)
{
    uint8_t end[SW_WIDTH] = {0};
    size_t i = 0;
    for (; i + SW_WIDTH <= count; i += SW_WIDTH)
        store_u(out + i, scale * load_bytes(x + i));
    if (i < count)
        store_some(out + i, scale * load_bytes(memcpy(end, x + i, count - i)), count - i);
}

/* ---- ranks ---- */

/* Numbers before f that are not smaller stay before it; of those behind, the larger ones pass it.
 * Several vectors at once, so that no count waits for the one before it. */
SW_INLINE void column_ranks_step(int vectors, size_t left, int count, int f, const float *x,
                                 size_t step, int32_t *rank)
{
    sw_v own[4];
    sw_bits at[4];
    SW_UNROLL for (int v = 0; v < vectors; v++)
    {
        own[v] = load_some(x + (size_t)f * step + v * SW_WIDTH, left);
        at[v] = (sw_bits){0} + (uint32_t)f;
    }
    for (int g = 0; g < f; g++)
        SW_UNROLL for (int v = 0; v < vectors; v++)
        {
            at[v] += truth(less(load_some(x + (size_t)g * step + v * SW_WIDTH, left), own[v]));
        }
    for (int g = f + 1; g < count; g++)
        SW_UNROLL for (int v = 0; v < vectors; v++)
        {
            at[v] -= truth(less(own[v], load_some(x + (size_t)g * step + v * SW_WIDTH, left)));
        }
    SW_UNROLL for (int v = 0; v < vectors; v++)
    {
        memcpy(rank + v * SW_WIDTH, &at[v], left * sizeof *rank);
    }
}

static void array_column_ranks(int count, int f, size_t columns, const float *x, size_t step,
                               int32_t *rank)
{
    size_t c = 0;
    for (; c + 4 * SW_WIDTH <= columns; c += 4 * SW_WIDTH)
        column_ranks_step(4, SW_WIDTH, count, f, x + c, step, rank + c);
    for (; c + SW_WIDTH <= columns; c += SW_WIDTH)
        column_ranks_step(1, SW_WIDTH, count, f, x + c, step, rank + c);
    if (c < columns)
        column_ranks_step(1, columns - c, count, f, x + c, step, rank + c);
}

/* ---- Adam ---- */

SW_INLINE void adam_step(size_t left, float *p, const float *grad, float *m, float *v,
                         const float *k)
{
    sw_v g = k[0] * load_some(grad, left);
    sw_v m1 = k[1] * load_some(m, left) + k[2] * g;
    sw_v v1 = k[3] * load_some(v, left) + k[4] * (g * g);
    store_some(m, m1, left);
    store_some(v, v1, left);
    store_some(p, load_some(p, left) - k[5] * (m1 / (sqrt_v(v1) / k[6] + k[7])), left);
}

static void array_adam(size_t count, float *p, const float *grad, float *m, float *v,
                       const struct sw_adam_step *s)
{
    /* 1 - beta is taken in double: in float, 1 - 0.999 would be wrong in the fifth digit. */
    const float k[8] = {(float)s->gradient_scale,    (float)s->beta1,
                        (float)(1 - s->beta1),       (float)s->beta2,
                        (float)(1 - s->beta2),       (float)(s->rate / s->correction1),
                        (float)sqrt(s->correction2), (float)s->epsilon};
    size_t i = 0;
    for (; i + SW_WIDTH <= count; i += SW_WIDTH)
        adam_step(SW_WIDTH, p + i, grad + i, m + i, v + i, k);
    if (i < count)
        adam_step(count - i, p + i, grad + i, m + i, v + i, k);
}

/* ---- GRU ---- */

/* Slots, `s` apart: n, r, z, a. */
SW_INLINE void gru_step(size_t left, float *g, size_t s, const float *h_prev, float *h)
{
    sw_v vr = sigmoid_v(load_some(g + s, left)), vz = sigmoid_v(load_some(g + 2 * s, left));
    sw_v vn = tanh_v(load_some(g, left) + vr * load_some(g + 3 * s, left));
    sw_v vh = (1.0f - vz) * vn + vz * load_some(h_prev, left);
    store_some(g, vn, left);
    store_some(g + s, vr, left);
    store_some(g + 2 * s, vz, left);
    store_some(h, vh, left);
}

static void array_gru_forward(int D, float *gates, size_t step, const float *h_prev, float *h)
{
    int i = 0;
    for (; i + SW_WIDTH <= D; i += SW_WIDTH)
        gru_step(SW_WIDTH, gates + i, step, h_prev + i, h + i);
    if (i < D)
        gru_step((size_t)(D - i), gates + i, step, h_prev + i, h + i);
}

/* From h = (1-z) n + z h_prev and n = tanh(x_n + r a):
 * to tanh's argument d (1-z) (1-n^2) =: to_n; to r: to_n a; to z: d (h_prev - n); both then through
 * the sigmoid, y (1-y). a gets to_n r. */
SW_INLINE void gru_backward_step(size_t left, const float *g, float *dg, size_t s,
                                 const float *h_prev, sw_v share, const float *dout, float *dh)
{
    sw_v d = load_some(dh, left) + share * load_some(dout, left);
    sw_v vn = load_some(g, left), vr = load_some(g + s, left), vz = load_some(g + 2 * s, left);
    sw_v to_n = d * (1.0f - vz) * (1.0f - vn * vn);
    store_some(dg, to_n, left);
    store_some(dg + s, to_n * load_some(g + 3 * s, left) * (vr * (1.0f - vr)), left);
    store_some(dg + 2 * s, d * (load_some(h_prev, left) - vn) * (vz * (1.0f - vz)), left);
    store_some(dg + 3 * s, to_n * vr, left);
    store_some(dh, d * vz, left);
}

static void array_gru_backward(int D, const float *gates, float *dgates, size_t step,
                               const float *h_prev, float share, const float *dout, float *dh)
{
    sw_v vshare = splat(share);
    int i = 0;
    for (; i + SW_WIDTH <= D; i += SW_WIDTH)
        gru_backward_step(SW_WIDTH, gates + i, dgates + i, step, h_prev + i, vshare, dout + i,
                          dh + i);
    if (i < D)
        gru_backward_step((size_t)(D - i), gates + i, dgates + i, step, h_prev + i, vshare,
                          dout + i, dh + i);
}

#endif
