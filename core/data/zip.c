/* zip.c -- see zip.h. */
#include "data/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END = 22,        /* bytes of the end record, without its comment */
    COMMENT = 65535, /* the longest one */
    LOCATOR = 20,    /* of the zip64 end record */
    END64 = 56,      /* of that record */
    CENTRAL = 46,    /* of an entry of the directory, without name, extra and comment */
    LOCAL = 30,      /* of a member's own header, without name and extra */
    EXTRA64 = 1,     /* the tag of the extra field that holds sizes of 64 bits */
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1,    /* bit of the flags */
    BEHIND = 1 << 23, /* bytes of a file that stay mapped behind a stream */
    RATIO = 1032,     /* deflate makes at most so many bytes of one */
};

static uint32_t u16(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
    return u16(at) | u16(at + 2) << 16;
}

static uint64_t u64(const unsigned char *at)
{
    return u32(at) | (uint64_t)u32(at + 4) << 32;
}

static bool starts(const unsigned char *at, const char *signature)
{
    return memcmp(at, signature, 4) == 0;
}

bool sw_zip_is(const void *bytes, size_t size)
{
    return size >= 4 && starts(bytes, "PK\3\4");
}

/* ---- the directory --------------------------------------------------------------------------- */

struct directory {
    uint64_t count, size, offset;
};

static int find_directory(const struct sw_zip *zip, struct directory *out, struct sw_error *error)
{
    const unsigned char *bytes = zip->bytes;
    if (zip->size < END)
        return sw_fail(error, SW_FAILED, "expected a zip archive, found %zu bytes", zip->size);
    size_t at = zip->size - END, last = zip->size > END + COMMENT ? at - COMMENT : 0;
    while (!starts(bytes + at, "PK\5\6") || at + END + u16(bytes + at + 20) > zip->size)
        if (at-- == last)
            return sw_fail(error, SW_FAILED,
                           "expected a zip archive, found none of its directory: cut short, or "
                           "something else");
    *out = (struct directory){u16(bytes + at + 10), u32(bytes + at + 12), u32(bytes + at + 16)};
    if (at >= LOCATOR && starts(bytes + at - LOCATOR, "PK\6\7")) {
        uint64_t end64 = u64(bytes + at - LOCATOR + 8);
        if (end64 > at - LOCATOR || at - LOCATOR - end64 < END64 ||
            !starts(bytes + end64, "PK\6\6"))
            return sw_fail(error, SW_FAILED, "zip64: its end record is not where the archive says");
        *out = (struct directory){u64(bytes + end64 + 32), u64(bytes + end64 + 40),
                                  u64(bytes + end64 + 48)};
        at = (size_t)end64;
    }
    if (out->offset > at || out->size > at - out->offset || out->count > out->size / CENTRAL)
        return sw_fail(error, SW_FAILED,
                       "expected a directory of %llu members in %llu bytes at %llu, found only %zu "
                       "bytes before its end record",
                       (unsigned long long)out->count, (unsigned long long)out->size,
                       (unsigned long long)out->offset, at);
    return SW_OK;
}

/* The sizes and the place that did not fit in 32 bits, from the extra fields. */
static bool read_extra(const unsigned char *at, const unsigned char *end, uint64_t *values[3],
                       int count)
{
    while (end - at >= 4) {
        uint32_t tag = u16(at), length = u16(at + 2);
        at += 4;
        if (length > (size_t)(end - at))
            return false;
        if (tag == EXTRA64) {
            for (int i = 0; i < count; i++, at += 8, length -= 8) {
                if (length < 8)
                    return false;
                *values[i] = u64(at);
            }
            return true;
        }
        at += length;
    }
    return count == 0;
}

