/* sentences.c -- the Punkt splitter, step by step as in NLTK 3.8's nltk/tokenize/punkt.py, so that
 * its odd cases come out the same: candidates, a decision on each, then closing marks moved to the
 * sentence that they close. A regular expression above a function is its rule.
 *
 * Lower case makes half of the algorithm idle: a sentence starter or an orthographic context can
 * only speak for a break before a capital letter. What the contexts still could do here is left
 * out: keep a break after a number or an initial before one of the few words that the model has
 * seen begin a sentence in lower case and never seen capitalised. */
#include "data/sentences.h"

#include "data/punkt_table.h"
#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>

struct text {
    const uint32_t *at;
    size_t n;
};

/* A character, or U+10FFFF + 1, which no rule matches, beyond the end. */
static uint32_t character(const struct text *t, size_t i)
{
    return i < t->n ? t->at[i] : 0x110000;
}

static bool ends_sentence(uint32_t c)
{
    return c == '.' || c == '?' || c == '!';
}

static bool is_blank(const struct text *t, size_t i)
{
    return i < t->n && sw_is_space(t->at[i]);
}

/* (?:[)\";}\]\*:@\'\({\[\?!]) */
static bool is_no_word(uint32_t c)
{
    return sw_is_among(c, U")\";}]*:@'({[?!");
}

/* -- tokens ------------------------------------------------------------------------------------ */

/* \-{2,}|\.{2,}|(?:\.\s){2,}\. : how many characters of it there are at i, or 0. */
static size_t marks_at(const struct text *t, size_t i)
{
    uint32_t c = character(t, i);
    size_t end = i;
    if (c != '-' && c != '.')
        return 0;
    while (character(t, end) == c)
        end++;
    if (end - i >= 2)
        return end - i;
    if (c == '-' || !is_blank(t, i + 1))
        return 0;
    for (end = i; character(t, end) == '.' && is_blank(t, end + 1); end += 2)
        ;
    if (character(t, end) != '.')
        end -= 2;
    return end - i >= 4 ? end + 1 - i : 0;
}

/* Whether there are such marks at i; bounded, where marks_at is not. */
static bool begins_marks(const struct text *t, size_t i)
{
    uint32_t c = character(t, i), next = character(t, i + 1);
    return ((c == '-' || c == '.') && c == next) ||
           (c == '.' && is_blank(t, i + 1) && character(t, i + 2) == '.' && is_blank(t, i + 3) &&
            character(t, i + 4) == '.');
}

/* \s|$|non-word|marks|,(?=$|\s|non-word|marks) */
static bool ends_token(const struct text *t, size_t i)
{
    if (character(t, i) == ',')
        i++;
    return i >= t->n || is_blank(t, i) || is_no_word(t->at[i]) || begins_marks(t, i);
}

struct token {
    size_t begin, end;
    bool abbreviation, breaks;
};

/* The next token from *at on; false when there is none. */
static bool next_token(const struct text *t, size_t *at, struct token *out)
{
    size_t i = *at;
    while (is_blank(t, i))
        i++;
    if (i >= t->n)
        return false;
    size_t length = marks_at(t, i);
    if (!length) {
        length = 1;
        if (!sw_is_among(t->at[i], U"(\"`{[:;&#*@)}]-,"))
            while (!ends_token(t, i + length))
                length++;
    }
    *out = (struct token){.begin = i, .end = i + length};
    *at = i + length;
    return true;
}

/* -- words of the model ------------------------------------------------------------------------ */

enum { MOST_LETTERS = 16 };

/* The token from .. to - 1 as bytes; false when it is longer than any word of the model, or has
 * other characters. */
