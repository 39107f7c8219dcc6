/* compute.c -- the threads, kernels and matrix products of one process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* CPU_ALLOC */
#endif
#include "tensor/threads/compute.h"
#include "tensor/tape/arena.h"
#include "tensor/kernels/kernels.h"
#include "tensor/threads/pool.h"

#include <cblas.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MOST_THREADS = 256 };

struct sw_compute {
    int threads;
    const struct sw_kernels *kernels;
    struct sw_pool *pool;
    struct sw_profile *profile; /* NULL: not measured */
    int (*interrupted)(void);   /* NULL: never */
    struct sw_peers *peers;     /* NULL: alone */
    struct sw_arena *arena;     /* holds the rooms */
    char *rooms;                /* (threads, product_room) */
};

/* CPUs that this process may run on. */
static int allowed_cpus(void)
{
    int count = 1;
    for (int most = 1024; most <= 1 << 18; most *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        if (!set)
            break;
        size_t size = CPU_ALLOC_SIZE((size_t)most);
        int status = sched_getaffinity(0, size, set);
        if (status == 0)
            count = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (status == 0)
            break;
    }
    if (count > MOST_THREADS)
        return MOST_THREADS;
    return count > 0 ? count : 1;
}

static void one_blas_thread(void)
{
    openblas_set_num_threads(1);
}

static const struct sw_kernels *choose_kernels(struct sw_error *error)
{
    const char *want = getenv("STEPWISE_CPU");
    if (want && !*want)
        want = NULL;
    const struct sw_kernels *kernels = sw_kernels_select(want);
    if (kernels)
        return kernels;
    static const char *const names[] = {"baseline", "avx2", "avx512", "amx"};
    char hint[128];
    for (size_t i = 0; want && i < sizeof names / sizeof *names; i++)
        if (strcmp(want, names[i]) == 0) {
            sw_fail(error, SW_FAILED, "STEPWISE_CPU=%s: this CPU or this build does not have it",
                    want);
            return NULL;
        }
    sw_suggest(hint, sizeof hint, want ? want : "", names, sizeof names / sizeof *names);
    sw_fail(error, SW_MISUSE, "STEPWISE_CPU=%s: no such kernels%s", want ? want : "", hint);
    return NULL;
}

/* OpenBLAS maps a buffer for each concurrent caller, never unmaps it, and where there is no room
 * for one (ulimit -v) retries forever. So all of them are mapped here, each after a check for room.
 * OpenBLAS exports the two functions, but declares them in none of its headers. */
extern void *blas_memory_alloc(int where) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

