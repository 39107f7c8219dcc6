/* vocabulary.c -- see vocabulary.h. */
#include "data/vocabulary.h"

#include "data/lines.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SPECIALS = 4 };
static const char *const specials[SPECIALS] = {"<pad>", "<start>", "<end>", "<unk>"};

static int no_memory(struct sw_error *error)
{
    return sw_fail(error, SW_FAILED, "out of memory for the vocabulary");
}

static int32_t *special_id(struct sw_vocabulary *v, int which)
{
    int32_t *ids[SPECIALS] = {&v->pad, &v->start, &v->end, &v->unk};
    return ids[which];
}

/* -- reading ----------------------------------------------------------------------------------- */

/* Equal but for case and what is no letter: [UNK] is like <unk>. */
static bool alike(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && !isalpha((unsigned char)*a))
            a++;
        while (*b && !isalpha((unsigned char)*b))
            b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (!*a)
            return true;
    }
}

static bool is_special(const char *word)
{
    for (int i = 0; i < SPECIALS; i++)
        if (!strcmp(word, specials[i]))
            return true;
    return false;
}

static int missing_special(const struct sw_vocabulary *v, const char *special,
                           struct sw_error *error)
{
    const char *near = NULL;
    for (size_t i = 0; i < v->words.count; i++) {
        size_t length;
        const char *word = sw_words_word(&v->words, i, &length);
        if (!ispunct((unsigned char)word[0]) || is_special(word))
            continue;
        if (alike(word, special)) {
            near = word;
            break;
        }
        if (!near)
            near = sw_near_miss(special, &word, 1);
    }
    if (near)
        return sw_fail(error, SW_FAILED,
                       "word2idx: expected the word '%s', found none; is it there as '%s'?",
                       special, near);
    return sw_fail(error, SW_FAILED, "word2idx: expected the word '%s', found none", special);
}

/* The words by their ids, out of `map`; every id 0 .. V-1 exactly once. */
static int sort_words(json_t *map, const char **by_id, struct sw_error *error)
{
    size_t count = json_object_size(map);
    const char *word;
    json_t *id;
    json_object_foreach(map, word, id)
    {
        json_int_t n = json_integer_value(id);
        if (!json_is_integer(id)) {
            char *found = json_dumps(id, JSON_ENCODE_ANY);
            sw_fail(error, SW_FAILED, "word2idx: '%s': expected a whole number, found %.40s", word,
                    found ? found : "something else");
            free(found);
            return SW_FAILED;
        }
        if (n < 0 || (size_t)n >= count)
            return sw_fail(error, SW_FAILED,
                           "word2idx: '%s': expected an id from 0 to %zu (there are %zu "
                           "words), found %" JSON_INTEGER_FORMAT,
                           word, count - 1, count, n);
        if (by_id[n])
            return sw_fail(error, SW_FAILED,
                           "word2idx: '%s' and '%s' have the same id %" JSON_INTEGER_FORMAT,
                           by_id[n], word, n);
        by_id[n] = word;
    }
    return SW_OK;
}

static const json_t *entry_of(const json_t *idx2word, size_t id)
{
    if (json_is_array(idx2word))
        return json_array_get(idx2word, id);
    char key[24];
    snprintf(key, sizeof key, "%zu", id);
    return json_object_get(idx2word, key);
}

/* idx2word and idx, where they are there, say what word2idx says. */
static int check_others(const json_t *root, const char *const *by_id, size_t count,
                        struct sw_error *error)
{
    const json_t *back = json_object_get(root, "idx2word"), *idx = json_object_get(root, "idx");
    if (back && !json_is_object(back) && !json_is_array(back))
        return sw_fail(error, SW_FAILED, "idx2word: expected an object of words by id");
    size_t found = json_is_array(back) ? json_array_size(back) : json_object_size(back);
    for (size_t i = 0; back && i < count; i++) {
        const char *word = json_string_value(entry_of(back, i));
        if (!word || strcmp(word, by_id[i]))
            return sw_fail(error, SW_FAILED,
                           "idx2word: expected '%s' for %zu as in word2idx, found %s%s%s", by_id[i],
                           i, word ? "'" : "", word ? word : "none", word ? "'" : "");
    }
    if (back && found != count)
        return sw_fail(error, SW_FAILED, "idx2word: expected %zu words as in word2idx, found %zu",
                       count, found);
    if (idx && (!json_is_integer(idx) || json_integer_value(idx) != (json_int_t)count))
        return sw_fail(error, SW_FAILED,
                       "idx: expected %zu, the number of words in word2idx, found "
                       "%" JSON_INTEGER_FORMAT,
                       count, json_integer_value(idx));
    return SW_OK;
}

