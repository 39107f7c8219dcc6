/* bare.c -- see bare.h. */
#include "train/bare.h"

#include "base/clock.h"
#include "base/values.h"
#include "tensor/tape/arena.h"

#include <cblas.h>
#include <stdlib.h>

/* A product of less work than this is not cut. */
static const double worth_cutting = 20e6;

struct sw_bare {
    struct sw_compute *compute;
    const struct sw_product *list;
    int count, threads;
    struct sw_arena *arena; /* on large pages, as a step's own numbers are */
    float *operand[2];      /* A and B, twice each: neighbours have operands of their own */
    size_t operand_size[2];
    float *results; /* (threads, result_size), or the whole of one product */
    size_t result_size;
};

/* How many pieces the longer side of C is cut into, and the length of the first. */
static int pieces_of(const struct sw_bare *b, const struct sw_product *p)
{
    return 2.0 * p->M * p->N * p->K < worth_cutting ? 1 : b->threads;
}

static int length_of(const struct sw_product *p, int pieces)
{
    return (sw_max(p->M, p->N) - 1) / pieces + 1;
}

static void multiply(const struct sw_bare *b, int index, int piece, int pieces, float *out)
{
    const struct sw_product *p = &b->list[index];
    int by_columns = p->N > p->M, lines = by_columns ? p->N : p->M;
    int length = length_of(p, pieces), from = piece * length;
    int lda = p->transpose_a ? p->M : p->K, ldb = p->transpose_b ? p->K : p->N;
    if (from >= lines)
        return;
    length = sw_min(length, lines - from);
    const float *A = b->operand[0] + (size_t)(index % 2) * b->operand_size[0];
    const float *B = b->operand[1] + (size_t)(index % 2) * b->operand_size[1];
    if (by_columns)
        B += (size_t)from * (p->transpose_b ? (size_t)ldb : 1);
    else
        A += (size_t)from * (p->transpose_a ? 1 : (size_t)lda);
    int M = by_columns ? p->M : length, N = by_columns ? length : p->N;
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, M, N, p->K, 1, A, lda, B, ldb, 0, out,
                N);
}

struct turn {
    const struct sw_bare *bare;
    int first, most; /* the first product; the most pieces of one */
};

static void multiply_chunk(void *data, int chunk, int worker)
{
    const struct turn *turn = data;
    const struct sw_bare *b = turn->bare;
    int index = turn->first + chunk / turn->most, piece = chunk % turn->most;
    int pieces = pieces_of(b, &b->list[index]);
    if (piece < pieces)
        multiply(b, index, piece, pieces, b->results + (size_t)worker * b->result_size);
}

static void in_turns(struct sw_bare *b, int first, int last)
{
    while (first < last) {
        struct turn turn = {b, first, 1};
        for (; first < last && b->list[first].turn == b->list[turn.first].turn; first++)
            if (pieces_of(b, &b->list[first]) > turn.most)
                turn.most = b->threads;
        sw_parallel(b->compute, (first - turn.first) * turn.most, multiply_chunk, &turn);
    }
}

double sw_bare_run(struct sw_bare *b, int first, int last, int blas)
{
    if (blas)
        openblas_set_num_threads(b->threads);
    double began = sw_seconds();
    if (!blas)
        in_turns(b, first, last);
    for (int i = first; i < last && blas; i++)
        multiply(b, i, 0, 1, b->results);
    double took = sw_seconds() - began;
    if (blas)
        openblas_set_num_threads(1);
    return took;
}

static int make_room(struct sw_bare *b, struct sw_error *error)
{
    size_t room = 1;
    for (int i = 0; i < b->count; i++) {
        const struct sw_product *p = &b->list[i];
        size_t M = (size_t)p->M, N = (size_t)p->N, K = (size_t)p->K;
        b->operand_size[0] = sw_max_size(b->operand_size[0], M * K);
        b->operand_size[1] = sw_max_size(b->operand_size[1], N * K);
        b->result_size =
            sw_max_size(b->result_size, (size_t)length_of(p, pieces_of(b, p)) * sw_min_size(M, N));
        room = sw_max_size(room, M * N);
    }
    room = sw_max_size(room, (size_t)b->threads * b->result_size);
    b->arena = sw_arena_new();
    for (int o = 0; b->arena && o < 2; o++)
        b->operand[o] = sw_arena_alloc(b->arena, 2 * b->operand_size[o] * sizeof(float));
    if (b->arena)
        b->results = sw_arena_alloc(b->arena, room * sizeof(float));
    if (!b->operand[0] || !b->operand[1] || !b->results)
        return sw_fail(error, SW_FAILED, "out of memory for the operands of bare products");
    for (size_t i = 0; i < room; i++)
        b->results[i] = 1; /* no product is to meet pages that were never touched */
    for (int o = 0; o < 2; o++)
        for (size_t i = 0; i < 2 * b->operand_size[o]; i++)
            b->operand[o][i] = (float)(i % 7) - 3;
    return SW_OK;
}

int sw_bare_new(struct sw_bare **out, struct sw_compute *compute, const struct sw_products *list,
                struct sw_error *error)
{
    struct sw_bare *b = *out = calloc(1, sizeof *b);
    if (!b)
        return sw_fail(error, SW_FAILED, "out of memory for bare products");
    *b = (struct sw_bare){.compute = compute,
                          .list = list->list,
                          .count = list->count,
                          .threads = sw_compute_threads(compute)};
    int status = make_room(b, error);
    if (status != SW_OK) {
        sw_bare_free(b);
        *out = NULL;
    }
    return status;
}

void sw_bare_free(struct sw_bare *b)
{
    if (b)
        sw_arena_free(b->arena);
    free(b);
}
