/* safetensors.c -- see safetensors.h. */
#include "data/safetensors.h"

#include "base/values.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are copied as they are on disk");

enum { LENGTH_BYTES = 8, LONGEST_HEADER = 100000000, HEADER_STEP = 8 };

static const char metadata_key[] = "__metadata__";

static const struct dtype {
    const char *name;
    size_t bytes;
} dtypes[] = {
    {"F32", 4}, {"I64", 8}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I32", 4},  {"U8", 1},
    {"I8", 1},  {"I16", 2}, {"U16", 2}, {"U32", 4},  {"U64", 8}, {"BOOL", 1},
};

static const struct dtype *dtype_named(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i].name, name))
            return &dtypes[i];
    return NULL;
}

/* One tensor while the file is being checked: the range of its bytes after the header. */
struct range {
    struct sw_safetensors_entry entry;
    uint64_t begin, end;
};

/* ---- reading ------------------------------------------------------------------------------- */

static int read_shape(struct range *out, const json_t *shape, struct sw_error *error)
{
    struct sw_safetensors_entry *entry = &out->entry;
    if (!json_is_array(shape))
        return sw_fail(error, SW_FAILED, "expected a list as its shape");
    if (json_array_size(shape) > SW_SAFETENSORS_DIMS)
        return sw_fail(error, SW_FAILED, "expected at most %d dimensions, found %zu",
                       SW_SAFETENSORS_DIMS, json_array_size(shape));
    entry->ndim = (int)json_array_size(shape);
    entry->elements = 1;
    for (int i = 0; i < entry->ndim; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 1)
            return sw_fail(error, SW_FAILED,
                           "expected a whole number above 0 as dimension %d of its shape", i);
        entry->shape[i] = (size_t)json_integer_value(size);
        if (__builtin_mul_overflow(entry->elements, entry->shape[i], &entry->elements))
            return sw_fail(error, SW_FAILED, "its shape has more elements than 64 bits can count");
    }
    return SW_OK;
}

static int read_offset(uint64_t *out, const json_t *offsets, size_t which, struct sw_error *error)
{
    const json_t *number = json_array_get(offsets, which);
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return sw_fail(error, SW_FAILED,
                       "expected a whole number, 0 or more, as %s of its data_offsets",
                       which ? "end" : "begin");
    *out = (uint64_t)json_integer_value(number);
    return SW_OK;
}

/* Reads and checks one tensor's line of the header; `room` is the number of bytes after it. */
static int read_tensor(struct range *out, const json_t *about, size_t room, struct sw_error *error)
{
    const json_t *dtype = json_object_get(about, "dtype");
    const json_t *shape = json_object_get(about, "shape");
    const json_t *offsets = json_object_get(about, "data_offsets");
    if (!json_is_object(about) || !dtype || !shape || !offsets || json_object_size(about) != 3)
        return sw_fail(error, SW_FAILED, "expected an object of dtype, shape and data_offsets");
    const struct dtype *known =
        json_is_string(dtype) ? dtype_named(json_string_value(dtype)) : NULL;
    if (!known)
        return sw_fail(error, SW_FAILED, "unknown dtype '%s'",
                       json_is_string(dtype) ? json_string_value(dtype) : "(not a string)");
    out->entry.dtype = known->name;
    int status = read_shape(out, shape, error);
    if (status)
        return status;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2)
        return sw_fail(error, SW_FAILED, "expected [begin, end] as its data_offsets");
    if ((status = read_offset(&out->begin, offsets, 0, error)) ||
        (status = read_offset(&out->end, offsets, 1, error)))
        return status;
    if (out->end < out->begin)
        return sw_fail(error, SW_FAILED,
                       "its bytes end at %" PRIu64 ", before they begin at %" PRIu64, out->end,
                       out->begin);
    if (out->end > room)
        return sw_fail(error, SW_FAILED,
                       "its bytes end at %" PRIu64
                       ", past the end of the file; there are %zu bytes of tensors",
                       out->end, room);
    size_t bytes;
    if (__builtin_mul_overflow(out->entry.elements, known->bytes, &bytes) ||
        bytes != out->end - out->begin) {
        char text[128];
        return sw_fail(error, SW_FAILED, "%s of %s does not fill its range of %" PRIu64 " bytes",
                       sw_shape_text(text, out->entry.ndim, out->entry.shape, " x "), known->name,
                       out->end - out->begin);
    }
    return SW_OK;
}

