/* lua_peers.c -- the processes that train one model together (core/peers/peers.h). */
#include "lua/binding/lua_session.h"

#include "peers/peers.h"

#include <stdlib.h>
#include <string.h>

struct lua_peers {
    struct sw_peers *peers; /* NULL: left */
};

struct sw_peers *sw_lua_peers_at(lua_State *L, int index)
{
    const struct lua_peers *own = luaL_checkudata(L, index, SW_LUA_PEERS);
    if (!own->peers)
        sw_lua_fail(L, SW_MISUSE, "the processes have parted");
    return own->peers;
}

/* peers(): where this process was started as one of several, the others, else nil. */
static int open_peers(lua_State *L)
{
    struct sw_error error = {0};
    int expected = sw_peers_expected();
    if (expected < 2)
        return 0;
    struct lua_peers *own = lua_newuserdatauv(L, sizeof *own, 0);
    own->peers = NULL;
    luaL_setmetatable(L, SW_LUA_PEERS);
    if (sw_peers_open(&own->peers, expected, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    sw_peers_watch(own->peers, sw_lua_interrupted);
    return 1;
}

/* peers:stop(reason): it goes no further. */
static int stop(lua_State *L)
{
    sw_peers_stop(sw_lua_peers_at(L, 1), SW_FAILED, 0, luaL_tolstring(L, 2, NULL));
    return 0;
}

/* Also when it is collected or closed; then with the error that ended the block, if any, which
 * stops the others. */
static int close_peers(lua_State *L)
{
    struct lua_peers *own = luaL_checkudata(L, 1, SW_LUA_PEERS);
    if (own->peers && !lua_isnoneornil(L, 2))
        stop(L);
    sw_peers_close(own->peers);
    own->peers = NULL;
    return 0;
}

/* peers:rank(): of this process, from 0, and how many there are */
static int rank(lua_State *L)
{
    const struct sw_peers *peers = sw_lua_peers_at(L, 1);
    lua_pushinteger(L, sw_peers_rank(peers));
    lua_pushinteger(L, sw_peers_count(peers));
    return 2;
}

/* peers:interrupted(): the signal that stopped one of them, or nil. */
static int interrupted(lua_State *L)
{
    int signal = sw_peers_signal(sw_lua_peers_at(L, 1));
    if (!signal)
        return 0;
    lua_pushinteger(L, signal);
    return 1;
}

static int raise_stopped(lua_State *L, const struct sw_peers *peers)
{
    struct sw_error error = {0};
    if (sw_peers_status(peers, &error) == SW_INTERRUPTED)
        sw_fail(&error, SW_FAILED, "the other processes were stopped by a signal");
    return sw_lua_raise(L, &error);
}

struct texts {
    int count;
    size_t *size; /* (count) */
    char **text;  /* (count), into one block */
};

static void list_size(const void *data, int rank, struct sw_slices *slices)
{
    const struct texts *texts = data;
    sw_slice(slices, &texts->size[rank], sizeof *texts->size);
}

static void list_text(const void *data, int rank, struct sw_slices *slices)
{
    const struct texts *texts = data;
    sw_slice(slices, texts->text[rank], texts->size[rank]);
}

/* peers:meet(text): the texts of all, in the order of their ranks. Waits for all of them. */
static int meet(lua_State *L)
{
    struct sw_peers *peers = sw_lua_peers_at(L, 1);
    size_t own, whole = 0;
    const char *text = luaL_checklstring(L, 2, &own);
    size_t count = (size_t)sw_peers_count(peers), self = (size_t)sw_peers_rank(peers);
    struct texts texts = {.count = (int)count};
    texts.size = lua_newuserdatauv(L, count * sizeof *texts.size, 0);
    texts.text = lua_newuserdatauv(L, count * sizeof *texts.text, 0);
    texts.size[self] = own;
    if (sw_peers_exchange(peers, list_size, &texts) != SW_OK)
        return raise_stopped(L, peers);
    for (size_t r = 0; r < count; r++)
        whole += texts.size[r];
    char *block = lua_newuserdatauv(L, whole + 1, 0);
    for (size_t r = 0; r < count; block += texts.size[r++])
        texts.text[r] = block;
    memcpy(texts.text[self], text, own);
    if (sw_peers_exchange(peers, list_text, &texts) != SW_OK)
        return raise_stopped(L, peers);
    lua_createtable(L, (int)count, 0);
    for (size_t r = 0; r < count; r++) {
        lua_pushlstring(L, texts.text[r], texts.size[r]);
        lua_rawseti(L, -2, (lua_Integer)r + 1);
    }
    return 1;
}

void sw_lua_open_peers(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"rank", rank}, {"meet", meet},         {"interrupted", interrupted},
        {"stop", stop}, {"close", close_peers}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"peers", open_peers}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, SW_LUA_PEERS, methods, close_peers);
}
