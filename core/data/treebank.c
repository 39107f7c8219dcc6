/* treebank.c -- the Treebank rules, one pass over the sentence per rule, in NLTK's order.
 *
 * The rules put spaces around what becomes a token. Each pass reads the sentence from `at` and
 * writes its next state through emit(). The regular expression above a pass is its rule. */
#include "data/treebank.h"

#include "data/unicode.h"

#include <stdlib.h>
#include <string.h>

enum {
    NOTHING = 0x110000, /* lies beyond both ends of the line; no rule matches it */
    GUARD = 4,
    GROWTH = 4, /* no pass makes more of one character than this */
};

static bool grow(struct sw_treebank *t, size_t room)
{
    for (int i = 0; i < 2 && room > t->room; i++) {
        uint32_t *now = realloc(t->scratch[i], (room + 2 * GUARD) * sizeof *now);
        if (!now)
            return false;
        t->scratch[i] = now;
        for (int j = 0; j < GUARD; j++)
            now[j] = NOTHING;
    }
    if (room > t->room)
        t->room = room;
    t->at = t->scratch[t->line] + GUARD;
    t->next = t->scratch[!t->line] + GUARD;
    return true;
}

/* Room for any pass over n characters. */
static bool make_room(struct sw_treebank *t, size_t n)
{
    return n < SIZE_MAX / (2 * GROWTH * sizeof *t->at) && grow(t, GROWTH * n + 16);
}

static void emit(struct sw_treebank *t, uint32_t c)
{
    t->next[t->m++] = c;
}

/* The characters from .. to - 1 as they are. */
static void emit_from(struct sw_treebank *t, size_t from, size_t to)
{
    if (to <= from)
        return;
    memcpy(t->next + t->m, t->at + from, (to - from) * sizeof *t->at);
    t->m += to - from;
}

/* ... with a space on both sides. */
static void emit_part(struct sw_treebank *t, size_t from, size_t to)
{
    emit(t, ' ');
    emit_from(t, from, to);
    emit(t, ' ');
}

/* What a pass has written becomes the line. */
static void turn(struct sw_treebank *t)
{
    t->line = !t->line;
    t->n = t->m;
    t->m = 0;
    if (!make_room(t, t->n)) {
        t->failed = true;
        t->n = 0;
        t->at = t->scratch[t->line] + GUARD;
        t->next = t->scratch[!t->line] + GUARD;
    }
    for (size_t i = 0; i < GUARD; i++)
        t->at[t->n + i] = NOTHING;
}

static void note(struct sw_treebank *t, uint32_t c)
{
    if (c < 128)
        t->seen[c / 64] |= (uint64_t)1 << c % 64;
    else
        t->beyond = true;
}

static bool has(const struct sw_treebank *t, uint32_t c)
{
    return c < 128 ? t->seen[c / 64] >> c % 64 & 1 : t->beyond;
}

static bool has_any(const struct sw_treebank *t, const char32_t *set)
{
    for (; *set; set++)
        if (has(t, *set))
            return true;
    return false;
}

/* Each character of the set becomes a token. */
static void part_each(struct sw_treebank *t, const char32_t *set)
{
    if (!has_any(t, set))
        return;
    for (size_t i = 0; i < t->n; i++) {
        if (sw_is_among(t->at[i], set))
            emit_part(t, i, i + 1);
        else
            emit(t, t->at[i]);
    }
    turn(t);
}

/* Runs of at least `least` and, when most > 0, at most `most` of the character become a token. */
static void part_runs(struct sw_treebank *t, uint32_t c, size_t least, size_t most)
{
    if (!has(t, c))
        return;
    for (size_t i = 0, end; i < t->n; i = end) {
        for (end = i; t->at[end] == c && (most == 0 || end - i < most); end++)
            ;
        if (end == i)
            end = i + 1;
        if (t->at[i] == c && end - i >= least)
            emit_part(t, i, end);
        else
            emit_from(t, i, end);
    }
    turn(t);
}

/* ^"  is  `` */
static void opening_quote_at_start(struct sw_treebank *t)
{
    if (t->at[0] != '"')
        return;
    emit(t, '`');
    emit(t, '`');
    emit_from(t, 1, t->n);
    note(t, '`');
    turn(t);
}

