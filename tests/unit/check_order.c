/* check_order.c -- the order in which an epoch sees its captions. */
#include "unit.h"

#include "tensor/tape/random.h"

/* Captions would be seen twice or never in an epoch, or in the same order in each. */
START_TEST(permutation)
{
    enum { N = 1000 };
    uint32_t a[N], b[N], none = 7;
    char seen[N] = {0};
    sw_order(1, 0, N, a);
    for (int i = 0; i < N; i++) {
        ck_assert_uint_lt(a[i], N);
        ck_assert_int_eq(seen[a[i]]++, 0);
    }
    sw_order(1, 0, N, b);
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    sw_order(1, 1, N, b);
    ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
    sw_order(2, 0, N, b);
    ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
    sw_order(1, 0, 0, &none);
    ck_assert_uint_eq(none, 7);
    sw_order(1, 0, 1, &none);
    ck_assert_uint_eq(none, 0);

    /* each of the 24 orders of four comes about as often: 2400 +- 6 deviations */
    int count[256] = {0}, kinds = 0;
    for (uint64_t seed = 0; seed < 57600; seed++) {
        sw_order(seed, 3, 4, a);
        count[a[0] | a[1] << 2 | a[2] << 4 | a[3] << 6]++;
    }
    for (int i = 0; i < 256; i++) {
        kinds += count[i] > 0;
        ck_assert(count[i] == 0 || (count[i] > 2400 - 290 && count[i] < 2400 + 290));
    }
    ck_assert_int_eq(kinds, 24);
}
END_TEST

/* A seed would no longer mean what it meant when a result was recorded. */
START_TEST(kept)
{
    static const uint32_t expected[] = {7, 3, 4, 2, 6, 5, 9, 1, 8, 0};
    uint32_t found[10];
    sw_order(42, 7, 10, found);
    ck_assert_int_eq(memcmp(found, expected, sizeof expected), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, permutation);
    tcase_add_test(tests, kept);
}

UNIT_MAIN("order", add_tests)
