/* fuzz_vocabulary.c -- vocabularies: what loads finds each of its words by its id and back. */
#include "fuzz.h"

#include "data/vocabulary.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_vocabulary vocabulary = {0};
    struct sw_error error = {0};
    if (fuzz_succeeded(sw_vocabulary_load(&vocabulary, fuzz_file(data, size), &error), &error)) {
        for (size_t i = 0; i < vocabulary.words.count; i++) {
            const char *word = sw_vocabulary_word(&vocabulary, (int32_t)i);
            fuzz_require(sw_vocabulary_find(&vocabulary, word, strlen(word)) == (int32_t)i,
                         "a word has another id than it was found by");
        }
    }
    sw_vocabulary_free(&vocabulary);
    return 0;
}
