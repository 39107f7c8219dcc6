/* npy.c -- see npy.h. */
#include "data/npy.h"

#include "base/values.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as little-endian");

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6 };

/* -- the dictionary at the head of a file -------------------------------------------------------
 *
 * {'descr': '<f4', 'fortran_order': False, 'shape': (6000, 36, 768), }
 * A Python literal, of which only this form is read: three keys in any order, either kind of quote,
 * spaces and a line end after it. */

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

enum sw_dtype sw_dtype_find(const char *descr)
{
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(descr, dtypes[i].descr) == 0)
            return dtypes[i].dtype;
    return 0;
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
    struct sw_error *error;
};

static int malformed(const struct cursor *c, const char *expected)
{
    size_t left = (size_t)(c->end - c->at);
    if (left == 0)
        return sw_fail(c->error, SW_FAILED, "header: expected %s, found its end", expected);
    return sw_fail(c->error, SW_FAILED, "header: expected %s, found '%.*s'", expected,
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
                       "expected one dtype (<f4, <f8, <f2, |u1, <i4 or <i8), found a record of "
                       "several fields");
    if (string(c, descr, sizeof descr, "a dtype's name"))
        return SW_FAILED;
    out->dtype = sw_dtype_find(descr);
    if (out->dtype)
        return SW_OK;
    const char *hint = "";
    if (descr[0] == '>')
        hint = " (big-endian)";
    else if (!strcmp(descr, "|O"))
        hint = " (Python objects)";
    return sw_fail(c->error, SW_FAILED, "expected dtype <f4, <f8, <f2, |u1, <i4 or <i8, found %s%s",
                   descr, hint);
}

static int read_order(struct cursor *c)
{
    if (take_word(c, "False"))
        return SW_OK;
    if (take_word(c, "True"))
        return sw_fail(c->error, SW_FAILED,
                       "expected C order, found Fortran order; save it through "
                       "numpy.ascontiguousarray");
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

/* Reads text[0..size), the dictionary, into dtype, ndim and shape. */
static int read_header(struct sw_npy *out, const char *text, size_t size, struct sw_error *error)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    struct cursor c = {text, text + size, error};
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
            return sw_fail(error, SW_FAILED, "header: key '%s' %s%s", key,
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
            return sw_fail(error, SW_FAILED, "header: expected the key '%s', found none", keys[i]);
    spaces(&c);
    return c.at == c.end ? SW_OK : malformed(&c, "spaces up to its end");
}

/* -- reading -- */

/* The bytes of the whole array; false when that overflows, also behind a dimension of 0. */
static bool array_bytes(int ndim, const size_t *shape, size_t element, size_t *out)
{
    size_t bytes = element;
    bool none = false;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            none = true;
        else if (__builtin_mul_overflow(bytes, shape[i], &bytes) || bytes > PTRDIFF_MAX)
            return false;
    }
    *out = none ? 0 : bytes;
    return true;
}

bool sw_npy_bytes(const struct sw_npy *npy, size_t *out)
{
    return array_bytes(npy->ndim, npy->shape, sw_dtype_size(npy->dtype), out);
}

int sw_npy_parse_head(struct sw_npy *out, const void *bytes, size_t size, size_t *begin,
                      struct sw_error *error)
{
    const unsigned char *file = bytes;
    *out = (struct sw_npy){.ndim = -1};
    *begin = 0;
    if (size < MAGIC + 2 || memcmp(file, magic, MAGIC))
        return sw_fail(error, SW_FAILED,
                       "expected a .npy file, found %zu bytes that do not begin with \\x93NUMPY",
                       size);
    int version = file[MAGIC];
    if (version < 1 || version > 3 || file[MAGIC + 1] != 0)
        return sw_fail(error, SW_FAILED, "expected .npy version 1.0, 2.0 or 3.0, found %d.%d",
                       version, file[MAGIC + 1]);
    size_t front = MAGIC + 2 + (version == 1 ? 2 : 4), header = 0;
    if (size < front)
        return SW_OK;
    for (size_t i = front; i-- > MAGIC + 2;)
        header = header << 8 | file[i];
    *begin = front + header;
    if (size < *begin)
        return SW_OK;
    int status = read_header(out, (const char *)file + front, header, error);
    for (int i = out->ndim; !status && i < SW_NPY_DIMS; i++)
        out->shape[i] = 1;
    return status;
}

