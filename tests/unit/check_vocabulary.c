/* check_vocabulary.c -- which word has which id. */
#include "unit.h"

#include "base/file.h"
#include "data/vocabulary.h"

static char *folder, *file;

static void set_up(void)
{
    folder = unit_folder();
    file = unit_path(folder, "vocab.json");
}

static void tear_down(void)
{
    free(file);
    unit_remove_folder(folder);
}

static void load(struct sw_vocabulary *out, const char *json)
{
    struct sw_error error = {0};
    unit_write(file, json, strlen(json));
    ck_assert_msg(sw_vocabulary_load(out, file, &error) == SW_OK, "%s", error.text);
}

static int32_t id_of(const struct sw_vocabulary *v, const char *word)
{
    return sw_vocabulary_find(v, word, strlen(word));
}

/* Ids would be those of another word, or unknown words would crash. */
START_TEST(the_fields_file)
{
    struct sw_vocabulary v;
    load(&v, "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"a\": 4,"
             " \"caf\\u00e9\": 5}, \"idx2word\": {\"0\": \"<pad>\", \"1\": \"<start>\","
             " \"2\": \"<end>\", \"3\": \"<unk>\", \"4\": \"a\", \"5\": \"caf\\u00e9\"},"
             " \"idx\": 6}");
    ck_assert_uint_eq(v.words.count, 6);
    ck_assert(v.pad == 0 && v.start == 1 && v.end == 2 && v.unk == 3);
    ck_assert_int_eq(id_of(&v, "a"), 4);
    ck_assert_int_eq(id_of(&v, "caf\xc3\xa9"), 5);
    ck_assert_int_eq(id_of(&v, "b"), 3);
    ck_assert_int_eq(id_of(&v, ""), 3);
    ck_assert_int_eq(sw_vocabulary_find(&v, "ab", 1), 4);
    ck_assert_str_eq(sw_vocabulary_word(&v, 5), "caf\xc3\xa9");
    ck_assert_str_eq(sw_vocabulary_word(&v, 6), "<unk>");
    ck_assert_str_eq(sw_vocabulary_word(&v, -1), "<unk>");
    sw_vocabulary_free(&v);
}
END_TEST

/* Vocabularies of other projects would be refused: ids in any order, specials elsewhere, other
 * keys, the reverse table as a list or not at all. */
START_TEST(other_forms)
{
    struct sw_vocabulary v;
    load(&v, "{\"word2idx\": {\"dog\": 4, \"<end>\": 3, \"<pad>\": 0, \"<unk>\": 1, \"<start>\": 2,"
             " \"<mask>\": 5}, \"max_len\": 0, \"char_level\": false}");
    ck_assert(v.pad == 0 && v.unk == 1 && v.start == 2 && v.end == 3);
    ck_assert_int_eq(id_of(&v, "dog"), 4);
    ck_assert_int_eq(id_of(&v, "cat"), 1);
    ck_assert_str_eq(sw_vocabulary_word(&v, 2), "<start>");
    ck_assert_str_eq(sw_vocabulary_word(&v, 99), "<unk>");
    sw_vocabulary_free(&v);
    load(&v, "{\"idx\": 4, \"idx2word\": [\"<pad>\", \"<start>\", \"<end>\", \"<unk>\"],"
             " \"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3}}");
    ck_assert_uint_eq(v.words.count, 4);
    sw_vocabulary_free(&v);
    load(&v,
         "\xef\xbb\xbf{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3}}");
    ck_assert_uint_eq(v.words.count, 4);
    sw_vocabulary_free(&v);
}
END_TEST

/* A vocabulary of the same words would be taken for the one that a model was trained with. */
START_TEST(fingerprint)
{
    struct sw_vocabulary v;
    load(&v, "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"a\": 4,"
             " \"b\": 5}, \"idx\": 6}");
    uint64_t first = sw_vocabulary_fingerprint(&v);
    sw_vocabulary_free(&v);
    load(&v,
         "{ \"word2idx\": {\"b\": 5, \"\\u0061\": 4,\n\"<unk>\": 3, \"<end>\": 2, \"<start>\": 1,"
         " \"<pad>\": 0}, \"other\": 1}");
    ck_assert(sw_vocabulary_fingerprint(&v) == first);
    sw_vocabulary_free(&v);
    load(&v, "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"a\": 5,"
             " \"b\": 4}}");
    ck_assert(sw_vocabulary_fingerprint(&v) != first);
    sw_vocabulary_free(&v);
    load(&v,
         "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"ab\": 4}}");
    uint64_t one = sw_vocabulary_fingerprint(&v);
    sw_vocabulary_free(&v);
    ck_assert(one != first);
}
END_TEST

#define SPECIALS "\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3"