/* ([ \(\[{<])("|'{2})  is  \1 ``  */
static void opening_quotes(struct sw_treebank *t)
{
    for (size_t i = 0; i < t->n; i++) {
        emit(t, t->at[i]);
        if (!sw_is_among(t->at[i], U" ([{<"))
            continue;
        bool one = t->at[i + 1] == '"', two = t->at[i + 1] == '\'' && t->at[i + 2] == '\'';
        if (one || two) {
            emit(t, ' ');
            emit(t, '`');
            emit(t, '`');
            emit(t, ' ');
            i += one ? 1 : 2;
        }
    }
    turn(t);
}

/* (?i)(\')(?!re|ve|ll|m|t|s|d|n)(\w)\b  is  \1 \2: a quote opened before a word of one letter.
 * Without regard to case, the long s is an s. */
static void quoted_letters(struct sw_treebank *t)
{
    for (size_t i = 0; i < t->n; i++) {
        emit(t, t->at[i]);
        if (t->at[i] == '\'' && sw_is_word(t->at[i + 1]) && !sw_is_word(t->at[i + 2]) &&
            !sw_is_among(t->at[i + 1], U"mtsdn\u017f"))
            emit(t, ' ');
    }
    turn(t);
}

/* ([^\.])(\.)([closers]*)\s*$  is  \1 \2\3 , with a space before \3 when `apart`. The closers hold
 * no period, so only the last one can match. */
static void final_period(struct sw_treebank *t, const char32_t *closers, bool apart)
{
    if (!has(t, '.'))
        return;
    size_t after = t->n;
    while (after > 0 && t->at[after - 1] != '.')
        after--;
    if (after < 2 || t->at[after - 2] == '.')
        return;
    size_t closed = after;
    while (sw_is_among(t->at[closed], closers))
        closed++;
    for (size_t i = closed; i < t->n; i++)
        if (!sw_is_space(t->at[i]))
            return;
    emit_from(t, 0, after - 1);
    emit(t, ' ');
    emit(t, '.');
    if (apart)
        emit(t, ' ');
    emit_from(t, after, closed);
    emit(t, ' ');
    turn(t);
}

/* ([:,])([^\d])  is   \1 \2: not the comma of 1,000 */
static void inner_commas(struct sw_treebank *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!sw_is_among(t->at[i], U":,") || i + 1 == t->n || sw_is_digit(t->at[i + 1])) {
            emit(t, t->at[i]);
        } else {
            emit_part(t, i, i + 1);
            emit(t, t->at[++i]);
        }
    }
    turn(t);
}

/* ([:,])$  is   \1  */
static void final_comma(struct sw_treebank *t)
{
    if (t->n == 0 || !sw_is_among(t->at[t->n - 1], U":,"))
        return;
    emit_from(t, 0, t->n - 1);
    emit_part(t, t->n - 1, t->n);
    turn(t);
}

/* ([^'])'   is  \1 '  */
static void closing_single_quotes(struct sw_treebank *t)
{
    for (size_t i = 0; i < t->n; i++) {
        emit(t, t->at[i]);
        if (t->at[i] != '\'' && t->at[i + 1] == '\'' && t->at[i + 2] == ' ') {
            emit_part(t, i + 1, i + 2);
            i += 2;
        }
    }
    turn(t);
}

/* "  is   ''  */
static void closing_double_quotes(struct sw_treebank *t)
{
    if (!has(t, '"'))
        return;
    for (size_t i = 0; i < t->n; i++) {
        if (t->at[i] != '"') {
            emit(t, t->at[i]);
            continue;
        }
        emit(t, ' ');
        emit(t, '\'');
        emit(t, '\'');
        emit(t, ' ');
    }
    note(t, '\'');
    turn(t);
}

/* How many characters of `word` stand at text[0..): all of them, or 0. The rules that use it
 * disregard case, and there the dotless i is an i and the long s an s. */
static size_t stands(const uint32_t *text, const char32_t *word)
{
    size_t i = 0;
    for (; word[i]; i++)
        if (text[i] != word[i] && !(word[i] == 'i' && text[i] == 0x131) &&
            !(word[i] == 's' && text[i] == 0x17f))
            return 0;
    return i;
}

/* ([^' ])(ending)   is  \1 \2 , for each of the endings */
static void part_endings(struct sw_treebank *t, const char32_t *const *endings, size_t count)
{
    for (size_t i = 0; i < t->n; i++) {
        emit(t, t->at[i]);
        if (t->at[i] == '\'' || t->at[i] == ' ')
            continue;
        for (size_t j = 0; j < count; j++) {
            size_t length = 0;
            while (endings[j][length] && t->at[i + 1 + length] == endings[j][length])
                length++;
            if (endings[j][length] || t->at[i + 1 + length] != ' ')
                continue;
            emit_part(t, i + 1, i + 1 + length);
            i += length + 1;
            break;
        }
    }
    turn(t);
}

