/* unicode.h -- characters as Python's str and re see them, whatever the locale.
 *
 * The tables are Python 3.11's (Unicode 14); unicode_table.py makes them. Characters that a later
 * Unicode added count as neither word, digit, space nor letter with a case. */
#ifndef SW_DATA_UNICODE_H
#define SW_DATA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at bytes[0..size), size > 0, and returns how many bytes it takes, 1 to 4;
 * 0 when they are not UTF-8 (also overlong forms, surrogates and what lies beyond U+10FFFF). */
size_t sw_utf8_decode(const char *bytes, size_t size, uint32_t *character);

/* Writes a character up to U+10FFFF and returns how many bytes it took, 1 to 4. */
size_t sw_utf8_encode(uint32_t character, char out[4]);

bool sw_is_space(uint32_t character); /* str.isspace(), and \s */
bool sw_is_word(uint32_t character);  /* \w: letters, digits, numbers and the underscore */
bool sw_is_digit(uint32_t character); /* \d: decimal digits of any script */
bool sw_is_cased(uint32_t character); /* letters that have an upper and a lower case */

/* str.lower() of text[0..count) into out, which has room for 2 * count; returns the new count. A
 * capital sigma takes its final form at the end of a word; U+0130 becomes two characters. */
size_t sw_lower(const uint32_t *text, size_t count, uint32_t *out);

#endif
