/* binding.h -- what the files of the Lua binding share.
 *
 * Rules of the binding: a C call first returns its status; only then a Lua error is raised, so
 * nothing of the core is left behind. What a function must free is put into a box (sw_lua_box)
 * before it is made, because any push onto the Lua stack may run out of memory and not return. */
#ifndef SW_LUA_BINDING_H
#define SW_LUA_BINDING_H

#include "base/error.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>

/* ---- errors (lua_error.c) -------------------------------------------------------------------- */

/* Raises an error object {message =, text =, status =} whose tostring is the message: the text, and
 * before it "script.lua:LINE: " where a script is on the stack. Never returns. */
int sw_lua_raise(lua_State *L, const struct sw_error *error);

/* The same from a format. */
int sw_lua_fail(lua_State *L, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- boxes (lua_error.c) --------------------------------------------------------------------- */

/* A value that is released when its userdata is collected, or before. */
struct sw_lua_box {
    void *value;
    void (*release)(void *value);
};

/* Pushes an empty box. */
struct sw_lua_box *sw_lua_box(lua_State *L, void (*release)(void *value));
void sw_lua_box_empty(struct sw_lua_box *box);

/* ---- arguments (lua_error.c) ----------------------------------------------------------------- */

/* Fields of the table at `index`, which is an options argument: nil gives the default; another type
 * or a number out of [least, most] raises misuse that names the field. */
const char *sw_lua_text_field(lua_State *L, int index, const char *name, const char *missing);
const char *sw_lua_needed_text(lua_State *L, int index, const char *name); /* nil raises */
lua_Integer sw_lua_integer_field(lua_State *L, int index, const char *name, lua_Integer missing,
                                 lua_Integer least, lua_Integer most);
int sw_lua_switch_field(lua_State *L, int index, const char *name, int missing);

/* ---- numbers (lua_locale.c) ------------------------------------------------------------------ */

/* Before numbers are read or written: see there. Cheap, and often called. */
void sw_lua_keep_decimal_point(void);

/* ---- classes (lua_class.c) ------------------------------------------------------------------- */

/* Makes the metatable `name` with these methods, found through __index, and `finish` as __gc and
 * __close. */
void sw_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finish);

/* Adds methods to a class that is there. */
void sw_lua_add_methods(lua_State *L, const char *name, const luaL_Reg *methods);

/* ---- fields of the table on the top (lua_class.c) -------------------------------------------- */

void sw_lua_set_text(lua_State *L, const char *name, const char *text); /* NULL: none */
void sw_lua_set_number(lua_State *L, const char *name, double number);
void sw_lua_set_integer(lua_State *L, const char *name, lua_Integer number);
void sw_lua_set_switch(lua_State *L, const char *name, int is_on);
void sw_lua_set_hex(lua_State *L, const char *name, uint64_t number); /* 16 digits */

/* ---- signals (lua_signals.c) ----------------------------------------------------------------- */

/* The number of the signal that asked the process to end, once catch_interrupts() of the module has
 * been called; 0: none has. For any thread. */
int sw_lua_interrupted(void);

/* ---- values (lua_json.c) --------------------------------------------------------------------- */

/* Pushes the Lua form of `value`: arrays carry the metatable "stepwise.array", so that an empty one
 * stays one; null is the light userdata NULL. */
void sw_lua_push_json(lua_State *L, const json_t *value);

/* json_decref, as a box has it. */
void sw_lua_release_json(void *value);

/* Pushes a box that holds the JSON form of the value at `index`; raises when there is none. */
json_t *sw_lua_to_json(lua_State *L, int index);

/* ---- parts of the module: each adds its functions to the table on the top of the stack ---------
 */

void sw_lua_open_errors(lua_State *L);
void sw_lua_open_json(lua_State *L);
void sw_lua_open_files(lua_State *L);
void sw_lua_open_terminal(lua_State *L);
void sw_lua_open_signals(lua_State *L);
void sw_lua_open_processes(lua_State *L);
void sw_lua_open_limit(lua_State *L);
void sw_lua_open_modules(lua_State *L);
void sw_lua_open_text(lua_State *L);
void sw_lua_open_plugins(lua_State *L);
void sw_lua_open_session(lua_State *L);
void sw_lua_open_trainer(lua_State *L);
void sw_lua_open_work(lua_State *L);
void sw_lua_open_data(lua_State *L);
void sw_lua_open_arrays(lua_State *L);
void sw_lua_open_doctor(lua_State *L);
void sw_lua_open_bench(lua_State *L);
void sw_lua_open_statistics(lua_State *L);
void sw_lua_open_claims(lua_State *L);
void sw_lua_open_query(lua_State *L);
void sw_lua_open_tensors(lua_State *L);
void sw_lua_open_models(lua_State *L);
void sw_lua_open_weights(lua_State *L);
void sw_lua_open_lines(lua_State *L);
void sw_lua_open_memory(lua_State *L);
void sw_lua_open_numbers(lua_State *L);
void sw_lua_open_similar(lua_State *L);
void sw_lua_open_sources(lua_State *L);
void sw_lua_open_pickles(lua_State *L);
void sw_lua_open_peers(lua_State *L);

#endif
