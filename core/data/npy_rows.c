/* npy_rows.c -- see npy_rows.h. */
#include "data/npy_rows.h"

#include "base/values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HEAD = 1 << 16 };

/* ---- reading --------------------------------------------------------------------------------- */

static int read_bytes(struct sw_row_reader *reader, void *out, size_t size, struct sw_error *error)
{
    size_t count;
    int status = SW_OK;
    if (reader->stream) {
        errno = 0;
        count = fread(out, 1, size, reader->stream);
    } else {
        status = sw_zip_read(&reader->member, out, size, &count, error);
    }
    if (!status && count < size)
        status = sw_fail(error, SW_FAILED, "expected %zu more bytes, found %zu: %s", size, count,
                         reader->stream && errno ? strerror(errno) : "the file is cut short");
    return status;
}

/* The head into reader->npy; `size` are the bytes of the file. */
static int read_head(struct sw_row_reader *reader, size_t size, struct sw_error *error)
{
    unsigned char head[MOST_HEAD + 16];
    size_t have = sw_min_size(size, 16), begin, bytes;
    int status = read_bytes(reader, head, have, error);
    if (!status)
        status = sw_npy_parse_head(&reader->npy, head, have, &begin, error);
    if (!status && (begin > size || begin > MOST_HEAD))
        return sw_fail(error, SW_FAILED, "expected a header of %zu bytes, found a file of %zu",
                       begin, size);
    if (!status && reader->npy.ndim < 0) {
        status = read_bytes(reader, head + have, begin - have, error);
        if (!status)
            status = sw_npy_parse_head(&reader->npy, head, begin, &begin, error);
    }
    if (status)
        return status;
    const struct sw_npy *npy = &reader->npy;
    char shape[128];
    sw_shape_text(shape, npy->ndim, npy->shape, ", ");
    if (npy->ndim < 1 || !sw_npy_bytes(npy, &bytes) || bytes != size - begin)
        return sw_fail(error, SW_FAILED, "expected the rows of %s of shape (%s), found %zu bytes",
                       sw_dtype_name(npy->dtype), shape, size - begin);
    reader->bytes = npy->shape[0] ? bytes / npy->shape[0] : 0;
    reader->row = malloc(reader->bytes ? reader->bytes : 1);
    return reader->row ? SW_OK : sw_fail(error, SW_FAILED, "out of memory for a row");
}

static int opened(struct sw_row_reader *out, size_t size, struct sw_error *error)
{
    int status = read_head(out, size, error);
    if (status) {
        sw_error_within(error, "%s", out->name);
        sw_row_reader_close(out);
    }
    return status;
}

int sw_row_reader_open(struct sw_row_reader *out, const char *path, struct sw_error *error)
{
    size_t size;
    *out = (struct sw_row_reader){0};
    int fd = sw_open_file(path, &size, error);
    if (fd < 0)
        return SW_FAILED;
    *out = (struct sw_row_reader){.name = strdup(path), .stream = fdopen(fd, "rb")};
    if (!out->stream)
        close(fd);
    if (!out->name || !out->stream) {
        sw_row_reader_close(out);
        return sw_fail(error, SW_FAILED, "%s: out of memory for a reader", path);
    }
    return opened(out, size, error);
}

int sw_row_reader_open_member(struct sw_row_reader *out, const struct sw_zip *zip,
                              const struct sw_zip_entry *entry, struct sw_error *error)
{
    *out = (struct sw_row_reader){.name = malloc(strlen(zip->name) + strlen(entry->name) + 12)};
    if (!out->name)
        return sw_fail(error, SW_FAILED, "out of memory for a name");
    sprintf(out->name, "%s: member %s", zip->name, entry->name);
    int status = sw_zip_begin(&out->member, zip, entry, error);
    if (!status)
        return opened(out, entry->size, error);
    sw_row_reader_close(out);
    return status;
}

int sw_row_reader_next(struct sw_row_reader *reader, struct sw_error *error)
{
    if (reader->next >= reader->npy.shape[0])
        return sw_fail(error, SW_MISUSE, "%s: there is no row %zu", reader->name, reader->next);
    int status = read_bytes(reader, reader->row, reader->bytes, error);
    if (status)
        sw_error_within(error, "%s: row %zu", reader->name, reader->next);
    reader->next++;
    return status;
}

int sw_row_reader_skip(struct sw_row_reader *reader, size_t count, struct sw_error *error)
{
    int status = SW_OK;
    if (count > reader->npy.shape[0] - reader->next)
        return sw_fail(error, SW_MISUSE, "%s: there are no %zu rows to skip", reader->name, count);
    if (reader->stream) {
        if (fseeko(reader->stream, (off_t)(count * reader->bytes), SEEK_CUR) != 0)
            return sw_fail(error, SW_FAILED, "cannot read %s: %s", reader->name, strerror(errno));
        reader->next += count;
        return SW_OK;
    }
    while (!status && count--)
        status = sw_row_reader_next(reader, error);
    return status;
}

