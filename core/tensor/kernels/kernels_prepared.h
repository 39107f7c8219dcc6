/* kernels_prepared.h -- C += A B, or C = A B, with vectors, for a B that is laid out once and used
 * often.
 *
 * BLAS lays B out anew in each call, which with few rows of A takes as long as multiplying. Here B
 * lies in panels of two vectors of columns, k by k, so that the inner loop reads it end to end:
 * for each k two vectors of B, one number of each row of A broadcast, and two multiply-adds per
 * row. With AVX-512, 12 rows and 24 sums in registers, that is 12 cycles of multiply-adds and 7 of
 * loads per k. PREPARED_LINES rows of A are laid out k by k as well, in strips of as many rows as
 * the inner loop takes: all panels read them from the second cache, where rows that lie 4 KB apart
 * would drive each other out of the first.
 *
 * An element of C is the sum over k in order, in blocks of PREPARED_K: it does not depend on its
 * neighbours. */
#ifndef SW_TENSOR_KERNELS_PREPARED_H
#define SW_TENSOR_KERNELS_PREPARED_H

#include "tensor/kernels/kernels_vector.h"

enum {
    PREPARED_COLUMNS = 2 * SW_WIDTH,
    PREPARED_K = 512,
    PREPARED_ROWS = SW_WIDTH == 16 ? 12 : 6, /* so that sums, B and A fit 32 or 16 registers */
    PREPARED_LINES = 120                     /* rows of A that are laid out at a time */
};

static size_t prepared_numbers(int K, int N)
{
    return (size_t)K * (size_t)((N - 1) / PREPARED_COLUMNS + 1) * PREPARED_COLUMNS;
}

static size_t array_prepared_size(int K, int N)
{
    return prepared_numbers(K, N) * sizeof(float);
}

/* out (K, PREPARED_COLUMNS) = columns of op(B), zeros behind the last. A transposed B is turned in
 * pieces that the first cache holds. */
static void prepare_panel(int transpose_b, int K, int columns, const float *B, size_t ldb,
                          float *out)
{
    enum { PIECE = 64 };
    if (columns < PREPARED_COLUMNS)
        memset(out, 0, (size_t)K * PREPARED_COLUMNS * sizeof *out);
    for (int from = 0; from < K; from += PIECE) {
        int to = smaller(K, from + PIECE);
        if (transpose_b)
            for (int j = 0; j < columns; j++)
                for (int k = from; k < to; k++)
                    out[k * PREPARED_COLUMNS + j] = B[(size_t)j * ldb + (size_t)k];
        else
            for (int k = from; k < to; k++)
                memcpy(out + k * PREPARED_COLUMNS, B + (size_t)k * ldb,
                       (size_t)columns * sizeof *out);
    }
}

/* All panels of one PREPARED_K, then those of the next. */
static void array_prepare(int transpose_b, int K, int N, const float *B, int ldb, void *prepared)
{
    float *out = prepared;
    size_t step = (size_t)ldb;
    for (int k = 0; k < K; k += PREPARED_K)
        for (int n = 0; n < N; n += PREPARED_COLUMNS) {
            int depth = smaller(PREPARED_K, K - k);
            size_t at = transpose_b ? (size_t)n * step + (size_t)k : (size_t)k * step + (size_t)n;
            prepare_panel(transpose_b, depth, smaller(PREPARED_COLUMNS, N - n), B + at, step, out);
            out += (size_t)depth * PREPARED_COLUMNS;
        }
}

/* out (K, rows) = the first K columns of A (rows). Four rows are turned at once; where rows are no
 * multiple of four, some are written twice. */
static void lay_out_strip(int rows, int K, const float *A, size_t lda, float *out)
{
    int k = 0;
#ifdef __SSE2__
    for (; rows >= 4 && k + 4 <= K; k += 4)
        for (int next = 0; next < rows; next += 4) {
            int i = smaller(next, rows - 4);
            const float *from = A + (size_t)i * lda + k;
            float *to = out + k * rows + i;
            __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + lda);
            __m128 c = _mm_loadu_ps(from + 2 * lda), d = _mm_loadu_ps(from + 3 * lda);
            _MM_TRANSPOSE4_PS(a, b, c, d);
            _mm_storeu_ps(to, a);
            _mm_storeu_ps(to + rows, b);
            _mm_storeu_ps(to + 2 * rows, c);
            _mm_storeu_ps(to + 3 * rows, d);
        }
