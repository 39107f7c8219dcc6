/* lua_claim.c -- claims and the ids of runs, for the Lua that runs sweeps. */
#include "lua/binding/session.h"

#include "train/claim.h"
#include "train/identity.h"

#include <string.h>

#define CLAIM "stepwise.claim"

struct lua_claim {
    struct sw_claim *claim; /* NULL: released */
};

/* {held =, elsewhere =, beat =, owner =}, as struct sw_claim_state; held: it cannot be taken now.
 */
static void push_state(lua_State *L, const struct sw_claim_state *state)
{
    lua_createtable(L, 0, 4);
    lua_pushboolean(L, state->locked || state->elsewhere);
    lua_setfield(L, -2, "held");
    lua_pushboolean(L, state->elsewhere);
    lua_setfield(L, -2, "elsewhere");
    lua_pushinteger(L, (lua_Integer)state->beat);
    lua_setfield(L, -2, "beat");
    lua_pushstring(L, state->owner);
    lua_setfield(L, -2, "owner");
}

/* claim_state(path): who has it now. */
static int claim_state(lua_State *L)
{
    struct sw_claim_state state;
    struct sw_error error = {0};
    if (sw_claim_look(&state, luaL_checkstring(L, 1), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    push_state(L, &state);
    return 1;
}

/* claim(path [, expired]): a claim, or nil and who has it. expired: the beat of an owner elsewhere
 * that counts as dead. */
static int take_claim(lua_State *L)
{
    struct sw_claim_state state;
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    uint64_t expired = (uint64_t)luaL_optinteger(L, 2, 0);
    struct lua_claim *claim = lua_newuserdatauv(L, sizeof *claim, 0);
    claim->claim = NULL;
    luaL_setmetatable(L, CLAIM);
    if (sw_claim_take(&claim->claim, path, expired, &state, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (claim->claim)
        return 1;
    lua_pushnil(L);
    push_state(L, &state);
    return 2;
}

/* claim:release(); also when it is closed or collected */
static int release(lua_State *L)
{
    struct lua_claim *claim = luaL_checkudata(L, 1, CLAIM);
    sw_claim_release(claim->claim);
    claim->claim = NULL;
    return 0;
}

/* claim:lost(): whether another process took it over. */
static int is_lost(lua_State *L)
{
    const struct lua_claim *claim = luaL_checkudata(L, 1, CLAIM);
    lua_pushboolean(L, claim->claim && sw_claim_lost(claim->claim));
    return 1;
}

struct reading {
    struct sw_inputs inputs;
    struct sw_compute *compute;
    json_t *data, *stamps;
};

static void release_reading(void *value)
{
    struct reading *reading = value;
    sw_inputs_close(&reading->inputs);
    sw_compute_free(reading->compute);
    json_decref(reading->data);
    json_decref(reading->stamps);
    free(reading);
}

static int read_all(struct reading *r, const struct sw_session *session, const json_t *config,
                    const json_t *known, struct sw_error *error)
{
    struct sw_settings settings;
    sw_config_settings(config, &settings);
    int status = sw_inputs_open(&r->inputs, &settings, NULL, error);
    if (status != SW_OK)
        return status;
    if (!(r->data = sw_identity_data(session, config, &r->inputs, error)))
        return error->status;
    if (!known)
        return SW_OK;
    r->compute = sw_compute_new(0, error); /* the session may have one thread */
    return r->compute ? sw_inputs_check(&r->inputs, r->compute, known, &r->stamps, error)
                      : error->status;
}

/* session:sources(config [, known]): the fingerprints of the data it reads, all splits of which are
 * opened and have to fit. known: a list of stamps; all values of the splits that are not among them
 * are read, and the stamps of all are the second result. */
static int sources(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_settop(L, 3);
    const json_t *config = sw_lua_config_json(L, 2, "text");
    const json_t *known = lua_isnoneornil(L, 3) ? NULL : sw_lua_to_json(L, 3);
    struct sw_lua_box *box = sw_lua_box(L, release_reading);
    struct reading *reading = box->value = calloc(1, sizeof *reading);
    if (!reading)
        return sw_lua_fail(L, SW_FAILED, "out of memory for a run's id");
    if (read_all(reading, session->session, config, known, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    sw_lua_push_json(L, reading->data);
    if (known)
        sw_lua_push_json(L, reading->stamps);
    sw_lua_box_empty(box);
    return known ? 2 : 1;
}

void sw_lua_open_claims(lua_State *L)
{
    static const luaL_Reg methods[] = {{"release", release}, {"lost", is_lost}, {NULL, NULL}};
    static const luaL_Reg of_session[] = {{"sources", sources}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"claim", take_claim}, {"claim_state", claim_state}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, CLAIM, methods, release);
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
