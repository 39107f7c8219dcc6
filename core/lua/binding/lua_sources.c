/* lua_sources.c -- others' files as a stream of records: zip archives, LMDB, HDF5, lines with tabs,
 * rows of .npy files, long lists of JSON. */
#include "lua/binding/binding.h"
#include "lua/binding/numbers.h"

#include "data/fields.h"
#include "data/hdf5_file.h"
#include "data/json_items.h"
#include "data/lmdb_file.h"
#include "data/npy_rows.h"
#include "data/zip.h"

#include <stdlib.h>
#include <string.h>

#define ZIP "stepwise.zip"
#define ROWS "stepwise.row_reader"
#define FIELDS "stepwise.fields"
#define ITEMS "stepwise.json_items"
#define LMDB "stepwise.lmdb"
#define HDF5 "stepwise.hdf5"

/* Members and records that are read whole are small; features of one image have a few megabytes. */
enum { MOST_BYTES = 1 << 29 };

/* Pushes an object of the class, zeroed. */
static void *push_object(lua_State *L, size_t size, const char *class)
{
    void *object = lua_newuserdatauv(L, size, 1);
    memset(object, 0, size);
    luaL_setmetatable(L, class);
    return object;
}

/* ---- zip archives ---------------------------------------------------------------------------- */

static struct sw_zip *zip_at(lua_State *L)
{
    struct sw_zip *zip = luaL_checkudata(L, 1, ZIP);
    luaL_argcheck(L, zip->name, 1, "the archive is closed");
    return zip;
}

