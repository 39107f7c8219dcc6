/* tokens.c -- a line is decoded, lower-cased and split into sentences; the Treebank rules put
 * spaces around each token, and the text between the spaces is copied out. */
#include "data/tokens.h"

#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static int no_memory(size_t length, struct sw_error *error)
{
    return sw_fail(error, SW_FAILED, "out of memory for a line of %zu bytes", length);
}

static bool make_room(struct sw_tokens *t, size_t n)
{
    if (n <= t->line_room)
        return true;
    for (int i = 0; i < 2; i++) { /* lower case may need two characters for one */
        uint32_t *now = n < SIZE_MAX / 16 ? realloc(t->line[i], 2 * n * sizeof *now) : NULL;
        if (!now)
            return false;
        t->line[i] = now;
    }
    t->line_room = n;
    return true;
}

/* line[0..length) as *n characters, in lower case and without white space around it, into
 * t->line[1]. */
static int read_line(struct sw_tokens *t, const char *line, size_t length, size_t *n,
                     struct sw_error *error)
{
    size_t count = 0, start = 0;
    *n = 0;
    if (!make_room(t, length))
        return no_memory(length, error);
    uint32_t *at = t->line[0];
    int step;
    for (size_t i = 0; i < length; i += (size_t)step) {
        step = u8_mbtoucr(&at[count], (const uint8_t *)line + i, length - i);
        if (step < 1)
            return sw_fail(error, SW_FAILED, "expected UTF-8, found byte 0x%02x at offset %zu",
                           (unsigned char)line[i], i);
        if (at[count] == 0)
            return sw_fail(error, SW_FAILED, "expected text, found a zero byte at offset %zu", i);
        count++;
    }
    while (count > 0 && sw_is_space(at[count - 1]))
        count--;
    while (start < count && sw_is_space(at[start]))
        start++;
    if (count > start)
        *n = sw_lower(at + start, count - start, t->line[1]);
    return SW_OK;
}

/* Room for the tokens of n more characters: a token has a NUL after it. */
static bool reserve(struct sw_tokens *out, size_t used, size_t n)
{
    size_t need = used + n;
    if (need < out->room)
        return true;
    char *bytes = need < SIZE_MAX / 64 ? realloc(out->bytes, 5 * need + 5) : NULL;
    if (bytes)
        out->bytes = bytes;
    size_t *at = bytes ? realloc(out->at, (need + 2) * sizeof *at) : NULL;
    if (!at)
        return false;
    out->at = at;
    out->room = need + 1;
    return true;
}

/* What stands between white space in text[0..n), as tokens. */
static void put_tokens(struct sw_tokens *out, const uint32_t *text, size_t n)
{
    size_t used = out->at[out->count];
    for (size_t i = 0; i < n;) {
        if (sw_is_space(text[i])) {
            i++;
            continue;
        }
        for (; i < n && !sw_is_space(text[i]); i++)
            used += (size_t)u8_uctomb((uint8_t *)out->bytes + used, text[i], 4);
        out->bytes[used++] = 0;
        out->at[++out->count] = used;
    }
}

int sw_tokenize(const char *line, size_t length, struct sw_tokens *out, struct sw_error *error)
{
    size_t n, done = 0;
    out->count = 0;
    int status = read_line(out, line, length, &n, error);
    if (status)
        return status;
    if (!reserve(out, 0, 0) || !sw_find_sentences(&out->sentences, out->line[1], n))
        return no_memory(length, error);
    out->at[0] = 0;
    for (size_t i = 0; i < out->sentences.count; i++) {
        struct sw_sentence_span one = out->sentences.at[i];
        struct sw_treebank *t = &out->treebank;
        if (!sw_treebank(t, out->line[1] + one.begin, one.end - one.begin) ||
            !reserve(out, done, t->n))
            return no_memory(length, error);
        put_tokens(out, t->at, t->n);
        done += t->n; /* at least as many characters as there are, each token's NUL with them */
    }
    return SW_OK;
}

const char *sw_token(const struct sw_tokens *tokens, size_t i, size_t *length)
{
    *length = tokens->at[i + 1] - tokens->at[i] - 1;
    return tokens->bytes + tokens->at[i];
}

void sw_tokens_free(struct sw_tokens *tokens)
{
    sw_treebank_free(&tokens->treebank);
    sw_sentences_free(&tokens->sentences);
    free(tokens->line[0]);
    free(tokens->line[1]);
    free(tokens->bytes);
    free(tokens->at);
    *tokens = (struct sw_tokens){0};
}
