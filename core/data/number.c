/* number.c -- see number.h. */
#include "data/number.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
