/* lua_session.c -- sessions (threads, operations, plugins) and resolved configs. */
#include "lua/session.h"

#include "run/config.h"

#include <stdlib.h>
#include <string.h>

/* ---- sessions -----------------------------------------------------------------------------------
 */

struct sw_lua_session *sw_lua_session_at(lua_State *L, int index)
{
    struct sw_lua_session *session = luaL_checkudata(L, index, SW_LUA_SESSION);
    if (!session->session)
        sw_lua_fail(L, SW_MISUSE, "the session is closed");
    return session;
}

/* session([{threads =, plugin_path =}]): threads 0 or none: one for each CPU. */
static int new_session(lua_State *L)
{
    int threads = 0;
    const char *path = NULL;
    struct sw_error error = {0};
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        threads = (int)sw_lua_integer_field(L, 1, "threads", 0, 0, 256);
        path = sw_lua_text_field(L, 1, "plugin_path", NULL);
    }
    struct sw_lua_session *session = lua_newuserdatauv(L, sizeof *session, 0);
    memset(session, 0, sizeof *session);
    luaL_setmetatable(L, SW_LUA_SESSION);
    if (sw_session_new(&session->session, threads, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* session:close(); what was made with it has to be closed first. */
static int close_session(lua_State *L)
{
    struct sw_lua_session *session = luaL_checkudata(L, 1, SW_LUA_SESSION);
    if (session->users > 0)
        return sw_lua_fail(L, SW_MISUSE, "the session is in use: close its configs and trainers");
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

struct sw_lua_config *sw_lua_config_at(lua_State *L, int index)
{
    struct sw_lua_config *config = luaL_checkudata(L, index, SW_LUA_CONFIG);
    if (!config->config)
        sw_lua_fail(L, SW_MISUSE, "the config is closed");
    return config;
}

/* Pushes an empty config of the session at `session`. */
static struct sw_lua_config *push_config(lua_State *L, int session)
{
    struct sw_lua_session *owner = sw_lua_session_at(L, session);
    session = lua_absindex(L, session);
    struct sw_lua_config *config = lua_newuserdatauv(L, sizeof *config, 1);
    config->config = NULL;
    lua_pushvalue(L, session);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, SW_LUA_CONFIG);
    owner->users++;
    return config;
}

static int finish_config(lua_State *L)
{
    struct sw_lua_config *config = luaL_checkudata(L, 1, SW_LUA_CONFIG);
    lua_getiuservalue(L, 1, 1);
    struct sw_lua_session *session = lua_touserdata(L, -1);
    if (session) {
        json_decref(config->config);
        config->config = NULL;
        session->users--;
        lua_pushnil(L);
        lua_setiuservalue(L, 1, 1);
    }
    return 0;
}

/* The session that a config was made with. */
static const struct sw_plugins *plugins_of(lua_State *L, int config)
{
    lua_getiuservalue(L, config, 1);
    struct sw_lua_session *session = sw_lua_session_at(L, -1);
    lua_pop(L, 1);
    return session->session->plugins;
}

/* session:resolve([table]): the config with every default filled in and every key checked. */
static int resolve(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    json_t *wanted = lua_isnoneornil(L, 2) ? NULL : sw_lua_to_json(L, 2);
    struct sw_lua_config *config = push_config(L, 1);
    config->config = sw_config_resolve(session->session->plugins, wanted, &error);
    if (!config->config)
        return sw_lua_raise(L, &error);
    return 1;
}

/* config:copy() */
static int copy_config(lua_State *L)
{
    struct sw_lua_config *from = sw_lua_config_at(L, 1);
    lua_getiuservalue(L, 1, 1);
    struct sw_lua_config *config = push_config(L, -1);
    config->config = json_deep_copy(from->config);
    if (!config->config)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    return 1;
}

/* config:override("key=value"): gives the config itself; after an error it is as it was. */
static int override(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_config *config = sw_lua_config_at(L, 1);
    const char *assignment = luaL_checkstring(L, 2);
    if (sw_config_override(plugins_of(L, 1), config->config, assignment, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_settop(L, 1);
    return 1;
}

/* config:table(): a plain table of it. */
static int config_table(lua_State *L)
{
    sw_lua_push_json(L, sw_lua_config_at(L, 1)->config);
    return 1;
}

/* config:text([indent]): JSON with the keys in their order. */
static int config_text(lua_State *L)
{
    struct sw_lua_config *config = sw_lua_config_at(L, 1);
    lua_Integer indent = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, indent >= 0 && indent <= 8, 2, "expected 0 to 8");
    struct sw_lua_box *box = sw_lua_box(L, free);
    box->value = sw_config_text(config->config, (int)indent);
    if (!box->value)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    lua_pushstring(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

/* config:hash([more]): 32 hex digits of what decides a run's numbers. */
static int config_hash(lua_State *L)
{
    char hash[33];
    struct sw_error error = {0};
    struct sw_lua_config *config = sw_lua_config_at(L, 1);
    if (sw_config_hash(config->config, luaL_optstring(L, 2, NULL), hash, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushstring(L, hash);
    return 1;
}

/* config:difference(other): the first key in which they decide other numbers, with both values; nil
 * when there is none. */
static int config_difference(lua_State *L)
{
    char difference[512];
    struct sw_lua_config *config = sw_lua_config_at(L, 1), *other = sw_lua_config_at(L, 2);
    if (sw_config_same(config->config, other->config, difference, sizeof difference))
        lua_pushnil(L);
    else
        lua_pushstring(L, difference);
    return 1;
}

static void push_number_or_whole(lua_State *L, double number, int whole)
{
    if (whole && number >= -9e15 && number <= 9e15)
        lua_pushinteger(L, (lua_Integer)number);
    else
        lua_pushnumber(L, number);
}

/* config_keys(): {{section, name, kind, preset, choices, least, most, doc}..} of all but the model.
 */
static int config_keys(lua_State *L)
{
    static const char *const kinds[] = {"",       "number", "integer", "switch",
                                        "choice", "text",   "tests"};
    size_t count;
    const struct sw_config_key *keys = sw_config_keys(&count);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const struct sw_config_key *key = &keys[i];
        lua_createtable(L, 0, 8);
        lua_pushstring(L, key->section);
        lua_setfield(L, -2, "section");
        lua_pushstring(L, key->name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, kinds[key->kind]);
        lua_setfield(L, -2, "kind");
        lua_pushstring(L, key->preset);
        lua_setfield(L, -2, "preset");
        lua_pushstring(L, key->choices);
        lua_setfield(L, -2, "choices");
        lua_pushstring(L, key->doc);
        lua_setfield(L, -2, "doc");
        if (key->kind == SW_KEY_NUMBER || key->kind == SW_KEY_INTEGER) {
            push_number_or_whole(L, key->least, key->kind == SW_KEY_INTEGER);
            lua_setfield(L, -2, "least");
            push_number_or_whole(L, key->most, key->kind == SW_KEY_INTEGER);
            lua_setfield(L, -2, "most");
        }
        lua_pushboolean(L, key->inert);
        lua_setfield(L, -2, "inert");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void sw_lua_open_session(lua_State *L)
{
    static const luaL_Reg of_session[] = {
        {"close", close_session}, {"threads", session_threads}, {"resolve", resolve}, {NULL, NULL}};
    static const luaL_Reg of_config[] = {
        {"close", finish_config},          {"copy", copy_config}, {"override", override},
        {"table", config_table},           {"text", config_text}, {"hash", config_hash},
        {"difference", config_difference}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"session", new_session}, {"config_keys", config_keys}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, SW_LUA_SESSION, of_session, finish_session);
    sw_lua_class(L, SW_LUA_CONFIG, of_config, finish_config);
}
