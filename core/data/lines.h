/* lines.h -- a text file as lines: captions, names of images; and the numbers of a line. */
#ifndef SW_DATA_LINES_H
#define SW_DATA_LINES_H

#include "base/error.h"
#include "base/file.h"

#include <stddef.h>

struct sw_lines {
    struct sw_mapping mapping;
    size_t count;
    size_t *at; /* (count + 1): where each line begins in the mapping */
};

/* Maps `path` and finds its lines. They end at '\n' only, the last one at the end of the file; a
 * byte order mark before the first one and blank lines after the last one are left out. An empty
 * file has no lines. On failure *out may be closed. */
int sw_lines_open(struct sw_lines *out, const char *path, struct sw_error *error);
void sw_lines_close(struct sw_lines *lines);

/* Line i < count, not ended by a NUL, without white space (of ASCII) on either side. */
const char *sw_line(const struct sw_lines *lines, size_t i, size_t *length);

/* Reads the decimal number at `at`, not beyond `end`, and returns where it ends: an optional sign,
 * digits with at most one point, an optional exponent. NULL when there is none, or when it is too
 * large for float32; NaN and infinity are none. Up to 2^53 and 22 places *out is the double nearest
 * to the text, beyond that it may be a few units of its last place away. */
const char *sw_parse_number(const char *at, const char *end, double *out);

#endif