static int by_begin(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* The sorted ranges must cover 0..room once, without gaps. */
static int check_cover(const struct range *ranges, size_t count, size_t room,
                       struct sw_error *error)
{
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].begin != at)
            return sw_fail(error, SW_FAILED,
                           "tensor '%s': its bytes begin at %" PRIu64 " and %s; expected %" PRIu64,
                           ranges[i].entry.name, ranges[i].begin,
                           ranges[i].begin > at ? "leave a gap" : "overlap another tensor's", at);
        at = ranges[i].end;
    }
    if (at != room)
        return sw_fail(error, SW_FAILED, "%" PRIu64 " bytes follow the last tensor; expected none",
                       (uint64_t)room - at);
    return SW_OK;
}

static int check_metadata(const json_t *metadata, struct sw_error *error)
{
    if (metadata && !json_is_object(metadata))
        return sw_fail(error, SW_FAILED, "%s: expected an object of strings", metadata_key);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value))
            return sw_fail(error, SW_FAILED, "%s: expected a string as '%s'", metadata_key, key);
    }
    return SW_OK;
}

static int read_header(struct sw_safetensors *out, const unsigned char *bytes, size_t size,
                       size_t *length, struct sw_error *error)
{
    if (size < LENGTH_BYTES)
        return sw_fail(error, SW_FAILED,
                       "not a safetensors file: expected 8 bytes with the header's length, "
                       "found %zu",
                       size);
    uint64_t promised;
    memcpy(&promised, bytes, sizeof promised);
    if (promised > LONGEST_HEADER)
        return sw_fail(error, SW_FAILED,
                       "not a safetensors file: its header would have %" PRIu64
                       " bytes; expected at most %d",
                       promised, LONGEST_HEADER);
    if (promised > size - LENGTH_BYTES)
        return sw_fail(error, SW_FAILED,
                       "cut short: its header should have %" PRIu64
                       " bytes, %zu are left in the file",
                       promised, size - LENGTH_BYTES);
    *length = (size_t)promised;
    const char *text = (const char *)bytes + LENGTH_BYTES;
    if (!*length || text[0] != '{')
        return sw_fail(error, SW_FAILED, "its header does not begin with '{'");
    json_error_t why;
    out->header = json_loadb(text, *length, JSON_REJECT_DUPLICATES, &why);
    if (!out->header)
        return sw_fail(error, SW_FAILED, "its header is not valid JSON: %s (byte %d)", why.text,
                       why.position);
    out->metadata = json_object_get(out->header, metadata_key);
    return check_metadata(out->metadata, error);
}

static int read_all(struct sw_safetensors *out, const unsigned char *bytes, size_t size,
                    struct sw_error *error)
{
    size_t length;
    int status = read_header(out, bytes, size, &length, error);
    if (status)
        return status;
    size_t room = size - LENGTH_BYTES - length;
    size_t count = json_object_size(out->header) - (out->metadata != NULL);
    struct range *ranges = calloc(count + 1, sizeof *ranges);
    out->entries = calloc(count + 1, sizeof *out->entries);
    if (!ranges || !out->entries) {
        free(ranges);
        return sw_fail(error, SW_FAILED, "out of memory");
    }
    const char *name;
    json_t *about;
    size_t n = 0;
    json_object_foreach(out->header, name, about)
    {
        if (!strcmp(name, metadata_key))
            continue;
        ranges[n].entry.name = name;
        if (!*name)
            status = sw_fail(error, SW_FAILED, "a tensor has an empty name");
        else if ((status = read_tensor(&ranges[n++], about, room, error)))
            sw_error_within(error, "tensor '%s'", name);
        if (status)
            break;
    }
    if (!status) {
        qsort(ranges, count, sizeof *ranges, by_begin);
        status = check_cover(ranges, count, room, error);
    }
    if (!status) {
        for (size_t i = 0; i < count; i++) {
            out->entries[i] = ranges[i].entry;
            out->entries[i].data = bytes + LENGTH_BYTES + length + ranges[i].begin;
        }
        out->count = count;
    }
    free(ranges);
    return status;
}

