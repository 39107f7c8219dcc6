/* check_metrics.c -- ranks and recalls against hand counts and against a sort. */
#include "unit.h"
#include "match/metrics.h"

#include <math.h>

#define EXACTLY(a, b) ck_assert_msg((a) == (b), #a " is %.17g, expected %.17g", (a), (double)(b))

/* A recall that is off by one query changes a published table. */
START_TEST(by_hand)
{
    /* 3 images, 2 captions each; the own captions of each image stand on the diagonal. */
    static const float S[] = {
        .9f, .1f, .5f, .5f, .0f, .0f, /* best own .9: rank 0 */
        .8f, .7f, .6f, .2f, .1f, .0f, /* best own .6: .8 and .7 before it: rank 2 */
        .3f, .2f, .4f, .7f, .1f, .6f, /* best own .6: .7 before it: rank 1 */
    };
    struct sw_ranks ranks;
    struct sw_metrics metrics;
    struct sw_error error = {0};
    ck_assert_msg(!sw_metrics_of_matrix(&metrics, &ranks, S, 3, 2, 1, &error), "%s", error.text);
    static const uint32_t text[] = {0, 2, 1};
    /* by column: first; behind .7 and .2; first; behind .5 and .7; equal to image 1, but of a
     * higher index, so first; first */
    static const uint32_t image[] = {0, 2, 0, 2, 0, 0};
    ck_assert_mem_eq(ranks.text, text, sizeof text);
    ck_assert_mem_eq(ranks.image, image, sizeof image);
    EXACTLY(metrics.i2t_r1, 100.0 / 3);
    EXACTLY(metrics.i2t_r5, 100.0);
    EXACTLY(metrics.i2t_medr, 2.0);
    EXACTLY(metrics.i2t_meanr, 2.0);
    EXACTLY(metrics.t2i_r1, 100.0 * 4 / 6);
    EXACTLY(metrics.t2i_r5, 100.0);
    EXACTLY(metrics.t2i_r10, 100.0);
    EXACTLY(metrics.t2i_medr, 1.0);
    EXACTLY(metrics.t2i_meanr, 4.0 / 6 + 1);
    EXACTLY(metrics.rsum, 100.0 / 3 + 100 + 100 + 100.0 * 4 / 6 + 100 + 100);
    ck_assert_uint_eq(metrics.i2t_ties, 0);
    ck_assert_uint_eq(metrics.t2i_ties, 1);
    ck_assert_uint_eq(metrics.images, 3);
    ck_assert_uint_eq(metrics.captions, 6);
    sw_ranks_free(&ranks);
}
END_TEST

/* The limits 1, 5 and 10, each from both sides. */
START_TEST(limits_and_median)
{
    enum { I = 12 };
    float S[I * I];
    for (int i = 0; i < I; i++) /* image i has i captions before its own */
        for (int c = 0; c < I; c++)
            S[i * I + c] = c == i ? 0.f : (c + I - i) % I <= i ? 1.f : -1.f;
    struct sw_metrics metrics;
    struct sw_ranks ranks;
    ck_assert(!sw_metrics_of_matrix(&metrics, &ranks, S, I, 1, 1, NULL));
    for (uint32_t i = 0; i < I; i++)
        ck_assert_uint_eq(ranks.text[i], i);
    EXACTLY(metrics.i2t_r1, 100.0 / 12);
    EXACTLY(metrics.i2t_r5, 100.0 * 5 / 12);
    EXACTLY(metrics.i2t_r10, 100.0 * 10 / 12);
    EXACTLY(metrics.i2t_medr, 6.0); /* the median is 5.5 */
    EXACTLY(metrics.i2t_meanr, 6.5);
    sw_ranks_free(&ranks);
}
END_TEST

/* The median of an even count is the mean of the middle two, and rounded down: 2 and 5 give 3. */
START_TEST(median_of_two_middles)
{
    static const uint32_t given[] = {9, 2, 0, 5};
    struct sw_metrics metrics;
    struct sw_ranks ranks;
    ck_assert(!sw_ranks_new(&ranks, 4, 1, 1, NULL));
    memcpy(ranks.text, given, sizeof given);
    ck_assert(!sw_metrics_of(&metrics, &ranks, NULL));
    EXACTLY(metrics.i2t_medr, 4.0);
    EXACTLY(metrics.i2t_meanr, 5.0);
    sw_ranks_free(&ranks);
}
END_TEST

