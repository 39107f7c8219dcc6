/* file.h -- files that are read whole and files that are never half written. */
#ifndef SW_BASE_FILE_H
#define SW_BASE_FILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdio.h>

/* A read-only view of a whole file. Empty files have data "" and size 0. */
struct sw_mapping {
    const unsigned char *data;
    size_t size;
};

/* Opens a file to be read: a descriptor and its size, or -1 and the error. What is no file (a
 * folder, a device, a pipe that nobody writes to) is refused, and never waited for. */
int sw_open_file(const char *path, size_t *size, struct sw_error *error);

/* Maps `path` read-only. Errors name the path: missing, a folder, not readable. */
int sw_map(struct sw_mapping *out, const char *path, struct sw_error *error);
void sw_unmap(struct sw_mapping *mapping);

/* For who reads a mapping once, from front to back: bytes from .. to - 1 have been read. Where they
 * leave a piece of `step` bytes, the pages of that piece and before go, so that a large file does
 * not fill memory; read again, they come again. */
void sw_unmap_behind(const struct sw_mapping *mapping, size_t from, size_t to, size_t step);

/* Maps a text file. Its text begins at data + *begin: a UTF-8 byte order mark is skipped. UTF-16
 * and compressed files are refused, with the command that converts them. */
int sw_map_text(struct sw_mapping *out, size_t *begin, const char *path, struct sw_error *error);

/* Creates and opens a new file for reading and writing; the last six bytes of `path` are replaced
 * by a name that is free. Unlike mkstemp's, its mode is 0666 less the umask. -1: see errno. */
int sw_create_unique(char *path);

/* A file that appears whole or not at all: written beside `path` under another name, then fsync,
 * rename, fsync of the folder. Between begin and commit or discard, write to ->stream. What is
 * there at `path` and no file (a folder, a device, a pipe) is refused at the beginning. */
struct sw_new_file {
    FILE *stream;
    char *path, *beside;
};
int sw_new_file_begin(struct sw_new_file *file, const char *path, struct sw_error *error);
int sw_new_file_commit(struct sw_new_file *file, struct sw_error *error);
void sw_new_file_discard(struct sw_new_file *file); /* harmless after commit */

/* Writes `size` bytes to `path`, whole or not at all. */
int sw_write_file(const char *path, const void *bytes, size_t size, struct sw_error *error);

#endif
