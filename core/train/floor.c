/* floor.c -- see floor.h. */
#include "train/floor.h"

#include "base/clock.h"
#include "tensor/tape/arena.h"
#include "tensor/tape/random.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_PARTS = 16 };

/* A product of less work than this is not cut. */
static const double worth_cutting = 20e6;
/* OpenBLAS's threads look for more work for some tens of milliseconds before they sleep. */
static const struct timespec rest = {.tv_nsec = 100000000};

/* A range of rows (or columns) of one product. */
struct piece {
    const struct sw_product *product;
    int side; /* 0 or 1: neighbours have operands of their own */
    int by_columns, from, length;
};

struct part {
    struct sw_floor_part told;
    int first, last;                /* in the list */
    double *seconds[SW_FLOOR_WAYS]; /* (rounds) */
};

struct sw_floor {
    struct sw_compute *compute;
    struct sw_product *list; /* sorted by part */
    int count, threads, rounds, done;
    struct part parts[MOST_PARTS];
    int part_count;
    double *samples;        /* (parts, ways, rounds) */
    struct piece *pieces;   /* of the turn at hand */
    struct sw_arena *arena; /* on large pages, as a step's own numbers are */
    float *operand[2];      /* A and B, twice each */
    size_t operand_size[2];
    float *results; /* (threads, result_size), or the whole of one product */
    size_t result_size;
};

static double flop_of(const struct sw_product *p)
{
    return 2.0 * p->M * p->N * p->K;
}

/* ---- one product ----------------------------------------------------------------------------- */

static void multiply(const struct sw_floor *f, const struct piece *piece, float *out)
{
    const struct sw_product *p = piece->product;
    int M = piece->by_columns ? p->M : piece->length, N = piece->by_columns ? piece->length : p->N;
    int lda = p->transpose_a ? p->M : p->K, ldb = p->transpose_b ? p->K : p->N;
    size_t from = (size_t)piece->from, a = 0, b = 0;
    if (piece->by_columns)
        b = from * (p->transpose_b ? (size_t)ldb : 1);
    else
        a = from * (p->transpose_a ? 1 : (size_t)lda);
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, M, N, p->K, 1,
                f->operand[0] + (size_t)piece->side * f->operand_size[0] + a, lda,
                f->operand[1] + (size_t)piece->side * f->operand_size[1] + b, ldb, 0, out, N);
}

static void multiply_piece(void *data, int chunk, int worker)
{
    const struct sw_floor *f = data;
    multiply(f, &f->pieces[chunk], f->results + (size_t)worker * f->result_size);
}

/* ---- the two ways ---------------------------------------------------------------------------- */

/* Lines of a piece: what is worth it goes to all threads evenly. */
static int step_of(const struct sw_floor *f, const struct sw_product *p)
{
    int lines = p->N > p->M ? p->N : p->M;
    return flop_of(p) < worth_cutting ? lines : (lines - 1) / f->threads + 1;
}

static int cut(const struct sw_floor *f, const struct sw_product *p, struct piece *out)
{
    int lines = p->N > p->M ? p->N : p->M, step = step_of(f, p), count = 0;
    for (int from = 0; from < lines; from += step)
        out[count++] = (struct piece){.product = p,
                                      .side = (int)(p - f->list) % 2,
                                      .by_columns = p->N > p->M,
                                      .from = from,
                                      .length = lines - from < step ? lines - from : step};
    return count;
}

static void in_chunks(struct sw_floor *f, const struct part *part)
{
    for (int i = part->first; i < part->last;) {
        int turn = f->list[i].turn, pieces = 0;
        for (; i < part->last && f->list[i].turn == turn; i++)
            pieces += cut(f, &f->list[i], f->pieces + pieces);
        sw_parallel(f->compute, pieces, multiply_piece, f);
    }
}

static void by_blas(const struct sw_floor *f, const struct part *part)
{
    for (int i = part->first; i < part->last; i++)
        multiply(f, &(struct piece){.product = &f->list[i], .side = i % 2, .length = f->list[i].M},
                 f->results);
}

