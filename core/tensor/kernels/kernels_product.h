/* kernels_product.h -- products of lane tensors; part of kernels.c.
 *
 * Each works on a block of rows x columns of results that stays in registers, so that a loaded
 * vector serves many multiply-adds: with R x C sums, R + C loads feed R C of them. `part` walks
 * over the pieces of 16 lanes where a register holds fewer. */
#ifndef SW_TENSOR_KERNELS_PRODUCT_H
#define SW_TENSOR_KERNELS_PRODUCT_H

#include "stepwise/plugin.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/kernels_vector.h"

/* AVX-512 has 32 registers, the others 16: sums, one row of loaded vectors, and one more. */
#if SW_WIDTH == 16
#define SW_BLOCK_ROWS 6
#define SW_BLOCK_COLUMNS 4
#else
#define SW_BLOCK_ROWS 3
#define SW_BLOCK_COLUMNS 3
#endif

/* Cuts rows into as few blocks as possible, as even as possible: 14 gives 5, 5, 4. */
SW_INLINE int block_rows(int left)
{
    int blocks = (left + SW_BLOCK_ROWS - 1) / SW_BLOCK_ROWS;
    return (left + blocks - 1) / blocks;
}

SW_INLINE int block_columns(int left)
{
    return left < SW_BLOCK_COLUMNS ? left : SW_BLOCK_COLUMNS;
}

/* Calls block(rows, columns, ...) with both as constants. */
#define SW_BLOCK_CASE(block, rows, columns, ...) \
    case (rows)*8 + (columns):                   \
        block(rows, columns, __VA_ARGS__);       \
        break;
#if SW_WIDTH == 16
#define SW_BLOCK_CASES(block, rows, ...)       \
    SW_BLOCK_CASE(block, rows, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 2, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 3, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 4, __VA_ARGS__)
#define SW_BLOCK_CALL(block, rows, columns, ...) \
    switch ((rows)*8 + (columns)) {              \
        SW_BLOCK_CASES(block, 1, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 2, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 3, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 4, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 5, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 6, __VA_ARGS__)    \
    }
#else
#define SW_BLOCK_CASES(block, rows, ...)       \
    SW_BLOCK_CASE(block, rows, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 2, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 3, __VA_ARGS__)
#define SW_BLOCK_CALL(block, rows, columns, ...) \
    switch ((rows)*8 + (columns)) {              \
        SW_BLOCK_CASES(block, 1, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 2, __VA_ARGS__)    \
        SW_BLOCK_CASES(block, 3, __VA_ARGS__)    \
    }
#endif

/* The statement once for each row (r) or column (c) of a block: written out rather than looped,
 * since compilers differ in when they unroll, and sums in an array that is indexed by a loop stay
 * in memory. */
#define SW_IF(there, index, value, ...) \
    if (there) {                        \
        enum { index = value };         \
        __VA_ARGS__;                    \
    }
#define SW_BY_COLUMN(columns, ...)              \
    {                                           \
        SW_IF((columns) > 0, c, 0, __VA_ARGS__) \
        SW_IF((columns) > 1, c, 1, __VA_ARGS__) \
        SW_IF((columns) > 2, c, 2, __VA_ARGS__) \
        SW_IF((columns) > 3, c, 3, __VA_ARGS__) \
    }
#define SW_BY_ROW(rows, ...)                 \
    {                                        \
        SW_IF((rows) > 0, r, 0, __VA_ARGS__) \
        SW_IF((rows) > 1, r, 1, __VA_ARGS__) \
        SW_IF((rows) > 2, r, 2, __VA_ARGS__) \
        SW_IF((rows) > 3, r, 3, __VA_ARGS__) \
        SW_IF((rows) > 4, r, 4, __VA_ARGS__) \
        SW_IF((rows) > 5, r, 5, __VA_ARGS__) \
    }

typedef sw_v sw_block[6][4]; /* what a block does not reach is never touched */

/* ---- matrix product ---- */

/* Steps in floats. */
struct sw_product_steps {
    int M;
    ptrdiff_t x_row, x_mid, y_mid, y_column, out_row;
    int accumulate;
};

/* sum over m of x[r,m] y[m,k], or with s of s[m] x[r,m] y[m,k]; s or not is a constant */
SW_INLINE void product_block(int rows, int columns, const struct sw_product_steps *p,
                             const float *s, const float *x, const float *y, float *out)
{
    sw_block sum;
    SW_BY_ROW(rows, SW_BY_COLUMN(columns, sum[r][c] = p->accumulate ? load(out + r * p->out_row +
                                                                           c * SW_LANES)
                                                                    : splat(0)))
    for (int m = 0; m < p->M; m++) {
        sw_v b[4];
        SW_BY_COLUMN(columns, b[c] = load(y + c * p->y_column))
        SW_BY_ROW(rows, sw_v a = load(x + r * p->x_row);
                  if (s) a *= load(s + (ptrdiff_t)m * SW_LANES);
                  SW_BY_COLUMN(columns, sum[r][c] += a * b[c]))
        x += p->x_mid;
        y += p->y_mid;
    }
    SW_BY_ROW(rows, SW_BY_COLUMN(columns, store(out + r * p->out_row + c * SW_LANES, sum[r][c])))
}

