/* check_bootstrap.c -- intervals of differences, against NumPy's on the same draws. */
#include "unit.h"

#include "data/npy.h"
#include "match/bootstrap.h"
#include "train/ranks.h"

#include <math.h>

enum { MOST_SEEDS = 3 };

struct golden {
    size_t images, per_image, seeds, draws;
    struct sw_ranks ranks[2][MOST_SEEDS];
    struct sw_hits hits[2][MOST_SEEDS];
    const struct sw_hits *a[MOST_SEEDS], *b[MOST_SEEDS];
};

static struct sw_hits hits_of(const struct sw_ranks *ranks)
{
    struct sw_hits hits;
    struct sw_error error = {0};
    ck_assert_msg(!sw_hits_of(&hits, ranks, &error), "%s", error.text);
    return hits;
}

static void read_ranks(struct golden *g, int side, size_t seed, char *numbers)
{
    struct sw_ranks *ranks = &g->ranks[side][seed];
    ck_assert(!sw_ranks_new(ranks, g->images, g->per_image, 1, NULL));
    char *at = numbers;
    for (size_t i = 0; i < g->images; i++) {
        ranks->text[i] = (uint32_t)strtoul(at, &at, 10);
        for (size_t c = 0; c < g->per_image; c++)
            ranks->image[i * g->per_image + c] = (uint32_t)strtoul(at, &at, 10);
    }
    g->hits[side][seed] = hits_of(ranks);
}

static void check_against(const struct golden *g, size_t seeds, uint64_t seed, char *numbers)
{
    struct sw_spread found[SW_RECALLS + 1];
    struct sw_error error = {0};
    ck_assert_msg(!sw_bootstrap(g->a, g->b, seeds, g->draws, seed, found, &error), "%s",
                  error.text);
    char *at = numbers;
    for (int m = 0; m <= SW_RECALLS; m++) {
        const double *values[4] = {&found[m].mean, &found[m].low, &found[m].high, &found[m].p};
        for (int k = 0; k < 4; k++) {
            double expected = strtod(at, &at);
            ck_assert_msg(fabs(*values[k] - expected) <= 1e-9,
                          "%zu seeds, metric %d, number %d: expected %.12g, found %.12g", seeds, m,
                          k, expected, *values[k]);
        }
    }
}

static char *field(char *line, int which)
{
    char *at = strtok(line, "\t");
    while (at && which--)
        at = strtok(NULL, "\t");
    ck_assert_ptr_nonnull(at);
    return at;
}

/* Reads the runs and compares each bootstrap of the golden file. */
static void walk(struct golden *g, int *checked)
{
    const char *source = getenv("STEPWISE_SOURCE");
    char *path = unit_path(source ? source : ".", "tests/golden/bootstrap.tsv");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is missing; STEPWISE_SOURCE names the source folder", path);
    static char line[8192], copy[8192];
    while (fgets(line, sizeof line, file)) {
        memcpy(copy, line, sizeof copy);
        if (!strncmp(line, "size\t", 5)) {
            ck_assert_int_eq(sscanf(line + 5, "%zu %zu %zu %zu", &g->images, &g->per_image,
                                    &g->seeds, &g->draws),
                             4);
            ck_assert_uint_le(g->seeds, MOST_SEEDS);
        } else if (line[1] == '\t') {
            size_t seed = strtoul(field(copy, 1), NULL, 10);
            ck_assert_uint_lt(seed, MOST_SEEDS);
            read_ranks(g, line[0] == 'b', seed, field(line, 2));
        } else if (!strncmp(line, "bootstrap\t", 10)) {
            size_t seeds = strtoul(line + 10, NULL, 10);
            uint64_t seed = strtoull(field(copy, 2), NULL, 10);
            check_against(g, seeds, seed, field(line, 3));
            ++*checked;
        }
        for (size_t s = 0; s < MOST_SEEDS; s++) {
            g->a[s] = &g->hits[0][s];
            g->b[s] = &g->hits[1][s];
        }
    }
    fclose(file);
    free(path);
}

static void free_golden(struct golden *g)
{
    for (int side = 0; side < 2; side++)
        for (int s = 0; s < MOST_SEEDS; s++) {
            sw_ranks_free(&g->ranks[side][s]);
            sw_hits_free(&g->hits[side][s]);
        }
}

