/* lua_bench.c -- how long steps and evaluations take: a method of a session. */
#include "lua/binding/session.h"

#include "train/bench.h"

/* session:bench(config, {features =, regions =, steps =, warmup =, profile =, images =,
 * captions =, caption_words =}); see train/bench.h */
static int bench(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const json_t *config = sw_lua_config_json(L, 2, "text");
    luaL_checktype(L, 3, LUA_TTABLE);
    struct sw_bench_request request = {
        .features = (int)sw_lua_integer_field(L, 3, "features", 2048, 1, 1 << 20),
        .regions = (int)sw_lua_integer_field(L, 3, "regions", 36, 1, 4096),
        .steps = (int)sw_lua_integer_field(L, 3, "steps", 5, 0, 10000),
        .warmup = sw_lua_switch_field(L, 3, "warmup", 0),
        .profile = sw_lua_switch_field(L, 3, "profile", 0),
        .images = (int)sw_lua_integer_field(L, 3, "images", 0, 0, 1000000),
        .captions = (int)sw_lua_integer_field(L, 3, "captions", 0, 0, 5000000),
        .caption_words = (int)sw_lua_integer_field(L, 3, "caption_words", 14, 1, 1000),
    };
    if (!request.images != !request.captions)
        return sw_lua_fail(L, SW_MISUSE, "an evaluation needs both images and captions");
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_bench(session->session, config, &request, &error);
    if (!box->value)
        return sw_lua_raise(L, &error);
    sw_lua_push_json(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

void sw_lua_open_bench(lua_State *L)
{
    static const luaL_Reg of_session[] = {{"bench", bench}, {NULL, NULL}};
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
