/* lua_arrays.c -- what Lua draws data with: random streams, rows of float32, and .npy files that
 * grow row by row. Numbers are float32 throughout, so that a seed gives the same bytes wherever it
 * is drawn. */
#include "lua/binding/binding.h"

#include "data/npy.h"
#include "tensor/tape/random.h"

#include <string.h>

#define RANDOM "stepwise.random"
#define FLOATS "stepwise.floats"
#define NPY_WRITER "stepwise.npy_writer"

/* ---- random streams -------------------------------------------------------------------------- */

/* random(purpose, seed, step, index): the stream of that name (tensor/tape/random.h); purpose is
 * "scenes" or "tests". */
static int random_stream(lua_State *L)
{
    static const char *const names[] = {"scenes", "tests", NULL};
    static const enum sw_purpose purposes[] = {SW_FOR_SCENES, SW_FOR_TESTS};
    enum sw_purpose purpose = purposes[luaL_checkoption(L, 1, NULL, names)];
    lua_Integer seed = luaL_checkinteger(L, 2), step = luaL_checkinteger(L, 3);
    lua_Integer index = luaL_checkinteger(L, 4);
    luaL_argcheck(L, index >= 0 && index <= UINT32_MAX, 4, "out of range");
    struct sw_random *random = lua_newuserdatauv(L, sizeof *random, 0);
    *random = sw_random_stream((uint64_t)seed, purpose, (uint64_t)step, (uint32_t)index);
    luaL_setmetatable(L, RANDOM);
    return 1;
}

/* random:below(bound): 0 .. bound - 1 */
static int random_below(lua_State *L)
{
    struct sw_random *random = luaL_checkudata(L, 1, RANDOM);
    lua_Integer bound = luaL_checkinteger(L, 2);
    luaL_argcheck(L, bound > 0 && bound <= UINT32_MAX, 2, "out of range");
    lua_pushinteger(L, sw_random_below(random, (uint32_t)bound));
    return 1;
}

/* random:between(low, high): in [low, high) */
static int random_between(lua_State *L)
{
    struct sw_random *random = luaL_checkudata(L, 1, RANDOM);
    float low = (float)luaL_checknumber(L, 2), high = (float)luaL_checknumber(L, 3);
    lua_pushnumber(L, low + (high - low) * sw_random_uniform(random));
    return 1;
}

/* random:normal(): mean 0, deviation 1 */
static int random_normal(lua_State *L)
{
    lua_pushnumber(L, sw_random_normal(luaL_checkudata(L, 1, RANDOM)));
    return 1;
}

/* ---- float32 --------------------------------------------------------------------------------- */

struct floats {
    size_t count;
    float data[];
};