/* A broken vocabulary would shift every word by one without a word about it. */
START_TEST(refused)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"", "line"},
        {"\xff\xfe{", "found UTF-16"},
        {"{\"word2idx\": {", "line 1"},
        {"[1]", "the key 'word2idx'"},
        {"{\"word2id\": {}}", "did you mean 'word2id'?"},
        {"{\"word2idx\": 3}", "another type"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": \"4\"}}",
         "'a': expected a whole number, found \"4\""},
        {"{\"word2idx\": {" SPECIALS ", \"a\": 4.0}}", "'a': expected a whole number, found 4.0"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": -1}}", "'a': expected an id from 0 to 4"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": 5}}", "found 5"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": 99999999999999}}", "found 99999999999999"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": 3}}", "'<unk>' and 'a' have the same id 3"},
        {"{\"word2idx\": {" SPECIALS ", \"a\": 4, \"a\": 5}}", "duplicate"},
        {"{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<UNK>\": 3}}",
         "expected the word '<unk>', found none; is it there as '<UNK>'?"},
        {"{\"word2idx\": {\"[PAD]\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3}}",
         "is it there as '[PAD]'?"},
        {"{\"word2idx\": {\"<pad>\": 0, \"<strat>\": 1, \"<end>\": 2, \"<unk>\": 3}}",
         "is it there as '<strat>'?"},
        {"{\"word2idx\": {\"end\": 2, \"<start>\": 1, \"<pad>\": 0}}",
         "expected the word '<end>', found none$"},
        {"{\"word2idx\": {" SPECIALS "}, \"idx\": 5}", "idx: expected 4"},
        {"{\"word2idx\": {" SPECIALS "}, \"idx2word\": {\"0\": \"<pad>\", \"1\": \"<start>\","
         " \"2\": \"<end>\", \"3\": \"a\"}}",
         "expected '<unk>' for 3 as in word2idx, found 'a'"},
        {"{\"word2idx\": {" SPECIALS "}, \"idx2word\": {\"0\": \"<pad>\"}}",
         "expected '<start>' for 1 as in word2idx, found none"},
        {"{\"word2idx\": {" SPECIALS "}, \"idx2word\": [\"<pad>\", \"<start>\", \"<end>\","
         " \"<unk>\", \"a\"]}",
         "expected 4 words as in word2idx, found 5"},
        {"{\"word2idx\": {" SPECIALS "}, \"idx2word\": 4}", "idx2word: expected an object"},
        {"{\"word2idx\": {" SPECIALS ", \"a\\u0000b\": 4}}", "line 1"},
        {"{\"word2idx\": {" SPECIALS ", \"\xff\": 4}}", "line 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sw_error error = {0};
        struct sw_vocabulary v;
        unit_write(file, bad[i].json, strlen(bad[i].json));
        ck_assert_msg(sw_vocabulary_load(&v, file, &error) == SW_FAILED, "loaded, but: %s",
                      bad[i].says);
        strcat(error.text, "$"); /* stands for the end */
        ck_assert_msg(strstr(error.text, bad[i].says) && strstr(error.text, "vocab.json"),
                      "expected '%s', found '%s'", bad[i].says, error.text);
        sw_vocabulary_free(&v);
    }
}
END_TEST

/* A new vocabulary would differ from the one that the field's programs build of the same text:
 * which words, in which order, in which file. */
START_TEST(build)
{
    static const char train[] = "A dog and a Dog .\nthe cat\xc3\x89s can't\n\n",
                      dev[] = "dog the\r\nbird cat\xc3\xa9s";
    char *train_path = unit_path(folder, "train_caps.txt"),
         *dev_path = unit_path(folder, "dev_caps.txt");
    unit_write(train_path, train, sizeof train - 1);
    unit_write(dev_path, dev, sizeof dev - 1);
    static const char *const splits[] = {"train", "dev"};
    struct sw_error error = {0};
    struct sw_vocabulary v;
    ck_assert_msg(sw_vocabulary_from_folder(&v, folder, splits, 2, 2, &error) == SW_OK, "%s",
                  error.text);
    ck_assert_int_eq(sw_vocabulary_save(&v, file, &error), SW_OK);
    sw_vocabulary_free(&v);
    struct sw_mapping saved;
    ck_assert_int_eq(sw_map(&saved, file, &error), SW_OK);
    static const char expected[] =
        "{\"word2idx\": {" SPECIALS ", \"a\": 4, \"dog\": 5, \"the\": 6, "
        "\"cat\\u00E9s\": 7}, "
        "\"idx2word\": {\"0\": \"<pad>\", \"1\": \"<start>\", \"2\": \"<end>\", \"3\": \"<unk>\", "
        "\"4\": \"a\", \"5\": \"dog\", \"6\": \"the\", "
        "\"7\": \"cat\\u00E9s\"}, \"idx\": 8}";
    ck_assert_uint_eq(saved.size, sizeof expected - 1);
    ck_assert_int_eq(memcmp(saved.data, expected, saved.size), 0);
    sw_unmap(&saved);

    ck_assert_int_eq(sw_vocabulary_from_folder(&v, folder, splits, 2, 1, &error), SW_OK);
    ck_assert_int_eq(sw_vocabulary_save(&v, file, &error), SW_OK);
    struct sw_vocabulary again;
    ck_assert_msg(sw_vocabulary_load(&again, file, &error) == SW_OK, "%s", error.text);
    ck_assert_uint_eq(again.words.count, 4 + 9);
    for (int32_t i = 0; i < 13; i++)
        ck_assert_str_eq(sw_vocabulary_word(&again, i), sw_vocabulary_word(&v, i));
    ck_assert_int_eq(id_of(&again, "cat\xc3\xa9s"), 9);
    ck_assert_int_eq(id_of(&again, "n't"), 11);
    ck_assert_int_eq(id_of(&again, "bird"), 12);
    sw_vocabulary_free(&again);
    sw_vocabulary_free(&v);

    unit_write(dev_path, "a\nb\xe9\n", 5);
    ck_assert_int_eq(sw_vocabulary_from_folder(&v, folder, splits, 2, 1, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "dev_caps.txt: line 2: expected UTF-8"));
    sw_vocabulary_free(&v);
    free(train_path);
    free(dev_path);
}
END_TEST