void sw_row_reader_close(struct sw_row_reader *reader)
{
    if (reader->stream)
        fclose(reader->stream);
    sw_zip_end(&reader->member);
    free(reader->row);
    free(reader->name);
    *reader = (struct sw_row_reader){0};
}

/* ---- writing --------------------------------------------------------------------------------- */

static int cannot(const struct sw_row_file *file, struct sw_error *error, const char *why)
{
    return sw_fail(error, SW_FAILED, "cannot write %s: %s", file->path, why);
}

static int put_at(struct sw_row_file *file, size_t at, const void *bytes, size_t size,
                  struct sw_error *error)
{
    while (size) {
        ssize_t some = pwrite(file->fd, bytes, size, (off_t)at);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return cannot(file, error, strerror(errno));
        bytes = (const char *)bytes + some;
        at += (size_t)some;
        size -= (size_t)some;
    }
    return SW_OK;
}

static int prepare(struct sw_row_file *file, enum sw_dtype dtype, int ndim, const size_t *shape,
                   struct sw_error *error)
{
    unsigned char head[SW_NPY_HEAD], found[SW_NPY_HEAD];
    struct sw_npy whole = {.dtype = dtype, .ndim = ndim};
    struct stat about;
    size_t bytes;
    memcpy(whole.shape, shape, (size_t)ndim * sizeof *shape);
    if (!sw_npy_bytes(&whole, &bytes))
        return cannot(file, error, "its shape is too large");
    file->dtype = dtype;
    file->rows = shape[0];
    file->bytes = shape[0] ? bytes / shape[0] : 0;
    file->begin = sw_npy_head(head, dtype, ndim, shape);
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file->fd < 0 || fstat(file->fd, &about) != 0)
        return cannot(file, error, strerror(errno));
    size_t size = file->begin + bytes;
    if ((size_t)about.st_size == size &&
        pread(file->fd, found, file->begin, 0) == (ssize_t)file->begin &&
        memcmp(head, found, file->begin) == 0)
        return SW_OK;
    if (ftruncate(file->fd, 0) != 0 || ftruncate(file->fd, (off_t)size) != 0)
        return cannot(file, error, strerror(errno));
    return put_at(file, 0, head, file->begin, error);
}

int sw_row_file_open(struct sw_row_file *out, const char *path, enum sw_dtype dtype, int ndim,
                     const size_t *shape, struct sw_error *error)
{
    *out = (struct sw_row_file){.fd = -1, .path = strdup(path)};
    int status = out->path ? prepare(out, dtype, ndim, shape, error)
                           : sw_fail(error, SW_FAILED, "out of memory for the name of %s", path);
    if (status)
        sw_row_file_close(out);
    return status;
}

int sw_row_file_put(struct sw_row_file *file, size_t row, const void *bytes, struct sw_error *error)
{
    if (row >= file->rows)
        return sw_fail(error, SW_MISUSE, "%s: there is no row %zu", file->path, row);
    return put_at(file, file->begin + row * file->bytes, bytes, file->bytes, error);
}

int sw_row_file_sync(struct sw_row_file *file, struct sw_error *error)
{
    return fdatasync(file->fd) == 0 ? SW_OK : cannot(file, error, strerror(errno));
}

void sw_row_file_close(struct sw_row_file *file)
{
    if (file->path && file->fd >= 0)
        close(file->fd);
    free(file->path);
    *file = (struct sw_row_file){.fd = -1};
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The nearest float16, ties to even; infinite from 65520 on. Without branches, so that many are
 * made at once: below 2^-14 the steps are 2^-24, which adding a half rounds to. */
static inline uint16_t half_of(float x)
{
    uint32_t bits, low;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    float small;
    memcpy(&small, &size, sizeof small);
    small += 0.5f;
    memcpy(&low, &small, sizeof low);
    uint32_t normal = (size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13;
    uint32_t half = size < 0x38800000 ? low - 0x3f000000 : normal;
    half = size >= 0x47800000 ? 0x7c00 : half; /* 65536 and beyond */
    half = size > 0x7f800000 ? 0x7e00 : half;
    return (uint16_t)(sign | half);
}

static bool to_halves(const float *restrict in, size_t count, unsigned char *restrict out)
{
    unsigned fits = 1;
    for (size_t i = 0; i < count; i++) {
        uint16_t half = half_of(in[i]);
        memcpy(out + 2 * i, &half, sizeof half);
        fits &= (half & 0x7c00) != 0x7c00;
    }
    return fits;
}

static bool to_bytes(const float *restrict in, size_t count, unsigned char *restrict out)
{
    unsigned fits = 1;
    for (size_t i = 0; i < count; i++) {
        float scaled = in[i] * 255.0f + 0.5f;
        bool in_range = scaled >= 0.0f && scaled < 256.0f;
        out[i] = in_range ? (unsigned char)scaled : 0;
        fits &= in_range;
    }
    return fits;
}

bool sw_npy_from_floats(enum sw_dtype dtype, const float *in, size_t count, void *out)
{
    if (dtype == SW_FLOAT16)
        return to_halves(in, count, out);
    if (dtype == SW_UINT8)
        return to_bytes(in, count, out);
    memcpy(out, in, count * sizeof *in);
    return true;
}