int sw_lua_push_floats(lua_State *L, const float *x, size_t count)
{
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushnumber(L, (lua_Number)x[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* float32(x): the nearest float32 */
static int float32(lua_State *L)
{
    lua_pushnumber(L, (float)luaL_checknumber(L, 1));
    return 1;
}

/* floats(count): so many zeros, counted from 1 */
static int floats_new(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 1 && count <= 1 << 28, 1, "out of range");
    size_t size = (size_t)count * sizeof(float);
    struct floats *floats = lua_newuserdatauv(L, sizeof *floats + size, 0);
    floats->count = (size_t)count;
    memset(floats->data, 0, size);
    luaL_setmetatable(L, FLOATS);
    return 1;
}

/* The numbers first .. first + count - 1 of the floats at argument 1; raises where they are not
 * there. first is argument `at`. */
static float *range(lua_State *L, int at, size_t count)
{
    struct floats *floats = luaL_checkudata(L, 1, FLOATS);
    lua_Integer first = luaL_checkinteger(L, at);
    luaL_argcheck(
        L, first >= 1 && count <= floats->count && (size_t)first <= floats->count - count + 1, at,
        "out of range");
    return floats->data + first - 1;
}

/* floats:clear(): all zero again */
static int floats_clear(lua_State *L)
{
    struct floats *floats = luaL_checkudata(L, 1, FLOATS);
    memset(floats->data, 0, floats->count * sizeof(float));
    return 0;
}

static int floats_set(lua_State *L) /* floats:set(i, x) */
{
    *range(L, 2, 1) = (float)luaL_checknumber(L, 3);
    return 0;
}

static int floats_get(lua_State *L) /* floats:get(i) */
{
    lua_pushnumber(L, *range(L, 2, 1));
    return 1;
}

/* floats:add(first, scale, other): scale * other, from the number `first` on */
static int floats_add(lua_State *L)
{
    const struct floats *other = luaL_checkudata(L, 4, FLOATS);
    float *out = range(L, 2, other->count), scale = (float)luaL_checknumber(L, 3);
    for (size_t i = 0; i < other->count; i++)
        out[i] += scale * other->data[i];
    return 0;
}

/* floats:add_normal(first, count, scale, random): scale * N(0,1) to each of `count` numbers */
static int floats_add_normal(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 3);
    luaL_argcheck(L, count >= 0, 3, "out of range");
    float *out = range(L, 2, (size_t)count), scale = (float)luaL_checknumber(L, 4);
    struct sw_random *random = luaL_checkudata(L, 5, RANDOM);
    for (lua_Integer i = 0; i < count; i++)
        out[i] += scale * sw_random_normal(random);
    return 0;
}

/* ---- .npy files ------------------------------------------------------------------------------ */

/* npy_writer(path, shape): a float32 array of that shape, which appears at commit(). */
static int npy_writer(lua_State *L)
{
    enum { MOST = 4 };
    size_t shape[MOST];
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t ndim = lua_rawlen(L, 2);
    luaL_argcheck(L, ndim >= 1 && ndim <= MOST, 2, "expected 1 to 4 dimensions");
    for (size_t i = 0; i < ndim; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        shape[i] = (size_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    struct sw_npy_writer *writer = lua_newuserdatauv(L, sizeof *writer, 0);
    *writer = (struct sw_npy_writer){0};
    luaL_setmetatable(L, NPY_WRITER);
    if (sw_npy_begin(writer, path, SW_FLOAT32, (int)ndim, shape, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* writer:append(floats): one row, that is, one step along the first dimension. A signal that was
 * noted (catch_interrupts) is an error here; what was written is removed with the writer. */
static int npy_append(lua_State *L)
{
    struct sw_npy_writer *writer = luaL_checkudata(L, 1, NPY_WRITER);
    const struct floats *row = luaL_checkudata(L, 2, FLOATS);
    struct sw_error error = {0};
    luaL_argcheck(L, row->count * sizeof(float) == writer->row_bytes, 2, "not a row of this array");
    if (sw_lua_interrupted())
        return sw_lua_fail(L, SW_INTERRUPTED, "interrupted");
    if (sw_npy_append(writer, row->data, 1, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

static int npy_commit(lua_State *L)
{
    struct sw_error error = {0};
    if (sw_npy_commit(luaL_checkudata(L, 1, NPY_WRITER), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

static int npy_discard(lua_State *L)
{
    sw_npy_discard(luaL_checkudata(L, 1, NPY_WRITER));
    return 0;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

void sw_lua_open_arrays(lua_State *L)
{
    static const luaL_Reg functions[] = {{"random", random_stream},
                                         {"float32", float32},
                                         {"floats", floats_new},
                                         {"npy_writer", npy_writer},
                                         {NULL, NULL}};
    static const luaL_Reg of_random[] = {{"below", random_below},
                                         {"between", random_between},
                                         {"normal", random_normal},
                                         {NULL, NULL}};
    static const luaL_Reg of_floats[] = {{"clear", floats_clear},
                                         {"set", floats_set},
                                         {"get", floats_get},
                                         {"add", floats_add},
                                         {"add_normal", floats_add_normal},
                                         {NULL, NULL}};
    static const luaL_Reg of_writer[] = {
        {"append", npy_append}, {"commit", npy_commit}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, RANDOM, of_random, nothing);
    sw_lua_class(L, FLOATS, of_floats, nothing);
    sw_lua_class(L, NPY_WRITER, of_writer, npy_discard);
}
