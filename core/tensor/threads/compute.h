/* compute.h -- threads, vector kernels and matrix products, with the same bits at any thread count.
 *
 * Work is cut into chunks whose bounds depend on shapes only, never on the number of threads; which
 * thread takes a chunk does not matter, since chunks write to places of their own and whatever is
 * reduced over chunks is reduced in chunk order. OpenBLAS is held at one thread and called from
 * chunks; where the kernels have a product of their own, large ones go there. */
#ifndef SW_TENSOR_COMPUTE_H
#define SW_TENSOR_COMPUTE_H

#include "base/error.h"
#include "peers/peers.h"
#include "tensor/tape/profile.h"

#include <stddef.h>

struct sw_kernels;
struct sw_prepared_product;
struct sw_compute;

/* threads: 1..256, or 0 for the number of CPUs this process may use. */
struct sw_compute *sw_compute_new(int threads, struct sw_error *error);
void sw_compute_free(struct sw_compute *compute);

int sw_compute_threads(const struct sw_compute *compute);
const struct sw_kernels *sw_compute_kernels(const struct sw_compute *compute);
const char *
sw_compute_cpu(const struct sw_compute *compute); /* "baseline", "avx2", "avx512", "amx" */

/* Calls work(data, chunk, worker) for every chunk in [0, chunks), on all threads; worker is in
 * [0, threads). A call from inside a chunk runs its chunks in turn on the calling thread. */
void sw_parallel(struct sw_compute *compute, int chunks,
                 void (*work)(void *data, int chunk, int worker), void *data);

/* From now on, until it is called with NULL, all peers do the same in the same order with this
 * compute, and share the chunks of large work. */
void sw_compute_join(struct sw_compute *compute, struct sw_peers *peers);
/* The peers, where the caller may share work with them: outside of chunks. NULL: alone. */
struct sw_peers *sw_compute_peers(const struct sw_compute *compute);

/* As sw_parallel, on all peers: each does some of the chunks, and all get what they wrote.
 * list(data, chunk, slices) names that. Where the peers stopped it means nothing:
 * sw_compute_interrupted tells. */
void sw_parallel_shared(struct sw_compute *compute, int chunks,
                        void (*work)(void *data, int chunk, int worker),
                        void (*list)(const void *data, int chunk, struct sw_slices *slices),
                        void *data);

/* What else the chunks of the last shared work wrote, where that is known only afterwards. */
void sw_exchange_shared(struct sw_compute *compute, int chunks,
                        void (*list)(const void *data, int chunk, struct sw_slices *slices),
                        void *data);
/* sw_peers_exchange, timed; not when alone. */
void sw_compute_exchange(struct sw_compute *compute,
                         void (*list)(const void *data, int rank, struct sw_slices *slices),
                         const void *data);

/* Whether all peers are well and have the same number here; SW_OK when alone. */
int sw_compute_agree(struct sw_compute *compute, double number, struct sw_error *error);

/* Long work asks `interrupted` between its blocks, from any of the threads, and ends early once it
 * returns other than 0, which it does from then on. Graphs then fail with SW_INTERRUPTED behind
 * the operation at hand, and products leave chunks out: what they write means nothing. Set while
 * nothing runs; NULL, as at the start: never. */
void sw_compute_watch(struct sw_compute *compute, int (*interrupted)(void));
int sw_compute_interrupted(const struct sw_compute *compute);

/* ---- measuring (tensor/tape/profile.h): to be called between jobs only ---- */

/* profile: of as many threads, or NULL to stop measuring. */
void sw_compute_measure(struct sw_compute *compute, struct sw_profile *profile);

/* The calling thread's time counts to `name` until sw_part_end(compute, what this returned). */
struct sw_place sw_part_begin(struct sw_compute *compute, const char *name, int backward);
void sw_part_end(struct sw_compute *compute, struct sw_place before);
/* The same for a matrix product inside whatever part the thread is in. */
struct sw_place sw_product_begin(struct sw_compute *compute);

/* The calling thread's room for the kernels' own products. */
void *sw_compute_room(const struct sw_compute *compute);

/* ---- matrix products ---- */

/* C (M,N) = alpha op(A) op(B) + beta C, row-major, cut by rows or columns of C into fixed chunks
 * when it is large. op(X) = X or its transpose. */
void sw_gemm(struct sw_compute *compute, int transpose_a, int transpose_b, int M, int N, int K,
             float alpha, const float *A, int lda, const float *B, int ldb, float beta, float *C,
             int ldc);

/* One of several products at once: C = op(A) op(B) + beta C, and then, into the same C, op(A2)
 * op(B2) where A2 is not NULL. */
struct sw_product_of {
    int transpose_a, transpose_b, M, N, K;
    const float *A;
    int lda;
    const float *B;
    int ldb;
    float beta;
    float *C;
    int ldc;
    /* stored and stepped as A and B are; the inner width is K2 */
    int K2;
    const float *A2, *B2;
};

/* C = op(A) op(B) + beta C, in the order of sw_gemm's arguments. */
static inline struct sw_product_of sw_product_of(int transpose_a, int transpose_b, int M, int N,
                                                 int K, const float *A, int lda, const float *B,
                                                 int ldb, float beta, float *C, int ldc)
{
    return (struct sw_product_of){transpose_a, transpose_b, M, N,   K, A,    lda, B,
                                  ldb,         beta,        C, ldc, 0, NULL, NULL};
}

/* Products that write to places of their own, as one job: the same numbers as one by one, without
 * the threads waiting for each other in between. At most 16; the largest are best put first. */
void sw_gemm_all(struct sw_compute *compute, const struct sw_product_of *list, int count);

/* The same in one call of one thread, for use inside chunks. */
void sw_gemm_one(struct sw_compute *compute, int transpose_a, int transpose_b, int M, int N, int K,
                 float alpha, const float *A, int lda, const float *B, int ldb, float beta,
                 float *C, int ldc);

/* For a B of many products (tensor/kernels/kernels.h): lays op(B) (K,N) out in `prepared`, of the
 * kernels' prepared_size; and C += A B, or C = A B, of one A (M,K) by each prepared B of a list. In
 * one thread, for use inside chunks. */
void sw_gemm_prepare(struct sw_compute *compute, int transpose_b, int K, int N, const float *B,
                     int ldb, void *prepared);
void sw_gemm_prepared(struct sw_compute *compute, int M, int K, const float *A, int lda,
                      const struct sw_prepared_product *list, int count, int ldc);

#endif
