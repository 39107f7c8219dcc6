/* check_duplicates.c -- equal images and captions get equal scores, which agree with those of the
 * right pairs, whatever the bits were where each pair was computed. */
#include "unit.h"

#include "train/duplicates.h"

enum { IMAGES = 12, EACH = 3, CAPTIONS = IMAGES * EACH, CHUNK = 5, WORDS = 2, FEATURES = 4 };

/* Which of them are equal: 0 0 1 2 2 2 .., and captions that are equal within and across images. */
static const int image_kind[IMAGES] = {0, 1, 0, 2, 3, 2, 4, 0, 5, 3, 6, 7};
static const int caption_kind[CAPTIONS] = {0, 1, 2, 3, 3, 4,  5,  1,  0,  6,  7,  6,
                                           8, 9, 1, 6, 7, 10, 11, 11, 11, 2,  12, 5,
                                           0, 0, 0, 9, 8, 13, 14, 3,  15, 16, 17, 14};

/* What a product would give at this place: the pair's score and noise of the place. */
static float computed(int image, int caption)
{
    unsigned place = (unsigned)(image * 7919 + caption * 104729) % 1000;
    return (float)(image_kind[image] * 100 + caption_kind[caption]) + (float)place * 1e-4f;
}

static void add(struct sw_duplicates *d)
{
    float features[16 * FEATURES] = {0};
    int32_t ids[CAPTIONS * WORDS];
    int start[CAPTIONS + 1] = {0};
    for (int i = 0; i < IMAGES; i++)
        for (int f = 0; f < FEATURES; f++)
            features[sw_region_row(1, i, 0) * FEATURES + f] = (float)(image_kind[i] * (f + 1));
    for (int c = 0; c < CAPTIONS; c++) {
        ids[c * WORDS] = caption_kind[c] % 4;
        ids[c * WORDS + 1] = caption_kind[c] / 4;
        start[c + 1] = start[c] + WORDS;
    }
    struct sw_examples examples = {.images = IMAGES, .k = 1, .features = features};
    sw_duplicates_images(d, 0, &examples, FEATURES, 0);
    for (int at = 0; at < CAPTIONS; at += 10) {
        int part = CAPTIONS - at < 10 ? CAPTIONS - at : 10;
        struct sw_examples some = {.captions = part, .caption_start = start + at, .ids = ids};
        sw_duplicates_captions(d, (size_t)at, &some, 0);
    }
}

START_TEST(copies_tie_and_agree_with_the_right_pairs)
{
    struct sw_error error = {0};
    struct sw_duplicates d;
    float own[CAPTIONS], S[IMAGES][CAPTIONS];
    ck_assert_int_eq(sw_duplicates_new(&d, IMAGES, CAPTIONS, EACH, &error), SW_OK);
    add(&d);
    ck_assert_int_eq(sw_duplicates_find(&d, &error), SW_OK);
    ck_assert_uint_eq(d.count, 4 + CAPTIONS - 18);
    for (int c = 0; c < CAPTIONS; c++)
        own[c] = computed(c / EACH, c);
    ck_assert_int_eq(sw_duplicates_own(&d, own, &error), SW_OK);
    for (int i = 0; i < IMAGES; i++)
        for (int c = 0; c < CAPTIONS; c++)
            S[i][c] = computed(i, c);
    for (int at = 0; at < IMAGES; at += CHUNK)
        sw_duplicates_rows(&d, (size_t)at, (size_t)(IMAGES - at < CHUNK ? IMAGES - at : CHUNK),
                           S[at], CAPTIONS);
    for (int i = 0; i < IMAGES; i++)
        for (int c = 0; c < CAPTIONS; c++)
            for (int j = 0; j < IMAGES; j++)
                for (int e = 0; e < CAPTIONS; e++)
                    if (image_kind[i] == image_kind[j] && caption_kind[c] == caption_kind[e])
                        ck_assert_msg(S[i][c] == S[j][e], "(%d,%d) %.9g, (%d,%d) %.9g", i, c,
                                      (double)S[i][c], j, e, (double)S[j][e]);
    for (int c = 0; c < CAPTIONS; c++)
        ck_assert_msg(own[c] == S[c / EACH][c], "caption %d: %.9g and %.9g", c, (double)own[c],
                      (double)S[c / EACH][c]);
    ck_assert(S[11][34] == computed(11, 34)); /* without duplicates: the bits it had */
    sw_duplicates_free(&d);
}
END_TEST

START_TEST(equal_in_one_model_only_is_not_equal)
{
    struct sw_error error = {0};
    struct sw_duplicates d;
    const int start[3] = {0, 1, 2};
    const int32_t same[2] = {3, 3}, other[2] = {4, 5};
    struct sw_examples first = {.captions = 2, .caption_start = start, .ids = same};
    struct sw_examples second = {.captions = 2, .caption_start = start, .ids = other};
    ck_assert_int_eq(sw_duplicates_new(&d, 0, 2, 0, &error), SW_OK);
    sw_duplicates_captions(&d, 0, &first, 0);
    ck_assert_int_eq(sw_duplicates_find(&d, &error), SW_OK);
    ck_assert_uint_eq(d.count, 1);
    sw_duplicates_captions(&d, 0, &second, 0);
    ck_assert_int_eq(sw_duplicates_find(&d, &error), SW_OK);
    ck_assert_uint_eq(d.count, 0);
    sw_duplicates_free(&d);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, copies_tie_and_agree_with_the_right_pairs);
    tcase_add_test(tests, equal_in_one_model_only_is_not_equal);
}

UNIT_MAIN("duplicates", add_tests)