static int keep_words(struct sw_vocabulary *out, const char *const *by_id, size_t count,
                      struct sw_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (sw_words_add(&out->words, by_id[i], strlen(by_id[i])) != (int32_t)i)
            return no_memory(error);
    for (int i = 0; i < SPECIALS; i++) {
        int32_t id = sw_words_find(&out->words, specials[i], strlen(specials[i]));
        if (id == SW_NO_WORD)
            return missing_special(out, specials[i], error);
        *special_id(out, i) = id;
    }
    return SW_OK;
}

static int read_root(struct sw_vocabulary *out, json_t *root, struct sw_error *error)
{
    json_t *map = json_object_get(root, "word2idx");
    if (!json_is_object(map)) {
        const char *names[64], *key;
        char near[256];
        json_t *value;
        size_t count = 0;
        json_object_foreach(root, key, value) if (count < 64) names[count++] = key;
        sw_suggest(near, sizeof near, "word2idx", names, count);
        return sw_fail(error, SW_FAILED, "expected an object with the key 'word2idx'%s",
                       map ? ", found it with another type" : near);
    }
    size_t count = json_object_size(map);
    const char **by_id = calloc(count + 1, sizeof *by_id);
    if (!by_id)
        return no_memory(error);
    int status = sort_words(map, by_id, error);
    if (!status)
        status = check_others(root, by_id, count, error);
    if (!status)
        status = keep_words(out, by_id, count, error);
    free(by_id);
    return status;
}

int sw_vocabulary_load(struct sw_vocabulary *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_vocabulary){0};
    struct sw_mapping file;
    size_t begin;
    int status = sw_map_text(&file, &begin, path, error);
    if (status)
        return status;
    json_error_t why;
    json_t *root = json_loadb((const char *)file.data + begin, file.size - begin,
                              JSON_REJECT_DUPLICATES, &why);
    sw_unmap(&file);
    if (!root)
        return sw_fail(error, SW_FAILED, "%s: line %d: expected a vocabulary in JSON, found: %s",
                       path, why.line, why.text);
    status = read_root(out, root, error);
    json_decref(root);
    if (status) {
        sw_error_within(error, "%s", path);
        sw_vocabulary_free(out);
    }
    return status;
}

/* -- asking ------------------------------------------------------------------------------------ */

void sw_vocabulary_free(struct sw_vocabulary *vocabulary)
{
    sw_words_free(&vocabulary->words);
    *vocabulary = (struct sw_vocabulary){0};
}

int32_t sw_vocabulary_find(const struct sw_vocabulary *vocabulary, const char *word, size_t length)
{
    int32_t id = sw_words_find(&vocabulary->words, word, length);
    return id == SW_NO_WORD ? vocabulary->unk : id;
}

const char *sw_vocabulary_word(const struct sw_vocabulary *vocabulary, int32_t id)
{
    size_t length;
    if (id < 0 || (size_t)id >= vocabulary->words.count)
        return specials[3];
    return sw_words_word(&vocabulary->words, (size_t)id, &length);
}

uint64_t sw_vocabulary_fingerprint(const struct sw_vocabulary *vocabulary)
{
    uint64_t so_far = vocabulary->words.count;
    for (size_t i = 0; i < vocabulary->words.count; i++) {
        size_t length;
        const char *word = sw_words_word(&vocabulary->words, i, &length);
        so_far = XXH3_64bits_withSeed(word, length + 1, so_far);
    }
    return so_far;
}

/* -- writing ----------------------------------------------------------------------------------- */

