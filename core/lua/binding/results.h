/* results.h -- what the core found out, as Lua tables. */
#ifndef SW_LUA_RESULTS_H
#define SW_LUA_RESULTS_H

#include "lua/binding/binding.h"

#include "match/metrics.h"

/* Pushes {i2t_r1 =, .., rsum =, i2t_ties =, t2i_ties =, images =, captions =, folds =}. */
void sw_lua_push_metrics(lua_State *L, const struct sw_metrics *metrics);

/* Pushes x (count) as a list; returns 1. */
int sw_lua_push_floats(lua_State *L, const float *x, size_t count);

#endif
