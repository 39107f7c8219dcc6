/* lua_bench.c -- a model on random data as a userdata, for core/lua/results/timings.lua to time. */
#include "lua/binding/lua_session.h"

#include "train/bare.h"
#include "train/bench.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>

#define BENCH "stepwise.bench"

struct lua_bench {
    struct sw_lua_session *session;
    struct sw_bench *bench; /* NULL: closed */
    struct sw_products products;
    struct sw_bare *bare;
    struct sw_profile *profile;
};

static struct lua_bench *bench_at(lua_State *L)
{
    struct lua_bench *bench = luaL_checkudata(L, 1, BENCH);
    if (!bench->bench)
        sw_lua_fail(L, SW_MISUSE, "the bench is closed");
    return bench;
}

static struct sw_compute *compute_of(const struct lua_bench *bench)
{
    return bench->session->session->compute;
}

/* session:bench_model(config, {features =, regions =, images =, captions =, caption_words =}): the
 * model on random data that session:bench times; see train/bench.h */
static int bench_model(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const json_t *config = sw_lua_config_json(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    struct sw_bench_shape shape = {
        .features = (int)sw_lua_integer_field(L, 3, "features", 2048, 1, 1 << 20),
        .regions = (int)sw_lua_integer_field(L, 3, "regions", 36, 1, 4096),
        .images = (int)sw_lua_integer_field(L, 3, "images", 0, 0, 1000000),
        .captions = (int)sw_lua_integer_field(L, 3, "captions", 0, 0, 5000000),
        .caption_words = (int)sw_lua_integer_field(L, 3, "caption_words", 14, 1, 1000),
    };
    if (!shape.images != !shape.captions)
        return sw_lua_fail(L, SW_MISUSE, "an evaluation needs both images and captions");
    struct lua_bench *bench = lua_newuserdatauv(L, sizeof *bench, 1);
    *bench = (struct lua_bench){.session = session};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, BENCH);
    if (sw_bench_new(&bench->bench, session->session, config, &shape, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    session->users++;
    return 1;
}

static void stop_profile(struct lua_bench *bench)
{
    if (bench->profile)
        sw_compute_measure(compute_of(bench), NULL);
    sw_profile_free(bench->profile);
    bench->profile = NULL;
}

static void forget_products(struct lua_bench *bench)
{
    sw_bare_free(bench->bare);
    bench->bare = NULL;
    sw_products_free(&bench->products);
}

static int close_bench(lua_State *L)
{
    struct lua_bench *bench = luaL_checkudata(L, 1, BENCH);
    if (!bench->bench)
        return 0;
    stop_profile(bench);
    forget_products(bench);
    sw_bench_free(bench->bench);
    bench->bench = NULL;
    bench->session->users--;
#ifdef __GLIBC__
    malloc_trim(0); /* else the peak memory of the next one would hold what this one has freed */
#endif
    return 0;
}

/* bench:step([all_negatives]): seconds of encoding, scoring, going back and the update. */
static int step(lua_State *L)
{
    struct sw_step_result result;
    struct sw_error error = {0};
    if (sw_bench_step(bench_at(L)->bench, lua_toboolean(L, 2), &result, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    for (int phase = 0; phase < SW_PHASES; phase++)
        lua_pushnumber(L, result.seconds[phase]);
    return SW_PHASES;
}

/* bench:evaluate(): seconds of encoding, and of scoring. */
static int evaluate(lua_State *L)
{
    double encode_s = 0, score_s = 0;
    struct sw_error error = {0};
    if (sw_bench_evaluate(bench_at(L)->bench, &encode_s, &score_s, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushnumber(L, encode_s);
    lua_pushnumber(L, score_s);
    return 2;
}

/* bench:words(captions): how many the first `captions` have. */
static int words(lua_State *L)
{
    lua_pushinteger(L, sw_bench_words(bench_at(L)->bench, (int)luaL_checkinteger(L, 2)));
    return 1;
}

/* bench:products([images, captions]): those of the last step, or of scoring so many, as a list of
 * {part =, per = "region", "word" or "pair", flop =}; bench:run takes them from then on. */
static int products(lua_State *L)
{
    static const char *const per[] = {"region", "word", "pair"};
    struct lua_bench *bench = bench_at(L);
    int images = (int)luaL_optinteger(L, 2, 0), captions = (int)luaL_optinteger(L, 3, 0);
    struct sw_error error = {0};
    forget_products(bench);
    if (sw_bench_products(bench->bench, images, captions, &bench->products, &error) != SW_OK ||
        sw_bare_new(&bench->bare, compute_of(bench), &bench->products, &error) != SW_OK) {
        forget_products(bench);
        return sw_lua_raise(L, &error);
    }
    lua_createtable(L, bench->products.count, 0);
    for (int i = 0; i < bench->products.count; i++) {
        const struct sw_product *p = &bench->products.list[i];
        lua_createtable(L, 0, 3);
        sw_lua_set_text(L, "part", p->part);
        sw_lua_set_text(L, "per", per[p->per]);
        sw_lua_set_number(L, "flop", 2.0 * p->M * p->N * p->K);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* bench:run(first, last [, blas]): seconds of these bare products; blas: on OpenBLAS's threads. */
static int run(lua_State *L)
{
    struct lua_bench *bench = bench_at(L);
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    luaL_argcheck(L, first >= 1 && last <= bench->products.count, 2, "out of range");
    lua_pushnumber(L, sw_bare_run(bench->bare, (int)first - 1, (int)last, lua_toboolean(L, 4)));
    return 1;
}

/* bench:profile(begin): begins a profile, or ends it: a list of {part =, products_s =, rest_s =,
 * waiting_s =}, in seconds of all threads. */
static int profile(lua_State *L)
{
    struct lua_bench *bench = bench_at(L);
    struct sw_error error = {0};
    if (lua_toboolean(L, 2)) {
        stop_profile(bench);
        bench->profile = sw_profile_new(sw_compute_threads(compute_of(bench)), &error);
        if (!bench->profile)
            return sw_lua_raise(L, &error);
        sw_compute_measure(compute_of(bench), bench->profile);
        return 0;
    }
    struct sw_lua_box *box = sw_lua_box(L, free);
    struct sw_profile_part *part = NULL;
    int count = bench->profile ? sw_profile_parts(bench->profile, &part) : 0;
    box->value = part;
    stop_profile(bench);
    if (count < 0)
        return sw_lua_fail(L, SW_FAILED, "out of memory for a profile");
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_createtable(L, 0, 4);
        lua_pushfstring(L, "%s%s", part[i].name, part[i].backward ? ", back" : "");
        lua_setfield(L, -2, "part");
        sw_lua_set_number(L, "products_s", part[i].products);
        sw_lua_set_number(L, "rest_s", part[i].rest);
        sw_lua_set_number(L, "waiting_s", part[i].waiting);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void sw_lua_open_bench(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"step", step}, {"evaluate", evaluate}, {"words", words},       {"products", products},
        {"run", run},   {"profile", profile},   {"close", close_bench}, {NULL, NULL}};
    static const luaL_Reg of_session[] = {{"bench_model", bench_model}, {NULL, NULL}};
    sw_lua_class(L, BENCH, methods, close_bench);
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
