/* check_matrix_kernels.c -- the kernels' own matrix products. */
#include "kernel_sets.h"

#include "tensor/threads/compute.h"

#include <cblas.h>

/* Shapes that meet every edge: lines of 16 and 32, sums of 32, blocks of 64, 256, 512 and 1024. */
static const int shapes[][3] = {
    {1, 1, 1},    {16, 16, 16},  {17, 15, 31},    {32, 32, 32},   {33, 31, 33},    {36, 14, 128},
    {64, 48, 64}, {65, 257, 40}, {100, 40, 511},  {50, 300, 513}, {31, 90, 1030},  {1025, 20, 48},
    {24, 24, 32}, {70, 33, 200}, {1056, 260, 33}, {5, 600, 17},   {128, 512, 1024}};

enum { SHAPES = sizeof shapes / sizeof *shapes, PAD = 3 };

/* The rest of a set of which this machine or the set itself has no product is not tested. */
static const struct sw_kernels *set_with_product(int i)
{
    const struct sw_kernels *kernels = set(i);
    return kernels && kernels->product ? kernels : NULL;
}

struct product {
    int ta, tb, M, N, K, lda, ldb, ldc;
    float *A, *B, *C;
    void *room;
};

static struct product product_of(const struct sw_kernels *kernels, int ta, int tb, int M, int N,
                                 int K, float low)
{
    struct product p = {.ta = ta, .tb = tb, .M = M, .N = N, .K = K};
    p.lda = (ta ? M : K) + PAD;
    p.ldb = (tb ? K : N) + PAD;
    p.ldc = N + PAD;
    p.A = filled((size_t)(ta ? K : M) * (size_t)p.lda, 1, low, 1);
    p.B = filled((size_t)(tb ? N : K) * (size_t)p.ldb, 2, low, 1);
    p.C = filled((size_t)M * (size_t)p.ldc, 3, -1, 1);
    p.room = aligned_alloc(64, kernels->product_room + 64);
    ck_assert_ptr_nonnull(p.room);
    memset(p.room, 0xff, kernels->product_room); /* NaN, as bf16 and as float32 */
    return p;
}

static void run(const struct sw_kernels *kernels, const struct product *p, int accumulate)
{
    kernels->product(p->ta, p->tb, p->M, p->N, p->K, p->A, p->lda, p->B, p->ldb, accumulate, p->C,
                     p->ldc, p->room);
}

static void end(struct product p)
{
    free(p.A), free(p.B), free(p.C), free(p.room);
}

static float a_of(const struct product *p, int i, int k)
{
    return p->ta ? p->A[k * p->lda + i] : p->A[i * p->lda + k];
}

static float b_of(const struct product *p, int k, int j)
{
    return p->tb ? p->B[j * p->ldb + k] : p->B[k * p->ldb + j];
}

/* The largest error of C - before over sum |a b| + |before|; what lies between the rows of C stays.
 */
static double worst_error(const struct product *p, const float *before)
{
    double worst = 0;
    for (int i = 0; i < p->M; i++)
        for (int j = 0; j < p->ldc; j++) {
            double was = before ? before[i * p->ldc + j] : 0, sum = was, size = fabs(was);
            float found = p->C[i * p->ldc + j];
            if (j >= p->N) {
                ck_assert_msg(!before || found == before[i * p->ldc + j], "row %d, column %d", i,
                              j);
                continue;
            }
            for (int k = 0; k < p->K; k++) {
                double ab = (double)a_of(p, i, k) * b_of(p, k, j);
                sum += ab, size += fabs(ab);
            }
            double error = fabs(found - sum) / size;
            if (!(error <= worst))
                worst = error;
        }
    return worst;
}

/* Everything that is trained goes through here: a product that leaves out a part of a number, a
 * line at an edge or a block of the sum trains a little worse and says nothing. 2^-21 of
 * sum |a b| is what float32 itself keeps of so many sums; without any one of the six products some
 * shape is off by more. */
