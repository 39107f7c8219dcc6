/* numbers.h -- arrays of others' files in Lua: typed, at most four dimensions, read only. */
#ifndef SW_LUA_NUMBERS_H
#define SW_LUA_NUMBERS_H

#include "data/npy.h"

#include <lua.h>

#define SW_LUA_NUMBERS "stepwise.numbers"

/* Pushes an object over `npy`, whose data is freed with it when `owned` is not NULL, or else stays
 * as long as the value at stack index `keeper` (0: none). `npy` may become another one through the
 * pointer that is returned. */
struct sw_npy *sw_lua_push_numbers(lua_State *L, const struct sw_npy *npy, void *owned, int keeper);

/* Pushes an array that is to be filled, whose memory goes with it; returns that. */
void *sw_lua_new_numbers(lua_State *L, enum sw_dtype dtype, int ndim, const size_t *shape);

/* Pushes a list of an array's dimensions. */
void sw_lua_push_shape(lua_State *L, const struct sw_npy *npy);

/* Pushes a copy of `count` bytes as numbers of this dtype and shape. */
void sw_lua_copy_numbers(lua_State *L, enum sw_dtype dtype, int ndim, const size_t *shape,
                         const void *bytes, size_t count);

const struct sw_npy *sw_lua_numbers_at(lua_State *L, int index);

/* The dtype of this name ("float32") at `index`; raises where there is none. */
enum sw_dtype sw_lua_dtype_at(lua_State *L, int index);

#endif
