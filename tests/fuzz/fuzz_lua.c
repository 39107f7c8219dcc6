/* fuzz_lua.c -- see fuzz_lua.h. */
#include "fuzz_lua.h"

#include "lua/binding/program.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lua_State *state;

static void close_state(void)
{
    lua_close(state);
}

/* Leaves the reader's function on the stack, at 1. */
static void open_state(const char *reader)
{
    state = luaL_newstate();
    fuzz_require(state != NULL, "out of memory");
    atexit(close_state);
    luaL_openlibs(state);
    luaL_requiref(state, "stepwise", luaopen_stepwise, 0);
    lua_settop(state, 0);
    int status = luaL_loadstring(state, reader) || lua_pcall(state, 0, 1, 0);
    fuzz_require(status == LUA_OK, status ? lua_tostring(state, -1) : "");
}

void fuzz_lua(const char *reader, const char *input, size_t size)
{
    if (!state)
        open_state(reader);
    lua_settop(state, 1);
    lua_pushvalue(state, 1);
    lua_pushlstring(state, input, size);
    if (lua_pcall(state, 1, 0, 0) == LUA_OK)
        return;
    if (lua_type(state, -1) == LUA_TTABLE)
        lua_getfield(state, -1, "text");
    const char *text = lua_tostring(state, -1);
    int is_ours = lua_type(state, -2) == LUA_TTABLE && lua_gettop(state) == 3;
    if (!text || (!is_ours && strncmp(text, "stepwise/", 9) == 0) ||
        (is_ours && strchr(text, '\n'))) {
        fprintf(stderr, "fuzz: the reader raised: %s\n", text ? text : "no message");
        abort();
    }
}
