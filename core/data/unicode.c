/* unicode.c -- see unicode.h. u32_tolower is not Python's: it ends words at other characters. */
#include "data/unicode.h"

#include <unicase.h>
#include <unictype.h>

bool sw_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
    int direction = uc_bidi_class(c);
    return direction == UC_BIDI_WS || direction == UC_BIDI_B || direction == UC_BIDI_S ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Zs);
}

bool sw_is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

bool sw_is_digit(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9'
                    : uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd);
}

bool sw_is_cased(uint32_t c)
{
    return uc_is_property_cased(c) && !uc_is_property_case_ignorable(c);
}

enum { CAPITAL_SIGMA = 0x3a3, SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };

/* A letter with a case before text[i] and none after it; ignorable characters do not count. */
static bool ends_word(const uint32_t *text, size_t count, size_t i)
{
    size_t before = i, after = i + 1;
    while (before > 0 && uc_is_property_case_ignorable(text[before - 1]))
        before--;
    if (before == 0 || !sw_is_cased(text[before - 1]))
        return false;
    while (after < count && uc_is_property_case_ignorable(text[after]))
        after++;
    return after == count || !sw_is_cased(text[after]);
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
            out[n++] = uc_tolower(text[i]);
        }
    }
    return n;
}
