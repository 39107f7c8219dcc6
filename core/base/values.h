/* values.h -- the lesser and the greater of two numbers, and values as text. */
#ifndef SW_BASE_VALUES_H
#define SW_BASE_VALUES_H

#include <stddef.h>
#include <stdint.h>

static inline int sw_min(int a, int b)
{
    return a < b ? a : b;
}

static inline int sw_max(int a, int b)
{
    return a > b ? a : b;
}

static inline size_t sw_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t sw_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Sixteen hexadecimal digits of x. */
const char *sw_hex(char out[17], uint64_t x);

/* "6000 x 36 x 768" where `between` is " x ", or "a scalar". */
const char *sw_shape_text(char out[128], int ndim, const size_t *shape, const char *between);

#endif
