/* base64.c -- see base64.h. */
#include "data/base64.h"

#include <stdint.h>
#include <string.h>

/* The value of a character; 64 and above: none. */
static unsigned value_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

size_t sw_base64_room(size_t length)
{
    return length / 4 * 3;
}

int sw_base64_decode(const char *text, size_t length, unsigned char *out, size_t *count,
                     struct sw_error *error)
{
    uint8_t values[256];
    for (unsigned c = 0; c < 256; c++)
        values[c] = (uint8_t)value_of((unsigned char)c);
    *count = 0;
    if (length % 4)
        return sw_fail(error, SW_FAILED,
                       "base64 is cut: expected a multiple of 4 characters, found %zu", length);
    const unsigned char *in = (const unsigned char *)text;
    size_t padding = length && in[length - 1] == '=' ? in[length - 2] == '=' ? 2 : 1 : 0;
    size_t whole = length / 4 - (padding != 0), i = 0;
    unsigned char *to = out;
    for (; i < whole; i++, to += 3) {
        unsigned a = values[in[4 * i]], b = values[in[4 * i + 1]], c = values[in[4 * i + 2]],
                 d = values[in[4 * i + 3]];
        if ((a | b | c | d) & 64)
            break;
        to[0] = (unsigned char)(a << 2 | b >> 4);
        to[1] = (unsigned char)(b << 4 | c >> 2);
        to[2] = (unsigned char)(c << 6 | d);
    }
    size_t at = 4 * i, end = i < whole ? at + 4 : length - padding;
    unsigned bits = 0;
    for (; at < end; at++) {
        if (values[in[at]] & 64)
            return sw_fail(error, SW_FAILED, "base64 is damaged: character %zu is 0x%02x", at + 1,
                           in[at]);
        bits = bits << 6 | values[in[at]];
    }
    if (padding == 1) {
        *to++ = (unsigned char)(bits >> 10);
        *to++ = (unsigned char)(bits >> 2);
    } else if (padding == 2) {
        *to++ = (unsigned char)(bits >> 4);
    }
    *count = (size_t)(to - out);
    return SW_OK;
}