int sw_vocabulary_save(const struct sw_vocabulary *vocabulary, const char *path,
                       struct sw_error *error)
{
    json_t *root = json_object(), *map = json_object(), *back = json_object();
    size_t count = vocabulary->words.count, length;
    int bad = 0;
    for (size_t i = 0; i < count; i++) {
        char key[24];
        const char *word = sw_words_word(&vocabulary->words, i, &length);
        snprintf(key, sizeof key, "%zu", i);
        bad |= json_object_set_new(map, word, json_integer((json_int_t)i));
        bad |= json_object_set_new(back, key, json_string(word));
    }
    bad |= json_object_set_new(root, "word2idx", map);
    bad |= json_object_set_new(root, "idx2word", back);
    bad |= json_object_set_new(root, "idx", json_integer((json_int_t)count));
    char *text = bad ? NULL : json_dumps(root, JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
    json_decref(root);
    if (!text)
        return sw_fail(error, SW_FAILED, "cannot write %s: out of memory, or a word is not UTF-8",
                       path);
    int status = sw_write_file(path, text, strlen(text), error);
    free(text);
    return status;
}

/* -- building ---------------------------------------------------------------------------------- */

int sw_word_counts_add_word(struct sw_word_counts *counts, const char *word, size_t length,
                            struct sw_error *error)
{
    int32_t at = sw_words_add(&counts->words, word, length);
    if (at == SW_NO_WORD)
        return no_memory(error);
    if (counts->words.count > counts->room) {
        size_t room = counts->room ? counts->room * 2 : 1024;
        size_t *seen = realloc(counts->seen, room * sizeof *seen);
        if (!seen)
            return no_memory(error);
        memset(seen + counts->room, 0, (room - counts->room) * sizeof *seen);
        counts->seen = seen;
        counts->room = room;
    }
    counts->seen[at]++;
    return SW_OK;
}

int sw_word_counts_add(struct sw_word_counts *counts, const struct sw_tokens *tokens,
                       struct sw_error *error)
{
    int status = SW_OK;
    for (size_t i = 0; !status && i < tokens->count; i++) {
        size_t length;
        const char *word = sw_token(tokens, i, &length);
        status = sw_word_counts_add_word(counts, word, length, error);
    }
    return status;
}

int sw_word_counts_add_file(struct sw_word_counts *counts, const char *path, struct sw_error *error)
{
    struct sw_lines lines;
    struct sw_tokens tokens = {0};
    int status = sw_lines_open(&lines, path, error);
    for (size_t i = 0; !status && i < lines.count; i++) {
        size_t length;
        const char *line = sw_line(&lines, i, &length);
        status = sw_tokenize(line, length, &tokens, error);
        if (!status)
            status = sw_word_counts_add(counts, &tokens, error);
        if (status)
            sw_error_within(error, "%s: line %zu", path, i + 1);
    }
    sw_tokens_free(&tokens);
    sw_lines_close(&lines);
    return status;
}

void sw_word_counts_free(struct sw_word_counts *counts)
{
    sw_words_free(&counts->words);
    free(counts->seen);
    *counts = (struct sw_word_counts){0};
}

int sw_vocabulary_build(struct sw_vocabulary *out, const struct sw_word_counts *counts,
                        size_t least, struct sw_error *error)
{
    *out = (struct sw_vocabulary){.pad = 0, .start = 1, .end = 2, .unk = 3};
    bool good = true;
    for (int i = 0; i < SPECIALS; i++)
        good = good && sw_words_add(&out->words, specials[i], strlen(specials[i])) == i;
    for (size_t i = 0; good && i < counts->words.count; i++) {
        size_t length;
        const char *word = sw_words_word(&counts->words, i, &length);
        if (counts->seen[i] >= least)
            good = sw_words_add(&out->words, word, length) != SW_NO_WORD;
    }
    if (good)
        return SW_OK;
    sw_vocabulary_free(out);
    return no_memory(error);
}

int sw_vocabulary_from_folder(struct sw_vocabulary *out, const char *folder,
                              const char *const *splits, size_t split_count, size_t least,
                              struct sw_error *error)
{
    *out = (struct sw_vocabulary){0};
    struct sw_word_counts counts = {0};
    int status = SW_OK;
    for (size_t i = 0; !status && i < split_count; i++) {
        char *path;
        if (asprintf(&path, "%s/%s_caps.txt", folder, splits[i]) < 0) {
            status = no_memory(error);
            break;
        }
        status = sw_word_counts_add_file(&counts, path, error);
        free(path);
    }
    if (!status)
        status = sw_vocabulary_build(out, &counts, least, error);
    sw_word_counts_free(&counts);
    return status;
}
