/* lua_numbers.c -- arrays of others' files: what an import looks at, changes and writes. Rows are
 * the first dimension; all else of a row is its columns. */
#include "lua/binding/binding.h"
#include "lua/binding/numbers.h"

#include "data/base64.h"
#include "data/npy_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ROW_FILE "stepwise.row_file"

struct numbers {
    struct sw_npy npy;
    void *owned;
};

struct sw_npy *sw_lua_push_numbers(lua_State *L, const struct sw_npy *npy, void *owned, int keeper)
{
    if (keeper)
        keeper = lua_absindex(L, keeper);
    struct numbers *numbers = lua_newuserdatauv(L, sizeof *numbers, 1);
    *numbers = (struct numbers){*npy, owned};
    luaL_setmetatable(L, SW_LUA_NUMBERS);
    if (keeper) {
        lua_pushvalue(L, keeper);
        lua_setiuservalue(L, -2, 1);
    }
    return &numbers->npy;
}

void *sw_lua_new_numbers(lua_State *L, enum sw_dtype dtype, int ndim, const size_t *shape)
{
    struct sw_npy npy = {.dtype = dtype, .ndim = ndim, .shape = {1, 1, 1, 1}};
    size_t bytes;
    memcpy(npy.shape, shape, (size_t)ndim * sizeof *shape);
    if (!sw_npy_bytes(&npy, &bytes))
        sw_lua_fail(L, SW_FAILED, "an array is too large");
    struct numbers *numbers = lua_newuserdatauv(L, sizeof *numbers, 1);
    *numbers = (struct numbers){.npy = npy};
    luaL_setmetatable(L, SW_LUA_NUMBERS);
    /* memory of Lua's, which its collector counts: a stream of arrays stays small */
    void *data = lua_newuserdatauv(L, bytes ? bytes : 1, 0);
    lua_setiuservalue(L, -2, 1);
    numbers->npy.data = data;
    return data;
}

void sw_lua_copy_numbers(lua_State *L, enum sw_dtype dtype, int ndim, const size_t *shape,
                         const void *bytes, size_t count)
{
    memcpy(sw_lua_new_numbers(L, dtype, ndim, shape), bytes, count);
}

const struct sw_npy *sw_lua_numbers_at(lua_State *L, int index)
{
    const struct numbers *numbers = luaL_checkudata(L, index, SW_LUA_NUMBERS);
    return &numbers->npy;
}

enum sw_dtype sw_lua_dtype_at(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    for (enum sw_dtype dtype = SW_FLOAT32; dtype <= SW_FLOAT64; dtype++)
        if (strcmp(name, sw_dtype_name(dtype)) == 0)
            return dtype;
    return (enum sw_dtype)sw_lua_fail(L, SW_MISUSE, "no dtype '%s'", name);
}

static int free_numbers(lua_State *L)
{
    struct numbers *numbers = luaL_checkudata(L, 1, SW_LUA_NUMBERS);
    free(numbers->owned);
    *numbers = (struct numbers){.npy = {.dtype = SW_FLOAT32, .ndim = 1}};
    return 0;
}

static void release_npy(void *value)
{
    sw_npy_close(value);
    free(value);
}

/* ---- what an array is ------------------------------------------------------------------------ */

void sw_lua_push_shape(lua_State *L, const struct sw_npy *npy)
{
    lua_createtable(L, npy->ndim, 0);
    for (int d = 0; d < npy->ndim; d++) {
        lua_pushinteger(L, (lua_Integer)npy->shape[d]);
        lua_rawseti(L, -2, d + 1);
    }
}

/* numbers:shape(): a list, empty for a single number */
static int shape_of(lua_State *L)
{
    sw_lua_push_shape(L, sw_lua_numbers_at(L, 1));
    return 1;
}

/* numbers:row(i): row i, from 1, without its first dimension */
static int row_of(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, npy->ndim >= 1 && i >= 1 && (size_t)i <= npy->shape[0], 2, "out of range");
    struct sw_npy row = {.dtype = npy->dtype, .ndim = npy->ndim - 1, .shape = {1, 1, 1, 1}};
    memcpy(row.shape, npy->shape + 1, (size_t)row.ndim * sizeof *row.shape);
    row.data =
        (const char *)npy->data + (size_t)(i - 1) * sw_npy_row(npy) * sw_dtype_size(npy->dtype);
    sw_lua_push_numbers(L, &row, NULL, 1);
    return 1;
}