START_TEST(products_are_those_of_float32)
{
    const struct sw_kernels *kernels = set_with_product(_i);
    for (int s = 0; s < SHAPES && kernels; s++)
        for (int variant = 0; variant < 8; variant++) {
            int accumulate = variant >> 2;
            struct product p = product_of(kernels, variant & 1, variant >> 1 & 1, shapes[s][0],
                                          shapes[s][1], shapes[s][2], -1);
            size_t bytes = (size_t)p.M * (size_t)p.ldc * sizeof *p.C;
            float *before = malloc(bytes);
            memcpy(before, p.C, bytes);
            if (!accumulate)
                for (int i = 0; i < p.M; i++) /* what a product replaces may be anything */
                    memset(p.C + i * p.ldc, 0xff, (size_t)p.N * sizeof *p.C);
            run(kernels, &p, accumulate);
            double worst = worst_error(&p, accumulate ? before : NULL);
            ck_assert_msg(worst <= 0x1p-21, "%d x %d x %d, variant %d: off by %.2e", p.M, p.N, p.K,
                          variant, worst);
            for (int i = 0; i < p.M; i++)
                ck_assert_mem_eq(p.C + i * p.ldc + p.N, before + i * p.ldc + p.N,
                                 PAD * sizeof *p.C);
            free(before);
            end(p);
        }
}
END_TEST

/* Sums of one sign, where errors of one sign would add up: beside OpenBLAS's, in the same sums. */
START_TEST(long_sums_are_as_exact_as_openblas)
{
    enum { N = 64, K = 4096 };
    const struct sw_kernels *kernels = set_with_product(_i);
    if (!kernels)
        return;
    struct product p = product_of(kernels, 0, 1, N, N, K, 0);
    run(kernels, &p, 0);
    double ours = worst_error(&p, NULL);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, K, 1, p.A, p.lda, p.B, p.ldb, 0, p.C,
                p.ldc);
    double theirs = worst_error(&p, NULL);
    if (getenv("STEPWISE_TEST_VERBOSE"))
        fprintf(stderr, "%-8s %.2e, OpenBLAS %.2e\n", kernels->name, ours, theirs);
    ck_assert_double_le(ours, 2 * theirs);
    end(p);
}
END_TEST

/* A product with a matrix of one +-1 a row only moves numbers: all 24 bits have to arrive, at any
 * size but the smallest. */
START_TEST(every_bit_of_a_number_arrives)
{
    enum { N = 40, K = 70 };
    const struct sw_kernels *kernels = set_with_product(_i);
    if (!kernels)
        return;
    for (int side = 0; side < 2; side++)
        for (int exponent = -100; exponent <= 100; exponent += 10) {
            struct product p = product_of(kernels, 0, 0, N, N, K, -1);
            float *moved = side ? p.B : p.A, *by = side ? p.A : p.B;
            int moved_step = side ? p.ldb : p.lda, by_step = side ? p.lda : p.ldb;
            for (int i = 0; i < (side ? K : N) * moved_step; i++)
                moved[i] = ldexpf(moved[i], exponent);
            memset(by, 0, (size_t)((side ? N : K) * by_step) * sizeof *by);
            for (int i = 0; i < N; i++)
                by[side ? i * by_step + (i + 7) : (i + 7) * by_step + i] = i % 2 ? -1 : 1;
            run(kernels, &p, 0);
            for (int i = 0; i < N; i++)
                for (int j = 0; j < N; j++) {
                    float x =
                        side ? moved[(i + 7) * moved_step + j] : moved[i * moved_step + j + 7];
                    float want = (side ? i : j) % 2 ? -x : x;
                    ck_assert_msg(p.C[i * p.ldc + j] == want, "2^%d: expected %a, found %a",
                                  exponent, want, p.C[i * p.ldc + j]);
                }
            end(p);
        }
}
END_TEST