void sw_floor_round(struct sw_floor *f)
{
    if (f->done == f->rounds)
        return;
    for (int p = 0; p < f->part_count; p++) {
        double began = sw_seconds();
        in_chunks(f, &f->parts[p]);
        f->parts[p].seconds[SW_FLOOR_CHUNKS][f->done] = sw_seconds() - began;
    }
    if (f->threads > 1) {
        openblas_set_num_threads(f->threads);
        for (int p = 0; p < f->part_count; p++) {
            double began = sw_seconds();
            by_blas(f, &f->parts[p]);
            f->parts[p].seconds[SW_FLOOR_BLAS][f->done] = sw_seconds() - began;
        }
        openblas_set_num_threads(1);
        nanosleep(&rest, NULL);
    }
    f->done++;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Copies the list part by part; the order within one stays. */
static int sort_parts(struct sw_floor *f, const struct sw_product *list, int count,
                      struct sw_error *error)
{
    for (int i = 0; i < count; i++) {
        int p = 0;
        while (p < f->part_count && strcmp(f->parts[p].told.name, list[i].part) != 0)
            p++;
        if (p == MOST_PARTS)
            return sw_fail(error, SW_FAILED, "products of more than %d parts", MOST_PARTS);
        if (p == f->part_count)
            f->parts[f->part_count++].told =
                (struct sw_floor_part){.name = list[i].part, .per = list[i].per};
        f->parts[p].told.flop += flop_of(&list[i]);
    }
    for (int p = 0; p < f->part_count; p++) {
        struct part *part = &f->parts[p];
        part->first = f->count;
        for (int i = 0; i < count; i++)
            if (strcmp(part->told.name, list[i].part) == 0)
                f->list[f->count++] = list[i];
        part->last = f->count;
        for (int way = 0; way < SW_FLOOR_WAYS; way++)
            part->seconds[way] = f->samples + (size_t)(p * SW_FLOOR_WAYS + way) * (size_t)f->rounds;
    }
    return SW_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int make_room(struct sw_floor *f, struct sw_error *error)
{
    size_t whole = 1, threads = (size_t)f->threads, count;
    for (int i = 0; i < f->count; i++) {
        const struct sw_product *p = &f->list[i];
        size_t M = (size_t)p->M, N = (size_t)p->N, K = (size_t)p->K, step = (size_t)step_of(f, p);
        f->operand_size[0] = larger(f->operand_size[0], M * K);
        f->operand_size[1] = larger(f->operand_size[1], N * K);
        f->result_size = larger(f->result_size, step * (N > M ? M : N));
        whole = larger(whole, M * N);
    }
    count = larger(whole, threads * f->result_size);
    f->pieces = malloc(((size_t)f->count * threads + 1) * sizeof *f->pieces);
    f->arena = sw_arena_new();
    for (int o = 0; f->arena && o < 2; o++)
        f->operand[o] = sw_arena_alloc(f->arena, 2 * f->operand_size[o] * sizeof(float));
    if (f->arena)
        f->results = sw_arena_alloc(f->arena, count * sizeof(float));
    if (!f->pieces || !f->operand[0] || !f->operand[1] || !f->results)
        return sw_fail(error, SW_FAILED, "out of memory for the operands of bare products");
    for (size_t i = 0; i < count; i++)
        f->results[i] = 1; /* no round is to meet pages that were never touched */
    for (int o = 0; o < 2; o++) {
        struct sw_random random = sw_random_stream(0, SW_FOR_BENCH, 0, (uint32_t)o);
        for (size_t i = 0; i < 2 * f->operand_size[o]; i++)
            f->operand[o][i] = sw_random_uniform(&random) - 0.5f;
    }
    return SW_OK;
}

int sw_floor_new(struct sw_floor **out, struct sw_compute *compute, const struct sw_product *list,
                 int count, int rounds, struct sw_error *error)
{
    *out = NULL;
    struct sw_floor *f = calloc(1, sizeof *f);
    if (!f)
        return sw_fail(error, SW_FAILED, "out of memory for the floor of a step");
    f->compute = compute;
    f->threads = sw_compute_threads(compute);
    f->rounds = rounds;
    f->list = malloc(((size_t)count + 1) * sizeof *f->list);
    f->samples = calloc((size_t)MOST_PARTS * SW_FLOOR_WAYS * (size_t)rounds + 1, sizeof(double));
    int status = f->list && f->samples
                     ? sort_parts(f, list, count, error)
                     : sw_fail(error, SW_FAILED, "out of memory for %d products", count);
    if (status == SW_OK)
        status = make_room(f, error);
    if (status != SW_OK) {
        sw_floor_free(f);
        return status;
    }
    *out = f;
    return SW_OK;
}

void sw_floor_free(struct sw_floor *f)
{
    if (!f)
        return;
    free(f->list);
    free(f->samples);
    free(f->pieces);
    sw_arena_free(f->arena);
    free(f);
}

/* ---- results --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sw_median(double *x, int count)
{
    qsort(x, (size_t)count, sizeof *x, by_size);
    return (x[(count - 1) / 2] + x[count / 2]) / 2;
}

int sw_floor_parts(const struct sw_floor *f)
{
    return f->part_count;
}

struct sw_floor_part sw_floor_part(const struct sw_floor *f, int index)
{
    const struct part *part = &f->parts[index];
    struct sw_floor_part told = part->told;
    told.seconds = sw_median(part->seconds[SW_FLOOR_CHUNKS], f->done);
    if (f->threads > 1) {
        double blas = sw_median(part->seconds[SW_FLOOR_BLAS], f->done);
        if (blas < told.seconds) {
            told.seconds = blas;
            told.way = SW_FLOOR_BLAS;
        }
    }
    return told;
}