int sw_npy_parse(struct sw_npy *out, const void *bytes, size_t size, struct sw_error *error)
{
    size_t begin, expected;
    int status = sw_npy_parse_head(out, bytes, size, &begin, error);
    if (!status && out->ndim < 0)
        status = sw_fail(error, SW_FAILED, "expected a header of %zu bytes, found a file of %zu",
                         begin, size);
    if (status)
        return status;
    char shape[128];
    sw_shape_text(shape, out->ndim, out->shape, ", ");
    if (!sw_npy_bytes(out, &expected))
        return sw_fail(error, SW_FAILED, "shape (%s) is too large for this machine", shape);
    size_t found = size - begin;
    if (found != expected)
        return sw_fail(error, SW_FAILED,
                       "expected %zu bytes of data for %s of shape (%s), found %zu: the file "
                       "is %s",
                       expected, sw_dtype_name(out->dtype), shape, found,
                       found < expected ? "cut short" : "too long");
    out->data = (const unsigned char *)bytes + begin;
    return SW_OK;
}

int sw_npy_open(struct sw_npy *out, const char *path, struct sw_error *error)
{
    struct sw_mapping mapping;
    *out = (struct sw_npy){0};
    int status = sw_map(&mapping, path, error);
    if (status)
        return status;
    status = sw_npy_parse(out, mapping.data, mapping.size, error);
    out->mapping = mapping;
    if (status) {
        sw_error_within(error, "%s", path);
        sw_npy_close(out);
    }
    return status;
}

void sw_npy_close(struct sw_npy *npy)
{
    sw_unmap(&npy->mapping);
    *npy = (struct sw_npy){0};
}

size_t sw_npy_row(const struct sw_npy *npy)
{
    return npy->shape[1] * npy->shape[2] * npy->shape[3];
}

/* -- numbers ----------------------------------------------------------------------------------- */

/* Normal numbers and infinities by moving the exponent; subnormal ones as the difference of two
 * normal floats, so that no mode of the processor can flush them to zero. */
static float half_to_float(uint16_t half)
{
    uint32_t exponent = half & 0x7c00u, sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t moved = (uint32_t)(half & 0x7fffu) << 13;
    uint32_t is_small = -(uint32_t)(exponent == 0), is_endless = -(uint32_t)(exponent == 0x7c00u);
    uint32_t normal = moved + (112u << 23) + (is_endless & 112u << 23);
    uint32_t bits = moved + (113u << 23);
    float small, out;
    memcpy(&small, &bits, sizeof small);
    small -= 0x1p-14f;
    memcpy(&bits, &small, sizeof bits);
    bits = sign | (bits & is_small) | (normal & ~is_small);
    memcpy(&out, &bits, sizeof out);
    return out;
}

static void from_half(const unsigned char *restrict in, size_t count, float *restrict out)
{
    size_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(
            out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i))));
#endif
    for (; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        out[i] = half_to_float(half);
    }
}

static void from_double(const unsigned char *restrict in, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        double x;
        memcpy(&x, in + i * sizeof x, sizeof x);
        out[i] = (float)x;
    }
}

static void from_byte(const unsigned char *restrict in, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)in[i] * (1.0f / 255.0f);
}

int sw_npy_floats(const struct sw_npy *npy, size_t first, size_t count, float *out)
{
    if (npy->ndim == 0 || first > npy->shape[0] || count > npy->shape[0] - first)
        return SW_MISUSE;
    size_t row = sw_npy_row(npy), elements = count * row;
    const unsigned char *in = npy->data;
    in += first * row * sw_dtype_size(npy->dtype);
    switch (npy->dtype) {
    case SW_FLOAT32:
        if (elements)
            memcpy(out, in, elements * sizeof *out);
        return SW_OK;
    case SW_FLOAT16:
        from_half(in, elements, out);
        return SW_OK;
    case SW_UINT8:
        from_byte(in, elements, out);
        return SW_OK;
    case SW_FLOAT64:
        from_double(in, elements, out);
        return SW_OK;
    default:
        for (size_t i = 0; i < elements; i++)
            out[i] = (float)sw_npy_integer(npy, first * row + i);
        return SW_OK;
    }
}

