/* gemm.c -- matrix products: large ones in chunks of fixed bounds, each one call of OpenBLAS or of
 * the kernels' own product. */
#include "tensor/threads/compute.h"
#include "tensor/kernels/kernels.h"

#include <assert.h>
#include <cblas.h>
#include <stddef.h>

/* C = beta C, for a sum over nothing. */
static void scale_only(int M, int N, float beta, float *C, int ldc)
{
    for (int i = 0; i < M; i++) {
        float *row = C + (size_t)i * (size_t)ldc;
        for (int j = 0; j < N; j++)
            row[j] = beta == 0 ? 0 : beta * row[j];
    }
}

static double padded(int x, int to)
{
    return (x - 1) / to * to + to;
}

/* Whether the kernels' own product is worth it: tiles of 16 lines and 32 of K are full enough. From
 * 32 x 32 x 32 on it is as fast as OpenBLAS, from 64 x 64 x 64 on 1.5 times; at half-empty tiles it
 * is slower. */
static int is_for_tiles(int M, int N, int K)
{
    enum { LEAST = 32, LINES = 16, STEP = 32 };
    const double full_enough = 5.0 / 8;
    return M >= LEAST && N >= LEAST && K >= LEAST &&
           (double)M * N * K >= full_enough * padded(M, LINES) * padded(N, LINES) * padded(K, STEP);
}

void sw_gemm_one(struct sw_compute *compute, int transpose_a, int transpose_b, int M, int N, int K,
                 float alpha, const float *A, int lda, const float *B, int ldb, float beta,
                 float *C, int ldc)
{
    if (M <= 0 || N <= 0)
        return;
    assert(ldc >= N);
    if (K <= 0) {
        scale_only(M, N, beta, C, ldc);
        return;
    }
    assert(lda >= (transpose_a ? M : K) && ldb >= (transpose_b ? K : N));
    struct sw_place before = sw_product_begin(compute);
    const struct sw_kernels *kernels = sw_compute_kernels(compute);
    if (kernels->product && alpha == 1 && is_for_tiles(M, N, K)) {
        if (beta != 0 && beta != 1)
            scale_only(M, N, beta, C, ldc);
        kernels->product(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, beta != 0, C, ldc,
                         sw_compute_room(compute));
        sw_part_end(compute, before);
        return;
    }
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, M, N, K, alpha, A, lda, B, ldb, beta, C,
                ldc);
    sw_part_end(compute, before);
}

void sw_gemm_prepare(struct sw_compute *compute, int transpose_b, int K, int N, const float *B,
                     int ldb, void *prepared)
{
    struct sw_place before = sw_product_begin(compute);
    sw_compute_kernels(compute)->prepare(transpose_b, K, N, B, ldb, prepared);
    sw_part_end(compute, before);
}

void sw_gemm_prepared(struct sw_compute *compute, int M, int K, const float *A, int lda,
                      const struct sw_prepared_product *list, int count, int ldc)
{
    struct sw_place before = sw_product_begin(compute);
    sw_compute_kernels(compute)->product_prepared(M, K, A, lda, list, count, ldc,
                                                  sw_compute_room(compute));
    sw_part_end(compute, before);
}

enum { MOST_PRODUCTS = 16 };

struct cut {
    struct sw_product_of product;
    float alpha;
    int by_columns, step, chunks; /* how C is cut */
};

struct job {
    struct sw_compute *compute;
    struct cut cuts[MOST_PRODUCTS];
    int count;
};

/* Lines of C (rows or columns) in a chunk. Each chunk packs the whole of the other operand anew: of
 * products at D = 1024 that costs 2 % of the time at 576 lines and 6 % at 192, and where A is given
 * transposed 4 % at 512 and 18 % at 256. So chunks are thick where the product is, and a smaller
 * product of work enough still makes two. Counts are powers of two or multiples of eight, which 2,
 * 4 or 8 threads share evenly. */
static int chunk_step(int lines, int other, int K)
{
    enum { MOST_CHUNKS = 64, THICK = 512, THIN = 128, UNIT = 16 };
    const double worth = 32e6;
    double by_work = 2.0 * lines * other * K / worth;
    int count = lines / THICK < MOST_CHUNKS ? lines / THICK : MOST_CHUNKS;
    if (count < 2)
        count = lines / THIN >= 2 ? 2 : 1;
    if (by_work < count)
        count = (int)by_work;
    if (count < 2)
        return lines;
    count = count >= 8 ? count / 8 * 8 : count >= 4 ? 4 : 2;
    int step = (lines - 1) / count + 1;
    return (step - 1) / UNIT * UNIT + UNIT;
}

