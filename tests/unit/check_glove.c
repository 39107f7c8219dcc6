/* check_glove.c -- word vectors, and the numbers they are made of. */
#include "unit.h"

#include "data/glove.h"
#include "data/lines.h"

#include <math.h>

static char *folder, *file;
static struct sw_vocabulary vocabulary;

/* <pad> 0, <start> 1, <end> 2, <unk> 3, dog 4, cat 5, "new york" 6, caf\xe9 7, zebra 8 */
static void set_up(void)
{
    folder = unit_folder();
    file = unit_path(folder, "glove.txt");
    static const char *const words[] = {"<pad>", "<start>",  "<end>",   "<unk>", "dog",
                                        "cat",   "new york", "caf\xe9", "zebra"};
    vocabulary = (struct sw_vocabulary){.pad = 0, .start = 1, .end = 2, .unk = 3};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_int_eq(sw_words_add(&vocabulary.words, words[i], strlen(words[i])), (int)i);
}

static void tear_down(void)
{
    sw_vocabulary_free(&vocabulary);
    free(file);
    unit_remove_folder(folder);
}

static void read_text(struct sw_glove *out, const char *text, int width)
{
    struct sw_error error = {0};
    unit_write(file, text, strlen(text));
    ck_assert_msg(sw_glove_read(file, &vocabulary, width, out, &error) == SW_OK, "%s", error.text);
}

static void expect_row(const struct sw_glove *glove, int id, float a, float b)
{
    const float *row = glove->rows + 2 * id;
    ck_assert_msg(row[0] == a && row[1] == b, "word %d: expected %g %g, found %g %g", id, (double)a,
                  (double)b, (double)row[0], (double)row[1]);
}

/* Words would start from the vector of another one, or the missing ones from none. */
START_TEST(rows)
{
    struct sw_glove glove;
    read_text(&glove,
              "dog 1 2\n"
              "the 0.5 -0.5\n"
              "new york 3e0 +4\n"
              ". . 1e1 -1E-1\n"
              "caf\xe9 -.5 7.\n"
              "<pad> 9 9\n"
              "1998 0 0\n"
              "dog 5 6",
              0);
    ck_assert_int_eq(glove.width, 2);
    ck_assert_uint_eq(glove.lines, 8);
    ck_assert_uint_eq(glove.found, 3);
    float mean_a = (float)((1 + .5 + 3 + 10 - .5 + 9 + 0 + 5) / 8);
    float mean_b = (float)((2 - .5 + 4 - .1 + 7. + 9 + 0 + 6) / 8);
    expect_row(&glove, 0, 0, 0);
    expect_row(&glove, 1, 0, 0);
    expect_row(&glove, 2, 0, 0);
    expect_row(&glove, 3, mean_a, mean_b);
    expect_row(&glove, 4, 5, 6);
    expect_row(&glove, 5, mean_a, mean_b);
    expect_row(&glove, 6, 3, 4);
    expect_row(&glove, 7, -.5f, 7);
    expect_row(&glove, 8, mean_a, mean_b);
    sw_glove_free(&glove);

    read_text(&glove, "dog 1 2 \r\nzebra 3 4\r\n", 2); /* ends as other systems write them */
    ck_assert_uint_eq(glove.found, 2);
    expect_row(&glove, 4, 1, 2);
    expect_row(&glove, 8, 3, 4);
    sw_glove_free(&glove);
}
END_TEST

/* The first word of a file from some editors would be lost to a byte order mark. */
START_TEST(byte_order_mark)
{
    struct sw_glove glove;
    read_text(&glove,
              "\xef\xbb\xbf"
              "dog 1 2\ncat 3 4\n",
              0);
    ck_assert_uint_eq(glove.found, 2);
    expect_row(&glove, 4, 1, 2);
    sw_glove_free(&glove);
}
END_TEST

