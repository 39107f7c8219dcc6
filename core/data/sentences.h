/* sentences.h -- where the sentences of a caption begin and end: the Punkt splitter (Kiss and
 * Strunk 2006) with its English model, as NLTK applies it. For text in lower case only. */
#ifndef SW_DATA_SENTENCES_H
#define SW_DATA_SENTENCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sw_sentence_span {
    size_t begin, end; /* characters begin .. end - 1 */
};

/* Start from {0}, use it for any number of texts, free it once. */
struct sw_sentences {
    size_t count, room;
    struct sw_sentence_span *at;
};

/* Replaces the content of *out by the sentences of text[0..n), which has no white space at its end.
 * What lies between two of them is white space. False: out of memory. Time grows with n. */
bool sw_find_sentences(struct sw_sentences *out, const uint32_t *text, size_t n);
void sw_sentences_free(struct sw_sentences *sentences);

#endif
