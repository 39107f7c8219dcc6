/* check_tokens.c -- captions into words. */
#include "unit.h"

#include "data/lines.h"
#include "data/tokens.h"

/* The tokens with one space between; the caller frees it. */
static char *joined(const struct sw_tokens *tokens)
{
    size_t length, used = 0;
    char *out = malloc(tokens->at[tokens->count] + 1);
    for (size_t i = 0; i < tokens->count; i++) {
        const char *token = sw_token(tokens, i, &length);
        ck_assert_uint_eq(length, strlen(token));
        if (i)
            out[used++] = ' ';
        memcpy(out + used, token, length);
        used += length;
    }
    out[used] = 0;
    return out;
}

static void expect(struct sw_tokens *tokens, const char *line, size_t length, const char *expected)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_tokenize(line, length, tokens, &error) == SW_OK, "%s", error.text);
    char *found = joined(tokens);
    ck_assert_msg(!strcmp(found, expected), "'%.*s': expected '%s', found '%s'", (int)length, line,
                  expected, found);
    free(found);
}

/* Lines of a text, a tab, its tokens with spaces between; how many there are. */
static size_t expect_file(const char *path)
{
    struct sw_error error = {0};
    struct sw_mapping file;
    struct sw_tokens tokens = {0};
    ck_assert_msg(sw_map(&file, path, &error) == SW_OK, "%s", error.text);
    size_t lines = 0;
    const char *at = (const char *)file.data, *stop = at + file.size;
    while (at < stop) {
        const char *tab = memchr(at, '\t', (size_t)(stop - at));
        ck_assert_ptr_nonnull(tab);
        const char *end = memchr(tab, '\n', (size_t)(stop - tab));
        ck_assert_ptr_nonnull(end);
        char *expected = strndup(tab + 1, (size_t)(end - tab - 1));
        expect(&tokens, at, (size_t)(tab - at), expected);
        free(expected);
        at = end + 1;
        lines++;
    }
    sw_tokens_free(&tokens);
    sw_unmap(&file);
    return lines;
}

/* Ids would differ from those that a vocabulary was made for: every rule, against NLTK's output. */
START_TEST(as_nltk)
{
    const char *source = getenv("STEPWISE_SOURCE");
    char *path = unit_path(source ? source : ".", "tests/golden/tokens.tsv");
    ck_assert_uint_gt(expect_file(path), 350);
    free(path);
}
END_TEST

/* The golden lines know the model's parameters from here; these ones were made with NLTK's data. */
START_TEST(as_nltk_with_its_data)
{
    char *path = unit_shared("oracle/tokens/word_tokenize.tsv");
    if (path)
        ck_assert_uint_gt(expect_file(path), 200);
    free(path);
}
END_TEST

/* The words of one caption would turn up in the next, or a sentence be lost where another has been.
 */
START_TEST(lines_in_turn)
{
    struct sw_tokens tokens = {0};
    expect(&tokens, "A dog runs. A cat sits. It purrs.", 33,
           "a dog runs . a cat sits . it purrs .");
    expect(&tokens, "a dog", 5, "a dog");
    expect(&tokens, "One? Two!", 9, "one ? two !");
    sw_tokens_free(&tokens);
}
END_TEST

/* A caption without words would crash or keep the words of the line before. */
START_TEST(nothing_to_say)
{
    struct sw_tokens tokens = {0};
    expect(&tokens, "a dog", 5, "a dog");
    expect(&tokens, "", 0, "");
    ck_assert_uint_eq(tokens.count, 0);
    expect(&tokens, " \t\r\n\xc2\xa0\xe3\x80\x80", 9, "");
    ck_assert_uint_eq(tokens.count, 0);
    expect(&tokens, "  a\r\n", 5, "a");
    sw_tokens_free(&tokens);
}
END_TEST

/* A caption file in Latin-1 or UTF-16 would be read as nonsense instead of being named. */
START_TEST(not_text)
{
    static const struct {
        const char *line;
        size_t length;
        const char *says;
    } bad[] = {
        {"caf\xe9 au", 7, "byte 0xe9 at offset 3"},
        {"ab\x80", 3, "byte 0x80 at offset 2"},
        {"\xc0\xaf", 2, "byte 0xc0 at offset 0"},
        {"\xe0\x80\xaf", 3, "byte 0xe0 at offset 0"},
        {"a\xed\xa0\x80", 4, "byte 0xed at offset 1"},
        {"\xf4\x90\x80\x80", 4, "byte 0xf4 at offset 0"},
        {"\xf0\x82\x82\xac", 4, "byte 0xf0 at offset 0"},
        {"\xf8\x88\x80\x80\x80", 5, "byte 0xf8 at offset 0"},
        {"a\xe2\x82", 3, "byte 0xe2 at offset 1"},
        {"a\0b", 3, "zero byte at offset 1"},
    };
    struct sw_tokens tokens = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sw_error error = {0};
        char *exact = malloc(bad[i].length); /* so that a read beyond the end is seen */
        memcpy(exact, bad[i].line, bad[i].length);
        ck_assert_int_eq(sw_tokenize(exact, bad[i].length, &tokens, &error), SW_FAILED);
        ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "%zu: %s", i, error.text);
        ck_assert_uint_eq(tokens.count, 0);
        free(exact);
    }
    expect(&tokens, "still good", 10, "still good");
    sw_tokens_free(&tokens);
}
END_TEST

/* A line of megabytes, as a broken file has it, would overrun what was reserved for its words. */
START_TEST(long_lines)
{
    static const char *const units[] = {"\"", "'", "a ",  ".",  ",a", "cannot ", "\xce\xa3",
                                        "--", "(", "a. ", "? ", ". ", "?)"};
    static const size_t tokens_of_unit_twice[] = {0, 0, 2, 1, 4, 4, 1, 2, 2, 0, 2, 2, 4};
    struct sw_tokens tokens = {0};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]), times = 200000;
        char *line = malloc(unit * times);
        for (size_t j = 0; j < times; j++)
            memcpy(line + j * unit, units[i], unit);
        struct sw_error error = {0};
        ck_assert_msg(sw_tokenize(line, unit * times, &tokens, &error) == SW_OK, "%s", error.text);
        size_t twice = tokens_of_unit_twice[i];
        if (twice == 1)
            ck_assert_uint_eq(tokens.count, 1);
        else if (twice)
            ck_assert_uint_eq(tokens.count, times / 2 * twice);
        free(line);
    }
    sw_tokens_free(&tokens);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, as_nltk);
    tcase_add_test(tests, as_nltk_with_its_data);
    tcase_add_test(tests, lines_in_turn);
    tcase_add_test(tests, nothing_to_say);
    tcase_add_test(tests, not_text);
    tcase_add_test(tests, long_lines);
}

UNIT_MAIN("tokens", add_tests)