/* A model that gives every pair the same score must not look perfect in any row or column. */
START_TEST(all_equal)
{
    float S[4 * 8];
    for (int i = 0; i < 32; i++)
        S[i] = i % 3 ? 0.f : -0.f; /* equal zeros, whatever their sign */
    struct sw_metrics metrics;
    struct sw_ranks ranks;
    ck_assert(!sw_metrics_of_matrix(&metrics, &ranks, S, 4, 2, 1, NULL));
    static const uint32_t text[] = {6, 4, 2, 0}, image[] = {3, 3, 2, 2, 1, 1, 0, 0};
    ck_assert_mem_eq(ranks.text, text, sizeof text);
    ck_assert_mem_eq(ranks.image, image, sizeof image);
    ck_assert_uint_eq(metrics.i2t_ties, 4);
    ck_assert_uint_eq(metrics.t2i_ties, 8);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(ranks.text_equal[i], 6);
    for (int c = 0; c < 8; c++)
        ck_assert_uint_eq(ranks.image_equal[c], 3);
    sw_ranks_free(&ranks);
}
END_TEST

/* ---- against a sort ------------------------------------------------------------------------ */

struct item {
    float score;
    size_t index;
};

static int best_first(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->index > b->index ? -1 : 1;
}

static uint32_t position(struct item *items, size_t count, size_t first, size_t end)
{
    qsort(items, count, sizeof *items, best_first);
    for (size_t i = 0; i < count; i++)
        if (items[i].index >= first && items[i].index < end)
            return (uint32_t)i;
    ck_abort();
}

/* The ranks of one fold: images first .. first + count - 1. */
static void by_sort(const float *S, size_t captions, size_t per_image, size_t first, size_t count,
                    uint32_t *text, uint32_t *image)
{
    size_t here = count * per_image, from = first * per_image;
    struct item *items = malloc((here + 1) * sizeof *items);
    for (size_t i = first; i < first + count; i++) {
        for (size_t c = 0; c < here; c++)
            items[c] = (struct item){S[i * captions + from + c], from + c};
        text[i] = position(items, here, i * per_image, (i + 1) * per_image);
    }
    for (size_t c = from; c < from + here; c++) {
        for (size_t i = 0; i < count; i++)
            items[i] = (struct item){S[(first + i) * captions + c], first + i};
        image[c] = position(items, count, c / per_image, c / per_image + 1);
    }
    free(items);
}

static const struct {
    size_t images, per_image, folds;
    int values;
} shapes[] = {{1, 1, 1, 1},  {1, 5, 1, 3},   {7, 1, 1, 2},  {20, 5, 1, 3},      {20, 5, 5, 3},
              {15, 3, 5, 9}, {40, 5, 2, 40}, {33, 2, 3, 4}, {60, 5, 1, 1 << 20}};

/* Counting and sorting must agree however many scores are equal, with folds and without, and
 * however the rows are cut into blocks. */
START_TEST(against_a_sort)
{
    size_t I = shapes[_i].images, n = shapes[_i].per_image, folds = shapes[_i].folds, C = I * n;
    float *S = malloc(I * C * sizeof *S), *own = malloc(C * sizeof *own);
    uint32_t *text = malloc(I * sizeof *text), *image = malloc(C * sizeof *image);
    srand((unsigned)_i + 1);
    for (int repeat = 0; repeat < 20; repeat++) {
        for (size_t i = 0; i < I * C; i++)
            S[i] = (float)(rand() % (shapes[_i].values + 1)) / 7 - 2;
        S[rand() % (I * C)] = INFINITY;
        S[rand() % (I * C)] = -INFINITY;
        for (size_t f = 0; f < folds; f++)
            by_sort(S, C, n, f * (I / folds), I / folds, text, image);
        struct sw_metrics metrics, streamed;
        struct sw_ranks ranks, rows;
        struct sw_error error = {0};
        ck_assert_msg(!sw_metrics_of_matrix(&metrics, &ranks, S, I, n, folds, &error), "%s",
                      error.text);
        ck_assert_mem_eq(ranks.text, text, I * sizeof *text);
        ck_assert_mem_eq(ranks.image, image, C * sizeof *image);

        for (size_t c = 0; c < C; c++)
            own[c] = S[c / n * C + c];
        ck_assert(!sw_ranks_new(&rows, I, n, folds, &error));
        for (size_t end = I; end > 0;) { /* blocks of 3 rows, from the last one back */
            size_t take = end < 3 ? end : 3;
            end -= take;
            ck_assert(!sw_ranks_rows(&rows, own, S + end * C, C, end, take, &error));
        }
        ck_assert(!sw_metrics_of(&streamed, &rows, &error));
        ck_assert_mem_eq(rows.text, text, I * sizeof *text);
        ck_assert_mem_eq(rows.image, image, C * sizeof *image);
        ck_assert_mem_eq(&streamed, &metrics, sizeof metrics);
        sw_ranks_free(&ranks);
        sw_ranks_free(&rows);
    }
    free(S);
    free(own);
    free(text);
    free(image);
}
END_TEST

/* ---- folds --------------------------------------------------------------------------------- */

