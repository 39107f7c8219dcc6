/* fuzz_captions.c -- caption files: lines, their tokens, and the words that are counted. */
#include "fuzz.h"

#include "data/lines.h"
#include "data/vocabulary.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_lines lines = {0};
    struct sw_tokens tokens = {0};
    struct sw_word_counts counts = {0};
    struct sw_error error = {0};
    const char *path = fuzz_file(data, size);
    if (fuzz_succeeded(sw_lines_open(&lines, path, &error), &error)) {
        for (size_t i = 0; i < lines.count; i++) {
            struct sw_error one = {0};
            size_t length, token_length;
            const char *line = sw_line(&lines, i, &length);
            if (!fuzz_succeeded(sw_tokenize(line, length, &tokens, &one), &one))
                continue;
            for (size_t t = 0; t < tokens.count; t++) {
                const char *token = sw_token(&tokens, t, &token_length);
                fuzz_require(token_length > 0 && strlen(token) == token_length,
                             "an empty token, or one with a zero byte");
            }
        }
    }
    sw_lines_close(&lines);
    fuzz_succeeded(sw_word_counts_add_file(&counts, path, &error), &error);
    sw_word_counts_free(&counts);
    sw_tokens_free(&tokens);
    return 0;
}
