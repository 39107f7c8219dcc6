/* unicode.c -- see unicode.h. */
#include "data/unicode.h"

#include "data/unicode_table.h"

size_t sw_utf8_decode(const char *bytes, size_t size, uint32_t *character)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (b[0] < 0x80) {
        *character = b[0];
        return 1;
    }
    size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (b[0] < 0xc2 || b[0] > 0xf4 || size < length)
        return 0;
    uint32_t c = b[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b[i] & 0x3f);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *character = c;
    return length;
}

size_t sw_utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[length] | c);
    return length;
}

static unsigned properties(uint32_t c)
{
    size_t low = 0, high = sizeof property_runs / sizeof property_runs[0];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (property_runs[middle] >> 5 <= c)
            low = middle;
        else
            high = middle;
    }
    return property_runs[low] & 31;
}

bool sw_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
    return properties(c) & SPACE;
}

bool sw_is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    return properties(c) & WORD;
}

bool sw_is_digit(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : properties(c) & DIGIT;
}

bool sw_is_cased(uint32_t c)
{
    return properties(c) & CASED;
}

static uint32_t lower_alone(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    size_t low = 0, high = sizeof lower_runs / sizeof lower_runs[0];
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (lower_runs[middle].first <= c)
            low = middle;
        else
            high = middle;
    }
    const struct lower_run *run = &lower_runs[low];
    if (c < run->first || c > run->last || (c - run->first) % run->step)
        return c;
    return c + (uint32_t)run->by;
}

enum { CAPITAL_SIGMA = 0x3a3, SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };

/* A letter with a case before text[i] and none after it; ignorable characters do not count. */
static bool ends_word(const uint32_t *text, size_t count, size_t i)
{
    size_t before = i, after = i + 1;
    while (before > 0 && properties(text[before - 1]) & IGNORABLE)
        before--;
    if (before == 0 || !(properties(text[before - 1]) & CASED))
        return false;
    while (after < count && properties(text[after]) & IGNORABLE)
        after++;
    return after == count || !(properties(text[after]) & CASED);
}

size_t sw_lower(const uint32_t *text, size_t count, uint32_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] == CAPITAL_SIGMA) {
            out[n++] = ends_word(text, count, i) ? FINAL_SIGMA : SIGMA;
        } else if (text[i] == 0x130) { /* capital I with a dot: i and the dot */
            out[n++] = 'i';
            out[n++] = 0x307;
        } else {
            out[n++] = lower_alone(text[i]);
        }
    }
    return n;
}