/* A published interval that another tool does not find again is worth nothing. */
START_TEST(as_numpy_has_it)
{
    struct golden g = {0};
    int checked = 0;
    walk(&g, &checked);
    ck_assert_int_eq(checked, 6);
    free_golden(&g);
}
END_TEST

static struct sw_ranks some_ranks(size_t images, size_t per_image, uint32_t image_rank)
{
    struct sw_ranks ranks;
    ck_assert(!sw_ranks_new(&ranks, images, per_image, 1, NULL));
    for (size_t i = 0; i < images; i++)
        ranks.text[i] = (uint32_t)(i % 12);
    for (size_t c = 0; c < ranks.captions; c++)
        ranks.image[c] = image_rank;
    return ranks;
}

/* A row that is the reference under another name must not come out as better or worse. */
START_TEST(nothing_differs_from_itself)
{
    struct sw_ranks ranks = some_ranks(30, 2, 3);
    struct sw_hits hits = hits_of(&ranks);
    const struct sw_hits *side[2] = {&hits, &hits};
    struct sw_spread found[SW_RECALLS + 1];
    ck_assert(!sw_bootstrap(side, side, 2, 500, 0, found, NULL));
    for (int m = 0; m <= SW_RECALLS; m++) {
        ck_assert(found[m].mean == 0 && found[m].low == 0 && found[m].high == 0);
        ck_assert(found[m].p == 1);
    }
    sw_hits_free(&hits);
    sw_ranks_free(&ranks);
}
END_TEST

/* The same gain on every image has no spread over images, and none over equal seeds. */
START_TEST(a_sure_gain_is_sure)
{
    struct sw_ranks better = some_ranks(30, 2, 4), worse = some_ranks(30, 2, 7);
    struct sw_hits a = hits_of(&better), b = hits_of(&worse);
    const struct sw_hits *as[2] = {&a, &a}, *bs[2] = {&b, &b};
    struct sw_spread found[SW_RECALLS + 1];
    ck_assert(!sw_bootstrap(as, bs, 2, 999, 0, found, NULL));
    ck_assert_double_eq_tol(found[4].mean, 100, 1e-12);
    ck_assert_double_eq_tol(found[4].low, 100, 1e-12);
    ck_assert_double_eq_tol(found[4].high, 100, 1e-12);
    ck_assert_double_eq_tol(found[4].p, 2.0 / 1000, 1e-12);
    ck_assert_double_eq_tol(found[6].mean, 100, 1e-12);
    ck_assert(found[3].p == 1 && found[5].p == 1);
    sw_hits_free(&a);
    sw_hits_free(&b);
    sw_ranks_free(&better);
    sw_ranks_free(&worse);
}
END_TEST

/* Sums of runs are what effects of several rows are made of: two of the same give twice the numbers
 * and the same p, and what would not fit is refused. */
START_TEST(sums_of_runs_are_runs)
{
    struct sw_ranks better = some_ranks(30, 2, 4), worse = some_ranks(30, 2, 7);
    better.image[3] = worse.text[4] = 11;
    struct sw_hits hits[2] = {hits_of(&better), hits_of(&worse)}, sums[2];
    struct sw_spread one[SW_RECALLS + 1], two[SW_RECALLS + 1];
    struct sw_error error = {0};
    for (int side = 0; side < 2; side++) {
        const struct sw_hits *twice[2] = {&hits[side], &hits[side]};
        ck_assert(!sw_hits_sum(&sums[side], twice, 2, NULL));
    }
    const struct sw_hits *a = &hits[0], *b = &hits[1], *c = &sums[0], *d = &sums[1];
    ck_assert(!sw_bootstrap(&a, &b, 1, 999, 0, one, NULL));
    ck_assert(!sw_bootstrap(&c, &d, 1, 999, 0, two, NULL));
    for (int m = 0; m <= SW_RECALLS; m++) {
        ck_assert_double_eq_tol(two[m].mean, 2 * one[m].mean, 1e-9);
        ck_assert_double_eq_tol(two[m].low, 2 * one[m].low, 1e-9);
        ck_assert_double_eq_tol(two[m].high, 2 * one[m].high, 1e-9);
        ck_assert_double_eq_tol(two[m].p, one[m].p, 1e-12);
    }
    struct sw_hits none;
    const struct sw_hits *many[INT16_MAX / 4 + 1];
    for (size_t i = 0; i < INT16_MAX / 4 + 1; i++)
        many[i] = a;
    ck_assert(!sw_hits_sum(&none, many, INT16_MAX / 4, NULL));
    sw_hits_free(&none);
    ck_assert(sw_hits_sum(&none, many, INT16_MAX / 4 + 1, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "too many to add up"));
    ck_assert(sw_hits_sum(&none, many, 0, &error));
    for (int side = 0; side < 2; side++) {
        sw_hits_free(&hits[side]);
        sw_hits_free(&sums[side]);
    }
    sw_ranks_free(&better);
    sw_ranks_free(&worse);
}
END_TEST