int64_t sw_npy_integer(const struct sw_npy *npy, size_t i)
{
    const unsigned char *in = npy->data;
    if (npy->dtype == SW_UINT8)
        return in[i];
    if (npy->dtype == SW_INT32) {
        int32_t n;
        memcpy(&n, in + i * sizeof n, sizeof n);
        return n;
    }
    int64_t n;
    memcpy(&n, in + i * sizeof n, sizeof n);
    return n;
}

/* -- writing ----------------------------------------------------------------------------------- */

size_t sw_npy_head(unsigned char out[SW_NPY_HEAD], enum sw_dtype dtype, int ndim,
                   const size_t *shape)
{
    char text[128], *header = (char *)out + MAGIC + 4;
    sw_shape_text(text, ndim, shape, ", ");
    int length = snprintf(header, SW_NPY_HEAD - MAGIC - 4,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                          dtypes[dtype - SW_FLOAT32].descr, text, ndim == 1 ? "," : "");
    size_t whole = (MAGIC + 4 + (size_t)length + 1 + 63) / 64 * 64, after = whole - MAGIC - 4;
    memcpy(out, magic, MAGIC);
    memcpy(out + MAGIC, (const unsigned char[]){1, 0, after & 255, (unsigned char)(after >> 8)}, 4);
    memset(header + length, ' ', after - (size_t)length);
    header[after - 1] = '\n';
    return whole;
}

int sw_npy_begin(struct sw_npy_writer *writer, const char *path, enum sw_dtype dtype, int ndim,
                 const size_t *shape, struct sw_error *error)
{
    *writer = (struct sw_npy_writer){0};
    size_t bytes;
    if (ndim < 1 || ndim > SW_NPY_DIMS)
        return sw_fail(error, SW_MISUSE, "cannot write %s: expected 1 to 4 dimensions, found %d",
                       path, ndim);
    char text[128];
    sw_shape_text(text, ndim, shape, ", ");
    if (!array_bytes(ndim, shape, sw_dtype_size(dtype), &bytes))
        return sw_fail(error, SW_MISUSE, "cannot write %s: shape (%s) is too large", path, text);
    writer->rows = shape[0];
    array_bytes(ndim - 1, shape + 1, sw_dtype_size(dtype), &writer->row_bytes);

    unsigned char head[SW_NPY_HEAD];
    size_t length = sw_npy_head(head, dtype, ndim, shape);
    int status = sw_new_file_begin(&writer->file, path, error);
    if (status)
        return status;
    if (fwrite(head, 1, length, writer->file.stream) == length)
        return SW_OK;
    sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(errno));
    sw_npy_discard(writer);
    return SW_FAILED;
}

int sw_npy_append(struct sw_npy_writer *writer, const void *rows, size_t count,
                  struct sw_error *error)
{
    if (count > writer->rows - writer->written)
        return sw_fail(error, SW_MISUSE, "%s: expected %zu rows, found %zu more after %zu",
                       writer->file.path, writer->rows, count, writer->written);
    size_t bytes = count * writer->row_bytes;
    if (bytes && fwrite(rows, 1, bytes, writer->file.stream) != bytes)
        return sw_fail(error, SW_FAILED, "cannot write %s: %s", writer->file.path, strerror(errno));
    writer->written += count;
    return SW_OK;
}

int sw_npy_commit(struct sw_npy_writer *writer, struct sw_error *error)
{
    if (writer->written == writer->rows)
        return sw_new_file_commit(&writer->file, error);
    sw_fail(error, SW_MISUSE, "%s: expected %zu rows, found %zu", writer->file.path, writer->rows,
            writer->written);
    sw_npy_discard(writer);
    return SW_MISUSE;
}

void sw_npy_discard(struct sw_npy_writer *writer)
{
    sw_new_file_discard(&writer->file);
}

int sw_npy_write(const char *path, const float *data, int ndim, const size_t *shape,
                 struct sw_error *error)
{
    struct sw_npy_writer writer;
    int status = sw_npy_begin(&writer, path, SW_FLOAT32, ndim, shape, error);
    if (!status)
        status = sw_npy_append(&writer, data, shape[0], error);
    if (!status)
        return sw_npy_commit(&writer, error);
    sw_npy_discard(&writer);
    return status;
}
