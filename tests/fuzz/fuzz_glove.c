/* fuzz_glove.c -- GloVe files, read for a vocabulary of five words. */
#include "fuzz.h"

#include "data/glove.h"

#include <math.h>
#include <string.h>

static const char words[] = "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, "
                            "\"<unk>\": 3, \"dog\": 4}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sw_vocabulary vocabulary;
    struct sw_error error = {0};
    struct sw_glove glove = {0};
    if (!vocabulary.words.count) {
        const char *path = fuzz_file((const uint8_t *)words, sizeof words - 1);
        fuzz_require(sw_vocabulary_load(&vocabulary, path, &error) == SW_OK, error.text);
    }
    if (fuzz_succeeded(sw_glove_read(fuzz_file(data, size), &vocabulary, 0, &glove, &error),
                       &error)) {
        fuzz_require(glove.width > 0 && glove.found <= 1, "impossible counts");
        for (size_t i = 0; i < vocabulary.words.count * (size_t)glove.width; i++)
            fuzz_require(isfinite(glove.rows[i]), "a vector holds a NaN or an infinity");
    }
    sw_glove_free(&glove);
    return 0;
}
