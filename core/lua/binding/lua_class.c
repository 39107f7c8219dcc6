/* lua_class.c -- metatables of userdata, and fields of tables. */
#include "lua/binding/binding.h"

#include "base/values.h"

void sw_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finish)
{
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, finish);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, finish);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

void sw_lua_add_methods(lua_State *L, const char *name, const luaL_Reg *methods)
{
    luaL_getmetatable(L, name);
    lua_getfield(L, -1, "__index");
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 2);
}

void sw_lua_set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void sw_lua_set_number(lua_State *L, const char *name, double number)
{
    lua_pushnumber(L, number);
    lua_setfield(L, -2, name);
}

void sw_lua_set_integer(lua_State *L, const char *name, lua_Integer number)
{
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

void sw_lua_set_switch(lua_State *L, const char *name, int is_on)
{
    lua_pushboolean(L, is_on);
    lua_setfield(L, -2, name);
}

void sw_lua_set_hex(lua_State *L, const char *name, uint64_t number)
{
    char hex[17];
    sw_lua_set_text(L, name, sw_hex(hex, number));
}
