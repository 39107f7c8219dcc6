/* lines.c -- see lines.h. */
#include "data/lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Goes through the lines from `start` on and puts where they begin into at, unless it is NULL. */
static size_t find_lines(const struct sw_mapping *file, size_t start, size_t *at)
{
    size_t count = 0;
    while (start < file->size) {
        if (at)
            at[count] = start;
        count++;
        const unsigned char *end = memchr(file->data + start, '\n', file->size - start);
        start = end ? (size_t)(end - file->data) + 1 : file->size;
    }
    if (at)
        at[count] = file->size;
    return count;
}

int sw_lines_open(struct sw_lines *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_lines){0};
    size_t start;
    int status = sw_map_text(&out->mapping, &start, path, error);
    if (status)
        return status;
    const struct sw_mapping *file = &out->mapping;
    out->count = find_lines(file, start, NULL);
    out->at = out->count < SIZE_MAX / sizeof *out->at - 1
                  ? malloc((out->count + 1) * sizeof *out->at)
                  : NULL;
    if (!out->at) {
        sw_fail(error, SW_FAILED, "%s: out of memory for %zu lines", path, out->count);
        sw_lines_close(out);
        return SW_FAILED;
    }
    find_lines(file, start, out->at);
    size_t length = 0;
    while (out->count && (sw_line(out, out->count - 1, &length), length == 0))
        out->count--;
    return SW_OK;
}

void sw_lines_close(struct sw_lines *lines)
{
    free(lines->at);
    sw_unmap(&lines->mapping);
    *lines = (struct sw_lines){0};
}

static bool blank(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *sw_line(const struct sw_lines *lines, size_t i, size_t *length)
{
    const unsigned char *data = lines->mapping.data;
    size_t begin = lines->at[i], end = lines->at[i + 1];
    while (end > begin && blank(data[end - 1]))
        end--;
    while (begin < end && blank(data[begin]))
        begin++;
    *length = end - begin;
    return (const char *)data + begin;
}
