/* lua_modules.c -- luaopen_stepwise, and the Lua files that are built in. */
#include "lua/binding/binding.h"

#include "base/places.h"

#include "lua/binding/modules.h"
#include "lua/binding/program.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "stepwise.";

/* core/lua/FOLDER/NAME.lua is the module "stepwise.FOLDER.NAME". */
static const struct sw_lua_module *find(const char *name)
{
    for (const struct sw_lua_module *module = sw_lua_modules; module->name; module++)
        if (strcmp(module->name, name) == 0)
            return module;
    return NULL;
}

/* The entry of package.searchers. */
static int search(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const struct sw_lua_module *module = NULL;
    if (strncmp(name, prefix, sizeof prefix - 1) == 0)
        module = find(name + sizeof prefix - 1);
    if (!module) {
        lua_pushfstring(L, "no module '%s' is built into stepwise", name);
        return 1;
    }
    luaL_gsub(L, module->name, ".", "/");
    lua_pushfstring(L, "=stepwise/%s.lua", lua_tostring(L, -1));
    if (luaL_loadbufferx(L, (const char *)module->text, module->size, lua_tostring(L, -1), "t") !=
        LUA_OK)
        return lua_error(L);
    lua_pushliteral(L, ":built-in:");
    return 2;
}

/* built_in(name): the text of a file that is built in, or nil. */
static int built_in(lua_State *L)
{
    const struct sw_lua_module *module = find(luaL_checkstring(L, 1));
    if (module)
        lua_pushlstring(L, (const char *)module->text, module->size);
    else
        lua_pushnil(L);
    return 1;
}

static int call_wrapped(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* wrap(f): f behind a C function. A script that ends with `return f(..)` makes a tail call, which
 * takes the script off the stack when f is a Lua function: then no error could name its line. */
static int wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* data_folder(): the folder that holds experiments/. */
static int data_folder(lua_State *L)
{
    struct sw_lua_box *box = sw_lua_box(L, free);
    box->value = sw_data_place();
    if (!box->value)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    lua_pushstring(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

void sw_lua_open_modules(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"built_in", built_in}, {"wrap", wrap}, {"data_folder", data_folder}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

/* Puts search() behind the searcher of package.preload, once for each state. */
static void add_searcher(lua_State *L)
{
    static const char added;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &added) == LUA_TBOOLEAN) {
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &added);

    luaL_requiref(L, LUA_LOADLIBNAME, luaopen_package, 0);
    if (lua_getfield(L, -1, "searchers") != LUA_TTABLE)
        sw_lua_fail(L, SW_FAILED, "package.searchers is not a table");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, search);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

/* What the Lua files build on. */
static int open_core(lua_State *L)
{
    lua_newtable(L);
    sw_lua_open_errors(L);
    sw_lua_open_json(L);
    sw_lua_open_files(L);
    sw_lua_open_terminal(L);
    sw_lua_open_signals(L);
    sw_lua_open_processes(L);
    sw_lua_open_limit(L);
    sw_lua_open_modules(L);
    sw_lua_open_text(L);
    sw_lua_open_session(L);
    sw_lua_open_trainer(L);
    sw_lua_open_work(L);
    sw_lua_open_data(L);
    sw_lua_open_arrays(L);
    sw_lua_open_plugins(L);
    sw_lua_open_doctor(L);
    sw_lua_open_bench(L);
    sw_lua_open_statistics(L);
    sw_lua_open_claims(L);
    sw_lua_open_query(L);
    sw_lua_open_tensors(L);
    sw_lua_open_models(L);
    sw_lua_open_weights(L);
    sw_lua_open_lines(L);
    sw_lua_open_memory(L);
    sw_lua_open_numbers(L);
    sw_lua_open_similar(L);
    sw_lua_open_sources(L);
    sw_lua_open_pickles(L);
    sw_lua_open_peers(L);
    return 1;
}

int luaopen_stepwise(lua_State *L)
{
    luaL_checkversion(L);
    sw_lua_keep_decimal_point();
    luaL_requiref(L, "stepwise.core", open_core, 0);
    add_searcher(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "stepwise.init");
    lua_call(L, 1, 1);
    return 1;
}

/* require "stepwise.tensor" before "stepwise": Lua looks for it in the library of that name, before
 * the searcher above is there. */
int luaopen_stepwise_tensor(lua_State *L)
{
    static const char *const names[] = {"stepwise", "stepwise.tensor"};
    for (int i = 0; i < 2; i++) {
        lua_getglobal(L, "require");
        lua_pushstring(L, names[i]);
        lua_call(L, 1, 1);
    }
    return 1;
}