/* A file of another width would be refused by each run of a sweep, not by its plan. */
START_TEST(width_of_the_first_line)
{
    struct sw_error error = {0};
    int width = 0;
    static const char good[] = "new york 1 -2.5 3e2\nno numbers\n", bad[] = "dog\n";
    unit_write(file, good, strlen(good));
    ck_assert_msg(sw_glove_width(file, &width, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(width, 3);
    unit_write(file, bad, strlen(bad));
    ck_assert_int_eq(sw_glove_width(file, &width, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "glove.txt: line 1: expected a word and its numbers"));
}
END_TEST

/* A broken line would give a word noise, or end the run hours later: each is named by its number.
 */
START_TEST(refused)
{
    static const struct {
        const char *text;
        int width;
        const char *says;
    } bad[] = {
        {"", 0, "found an empty file"},
        {"dog 1 2\ncat 1\n", 0, "line 2: expected a word and 2 numbers, found 1"},
        {"dog 1 2\ncat 1 2 3\n", 0, "line 2: expected a word and 2 numbers, found 3"},
        {"dog 1 2\nnew york 1\n", 0, "line 2: expected a finite number of float32, found 'york'"},
        {"dog 1 2\n\ncat 1 2\n", 0, "line 2: expected a word and 2 numbers, found 0"},
        {"dog 1 2\ncat 1 nan\n", 0, "line 2: expected a finite number of float32, found 'nan'"},
        {"dog 1 2\ncat -inf 1\n", 0, "line 2: expected a finite number of float32, found '-inf'"},
        {"dog 1 2\ncat 4e38 1\n", 0, "found '4e38'"},
        {"dog 1 2\ncat 1 0.1.2\n", 0, "found '0.1.2'"},
        {"dog 1 2\ncat 1 0x1p3\n", 0, "found '0x1p3'"},
        {"dog 1 2\ncat 1  2\n", 0, "line 2: expected a finite number of float32, found ''"},
        {"dog 1 2\ncat 1 2-\n", 0, "found '2-'"},
        {"dog 1 2\ncat 1\t2\n", 0, "line 2: expected single spaces between the word and"},
        {"dog\t1\t2\n", 0,
         "line 1: expected single spaces between the word and its numbers, found"},
        {"dog\t1 2\ncat\t1 2\n", 0, "found a tab; convert it with \"tr"},
        {"\x1f\x8b\x08", 0, "expected text in UTF-8, found a gzip file; convert it with 'gunzip"},
        {"\xff\xfe"
         "d",
         0, "expected text in UTF-8, found UTF-16; convert it with 'iconv"},
        {"dog 1 2\nnew york 1 2e\n", 0, "found '2e'"},
        {"dog 1 2\ncat 1 ", 0, "line 2: expected a word and 2 numbers, found 1"},
        {"400000 300\ndog 1 2\n", 0, "two counts"},
        {"dog\n", 0, "line 1: expected a word and its numbers, found none"},
        {"dog 1 2\n", 3, "line 1: expected a word and 3 numbers, found 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sw_error error = {0};
        struct sw_glove glove;
        unit_write(file, bad[i].text, strlen(bad[i].text));
        ck_assert_msg(sw_glove_read(file, &vocabulary, bad[i].width, &glove, &error) == SW_FAILED,
                      "read, but: %s", bad[i].says);
        ck_assert_msg(strstr(error.text, bad[i].says) && strstr(error.text, "glove.txt"),
                      "expected '%s', found '%s'", bad[i].says, error.text);
        ck_assert_ptr_null(glove.rows);
        sw_glove_free(&glove);
    }
}
END_TEST

/* Numbers would differ from what the libraries of other languages read from the same text. */
START_TEST(numbers)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "-1.5",
                                       "+2",
                                       ".5",
                                       "5.",
                                       "0.038194",
                                       "-0.24487",
                                       "1e10",
                                       "1E-10",
                                       "1.17549435e-38",
                                       "1e-45",
                                       "1e-400",
                                       "3.4028234e38",
                                       "00000.1",
                                       "123456789012345678901234567890",
                                       "0.1234567890123456789",
                                       "-0.00000000000000000000000000000000012345678901234567",
                                       "9007199254740993",
                                       "1e22",
                                       "1e23",
                                       "4.9e-324",
                                       "2.2250738585072014e-308",
                                       "1e00000000000000000000005",
                                       "0e999999999999",
                                       "1e-99999999999"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 7, expected = strtod(good[i], NULL);
        const char *end = good[i] + strlen(good[i]);
        ck_assert_msg(sw_parse_number(good[i], end, &value) == end, "%s", good[i]);
        ck_assert_msg((float)value == (float)expected && signbit(value) == signbit(expected),
                      "%s: expected %.9g, found %.9g", good[i], expected, value);
    }
    /* as printed from float32 and from float64, over many magnitudes */
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        state = state * 6364136223846793005u + 1442695040888963407u;
        double x = ldexp((double)(int64_t)state, (int)(state >> 58) - 100);
        snprintf(text, sizeof text, i % 3 == 0 ? "%.9g" : i % 3 == 1 ? "%.17g" : "%.6f", x);
        double value, expected = strtod(text, NULL);
        const char *end = text + strlen(text);
        ck_assert_ptr_eq(sw_parse_number(text, end, &value), end);
        ck_assert_msg((float)value == (float)expected, "%s", text);
        if (strlen(text) <= 15 && fabs(expected) > 1e-5 && fabs(expected) < 1e15)
            ck_assert_msg(value == expected, "%s", text);
    }
    static const char *const bad[] = {
        "",    "-",    ".",   "e5",   "1e",    "1e+",    "nan",
        "inf", "-inf", "NaN", "1e39", "-1e39", "3.5e38", "1e9999999999999",
        "x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value;
        ck_assert_msg(!sw_parse_number(bad[i], bad[i] + strlen(bad[i]), &value), "%s", bad[i]);
    }
    double value;
    static const char part[] = "12.5.3 ";
    ck_assert_ptr_eq(sw_parse_number(part, part + 7, &value), part + 4);
    ck_assert_ptr_eq(sw_parse_number(part, part + 1, &value), part + 1);
    ck_assert(value == 1);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, rows);
    tcase_add_test(tests, byte_order_mark);
    tcase_add_test(tests, width_of_the_first_line);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, numbers);
}

UNIT_MAIN("glove", add_tests)