/* A NaN or an infinity that came back as a number would hide a run that has diverged. */
START_TEST(what_is_not_finite_stays_so)
{
    enum { N = 40, K = 50 };
    float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0, 0};
    memset(odd + 4, 0xff, 2 * sizeof *odd); /* NaN as files have it that were never written */
    ((uint8_t *)(odd + 5))[3] = 0x7f;
    const struct sw_kernels *kernels = set_with_product(_i);
    for (int v = 0; v < 12 && kernels; v++) {
        struct product p = product_of(kernels, 0, 0, N, N, K, 0.5f);
        int of_a = v % 2;
        if (of_a)
            p.A[5 * p.lda + 9] = odd[v / 2];
        else
            p.B[9 * p.ldb + 5] = odd[v / 2];
        run(kernels, &p, 0);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                ck_assert_int_eq(!isfinite(p.C[i * p.ldc + j]), (of_a ? i : j) == 5);
        end(p);
    }
}
END_TEST

/* How a product is cut depends on its shape: the same rows in another batch, or in another thread's
 * hands, must give the same bits. */
START_TEST(an_element_does_not_know_its_neighbours)
{
    enum { M = 150, N = 330, K = 600, FIRST_ROW = 37, FIRST_COLUMN = 111, ROWS = 61, COLUMNS = 83 };
    const struct sw_kernels *kernels = set_with_product(_i);
    for (int variant = 0; variant < 4 && kernels; variant++) {
        struct product p = product_of(kernels, variant & 1, variant >> 1, M, N, K, -1);
        run(kernels, &p, 0);
        struct product part = p;
        part.M = ROWS, part.N = COLUMNS, part.ldc = COLUMNS;
        part.A += FIRST_ROW * (p.ta ? 1 : p.lda);
        part.B += FIRST_COLUMN * (p.tb ? p.ldb : 1);
        part.C = malloc(ROWS * COLUMNS * sizeof *part.C);
        run(kernels, &part, 0);
        for (int i = 0; i < ROWS; i++)
            ck_assert_mem_eq(part.C + i * COLUMNS, p.C + (FIRST_ROW + i) * p.ldc + FIRST_COLUMN,
                             COLUMNS * sizeof *part.C);
        free(part.C);
        end(p);
    }
}
END_TEST

/* The steps of a GRU take their weights from here, in every set: an edge that is wrong is a word of
 * some captions that is wrong. Where the set has a product, too, it is the same to the last bit. */
START_TEST(prepared_products_are_products)
{
    enum { PIECES = 2 };
    const struct sw_kernels *kernels = set(_i);
    for (int s = 0; s < SHAPES && kernels; s++)
        for (int tb = 0; tb < 2; tb++) {
            struct product p =
                product_of(kernels, 0, tb, shapes[s][0], shapes[s][1], shapes[s][2], -1);
            int pieces = p.N > 1 ? PIECES : 1;
            size_t room = (kernels->prepared_size(p.K, p.N) + 63) / 64 * 64;
            char *prepared = aligned_alloc(64, PIECES * room);
            struct product out[PIECES]; /* the second without its first column */
            struct sw_prepared_product list[PIECES];
            memset(prepared, 0xff, PIECES * room);
            for (int i = 0; i < pieces; i++) {
                out[i] = p;
                out[i].N -= i;
                out[i].B += i * (tb ? p.ldb : 1);
                out[i].C = filled((size_t)p.M * (size_t)p.ldc, 3, -1, 1);
                char *at = prepared + (size_t)i * room;
                kernels->prepare(tb, p.K, out[i].N, out[i].B, p.ldb, at);
                list[i] = (struct sw_prepared_product){at, out[i].N, out[i].C, (i + tb) % 2};
            }
            kernels->product_prepared(p.M, p.K, p.A, p.lda, list, pieces, p.ldc, p.room);
            for (int i = 0; i < pieces; i++) {
                double worst = worst_error(&out[i], list[i].fresh ? NULL : p.C);
                ck_assert_msg(worst <= 0x1p-21, "%d x %d x %d, piece %d: off by %.2e", p.M, p.N,
                              p.K, i, worst);
                if (kernels->product) {
                    struct product same = out[i];
                    same.C = filled((size_t)p.M * (size_t)p.ldc, 3, -1, 1);
                    run(kernels, &same, !list[i].fresh);
                    ck_assert_mem_eq(same.C, out[i].C,
                                     (size_t)p.M * (size_t)p.ldc * sizeof *same.C);
                    free(same.C);
                }
                free(out[i].C);
            }
            free(prepared);
            end(p);
        }
}
END_TEST

