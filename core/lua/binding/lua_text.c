/* lua_text.c -- captions into words, near misses, the version and the commit. */
#include "lua/binding/binding.h"

#include "config.h"
#include "data/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

extern const char sw_git_id[]; /* the commit of this build, or "": core/local.mk */

static void release_tokens(void *value)
{
    sw_tokens_free(value);
    free(value);
}

/* tokenize(line): its words in a list. */
static int tokenize(lua_State *L)
{
    size_t length;
    struct sw_error error = {0};
    const char *line = luaL_checklstring(L, 1, &length);
    struct sw_lua_box *box = sw_lua_box(L, release_tokens);
    struct sw_tokens *tokens = box->value = calloc(1, sizeof *tokens);
    if (!tokens)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (sw_tokenize(line, length, tokens, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_newtable(L);
    for (size_t i = 0; i < tokens->count; i++) {
        const char *word = sw_token(tokens, i, &length);
        lua_pushlstring(L, word, length);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    sw_lua_box_empty(box);
    return 1;
}

/* The strings of the list at `index`, in a userdata that is pushed. */
static const char **names_of(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
    const char **names = lua_newuserdatauv(L, (*count + 1) * sizeof *names, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            sw_lua_fail(L, SW_MISUSE, "name %zu is a %s; expected a string", i + 1,
                        luaL_typename(L, -1));
        names[i] = lua_tostring(L, -1); /* the list keeps it */
        lua_pop(L, 1);
    }
    return names;
}

/* near_miss(name, names): the one that was likely meant, or nil. */
static int near_miss(lua_State *L)
{
    size_t count;
    const char *name = luaL_checkstring(L, 1);
    const char **names = names_of(L, 2, &count);
    lua_pushstring(L, sw_near_miss(name, names, count));
    return 1;
}

/* suggest(name, names): "; did you mean 'x'?" or "; there are a, b, c". */
static int suggest(lua_State *L)
{
    size_t count;
    char text[600];
    const char *name = luaL_checkstring(L, 1);
    const char **names = names_of(L, 2, &count);
    sw_suggest(text, sizeof text, name, names, count);
    lua_pushstring(L, text);
    return 1;
}

/* hash128(text): XXH3-128 as 32 hex digits */
static int hash128(lua_State *L)
{
    size_t length;
    char hex[33];
    const char *text = luaL_checklstring(L, 1, &length);
    XXH128_hash_t hash = XXH3_128bits(text, length);
    snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    lua_pushstring(L, hex);
    return 1;
}

void sw_lua_open_text(lua_State *L)
{
    static const luaL_Reg functions[] = {{"tokenize", tokenize},
                                         {"near_miss", near_miss},
                                         {"suggest", suggest},
                                         {"hash128", hash128},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_set_text(L, "version", PACKAGE_VERSION);
    sw_lua_set_text(L, "git", sw_git_id);
}
