/* fields.c -- see fields.h. */
#include "data/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1 << 20 };

int sw_fields_open(struct sw_fields *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_fields){.path = strdup(path), .stream = fopen(path, "rbe")};
    if (out->path && out->stream)
        return SW_OK;
    int why = errno;
    sw_fields_close(out);
    return sw_fail(error, SW_FAILED, "cannot open %s: %s", path, strerror(why));
}

void sw_fields_close(struct sw_fields *file)
{
    if (file->stream)
        fclose(file->stream);
    free(file->path);
    free(file->buffer);
    *file = (struct sw_fields){0};
}

/* Reads on behind what is there; *more is 0 at the end of the file. */
static int fill(struct sw_fields *file, size_t *more, struct sw_error *error)
{
    if (file->used) {
        memmove(file->buffer, file->buffer + file->used, file->have - file->used);
        file->have -= file->used;
        file->used = 0;
    }
    if (file->have == file->room) {
        if (file->room >= SW_LONGEST_LINE)
            return sw_fail(error, SW_FAILED, "%s: line %zu: expected at most %d bytes, found more",
                           file->path, file->line, SW_LONGEST_LINE);
        size_t room = file->room ? 2 * file->room : FIRST_ROOM;
        char *buffer = realloc(file->buffer, room);
        if (!buffer)
            return sw_fail(error, SW_FAILED, "%s: out of memory for a line", file->path);
        file->buffer = buffer;
        file->room = room;
    }
    errno = 0;
    *more = fread(file->buffer + file->have, 1, file->room - file->have, file->stream);
    if (!*more && ferror(file->stream))
        return sw_fail(error, SW_FAILED, "cannot read %s: %s", file->path, strerror(errno));
    file->have += *more;
    return SW_OK;
}

static void split(struct sw_fields *file, const char *line, size_t length)
{
    const char *end = line + length;
    if (length && end[-1] == '\r')
        end--;
    for (file->count = 0;; line++) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        const char *stop = tab ? tab : end;
        if (file->count < SW_FIELDS) {
            file->fields[file->count] = line;
            file->lengths[file->count] = (size_t)(stop - line);
        }
        file->count++;
        if (!tab)
            return;
        line = tab;
    }
}

int sw_fields_next(struct sw_fields *file, struct sw_error *error)
{
    size_t searched = file->used, more = 1;
    const char *end = NULL;
    file->count = 0;
    file->line++;
    file->offset = file->next;
    while (more) {
        size_t left = file->have - searched;
        end = left ? memchr(file->buffer + searched, '\n', left) : NULL;
        if (end)
            break;
        searched = file->have - file->used;
        int status = fill(file, &more, error);
        if (status)
            return status;
    }
    size_t length = (size_t)((end ? end : file->buffer + file->have) - file->buffer) - file->used;
    if (!end && length == 0)
        return SW_OK;
    split(file, file->buffer + file->used, length);
    file->used += length + (end != NULL);
    file->next += length + (end != NULL);
    return SW_OK;
}

int sw_fields_seek(struct sw_fields *file, uint64_t offset, size_t line, struct sw_error *error)
{
    file->have = file->used = 0;
    file->next = offset;
    file->line = line ? line - 1 : 0;
    if (fseeko(file->stream, (off_t)offset, SEEK_SET) != 0)
        return sw_fail(error, SW_FAILED, "cannot read %s: %s", file->path, strerror(errno));
    return SW_OK;
}