/* (?i)\b(can)(not)\b  is   \1 \2 , and its like. Each begins and ends at a word's border, so two of
 * them never share a character and one pass serves all. The line begins with a space here. */
static void part_contractions(struct sw_treebank *t)
{
    static const struct {
        const char32_t *whole;
        unsigned first; /* length of the first half */
    } contractions[] = {
        {U"cannot", 3}, {U"d'ye", 1},  {U"gimme", 3},  {U"gonna", 3},
        {U"gotta", 3},  {U"lemme", 3}, {U"more'n", 4}, {U"wanna", 3},
    };
    size_t done = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!sw_is_among(t->at[i], U"cdglmw") || sw_is_word(t->at[i - 1]))
            continue;
        for (size_t j = 0; j < sizeof contractions / sizeof contractions[0]; j++) {
            size_t length = stands(t->at + i, contractions[j].whole);
            if (!length || sw_is_word(t->at[i + length]))
                continue;
            if (t->at[i] == 'w' && !sw_is_space(t->at[i + length])) /* wanna(?=\s) */
                continue;
            emit_from(t, done, i);
            emit(t, ' ');
            emit_from(t, i, i + contractions[j].first);
            emit_part(t, i + contractions[j].first, i + length);
            done = i + length;
            i = done - 1;
            break;
        }
    }
    if (done == 0)
        return;
    emit_from(t, done, t->n);
    turn(t);
}

/* (?i) ('t)(is)\b  is   \1 \2  */
static void part_tis(struct sw_treebank *t, const char32_t *whole)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t length = stands(t->at + i, whole);
        if (!length || sw_is_word(t->at[i + length])) {
            emit(t, t->at[i]);
            continue;
        }
        emit_from(t, i, i + 3);
        emit_part(t, i + 3, i + length);
        i += length - 1;
    }
    turn(t);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void apply_rules(struct sw_treebank *t)
{
    static const char32_t *const one_letter[] = {U"'s", U"'m", U"'d", U"'"};
    static const char32_t *const two_letters[] = {U"'ll", U"'re", U"'ve", U"n't"};
    bool quotes = has_any(t, U"'\"`\u00ab");

    if (quotes) {
        part_each(t, U"\u00ab\u201c\u2018\u201e");
        part_runs(t, '`', 1, 0);
        opening_quote_at_start(t);
        part_runs(t, '`', 2, 2);
        opening_quotes(t);
        quoted_letters(t);
    }

    final_period(t, U"])}>\"'\u00bb\u201d\u2019 ", true);
    if (has_any(t, U":,")) {
        inner_commas(t);
        final_comma(t);
    }
    part_runs(t, '.', 2, 0);
    part_each(t, U";@#$%&");
    final_period(t, U"])}>\"'", false);
    part_each(t, U"?!");
    if (quotes)
        closing_single_quotes(t);
    part_each(t, U"*");
    part_each(t, U"[](){}<>");
    part_runs(t, '-', 2, 2);

    emit_part(t, 0, t->n);
    turn(t);

    if (quotes) {
        part_each(t, U"\u00bb\u201d\u2019");
        part_runs(t, '\'', 2, 2);
        closing_double_quotes(t);
        part_endings(t, one_letter, COUNT(one_letter));
        part_endings(t, two_letters, COUNT(two_letters));
    }

    part_contractions(t);
    if (quotes) {
        part_tis(t, U" 'tis");
        part_tis(t, U" 'twas");
    }
}

bool sw_treebank(struct sw_treebank *t, const uint32_t *sentence, size_t n)
{
    t->seen[0] = t->seen[1] = 0;
    t->beyond = t->failed = false;
    t->m = 0;
    if (!make_room(t, n))
        return false;
    if (n)
        memcpy(t->next, sentence, n * sizeof *sentence);
    t->m = n;
    turn(t);
    for (size_t i = 0; i < t->n; i++)
        note(t, t->at[i]);
    apply_rules(t);
    return !t->failed;
}

void sw_treebank_free(struct sw_treebank *t)
{
    free(t->scratch[0]);
    free(t->scratch[1]);
    *t = (struct sw_treebank){0};
}
