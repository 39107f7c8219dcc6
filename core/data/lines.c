/* lines.c -- see lines.h. */
#include "data/lines.h"

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Goes through the lines from `start` on and puts where they begin into at, unless it is NULL. */
static size_t find_lines(const struct sw_mapping *file, size_t start, size_t *at)
{
    size_t count = 0;
    while (start < file->size) {
        if (at)
            at[count] = start;
        count++;
        const unsigned char *end = memchr(file->data + start, '\n', file->size - start);
        start = end ? (size_t)(end - file->data) + 1 : file->size;
    }
    if (at)
        at[count] = file->size;
    return count;
}

int sw_lines_open(struct sw_lines *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_lines){0};
    size_t start;
    int status = sw_map_text(&out->mapping, &start, path, error);
    if (status)
        return status;
    const struct sw_mapping *file = &out->mapping;
    out->count = find_lines(file, start, NULL);
    out->at = out->count < SIZE_MAX / sizeof *out->at - 1
                  ? malloc((out->count + 1) * sizeof *out->at)
                  : NULL;
    if (!out->at) {
        sw_fail(error, SW_FAILED, "%s: out of memory for %zu lines", path, out->count);
        sw_lines_close(out);
        return SW_FAILED;
    }
    find_lines(file, start, out->at);
    size_t length = 0;
    while (out->count && (sw_line(out, out->count - 1, &length), length == 0))
        out->count--;
    return SW_OK;
}

void sw_lines_close(struct sw_lines *lines)
{
    free(lines->at);
    sw_unmap(&lines->mapping);
    *lines = (struct sw_lines){0};
}

static bool blank(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *sw_line(const struct sw_lines *lines, size_t i, size_t *length)
{
    const unsigned char *data = lines->mapping.data;
    size_t begin = lines->at[i], end = lines->at[i + 1];
    while (end > begin && blank(data[end - 1]))
        end--;
    while (begin < end && blank(data[begin]))
        begin++;
    *length = end - begin;
    return (const char *)data + begin;
}

/* ---- numbers ---- */

/* These powers of ten are exact, so one product or quotient rounds once. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum { LARGEST = 22, ENOUGH = 100000 };

static bool digit_at(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static double scaled(double value, int64_t exponent)
{
    if (value == 0.0)
        return value;
    for (; exponent > LARGEST && value <= FLT_MAX; exponent -= LARGEST)
        value *= powers[LARGEST];
    for (; exponent < -LARGEST && value > 0.0; exponent += LARGEST)
        value /= powers[LARGEST];
    if (exponent > LARGEST || exponent < -LARGEST)
        return value;
    return exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
}

const char *sw_parse_number(const char *at, const char *end, double *out)
{
    bool negative = at < end && *at == '-', any = false;
    if (negative || (at < end && *at == '+'))
        at++;

    /* digits beyond the nineteenth are below anything that float32 could show */
    uint64_t digits = 0;
    int64_t exponent = 0;
    for (; digit_at(at, end); at++, any = true) {
        if (digits < UINT64_MAX / 10 - 1)
            digits = digits * 10 + (uint64_t)(*at - '0');
        else
            exponent++;
    }
    if (at < end && *at == '.') {
        for (at++; digit_at(at, end); at++, any = true)
            if (digits < UINT64_MAX / 10 - 1) {
                digits = digits * 10 + (uint64_t)(*at - '0');
                exponent--;
            }
    }
    if (!any)
        return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool down = at < end && *at == '-';
        if (down || (at < end && *at == '+'))
            at++;
        if (!digit_at(at, end))
            return NULL;
        int64_t power = 0;
        for (; digit_at(at, end); at++)
            if (power < ENOUGH)
                power = power * 10 + (*at - '0');
        exponent += down ? -power : power;
    }

    double value = scaled((double)digits, exponent);
    if (!(value <= FLT_MAX))
        return NULL;
    *out = negative ? -value : value;
    return at;
}
