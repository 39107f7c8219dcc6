/* lmdb_file.c -- see lmdb_file.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "data/lmdb_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool sw_lmdb_is(const void *bytes, size_t size)
{
    static const unsigned char magic[] = {0xde, 0xc0, 0xef, 0xbe};
    return size >= 20 && memcmp((const char *)bytes + 16, magic, sizeof magic) == 0;
}

#ifdef SW_HAVE_LMDB

#include "base/trial.h"

#include <lmdb.h>

enum { SECONDS = 24 * 3600 };

static int failed(const struct sw_lmdb *db, struct sw_error *error, int why)
{
    return sw_fail(error, SW_FAILED, "%s: %s", db->path, mdb_strerror(why));
}

static int begin(struct sw_lmdb *db, struct sw_error *error)
{
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_cursor *cursor;
    MDB_dbi records;
    struct stat about;
    int why = mdb_env_create(&environment);
    if (why)
        return failed(db, error, why);
    db->environment = environment;
    unsigned flags = MDB_RDONLY | MDB_NOLOCK;
    if (stat(db->path, &about) == 0 && !S_ISDIR(about.st_mode))
        flags |= MDB_NOSUBDIR;
    if ((why = mdb_env_open(environment, db->path, flags, 0444)) ||
        (why = mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction)))
        return failed(db, error, why);
    db->transaction = transaction;
    if ((why = mdb_dbi_open(transaction, NULL, 0, &records)) ||
        (why = mdb_cursor_open(transaction, records, &cursor)))
        return failed(db, error, why);
    db->cursor = cursor;
    return SW_OK;
}

static void end(struct sw_lmdb *db)
{
    if (db->cursor)
        mdb_cursor_close(db->cursor);
    if (db->transaction)
        mdb_txn_abort(db->transaction);
    if (db->environment)
        mdb_env_close(db->environment);
    db->environment = db->transaction = db->cursor = NULL;
    db->begun = false;
}

/* Reads a byte of each page of all records. */
static void read_all(void *data, volatile int *step, struct sw_error *error)
{
    enum { PAGE = 4096 };
    struct sw_lmdb *db = data;
    const char *key;
    const void *value;
    size_t length, size;
    volatile unsigned char sum = 0;
    int status = begin(db, error);
    while (!status && !(status = sw_lmdb_next(db, &key, &length, &value, &size, error)) && key) {
        for (size_t i = 0; i < size; i += PAGE)
            sum ^= ((const unsigned char *)value)[i];
        if (size)
            sum ^= ((const unsigned char *)value)[size - 1];
        ++*step;
    }
    (void)sum;
    end(db);
}

int sw_lmdb_open(struct sw_lmdb *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_lmdb){.path = strdup(path)};
    if (!out->path)
        return sw_fail(error, SW_FAILED, "out of memory for the name of %s", path);
    struct sw_trial trial = {.work = read_all, .data = out, .seconds = SECONDS};
    struct sw_error found = {0};
    enum sw_trial_end how = sw_trial(&trial, &found);
    int status = SW_OK;
    if (how == SW_TRIAL_DONE && found.status)
        status = sw_fail(error, found.status, "%s", found.text);
    else if (how != SW_TRIAL_DONE && how != SW_TRIAL_NONE)
        status = sw_fail(error, SW_FAILED,
                         "%s: damaged: liblmdb fails after %d of its records, as on a copy that is "
                         "cut short",
                         path, trial.step);
    if (!status)
        status = begin(out, error);
    if (status)
        sw_lmdb_close(out);
    return status;
}

void sw_lmdb_close(struct sw_lmdb *db)
{
    end(db);
    free(db->path);
    db->path = NULL;
}

int sw_lmdb_next(struct sw_lmdb *db, const char **key, size_t *key_length, const void **value,
                 size_t *size, struct sw_error *error)
{
    MDB_val k, v;
    int why = mdb_cursor_get(db->cursor, &k, &v, db->begun ? MDB_NEXT : MDB_FIRST);
    db->begun = true;
    *key = NULL;
    if (why == MDB_NOTFOUND)
        return SW_OK;
    if (why)
        return failed(db, error, why);
    *key = k.mv_data;
    *key_length = k.mv_size;
    *value = v.mv_data;
    *size = v.mv_size;
    return SW_OK;
}

int sw_lmdb_get(struct sw_lmdb *db, const char *key, size_t key_length, const void **value,
                size_t *size, struct sw_error *error)
{
    MDB_val k = {.mv_size = key_length, .mv_data = (char *)(size_t)key}, v;
    int why = mdb_get(db->transaction, mdb_cursor_dbi(db->cursor), &k, &v);
    *value = NULL;
    if (why == MDB_NOTFOUND || why == MDB_BAD_VALSIZE)
        return SW_OK;
    if (why)
        return failed(db, error, why);
    *value = v.mv_data;
    *size = v.mv_size;
    return SW_OK;
}

#else

int sw_lmdb_open(struct sw_lmdb *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_lmdb){0};
    return sw_fail(
        error, SW_FAILED,
        "%s: this build reads no LMDB; on Debian install liblmdb-dev and configure again", path);
}

void sw_lmdb_close(struct sw_lmdb *db)
{
    *db = (struct sw_lmdb){0};
}

int sw_lmdb_next(struct sw_lmdb *db, const char **key, size_t *key_length, const void **value,
                 size_t *size, struct sw_error *error)
{
    (void)db, (void)key_length, (void)value, (void)size, (void)error;
    *key = NULL;
    return SW_OK;
}

int sw_lmdb_get(struct sw_lmdb *db, const char *key, size_t key_length, const void **value,
                size_t *size, struct sw_error *error)
{
    (void)db, (void)key, (void)key_length, (void)size, (void)error;
    *value = NULL;
    return SW_OK;
}

#endif
