/* lua_json.c -- Lua values as JSON and back, over Jansson. */
#include "lua/binding/binding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static const char array_name[] = "stepwise.array";
enum { DEEPEST = 100, NAMED = 8 }; /* levels; those that an error names */

void sw_lua_release_json(void *value)
{
    json_decref(value);
}

/* Adds [the object on the top] = {its keys in their order} to the table at `orders`. */
static void keep_order(lua_State *L, json_t *object, int orders)
{
    lua_Integer count = 0;
    lua_pushvalue(L, -1);
    lua_createtable(L, (int)json_object_size(object), 0);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        lua_pushstring(L, json_object_iter_key(at));
        lua_rawseti(L, -2, ++count);
    }
    lua_rawset(L, orders);
}

/* orders: the stack index of a table for keep_order; 0: none */
static void push(lua_State *L, const json_t *value, int orders)
{
    luaL_checkstack(L, 4, "JSON is nested too deeply");
    switch (json_typeof(value)) {
    case JSON_OBJECT: {
        lua_createtable(L, 0, (int)json_object_size(value));
        void *at = json_object_iter((json_t *)value);
        for (; at; at = json_object_iter_next((json_t *)value, at)) {
            lua_pushstring(L, json_object_iter_key(at));
            push(L, json_object_iter_value(at), orders);
            lua_rawset(L, -3);
        }
        if (orders)
            keep_order(L, (json_t *)value, orders);
        return;
    }
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        luaL_setmetatable(L, array_name);
        for (size_t i = 0; i < json_array_size(value); i++) {
            push(L, json_array_get(value, i), orders);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        return;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        return;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        return;
    case JSON_NULL:
        break;
    }
    lua_pushlightuserdata(L, NULL);
}

void sw_lua_push_json(lua_State *L, const json_t *value)
{
    push(L, value, 0);
}

/* ---- Lua to JSON ------------------------------------------------------------------------------
 */

/* A conversion makes no call that may raise, so that nothing half made is lost. */
struct conversion {
    lua_State *L;
    const void *array; /* the metatable of arrays */
    struct sw_error *error;
};

static json_t *from_lua(const struct conversion *to, int index, int depth);

/* 1 for {1, 2, 3} and for tables that JSON arrays became; 0 for an object, {} among them. */
static int is_array(const struct conversion *to, int index)
{
    if (lua_getmetatable(to->L, index)) {
        int same = lua_topointer(to->L, -1) == to->array;
        lua_pop(to->L, 1);
        if (same)
            return 1;
    }
    return lua_rawlen(to->L, index) > 0;
}

static json_t *array_from_lua(const struct conversion *to, int index, int depth)
{
    lua_State *L = to->L;
    struct sw_error *error = to->error;
    lua_Integer count = (lua_Integer)lua_rawlen(L, index), keys = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        keys++;
    if (keys != count) {
        sw_fail(error, SW_MISUSE, "a table mixes a list of %lld with %lld named values",
                (long long)count, (long long)(keys - count));
        return NULL;
    }
    json_t *array = json_array();
    for (lua_Integer i = 1; array && i <= count; i++) {
        lua_rawgeti(L, index, i);
        json_t *item = from_lua(to, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
        if (!item && depth < NAMED)
            sw_error_within(error, "[%lld]", (long long)i);
        if (!item || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Says why jansson did not take a text. */
static void refused_text(struct sw_error *error, const char *what, const char *text, size_t length)
{
    if (u8_check((const uint8_t *)text, length))
        sw_fail(error, SW_MISUSE, "%s is not UTF-8", what);
    else
        sw_fail(error, SW_FAILED, "out of memory");
}

static json_t *object_from_lua(const struct conversion *to, int index, int depth)
{
    lua_State *L = to->L;
    struct sw_error *error = to->error;
    json_t *object = json_object();
    for (lua_pushnil(L); object && lua_next(L, index); lua_pop(L, 1)) {
        json_t *item = NULL;
        size_t length = 0;
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : NULL;
        if (!key)
            sw_fail(error, SW_MISUSE, "a key is a %s; expected names or a list from 1",
                    luaL_typename(L, -2));
        else if (strlen(key) != length)
            sw_fail(error, SW_MISUSE, "a key holds a zero byte");
        else if ((item = from_lua(to, lua_gettop(L), depth + 1)) == NULL && depth < NAMED)
            sw_error_within(error, "%s", key);
        if (!item || json_object_set_new(object, key, item) != 0) {
            if (item)
                refused_text(error, "a key", key, length);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *from_lua(const struct conversion *to, int index, int depth)
{
    lua_State *L = to->L;
    struct sw_error *error = to->error;
    if (depth > DEEPEST || !lua_checkstack(L, 8)) {
        sw_fail(error, SW_MISUSE, "tables are nested more than %d deep", DEEPEST);
        return NULL;
    }
    json_t *value = NULL;
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        value = is_array(to, index) ? array_from_lua(to, index, depth)
                                    : object_from_lua(to, index, depth);
        break;
    case LUA_TSTRING: {
        size_t length;
        const char *text = lua_tolstring(L, index, &length);
        value = json_stringn(text, length);
        if (!value)
            refused_text(error, "a string", text, length);
        break;
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            value = json_integer(lua_tointeger(L, index));
        else if (isfinite(lua_tonumber(L, index)))
            value = json_real(lua_tonumber(L, index));
        else
            sw_fail(error, SW_MISUSE, "a number is not finite");
        break;
    case LUA_TBOOLEAN:
        value = json_boolean(lua_toboolean(L, index));
        break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) == NULL)
            return json_null();
        /* fallthrough */
    default:
        sw_fail(error, SW_MISUSE, "expected a table, string, number or switch, found a %s",
                luaL_typename(L, index));
        return NULL;
    }
    if (!value)
        sw_fail(error, SW_FAILED, "out of memory");
    return value;
}

json_t *sw_lua_to_json(lua_State *L, int index)
{
    struct sw_error error = {0};
    index = lua_absindex(L, index);
    luaL_getmetatable(L, array_name);
    struct conversion to = {L, lua_topointer(L, -1), &error};
    lua_pop(L, 1);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = from_lua(&to, index, 0);
    if (!box->value)
        sw_lua_raise(L, &error);
    return box->value;
}

/* ---- functions ---------------------------------------------------------------------------------
 */

/* json_encode(value [, indent]): keys are sorted, numbers have at most 15 digits. */
static int encode(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_Integer indent = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, indent >= 0 && indent <= 8, 2, "expected 0 to 8");
    struct sw_lua_box *text = sw_lua_box(L, free);
    json_t *value = sw_lua_to_json(L, 1);
    size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    text->value = json_dumps(value, flags | (indent ? JSON_INDENT((size_t)indent) : JSON_COMPACT));
    if (!text->value)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    lua_pushstring(L, text->value);
    sw_lua_box_empty(text);
    return 1;
}

static int push_decoded(lua_State *L, int orders)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    json_error_t fault;
    box->value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (!box->value)
        return sw_lua_fail(L, SW_FAILED, "JSON line %d: %s", fault.line, fault.text);
    push(L, box->value, orders);
    sw_lua_box_empty(box);
    return 1;
}

/* json_decode(text): a plain value; null is json_null. */
static int decode(lua_State *L)
{
    return push_decoded(L, 0);
}

/* json_decode_ordered(text, orders): the same; the table `orders` gets the keys of each object as
 * they are in the text. */
static int decode_ordered(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    return push_decoded(L, 2);
}

/* json_array(table): marks it, so that an empty one is [] and not {}. */
static int array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, array_name);
    return 1;
}

/* is_array(table): whether it is a list, that is, has elements or is marked by json_array */
static int is_list(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_getmetatable(L, array_name);
    struct conversion to = {.L = L, .array = lua_topointer(L, -1)};
    lua_pop(L, 1);
    lua_pushboolean(L, is_array(&to, 1));
    return 1;
}

void sw_lua_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"json_encode", encode}, {"json_decode", decode}, {"json_decode_ordered", decode_ordered},
        {"json_array", array},   {"is_array", is_list},   {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "json_null");
    luaL_newmetatable(L, array_name);
    lua_pop(L, 1);
}
