/* pickle_scalars.c -- texts and numbers of a pickle, in all the forms that opcodes have. */
#include "data/lines.h"
#include "data/pickle_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

const unsigned char *sw_pickle_take(struct sw_pickle_reader *r, uint64_t count)
{
    if (count > (size_t)(r->end - r->at)) {
        sw_pickle_fail(r, "expected %llu more bytes, found %zu", (unsigned long long)count,
                       (size_t)(r->end - r->at));
        return NULL;
    }
    r->at += count;
    return r->at - count;
}

bool sw_pickle_number(struct sw_pickle_reader *r, int bytes, uint64_t *out)
{
    const unsigned char *at = sw_pickle_take(r, (uint64_t)bytes);
    *out = 0;
    for (int i = bytes; at && i--;)
        *out = *out << 8 | at[i];
    return at != NULL;
}

const char *sw_pickle_line(struct sw_pickle_reader *r, size_t *length)
{
    const unsigned char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!end) {
        sw_pickle_fail(r, "expected a line, found its end");
        return NULL;
    }
    const char *begin = (const char *)r->at;
    *length = (size_t)(end - r->at);
    r->at = end + 1;
    return begin;
}

static int push_text(struct sw_pickle_reader *r, enum sw_pickle_kind kind, const void *bytes,
                     uint64_t length)
{
    struct sw_pickle_value *value = bytes ? sw_pickle_new(r, kind) : NULL;
    if (!value)
        return SW_FAILED;
    value->bytes = bytes;
    value->length = (size_t)length;
    return sw_pickle_push(r, value);
}

/* A text whose length comes first, in so many bytes. */
int sw_pickle_counted(struct sw_pickle_reader *r, enum sw_pickle_kind kind, int bytes)
{
    uint64_t length;
    if (!sw_pickle_number(r, bytes, &length))
        return SW_FAILED;
    return push_text(r, kind, sw_pickle_take(r, length), length);
}

int sw_pickle_integer(struct sw_pickle_reader *r, enum sw_pickle_kind kind, int64_t integer)
{
    struct sw_pickle_value *value = sw_pickle_new(r, kind);
    if (value)
        value->integer = integer;
    return sw_pickle_push(r, value);
}

static int push_real(struct sw_pickle_reader *r, double real)
{
    struct sw_pickle_value *value = sw_pickle_new(r, SW_PICKLE_FLOAT);
    if (value)
        value->real = real;
    return sw_pickle_push(r, value);
}

/* An integer of `length` bytes in two's complement; more than eight give the nearest float. */
int sw_pickle_long(struct sw_pickle_reader *r, uint64_t length)
{
    const unsigned char *at = sw_pickle_take(r, length);
    if (!at)
        return SW_FAILED;
    bool negative = length && at[length - 1] & 0x80;
    uint64_t bits = negative ? UINT64_MAX : 0;
    if (length <= 8) {
        for (uint64_t i = length; i--;)
            bits = bits << 8 | at[i];
        return sw_pickle_integer(r, SW_PICKLE_INT, (int64_t)bits);
    }
    double real = 0.0;
    for (uint64_t i = length; i--;)
        real = real * 256.0 + (negative ? (unsigned char)~at[i] : at[i]);
    return push_real(r, negative ? -real - 1.0 : real);
}

/* INT, LONG and FLOAT of protocol 0: a number as text. */
int sw_pickle_decimal(struct sw_pickle_reader *r, bool real)
{
    char text[64], *end;
    double value;
    size_t length;
    const char *begin = sw_pickle_line(r, &length);
    if (!begin)
        return SW_FAILED;
    if (length && begin[length - 1] == 'L')
        length--;
    if (length == 0 || length >= sizeof text)
        return sw_pickle_fail(r, "expected a number, found %zu bytes", length);
    memcpy(text, begin, length);
    text[length] = 0;
    if (!real && length == 2 && text[0] == '0' && (text[1] == '0' || text[1] == '1'))
        return sw_pickle_integer(r, SW_PICKLE_BOOL, text[1] - '0');
    if (real)
        return sw_parse_number(text, text + length, &value) == text + length
                   ? push_real(r, value)
                   : sw_pickle_fail(r, "expected a number");
    errno = 0;
    long long integer = strtoll(text, &end, 10);
    if (errno && sw_parse_number(text, text + length, &value) == text + length)
        return push_real(r, value);
    return *end ? sw_pickle_fail(r, "expected a whole number")
                : sw_pickle_integer(r, SW_PICKLE_INT, integer);
}

static int hex(unsigned char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* STRING of protocol 0: as Python prints a str of Python 2, in quotes, with escapes. */
int sw_pickle_quoted(struct sw_pickle_reader *r)
{
    static const char names[] = "\\'\"ntr", values[] = "\\'\"\n\t\r";
    size_t length, n = 0;
    const char *s = sw_pickle_line(r, &length), *known;
    if (!s)
        return SW_FAILED;
    if (length < 2 || (*s != '\'' && *s != '"') || s[length - 1] != *s)
        return sw_pickle_fail(r, "expected a text in quotes");
    char *out = sw_pickle_room(r, length);
    if (!out)
        return SW_FAILED;
    for (size_t i = 1; i + 1 < length; i++) {
        if (s[i] != '\\') {
            out[n++] = s[i];
            continue;
        }
        i++;
        if (i + 3 < length && s[i] == 'x' && hex((unsigned char)s[i + 1]) >= 0 &&
            hex((unsigned char)s[i + 2]) >= 0) {
            out[n++] = (char)(hex((unsigned char)s[i + 1]) * 16 + hex((unsigned char)s[i + 2]));
            i += 2;
        } else if (i + 1 < length && s[i] && (known = strchr(names, s[i]))) {
            out[n++] = values[known - names];
        } else {
            return sw_pickle_fail(r, "a text holds an escape that is not known");
        }
    }
    return push_text(r, SW_PICKLE_TEXT, out, n);
}

/* UNICODE of protocol 0: Latin-1, and other characters as \\uXXXX or \\UXXXXXXXX. */
int sw_pickle_escaped(struct sw_pickle_reader *r)
{
    size_t length, n = 0;
    const char *s = sw_pickle_line(r, &length);
    uint8_t *out = s ? sw_pickle_room(r, 2 * length + 4) : NULL;
    if (!out)
        return SW_FAILED;
    for (size_t i = 0; i < length; i++) {
        ucs4_t c = (unsigned char)s[i];
        size_t digits = 0;
        if (c == '\\' && i + 1 < length)
            digits = s[i + 1] == 'u' ? 4 : s[i + 1] == 'U' ? 8 : 0;
        if (digits && i + 1 + digits < length) {
            c = 0;
            for (size_t d = i + 2; d < i + 2 + digits; d++) {
                if (hex((unsigned char)s[d]) < 0)
                    return sw_pickle_fail(r, "a text holds an escape that is not known");
                c = c << 4 | (ucs4_t)hex((unsigned char)s[d]);
            }
            i += 1 + digits;
        }
        int bytes = u8_uctomb(out + n, c, 4);
        if (bytes < 0)
            return sw_pickle_fail(r, "a text holds an escape that is no character");
        n += (size_t)bytes;
    }
    return push_text(r, SW_PICKLE_TEXT, out, n);
}

int sw_pickle_double(struct sw_pickle_reader *r)
{
    const unsigned char *at = sw_pickle_take(r, 8);
    uint64_t bits = 0;
    double real;
    if (!at)
        return SW_FAILED;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    memcpy(&real, &bits, sizeof real);
    return push_real(r, real);
}
