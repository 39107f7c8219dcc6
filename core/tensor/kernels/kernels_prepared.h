/* kernels_prepared.h -- C += A B, or C = A B, with vectors, for a B that is laid out once and used
 * often.
 *
 * BLAS lays B out anew in each call, which with few rows of A takes as long as multiplying. Here B
 * lies in panels of two vectors of columns, k by k, so that the inner loop reads it end to end:
 * for each k two vectors of B, one number of each row of A broadcast, and two multiply-adds per
 * row. With AVX-512, 12 rows and 24 sums in registers, that is 12 cycles of multiply-adds and 7 of
 * loads per k; A (12 rows of BLOCK_K) stays in the first cache, the panel in the second.
 *
 * An element of C is the sum over k in order, in blocks of PREPARED_K: it does not depend on its
 * neighbours. */
#ifndef SW_TENSOR_KERNELS_PREPARED_H
#define SW_TENSOR_KERNELS_PREPARED_H

#include "tensor/kernels/kernels_vector.h"

enum {
    PREPARED_COLUMNS = 2 * SW_WIDTH,
    PREPARED_K = 512,
    PREPARED_ROWS = SW_WIDTH == 16 ? 12 : 6 /* so that sums, B and A fit 32 or 16 registers */
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

/* C (rows, columns) += A panel, or = where it is fresh, for a constant number of rows. */
SW_INLINE void multiply_rows(int rows, int K, const float *A, size_t lda, const float *panel,
                             int columns, int fresh, float *C, size_t ldc)
{
    sw_v sum[PREPARED_ROWS][2];
    SW_UNROLL_16 for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = splat(0);
    for (int k = 0; k < K; k++, panel += PREPARED_COLUMNS) {
        sw_v b0 = load(panel), b1 = load(panel + SW_WIDTH);
        SW_UNROLL_16 for (int i = 0; i < rows; i++)
        {
            sw_v a = splat(A[(size_t)i * lda + (size_t)k]);
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

static void multiply_some(int rows, int K, const float *A, size_t lda, const float *panel,
                          int columns, int fresh, float *C, size_t ldc)
{
#define SW_ROWS(n)                                                  \
    case n:                                                         \
        multiply_rows(n, K, A, lda, panel, columns, fresh, C, ldc); \
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

static void array_product_prepared(int M, int K, const float *A, int lda,
                                   const struct sw_prepared_product *list, int count, int ldc,
                                   void *room)
{
    (void)room;
    size_t a_step = (size_t)lda, c_step = (size_t)ldc;
    int groups = (M - 1) / PREPARED_ROWS + 1, most = (M - 1) / groups + 1;
    for (int p = 0; p < count; p++) {
        const float *panel = list[p].prepared;
        for (int k = 0; k < K; k += PREPARED_K)
            for (int n = 0; n < list[p].N; n += PREPARED_COLUMNS) {
                int depth = smaller(PREPARED_K, K - k);
                int columns = smaller(PREPARED_COLUMNS, list[p].N - n);
                for (int m = 0; m < M; m += most)
                    multiply_some(smaller(most, M - m), depth, A + (size_t)m * a_step + k, a_step,
                                  panel, columns, list[p].fresh && k == 0,
                                  list[p].C + (size_t)m * c_step + n, c_step);
                panel += (size_t)depth * PREPARED_COLUMNS;
            }
    }
}

#endif
