/* lua_session.c -- sessions: threads, operations, plugins; and configs on their way to C. */
#include "lua/binding/lua_session.h"

#include <stdlib.h>
#include <string.h>

/* ---- sessions -----------------------------------------------------------------------------------
 */

struct sw_lua_session *sw_lua_session_at(lua_State *L, int index)
{
    struct sw_lua_session *session = luaL_checkudata(L, index, SW_LUA_SESSION);
    sw_lua_keep_decimal_point();
    if (!session->session)
        sw_lua_fail(L, SW_MISUSE, "the session is closed");
    return session;
}

static const char first_plugins; /* the registry's key */

/* use_plugin_path(path|nil): what later sessions of this state take as plugin_path. */
static int use_plugin_path(lua_State *L)
{
    luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &first_plugins);
    return 0;
}

/* session([{threads =, plugin_path =}]): threads, operations and plugins; everything that computes
 * is a method of one. threads 0 or none: one for each CPU; plugin_path: files and folders with ':'
 * between that come before all others, "": no plugins. */
static int new_session(lua_State *L)
{
    int threads = 0;
    struct sw_error error = {0};
    lua_settop(L, 1);
    sw_lua_keep_decimal_point();
    lua_rawgetp(L, LUA_REGISTRYINDEX, &first_plugins);
    const char *path = lua_tostring(L, -1); /* stays on the stack */
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        threads = (int)sw_lua_integer_field(L, 1, "threads", 0, 0, 256);
        path = sw_lua_text_field(L, 1, "plugin_path", path);
    }
    struct sw_lua_session *session = lua_newuserdatauv(L, sizeof *session, 0);
    memset(session, 0, sizeof *session);
    luaL_setmetatable(L, SW_LUA_SESSION);
    if (sw_session_new(&session->session, threads, path, &error) != SW_OK ||
        sw_lua_accept_definitions(session->session, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    sw_compute_watch(session->session->compute, sw_lua_interrupted);
    return 1;
}

/* session:close(); what was made with it has to be closed first. */
static int close_session(lua_State *L)
{
    struct sw_lua_session *session = luaL_checkudata(L, 1, SW_LUA_SESSION);
    if (session->users > 0)
        return sw_lua_fail(L, SW_MISUSE,
                           "the session is in use: close what was made with it first");
    sw_session_free(session->session);
    session->session = NULL;
    return 0;
}

static int finish_session(lua_State *L)
{
    struct sw_lua_session *session = luaL_checkudata(L, 1, SW_LUA_SESSION);
    if (session->users == 0) { /* users hold it as a user value and are collected before it */
        sw_session_free(session->session);
        session->session = NULL;
    }
    return 0;
}

/* session:threads(): how many, and the name of the vector kernels */
static int session_threads(lua_State *L)
{
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_pushinteger(L, sw_compute_threads(session->session->compute));
    lua_pushstring(L, sw_compute_cpu(session->session->compute));
    return 2;
}

/* ---- configs ------------------------------------------------------------------------------------
 */

json_t *sw_lua_config_json(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    sw_lua_keep_decimal_point();
    int is_config = luaL_getmetafield(L, index, "__name") == LUA_TSTRING &&
                    strcmp(lua_tostring(L, -1), "stepwise.config") == 0;
    if (!is_config)
        luaL_typeerror(L, index, "stepwise.config");
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    lua_getfield(L, index, "whole_text");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    box->value = json_loads(luaL_checkstring(L, -1), 0, NULL);
    if (!box->value)
        sw_lua_fail(L, SW_FAILED, "out of memory for a config");
    lua_pop(L, 1);
    return box->value;
}

/* session_method(name): one of sessions, as it is now. */
static int session_method(lua_State *L)
{
    luaL_getmetatable(L, SW_LUA_SESSION);
    lua_getfield(L, -1, "__index");
    lua_getfield(L, -1, luaL_checkstring(L, 1));
    return 1;
}

/* extend_session(functions): methods of sessions that are written in Lua. */
static int extend_session(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_getmetatable(L, SW_LUA_SESSION);
    lua_getfield(L, -1, "__index");
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    return 0;
}

void sw_lua_open_session(lua_State *L)
{
    static const luaL_Reg of_session[] = {
        {"close", close_session}, {"threads", session_threads}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"session", new_session},
                                         {"use_plugin_path", use_plugin_path},
                                         {"extend_session", extend_session},
                                         {"session_method", session_method},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, SW_LUA_SESSION, of_session, finish_session);
}
