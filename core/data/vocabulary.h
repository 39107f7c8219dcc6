/* vocabulary.h -- which word has which id. */
#ifndef SW_DATA_VOCABULARY_H
#define SW_DATA_VOCABULARY_H

#include "base/error.h"
#include "data/tokens.h"
#include "data/words.h"

#include <stddef.h>
#include <stdint.h>

/* V words; the id of a word is its number. */
struct sw_vocabulary {
    struct sw_words words; /* words.count is V */
    int32_t pad, start, end, unk;
};

/* Reads {"word2idx": {word: id}, "idx2word": {"id": word}, "idx": V}; the last two may be absent,
 * and keys of other tools (max_len, char_level, ...) are left alone. Errors name the file and the
 * word: ids that are not exactly 0 .. V-1, each once; a missing <pad>, <start>, <end> or <unk>
 * (with the word that was likely meant); idx2word or idx that say something else. On failure *out
 * may be freed. */
int sw_vocabulary_load(struct sw_vocabulary *out, const char *path, struct sw_error *error);

/* Writes the same JSON, words in the order of their ids, whole or not at all. */
int sw_vocabulary_save(const struct sw_vocabulary *vocabulary, const char *path,
                       struct sw_error *error);

void sw_vocabulary_free(struct sw_vocabulary *vocabulary);

/* The id of word[0..length), or that of <unk>. */
int32_t sw_vocabulary_find(const struct sw_vocabulary *vocabulary, const char *word, size_t length);

/* The word of id 0 .. V-1, ended by a NUL; "<unk>" for another id. */
const char *sw_vocabulary_word(const struct sw_vocabulary *vocabulary, int32_t id);

/* XXH3 of the words in the order of their ids: equal for equal pairs of word and id, however the
 * file is laid out. */
uint64_t sw_vocabulary_fingerprint(const struct sw_vocabulary *vocabulary);

/* How often words were seen. Start from {0}. */
struct sw_word_counts {
    struct sw_words words;
    size_t *seen; /* (words.count) */
    size_t room;
};
int sw_word_counts_add_word(struct sw_word_counts *counts, const char *word, size_t length,
                            struct sw_error *error);
int sw_word_counts_add(struct sw_word_counts *counts, const struct sw_tokens *tokens,
                       struct sw_error *error);
/* All captions of a file, one per line. Errors name the file and the line. */
int sw_word_counts_add_file(struct sw_word_counts *counts, const char *path,
                            struct sw_error *error);
void sw_word_counts_free(struct sw_word_counts *counts);

/* The field's rule: <pad> 0, <start> 1, <end> 2, <unk> 3, then the words that were seen at least
 * `least` times (4), in the order in which they were first seen. */
int sw_vocabulary_build(struct sw_vocabulary *out, const struct sw_word_counts *counts,
                        size_t least, struct sw_error *error);

/* The same from `folder`/{split}_caps.txt of the given splits (train, then dev). */
int sw_vocabulary_from_folder(struct sw_vocabulary *out, const char *folder,
                              const char *const *splits, size_t split_count, size_t least,
                              struct sw_error *error);

#endif