/* zip(path): an archive; zip(path, bytes): one that is in memory, and `path` for messages */
static int open_zip(lua_State *L)
{
    struct sw_error error = {0};
    size_t size;
    const char *path = luaL_checkstring(L, 1), *bytes = luaL_optlstring(L, 2, NULL, &size);
    struct sw_zip *zip = push_object(L, sizeof *zip, ZIP);
    if (bytes) {
        lua_pushvalue(L, 2);
        lua_setiuservalue(L, -2, 1);
    }
    if ((bytes ? sw_zip_parse(zip, bytes, size, path, &error) : sw_zip_open(zip, path, &error)) !=
        SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int close_zip(lua_State *L)
{
    sw_zip_close(luaL_checkudata(L, 1, ZIP));
    return 0;
}

static int zip_names(lua_State *L) /* zip:names(): a sorted list */
{
    const struct sw_zip *zip = zip_at(L);
    lua_createtable(L, (int)zip->count, 0);
    for (size_t i = 0; i < zip->count; i++) {
        lua_pushstring(L, zip->entries[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int zip_size(lua_State *L) /* zip:size(name): bytes, nil: no such member */
{
    const struct sw_zip_entry *entry = sw_zip_find(zip_at(L), luaL_checkstring(L, 2));
    if (entry)
        lua_pushinteger(L, (lua_Integer)entry->size);
    else
        lua_pushnil(L);
    return 1;
}

static const struct sw_zip_entry *member(lua_State *L, const struct sw_zip *zip)
{
    const char *name = luaL_checkstring(L, 2);
    const struct sw_zip_entry *entry = sw_zip_find(zip, name);
    if (!entry)
        sw_lua_fail(L, SW_FAILED, "%s: no member %s", zip->name, name);
    return entry;
}

/* The member whole, in a box on the top. */
static unsigned char *extract(lua_State *L, size_t *size)
{
    struct sw_error error = {0};
    const struct sw_zip *zip = zip_at(L);
    const struct sw_zip_entry *entry = member(L, zip);
    struct sw_lua_box *box = sw_lua_box(L, free);
    unsigned char *bytes;
    if (sw_zip_extract(zip, entry, MOST_BYTES, &bytes, &error) != SW_OK)
        sw_lua_raise(L, &error);
    box->value = bytes;
    *size = entry->size;
    return bytes;
}

static int zip_read(lua_State *L) /* zip:read(name): a member's bytes */
{
    size_t size;
    const unsigned char *bytes = extract(L, &size);
    lua_pushlstring(L, (const char *)bytes, size);
    sw_lua_box_empty(lua_touserdata(L, -2));
    return 1;
}

static int zip_numbers(lua_State *L) /* zip:numbers(name): of a member that is a .npy file */
{
    size_t size;
    struct sw_error error = {0};
    struct sw_npy npy;
    unsigned char *bytes = extract(L, &size);
    if (sw_npy_parse(&npy, bytes, size, &error) != SW_OK) {
        sw_error_within(&error, "%s: member %s", zip_at(L)->name, lua_tostring(L, 2));
        return sw_lua_raise(L, &error);
    }
    sw_lua_push_numbers(L, &npy, NULL, lua_gettop(L)); /* the box stays with the numbers */
    return 1;
}

/* zip:rows(name): rows of a member that is a .npy file, see npy_rows */
static int zip_rows(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_zip *zip = zip_at(L);
    const struct sw_zip_entry *entry = member(L, zip);
    struct sw_row_reader *rows = push_object(L, sizeof *rows, ROWS);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    if (sw_row_reader_open_member(rows, zip, entry, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* ---- rows of .npy files ---------------------------------------------------------------------- */

static struct sw_row_reader *rows_at(lua_State *L)
{
    struct sw_row_reader *rows = luaL_checkudata(L, 1, ROWS);
    luaL_argcheck(L, rows->name, 1, "the file is closed");
    return rows;
}

/* npy_rows(path): a .npy file that is read row by row: next(), skip(count), shape(), dtype() */
static int npy_rows(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    struct sw_row_reader *rows = push_object(L, sizeof *rows, ROWS);
    if (sw_row_reader_open(rows, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* rows:next(): the next row as numbers without its first dimension, which hold until the next call;
 * nil behind the last one */
static int next_row(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_row_reader *rows = rows_at(L);
    if (rows->next >= rows->npy.shape[0]) {
        lua_pushnil(L);
        return 1;
    }
    if (sw_row_reader_next(rows, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    struct sw_npy row = {.dtype = rows->npy.dtype, .ndim = rows->npy.ndim - 1, .data = rows->row};
    for (int d = 0; d < SW_NPY_DIMS; d++)
        row.shape[d] = d < row.ndim ? rows->npy.shape[d + 1] : 1;
    sw_lua_push_numbers(L, &row, NULL, 1);
    return 1;
}

static int skip_rows(lua_State *L) /* rows:skip(count) */
{
    struct sw_error error = {0};
    if (sw_row_reader_skip(rows_at(L), (size_t)luaL_checkinteger(L, 2), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

static int rows_shape(lua_State *L) /* rows:shape(): of the whole, a list */
{
    sw_lua_push_shape(L, &rows_at(L)->npy);
    return 1;
}

static int rows_dtype(lua_State *L)
{
    lua_pushstring(L, sw_dtype_name(rows_at(L)->npy.dtype));
    return 1;
}

static int close_rows(lua_State *L)
{
    sw_row_reader_close(luaL_checkudata(L, 1, ROWS));
    return 0;
}

/* ---- lines with tabs ------------------------------------------------------------------------- */

static struct sw_fields *fields_at(lua_State *L)
{
    struct sw_fields *file = luaL_checkudata(L, 1, FIELDS);
    luaL_argcheck(L, file->path, 1, "the file is closed");
    return file;
}

/* fields(path): a file of lines with tabs, each held until the next one is read */
static int open_fields(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    if (sw_fields_open(push_object(L, sizeof(struct sw_fields), FIELDS), path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* fields:next(): how many fields the next line has, its number and where it begins; nil at the end
 */
static int next_line(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_fields *file = fields_at(L);
    if (sw_fields_next(file, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (!file->count) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)file->count);
    lua_pushinteger(L, (lua_Integer)file->line);
    lua_pushinteger(L, (lua_Integer)file->offset);
    return 3;
}

static int seek_line(lua_State *L) /* fields:seek(offset, line) */
{
    struct sw_error error = {0};
    uint64_t offset = (uint64_t)luaL_checkinteger(L, 2);
    if (sw_fields_seek(fields_at(L), offset, (size_t)luaL_checkinteger(L, 3), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

static int field_text(lua_State *L) /* fields:text(i): field i of the line, from 1 */
{
    const struct sw_fields *file = fields_at(L);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && i <= SW_FIELDS && (size_t)i <= file->count, 2, "out of range");
    lua_pushlstring(L, file->fields[i - 1], file->lengths[i - 1]);
    return 1;
}

static int close_fields(lua_State *L)
{
    sw_fields_close(luaL_checkudata(L, 1, FIELDS));
    return 0;
}

/* ---- lists of JSON --------------------------------------------------------------------------- */

/* json_items(path, key): the elements of the list that the file's object has under the key */
static int open_items(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1), *key = luaL_checkstring(L, 2);
    struct sw_json_items *items = push_object(L, sizeof *items, ITEMS);
    if (sw_json_items_open(items, path, key, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int next_item(lua_State *L) /* items:next(): the text of the next element, nil at the end */
{
    struct sw_error error = {0};
    const char *text;
    size_t length = 0;
    if (sw_json_items_next(luaL_checkudata(L, 1, ITEMS), &text, &length, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (text)
        lua_pushlstring(L, text, length);
    else
        lua_pushnil(L);
    return 1;
}

static int close_items(lua_State *L)
{
    sw_json_items_close(luaL_checkudata(L, 1, ITEMS));
    return 0;
}

/* ---- LMDB ------------------------------------------------------------------------------------ */

static struct sw_lmdb *lmdb_at(lua_State *L)
{
    struct sw_lmdb *db = luaL_checkudata(L, 1, LMDB);
    luaL_argcheck(L, db->cursor, 1, "the environment is closed");
    return db;
}

static int open_lmdb(lua_State *L) /* lmdb(path): an environment, a folder or a file */
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    if (sw_lmdb_open(push_object(L, sizeof(struct sw_lmdb), LMDB), path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int next_record(lua_State *L) /* db:next(): the key of the next record, nil at the end */
{
    struct sw_error error = {0};
    const char *key;
    const void *value;
    size_t length, size;
    if (sw_lmdb_next(lmdb_at(L), &key, &length, &value, &size, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (key)
        lua_pushlstring(L, key, length);
    else
        lua_pushnil(L);
    return 1;
}

static int get_record(lua_State *L) /* db:get(key): the value, or nil */
{
    struct sw_error error = {0};
    size_t length, size;
    const char *key = luaL_checklstring(L, 2, &length);
    const void *value;
    if (sw_lmdb_get(lmdb_at(L), key, length, &value, &size, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (value)
        lua_pushlstring(L, value, size);
    else
        lua_pushnil(L);
    return 1;
}

static int close_lmdb(lua_State *L)
{
    sw_lmdb_close(luaL_checkudata(L, 1, LMDB));
    return 0;
}

/* ---- HDF5 ------------------------------------------------------------------------------------ */

static struct sw_hdf5 *hdf5_at(lua_State *L)
{
    struct sw_hdf5 *file = luaL_checkudata(L, 1, HDF5);
    luaL_argcheck(L, file->path, 1, "the file is closed");
    return file;
}

static int open_hdf5(lua_State *L) /* hdf5(path): a file of arrays */
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    struct sw_hdf5 *file = push_object(L, sizeof *file, HDF5);
    file->file = -1;
    if (sw_hdf5_open(file, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int hdf5_names(lua_State *L) /* file:names(): a sorted list */
{
    const struct sw_hdf5 *file = hdf5_at(L);
    lua_createtable(L, (int)file->count, 0);
    for (size_t i = 0; i < file->count; i++) {
        lua_pushstring(L, file->names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The array of the name at index 2; ndim -1 where there is none. */
static struct sw_npy find_array(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_npy array;
    if (sw_hdf5_find(hdf5_at(L), luaL_checkstring(L, 2), &array, &error) != SW_OK)
        sw_lua_raise(L, &error);
    return array;
}

/* file:shape(name): a list, and the dtype as which its numbers are read; nil: no such array */
static int hdf5_shape(lua_State *L)
{
    struct sw_npy array = find_array(L);
    if (array.ndim < 0) {
        lua_pushnil(L);
        return 1;
    }
    sw_lua_push_shape(L, &array);
    lua_pushstring(L, sw_dtype_name(array.dtype));
    return 2;
}

/* file:rows(name, first, count): numbers of those rows, counted from 0; rows(name, i): of row i
 * without its first dimension */
static int hdf5_rows(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_npy array = find_array(L);
    lua_Integer first = luaL_checkinteger(L, 3), count = luaL_optinteger(L, 4, 1);
    luaL_argcheck(L, array.ndim >= 1, 2, "no such array");
    luaL_argcheck(L, first >= 0 && count >= 0, 3, "out of range");
    struct sw_npy part = array;
    size_t bytes;
    part.shape[0] = (size_t)count;
    if (!sw_npy_bytes(&part, &bytes) || bytes > MOST_BYTES)
        return sw_lua_fail(L, SW_FAILED, "%s: %s: expected at most %d bytes at a time, found more",
                           hdf5_at(L)->path, lua_tostring(L, 2), MOST_BYTES);
    int is_one = lua_isnoneornil(L, 4);
    void *out = sw_lua_new_numbers(L, part.dtype, part.ndim - is_one, part.shape + is_one);
    if (sw_hdf5_read(hdf5_at(L), lua_tostring(L, 2), &array, (size_t)first, (size_t)count, out,
                     &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int close_hdf5(lua_State *L)
{
    struct sw_hdf5 *file = luaL_checkudata(L, 1, HDF5);
    if (file->path)
        sw_hdf5_close(file);
    return 0;
}

void sw_lua_open_sources(lua_State *L)
{
    static const luaL_Reg functions[] = {{"zip", open_zip},
                                         {"npy_rows", npy_rows},
                                         {"fields", open_fields},
                                         {"json_items", open_items},
                                         {"lmdb", open_lmdb},
                                         {"hdf5", open_hdf5},
                                         {NULL, NULL}};
    static const luaL_Reg of_zip[] = {
        {"names", zip_names}, {"size", zip_size},   {"read", zip_read}, {"numbers", zip_numbers},
        {"rows", zip_rows},   {"close", close_zip}, {NULL, NULL}};
    static const luaL_Reg of_rows[] = {{"next", next_row},    {"skip", skip_rows},
                                       {"shape", rows_shape}, {"dtype", rows_dtype},
                                       {"close", close_rows}, {NULL, NULL}};
    static const luaL_Reg of_fields[] = {{"next", next_line},
                                         {"seek", seek_line},
                                         {"text", field_text},
                                         {"close", close_fields},
                                         {NULL, NULL}};
    static const luaL_Reg of_items[] = {{"next", next_item}, {"close", close_items}, {NULL, NULL}};
    static const luaL_Reg of_lmdb[] = {
        {"next", next_record}, {"get", get_record}, {"close", close_lmdb}, {NULL, NULL}};
    static const luaL_Reg of_hdf5[] = {{"names", hdf5_names},
                                       {"shape", hdf5_shape},
                                       {"rows", hdf5_rows},
                                       {"close", close_hdf5},
                                       {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, ZIP, of_zip, close_zip);
    sw_lua_class(L, ROWS, of_rows, close_rows);
    sw_lua_class(L, FIELDS, of_fields, close_fields);
    sw_lua_class(L, ITEMS, of_items, close_items);
    sw_lua_class(L, LMDB, of_lmdb, close_lmdb);
    sw_lua_class(L, HDF5, of_hdf5, close_hdf5);
}
