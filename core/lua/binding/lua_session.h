/* lua_session.h -- sessions as userdata, and configs, for the files of the binding. */
#ifndef SW_LUA_SESSION_H
#define SW_LUA_SESSION_H

#include "lua/binding/binding.h"

#include "train/session.h"

#define SW_LUA_SESSION "stepwise.session"

/* `users` counts what was made with it and is still open; a session with users cannot be closed. */
struct sw_lua_session {
    struct sw_session *session; /* NULL: closed */
    int users;
};

/* The open session at `index`; raises when it is none or is closed. */
struct sw_lua_session *sw_lua_session_at(lua_State *L, int index);

/* The resolved config (config.lua) at `index` with the whole of its model, in a box that is pushed;
 * raises when it is none. */
json_t *sw_lua_config_json(lua_State *L, int index);

/* From now on models may bring definitions of their own (lua_defined.c). */
int sw_lua_accept_definitions(struct sw_session *session, struct sw_error *error);

struct sw_peers;
#define SW_LUA_PEERS "stepwise.peers"

/* The peers at `index`; raises when there are none. */
struct sw_peers *sw_lua_peers_at(lua_State *L, int index);

struct sw_inputs;

/* The open inputs (core.inputs) at `index`; raises when it is none. */
struct sw_inputs *sw_lua_inputs_at(lua_State *L, int index);

#endif
