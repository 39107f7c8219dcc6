/* words.c -- see words.h. */
#include "data/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The slot that holds the word, or the free one where it belongs. */
static size_t slot_of(const struct sw_words *words, const char *word, size_t length)
{
    size_t mask = words->slot_count - 1, slot = XXH3_64bits(word, length) & mask;
    for (;; slot = (slot + 1) & mask) {
        if (!words->slots[slot])
            return slot;
        size_t other_length;
        const char *other = sw_words_word(words, words->slots[slot] - 1, &other_length);
        if (other_length == length && !memcmp(other, word, length))
            return slot;
    }
}

int32_t sw_words_find(const struct sw_words *words, const char *word, size_t length)
{
    if (!words->slot_count)
        return SW_NO_WORD;
    return (int32_t)words->slots[slot_of(words, word, length)] - 1;
}

/* The array, moved when `need` elements do not fit, or NULL; then it is as it was. */
static void *enlarged(void *array, size_t *room, size_t need, size_t element)
{
    if (need <= *room)
        return array;
    size_t wanted = need * 2;
    void *now = need > SIZE_MAX / 2 / element ? NULL : realloc(array, wanted * element);
    if (now)
        *room = wanted;
    return now;
}

/* Keeps at least half of the slots free. */
static bool make_slots(struct sw_words *words)
{
    if (words->slot_count && words->count < words->slot_count / 2)
        return true;
    size_t slot_count = words->slot_count ? words->slot_count * 2 : 1024;
    uint32_t *slots = words->count < INT32_MAX / 4 ? calloc(slot_count, sizeof *slots) : NULL;
    if (!slots)
        return false;
    free(words->slots);
    words->slots = slots;
    words->slot_count = slot_count;
    for (size_t i = 0; i < words->count; i++) {
        size_t length;
        const char *word = sw_words_word(words, i, &length);
        slots[slot_of(words, word, length)] = (uint32_t)i + 1;
    }
    return true;
}

int32_t sw_words_add(struct sw_words *words, const char *word, size_t length)
{
    if (!make_slots(words))
        return SW_NO_WORD;
    size_t slot = slot_of(words, word, length);
    if (words->slots[slot])
        return (int32_t)words->slots[slot] - 1;
    size_t used = words->count ? words->at[words->count] : 0;
    char *text = enlarged(words->text, &words->text_room, used + length + 1, 1);
    if (text)
        words->text = text;
    size_t *at = enlarged(words->at, &words->at_room, words->count + 2, sizeof *at);
    if (at)
        words->at = at;
    if (!text || !at)
        return SW_NO_WORD;
    memcpy(words->text + used, word, length);
    words->text[used + length] = 0;
    words->at[words->count] = used;
    words->at[++words->count] = used + length + 1;
    words->slots[slot] = (uint32_t)words->count;
    return (int32_t)words->count - 1;
}

const char *sw_words_word(const struct sw_words *words, size_t i, size_t *length)
{
    *length = words->at[i + 1] - words->at[i] - 1;
    return words->text + words->at[i];
}

void sw_words_free(struct sw_words *words)
{
    free(words->text);
    free(words->at);
    free(words->slots);
    *words = (struct sw_words){0};
}