static int dtype_of(lua_State *L) /* numbers:dtype(): "float32" */
{
    lua_pushstring(L, sw_dtype_name(sw_lua_numbers_at(L, 1)->dtype));
    return 1;
}

/* numbers:get(i): element i of all, counted from 1 */
static int get(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    size_t bytes, size = sw_dtype_size(npy->dtype);
    luaL_argcheck(L, i >= 1 && sw_npy_bytes(npy, &bytes) && (size_t)i <= bytes / size, 2,
                  "out of range");
    struct sw_npy one = {.dtype = npy->dtype, .ndim = 1, .shape = {1, 1, 1, 1}};
    one.data = (const char *)npy->data + (size_t)(i - 1) * size;
    float x;
    double wide;
    if (npy->dtype == SW_FLOAT64) {
        memcpy(&wide, one.data, sizeof wide);
        lua_pushnumber(L, wide);
    } else if (npy->dtype == SW_INT32 || npy->dtype == SW_INT64) {
        lua_pushinteger(L, sw_npy_integer(&one, 0));
    } else {
        sw_npy_floats(&one, 0, 1, &x);
        lua_pushnumber(L, (lua_Number)x);
    }
    return 1;
}

static size_t rows_of(const struct sw_npy *npy)
{
    return npy->ndim ? npy->shape[0] : 0;
}

/* numbers:bad(): row and column, from 1, of the first value that is not finite; nil: all are */
static int bad(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    size_t columns = sw_npy_row(npy);
    float *row = lua_newuserdatauv(L, (columns + 1) * sizeof *row, 0);
    for (size_t r = 0; r < rows_of(npy); r++) {
        float sum = 0; /* of zeros, or no number */
        sw_npy_floats(npy, r, 1, row);
        for (size_t c = 0; c < columns; c++)
            sum += row[c] * 0.0f;
        for (size_t c = 0; sum != 0 && c < columns; c++)
            if (!isfinite(row[c])) {
                lua_pushinteger(L, (lua_Integer)r + 1);
                lua_pushinteger(L, (lua_Integer)c + 1);
                return 2;
            }
    }
    lua_pushnil(L);
    return 1;
}

/* numbers:hashes(): a list with a number for each row. Rows that are equal when each value is
 * rounded to float16 have equal ones, whatever the dtype. */
static int hashes(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    size_t columns = sw_npy_row(npy), size = columns + 1;
    float *row = lua_newuserdatauv(L, size * sizeof *row, 0);
    uint16_t *half = lua_newuserdatauv(L, size * sizeof *half, 0);
    lua_createtable(L, (int)rows_of(npy), 0);
    for (size_t r = 0; r < rows_of(npy); r++) {
        sw_npy_floats(npy, r, 1, row);
        sw_npy_from_floats(SW_FLOAT16, row, columns, half);
        lua_pushinteger(L, (lua_Integer)XXH3_64bits(half, columns * sizeof *half));
        lua_rawseti(L, -2, (lua_Integer)r + 1);
    }
    return 1;
}

/* ---- arrays from arrays ---------------------------------------------------------------------- */

/* numbers:columns(first, count [, scales]): those columns of each row as float32, counted from 1,
 * each times its scale */
static int columns(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    lua_Integer first = luaL_checkinteger(L, 2), count = luaL_checkinteger(L, 3);
    size_t all = sw_npy_row(npy), rows = rows_of(npy);
    luaL_argcheck(L, first >= 1 && count >= 1 && (size_t)(first + count) - 1 <= all, 3,
                  "out of range");
    float *scales = lua_newuserdatauv(L, (size_t)count * sizeof *scales, 0);
    for (lua_Integer c = 0; c < count; c++) {
        scales[c] = 1;
        if (lua_istable(L, 4)) {
            lua_rawgeti(L, 4, c + 1);
            scales[c] = (float)luaL_checknumber(L, -1);
            lua_pop(L, 1);
        }
    }
    float *row = lua_newuserdatauv(L, (all + 1) * sizeof *row, 0);
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, 2, (size_t[]){rows, (size_t)count});
    for (size_t r = 0; r < rows; r++) {
        sw_npy_floats(npy, r, 1, row);
        for (lua_Integer c = 0; c < count; c++)
            *out++ = row[first - 1 + c] * scales[c];
    }
    return 1;
}

