/* number.h -- decimal numbers in text, whatever the locale. */
#ifndef SW_DATA_NUMBER_H
#define SW_DATA_NUMBER_H

/* Reads the decimal number at `at`, not beyond `end`, and returns where it ends: an optional sign,
 * digits with at most one point, an optional exponent. NULL when there is none, or when it is too
 * large for float32; NaN and infinity are none. Up to 2^53 and 22 places *out is the double nearest
 * to the text, beyond that it may be a few units of its last place away. */
const char *sw_parse_number(const char *at, const char *end, double *out);

#endif
