/* lua_statistics.c -- the ranks of finished runs, and what drawing them again says. */
#include "lua/binding/results.h"

#include "data/npy.h"
#include "match/bootstrap.h"
#include "match/positives.h"
#include "train/ranks.h"

#include <stdlib.h>

static const char ranks_class[] = "stepwise.ranks";

struct ranks {
    struct sw_ranks all;
    struct sw_metrics metrics;
    struct sw_hits hits;
};

static int finish_ranks(lua_State *L)
{
    struct ranks *ranks = luaL_checkudata(L, 1, ranks_class);
    sw_hits_free(&ranks->hits);
    sw_ranks_free(&ranks->all);
    return 0;
}

/* ranks(path [, folds]): what a run's ranks file holds, checked; an error names the file. */
static int read_ranks(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    lua_Integer folds = luaL_optinteger(L, 2, 1);
    luaL_argcheck(L, folds >= 1, 2, "expected 1 or more");
    struct ranks *ranks = lua_newuserdatauv(L, sizeof *ranks, 0);
    *ranks = (struct ranks){0};
    luaL_setmetatable(L, ranks_class);
    struct sw_ranks *all = &ranks->all;
    if (sw_ranks_read(all, path, (size_t)folds, &error) ||
        sw_metrics_of(&ranks->metrics, all, &error) || sw_hits_of(&ranks->hits, all, &error))
        return sw_lua_raise(L, &error);
    return 1;
}

/* ranks:rows(): [i] = {the rank of image i among captions, then of the image for each of its
 * captions}, both within its fold; 0 is best. */
static int ranks_rows(lua_State *L)
{
    const struct sw_ranks *all = &((struct ranks *)luaL_checkudata(L, 1, ranks_class))->all;
    lua_createtable(L, (int)all->images, 0);
    for (size_t i = 0; i < all->images; i++) {
        lua_createtable(L, (int)all->per_image + 1, 0);
        lua_pushinteger(L, all->text[i]);
        lua_rawseti(L, -2, 1);
        for (size_t c = 0; c < all->per_image; c++) {
            lua_pushinteger(L, all->image[i * all->per_image + c]);
            lua_rawseti(L, -2, (lua_Integer)c + 2);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ranks:metrics(): those of the run, without ties, which a ranks file does not hold. */
static int ranks_metrics(lua_State *L)
{
    struct ranks *ranks = luaL_checkudata(L, 1, ranks_class);
    sw_lua_push_metrics(L, &ranks->metrics);
    return 1;
}

enum { LEAST_DRAWS = 100, MOST_DRAWS = 10000000, MOST_RUNS = 100000 };

/* The runs of the list at `index`; the list keeps them. */
static void take_list(lua_State *L, int index, size_t count, const struct sw_hits **out)
{
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        struct ranks *ranks = luaL_testudata(L, -1, ranks_class);
        luaL_argcheck(L, ranks, index, "expected a list of ranks");
        out[i] = &ranks->hits;
        lua_pop(L, 1);
    }
}

/* sum_ranks(list): the hits of several runs added up, as a run of its own for bootstrap alone: it
 * has no ranks and no metrics. */
static int sum_ranks(lua_State *L)
{
    struct sw_error error = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= MOST_RUNS, 1, "too many runs");
    const struct sw_hits **hits = lua_newuserdatauv(L, (count + 1) * sizeof *hits, 0);
    take_list(L, 1, count, hits);
    struct ranks *sum = lua_newuserdatauv(L, sizeof *sum, 0);
    *sum = (struct ranks){0};
    luaL_setmetatable(L, ranks_class);
    if (sw_hits_sum(&sum->hits, hits, count, &error))
        return sw_lua_raise(L, &error);
    return 1;
}

/* bootstrap(runs, others [, {draws =, seed =}]): lists of ranks, paired by place, as
 * {i2t_r1 = {mean =, low =, high =, p =}, .., rsum = {..}} of runs minus others; see
 * match/bootstrap.h. */
static int bootstrap(lua_State *L)
{
    static const char *const names[SW_RECALLS + 1] = {"i2t_r1", "i2t_r5",  "i2t_r10", "t2i_r1",
                                                      "t2i_r5", "t2i_r10", "rsum"};
    struct sw_error error = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = lua_rawlen(L, 1), draws = 10000;
    uint64_t seed = 0;
    luaL_argcheck(L, lua_rawlen(L, 2) == count && count <= MOST_RUNS, 2,
                  "expected lists of equal length");
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        draws = (size_t)sw_lua_integer_field(L, 3, "draws", (lua_Integer)draws, LEAST_DRAWS,
                                             MOST_DRAWS);
        seed = (uint64_t)sw_lua_integer_field(L, 3, "seed", 0, 0, LUA_MAXINTEGER);
    }
    const struct sw_hits **sides = lua_newuserdatauv(L, (2 * count + 1) * sizeof *sides, 0);
    take_list(L, 1, count, sides);
    take_list(L, 2, count, sides + count);
    struct sw_spread spread[SW_RECALLS + 1];
    if (sw_bootstrap(sides, sides + count, count, draws, seed, spread, &error))
        return sw_lua_raise(L, &error);
    lua_createtable(L, 0, SW_RECALLS + 1);
    for (int m = 0; m <= SW_RECALLS; m++) {
        lua_createtable(L, 0, 4);
        sw_lua_set_number(L, "mean", spread[m].mean);
        sw_lua_set_number(L, "low", spread[m].low);
        sw_lua_set_number(L, "high", spread[m].high);
        sw_lua_set_number(L, "p", spread[m].p);
        lua_setfield(L, -2, names[m]);
    }
    return 1;
}

