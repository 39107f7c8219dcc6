/* lua_weights.c -- tensors that come from other programs and go to them: files that are read by
 * name, and safetensors that are written. Numbers are strings of float32. */
#include "lua/binding/binding.h"

#include "data/safetensors.h"
#include "data/weights.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WEIGHTS "stepwise.weights"

static struct sw_weights *weights_at(lua_State *L)
{
    return luaL_checkudata(L, 1, WEIGHTS);
}

/* weights(path): a file of tensors, whoever wrote it */
static int weights_open(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    struct sw_weights *weights = lua_newuserdatauv(L, sizeof *weights, 0);
    *weights = (struct sw_weights){0};
    luaL_setmetatable(L, WEIGHTS);
    if (sw_weights_open(weights, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static int weights_close(lua_State *L)
{
    sw_weights_close(weights_at(L));
    return 0;
}

/* weights:list(): {{name =, dtype =, shape = {..}}..} */
static int weights_list(lua_State *L)
{
    const struct sw_weights *weights = weights_at(L);
    lua_createtable(L, (int)weights->count, 0);
    for (size_t i = 0; i < weights->count; i++) {
        const struct sw_weight *weight = &weights->list[i];
        lua_createtable(L, 0, 3);
        sw_lua_set_text(L, "name", weight->name);
        sw_lua_set_text(L, "dtype", weight->dtype);
        lua_createtable(L, weight->ndim, 0);
        for (int d = 0; d < weight->ndim; d++) {
            lua_pushinteger(L, (lua_Integer)weight->shape[d]);
            lua_rawseti(L, -2, d + 1);
        }
        lua_setfield(L, -2, "shape");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* weights:floats(i): the numbers of the i-th of the list, float32, which have to be finite */
static int weights_floats(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_weights *weights = weights_at(L);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && (size_t)i <= weights->count, 2, "out of range");
    const struct sw_weight *weight = &weights->list[i - 1];
    size_t bytes = weight->elements * sizeof(float);
    struct sw_lua_box *box = sw_lua_box(L, free);
    float *numbers = box->value = malloc(bytes + 1);
    if (!numbers)
        return sw_lua_fail(L, SW_FAILED, "out of memory for tensor '%s'", weight->name);
    if (sw_weights_floats(weights, weight, numbers, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushlstring(L, (const char *)numbers, bytes);
    sw_lua_box_empty(box);
    return 1;
}

/* One {name =, shape = {..}, bytes =} of the list at index 2 into *entry; what it points to stays
 * in the list. */
static void read_entry(lua_State *L, lua_Integer i, struct sw_safetensors_entry *entry)
{
    size_t size, expected = sizeof(float);
    lua_rawgeti(L, 2, i);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_getfield(L, -1, "name");
    lua_getfield(L, -2, "bytes");
    lua_getfield(L, -3, "shape");
    entry->name = luaL_checkstring(L, -3);
    entry->data = luaL_checklstring(L, -2, &size);
    luaL_checktype(L, -1, LUA_TTABLE);
    entry->ndim = (int)lua_rawlen(L, -1);
    luaL_argcheck(L, entry->ndim <= SW_SAFETENSORS_DIMS, 2, "expected at most 4 dimensions");
    for (int d = 0; d < entry->ndim; d++) {
        lua_rawgeti(L, -1, d + 1);
        entry->shape[d] = (size_t)luaL_checkinteger(L, -1);
        luaL_argcheck(L, !__builtin_mul_overflow(expected, entry->shape[d], &expected), 2,
                      "a shape is too large");
        lua_pop(L, 1);
    }
    luaL_argcheck(L, size == expected, 2, "expected as many numbers as the shape says");
    lua_pop(L, 4);
}

/* write_safetensors(path, list, metadata): tensors {{name =, shape = {..}, bytes = float32}..} and
 * an object of strings as JSON, whole or not at all */
static int write_safetensors(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
    const char *text = luaL_checkstring(L, 3);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    json_t *metadata = box->value = json_loads(text, 0, NULL);
    struct sw_safetensors_entry *entries =
        lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *entries, 0);
    memset(entries, 0, ((size_t)count + 1) * sizeof *entries);
    for (lua_Integer i = 0; i < count; i++)
        read_entry(L, i + 1, &entries[i]);
    if (sw_safetensors_write(path, entries, (size_t)count, metadata, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

/* crc32(text): its CRC-32, as zip archives have it */
static int crc32_of(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_pushinteger(L, (lua_Integer)crc32_z(0, (const Bytef *)text, size));
    return 1;
}

void sw_lua_open_weights(lua_State *L)
{
    static const luaL_Reg functions[] = {{"weights", weights_open},
                                         {"write_safetensors", write_safetensors},
                                         {"crc32", crc32_of},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"list", weights_list}, {"floats", weights_floats}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, WEIGHTS, methods, weights_close);
}
