/* check_compute.c -- threads and matrix products. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* cpu_set_t */
#endif
#include "unit.h"

#include "tensor/kernels/kernels.h"
#include "tensor/tape/random.h"
#include "tensor/threads/compute.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

static struct sw_compute *compute_of(int threads)
{
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(threads, &error);
    ck_assert_msg(compute != NULL, "%s", error.text);
    return compute;
}

/* ---- threads -----------------------------------------------------------------------------------
 */

enum { MOST_CHUNKS = 300, WORKERS = 5 };

struct tally {
    struct sw_compute *compute;
    atomic_int ran[MOST_CHUNKS];
    atomic_int busy[WORKERS]; /* is a chunk running as this worker? */
    atomic_int clashes;
    int yields;             /* how often a chunk gives way while it runs */
    int plain[MOST_CHUNKS]; /* not atomic: a thread sanitizer sees a chunk that two threads take */
};

static void count_chunk(void *data, int chunk, int worker)
{
    struct tally *tally = data;
    if (worker < 0 || worker >= WORKERS || atomic_exchange(&tally->busy[worker], 1))
        atomic_fetch_add(&tally->clashes, 1);
    atomic_fetch_add(&tally->ran[chunk], 1);
    tally->plain[chunk]++;
    for (int i = 0; i < tally->yields; i++)
        sched_yield();
    atomic_store(&tally->busy[worker], 0);
}

/* A chunk left out is a hole in a result, one done twice a sum that is wrong; two threads that are
 * the same worker share its scratch memory. */
START_TEST(each_chunk_runs_once_and_before_the_call_returns)
{
    struct tally *tally = calloc(1, sizeof *tally);
    struct sw_compute *compute = compute_of(WORKERS);
    for (int repeat = 0; repeat < 3000; repeat++) {
        int chunks = repeat % 7 == 0 ? MOST_CHUNKS : repeat % 11;
        memset(tally->plain, 0, sizeof tally->plain);
        for (int i = 0; i < MOST_CHUNKS; i++)
            atomic_store(&tally->ran[i], 0);
        sw_parallel(compute, chunks, count_chunk, tally);
        for (int i = 0; i < MOST_CHUNKS; i++) {
            ck_assert_int_eq(atomic_load(&tally->ran[i]), i < chunks);
            ck_assert_int_eq(tally->plain[i], i < chunks);
        }
        if (repeat % 500 == 0)
            usleep(5000); /* long enough for the workers to fall asleep */
    }
    ck_assert_int_eq(atomic_load(&tally->clashes), 0);
    sw_compute_free(compute);
    free(tally);
}
END_TEST

struct meeting {
    atomic_int arrived;
    int expected;
};

static void meet(void *data, int chunk, int worker)
{
    (void)chunk;
    (void)worker;
    struct meeting *meeting = data;
    atomic_fetch_add(&meeting->arrived, 1);
    while (atomic_load(&meeting->arrived) < meeting->expected)
        sched_yield();
}

/* Chunks that wait for each other end only when every thread takes part: a pool that runs all on
 * the caller would make each run as slow as one thread. */
START_TEST(all_threads_take_part)
{
    struct sw_compute *compute = compute_of(3);
    for (int repeat = 0; repeat < 50; repeat++) {
        struct meeting meeting = {0, 3};
        sw_parallel(compute, 3, meet, &meeting);
        ck_assert_int_eq(atomic_load(&meeting.arrived), 3);
    }
    sw_compute_free(compute);
}
END_TEST

struct nested {
    struct sw_compute *compute, *other;
    struct meeting *meeting;
    pthread_t thread;
    int worker, next, strange;
};

static void inner_chunk(void *data, int chunk, int worker)
{
    struct nested *nested = data;
    if (chunk != nested->next || worker != nested->worker ||
        !pthread_equal(pthread_self(), nested->thread))
        nested->strange++;
    nested->next++;
}

static void no_work(void *data, int chunk, int worker)
{
    (void)data;
    (void)chunk;
    (void)worker;
}

