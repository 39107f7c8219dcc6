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

/* AVX-512 has 32 registers, the others 16: sums, a column of loaded x, and one y. Where only one
 * row (or column) is left, longer ones keep as many sums going: one sum waits four cycles for
 * itself. */
#if SW_WIDTH == 16
#define SW_BLOCK_ROWS 6
#else
#define SW_BLOCK_ROWS 3
#endif
#define SW_BLOCK_COLUMNS 4
#define SW_BLOCK_LONG 8
#define SW_PARTS (SW_LANES / SW_WIDTH)

/* Cuts what is left into as few blocks as possible, as even as possible: of at most 3, 14 gives 3,
 * 3, 3, 3, 2. */
SW_INLINE int block_of(int left, int most)
{
    int blocks = (left + most - 1) / most;
    return (left + blocks - 1) / blocks;
}

SW_INLINE int block_rows(int left)
{
    return block_of(left, SW_BLOCK_ROWS);
}

SW_INLINE int block_columns(int left)
{
    return block_of(left, SW_BLOCK_COLUMNS);
}

/* Calls block(rows, columns, ...) with both as constants. */
#define SW_BLOCK_CASE(block, rows, columns, ...) \
    case (rows)*16 + (columns):                  \
        block(rows, columns, __VA_ARGS__);       \
        break;
#define SW_BLOCK_CASES(block, rows, ...)       \
    SW_BLOCK_CASE(block, rows, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 2, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 3, __VA_ARGS__) \
    SW_BLOCK_CASE(block, rows, 4, __VA_ARGS__)
#if SW_WIDTH == 16
#define SW_BLOCK_ALL_CASES(block, ...)    \
    SW_BLOCK_CASES(block, 1, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 2, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 3, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 4, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 5, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 6, __VA_ARGS__)
#define SW_BLOCK_TALL_CASES(block, ...)     \
    SW_BLOCK_CASE(block, 7, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, 8, 1, __VA_ARGS__)
#else
#define SW_BLOCK_ALL_CASES(block, ...)    \
    SW_BLOCK_CASES(block, 1, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 2, __VA_ARGS__) \
    SW_BLOCK_CASES(block, 3, __VA_ARGS__)
#define SW_BLOCK_TALL_CASES(block, ...)     \
    SW_BLOCK_CASE(block, 4, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, 5, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, 6, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, 7, 1, __VA_ARGS__) \
    SW_BLOCK_CASE(block, 8, 1, __VA_ARGS__)
#endif
#define SW_BLOCK_CALL(block, rows, columns, ...) \
    switch ((rows)*16 + (columns)) {             \
        SW_BLOCK_ALL_CASES(block, __VA_ARGS__)   \
    }
/* The same where a single row or column may be SW_BLOCK_LONG. */
#define SW_BLOCK_CALL_LONG(block, rows, columns, ...) \
    switch ((rows)*16 + (columns)) {                  \
        SW_BLOCK_ALL_CASES(block, __VA_ARGS__)        \
        SW_BLOCK_CASE(block, 1, 5, __VA_ARGS__)       \
        SW_BLOCK_CASE(block, 1, 6, __VA_ARGS__)       \
        SW_BLOCK_CASE(block, 1, 7, __VA_ARGS__)       \
        SW_BLOCK_CASE(block, 1, 8, __VA_ARGS__)       \
        SW_BLOCK_TALL_CASES(block, __VA_ARGS__)       \
    }

/* The statement once for each row (r) or column (c) of a block: written out rather than looped,
 * since compilers differ in when they unroll, and sums in an array that is indexed by a loop stay
 * in memory. */
#define SW_IF(there, index, value, ...) \
    if (there) {                        \
        enum { index = value };         \
        __VA_ARGS__;                    \
    }
#define SW_BY(count, index, ...)                  \
    {                                             \
        SW_IF((count) > 0, index, 0, __VA_ARGS__) \
        SW_IF((count) > 1, index, 1, __VA_ARGS__) \
        SW_IF((count) > 2, index, 2, __VA_ARGS__) \
        SW_IF((count) > 3, index, 3, __VA_ARGS__) \
        SW_IF((count) > 4, index, 4, __VA_ARGS__) \
        SW_IF((count) > 5, index, 5, __VA_ARGS__) \
        SW_IF((count) > 6, index, 6, __VA_ARGS__) \
        SW_IF((count) > 7, index, 7, __VA_ARGS__) \
    }
#define SW_BY_COLUMN(columns, ...) SW_BY(columns, c, __VA_ARGS__)
#define SW_BY_ROW(rows, ...) SW_BY(rows, r, __VA_ARGS__)