/* A caption may hold any word: none may take the place of a special one or be lost among many. */
START_TEST(many_words)
{
    struct sw_word_counts counts = {0};
    struct sw_tokens tokens = {0};
    struct sw_error error = {0};
    char line[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            int length = snprintf(line, sizeof line, "w%d x%d", i, i % 7);
            ck_assert_int_eq(sw_tokenize(line, (size_t)length, &tokens, &error), SW_OK);
            ck_assert_int_eq(sw_word_counts_add(&counts, &tokens, &error), SW_OK);
        }
    struct sw_vocabulary v;
    ck_assert_int_eq(sw_vocabulary_build(&v, &counts, 2, &error), SW_OK);
    ck_assert_uint_eq(v.words.count, 4 + 5000 + 7);
    ck_assert_str_eq(sw_vocabulary_word(&v, 4), "w0");
    ck_assert_str_eq(sw_vocabulary_word(&v, 5), "x0");
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "w%d", i);
        int32_t id = id_of(&v, line);
        ck_assert_int_ne(id, 3);
        ck_assert_str_eq(sw_vocabulary_word(&v, id), line);
    }
    sw_vocabulary_free(&v);
    ck_assert_int_eq(sw_vocabulary_build(&v, &counts, 3, &error), SW_OK);
    ck_assert_uint_eq(v.words.count, 4 + 7);
    sw_vocabulary_free(&v);
    sw_word_counts_free(&counts);
    sw_tokens_free(&tokens);

    /* no word is taken for one that begins with it */
    enum { LONG = 20000 };
    static char word[LONG];
    memset(word, 'a', LONG);
    struct sw_words words = {0};
    ck_assert_int_eq(sw_words_add(&words, word, LONG), 0);
    for (size_t i = 0; i < LONG; i++)
        ck_assert_int_eq(sw_words_find(&words, word, i), SW_NO_WORD);
    ck_assert_int_eq(sw_words_find(&words, word, LONG), 0);
    sw_words_free(&words);
}
END_TEST

/* On real captions, words that the Python programs know would be missing: their file, byte by byte.
 */
START_TEST(flickr8k)
{
    char *theirs = unit_shared("data/f8k_vocab.json"), *data = unit_shared("data/f8k_precomp");
    if (theirs && data) {
        static const char *const splits[] = {"train", "dev"};
        struct sw_error error = {0};
        struct sw_vocabulary v;
        struct sw_mapping a, b;
        ck_assert_msg(sw_vocabulary_from_folder(&v, data, splits, 2, 4, &error) == SW_OK, "%s",
                      error.text);
        ck_assert_int_eq(sw_vocabulary_save(&v, file, &error), SW_OK);
        ck_assert_int_eq(sw_map(&a, theirs, &error), SW_OK);
        ck_assert_int_eq(sw_map(&b, file, &error), SW_OK);
        ck_assert_uint_eq(a.size, b.size);
        ck_assert_int_eq(memcmp(a.data, b.data, a.size), 0);
        sw_unmap(&a);
        sw_unmap(&b);
        sw_vocabulary_free(&v);
    }
    free(theirs);
    free(data);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_fields_file);
    tcase_add_test(tests, other_forms);
    tcase_add_test(tests, fingerprint);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, build);
    tcase_add_test(tests, many_words);
    tcase_add_test(tests, flickr8k);
}

UNIT_MAIN("vocabulary", add_tests)