/* One entry of the directory at `at`; *next is the one after it. */
static int read_entry(const struct sw_zip *zip, const unsigned char *at, const unsigned char *end,
                      struct sw_zip_entry *out, const unsigned char **next, struct sw_error *error)
{
    if (end - at < CENTRAL || !starts(at, "PK\1\2"))
        return sw_fail(error, SW_FAILED, "its directory is damaged");
    size_t name = u16(at + 28), extra = u16(at + 30), comment = u16(at + 32);
    if (name + extra + comment > (size_t)(end - at) - CENTRAL)
        return sw_fail(error, SW_FAILED, "its directory is damaged");
    const unsigned char *text = at + CENTRAL;
    if (memchr(text, 0, name))
        return sw_fail(error, SW_FAILED, "the name of a member holds a zero byte");
    out->name = strndup((const char *)text, name);
    if (!out->name)
        return sw_fail(error, SW_FAILED, "out of memory for its directory");
    uint64_t size = u32(at + 24), packed = u32(at + 20), header = u32(at + 42);
    uint64_t *large[3];
    int count = 0;
    if (size == UINT32_MAX)
        large[count++] = &size;
    if (packed == UINT32_MAX)
        large[count++] = &packed;
    if (header == UINT32_MAX)
        large[count++] = &header;
    if (!read_extra(text + name, text + name + extra, large, count) && count)
        return sw_fail(error, SW_FAILED, "member %s: its size is not there", out->name);
    if (header > zip->size || packed > zip->size - header || size > PTRDIFF_MAX)
        return sw_fail(error, SW_FAILED,
                       "member %s: expected %llu bytes at %llu, found an archive of %zu", out->name,
                       (unsigned long long)packed, (unsigned long long)header, zip->size);
    out->size = (size_t)size;
    out->packed = (size_t)packed;
    out->header = (size_t)header;
    out->checksum = u32(at + 16);
    out->method = (uint16_t)u16(at + 10);
    out->encrypted = u16(at + 8) & ENCRYPTED;
    *next = text + name + extra + comment;
    return SW_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sw_zip_entry *)a)->name, ((const struct sw_zip_entry *)b)->name);
}

static int read_directory(struct sw_zip *zip, struct sw_error *error)
{
    struct directory directory = {0};
    int status = find_directory(zip, &directory, error);
    if (status)
        return status;
    zip->entries = calloc((size_t)directory.count + 1, sizeof *zip->entries);
    if (!zip->entries)
        return sw_fail(error, SW_FAILED, "out of memory for its directory");
    const unsigned char *at = zip->bytes + directory.offset, *end = at + directory.size;
    for (uint64_t i = 0; i < directory.count; i++) {
        zip->count++; /* also of one that fails, whose name is to be freed */
        status = read_entry(zip, at, end, &zip->entries[i], &at, error);
        if (status)
            return status;
    }
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (strcmp(zip->entries[i - 1].name, zip->entries[i].name) == 0)
            return sw_fail(error, SW_FAILED, "the member %s is there twice", zip->entries[i].name);
    return SW_OK;
}

int sw_zip_parse(struct sw_zip *out, const void *bytes, size_t size, const char *name,
                 struct sw_error *error)
{
    *out = (struct sw_zip){.bytes = bytes, .size = size, .name = strdup(name)};
    int status = out->name ? read_directory(out, error)
                           : sw_fail(error, SW_FAILED, "out of memory for its name");
    if (status) {
        sw_error_within(error, "%s", name);
        sw_zip_close(out);
    }
    return status;
}

int sw_zip_open(struct sw_zip *out, const char *path, struct sw_error *error)
{
    struct sw_mapping mapping;
    *out = (struct sw_zip){0};
    int status = sw_map(&mapping, path, error);
    if (status)
        return status;
    status = sw_zip_parse(out, mapping.data, mapping.size, path, error);
    if (status)
        sw_unmap(&mapping);
    else
        out->mapping = mapping;
    return status;
}

void sw_zip_close(struct sw_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        free(zip->entries[i].name);
    free(zip->entries);
    free(zip->name);
    sw_unmap(&zip->mapping);
    *zip = (struct sw_zip){0};
}

const struct sw_zip_entry *sw_zip_find(const struct sw_zip *zip, const char *name)
{
    const struct sw_zip_entry key = {.name = (char *)(size_t)name};
    return zip->count ? bsearch(&key, zip->entries, zip->count, sizeof key, by_name) : NULL;
}

/* ---- members --------------------------------------------------------------------------------- */

static int failed(const struct sw_zip_stream *stream, struct sw_error *error, const char *why)
{
    return sw_fail(error, SW_FAILED, "%s: member %s: %s", stream->zip->name, stream->entry->name,
                   why);
}

int sw_zip_begin(struct sw_zip_stream *stream, const struct sw_zip *zip,
                 const struct sw_zip_entry *entry, struct sw_error *error)
{
    *stream = (struct sw_zip_stream){.zip = zip, .entry = entry};
    const unsigned char *header = zip->bytes + entry->header, *end = zip->bytes + zip->size;
    if (entry->encrypted)
        return failed(stream, error, "it is encrypted");
    if (entry->method != STORED && entry->method != DEFLATED)
        return sw_fail(error, SW_FAILED,
                       "%s: member %s: expected stored or deflated, found method %d", zip->name,
                       entry->name, entry->method);
    if (end - header < LOCAL || !starts(header, "PK\3\4"))
        return failed(stream, error, "its header is not where the directory says");
    size_t skip = LOCAL + u16(header + 26) + u16(header + 28);
    if (skip > (size_t)(end - header) || entry->packed > (size_t)(end - header) - skip)
        return failed(stream, error, "it is cut short");
    if (entry->method == STORED ? entry->size != entry->packed
                                : entry->size / RATIO > entry->packed)
        return failed(stream, error, "its two sizes do not fit each other");
    stream->at = header + skip;
    stream->end = stream->at + entry->packed;
    stream->checksum = (uint32_t)crc32(0, NULL, 0);
    if (entry->method == DEFLATED) {
        z_stream *z = stream->inflater = calloc(1, sizeof *z);
        if (!z || inflateInit2(z, -MAX_WBITS) != Z_OK) {
            free(z);
            return failed(stream, error, "out of memory to inflate it");
        }
    }
    return SW_OK;
}