/* Captions run in steps of fewer and fewer: a caption's numbers may not depend on who is beside it.
 */
START_TEST(rows_of_prepared_products_do_not_know_each_other)
{
    enum { M = 277, N = 45, K = 530 }; /* more rows than are laid out at a time */
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    struct product p = product_of(kernels, 0, 0, M, N, K, -1);
    char *prepared = aligned_alloc(64, (kernels->prepared_size(K, N) + 63) / 64 * 64);
    kernels->prepare(0, K, N, p.B, p.ldb, prepared);
    struct sw_prepared_product whole = {prepared, N, p.C, 0};
    float *rows = filled((size_t)M * (size_t)p.ldc, 3, -1, 1);
    kernels->product_prepared(M, K, p.A, p.lda, &whole, 1, p.ldc, p.room);
    for (int from = 0, count = 1; from < M; from += count, count = count % 13 + 1) {
        struct sw_prepared_product part = {prepared, N, rows + from * p.ldc, 0};
        count = count < M - from ? count : M - from;
        kernels->product_prepared(count, K, p.A + from * p.lda, p.lda, &part, 1, p.ldc, p.room);
    }
    ck_assert_mem_eq(rows, p.C, (size_t)M * (size_t)p.ldc * sizeof *rows);
    free(rows), free(prepared);
    end(p);
}
END_TEST

/* Beta of any size, and a factor: what goes to the kernels and what to OpenBLAS mean the same. */
START_TEST(gemm_means_the_same_whoever_computes)
{
    static const float betas[] = {0, 1, 0.5f, -2}, alphas[] = {1, 0.25f};
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    setenv("STEPWISE_CPU", kernels->name, 1);
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(2, &error);
    ck_assert_msg(compute != NULL, "%s", error.text);
    unsetenv("STEPWISE_CPU");
    enum { M = 70, N = 50, K = 90 };
    float *A = filled(M * K, 1, -1, 1), *B = filled(K * N, 2, -1, 1);
    for (int v = 0; v < 8; v++) {
        float alpha = alphas[v >> 2], beta = betas[v & 3];
        float *C = filled(M * N, 3, -1, 1), *want = filled(M * N, 3, -1, 1);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, alpha, A, K, B, N, beta,
                    want, N);
        sw_gemm(compute, 0, 0, M, N, K, alpha, A, K, B, N, beta, C, N);
        for (int i = 0; i < M * N; i++)
            assert_near(C[i], want[i], 2e-6 * (1 + fabs(want[i])), "C");
        free(C), free(want);
    }
    free(A), free(B);
    sw_compute_free(compute);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, products_are_those_of_float32, 0, SETS);
    tcase_add_loop_test(tests, long_sums_are_as_exact_as_openblas, 0, SETS);
    tcase_add_loop_test(tests, every_bit_of_a_number_arrives, 0, SETS);
    tcase_add_loop_test(tests, what_is_not_finite_stays_so, 0, SETS);
    tcase_add_loop_test(tests, an_element_does_not_know_its_neighbours, 0, SETS);
    tcase_add_loop_test(tests, prepared_products_are_products, 0, SETS);
    tcase_add_loop_test(tests, rows_of_prepared_products_do_not_know_each_other, 0, SETS);
    tcase_add_loop_test(tests, gemm_means_the_same_whoever_computes, 0, SETS);
}

UNIT_MAIN("matrix kernels", add_tests)
