/* fields.h -- long lines of tab-separated fields, one at a time: files of gigabytes, whose lines
 * hold an image's features as text. */
#ifndef SW_DATA_FIELDS_H
#define SW_DATA_FIELDS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SW_FIELDS = 16, SW_LONGEST_LINE = 1 << 28 };

struct sw_fields {
    FILE *stream;
    char *path, *buffer;
    size_t room, have, used;       /* of the buffer: size, read, given out */
    size_t line;                   /* the number of the line, from 1 */
    uint64_t offset, next;         /* where it begins in the file, and the one after it */
    size_t count;                  /* its fields, SW_FIELDS at most are told apart */
    const char *fields[SW_FIELDS]; /* not ended by a NUL */
    size_t lengths[SW_FIELDS];
};

int sw_fields_open(struct sw_fields *out, const char *path, struct sw_error *error);
void sw_fields_close(struct sw_fields *file);

/* The next line; count is 0 behind the last one. A line of more than SW_LONGEST_LINE bytes is an
 * error. The end of the line, "\n" or "\r\n", belongs to no field. */
int sw_fields_next(struct sw_fields *file, struct sw_error *error);

/* Goes to the line that begins at `offset` and has this number. */
int sw_fields_seek(struct sw_fields *file, uint64_t offset, size_t line, struct sw_error *error);

#endif
