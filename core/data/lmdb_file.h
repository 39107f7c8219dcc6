/* lmdb_file.h -- the records of an LMDB environment, in the order of their keys. Built without
 * liblmdb, opening one is an error that says so. */
#ifndef SW_DATA_LMDB_FILE_H
#define SW_DATA_LMDB_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sw_lmdb {
    void *environment, *transaction, *cursor;
    char *path;
    bool begun;
};

/* Opens a folder with data.mdb, or such a file, read only and without a lock. liblmdb trusts its
 * file, so a process of its own reads all of it first: a damaged one is an error. On failure *out
 * may be closed. */
int sw_lmdb_open(struct sw_lmdb *out, const char *path, struct sw_error *error);
void sw_lmdb_close(struct sw_lmdb *db);

/* Whether the file begins as one of LMDB does. */
bool sw_lmdb_is(const void *bytes, size_t size);

/* The next record; *key is NULL behind the last one. Both stay until the environment is closed. */
int sw_lmdb_next(struct sw_lmdb *db, const char **key, size_t *key_length, const void **value,
                 size_t *size, struct sw_error *error);

/* The record of a key; *value is NULL when there is none. */
int sw_lmdb_get(struct sw_lmdb *db, const char *key, size_t key_length, const void **value,
                size_t *size, struct sw_error *error);

#endif
