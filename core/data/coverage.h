/* coverage.h -- how much of a split's captions a vocabulary, or a file of word vectors, knows. */
#ifndef SW_DATA_COVERAGE_H
#define SW_DATA_COVERAGE_H

#include "base/error.h"
#include "data/vocabulary.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How often the captions have each word; <start> and <end> are not counted. */
struct sw_word_use {
    size_t *seen; /* (V): of the vocabulary's words; <unk> is seen where a file of ids has it */
    struct sw_word_counts unknown; /* words that the vocabulary lacks */
};
int sw_word_use_begin(struct sw_word_use *use, const struct sw_vocabulary *vocabulary,
                      struct sw_error *error);
void sw_word_use_free(struct sw_word_use *use);

enum { SW_MOST_MISSING = 10 };

struct sw_coverage {
    size_t tokens, types; /* of the captions: words, and different words */
    size_t tokens_covered, types_covered;
    struct {
        const char *word; /* the vocabulary's, or the use's */
        size_t seen;
    } missing[SW_MOST_MISSING]; /* the most frequent ones that are not covered, in that order */
    size_t missing_count;
};

/* has: (V) which words of the vocabulary are covered, or NULL: all but <unk>. */
void sw_coverage(const struct sw_word_use *use, const struct sw_vocabulary *vocabulary,
                 const bool *has, struct sw_coverage *out);

/* Fails when nothing is covered. what and captions name what was compared. */
int sw_coverage_check(const struct sw_coverage *coverage, const char *what, const char *captions,
                      struct sw_error *error);

/* {"tokens", "types", "tokens covered", "types covered", "missing": [[word, seen], ..]}; a new
 * reference or NULL. */
json_t *sw_coverage_json(const struct sw_coverage *coverage);

#endif
