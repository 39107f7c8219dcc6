/* npy_header.c -- the dictionary at the head of a .npy file.
 *
 * {'descr': '<f4', 'fortran_order': False, 'shape': (6000, 36, 768), }
 * A Python literal, of which only this form is read: three keys in any order, either kind of quote,
 * spaces and a line end after it. */
#include "data/npy_header.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    enum sw_dtype dtype;
    const char *descr, *name;
    size_t size;
} dtypes[] = {
    {SW_FLOAT32, "<f4", "float32", 4}, {SW_FLOAT16, "<f2", "float16", 2},
    {SW_UINT8, "|u1", "uint8", 1},     {SW_INT32, "<i4", "int32", 4},
    {SW_INT64, "<i8", "int64", 8},     {SW_FLOAT64, "<f8", "float64", 8},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

const char *sw_npy_descr(enum sw_dtype dtype)
{
    return dtypes[dtype - SW_FLOAT32].descr;
}

const char *sw_dtype_name(enum sw_dtype dtype)
{
    return dtypes[dtype - SW_FLOAT32].name;
}

size_t sw_dtype_size(enum sw_dtype dtype)
{
    return dtypes[dtype - SW_FLOAT32].size;
}

struct cursor {
    const char *at, *end;
    const char *path;
    struct sw_error *error;
};

static int malformed(const struct cursor *c, const char *expected)
{
    size_t left = (size_t)(c->end - c->at);
    if (left == 0)
        return sw_fail(c->error, SW_FAILED, "%s: header: expected %s, found its end", c->path,
                       expected);
    return sw_fail(c->error, SW_FAILED, "%s: header: expected %s, found '%.*s'", c->path, expected,
                   left > 24 ? 24 : (int)left, c->at);
}

static void spaces(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n'))
        c->at++;
}

/* Whether `sign` comes next, after spaces; then it is behind. */
static bool take(struct cursor *c, char sign)
{
    spaces(c);
    if (c->at == c->end || *c->at != sign)
        return false;
    c->at++;
    return true;
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t length = strlen(word);
    spaces(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length))
        return false;
    c->at += length;
    return true;
}

/* A string without escapes into out. */
static int string(struct cursor *c, char *out, size_t room, const char *expected)
{
    spaces(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return malformed(c, expected);
    const char *begin = c->at + 1;
    const char *close = memchr(begin, *c->at, (size_t)(c->end - begin));
    if (!close || (size_t)(close - begin) >= room || memchr(begin, '\\', (size_t)(close - begin)))
        return malformed(c, expected);
    memcpy(out, begin, (size_t)(close - begin));
    out[close - begin] = 0;
    c->at = close + 1;
    return SW_OK;
}

static int read_descr(struct cursor *c, struct sw_npy *out)
{
    char descr[32];
    spaces(c);
    if (c->at < c->end && *c->at == '[')
        return sw_fail(c->error, SW_FAILED,
                       "%s: expected one dtype (<f4, <f8, <f2, |u1, <i4 or <i8), found a record of "
                       "several fields",
                       c->path);
    if (string(c, descr, sizeof descr, "a dtype's name"))
        return SW_FAILED;
    for (int i = 0; i < DTYPES; i++)
        if (!strcmp(descr, dtypes[i].descr)) {
            out->dtype = dtypes[i].dtype;
            return SW_OK;
        }
    const char *hint = "";
    if (descr[0] == '>')
        hint = " (big-endian)";
    else if (!strcmp(descr, "|O"))
        hint = " (Python objects)";
    return sw_fail(c->error, SW_FAILED,
                   "%s: expected dtype <f4, <f8, <f2, |u1, <i4 or <i8, found %s%s", c->path, descr,
                   hint);
}

static int read_order(struct cursor *c)
{
    if (take_word(c, "False"))
        return SW_OK;
    if (take_word(c, "True"))
        return sw_fail(c->error, SW_FAILED,
                       "%s: expected C order, found Fortran order; save it through "
                       "numpy.ascontiguousarray",
                       c->path);
    return malformed(c, "True or False after fortran_order");
}

static int dimension(struct cursor *c, size_t *out)
{
    const char *begin = c->at;
    size_t n = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        size_t digit = (size_t)(*c->at - '0');
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n)) {
            c->at = begin;
            return malformed(c, "a dimension that fits in memory");
        }
    }
    if (c->at == begin)
        return malformed(c, "a whole number in shape");
    if (c->at < c->end && *c->at == 'L') /* long integers of Python 2 */
        c->at++;
    *out = n;
    return SW_OK;
}

static int read_shape(struct cursor *c, struct sw_npy *out)
{
    if (!take(c, '('))
        return malformed(c, "'(' after shape");
    out->ndim = 0;
    bool comma = true;
    while (!take(c, ')')) {
        if (!comma)
            return malformed(c, "',' or ')' in shape");
        if (out->ndim == SW_NPY_DIMS)
            return malformed(c, "at most 4 dimensions");
        if (dimension(c, &out->shape[out->ndim++]))
            return SW_FAILED;
        comma = take(c, ',');
    }
    if (out->ndim == 1 && !comma)
        return malformed(c, "',' in a shape of one dimension");
    return SW_OK;
}

int sw_npy_header(struct sw_npy *out, const char *text, size_t size, const char *path,
                  struct sw_error *error)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    struct cursor c = {text, text + size, path, error};
    unsigned seen = 0;
    if (!take(&c, '{'))
        return malformed(&c, "'{'");
    bool comma = true;
    while (!take(&c, '}')) {
        char key[32];
        if (!comma)
            return malformed(&c, "',' or '}'");
        if (string(&c, key, sizeof key, "a key"))
            return SW_FAILED;
        if (!take(&c, ':'))
            return malformed(&c, "':' after a key");
        int which = 0;
        while (which < 3 && strcmp(key, keys[which]))
            which++;
        if (which == 3 || seen & 1u << which) {
            char near[128];
            sw_suggest(near, sizeof near, key, keys, 3);
            return sw_fail(error, SW_FAILED, "%s: header: key '%s' %s%s", path, key,
                           which == 3 ? "is unknown" : "comes twice", which == 3 ? near : "");
        }
        seen |= 1u << which;
        int status = which == 0   ? read_descr(&c, out)
                     : which == 1 ? read_order(&c)
                                  : read_shape(&c, out);
        if (status)
            return status;
        comma = take(&c, ',');
    }
    for (int i = 0; i < 3; i++)
        if (!(seen & 1u << i))
            return sw_fail(error, SW_FAILED, "%s: header: expected the key '%s', found none", path,
                           keys[i]);
    spaces(&c);
    return c.at == c.end ? SW_OK : malformed(&c, "spaces up to its end");
}
