/* tokens.h -- captions into words, as NLTK's word_tokenize does: sentences, and each of them by the
 * Penn Treebank rules. */
#ifndef SW_DATA_TOKENS_H
#define SW_DATA_TOKENS_H

#include "base/error.h"
#include "data/sentences.h"
#include "data/treebank.h"

#include <stddef.h>
#include <stdint.h>

/* The tokens of one line. Start from {0}, use it for any number of lines, free it once. */
struct sw_tokens {
    size_t count;
    char *bytes; /* the tokens in UTF-8, each followed by a NUL */
    size_t *at;  /* (count + 1): where in bytes each token begins */
    size_t room;
    uint32_t *line[2]; /* as decoded, and in lower case */
    size_t line_room;
    struct sw_sentences sentences;
    struct sw_treebank treebank;
};

/* Replaces the content of *out by the tokens of line[0..length), which is UTF-8. The result equals
 * `word_tokenize(line.strip().lower())` of NLTK 3.8 under Python 3.11 (sentences.c says where not):
 * double quotes become `` or '', "don't" is "do" and "n't", "cannot" is "can" and "not", and the
 * last period of each sentence is a token. A line of white space has no tokens. Time and memory
 * grow with the length.
 * Errors: bytes that are not UTF-8 and zero bytes (with their offset), out of memory. */
int sw_tokenize(const char *line, size_t length, struct sw_tokens *out, struct sw_error *error);

/* Token i < count, ended by a NUL; its length without it goes to *length. */
const char *sw_token(const struct sw_tokens *tokens, size_t i, size_t *length);

void sw_tokens_free(struct sw_tokens *tokens);

#endif