SW_INLINE void plain_block(int rows, int columns, const struct sw_product_steps *p, const float *x,
                           const float *y, float *out)
{
    product_block(rows, columns, p, NULL, x, y, out);
}

static void lane_matmul(int R, int K, int M, const float *x, ptrdiff_t x_row, ptrdiff_t x_mid,
                        const float *y, ptrdiff_t y_mid, ptrdiff_t y_column, float *out,
                        int accumulate)
{
    const struct sw_product_steps p = {M,
                                       x_row * SW_LANES,
                                       x_mid * SW_LANES,
                                       y_mid * SW_LANES,
                                       y_column * SW_LANES,
                                       (ptrdiff_t)K * SW_LANES,
                                       accumulate};
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int r = 0, rows; r < R; r += rows) {
            rows = block_rows(R - r);
            for (int k = 0, columns; k < K; k += columns) {
                columns = block_columns(K - k);
                SW_BLOCK_CALL(plain_block, rows, columns, &p, x + r * p.x_row + part,
                              y + k * p.y_column + part, out + r * p.out_row + k * SW_LANES + part)
            }
        }
}

/* ---- quadratic forms ---- */

enum { SW_STRIP = 64 };

/* Sums over l of w[l][c] x[r][l], for a strip of at most SW_STRIP l. */
SW_INLINE void strip_sums(int rows, int columns, int length, const sw_v *w, const float *x,
                          ptrdiff_t x_row, sw_block sum)
{
    SW_BY_ROW(rows, SW_BY_COLUMN(columns, sum[r][c] = splat(0)))
    for (int l = 0; l < length; l++) {
        SW_BY_ROW(rows, sw_v a = load(x + r * x_row); SW_BY_COLUMN(columns, sum[r][c] += a * w[c]))
        x += SW_LANES;
        w += SW_BLOCK_COLUMNS;
    }
}

SW_INLINE void quadratic_block(int rows, int columns, int length, const sw_v *w, const float *x,
                               ptrdiff_t x_row, const float *xk, float *out)
{
    sw_block sum;
    strip_sums(rows, columns, length, w, x, x_row, sum);
    SW_BY_ROW(rows, sw_v q = load(out + r * SW_LANES);
              SW_BY_COLUMN(columns, q += load(xk + r * x_row + c * SW_LANES) * sum[r][c]);
              store(out + r * SW_LANES, q))
}

SW_INLINE void quadratic_dx_block(int rows, int columns, int length, const sw_v *w, const float *x,
                                  ptrdiff_t x_row, const float *d, float *dx)
{
    sw_block sum;
    strip_sums(rows, columns, length, w, x, x_row, sum);
    SW_BY_ROW(rows, sw_v by = load(d + r * SW_LANES);
              SW_BY_COLUMN(columns, float *to = dx + r * x_row + c * SW_LANES;
                           store(to, load(to) + by * sum[r][c])))
}

/* x^T G x needs half the multiply-adds when both triangles are added first, which holds for any G:
 * sum over k of x_k (sum over l in k's own block of G_kl x_l + sum over later l of (G_kl + G_lk)
 * x_l). The added strip of a block's k is kept beside the rows of x in the first-level cache, so
 * that G itself is read once. */
static void lane_quadratic(int R, int K, const float *x, const float *g, float *out)
{
    sw_v w[SW_STRIP * SW_BLOCK_COLUMNS];
    const ptrdiff_t row = (ptrdiff_t)K * SW_LANES;
    memset(out, 0, sizeof *out * SW_LANES * (size_t)R);
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int k = 0, columns; k < K; k += columns) {
            columns = block_columns(K - k);
            for (int l0 = k; l0 < K; l0 += SW_STRIP) {
                int length = K - l0 < SW_STRIP ? K - l0 : SW_STRIP;
                for (int l = 0; l < length; l++)
                    for (int c = 0; c < columns; c++) {
                        const float *kl = g + (k + c) * row + (l0 + l) * SW_LANES + part;
                        const float *lk = g + (l0 + l) * row + (k + c) * SW_LANES + part;
                        sw_v both = load(kl);
                        if (l0 + l >= k + columns)
                            both += load(lk);
                        w[l * SW_BLOCK_COLUMNS + c] = both;
                    }
                for (int r = 0, rows; r < R; r += rows) {
                    rows = block_rows(R - r);
                    const float *xr = x + r * row + part;
                    SW_BLOCK_CALL(quadratic_block, rows, columns, length, w, xr + l0 * SW_LANES,
                                  row, xr + k * SW_LANES, out + r * SW_LANES + part)
                }
            }
        }
}

