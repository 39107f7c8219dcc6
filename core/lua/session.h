/* session.h -- sessions and configs as userdata, for the files of the binding. */
#ifndef SW_LUA_SESSION_H
#define SW_LUA_SESSION_H

#include "lua/binding.h"

#include "run/session.h"

#define SW_LUA_SESSION "stepwise.session"
#define SW_LUA_CONFIG "stepwise.config"

/* `users` counts what was made with it and is still open; a session with users cannot be closed. */
struct sw_lua_session {
    struct sw_session *session; /* NULL: closed */
    int users;
};

/* The open session at `index`; raises when it is none or is closed. */
struct sw_lua_session *sw_lua_session_at(lua_State *L, int index);

/* A resolved config; its user value 1 is its session. */
struct sw_lua_config {
    json_t *config; /* NULL: closed */
};
struct sw_lua_config *sw_lua_config_at(lua_State *L, int index);

#endif