#endif
    for (; k < K; k++)
        for (int i = 0; i < rows; i++)
            out[k * rows + i] = A[(size_t)i * lda + (size_t)k];
}

/* C (rows, columns) += A panel, or = where it is fresh, for a constant number of rows; A (K, rows)
 * and panel laid out. */
SW_INLINE void multiply_rows(int rows, int K, const float *A, const float *panel, int columns,
                             int fresh, float *C, size_t ldc)
{
    sw_v sum[PREPARED_ROWS][2];
    SW_UNROLL_16 for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = splat(0);
    for (int k = 0; k < K; k++, A += rows, panel += PREPARED_COLUMNS) {
        sw_v b0 = load(panel), b1 = load(panel + SW_WIDTH);
        SW_UNROLL_16 for (int i = 0; i < rows; i++)
        {
            sw_v a = splat(A[i]);
            sum[i][0] += a * b0;
            sum[i][1] += a * b1;
        }
    }
    SW_UNROLL_16 for (int i = 0; i < rows; i++)
    {
        float *c = C + (size_t)i * ldc;
        if (columns == PREPARED_COLUMNS && fresh) {
            store_u(c, sum[i][0]);
            store_u(c + SW_WIDTH, sum[i][1]);
        } else if (columns == PREPARED_COLUMNS) {
            store_u(c, load_u(c) + sum[i][0]);
            store_u(c + SW_WIDTH, load_u(c + SW_WIDTH) + sum[i][1]);
        } else {
            float last[PREPARED_COLUMNS];
            store_u(last, sum[i][0]);
            store_u(last + SW_WIDTH, sum[i][1]);
            for (int j = 0; j < columns; j++)
                c[j] = fresh ? last[j] : c[j] + last[j];
        }
    }
}

static void multiply_some(int rows, int K, const float *A, const float *panel, int columns,
                          int fresh, float *C, size_t ldc)
{
#define SW_ROWS(n)                                             \
    case n:                                                    \
        multiply_rows(n, K, A, panel, columns, fresh, C, ldc); \
        break
    switch (rows) {
        SW_ROWS(1);
        SW_ROWS(2);
        SW_ROWS(3);
        SW_ROWS(4);
        SW_ROWS(5);
        SW_ROWS(6);
#if SW_WIDTH == 16
        SW_ROWS(7);
        SW_ROWS(8);
        SW_ROWS(9);
        SW_ROWS(10);
        SW_ROWS(11);
        SW_ROWS(12);
#endif
    }
#undef SW_ROWS
}

/* Rows [first, last) by one PREPARED_K of each B of the list. */
static void multiply_lines(int first, int last, int k, int K, const float *A, size_t lda,
                           const struct sw_prepared_product *list, int count, size_t ldc,
                           float *room)
{
    int lines = last - first, depth = smaller(PREPARED_K, K - k);
    int groups = (lines - 1) / PREPARED_ROWS + 1, most = (lines - 1) / groups + 1;
    for (int m = 0; m < lines; m += most)
        lay_out_strip(smaller(most, lines - m), depth, A + (size_t)(first + m) * lda + k, lda,
                      room + m * depth);
    for (int p = 0; p < count; p++) {
        const float *panel = (const float *)list[p].prepared + prepared_numbers(k, list[p].N);
        for (int n = 0; n < list[p].N; n += PREPARED_COLUMNS) {
            for (int m = 0; m < lines; m += most)
                multiply_some(smaller(most, lines - m), depth, room + m * depth, panel,
                              smaller(PREPARED_COLUMNS, list[p].N - n), list[p].fresh && k == 0,
                              list[p].C + (size_t)(first + m) * ldc + n, ldc);
            panel += (size_t)depth * PREPARED_COLUMNS;
        }
    }
}

static void array_product_prepared(int M, int K, const float *A, int lda,
                                   const struct sw_prepared_product *list, int count, int ldc,
                                   void *room)
{
    int blocks = (M - 1) / PREPARED_LINES + 1, even = (M - 1) / blocks + 1;
    for (int k = 0; k < K; k += PREPARED_K)
        for (int m = 0; m < M; m += even)
            multiply_lines(m, smaller(M, m + even), k, K, A, (size_t)lda, list, count, (size_t)ldc,
                           room);
}

#endif