SW_INLINE void scaled_block(int rows, int columns, const struct sw_product_steps *p, const float *s,
                            const float *x, const float *y, float *out)
{
    product_block(rows, columns, p, s, x, y, out);
}

static void quadratic_dx(int R, int K, const float *x, const float *g, const float *d, float *dx)
{
    sw_v w[SW_STRIP * SW_BLOCK_COLUMNS];
    const ptrdiff_t row = (ptrdiff_t)K * SW_LANES;
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int k = 0, columns; k < K; k += columns) {
            columns = block_columns(K - k);
            for (int l0 = 0; l0 < K; l0 += SW_STRIP) {
                int length = K - l0 < SW_STRIP ? K - l0 : SW_STRIP;
                for (int l = 0; l < length; l++)
                    for (int c = 0; c < columns; c++)
                        w[l * SW_BLOCK_COLUMNS + c] =
                            load(g + (k + c) * row + (l0 + l) * SW_LANES + part) +
                            load(g + (l0 + l) * row + (k + c) * SW_LANES + part);
                for (int r = 0, rows; r < R; r += rows) {
                    rows = block_rows(R - r);
                    const float *xr = x + r * row + part;
                    SW_BLOCK_CALL(quadratic_dx_block, rows, columns, length, w, xr + l0 * SW_LANES,
                                  row, d + r * SW_LANES + part, dx + r * row + k * SW_LANES + part)
                }
            }
        }
}

/* dG = X^T diag(d) X: a product whose middle index is the row of x. */
static void quadratic_dg(int R, int K, const float *x, const float *d, float *dg)
{
    const ptrdiff_t row = (ptrdiff_t)K * SW_LANES;
    const struct sw_product_steps p = {R, SW_LANES, row, row, SW_LANES, row, 1};
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int k = 0, rows; k < K; k += rows) {
            rows = block_rows(K - k);
            for (int l = 0, columns; l < K; l += columns) {
                columns = block_columns(K - l);
                SW_BLOCK_CALL(scaled_block, rows, columns, &p, d + part, x + k * SW_LANES + part,
                              x + l * SW_LANES + part, dg + k * row + l * SW_LANES + part)
            }
        }
}

static void lane_quadratic_backward(int R, int K, const float *x, const float *g, const float *d,
                                    float *dx, float *dg)
{
    if (dx)
        quadratic_dx(R, K, x, g, d, dx);
    if (dg)
        quadratic_dg(R, K, x, d, dg);
}

/* ---- rows ---- */

/* Steps in floats. */
SW_INLINE void rowdot_rows(int rows, int K, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                           const float *y, ptrdiff_t y_row, ptrdiff_t y_column, float *out,
                           int accumulate)
{
    sw_block sum;
    SW_BY_ROW(rows, sum[r][0] = accumulate ? load(out + r * SW_LANES) : splat(0))
    for (int k = 0; k < K; k++)
        SW_BY_ROW(rows, sum[r][0] +=
                        load(x + r * x_row + k * x_column) * load(y + r * y_row + k * y_column))
    SW_BY_ROW(rows, store(out + r * SW_LANES, sum[r][0]))
}

static void lane_rowdot(int R, int K, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                        const float *y, ptrdiff_t y_row, ptrdiff_t y_column, float *out,
                        int accumulate)
{
    x_row *= SW_LANES, x_column *= SW_LANES, y_row *= SW_LANES, y_column *= SW_LANES;
    for (int part = 0; part < SW_LANES; part += SW_WIDTH) {
        const float *xp = x + part, *yp = y + part;
        int r = 0;
        for (; r + 4 <= R; r += 4)
            rowdot_rows(4, K, xp + r * x_row, x_row, x_column, yp + r * y_row, y_row, y_column,
                        out + r * SW_LANES + part, accumulate);
        for (; r < R; r++)
            rowdot_rows(1, K, xp + r * x_row, x_row, x_column, yp + r * y_row, y_row, y_column,
                        out + r * SW_LANES + part, accumulate);
    }
}

static void lane_scale(int R, int K, const float *s, const float *x, ptrdiff_t x_row,
                       ptrdiff_t x_column, float *out, ptrdiff_t out_row, ptrdiff_t out_column,
                       int accumulate)
{
    x_row *= SW_LANES, x_column *= SW_LANES, out_row *= SW_LANES, out_column *= SW_LANES;
    for (int part = 0; part < SW_LANES; part += SW_WIDTH)
        for (int r = 0; r < R; r++) {
            sw_v by = load(s + r * SW_LANES + part);
            const float *from = x + r * x_row + part;
            float *to = out + r * out_row + part;
            if (accumulate)
                for (int k = 0; k < K; k++)
                    store(to + k * out_column,
                          load(to + k * out_column) + by * load(from + k * x_column));
            else
                for (int k = 0; k < K; k++)
                    store(to + k * out_column, by * load(from + k * x_column));
        }
}

#endif