/* Seeds that disagree widen the interval as their own spread says: n = 2 seeds at +d and -d move
 * the mean by d when one of them is drawn twice, and sqrt(2) times that as draws of two seeds vary
 * half as much as two new seeds would. */
START_TEST(seeds_count)
{
    struct sw_ranks better = some_ranks(30, 2, 4), worse = some_ranks(30, 2, 7);
    struct sw_hits a = hits_of(&better), b = hits_of(&worse);
    const struct sw_hits *as[2] = {&a, &b}, *bs[2] = {&b, &a};
    struct sw_spread found[SW_RECALLS + 1];
    ck_assert(!sw_bootstrap(as, bs, 2, 999, 0, found, NULL));
    ck_assert_double_eq_tol(found[4].mean, 0, 1e-12);
    ck_assert_double_eq_tol(found[4].low, -100 * sqrt(2), 1e-9);
    ck_assert_double_eq_tol(found[4].high, 100 * sqrt(2), 1e-9);
    ck_assert(found[4].p == 1);
    sw_hits_free(&a);
    sw_hits_free(&b);
    sw_ranks_free(&better);
    sw_ranks_free(&worse);
}
END_TEST

/* Images are drawn within their fold: four images in two folds, of which the first fold's all gain
 * and the second's do not, give the same mean in every draw; in one fold they do not. */
START_TEST(images_stay_in_their_fold)
{
    struct sw_spread found[SW_RECALLS + 1];
    for (size_t folds = 1; folds <= 2; folds++) {
        struct sw_ranks better, worse;
        ck_assert(!sw_ranks_new(&better, 4, 2, folds, NULL) &&
                  !sw_ranks_new(&worse, 4, 2, folds, NULL));
        for (size_t i = 0; i < 4; i++) {
            better.text[i] = i < 2 ? 0 : 1;
            worse.text[i] = 1;
        }
        struct sw_hits a = hits_of(&better), b = hits_of(&worse);
        const struct sw_hits *as[1] = {&a}, *bs[1] = {&b};
        ck_assert(!sw_bootstrap(as, bs, 1, 999, 0, found, NULL));
        ck_assert_double_eq_tol(found[0].mean, 50, 1e-12);
        ck_assert_double_eq_tol(found[0].low, folds == 2 ? 50 : 0, 1e-12);
        ck_assert_double_eq_tol(found[0].high, folds == 2 ? 50 : 100, 1e-12);
        ck_assert_double_eq_tol(found[6].mean, 50, 1e-12);
        sw_hits_free(&a);
        sw_hits_free(&b);
        sw_ranks_free(&better);
        sw_ranks_free(&worse);
    }
}
END_TEST

/* Runs of different test sets have no pairs. */
START_TEST(other_queries_are_refused)
{
    struct sw_ranks small = some_ranks(30, 2, 4), large = some_ranks(31, 2, 4);
    struct sw_hits a = hits_of(&small), b = hits_of(&large);
    const struct sw_hits *as[1] = {&a}, *bs[1] = {&b};
    struct sw_spread found[SW_RECALLS + 1];
    struct sw_error error = {0};
    ck_assert_int_eq(sw_bootstrap(as, bs, 1, 100, 0, found, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "expected 30 images"));
    error = (struct sw_error){0};
    struct sw_hits folded = a;
    folded.folds = 3;
    bs[0] = &folded;
    ck_assert_int_eq(sw_bootstrap(as, bs, 1, 100, 0, found, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "in as many folds, found 1 and 3"));
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_bootstrap(as, bs, 0, 100, 0, found, &error), SW_FAILED);
    sw_hits_free(&a);
    sw_hits_free(&b);
    sw_ranks_free(&small);
    sw_ranks_free(&large);
}
END_TEST

