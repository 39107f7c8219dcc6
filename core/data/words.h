/* words.h -- a set of words, numbered in the order in which they were added. */
#ifndef SW_DATA_WORDS_H
#define SW_DATA_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Start from {0}. */
struct sw_words {
    size_t count;
    char *text; /* the words, each followed by a NUL */
    size_t *at; /* (count + 1): where in text each word begins */
    size_t text_room, at_room;
    uint32_t *slots; /* open addressing: number + 1, or 0 for a free slot */
    size_t slot_count;
};

enum { SW_NO_WORD = -1 };

/* The number of a word, or SW_NO_WORD. */
int32_t sw_words_find(const struct sw_words *words, const char *word, size_t length);

/* The number of a word that is there now, or SW_NO_WORD when out of memory. */
int32_t sw_words_add(struct sw_words *words, const char *word, size_t length);

/* Word i < count, ended by a NUL. */
const char *sw_words_word(const struct sw_words *words, size_t i, size_t *length);

void sw_words_free(struct sw_words *words);

#endif