/* The first chunks wait for each other, so that every thread is in one. */
static void outer_chunk(void *data, int chunk, int worker)
{
    struct nested *nested = (struct nested *)data + chunk;
    if (chunk < nested->meeting->expected)
        meet(nested->meeting, chunk, worker);
    nested->worker = worker;
    nested->thread = pthread_self();
    sw_parallel(nested->compute, 10, inner_chunk, nested);
    sw_parallel(nested->other, 2, no_work, NULL);
    sw_parallel(nested->compute, 1, no_work, NULL);
    nested->next -= 10;
    sw_parallel(nested->compute, 20, inner_chunk, nested);
}

/* An operation that is parallel itself is called from tiles that run in parallel: it must neither
 * wait for threads that wait for it, nor run as another worker. */
START_TEST(a_call_from_a_chunk_runs_in_place)
{
    static const int threads[] = {1, 3};
    for (int t = 0; t < 2; t++) {
        struct sw_compute *compute = compute_of(threads[t]), *other = compute_of(2);
        for (int repeat = 0; repeat < 100; repeat++) {
            struct meeting meeting = {0, threads[t]};
            struct nested nested[9];
            for (int i = 0; i < 9; i++)
                nested[i] =
                    (struct nested){.compute = compute, .other = other, .meeting = &meeting};
            sw_parallel(compute, 9, outer_chunk, nested);
            for (int i = 0; i < 9; i++) {
                ck_assert_int_eq(nested[i].next, 20);
                ck_assert_int_eq(nested[i].strange, 0);
            }
        }
        sw_compute_free(other);
        sw_compute_free(compute);
    }
}
END_TEST

static void *call_often(void *data)
{
    struct tally *tally = data;
    for (int repeat = 0; repeat < 200; repeat++)
        sw_parallel(tally->compute, 40, count_chunk, tally);
    return NULL;
}

/* A program may keep a second thread of its own, for reading data say: both may call. */
START_TEST(two_callers_share_one_pool)
{
    struct tally *tally = calloc(1, sizeof *tally);
    tally->compute = compute_of(3);
    tally->yields = 3;
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, call_often, tally), 0);
    call_often(tally);
    pthread_join(other, NULL);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(atomic_load(&tally->ran[i]), 400);
    ck_assert_int_eq(atomic_load(&tally->clashes), 0);
    sw_compute_free(tally->compute);
    free(tally);
}
END_TEST

/* --threads and STEPWISE_CPU come from people: what cannot be must be said, with what can. */
START_TEST(settings_that_cannot_be_are_refused)
{
    static const int threads[] = {-1, 257, 1 << 30};
    for (int i = 0; i < 3; i++) {
        struct sw_error error = {0};
        ck_assert_ptr_null(sw_compute_new(threads[i], &error));
        ck_assert_int_eq(error.status, SW_MISUSE);
        ck_assert_ptr_nonnull(strstr(error.text, "1 to 256"));
    }
    struct sw_error error = {0};
    setenv("STEPWISE_CPU", "avx1", 1);
    ck_assert_ptr_null(sw_compute_new(1, &error));
    ck_assert_int_eq(error.status, SW_MISUSE);
    ck_assert_msg(strstr(error.text, "STEPWISE_CPU=avx1") && strstr(error.text, "avx2"), "%s",
                  error.text);
    error = (struct sw_error){0};
    setenv("STEPWISE_CPU", "quantum", 1);
    ck_assert_ptr_null(sw_compute_new(1, &error));
    ck_assert_msg(strstr(error.text, "baseline, avx2, avx512, amx") != NULL, "%s", error.text);
    unsetenv("STEPWISE_CPU");
    sw_compute_free(NULL);
}
END_TEST

/* A set asked for by name is the one that runs; one that this machine lacks is not a slip of the
 * pen, so the message must not suggest another name, and nothing else may run in its place. */