/* stack(list): arrays with rows of one width, one above the other, as float32 (rows, columns) */
static int stack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    size_t rows = 0, width = 0;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        const struct sw_npy *npy = sw_lua_numbers_at(L, -1);
        if (i > 1 && sw_npy_row(npy) != width)
            return sw_lua_fail(L, SW_FAILED, "expected rows of %zu numbers, found %zu", width,
                               sw_npy_row(npy));
        width = sw_npy_row(npy);
        rows += rows_of(npy);
        lua_pop(L, 1);
    }
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, 2, (size_t[]){rows, width});
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        const struct sw_npy *npy = sw_lua_numbers_at(L, -1);
        sw_npy_floats(npy, 0, rows_of(npy), out);
        out += rows_of(npy) * width;
        lua_pop(L, 1);
    }
    return 1;
}

/* npy(path): a .npy file whole */
static int npy_whole(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_npy npy;
    struct sw_lua_box *box = sw_lua_box(L, release_npy);
    if (sw_npy_open(&npy, luaL_checkstring(L, 1), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (!(box->value = malloc(sizeof npy))) {
        sw_npy_close(&npy);
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    }
    memcpy(box->value, &npy, sizeof npy);
    sw_lua_push_numbers(L, &npy, NULL, -1); /* the mapping goes with the box */
    return 1;
}

/* numbers(shape, list): as float32 */
static int numbers_new(lua_State *L)
{
    size_t shape[2] = {1, 1}, count = 1;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    int ndim = (int)lua_rawlen(L, 1);
    luaL_argcheck(L, ndim == 1 || ndim == 2, 1, "expected one or two dimensions");
    for (int i = 0; i < ndim; i++) {
        lua_rawgeti(L, 1, i + 1);
        shape[i] = (size_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
        luaL_argcheck(L, !__builtin_mul_overflow(count, shape[i], &count), 1, "too large");
    }
    luaL_argcheck(L, lua_rawlen(L, 2) == count, 2, "does not fit the shape");
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, ndim, shape);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        out[i] = (float)luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    return 1;
}

/* base64(text, dtype, columns): the numbers that the text holds, (rows, columns), or nil and why
 * there are none. */
static int base64(lua_State *L)
{
    size_t length, count;
    struct sw_error error = {0};
    const char *text = luaL_checklstring(L, 1, &length);
    enum sw_dtype dtype = sw_lua_dtype_at(L, 2);
    size_t width = (size_t)luaL_checkinteger(L, 3) * sw_dtype_size(dtype);
    luaL_argcheck(L, width > 0, 3, "out of range");
    unsigned char *bytes = malloc(sw_base64_room(length) + 1);
    struct sw_npy npy = {.dtype = dtype, .ndim = 2, .shape = {0, 1, 1, 1}, .data = bytes};
    npy.shape[1] = (size_t)lua_tointeger(L, 3);
    struct sw_npy *made = sw_lua_push_numbers(L, &npy, bytes, 0);
    if (!bytes)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    int status = sw_base64_decode(text, length, bytes, &count, &error);
    if (!status && count % width)
        sw_fail(&error, SW_FAILED, "base64 is cut: expected rows of %zu bytes, found %zu", width,
                count);
    made->shape[0] = count / width;
    if (!error.status)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, error.text);
    return 2;
}

/* ---- files that are filled in any order ------------------------------------------------------ */

struct row_file {
    struct sw_row_file file;
    size_t regions, features;
};

/* row_file(path, dtype, {N, k, F}): an array of that shape, all zero, or the one that an earlier
 * call began. */
static int row_file(lua_State *L)
{
    struct sw_error error = {0};
    size_t shape[3];
    const char *path = luaL_checkstring(L, 1);
    enum sw_dtype dtype = sw_lua_dtype_at(L, 2);
    luaL_argcheck(L, dtype <= SW_UINT8, 2, "expected float32, float16 or uint8");
    luaL_checktype(L, 3, LUA_TTABLE);
    for (int i = 0; i < 3; i++) {
        lua_rawgeti(L, 3, i + 1);
        shape[i] = (size_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    struct row_file *rows = lua_newuserdatauv(L, sizeof *rows, 0);
    *rows = (struct row_file){.file.fd = -1, .regions = shape[1], .features = shape[2]};
    luaL_setmetatable(L, ROW_FILE);
    if (sw_row_file_open(&rows->file, path, dtype, 3, shape, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* rows:put(row, numbers [, order]): row `row`, from 1, gets the rows of numbers (B, F) as its
 * regions, the first k, or those that `order` lists; what is left is zero. True, or false, region
 * and feature of a value that is not finite or too large for the file. */
static int put_row(lua_State *L)
{
    struct sw_error error = {0};
    struct row_file *rows = luaL_checkudata(L, 1, ROW_FILE);
    lua_Integer row = luaL_checkinteger(L, 2);
    const struct sw_npy *npy = sw_lua_numbers_at(L, 3);
    size_t width = rows->features, have = rows_of(npy), size = sw_dtype_size(rows->file.dtype);
    luaL_argcheck(L, rows->file.path, 1, "the file is closed");
    luaL_argcheck(L, row >= 1, 2, "out of range");
    luaL_argcheck(L, sw_npy_row(npy) == width, 3, "the features do not fit the file");
    size_t count = lua_istable(L, 4) ? (size_t)lua_rawlen(L, 4) : have;
    if (count > rows->regions)
        count = rows->regions;
    unsigned char *bytes = lua_newuserdatauv(L, rows->file.bytes + 1, 0);
    float *floats = lua_newuserdatauv(L, (width + 1) * sizeof *floats, 0);
    memset(bytes, 0, rows->file.bytes);
    for (size_t k = 0; k < count; k++) {
        size_t region = k;
        if (lua_istable(L, 4)) {
            lua_rawgeti(L, 4, (lua_Integer)k + 1);
            region = (size_t)luaL_checkinteger(L, -1) - 1;
            lua_pop(L, 1);
            luaL_argcheck(L, region < have, 4, "out of range");
        }
        sw_npy_floats(npy, region, 1, floats);
        bool fits = sw_npy_from_floats(rows->file.dtype, floats, width, bytes + k * width * size);
        float sum = 0;
        for (size_t c = 0; c < width; c++)
            sum += floats[c] * 0.0f;
        if (fits && sum == 0)
            continue;
        size_t at = 0;
        while (at + 1 < width && isfinite(floats[at]) &&
               sw_npy_from_floats(rows->file.dtype, floats + at, 1, bytes))
            at++;
        lua_pushboolean(L, 0);
        lua_pushinteger(L, (lua_Integer)region + 1);
        lua_pushinteger(L, (lua_Integer)at + 1);
        return 3;
    }
    if (sw_row_file_put(&rows->file, (size_t)row - 1, bytes, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* rows:sync(): brings what was put to the disk */
static int sync_rows(lua_State *L)
{
    struct sw_error error = {0};
    struct row_file *rows = luaL_checkudata(L, 1, ROW_FILE);
    if (rows->file.path && sw_row_file_sync(&rows->file, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

static int close_rows(lua_State *L)
{
    struct row_file *rows = luaL_checkudata(L, 1, ROW_FILE);
    sw_row_file_close(&rows->file);
    return 0;
}

/* write_integers(path, shape, list): an int32 array, whole or not at all */
static int write_integers(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_npy_writer writer;
    size_t shape[2] = {1, 1}, count = 1;
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    int ndim = (int)lua_rawlen(L, 2);
    luaL_argcheck(L, ndim == 1 || ndim == 2, 2, "expected one or two dimensions");
    for (int i = 0; i < ndim; i++) {
        lua_rawgeti(L, 2, i + 1);
        shape[i] = (size_t)luaL_checkinteger(L, -1);
        count *= shape[i];
        lua_pop(L, 1);
    }
    luaL_argcheck(L, lua_rawlen(L, 3) == count, 3, "does not fit the shape");
    int32_t *numbers = lua_newuserdatauv(L, (count + 1) * sizeof *numbers, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 3, (lua_Integer)i + 1);
        numbers[i] = (int32_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    int status = sw_npy_begin(&writer, path, SW_INT32, ndim, shape, &error);
    if (!status && !(status = sw_npy_append(&writer, numbers, shape[0], &error)))
        status = sw_npy_commit(&writer, &error);
    sw_npy_discard(&writer);
    return status ? sw_lua_raise(L, &error) : 0;
}

void sw_lua_open_numbers(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"npy", npy_whole}, {"numbers", numbers_new}, {"stack", stack},
        {"base64", base64}, {"row_file", row_file},   {"write_integers", write_integers},
        {NULL, NULL}};
    static const luaL_Reg of_numbers[] = {
        {"shape", shape_of}, {"row", row_of},    {"dtype", dtype_of},  {"get", get},
        {"bad", bad},        {"hashes", hashes}, {"columns", columns}, {NULL, NULL}};
    static const luaL_Reg of_rows[] = {
        {"put", put_row}, {"sync", sync_rows}, {"close", close_rows}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, SW_LUA_NUMBERS, of_numbers, free_numbers);
    sw_lua_class(L, ROW_FILE, of_rows, close_rows);
}