static struct cut cut_of(const struct sw_product_of *p, float alpha)
{
    struct cut cut = {.product = *p, .alpha = alpha, .by_columns = p->N > p->M};
    int lines = cut.by_columns ? p->N : p->M, other = cut.by_columns ? p->M : p->N;
    int K = p->K + (p->A2 ? p->K2 : 0);
    cut.step = K > 0 ? chunk_step(lines, other, K) : lines;
    cut.chunks = (lines - 1) / cut.step + 1;
    return cut;
}

static void multiply(struct sw_compute *compute, const struct cut *cut, int chunk, const float *A,
                     const float *B, int K, float beta)
{
    const struct sw_product_of *p = &cut->product;
    int whole = cut->by_columns ? p->N : p->M, first = chunk * cut->step;
    int length = whole - first < cut->step ? whole - first : cut->step;
    int M = cut->by_columns ? p->M : length, N = cut->by_columns ? length : p->N;
    size_t at = (size_t)first, a = 0, b = 0, c = at * (size_t)p->ldc;
    if (cut->by_columns) {
        b = at * (p->transpose_b ? (size_t)p->ldb : 1);
        c = at;
    } else {
        a = at * (p->transpose_a ? 1 : (size_t)p->lda);
    }
    sw_gemm_one(compute, p->transpose_a, p->transpose_b, M, N, K, cut->alpha, A + a, p->lda, B + b,
                p->ldb, beta, p->C + c, p->ldc);
}

static void run_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct job *job = data;
    const struct cut *cut = job->cuts;
    if (sw_compute_interrupted(job->compute))
        return;
    for (; chunk >= cut->chunks; cut++)
        chunk -= cut->chunks;
    const struct sw_product_of *p = &cut->product;
    multiply(job->compute, cut, chunk, p->A, p->B, p->K, p->beta);
    if (p->A2)
        multiply(job->compute, cut, chunk, p->A2, p->B2, p->K2, 1);
}

static void list_chunk(const void *data, int chunk, struct sw_slices *slices)
{
    const struct job *job = data;
    const struct cut *cut = job->cuts;
    for (; chunk >= cut->chunks; cut++)
        chunk -= cut->chunks;
    const struct sw_product_of *p = &cut->product;
    size_t whole = (size_t)(cut->by_columns ? p->N : p->M), step = sizeof(float) * (size_t)p->ldc;
    size_t first = (size_t)chunk * (size_t)cut->step, left = whole - first;
    size_t length = left < (size_t)cut->step ? left : (size_t)cut->step;
    if (cut->by_columns)
        slices->take(slices, p->C + first, (size_t)p->M, sizeof(float) * length, step);
    else
        slices->take(slices, p->C + first * (size_t)p->ldc, length, sizeof(float) * (size_t)p->N,
                     step);
}

/* Whether C is better sent to the other processes than computed by all: it takes K / 2 operations
 * per byte. A wire of 10 Gbit/s carries a byte while a core of 100 GFLOP/s does 80. */
static int is_worth_sending(const struct job *job)
{
    enum { LEAST_K = 512 };
    for (int i = 0; i < job->count; i++)
        if (job->cuts[i].product.K < LEAST_K)
            return 0;
    return 1;
}

static void run(struct job *job)
{
    int chunks = 0;
    for (int i = 0; i < job->count; i++)
        chunks += job->cuts[i].chunks;
    if (chunks == 1)
        run_chunk(job, 0, 0);
    else if (sw_compute_peers(job->compute) && is_worth_sending(job))
        sw_parallel_shared(job->compute, chunks, run_chunk, list_chunk, job);
    else
        sw_parallel(job->compute, chunks, run_chunk, job);
}

void sw_gemm(struct sw_compute *compute, int transpose_a, int transpose_b, int M, int N, int K,
             float alpha, const float *A, int lda, const float *B, int ldb, float beta, float *C,
             int ldc)
{
    if (M <= 0 || N <= 0)
        return;
    struct sw_product_of p =
        sw_product_of(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, beta, C, ldc);
    struct job job = {.compute = compute, .count = 1, .cuts = {cut_of(&p, alpha)}};
    run(&job);
}

void sw_gemm_all(struct sw_compute *compute, const struct sw_product_of *list, int count)
{
    struct job job = {.compute = compute};
    assert(count <= MOST_PRODUCTS);
    for (int i = 0; i < count; i++)
        if (list[i].M > 0 && list[i].N > 0)
            job.cuts[job.count++] = cut_of(&list[i], 1);
    if (job.count)
        run(&job);
}
