/* check_profile.c -- where the time goes: each second in one place. */
#include "unit.h"

#include "base/clock.h"
#include "tensor/threads/compute.h"

#include <stdlib.h>

enum { THREADS = 3 };

static struct sw_compute *compute;
static struct sw_profile *profile;

static void begin(void)
{
    struct sw_error error = {0};
    compute = sw_compute_new(THREADS, &error);
    ck_assert_msg(compute != NULL, "%s", error.text);
    profile = sw_profile_new(THREADS, &error);
    ck_assert_msg(profile != NULL, "%s", error.text);
}

static void end(void)
{
    sw_compute_free(compute);
    sw_profile_free(profile);
}

static void pass(double time)
{
    for (double until = sw_seconds() + time; sw_seconds() < until;)
        ;
}

static void chunk(void *data, int at, int worker)
{
    (void)data;
    (void)worker;
    enum { N = 64 };
    static const float x[N * N];
    float y[N * N];
    pass(at == 0 ? 4e-3 : 1e-3);
    struct sw_place before = sw_part_begin(compute, "inner", 1);
    pass(1e-3);
    sw_part_end(compute, before);
    sw_gemm_one(compute, 0, 0, N, N, N, 1, x, N, x, N, 0, y, N);
}

static const struct sw_profile_part *find(const struct sw_profile_part *parts, int count,
                                          const char *name, int backward)
{
    for (int p = 0; p < count; p++)
        if (strcmp(parts[p].name, name) == 0 && parts[p].backward == backward)
            return &parts[p];
    ck_abort_msg("no part %s", name);
    return NULL;
}

/* A profile whose parts overlap, or leave time out, points at the wrong part. The bounds below are
 * such as no delay of the machine can break. */
START_TEST(parts_add_up)
{
    struct sw_profile_part *parts;
    sw_compute_measure(compute, profile);
    double began = sw_seconds();
    struct sw_place outside = sw_part_begin(compute, "outer", 0);
    pass(2e-3);
    sw_parallel(compute, 5, chunk, NULL);
    sw_part_end(compute, outside);
    double took = sw_seconds() - began;
    sw_compute_measure(compute, NULL);
    pass(1e-3);
    int count = sw_profile_parts(profile, &parts);
    ck_assert_int_eq(count, 2);
    const struct sw_profile_part *outer = find(parts, count, "outer", 0);
    const struct sw_profile_part *inner = find(parts, count, "inner", 1);
    ck_assert_double_ge(outer->rest, 2e-3 + 4e-3 + 4 * 1e-3);
    ck_assert_double_ge(inner->rest, 5e-3);
    ck_assert(outer->products > 0 && inner->products == 0 && inner->waiting == 0);
    double all = outer->rest + outer->products + outer->waiting + inner->rest;
    ck_assert_double_ge(all, took);           /* what worker 0 did, at least */
    ck_assert_double_le(all, THREADS * took); /* others waited while the caller was alone */
    ck_assert_double_ge(outer->waiting, 0);
    free(parts);
}
END_TEST

/* Without a profile, places cost nothing and touch nothing. */
START_TEST(nobody_measures)
{
    struct sw_place outside = sw_part_begin(compute, "outer", 0);
    ck_assert(outside.name == NULL);
    sw_parallel(compute, 5, chunk, NULL);
    sw_part_end(compute, outside);
    struct sw_profile_part *parts;
    ck_assert_int_eq(sw_profile_parts(profile, &parts), 0);
    free(parts);
}
END_TEST

/* More parts than there is room for must not write beyond it; their time is not lost. */
START_TEST(more_parts_than_room)
{
    enum { MANY = 300 };
    static char names[MANY][16];
    sw_compute_measure(compute, profile);
    double began = sw_seconds();
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "p%d", i);
        struct sw_place before = sw_part_begin(compute, names[i], 0);
        pass(1e-5);
        sw_part_end(compute, before);
    }
    double took = sw_seconds() - began, all = 0;
    sw_compute_measure(compute, NULL);
    struct sw_profile_part *parts;
    int count = sw_profile_parts(profile, &parts);
    ck_assert_int_eq(count, 128);
    for (int p = 0; p < count; p++)
        all += parts[p].rest;
    ck_assert(all >= MANY * 1e-5 && all <= took);
    free(parts);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, parts_add_up);
    tcase_add_test(tests, nobody_measures);
    tcase_add_test(tests, more_parts_than_room);
}

UNIT_MAIN("profile", add_tests)
