/* error.c -- one-line messages, and the near miss. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

int sw_fail(struct sw_error *error, int status, const char *format, ...)
{
    if (!error)
        return status;
    if (error->status != SW_OK)
        return error->status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    one_line(error->text);
    error->status = status;
    return status;
}

void sw_error_within(struct sw_error *error, const char *format, ...)
{
    if (!error || error->status == SW_OK || error->status == SW_INTERRUPTED)
        return;
    char before[sizeof error->text], whole[2 * sizeof error->text + 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "%s: %s", before, error->text);
    one_line(whole);
    memcpy(error->text, whole, sizeof error->text);
    error->text[sizeof error->text - 1] = 0;
}

enum { LONGEST_NAME = 63 };

/* Optimal string alignment distance; names longer than LONGEST_NAME are never near. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST_NAME || m > LONGEST_NAME)
        return LONGEST_NAME;
    unsigned char row[3][LONGEST_NAME + 1];
    unsigned char *two_up = row[0], *up = row[1], *at = row[2];
    for (size_t j = 0; j <= m; j++)
        up[j] = (unsigned char)j;
    for (size_t i = 1; i <= n; i++) {
        at[0] = (unsigned char)i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1u < best)
                best = up[j] + 1u;
            if (at[j - 1] + 1u < best)
                best = at[j - 1] + 1u;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_up[j - 2] + 1u < best)
                best = two_up[j - 2] + 1u;
            at[j] = (unsigned char)best;
        }
        unsigned char *spare = two_up;
        two_up = up;
        up = at;
        at = spare;
    }
    return up[m];
}

const char *sw_near_miss(const char *name, const char *const *names, size_t count)
{
    size_t length = strlen(name), best = length < 4 ? 2 : 3;
    if (length > 9)
        best = 4;
    const char *near = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, names[i]);
        if (d < best && d < strlen(names[i])) {
            best = d;
            near = names[i];
        }
    }
    return near;
}

void sw_suggest(char *out, size_t size, const char *name, const char *const *names, size_t count)
{
    const char *near = sw_near_miss(name, names, count);
    if (near) {
        snprintf(out, size, "; did you mean '%s'?", near);
        return;
    }
    enum { MOST_LISTED = 24 };
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < count && i < MOST_LISTED && used < size; i++) {
        int wrote = snprintf(out + used, size - used, "%s%s", i ? ", " : "; there are ", names[i]);
        if (wrote < 0)
            return;
        used += (size_t)wrote;
    }
    if (count > MOST_LISTED && used < size)
        snprintf(out + used, size - used, " and %zu others", count - MOST_LISTED);
}