static int reserve_blas_buffers(int threads, struct sw_error *error)
{
    enum { BUFFER = 128 << 20, PAGES = 1 << 20 };
    void *held[MOST_THREADS];
    int count = 0;
    if (!blas_memory_alloc || !blas_memory_free)
        return SW_OK;
    for (; count < threads; count++) {
        void *room = mmap(NULL, BUFFER + PAGES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            break;
        munmap(room, BUFFER + PAGES);
        held[count] = blas_memory_alloc(0);
    }
    for (int i = 0; i < count; i++)
        blas_memory_free(held[i]);
    if (count == threads)
        return SW_OK;
    return sw_fail(
        error, SW_FAILED,
        "out of memory for matrix products: expected 128 MiB of address space for each of "
        "%d threads, found room for %d; raise the limit (ulimit -v) or lower threads",
        threads, count);
}

struct sw_compute *sw_compute_new(int threads, struct sw_error *error)
{
    if (threads < 0 || threads > MOST_THREADS) {
        sw_fail(error, SW_MISUSE, "threads: expected 1 to %d, or 0 for all CPUs, found %d",
                MOST_THREADS, threads);
        return NULL;
    }
    const struct sw_kernels *kernels = choose_kernels(error);
    if (!kernels)
        return NULL;
    one_blas_thread();
    if (openblas_get_num_threads() != 1) {
        sw_fail(error, SW_FAILED,
                "OpenBLAS uses %d threads although 1 was requested; set OPENBLAS_NUM_THREADS=1 "
                "and OMP_NUM_THREADS=1",
                openblas_get_num_threads());
        return NULL;
    }
    struct sw_compute *compute = calloc(1, sizeof *compute);
    if (!compute) {
        sw_fail(error, SW_FAILED, "out of memory");
        return NULL;
    }
    compute->kernels = kernels;
    compute->threads = threads ? threads : allowed_cpus();
    if (reserve_blas_buffers(compute->threads, error) != SW_OK) {
        sw_compute_free(compute);
        return NULL;
    }
    compute->arena = sw_arena_new();
    if (compute->arena)
        compute->rooms =
            sw_arena_alloc(compute->arena, (size_t)compute->threads * kernels->product_room);
    if (!compute->rooms) {
        sw_fail(error, SW_FAILED, "out of memory for the products of %d threads", compute->threads);
        sw_compute_free(compute);
        return NULL;
    }
    /* The OpenMP flavour keeps a count for each thread that calls it. */
    int openmp = openblas_get_parallel() == OPENBLAS_OPENMP;
    compute->pool = sw_pool_new(compute->threads, openmp ? one_blas_thread : NULL, error);
    if (!compute->pool) {
        sw_compute_free(compute);
        return NULL;
    }
    return compute;
}

void sw_compute_free(struct sw_compute *compute)
{
    if (!compute)
        return;
    sw_pool_free(compute->pool);
    sw_arena_free(compute->arena);
    free(compute);
}

int sw_compute_threads(const struct sw_compute *compute)
{
    return compute->threads;
}

const struct sw_kernels *sw_compute_kernels(const struct sw_compute *compute)
{
    return compute->kernels;
}

const char *sw_compute_cpu(const struct sw_compute *compute)
{
    return compute->kernels->name;
}

void *sw_compute_room(const struct sw_compute *compute)
{
    size_t worker = (size_t)sw_pool_worker(compute->pool);
    return compute->rooms + worker * compute->kernels->product_room;
}

void sw_compute_watch(struct sw_compute *compute, int (*interrupted)(void))
{
    compute->interrupted = interrupted;
}

int sw_compute_interrupted(const struct sw_compute *compute)
{
    return (compute->interrupted && compute->interrupted()) ||
           (compute->peers && sw_peers_stopped(compute->peers));
}

/* ---- measured work ------------------------------------------------------------------------------
 */

void sw_compute_measure(struct sw_compute *compute, struct sw_profile *profile)
{
    compute->profile = profile;
}

struct sw_place sw_part_begin(struct sw_compute *compute, const char *name, int backward)
{
    if (!compute || !compute->profile)
        return (struct sw_place){0};
    return sw_profile_switch(compute->profile, sw_pool_worker(compute->pool),
                             (struct sw_place){.name = name, .backward = backward});
}

void sw_part_end(struct sw_compute *compute, struct sw_place before)
{
    if (compute && compute->profile)
        sw_profile_switch(compute->profile, sw_pool_worker(compute->pool), before);
}

struct sw_place sw_product_begin(struct sw_compute *compute)
{
    if (!compute->profile)
        return (struct sw_place){0};
    int worker = sw_pool_worker(compute->pool);
    struct sw_place place = sw_profile_place(compute->profile, worker);
    place.product = 1;
    return sw_profile_switch(compute->profile, worker, place);
}

struct measured {
    struct sw_profile *profile;
    struct sw_place place;
    void (*work)(void *data, int chunk, int worker);
    void *data;
};

static void measured_chunk(void *data, int chunk, int worker)
{
    const struct measured *m = data;
    struct sw_place before = sw_profile_switch(m->profile, worker, m->place);
    m->work(m->data, chunk, worker);
    sw_profile_switch(m->profile, worker, before);
}

/* A worker's clock stands still while it has no chunk; the caller's, while it waits for others. */
static void measured_parallel(struct sw_compute *compute, int chunks,
                              void (*work)(void *data, int chunk, int worker), void *data)
{
    struct measured m = {compute->profile, sw_profile_place(compute->profile, 0), work, data};
    sw_profile_switch(compute->profile, 0, (struct sw_place){0});
    struct sw_profile_job job = sw_profile_job_begin(compute->profile);
    sw_pool_run(compute->pool, chunks, measured_chunk, &m);
    sw_profile_job_end(compute->profile, job, m.place);
    sw_profile_switch(compute->profile, 0, m.place);
}

void sw_parallel(struct sw_compute *compute, int chunks,
                 void (*work)(void *data, int chunk, int worker), void *data)
{
    if (compute->profile && !sw_pool_inside(compute->pool))
        measured_parallel(compute, chunks, work, data);
    else
        sw_pool_run(compute->pool, chunks, work, data);
}

/* ---- with peers ------------------------------------------------------------------------------ */

void sw_compute_join(struct sw_compute *compute, struct sw_peers *peers)
{
    compute->peers = peers;
}

struct sw_peers *sw_compute_peers(const struct sw_compute *compute)
{
    return compute->peers && !sw_pool_inside(compute->pool) ? compute->peers : NULL;
}

struct shared {
    void (*work)(void *data, int chunk, int worker);
    void (*list)(const void *data, int chunk, struct sw_slices *slices);
    void *data;
    const struct sw_peers *peers;
    int chunks, first;
};

static void do_own(void *data, int chunk, int worker)
{
    const struct shared *shared = data;
    shared->work(shared->data, shared->first + chunk, worker);
}

static void list_share(const void *data, int rank, struct sw_slices *slices)
{
    const struct shared *shared = data;
    int from, to;
    sw_peers_share(shared->peers, shared->chunks, rank, &from, &to);
    for (int chunk = from; chunk < to; chunk++)
        shared->list(shared->data, chunk, slices);
}

void sw_compute_exchange(struct sw_compute *compute,
                         void (*list)(const void *data, int rank, struct sw_slices *slices),
                         const void *data)
{
    struct sw_place before = sw_part_begin(compute, "exchange", 0);
    sw_peers_exchange(compute->peers, list, data);
    sw_part_end(compute, before);
}

void sw_exchange_shared(struct sw_compute *compute, int chunks,
                        void (*list)(const void *data, int chunk, struct sw_slices *slices),
                        void *data)
{
    const struct sw_peers *peers = sw_compute_peers(compute);
    struct shared shared = {NULL, list, data, peers, chunks, 0};
    if (peers && chunks > 1)
        sw_compute_exchange(compute, list_share, &shared);
}

void sw_parallel_shared(struct sw_compute *compute, int chunks,
                        void (*work)(void *data, int chunk, int worker),
                        void (*list)(const void *data, int chunk, struct sw_slices *slices),
                        void *data)
{
    const struct sw_peers *peers = sw_compute_peers(compute);
    if (!peers || chunks < 2) {
        sw_parallel(compute, chunks, work, data);
        return;
    }
    struct shared shared = {work, list, data, peers, chunks, 0};
    int to;
    sw_peers_share(peers, chunks, sw_peers_rank(peers), &shared.first, &to);
    sw_parallel(compute, to - shared.first, do_own, &shared);
    sw_compute_exchange(compute, list_share, &shared);
}

int sw_compute_agree(struct sw_compute *compute, double number, struct sw_error *error)
{
    return compute->peers ? sw_peers_agree(compute->peers, &number, sizeof number, error) : SW_OK;
}
