/* lua_pickle.c -- Python's pickles as Lua values. */
#include "lua/binding/binding.h"
#include "lua/binding/numbers.h"

#include "data/pickle.h"

#include <stdlib.h>

static void push_sizes(lua_State *L, const char *name, const size_t *sizes, int count)
{
    lua_createtable(L, count, 0);
    for (int d = 0; d < count; d++) {
        lua_pushinteger(L, (lua_Integer)sizes[d]);
        lua_rawseti(L, -2, d + 1);
    }
    lua_setfield(L, -2, name);
}

/* A tensor as {storage =, dtype =, offset =, shape =, strides =, elements = of the storage}; an
 * array that no other form has, as {dtype =, shape =}. */
static void push_described(lua_State *L, const struct sw_pickle_array *array)
{
    lua_createtable(L, 0, 6);
    sw_lua_set_text(L, "dtype", array->dtype ? sw_dtype_name(array->dtype) : array->descr);
    push_sizes(L, "shape", array->shape, array->ndim);
    if (!array->storage)
        return;
    lua_pushlstring(L, array->storage->bytes, array->storage->length);
    lua_setfield(L, -2, "storage");
    push_sizes(L, "strides", array->strides, array->ndim);
    sw_lua_set_integer(L, "offset", (lua_Integer)array->offset);
    sw_lua_set_integer(L, "elements", (lua_Integer)array->elements);
}

static void push_value(lua_State *L, const struct sw_pickle_value *value)
{
    const struct sw_pickle_array *array = value->array;
    luaL_checkstack(L, 6, "a pickle is nested too deeply");
    switch (value->kind) {
    case SW_PICKLE_BOOL:
        lua_pushboolean(L, value->integer != 0);
        return;
    case SW_PICKLE_INT:
        lua_pushinteger(L, value->integer);
        return;
    case SW_PICKLE_FLOAT:
        lua_pushnumber(L, value->real);
        return;
    case SW_PICKLE_TEXT:
    case SW_PICKLE_BYTES:
        lua_pushlstring(L, value->bytes, value->length);
        return;
    case SW_PICKLE_DICT:
        lua_newtable(L);
        for (size_t i = 0; i + 1 < value->count; i += 2) {
            enum sw_pickle_kind key = value->items[i]->kind;
            if (key != SW_PICKLE_INT && key != SW_PICKLE_TEXT && key != SW_PICKLE_BYTES)
                continue; /* no name that anything asks for */
            push_value(L, value->items[i]);
            push_value(L, value->items[i + 1]);
            lua_rawset(L, -3);
        }
        return;
    case SW_PICKLE_ARRAY:
        if (array->dtype && array->ndim <= SW_NPY_DIMS) {
            sw_lua_copy_numbers(L, array->dtype, array->ndim, array->shape, array->data,
                                array->bytes);
            return;
        }
        if (array->data) {
            push_described(L, array);
            return;
        }
        /* fallthrough */
    case SW_PICKLE_LIST:
    case SW_PICKLE_TUPLE:
        lua_createtable(L, (int)value->count, 0);
        for (size_t i = 0; i < value->count; i++) {
            push_value(L, value->items[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case SW_PICKLE_TENSOR:
        push_described(L, array);
        return;
    default:
        lua_pushlightuserdata(L, NULL); /* as null of JSON */
    }
}

static void release_pickle(void *value)
{
    sw_pickle_close(value);
    free(value);
}

/* unpickle(bytes, name): the value of a pickle, and how many bytes it has. None is json_null,
 * arrays are numbers, lists and tuples tables from 1, arrays of objects lists. */
static int unpickle(lua_State *L)
{
    struct sw_error error = {0};
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size), *name = luaL_checkstring(L, 2);
    struct sw_lua_box *box = sw_lua_box(L, release_pickle);
    struct sw_pickle *pickle = box->value = calloc(1, sizeof *pickle);
    if (!pickle)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (sw_pickle_read(pickle, bytes, size, name, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    push_value(L, pickle->value);
    lua_pushinteger(L, (lua_Integer)pickle->used);
    sw_lua_box_empty(box);
    return 2;
}

void sw_lua_open_pickles(lua_State *L)
{
    lua_pushcfunction(L, unpickle);
    lua_setfield(L, -2, "unpickle");
}