/* ---- ground truth of any shape --------------------------------------------------------------- */

static void close_matrix(void *value)
{
    sw_npy_close(value);
    free(value);
}

/* positive_ranks(path, direction, pairs): S (I,C) of a .npy file as evaluation writes it; pairs =
 * {image, caption, image, caption, ..} from 0; a list of the ranks, from 0, of the captions for
 * their images ("i2t") or of the images for their captions ("t2i"). */
static int positive_ranks(lua_State *L)
{
    static const char *const directions[] = {"i2t", "t2i", NULL};
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    int to_images = luaL_checkoption(L, 2, NULL, directions);
    luaL_checktype(L, 3, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, 3) / 2;
    struct sw_lua_box *box = sw_lua_box(L, close_matrix);
    struct sw_npy *S = box->value = calloc(1, sizeof *S);
    if (!S)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (sw_npy_open(S, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (S->dtype != SW_FLOAT32 || S->ndim != 2 || (uintptr_t)S->data % sizeof(float))
        return sw_lua_fail(L, SW_FAILED, "%s: expected a float32 matrix", path);
    struct sw_positive *list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
    for (size_t k = 0; k < count; k++) {
        lua_rawgeti(L, 3, (lua_Integer)(2 * k) + 1);
        lua_rawgeti(L, 3, (lua_Integer)(2 * k) + 2);
        lua_Integer image = luaL_checkinteger(L, -2), caption = luaL_checkinteger(L, -1);
        luaL_argcheck(L,
                      image >= 0 && caption >= 0 && (size_t)image < S->shape[0] &&
                          (size_t)caption < S->shape[1],
                      3, "a pair outside the matrix");
        list[k] = (struct sw_positive){.image = (uint32_t)image, .caption = (uint32_t)caption};
        lua_pop(L, 2);
    }
    if (to_images)
        sw_rank_images(list, count, S->data, S->shape[0], S->shape[1]);
    else
        sw_rank_captions(list, count, S->data, S->shape[1]);
    lua_createtable(L, (int)count, 0);
    for (size_t k = 0; k < count; k++) {
        lua_pushinteger(L, list[k].rank);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
    return 1;
}

void sw_lua_open_statistics(lua_State *L)
{
    static const luaL_Reg of_ranks[] = {
        {"metrics", ranks_metrics}, {"rows", ranks_rows}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"ranks", read_ranks},
                                         {"sum_ranks", sum_ranks},
                                         {"bootstrap", bootstrap},
                                         {"positive_ranks", positive_ranks},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, ranks_class, of_ranks, finish_ranks);
}