START_TEST(each_set_of_kernels_runs_or_is_refused)
{
    static const char *const names[] = {"baseline", "avx2", "avx512", "amx"};
    struct sw_error error = {0};
    setenv("STEPWISE_CPU", names[_i], 1);
    struct sw_compute *compute = sw_compute_new(1, &error);
    if (sw_kernels_select(names[_i])) {
        ck_assert_msg(compute != NULL, "%s", error.text);
        ck_assert_str_eq(sw_compute_cpu(compute), names[_i]);
        ck_assert_ptr_eq(sw_compute_kernels(compute), sw_kernels_select(names[_i]));
    } else {
        char expected[128];
        snprintf(expected, sizeof expected,
                 "STEPWISE_CPU=%s: this CPU or this build does not have it", names[_i]);
        ck_assert_ptr_null(compute);
        ck_assert_int_eq(error.status, SW_FAILED);
        ck_assert_str_eq(error.text, expected);
    }
    sw_compute_free(compute);

    /* set, but empty: as when it is not set */
    setenv("STEPWISE_CPU", "", 1);
    compute = sw_compute_new(1, &error);
    ck_assert_ptr_nonnull(compute);
    ck_assert_ptr_eq(sw_compute_kernels(compute), sw_kernels_select(NULL));
    sw_compute_free(compute);
    unsetenv("STEPWISE_CPU");
}
END_TEST

/* A run on a shared machine that ignores these takes CPUs that belong to others. */
START_TEST(settings_are_followed)
{
    setenv("STEPWISE_CPU", "baseline", 1);
    struct sw_compute *compute = compute_of(2);
    ck_assert_str_eq(sw_compute_cpu(compute), "baseline");
    ck_assert_ptr_nonnull(sw_compute_kernels(compute));
    ck_assert_int_eq(sw_compute_threads(compute), 2);
    sw_compute_free(compute);
    unsetenv("STEPWISE_CPU");

    /* 0 means the CPUs that this process was given, not those of the machine. */
    cpu_set_t one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof one, &one), 0);
    int first = 0;
    while (!CPU_ISSET(first, &one))
        first++;
    compute = compute_of(0);
    ck_assert_int_eq(sw_compute_threads(compute), CPU_COUNT(&one));
    sw_compute_free(compute);
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    compute = compute_of(0);
    ck_assert_int_eq(sw_compute_threads(compute), 1);
    sw_compute_free(compute);
}
END_TEST

/* ---- matrix products ---------------------------------------------------------------------------
 */

static float *numbers(size_t count, uint32_t index)
{
    struct sw_random random = sw_random_stream(3, SW_FOR_TESTS, 1, index);
    float *x = malloc((count ? count : 1) * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = 2 * sw_random_uniform(&random) - 1;
    return x;
}

struct shape {
    int M, N, K;
};

static float *padded(int rows, int columns, int *step, int extra, uint32_t index)
{
    *step = columns + extra;
    return numbers((size_t)rows * (size_t)*step, index);
}

/* op(A)[m,k] op(B)[k,n], summed in double. */
static double element(const float *A, int lda, int ta, const float *B, int ldb, int tb, int m,
                      int n, int K)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += (double)(ta ? A[(size_t)k * lda + m] : A[(size_t)m * lda + k]) *
               (double)(tb ? B[(size_t)n * ldb + k] : B[(size_t)k * ldb + n]);
    return sum;
}

static void check_product(struct sw_compute *compute, struct shape s, int ta, int tb, float beta,
                          int all)
{
    const float alpha = 0.75f;
    int lda, ldb, ldc;
    float *A = padded(ta ? s.K : s.M, ta ? s.M : s.K, &lda, 3, 1);
    float *B = padded(tb ? s.N : s.K, tb ? s.K : s.N, &ldb, 5, 2);
    float *C = padded(s.M, s.N, &ldc, 2, 3), *before = padded(s.M, s.N, &ldc, 2, 3);
    if (beta == 0)
        for (int i = 0; i < s.M; i++)
            for (int j = 0; j < s.N; j++)
                C[(size_t)i * ldc + j] = NAN;
    sw_gemm(compute, ta, tb, s.M, s.N, s.K, alpha, A, lda, B, ldb, beta, C, ldc);
    double tolerance = 1e-5 * sqrt(s.K + 1.0);
    int stride = all ? 1 : 37;
    for (int i = 0; i < s.M; i += stride)
        for (int j = i % stride; j < s.N; j += stride) {
            double expected = alpha * element(A, lda, ta, B, ldb, tb, i, j, s.K);
            if (beta != 0)
                expected += (double)beta * before[(size_t)i * ldc + j];
            double found = C[(size_t)i * ldc + j];
            ck_assert_msg(fabs(found - expected) <= tolerance,
                          "%d x %d x %d, transposed %d %d, beta %g: C[%d,%d] is %g, expected %g",
                          s.M, s.N, s.K, ta, tb, (double)beta, i, j, found, expected);
        }
    for (int i = 0; i < s.M; i++) /* what lies between the rows is somebody else's */
        for (int j = s.N; j < ldc; j++)
            ck_assert(C[(size_t)i * ldc + j] == before[(size_t)i * ldc + j]);
    free(A);
    free(B);
    free(C);
    free(before);
}

