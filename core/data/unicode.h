/* unicode.h -- characters as Python's str and re see them, whatever the locale; the tables are
 * libunistring's. Characters that are younger than its Unicode count as neither word, digit, space
 * nor letter with a case. */
#ifndef SW_DATA_UNICODE_H
#define SW_DATA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

bool sw_is_space(uint32_t character); /* str.isspace(), and \s */
bool sw_is_word(uint32_t character);  /* \w: letters, digits, numbers and the underscore */
bool sw_is_digit(uint32_t character); /* \d: decimal digits of any script */
bool sw_is_cased(uint32_t character); /* letters that have an upper and a lower case */

static inline bool sw_is_among(uint32_t character, const char32_t *set)
{
    for (; *set; set++)
        if (character == *set)
            return true;
    return false;
}

/* str.lower() of text[0..count) into out, which has room for 2 * count; returns the new count. A
 * capital sigma takes its final form at the end of a word; U+0130 becomes two characters. */
size_t sw_lower(const uint32_t *text, size_t count, uint32_t *out);

#endif
