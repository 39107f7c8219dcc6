/* modules.h -- the Lua files of the project, built into the program as bytes. */
#ifndef SW_LUA_MODULES_H
#define SW_LUA_MODULES_H

#include <stddef.h>

/* One file: core/lua/sweep/plan.lua is "sweep.plan". `text` has a zero byte after its `size` bytes.
 */
struct sw_lua_module {
    const char *name;
    const unsigned char *text;
    size_t size;
};

/* In the order of the names; the entry after the last has a NULL name. */
extern const struct sw_lua_module sw_lua_modules[];

#endif