/* Every linear layer, attention product and weight gradient goes through this call; the large
 * shapes are cut, by rows and by columns, with a short last piece. */
START_TEST(products_are_right)
{
    static const struct shape shapes[] = {{1, 1, 1},  {3, 5, 7},    {17, 1, 33},
                                          {1, 19, 4}, {36, 32, 65}, {2, 3, 0},
                                          {0, 4, 5},  {4, 0, 5},    {1, 0, 0}};
    static const struct shape large[] = {
        {523, 260, 301}, {261, 777, 256}, {2051, 40, 1031}, {37, 3001, 999}};
    static const float betas[] = {0, 1, -0.5f};
    struct sw_compute *compute = compute_of(3);
    for (int transposes = 0; transposes < 4; transposes++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int b = 0; b < 3; b++)
                check_product(compute, shapes[i], transposes & 1, transposes >> 1, betas[b], 1);
        for (size_t i = 0; i < sizeof large / sizeof *large; i++)
            check_product(compute, large[i], transposes & 1, transposes >> 1, betas[i % 3], 0);
    }
    sw_compute_free(compute);
}
END_TEST

struct call {
    struct sw_compute *compute;
    struct shape shape;
    int transposes;
    const float *A, *B;
    float *C;
};

static void call_gemm(void *data, int chunk, int worker)
{
    (void)chunk;
    (void)worker;
    const struct call *c = data;
    int ta = c->transposes & 1, tb = c->transposes >> 1;
    int M = c->shape.M, N = c->shape.N, K = c->shape.K;
    sw_gemm(c->compute, ta, tb, M, N, K, 1, c->A, ta ? M : K, c->B, tb ? K : N, 0, c->C, N);
}

/* One seed must give one result at any number of threads, and whether a product is taken alone or
 * inside a chunk. */
START_TEST(products_have_the_same_bits_at_any_thread_count)
{
    static const struct shape shapes[] = {
        {1152, 512, 300}, {36, 32, 1024}, {40, 3000, 513}, {1000, 1000, 37}, {512, 1024, 1152}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct shape s = shapes[i];
        size_t bytes = (size_t)s.M * (size_t)s.N * sizeof(float);
        float *A = numbers((size_t)s.M * (size_t)s.K, 1),
              *B = numbers((size_t)s.K * (size_t)s.N, 2);
        float *first = malloc(bytes), *C = malloc(bytes);
        for (int transposes = 0; transposes < 4; transposes++) {
            struct call call = {NULL, s, transposes, A, B, first};
            for (int threads = 1; threads <= 3; threads++) {
                call.compute = compute_of(threads);
                call_gemm(&call, 0, 0);
                call.C = C;
                ck_assert(threads == 1 || memcmp(first, C, bytes) == 0);
                sw_parallel(call.compute, 1, call_gemm, &call);
                ck_assert_msg(memcmp(first, C, bytes) == 0, "inside a chunk, %d threads", threads);
                sw_compute_free(call.compute);
            }
        }
        free(A);
        free(B);
        free(first);
        free(C);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, each_chunk_runs_once_and_before_the_call_returns);
    tcase_add_test(tests, all_threads_take_part);
    tcase_add_test(tests, a_call_from_a_chunk_runs_in_place);
    tcase_add_test(tests, two_callers_share_one_pool);
    tcase_add_test(tests, settings_that_cannot_be_are_refused);
    tcase_add_loop_test(tests, each_set_of_kernels_runs_or_is_refused, 0, 4);
    tcase_add_test(tests, settings_are_followed);
    tcase_add_test(tests, products_are_right);
    tcase_add_test(tests, products_have_the_same_bits_at_any_thread_count);
}

UNIT_MAIN("compute", add_tests)