void sw_zip_end(struct sw_zip_stream *stream)
{
    if (stream->inflater)
        inflateEnd(stream->inflater);
    free(stream->inflater);
    stream->inflater = NULL;
}

/* Inflates up to `most` bytes; *count says how many came. */
static int inflate_some(struct sw_zip_stream *stream, unsigned char *out, size_t most,
                        size_t *count, struct sw_error *error)
{
    enum { PIECE = 1 << 30 };
    z_stream *z = stream->inflater;
    size_t left = (size_t)(stream->end - stream->at);
    z->next_in = (unsigned char *)(size_t)stream->at;
    z->avail_in = left > PIECE ? PIECE : (uInt)left;
    z->next_out = out;
    z->avail_out = most > PIECE ? PIECE : (uInt)most;
    uInt wanted = z->avail_out;
    int status = inflate(z, Z_NO_FLUSH);
    *count = wanted - z->avail_out;
    stream->at = z->next_in;
    if (status != Z_OK && status != Z_STREAM_END)
        return failed(stream, error, "its deflated bytes are damaged or cut short");
    if (status == Z_STREAM_END && stream->given + *count < stream->entry->size)
        return failed(stream, error, "it is shorter than the archive says");
    return SW_OK;
}

/* With the last byte: the checksum, and that no byte is left over. */
static int finish(struct sw_zip_stream *stream, struct sw_error *error)
{
    unsigned char beyond;
    if (stream->inflater) {
        z_stream *z = stream->inflater;
        z->next_in = (unsigned char *)(size_t)stream->at;
        size_t left = (size_t)(stream->end - stream->at);
        z->avail_in = left > UINT16_MAX ? UINT16_MAX : (uInt)left;
        z->next_out = &beyond;
        z->avail_out = 1;
        if (inflate(z, Z_NO_FLUSH) != Z_STREAM_END || z->avail_out == 0)
            return failed(stream, error, "it is longer than the archive says");
    }
    if (stream->checksum != stream->entry->checksum)
        return failed(stream, error, "its checksum is not the archive's: the bytes are damaged");
    return SW_OK;
}

int sw_zip_read(struct sw_zip_stream *stream, void *out, size_t most, size_t *count,
                struct sw_error *error)
{
    size_t left = stream->entry->size - stream->given;
    const unsigned char *before = stream->at;
    *count = 0;
    if (most > left)
        most = left;
    while (*count < most) {
        unsigned char *to = (unsigned char *)out + *count;
        size_t some = most - *count;
        if (stream->inflater) {
            int status = inflate_some(stream, to, some, &some, error);
            if (status)
                return status;
        } else {
            memcpy(to, stream->at, some);
            stream->at += some;
        }
        stream->checksum = (uint32_t)crc32_z(stream->checksum, to, some);
        stream->given += some;
        *count += some;
    }
    if (stream->zip->mapping.size)
        sw_unmap_behind(&stream->zip->mapping, (size_t)(before - stream->zip->bytes),
                        (size_t)(stream->at - stream->zip->bytes), BEHIND);
    return most == left && (left || !stream->entry->size) ? finish(stream, error) : SW_OK;
}

int sw_zip_extract(const struct sw_zip *zip, const struct sw_zip_entry *entry, size_t most,
                   unsigned char **out, struct sw_error *error)
{
    struct sw_zip_stream stream;
    size_t count;
    *out = NULL;
    if (entry->size > most)
        return sw_fail(error, SW_FAILED, "%s: member %s: expected at most %zu bytes, found %zu",
                       zip->name, entry->name, most, entry->size);
    int status = sw_zip_begin(&stream, zip, entry, error);
    if (status)
        return status;
    unsigned char *bytes = malloc(entry->size ? entry->size : 1);
    status = bytes ? sw_zip_read(&stream, bytes, entry->size, &count, error)
                   : failed(&stream, error, "out of memory for it");
    sw_zip_end(&stream);
    if (status)
        free(bytes);
    else
        *out = bytes;
    return status;
}