typedef sw_v sw_block[8][8]; /* what a block does not reach is never touched */

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
        sw_v a[8];
        SW_BY_ROW(rows, a[r] = load(x + r * p->x_row);
                  if (s) a[r] *= load(s + (ptrdiff_t)m * SW_LANES))
        SW_BY_COLUMN(columns, sw_v b = load(y + c * p->y_column);
                     SW_BY_ROW(rows, sum[r][c] += a[r] * b))
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
    const int tall = K == 1 ? SW_BLOCK_LONG : SW_BLOCK_ROWS;
    const int wide = R == 1 ? SW_BLOCK_LONG : SW_BLOCK_COLUMNS;
    for (int r = 0, rows; r < R; r += rows) {
        rows = block_of(R - r, tall);
        for (int k = 0, columns; k < K; k += columns) {
            columns = block_of(K - k, wide);
            for (int part = 0; part < SW_LANES; part += SW_WIDTH)
                SW_BLOCK_CALL_LONG(plain_block, rows, columns, &p, x + r * p.x_row + part,
                                   y + k * p.y_column + part,
                                   out + r * p.out_row + k * SW_LANES + part)
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
        sw_v a[8];
        SW_BY_ROW(rows, a[r] = load(x + r * x_row))
        SW_BY_COLUMN(columns, sw_v b = w[c]; SW_BY_ROW(rows, sum[r][c] += a[r] * b))
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
    sw_v w[SW_PARTS][SW_STRIP * SW_BLOCK_COLUMNS];
    const ptrdiff_t row = (ptrdiff_t)K * SW_LANES;
    memset(out, 0, sizeof *out * SW_LANES * (size_t)R);
    for (int k = 0, columns; k < K; k += columns) {
        columns = block_columns(K - k);
        for (int l0 = k; l0 < K; l0 += SW_STRIP) {
            int length = K - l0 < SW_STRIP ? K - l0 : SW_STRIP;
            for (int l = 0; l < length; l++)
                for (int c = 0; c < columns; c++)
                    SW_BY(SW_PARTS, part, const ptrdiff_t at = part * SW_WIDTH;
                          sw_v both = load(g + (k + c) * row + (l0 + l) * SW_LANES + at);
                          if (l0 + l >= k + columns) both +=
                          load(g + (l0 + l) * row + (k + c) * SW_LANES + at);
                          w[part][l * SW_BLOCK_COLUMNS + c] = both)
            for (int r = 0, rows; r < R; r += rows) {
                rows = block_rows(R - r);
                const float *xr = x + r * row;
                for (int part = 0, at = 0; part < SW_PARTS; part++, at += SW_WIDTH)
                    SW_BLOCK_CALL(quadratic_block, rows, columns, length, w[part],
                                  xr + l0 * SW_LANES + at, row, xr + k * SW_LANES + at,
                                  out + r * SW_LANES + at)
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

/* Steps in floats; rows and parts of a row side by side. */
SW_INLINE void rowdot_rows(int rows, int K, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                           const float *y, ptrdiff_t y_row, ptrdiff_t y_column, float *out,
                           int accumulate)
{
    sw_block sum;
    SW_BY_ROW(rows,
              SW_BY(SW_PARTS, p,
                    sum[r][p] = accumulate ? load(out + r * SW_LANES + p * SW_WIDTH) : splat(0)))
    for (int k = 0; k < K; k++, x += x_column, y += y_column)
        SW_BY_ROW(rows, SW_BY(SW_PARTS, p,
                              sum[r][p] += load(x + r * x_row + p * SW_WIDTH) *
                                           load(y + r * y_row + p * SW_WIDTH)))
    SW_BY_ROW(rows, SW_BY(SW_PARTS, p, store(out + r * SW_LANES + p * SW_WIDTH, sum[r][p])))
}

static void lane_rowdot(int R, int K, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                        const float *y, ptrdiff_t y_row, ptrdiff_t y_column, float *out,
                        int accumulate)
{
    enum { ROWS = 8 / SW_PARTS };
    x_row *= SW_LANES, x_column *= SW_LANES, y_row *= SW_LANES, y_column *= SW_LANES;
    int r = 0;
    for (; r + ROWS <= R; r += ROWS)
        rowdot_rows(ROWS, K, x + r * x_row, x_row, x_column, y + r * y_row, y_row, y_column,
                    out + r * SW_LANES, accumulate);
    for (; r < R; r++)
        rowdot_rows(1, K, x + r * x_row, x_row, x_column, y + r * y_row, y_row, y_column,
                    out + r * SW_LANES, accumulate);
}

static void lane_scale(int R, int K, const float *s, const float *x, ptrdiff_t x_row,
                       ptrdiff_t x_column, float *out, ptrdiff_t out_row, ptrdiff_t out_column,
                       int accumulate)
{
    x_row *= SW_LANES, x_column *= SW_LANES, out_row *= SW_LANES, out_column *= SW_LANES;
    for (int r = 0; r < R; r++) {
        const float *from = x + r * x_row;
        float *to = out + r * out_row;
        sw_v by[SW_PARTS];
        SW_BY(SW_PARTS, p, by[p] = load(s + r * SW_LANES + p * SW_WIDTH))
        if (accumulate)
            for (int k = 0; k < K; k++, from += x_column, to += out_column)
                SW_BY(SW_PARTS, p, float *at = to + p * SW_WIDTH;
                      store(at, load(at) + by[p] * load(from + p * SW_WIDTH)))
        else
            for (int k = 0; k < K; k++, from += x_column, to += out_column)
                SW_BY(SW_PARTS, p, store(to + p * SW_WIDTH, by[p] * load(from + p * SW_WIDTH)))
    }
}

#endif
