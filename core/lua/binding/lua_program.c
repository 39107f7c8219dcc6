/* lua_program.c -- the Lua state of the program: made, given the arguments, closed. */
#include "lua/binding/program.h"

#include "lua/binding/binding.h"

#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What scripts and the Lua side may hold: far more than a config needs, far less than a script that
 * went wrong would take. A model's tensors are not Lua's. */
static const size_t most_bytes = (size_t)1 << 30;

struct budget {
    size_t used, most;
};

static void *allocate(void *data, void *block, size_t old_size, size_t size)
{
    struct budget *budget = data;
    if (!block)
        old_size = 0; /* then Lua passes the kind of the object */
    if (size == 0) {
        free(block);
        budget->used -= old_size;
        return NULL;
    }
    if (size > old_size && size - old_size > budget->most - budget->used)
        return NULL;
    void *moved = realloc(block, size);
    if (moved)
        budget->used += size - old_size;
    return moved;
}

/* lift_memory_limit(): of this program, where the user's own Lua computes on tensors. */
static int lift_memory_limit(lua_State *L)
{
    void *data;
    if (lua_getallocf(L, &data) == allocate)
        ((struct budget *)data)->most = SIZE_MAX;
    return 0;
}

void sw_lua_open_memory(lua_State *L)
{
    lua_pushcfunction(L, lift_memory_limit);
    lua_setfield(L, -2, "lift_memory_limit");
}

/* main(argv): pushes the exit status. */
static int run(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    luaL_openlibs(L);
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, SW_LUA_IS_PROGRAM);
    luaL_requiref(L, "stepwise", luaopen_stepwise, 0);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "stepwise.commands.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_call(L, 1, 1);
    return 1;
}

int sw_lua_main(int argc, char **argv)
{
    struct budget budget = {.most = most_bytes};
    lua_State *L = lua_newstate(allocate, &budget);
    if (!L) {
        fputs("stepwise: out of memory\n", stderr);
        return 1;
    }
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = 1;
    if (lua_pcall(L, 2, 1, 0) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "stepwise: %s\n",
                lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "failed");
    lua_close(L);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) { /* one that stepwise.cli missed */
        fputs("stepwise: standard output: some of it could not be written\n", stderr);
        return 1;
    }
    return status;
}