/* ---- the file --------------------------------------------------------------------------------
 */

START_TEST(ranks_come_back)
{
    char *folder = unit_folder(), *path = unit_path(folder, "ranks-test.npy");
    struct sw_ranks ranks = some_ranks(30, 2, 7), back;
    struct sw_error error = {0};
    ck_assert(!sw_ranks_write(path, &ranks, &error));
    ck_assert_msg(!sw_ranks_read(&back, path, 1, &error), "%s", error.text);
    ck_assert_uint_eq(back.images, 30);
    ck_assert_uint_eq(back.per_image, 2);
    ck_assert_mem_eq(back.text, ranks.text, 30 * sizeof *back.text);
    ck_assert_mem_eq(back.image, ranks.image, 60 * sizeof *back.image);
    sw_ranks_free(&ranks);
    sw_ranks_free(&back);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* A broken file must not become a number in a table. */
START_TEST(what_is_no_ranks_file_is_refused)
{
    static const float wrong[] = {-1, 0.5f, 12, NAN, INFINITY};
    char *folder = unit_folder(), *path = unit_path(folder, "ranks-test.npy");
    struct sw_ranks back;
    struct sw_error error = {0};
    ck_assert_int_eq(sw_ranks_read(&back, path, 1, &error), SW_FAILED);
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        float rows[4 * 4] = {0}; /* 4 images with 3 captions: ranks below 12 and below 4 */
        size_t shape[2] = {4, 4};
        rows[8] = wrong[k];
        ck_assert(!sw_npy_write(path, rows, 2, shape, NULL));
        error = (struct sw_error){0};
        ck_assert_int_eq(sw_ranks_read(&back, path, 1, &error), SW_FAILED);
        ck_assert_ptr_nonnull(strstr(error.text, "row 2, column 0: expected a rank of 0 to 11"));
        ck_assert_ptr_nonnull(strstr(error.text, path));
    }
    /* in two folds: ranks below 6 and below 2 */
    static const float beyond[] = {6, 2};
    for (size_t column = 0; column < 2; column++) {
        float rows[4 * 4] = {0};
        size_t shape[2] = {4, 4};
        rows[12 + column] = beyond[column];
        ck_assert(!sw_npy_write(path, rows, 2, shape, NULL));
        ck_assert(!sw_ranks_read(&back, path, 1, NULL));
        sw_ranks_free(&back);
        error = (struct sw_error){0};
        ck_assert_int_eq(sw_ranks_read(&back, path, 2, &error), SW_FAILED);
        ck_assert_ptr_nonnull(
            strstr(error.text, column ? "row 3, column 1: expected a rank of 0 to 1"
                                      : "row 3, column 0: expected a rank of 0 to 5"));
        ck_assert_int_eq(sw_ranks_read(&back, path, 3, &error), SW_FAILED);
    }
    static const size_t shapes[][3] = {{4, 1, 1}, {0, 4, 1}, {2, 2, 2}};
    for (int k = 0; k < 3; k++) {
        static const float zeros[8];
        ck_assert(!sw_npy_write(path, zeros, k == 2 ? 3 : 2, shapes[k], NULL));
        error = (struct sw_error){0};
        ck_assert_int_eq(sw_ranks_read(&back, path, 1, &error), SW_FAILED);
        ck_assert_ptr_nonnull(strstr(error.text, "expected float32 ranks of shape"));
    }
    free(path);
    unit_remove_folder(folder);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, as_numpy_has_it);
    tcase_add_test(tests, nothing_differs_from_itself);
    tcase_add_test(tests, a_sure_gain_is_sure);
    tcase_add_test(tests, sums_of_runs_are_runs);
    tcase_add_test(tests, seeds_count);
    tcase_add_test(tests, images_stay_in_their_fold);
    tcase_add_test(tests, other_queries_are_refused);
    tcase_add_test(tests, ranks_come_back);
    tcase_add_test(tests, what_is_no_ranks_file_is_refused);
}

UNIT_MAIN("bootstrap", add_tests)
