/* lua_error.c -- error objects, boxes, and the fields of an options table. */
#include "lua/binding/binding.h"

#include <stdarg.h>
#include <stdio.h>

static const char error_name[] = "stepwise.error";
static const char box_name[] = "stepwise.box";

/* Pushes "script.lua:LINE: " of the nearest function that came from a file, or "". */
static void push_place(lua_State *L)
{
    lua_Debug at;
    for (int level = 0; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.source[0] == '@' && at.currentline > 0) {
            lua_pushfstring(L, "%s:%d: ", at.source + 1, at.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

int sw_lua_raise(lua_State *L, const struct sw_error *error)
{
    lua_createtable(L, 0, 3);
    sw_lua_set_text(L, "text", error->text);
    push_place(L);
    lua_pushstring(L, error->text);
    lua_concat(L, 2);
    lua_setfield(L, -2, "message");
    sw_lua_set_integer(L, "status",
                       error->status == SW_MISUSE        ? 2
                       : error->status == SW_INTERRUPTED ? 128 + sw_lua_interrupted()
                                                         : 1);
    luaL_setmetatable(L, error_name);
    return lua_error(L);
}

int sw_lua_fail(lua_State *L, int status, const char *format, ...)
{
    struct sw_error error = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    return sw_lua_raise(L, &error);
}

static int error_text(lua_State *L)
{
    lua_getfield(L, 1, "message");
    return 1;
}

/* fail(status, message): status 1 failed, 2 misuse. */
static int fail(lua_State *L)
{
    int status = luaL_checkinteger(L, 1) == 2 ? SW_MISUSE : SW_FAILED;
    return sw_lua_fail(L, status, "%s", luaL_checkstring(L, 2));
}

/* fail_within(context, problem): raises what pcall caught again, with "context: " before it. */
static int fail_within(lua_State *L)
{
    int status = SW_FAILED;
    luaL_checkstring(L, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TTABLE) {
        if (lua_getfield(L, 2, "status") == LUA_TNUMBER && lua_tointeger(L, -1) == 2)
            status = SW_MISUSE;
        if (lua_getfield(L, 2, "text") == LUA_TSTRING)
            lua_replace(L, 2); /* without the place, which comes again */
    }
    return sw_lua_fail(L, status, "%s: %s", lua_tostring(L, 1), luaL_tolstring(L, 2, NULL));
}

struct sw_lua_box *sw_lua_box(lua_State *L, void (*release)(void *value))
{
    struct sw_lua_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->value = NULL;
    box->release = release;
    luaL_setmetatable(L, box_name);
    return box;
}

void sw_lua_box_empty(struct sw_lua_box *box)
{
    if (box->value)
        box->release(box->value);
    box->value = NULL;
}

static int box_gc(lua_State *L)
{
    sw_lua_box_empty(luaL_checkudata(L, 1, box_name));
    return 0;
}

const char *sw_lua_text_field(lua_State *L, int index, const char *name, const char *missing)
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        sw_lua_fail(L, SW_MISUSE, "%s: expected a string, found %s", name, lua_typename(L, type));
    const char *text = type == LUA_TNIL ? missing : lua_tostring(L, -1);
    lua_pop(L, 1); /* the table keeps the string */
    return text;
}

const char *sw_lua_needed_text(lua_State *L, int index, const char *name)
{
    const char *text = sw_lua_text_field(L, index, name, NULL);
    if (!text)
        sw_lua_fail(L, SW_MISUSE, "%s: expected a string, found nothing", name);
    return text;
}

lua_Integer sw_lua_integer_field(lua_State *L, int index, const char *name, lua_Integer missing,
                                 lua_Integer least, lua_Integer most)
{
    int type = lua_getfield(L, index, name), whole = 0;
    lua_Integer value = type == LUA_TNIL ? missing : lua_tointegerx(L, -1, &whole);
    if (type != LUA_TNIL && (type != LUA_TNUMBER || !whole))
        sw_lua_fail(L, SW_MISUSE, "%s: expected a whole number, found %s", name,
                    luaL_tolstring(L, -1, NULL));
    if (type != LUA_TNIL && (value < least || value > most))
        sw_lua_fail(L, SW_MISUSE, "%s: expected %lld to %lld, found %lld", name, (long long)least,
                    (long long)most, (long long)value);
    lua_pop(L, 1);
    return value;
}

int sw_lua_switch_field(lua_State *L, int index, const char *name, int missing)
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        sw_lua_fail(L, SW_MISUSE, "%s: expected true or false, found %s", name,
                    lua_typename(L, type));
    int value = type == LUA_TNIL ? missing : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

void sw_lua_open_errors(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"fail", fail}, {"fail_within", fail_within}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);

    luaL_newmetatable(L, error_name);
    lua_pushcfunction(L, error_text);
    lua_setfield(L, -2, "__tostring");
    sw_lua_set_text(L, "__name", error_name);
    lua_pop(L, 1);

    luaL_newmetatable(L, box_name);
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
