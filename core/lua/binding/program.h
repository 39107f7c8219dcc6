/* program.h -- the two entries into the binding: the program's, and a stock Lua's. */
#ifndef SW_LUA_PROGRAM_H
#define SW_LUA_PROGRAM_H

struct lua_State;

/* The key of the registry that is true in the program, and absent in other hosts. */
#define SW_LUA_IS_PROGRAM "stepwise.program"

/* Runs the command line; the result is the exit status: 0 done, 1 failed, 2 misuse. */
int sw_lua_main(int argc, char **argv);

/* For the program alone, once: a mapped file that is cut short ends it with a line that names the
 * file, and a write beyond the limit of a file's size fails as on a full disk. */
void sw_lua_catch_faults(void);

/* require "stepwise" */
__attribute__((visibility("default"))) int luaopen_stepwise(struct lua_State *L);
__attribute__((visibility("default"))) int luaopen_stepwise_tensor(struct lua_State *L);

#endif