static bool as_word(const struct text *t, size_t from, size_t to, char out[MOST_LETTERS])
{
    if (to - from >= MOST_LETTERS)
        return false;
    for (size_t i = from; i < to; i++) {
        if (t->at[i] >= 0x80)
            return false;
        *out++ = (char)t->at[i];
    }
    *out = 0;
    return true;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

static bool is_abbreviation(const struct text *t, size_t from, size_t to)
{
    char word[MOST_LETTERS];
    return as_word(t, from, to, word) &&
           bsearch(word, abbreviations, sizeof abbreviations / sizeof *abbreviations,
                   sizeof *abbreviations, compare_words);
}

/* ^-?[\.,]?\d[\d,\.-]*\.?$ */
static bool is_number(const struct text *t, const struct token *token)
{
    size_t i = token->begin;
    i += character(t, i) == '-';
    i += i < token->end && (t->at[i] == '.' || t->at[i] == ',');
    if (i >= token->end || !sw_is_digit(t->at[i]))
        return false;
    while (i < token->end && (sw_is_digit(t->at[i]) || sw_is_among(t->at[i], U",.-")))
        i++;
    return i == token->end;
}

/* The token's type: its letters, or "##number##"; without a last period when `bare`. "" for one
 * that the model does not know. */
static void type_of(const struct text *t, const struct token *token, bool bare,
                    char out[MOST_LETTERS])
{
    size_t end = token->end;
    if (is_number(t, token)) {
        strcpy(out, "##number##");
        return;
    }
    if (bare && end - token->begin > 1 && t->at[end - 1] == '.')
        end--;
    if (!as_word(t, token->begin, end, out))
        *out = 0;
}

/* -- decisions --------------------------------------------------------------------------------- */

/* By the token alone: an abbreviation, the end of a sentence, or neither. */
static void annotate(const struct text *t, struct token *token)
{
    size_t last = token->end - 1, part = token->begin;
    if (last == token->begin && ends_sentence(t->at[last])) {
        token->breaks = true;
        return;
    }
    if (t->at[last] != '.' || t->at[last - 1] == '.')
        return;
    for (size_t i = token->begin; i < last; i++)
        if (t->at[i] == '-')
            part = i + 1;
    token->abbreviation = is_abbreviation(t, token->begin, last) || is_abbreviation(t, part, last);
    token->breaks = !token->abbreviation;
}

/* [^\W\d]\.$ */
static bool is_initial(const struct text *t, const struct token *token)
{
    return token->end - token->begin == 2 && t->at[token->begin + 1] == '.' &&
           sw_is_word(t->at[token->begin]) && !sw_is_digit(t->at[token->begin]);
}

/* Whether a sentence ends with the token, given the one after it. */
static bool breaks_before(const struct text *t, const struct token *token, const struct token *next)
{
    char type[MOST_LETTERS], next_type[MOST_LETTERS];
    if (t->at[token->end - 1] != '.' || !token->breaks)
        return token->breaks;
    type_of(t, token, true, type);
    type_of(t, next, next->breaks, next_type);
    for (size_t i = 0; i < sizeof collocations / sizeof *collocations; i++)
        if (!strcmp(collocations[i][0], type) && !strcmp(collocations[i][1], next_type))
            return false;
    if (!is_initial(t, token) && strcmp(type, "##number##") != 0)
        return true;
    uint32_t first = t->at[next->begin];
    bool is_mark = next->end - next->begin == 1 && sw_is_among(first, U";:,.!?");
    return !is_mark && !sw_is_cased(first); /* else the sentence goes on */
}

/* Whether a sentence ends within text[from..to), before its last token. */
static bool has_break(const struct text *whole, size_t from, size_t to)
{
    struct text t = {whole->at + from, to - from};
    struct token token, next;
    size_t at = 0;
    if (!next_token(&t, &at, &token))
        return false;
    annotate(&t, &token);
    while (next_token(&t, &at, &next)) {
        annotate(&t, &next);
        if (breaks_before(&t, &token, &next))
            return true;
        token = next;
    }
    return false;
}

/* -- candidates -------------------------------------------------------------------------------- */

/* [.?!] and after it a non-word character, or white space and a word. */
struct candidate {
    size_t word;  /* where the word before it begins */
    size_t mark;  /* the [.?!] */
    size_t next;  /* where a sentence after it would begin */
    size_t after; /* the end of what comes after it */
};

/* Whether there is a candidate at i. */
static bool read_candidate(const struct text *t, size_t i, struct candidate *out)
{
    size_t next = i + 1;
    if (!ends_sentence(t->at[i]) || next >= t->n)
        return false;
    *out = (struct candidate){.mark = i, .next = next, .after = next + 1};
    if (is_no_word(t->at[next]))
        return true;
    while (is_blank(t, next))
        next++;
    if (next == i + 1 || next >= t->n)
        return false;
    out->next = out->after = next;
    while (out->after < t->n && !is_blank(t, out->after))
        out->after++;
    return true;
}

/* Where the word before a mark begins: after the last white space since the candidate before, or,
 * when there is none, where that candidate's word begins. White space at the start of the text does
 * not count. */
static size_t word_before(const struct text *t, size_t mark, const struct candidate *previous)
{
    for (size_t i = mark; i > previous->mark + 1; i--)
        if (sw_is_among(t->at[i - 1], U" \t\n\r\v\f"))
            return i;
    return previous->word;
}

/* -- sentences --------------------------------------------------------------------------------- */

static bool put(struct sw_sentences *out, size_t begin, size_t end)
{
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 8;
        struct sw_sentence_span *at = realloc(out->at, room * sizeof *at);
        if (!at)
            return false;
        out->at = at;
        out->room = room;
    }
    out->at[out->count++] = (struct sw_sentence_span){begin, end};
    return true;
}

/* ["')\]}]+?(?:\s+|(?=--)|$) at the beginning of a sentence closes the one before. */
static void realign(struct sw_sentences *out, const struct text *t)
{
    size_t kept = 0, moved = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct sw_sentence_span one = {out->at[i].begin + moved, out->at[i].end};
        moved = 0;
        if (i + 1 < out->count) {
            size_t begin = out->at[i + 1].begin, end = out->at[i + 1].end, at = begin;
            while (at < end && sw_is_among(t->at[at], U"\"')]}"))
                at++;
            if (at > begin && (at == end || is_blank(t, at) ||
                               (at + 1 < end && t->at[at] == '-' && t->at[at + 1] == '-'))) {
                one.end = at;
                while (at < end && is_blank(t, at))
                    at++;
                moved = at - begin;
            }
        }
        if (one.begin < one.end)
            out->at[kept++] = one;
    }
    out->count = kept;
}

/* What a candidate decides, once it is known to be the last one of its word. */
static bool decide(struct sw_sentences *out, const struct text *t, const struct candidate *c,
                   size_t *begin)
{
    if (!has_break(t, c->word, c->after))
        return true;
    size_t from = *begin;
    *begin = c->next;
    return put(out, from, c->mark + 1);
}

bool sw_find_sentences(struct sw_sentences *out, const uint32_t *text, size_t n)
{
    struct text t = {text, n};
    struct candidate last = {0}, now;
    bool any = false, good = true;
    size_t begin = 0;
    out->count = 0;
    for (size_t i = 0; i < n && good; i++) {
        if (!read_candidate(&t, i, &now))
            continue;
        now.word = word_before(&t, i, &last);
        if (any && last.mark <= now.word)
            good = decide(out, &t, &last, &begin);
        last = now;
        any = true;
    }
    if (any && good)
        good = decide(out, &t, &last, &begin);
    good = good && put(out, begin, n);
    if (good)
        realign(out, &t);
    return good;
}

void sw_sentences_free(struct sw_sentences *sentences)
{
    free(sentences->at);
    *sentences = (struct sw_sentences){0};
}
