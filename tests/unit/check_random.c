/* check_random.c -- streams of random numbers. */
#include "unit.h"

#include "tensor/tape/random.h"

#include <math.h>

/* Another generator would give every seed another meaning: recorded runs could not be repeated.
 * Known answer of Philox4x32-10 for key 0 and counter 0 (Random123, kat_vectors). */
START_TEST(known_answer)
{
    static const uint32_t expected[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    struct sw_random random = {{0}, {0}, {0}, 0};
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(sw_random_u32(&random), expected[i]);
    ck_assert_uint_eq(random.counter[0], 1);
}
END_TEST

/* The way from a stream's name to its numbers is part of what a seed means, too. */
START_TEST(streams_are_what_they_were)
{
    static const uint32_t expected[6] = {0xc1392172, 0xadadc3bd, 0x3e3e13ee,
                                         0x96704e9d, 0xb580bb0a, 0x7fcaad6c};
    struct sw_random random = sw_random_stream(0x123456789abcdef0, SW_FOR_SCENES, 7, 9);
    for (int i = 0; i < 6; i++)
        ck_assert_uint_eq(sw_random_u32(&random), expected[i]);

    static const float uniform[3] = {10885035 * 0x1p-24f, 4061563 * 0x1p-24f, 12282792 * 0x1p-24f};
    static const float normal[3] = {0.26057333f, 0.14855342f, 1.3987179f};
    random = sw_random_stream(1, SW_FOR_PARAMETERS, 0, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq(sw_random_uniform(&random), uniform[i]);
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq_tol(sw_random_normal(&random), normal[i], 1e-6f);
}
END_TEST

/* A stream longer than 2^34 numbers must go on, not begin anew. */
START_TEST(the_counter_carries)
{
    struct sw_random random = sw_random_stream(1, SW_FOR_TESTS, 0, 0);
    uint32_t first[4];
    for (int i = 0; i < 4; i++)
        first[i] = sw_random_u32(&random);
    random.counter[0] = UINT32_MAX;
    random.left = 0;
    for (int i = 0; i < 4; i++)
        sw_random_u32(&random);
    ck_assert_uint_eq(random.counter[0], 0);
    ck_assert_uint_eq(random.counter[1], 1);
    int same = 0;
    for (int i = 0; i < 4; i++)
        same += sw_random_u32(&random) == first[i];
    ck_assert_int_lt(same, 4);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Two purposes, steps or samples that share numbers would be correlated: noise that repeats. Every
 * part of the name counts, its upper bits included. */
START_TEST(streams_differ_by_each_part_of_their_name)
{
    enum { STREAMS = 5 * 400 };
    static uint64_t first[STREAMS];
    int count = 0;
    for (uint32_t i = 0; i < 400; i++) {
        struct sw_random random[5] = {
            sw_random_stream(i, 1, 0, 1000),
            sw_random_stream((uint64_t)i << 32, 2, 0, 1000),
            sw_random_stream(77, 3 + i, 0, 1000),
            sw_random_stream(78, 1, (uint64_t)i << 32 | 5, 1000),
            sw_random_stream(79, 1, 5, i),
        };
        for (int j = 0; j < 5; j++) {
            uint64_t high = sw_random_u32(&random[j]);
            first[count++] = high << 32 | sw_random_u32(&random[j]);
        }
    }
    qsort(first, STREAMS, sizeof *first, by_value);
    for (int i = 1; i < STREAMS; i++)
        ck_assert_uint_ne(first[i], first[i - 1]);
}
END_TEST

/* Numbers drawn by several threads in any order must come out the same. */
START_TEST(order_of_streams_does_not_matter)
{
    uint32_t forth[16], back[16];
    for (uint32_t i = 0; i < 16; i++) {
        struct sw_random random = sw_random_stream(5, SW_FOR_TESTS, 3, i);
        forth[i] = sw_random_u32(&random);
    }
    for (uint32_t i = 16; i-- > 0;) {
        struct sw_random random = sw_random_stream(5, SW_FOR_TESTS, 3, i);
        back[i] = sw_random_u32(&random);
    }
    ck_assert_mem_eq(forth, back, sizeof forth);
}
END_TEST

/* A shuffle drawn with a biased bound prefers some orders. */
START_TEST(below_is_even)
{
    struct sw_random random = sw_random_stream(6, SW_FOR_TESTS, 0, 0);
    enum { DRAWS = 70000 };
    int count[7] = {0};
    for (int i = 0; i < DRAWS; i++)
        count[sw_random_below(&random, 7)]++;
    double chi = 0;
    for (int i = 0; i < 7; i++)
        chi += pow(count[i] - DRAWS / 7.0, 2) / (DRAWS / 7.0);
    ck_assert_double_lt(chi, 22.5); /* 6 degrees of freedom, one in a thousand */

    /* Of [0, 3 * 2^30) a plain remainder gives the first third twice as often as the others. */
    int third = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t drawn = sw_random_below(&random, 3u << 30);
        ck_assert_uint_lt(drawn, 3u << 30);
        third += drawn < 1u << 30;
    }
    ck_assert_double_lt(fabs(third - DRAWS / 3.0), 500); /* four deviations; bias would be 11,700 */
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(sw_random_below(&random, 1), 0);
}
END_TEST

/* Dropout at another rate than a paper's is another model; none at all must keep all. */
START_TEST(what_is_kept_has_its_share)
{
    enum { DRAWS = 200003, EVERY = 8 };
    static unsigned char keep[DRAWS + 1];
    static const float rates[] = {0, 0.1f, 0.4f, 0.99f};
    for (int r = 0; r < 4; r++) {
        struct sw_random random = sw_random_keyed((int[]){5, r}, 1, 2);
        int kept = 0, at[EVERY] = {0};
        keep[DRAWS] = 7;
        sw_random_keep(&random, rates[r], DRAWS, keep);
        ck_assert_uint_eq(keep[DRAWS], 7);
        for (int i = 0; i < DRAWS; i++) {
            ck_assert_uint_le(keep[i], 1);
            kept += keep[i];
            at[i % EVERY] += keep[i];
        }
        ck_assert_double_eq_tol((double)kept / DRAWS, 1 - (double)rates[r], 0.004);
        for (int j = 0; j < EVERY; j++) /* each place of a block */
            ck_assert_double_eq_tol(at[j] * (double)EVERY / DRAWS, 1 - (double)rates[r], 0.012);
        if (r == 0)
            ck_assert_int_eq(kept, DRAWS);
    }
}
END_TEST

/* Initial weights and noise need the moments they are said to have, and no infinities. */
START_TEST(uniform_and_normal_have_their_moments)
{
    struct sw_random random = sw_random_stream(8, SW_FOR_TESTS, 0, 0);
    enum { DRAWS = 200000 };
    double sum = 0, square = 0, normal = 0, normal2 = 0, normal4 = 0, product = 0, before = 0;
    for (int i = 0; i < DRAWS; i++) {
        double u = (double)sw_random_uniform(&random);
        ck_assert(u >= 0 && u < 1);
        ck_assert_double_eq(u * 0x1p24, floor(u * 0x1p24));
        sum += u;
        square += u * u;
        double x = (double)sw_random_normal(&random);
        ck_assert(fabs(x) < 7);
        normal += x;
        normal2 += x * x;
        normal4 += x * x * x * x;
        product += x * before;
        before = x;
    }
    ck_assert_double_eq_tol(sum / DRAWS, 0.5, 0.003);
    ck_assert_double_eq_tol(square / DRAWS, 1.0 / 3, 0.003);
    ck_assert_double_eq_tol(normal / DRAWS, 0, 0.01);
    ck_assert_double_eq_tol(normal2 / DRAWS, 1, 0.015);
    ck_assert_double_eq_tol(normal4 / DRAWS, 3, 0.12);
    ck_assert_double_eq_tol(product / DRAWS, 0, 0.01);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, known_answer);
    tcase_add_test(tests, streams_are_what_they_were);
    tcase_add_test(tests, the_counter_carries);
    tcase_add_test(tests, streams_differ_by_each_part_of_their_name);
    tcase_add_test(tests, order_of_streams_does_not_matter);
    tcase_add_test(tests, below_is_even);
    tcase_add_test(tests, what_is_kept_has_its_share);
    tcase_add_test(tests, uniform_and_normal_have_their_moments);
}

UNIT_MAIN("random", add_tests)