/* The 1K protocol: the mean of the metrics of the diagonal blocks, each ranked alone. */
START_TEST(folds_are_averaged)
{
    enum { I = 60, N = 5, C = I * N, FOLDS = 5, J = I / FOLDS };
    static float S[I * C], part[J * J * N];
    srand(3);
    for (int i = 0; i < I * C; i++)
        S[i] = (float)rand() / (float)RAND_MAX + (i % C / N == i / C ? .4f : 0);
    struct sw_metrics whole, one;
    ck_assert(!sw_metrics_of_matrix(&whole, NULL, S, I, N, FOLDS, NULL));
    double mean[11] = {0};
    for (int f = 0; f < FOLDS; f++) {
        for (int i = 0; i < J; i++)
            for (int c = 0; c < J * N; c++)
                part[i * J * N + c] = S[(f * J + i) * C + f * J * N + c];
        ck_assert(!sw_metrics_of_matrix(&one, NULL, part, J, N, 1, NULL));
        double values[11] = {one.i2t_r1,    one.i2t_r5,    one.i2t_r10, one.i2t_medr,
                             one.i2t_meanr, one.t2i_r1,    one.t2i_r5,  one.t2i_r10,
                             one.t2i_medr,  one.t2i_meanr, one.rsum};
        for (int k = 0; k < 11; k++)
            mean[k] += values[k] / FOLDS;
    }
    double found[11] = {whole.i2t_r1,    whole.i2t_r5,    whole.i2t_r10, whole.i2t_medr,
                        whole.i2t_meanr, whole.t2i_r1,    whole.t2i_r5,  whole.t2i_r10,
                        whole.t2i_medr,  whole.t2i_meanr, whole.rsum};
    for (int k = 0; k < 11; k++)
        ck_assert_msg(fabs(found[k] - mean[k]) < 1e-9, "metric %d: %g, expected %g", k, found[k],
                      mean[k]);
    ck_assert_uint_eq(whole.folds, FOLDS);
    ck_assert_uint_eq(whole.images, I);
    ck_assert_msg(whole.i2t_medr != one.i2t_medr || whole.i2t_r1 != one.i2t_r1,
                  "folds too alike to tell a mean from the last fold");
}
END_TEST

/* ---- errors -------------------------------------------------------------------------------- */

/* A NaN sorts first in the field's code and makes a broken model look perfect. */
START_TEST(nan_names_the_pair)
{
    float S[10 * 50];
    for (int at = 0; at < 500; at++) {
        for (int i = 0; i < 500; i++)
            S[i] = (float)i;
        S[at] = NAN;
        for (size_t folds = 1; folds <= 5; folds += 4) {
            struct sw_metrics metrics;
            struct sw_ranks ranks;
            struct sw_error error = {0};
            ck_assert(sw_metrics_of_matrix(&metrics, &ranks, S, 10, 5, folds, &error) == SW_FAILED);
            char expected[64];
            snprintf(expected, sizeof expected, "image %d and caption %d is NaN", at / 50, at % 50);
            ck_assert_msg(strstr(error.text, expected) != NULL, "%s", error.text);
            ck_assert_ptr_null(ranks.text);
        }
    }
}
END_TEST

/* Sizes that make no sense must be refused by name, before memory is asked for. */
START_TEST(refused_sizes)
{
    static const struct {
        size_t images, per_image, folds;
        const char *reason;
    } cases[] = {
        {12, 5, 5, "12 images do not divide into 5 folds; the nearest number below is 10"},
        {3, 5, 5, "3 images do not divide into 5 folds"},
        {0, 5, 1, "above 0, found 0, 5 and 1"},
        {5, 0, 1, "above 0, found 5, 0 and 1"},
        {5, 5, 0, "above 0, found 5, 5 and 0"},
        {SIZE_MAX / 2, 5, 1, "too many to rank"},
        {1u << 31, 5, 1, "too many to rank"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sw_ranks ranks;
        struct sw_error error = {0};
        ck_assert(sw_ranks_new(&ranks, cases[i].images, cases[i].per_image, cases[i].folds,
                               &error) == SW_FAILED);
        ck_assert_msg(strstr(error.text, cases[i].reason) != NULL, "%s", error.text);
        ck_assert_ptr_null(ranks.text);
    }
    struct sw_ranks ranks;
    struct sw_error error = {0};
    float S[4] = {0};
    ck_assert(!sw_ranks_new(&ranks, 2, 1, 1, &error));
    ck_assert(sw_ranks_rows(&ranks, S, S, 2, 1, 2, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "2 rows from row 1 on, but only 2 images"));
    sw_ranks_free(&ranks);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, by_hand);
    tcase_add_test(tests, limits_and_median);
    tcase_add_test(tests, median_of_two_middles);
    tcase_add_test(tests, all_equal);
    tcase_add_loop_test(tests, against_a_sort, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(tests, folds_are_averaged);
    tcase_add_test(tests, nan_names_the_pair);
    tcase_add_test(tests, refused_sizes);
}

UNIT_MAIN("metrics", add_tests)