int sw_safetensors_parse(struct sw_safetensors *out, const void *bytes, size_t size,
                         const char *path, struct sw_error *error)
{
    *out = (struct sw_safetensors){.path = strdup(path)};
    int status =
        out->path ? read_all(out, bytes, size, error) : sw_fail(error, SW_FAILED, "out of memory");
    if (status) {
        sw_error_within(error, "%s", path);
        sw_safetensors_close(out);
    }
    return status;
}

int sw_safetensors_open(struct sw_safetensors *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_safetensors){0};
    struct sw_mapping file;
    int status = sw_map(&file, path, error);
    if (status)
        return status;
    status = sw_safetensors_parse(out, file.data, file.size, path, error);
    if (status)
        sw_unmap(&file);
    else
        out->file = file;
    return status;
}

void sw_safetensors_close(struct sw_safetensors *file)
{
    free(file->entries);
    free(file->path);
    json_decref(file->header);
    sw_unmap(&file->file);
    *file = (struct sw_safetensors){0};
}

const struct sw_safetensors_entry *sw_safetensors_find(const struct sw_safetensors *file,
                                                       const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->entries[i].name, name))
            return &file->entries[i];
    return NULL;
}

const char *sw_safetensors_string(const struct sw_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}

static int missing(const struct sw_safetensors *file, const char *name, struct sw_error *error)
{
    char hint[512] = "";
    const char **names = calloc(file->count + 1, sizeof *names);
    if (names) {
        for (size_t i = 0; i < file->count; i++)
            names[i] = file->entries[i].name;
        sw_suggest(hint, sizeof hint, name, names, file->count);
        free(names);
    }
    return sw_fail(error, SW_FAILED, "%s: no tensor '%s'%s", file->path, name, hint);
}

const struct sw_safetensors_entry *sw_safetensors_require(const struct sw_safetensors *file,
                                                          const char *name, int ndim,
                                                          const size_t *shape,
                                                          struct sw_error *error)
{
    const struct sw_safetensors_entry *entry = sw_safetensors_find(file, name);
    char expected[128], found[128];
    if (!entry) {
        missing(file, name, error);
        return NULL;
    }
    if (strcmp(entry->dtype, "F32")) {
        sw_fail(error, SW_FAILED, "%s: tensor '%s': expected dtype F32, found %s", file->path, name,
                entry->dtype);
        return NULL;
    }
    int same = entry->ndim == ndim;
    for (int i = 0; same && shape && i < ndim; i++)
        same = entry->shape[i] == shape[i];
    if (same)
        return entry;
    snprintf(expected, sizeof expected, "%d dimensions", ndim);
    sw_fail(error, SW_FAILED, "%s: tensor '%s': expected shape %s, found %s", file->path, name,
            shape ? sw_shape_text(expected, ndim, shape, " x ") : expected,
            sw_shape_text(found, entry->ndim, entry->shape, " x "));
    return NULL;
}

