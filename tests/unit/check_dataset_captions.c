/* check_dataset_captions.c -- captions as lines and as word ids. */
#include "datasets.h"

/* Captions of other systems and editors: line ends, a byte order mark, tabs, blank lines at the
 * end. */
START_TEST(kinds_of_lines)
{
    write_features("train_ims.npy", 1, 1, 1);
    write_text("train_caps.txt", "\xef\xbb\xbf"
                                 "A dog.\r\na\tdog\r\nrun\n  a  dog\nRUNS\n\n \t\r\n");
    struct sw_dataset data;
    open_good(&data, "train", NULL);
    expect_ids(&data, 0, 5, 1, 4, 5, 7, 2);
    expect_ids(&data, 1, 4, 1, 4, 5, 2);
    expect_ids(&data, 2, 3, 1, 3, 2);
    expect_ids(&data, 3, 4, 1, 4, 5, 2);
    expect_ids(&data, 4, 3, 1, 6, 2);
    size_t length;
    ck_assert_int_eq(*sw_dataset_caption(&data, 0, &length), 'A');
    ck_assert_uint_eq(length, 6);
    ck_assert_int_eq(*sw_dataset_caption(&data, 3, &length), 'a');
    sw_dataset_close(&data);
}
END_TEST

/* Lines that are no captions would be learnt as words, or shift the captions against the images. */
START_TEST(no_captions)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"a\na\n\na\na\n", "train_caps.txt: line 3: expected a caption, found an empty line"},
        {"a\n0.jpg#0\ta dog\na\na\na\n", "train_caps.txt: line 2: expected a caption, found an "
                                         "image's name before it, '0.jpg#0'; sort the lines"},
        {"a\n0.jpg#0\ta dog\na\na\na\n", "keep only the captions with 'cut -f2-'"},
        {"a\na\nX_9.JPEG\ta dog\na\na\n", "line 3: expected a caption, found an image's name"},
        {"a\na\na\n9.png,a dog\na\n", "found an image's name before it, '9.png'"},
        {"a\na\na\n9.png,a dog\na\n", "'cut -d, -f2-'"},
    };
    static const char good[] = "#1\ta dog\n.jpg, a dog\na 0.jpg#0\tdog\n3,a\na dog.jpg\tdog\n";
    struct sw_dataset data;
    write_features("train_ims.npy", 1, 1, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("train_caps.txt", bad[i].text);
        expect_refused("train", bad[i].says);
    }
    write_text("train_caps.txt", good);
    open_good(&data, "train", NULL);
    sw_dataset_close(&data);
}
END_TEST

/* A lost line end makes one caption of a file: gigabytes and minutes, and no word of which it is.
 */
START_TEST(long_caption)
{
    enum { WORDS = SW_LONGEST_CAPTION + 1 };
    char text[8 + 4 * WORDS] = "a\na\n", *at = text + 4;
    const struct sw_dataset_options lifted = {.longest = WORDS}, short_ones = {.longest = 2};
    struct sw_dataset data;
    write_features("train_ims.npy", 3, 1, 1);
    for (int i = 0; i < WORDS; i++)
        at = stpcpy(at, "dog ");
    write_text("train_caps.txt", text);
    expect_refused("train",
                   "train_caps.txt: line 3: expected a caption of at most 1000 words, found "
                   "1001");
    open_good(&data, "train", &lifted);
    ck_assert_uint_eq(data.longest, WORDS + 2);
    sw_dataset_close(&data);
    write_text("train_caps.txt", "a dog\na dog runs\na\n");
    expect_refused_with(
        "train", &short_ones,
        "line 2: expected a caption of at most 2 words, found 3; is a line break missing? "
        "(data.longest_caption=N sets the limit)");
}
END_TEST

/* What a vocabulary lacks would be told of other captions than those in use. */
START_TEST(words_are_counted)
{
    const struct sw_dataset_options precaps = {.precaps = true};
    struct sw_dataset data;
    struct sw_coverage c;
    write_features("train_ims.npy", 3, 1, 1);
    write_text("train_caps.txt", "A cat runs.\na big, big cat\na dog\n");
    open_good(&data, "train", NULL);
    sw_coverage(&data.words, &vocabulary, NULL, &c);
    ck_assert(c.tokens == 11 && c.types == 7 && c.tokens_covered == 6 && c.types_covered == 4);
    ck_assert_uint_eq(c.missing_count, 3);
    ck_assert_str_eq(c.missing[0].word, "cat");
    ck_assert_str_eq(c.missing[1].word, "big");
    ck_assert_uint_eq(c.missing[1].seen, 2);
    sw_dataset_close(&data);
    write_text("train_precaps.txt", "1,4,3,2\n4\n5\n");
    open_good(&data, "train", &precaps);
    sw_coverage(&data.words, &vocabulary, NULL, &c);
    ck_assert(c.tokens == 4 && c.tokens_covered == 3 && c.missing_count == 1);
    ck_assert_str_eq(c.missing[0].word, "<unk>");
    sw_dataset_close(&data);
}
END_TEST

/* Ids of other projects would miss <start> and <end>, or have them twice. */
START_TEST(ids_from_file)
{
    const struct sw_dataset_options precaps = {.precaps = true};
    write_features("train_ims.npy", 1, 1, 1);
    write_text("train_precaps.txt", "1,4,5,2\n4, 5\n\n1,6\n2\r\n");
    struct sw_dataset data;
    size_t length;
    expect_refused("train", "train_caps.txt");
    open_good(&data, "train", &precaps);
    expect_ids(&data, 0, 4, 1, 4, 5, 2);
    expect_ids(&data, 1, 4, 1, 4, 5, 2);
    expect_ids(&data, 2, 2, 1, 2);
    expect_ids(&data, 3, 3, 1, 6, 2);
    expect_ids(&data, 4, 2, 1, 2);
    ck_assert_ptr_null(sw_dataset_caption(&data, 0, &length));
    sw_dataset_close(&data);
    write_captions("train_caps.txt", 5);
    open_good(&data, "train", &precaps);
    expect_ids(&data, 3, 3, 1, 6, 2);
    ck_assert_ptr_nonnull(sw_dataset_caption(&data, 0, &length));
    sw_dataset_close(&data);
    open_good(&data, "train", NULL);
    expect_ids(&data, 3, 5, 1, 4, 5, 3, 2);
    sw_dataset_close(&data);

    write_captions("train_caps.txt", 6);
    expect_refused_with("train", &precaps, "train_precaps.txt: expected 6 lines");
    write_captions("train_caps.txt", 5);
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"1\n1\n1,8,2\n1\n1\n", "line 3: expected word ids below 8"},
        {"1\n1\n1,18446744073709551620,2\n1\n1\n", "line 3: expected word ids below 8"},
        {"1\n1,,2\n1\n1\n1\n", "line 2: expected word ids with commas between, found '1,,2'"},
        {"1\n1,2,\n1\n1\n1\n", "line 2: expected word ids"},
        {"1\n1\n1\n1\n-1\n", "line 5: expected word ids"},
        {"a dog\n1\n1\n1\n1\n", "line 1: expected word ids"},
        {"1 2\n1\n1\n1\n1\n", "line 1: expected word ids"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_text("train_precaps.txt", bad[i].text);
        expect_refused_with("train", &precaps, bad[i].says);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, kinds_of_lines);
    tcase_add_test(tests, no_captions);
    tcase_add_test(tests, long_caption);
    tcase_add_test(tests, words_are_counted);
    tcase_add_test(tests, ids_from_file);
}

UNIT_MAIN("dataset_captions", add_tests)
