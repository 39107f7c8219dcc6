/* check_coverage.c -- how much of some captions a vocabulary knows. */
#include "unit.h"

#include "data/coverage.h"

static struct sw_vocabulary vocabulary;
static struct sw_word_use use;

/* <pad> 0, <start> 1, <end> 2, <unk> 3, a 4, dog 5 */
static void set_up(void)
{
    static const char *const words[] = {"<pad>", "<start>", "<end>", "<unk>", "a", "dog"};
    vocabulary = (struct sw_vocabulary){.pad = 0, .start = 1, .end = 2, .unk = 3};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_int_eq(sw_words_add(&vocabulary.words, words[i], strlen(words[i])), (int)i);
    ck_assert_int_eq(sw_word_use_begin(&use, &vocabulary, NULL), SW_OK);
}

static void tear_down(void)
{
    sw_word_use_free(&use);
    sw_vocabulary_free(&vocabulary);
}

static void unknown(const char *word, int times)
{
    for (int i = 0; i < times; i++)
        ck_assert_int_eq(sw_word_counts_add_word(&use.unknown, word, strlen(word), NULL), SW_OK);
}

/* The list would leave out the word that matters, or overrun. */
START_TEST(most_frequent_first)
{
    struct sw_coverage c;
    char word[16];
    use.seen[4] = 7;
    for (int i = 0; i < 12; i++) {
        snprintf(word, sizeof word, "w%d", i);
        unknown(word, i % 6 + 1);
    }
    sw_coverage(&use, &vocabulary, NULL, &c);
    ck_assert(c.tokens == 7 + 42 && c.types == 13);
    ck_assert(c.tokens_covered == 7 && c.types_covered == 1);
    static const char *const expected[SW_MOST_MISSING] = {"w5", "w11", "w4", "w10", "w3",
                                                          "w9", "w2",  "w8", "w1",  "w7"};
    ck_assert_uint_eq(c.missing_count, SW_MOST_MISSING);
    for (size_t i = 0; i < SW_MOST_MISSING; i++) {
        ck_assert_str_eq(c.missing[i].word, expected[i]);
        ck_assert_uint_eq(c.missing[i].seen, 6 - i / 2);
    }
    json_t *about = sw_coverage_json(&c);
    const json_t *missing = json_object_get(about, "missing");
    ck_assert_int_eq(json_integer_value(json_object_get(about, "types covered")), 1);
    ck_assert_uint_eq(json_array_size(missing), SW_MOST_MISSING);
    ck_assert_str_eq(json_string_value(json_array_get(json_array_get(missing, 1), 0)), "w11");
    json_decref(about);
}
END_TEST

/* Words that the vocabulary has and the file of vectors lacks count as missing there. */
START_TEST(by_vectors)
{
    const bool has[6] = {[5] = true};
    struct sw_coverage c;
    use.seen[4] = 3;
    use.seen[5] = 2;
    unknown("cat", 1);
    sw_coverage(&use, &vocabulary, has, &c);
    ck_assert(c.tokens == 6 && c.types == 3 && c.tokens_covered == 2 && c.types_covered == 1);
    ck_assert_str_eq(c.missing[0].word, "a");
    ck_assert_str_eq(c.missing[1].word, "cat");
}
END_TEST

/* Captions that are <unk> from end to end would be trained on without a word. */
START_TEST(none_is_an_error)
{
    struct sw_coverage c;
    struct sw_error error = {0};
    unknown("CAT", 3);
    unknown("DOG", 1);
    sw_coverage(&use, &vocabulary, NULL, &c);
    ck_assert_int_eq(sw_coverage_check(&c, "v.json", "caps.txt", &error), SW_FAILED);
    ck_assert_str_eq(
        error.text, "v.json: expected words of caps.txt (4 of them, 2 different; most often 'CAT', "
                    "'DOG'), found none; captions are read in lower case");
    use.seen[4] = 1;
    sw_coverage(&use, &vocabulary, NULL, &c);
    ck_assert_int_eq(sw_coverage_check(&c, "v.json", "caps.txt", &error), SW_OK);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, most_frequent_first);
    tcase_add_test(tests, by_vectors);
    tcase_add_test(tests, none_is_an_error);
}

UNIT_MAIN("coverage", add_tests)