int sw_safetensors_floats(const struct sw_safetensors *file, const char *name, int ndim,
                          const size_t *shape, float *out, struct sw_error *error)
{
    const struct sw_safetensors_entry *entry =
        sw_safetensors_require(file, name, ndim, shape, error);
    if (!entry)
        return SW_FAILED;
    memcpy(out, entry->data, entry->elements * sizeof *out);
    return SW_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Adds one tensor's line to the header and moves *at behind its bytes. */
static int describe(json_t *header, const struct sw_safetensors_entry *entry, size_t *at,
                    struct sw_error *error)
{
    const char *name = entry->name;
    if (!name || !*name || !strcmp(name, metadata_key) || json_object_get(header, name))
        return sw_fail(error, SW_FAILED, "tensor name '%s' is %s", name ? name : "",
                       !name || !*name ? "empty" : "taken");
    if (entry->ndim < 0 || entry->ndim > SW_SAFETENSORS_DIMS)
        return sw_fail(error, SW_FAILED, "tensor '%s': expected 0 to %d dimensions, found %d", name,
                       SW_SAFETENSORS_DIMS, entry->ndim);
    size_t end = sizeof(float);
    int sound = 1;
    for (int i = 0; sound && i < entry->ndim; i++)
        sound = entry->shape[i] > 0 && !__builtin_mul_overflow(end, entry->shape[i], &end);
    if (!sound || __builtin_add_overflow(*at, end, &end) || end > LLONG_MAX) {
        char text[128];
        return sw_fail(error, SW_FAILED, "tensor '%s': its shape %s is empty or too large", name,
                       sw_shape_text(text, entry->ndim, entry->shape, " x "));
    }
    json_t *shape = json_array();
    for (int i = 0; i < entry->ndim; i++)
        json_array_append_new(shape, json_integer((json_int_t)entry->shape[i]));
    json_t *about = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                              "data_offsets", (json_int_t)*at, (json_int_t)end);
    if (!about || json_object_set_new(header, name, about))
        return sw_fail(error, SW_FAILED, "tensor name '%s' is not UTF-8, or out of memory", name);
    *at = end;
    return SW_OK;
}

/* The header's text, to be freed, and its padded length. */
static int make_header(char **text, size_t *length, const struct sw_safetensors_entry *entries,
                       size_t count, const json_t *metadata, struct sw_error *error)
{
    int status = check_metadata(metadata, error);
    if (status)
        return status;
    json_t *header = json_object();
    size_t at = 0;
    if (!header || (metadata && json_object_set_new(header, metadata_key,
                                                    json_copy((json_t *)(uintptr_t)metadata))))
        status = sw_fail(error, SW_FAILED, "out of memory");
    for (size_t i = 0; !status && i < count; i++)
        status = describe(header, &entries[i], &at, error);
    char *plain = status ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (status)
        return status;
    size_t used = plain ? strlen(plain) : 0;
    *length = (used + HEADER_STEP - 1) / HEADER_STEP * HEADER_STEP;
    *text = plain ? realloc(plain, *length + 1) : NULL;
    if (!*text) {
        free(plain);
        return sw_fail(error, SW_FAILED, "out of memory");
    }
    memset(*text + used, ' ', *length - used);
    if (*length > LONGEST_HEADER) {
        free(*text);
        return sw_fail(error, SW_FAILED, "its header would have %zu bytes", *length);
    }
    return SW_OK;
}

static size_t bytes_of(const struct sw_safetensors_entry *entry)
{
    size_t bytes = sizeof(float);
    for (int i = 0; i < entry->ndim; i++)
        bytes *= entry->shape[i];
    return bytes;
}

int sw_safetensors_write(const char *path, const struct sw_safetensors_entry *entries, size_t count,
                         const json_t *metadata, struct sw_error *error)
{
    char *text;
    size_t length;
    int status = make_header(&text, &length, entries, count, metadata, error);
    if (status) {
        sw_error_within(error, "cannot write %s", path);
        return status;
    }
    struct sw_new_file file;
    status = sw_new_file_begin(&file, path, error);
    if (status) {
        free(text);
        return status;
    }
    uint64_t promised = length;
    int bad = fwrite(&promised, sizeof promised, 1, file.stream) != 1 ||
              fwrite(text, 1, length, file.stream) != length;
    for (size_t i = 0; !bad && i < count; i++)
        bad =
            fwrite(entries[i].data, 1, bytes_of(&entries[i]), file.stream) != bytes_of(&entries[i]);
    int why = errno;
    free(text);
    if (bad) {
        sw_new_file_discard(&file);
        return sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(why));
    }
    return sw_new_file_commit(&file, error);
}
