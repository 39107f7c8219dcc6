/* fuzz_lua.h -- harnesses for readers that are written in Lua. */
#ifndef SW_TESTS_FUZZ_FUZZ_LUA_H
#define SW_TESTS_FUZZ_FUZZ_LUA_H

#include "fuzz.h"

/* Calls the function that the Lua text `reader` returns with input[0..size). What it raises must be
 * an error of the module's own, of one line: a Lua error out of a built-in module aborts. */
void fuzz_lua(const char *reader, const char *input, size_t size);

#endif
