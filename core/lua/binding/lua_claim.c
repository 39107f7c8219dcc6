/* lua_claim.c -- claims, for the Lua that runs sweeps. */
#include "lua/binding/binding.h"

#include "train/claim.h"

#define CLAIM "stepwise.claim"

struct lua_claim {
    struct sw_claim *claim; /* NULL: released */
};

/* {held =, elsewhere =, beat =, owner =}, as struct sw_claim_state; held: it cannot be taken now.
 */
static void push_state(lua_State *L, const struct sw_claim_state *state)
{
    lua_createtable(L, 0, 4);
    sw_lua_set_switch(L, "held", state->locked || state->elsewhere);
    sw_lua_set_switch(L, "elsewhere", state->elsewhere);
    sw_lua_set_integer(L, "beat", (lua_Integer)state->beat);
    sw_lua_set_text(L, "owner", state->owner);
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

void sw_lua_open_claims(lua_State *L)
{
    static const luaL_Reg methods[] = {{"release", release}, {"lost", is_lost}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"claim", take_claim}, {"claim_state", claim_state}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, CLAIM, methods, release);
}
