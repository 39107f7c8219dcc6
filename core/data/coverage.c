/* coverage.c -- see coverage.h. */
#include "data/coverage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sw_word_use_begin(struct sw_word_use *use, const struct sw_vocabulary *vocabulary,
                      struct sw_error *error)
{
    *use = (struct sw_word_use){.seen = calloc(vocabulary->words.count + 1, sizeof *use->seen)};
    return use->seen ? SW_OK
                     : sw_fail(error, SW_FAILED, "out of memory for counts of %zu words",
                               vocabulary->words.count);
}

void sw_word_use_free(struct sw_word_use *use)
{
    free(use->seen);
    sw_word_counts_free(&use->unknown);
    *use = (struct sw_word_use){0};
}

/* Of words that were seen equally often, the one that came first goes before. */
static void miss(struct sw_coverage *c, const char *word, size_t seen)
{
    size_t at = c->missing_count;
    while (at > 0 && c->missing[at - 1].seen < seen)
        at--;
    if (at == SW_MOST_MISSING)
        return;
    if (c->missing_count < SW_MOST_MISSING)
        c->missing_count++;
    memmove(&c->missing[at + 1], &c->missing[at],
            (c->missing_count - 1 - at) * sizeof c->missing[0]);
    c->missing[at].word = word;
    c->missing[at].seen = seen;
}

static void add(struct sw_coverage *c, const char *word, size_t seen, bool covered)
{
    c->tokens += seen;
    c->types++;
    if (covered) {
        c->tokens_covered += seen;
        c->types_covered++;
    } else {
        miss(c, word, seen);
    }
}

void sw_coverage(const struct sw_word_use *use, const struct sw_vocabulary *vocabulary,
                 const bool *has, struct sw_coverage *out)
{
    size_t length;
    *out = (struct sw_coverage){0};
    for (size_t id = 0; id < vocabulary->words.count; id++)
        if (use->seen[id])
            add(out, sw_words_word(&vocabulary->words, id, &length), use->seen[id],
                (int32_t)id != vocabulary->unk && (!has || has[id]));
    for (size_t i = 0; i < use->unknown.words.count; i++)
        add(out, sw_words_word(&use->unknown.words, i, &length), use->unknown.seen[i], false);
}

int sw_coverage_check(const struct sw_coverage *c, const char *what, const char *captions,
                      struct sw_error *error)
{
    char list[128] = "";
    size_t used = 0;
    if (c->tokens_covered || !c->tokens)
        return SW_OK;
    for (size_t i = 0; i < c->missing_count && i < 3; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s'%.30s'", i ? ", " : "",
                                 c->missing[i].word);
    return sw_fail(error, SW_FAILED,
                   "%s: expected words of %s (%zu of them, %zu different; most often %s), found "
                   "none; captions are read in lower case",
                   what, captions, c->tokens, c->types, list);
}

json_t *sw_coverage_json(const struct sw_coverage *c)
{
    json_t *missing = json_array();
    for (size_t i = 0; i < c->missing_count; i++)
        json_array_append_new(
            missing, json_pack("[s, I]", c->missing[i].word, (json_int_t)c->missing[i].seen));
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "tokens", (json_int_t)c->tokens, "types",
                     (json_int_t)c->types, "tokens covered", (json_int_t)c->tokens_covered,
                     "types covered", (json_int_t)c->types_covered, "missing", missing);
}
