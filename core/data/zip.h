/* zip.h -- the members of a zip archive, read as a stream: .npz files, PyTorch's, the field's data
 * sets as they are published.
 *
 * Read are members that are stored or deflated, zip64 among them. What an archive says of itself is
 * not believed: a member has exactly the size and the checksum that the archive names, or reading
 * it fails. Nothing is written, and no name of a member is used as a path. */
#ifndef SW_DATA_ZIP_H
#define SW_DATA_ZIP_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sw_zip_entry {
    char *name;          /* ended by a NUL, and without another one */
    size_t packed, size; /* bytes in the archive, and of the member */
    size_t header;       /* where its local header begins */
    uint32_t checksum;   /* CRC-32 */
    uint16_t method;     /* 0 stored, 8 deflated, others cannot be read */
    bool encrypted;
};

struct sw_zip {
    struct sw_zip_entry *entries; /* in the order of their names */
    size_t count;
    const unsigned char *bytes;
    size_t size;
    char *name; /* for messages */
    struct sw_mapping mapping;
};

/* Reads the directory of bytes[0..size), which must stay until the archive is closed; `name` goes
 * into messages. On failure *out may be closed. Errors: no zip archive, cut short, a directory that
 * does not fit, a name that comes twice. */
int sw_zip_parse(struct sw_zip *out, const void *bytes, size_t size, const char *name,
                 struct sw_error *error);

/* The same of a file, which is mapped. */
int sw_zip_open(struct sw_zip *out, const char *path, struct sw_error *error);
void sw_zip_close(struct sw_zip *zip);

/* Whether the bytes begin as an archive with members does. */
bool sw_zip_is(const void *bytes, size_t size);

/* The member `name`, or NULL. */
const struct sw_zip_entry *sw_zip_find(const struct sw_zip *zip, const char *name);

/* A member from its first byte to its last. */
struct sw_zip_stream {
    const struct sw_zip *zip;
    const struct sw_zip_entry *entry;
    const unsigned char *at, *end; /* packed bytes to come */
    size_t given;                  /* bytes of the member so far */
    uint32_t checksum;
    void *inflater; /* NULL: stored */
};

/* After SW_OK, sw_zip_end frees the stream; after a failure there is nothing to free. */
int sw_zip_begin(struct sw_zip_stream *stream, const struct sw_zip *zip,
                 const struct sw_zip_entry *entry, struct sw_error *error);

/* The next bytes into out, `most` or as many as are left (*count). With the last one the checksum
 * is compared; a member that is shorter or longer than the archive says is an error. */
int sw_zip_read(struct sw_zip_stream *stream, void *out, size_t most, size_t *count,
                struct sw_error *error);
void sw_zip_end(struct sw_zip_stream *stream);

/* A member whole, in memory of its own, which the caller frees; at least one byte is there. More
 * than `most` bytes are an error. */
int sw_zip_extract(const struct sw_zip *zip, const struct sw_zip_entry *entry, size_t most,
                   unsigned char **out, struct sw_error *error);

#endif
