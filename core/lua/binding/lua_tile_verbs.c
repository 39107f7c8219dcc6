/* lua_tile_verbs.c -- the verbs of a tile: on its tensors, and on its pair vectors. */
#include "lua/binding/defined.h"

#include <string.h>

/* ---- tiles: tensors -------------------------------------------------------------------------- */

static int input(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    int at = sw_lua_handle_at(L, 2, SW_LUA_INPUT)->at;
    return sw_lua_give(L, t->host->input(t, (struct sw_input){at}));
}

static int softmax(lua_State *L)
{
    return sw_lua_give(L, sw_softmax(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2),
                                     sw_lua_side_at(L, 3), (float)luaL_optnumber(L, 4, 1)));
}

static int softmax_transposed(lua_State *L)
{
    return sw_lua_give(L,
                       sw_softmax_transposed(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2),
                                             sw_lua_side_at(L, 3), (float)luaL_optnumber(L, 4, 1)));
}

static int mean(lua_State *L)
{
    return sw_lua_give(L,
                       sw_mean(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2), sw_lua_side_at(L, 3)));
}

static int sum(lua_State *L)
{
    return sw_lua_give(L,
                       sw_sum(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2), sw_lua_side_at(L, 3)));
}

/* sum_k x_rk y_rk of each row, (R,K,L),(R,K,L) -> (1,R,L) */
static int rowdot(lua_State *L)
{
    return sw_lua_give(L, sw_lua_operate(L, "lane_rowdot", sw_lua_verb_tensor(L, 2),
                                         sw_lua_verb_tensor(L, 3), (struct sw_args){.i = {0}}));
}

static int blend(lua_State *L)
{
    return sw_lua_give(L, sw_blend(sw_lua_tile_of(L), (float)luaL_checknumber(L, 2),
                                   sw_lua_verb_tensor(L, 3), sw_lua_verb_tensor(L, 4)));
}

/* masked(op, x, side [, args]): apply with the side's mask behind x, where there is one */
static int masked(lua_State *L)
{
    struct sw_args args = {.p = NULL};
    sw_lua_read_args(L, 5, &args);
    return sw_lua_give(L, sw_masked(sw_lua_tile_of(L), sw_lua_op_at(L, 2), sw_lua_verb_tensor(L, 3),
                                    sw_lua_side_at(L, 4), args));
}

static int mean_weights(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give(L, t->host->mean_weights(t, sw_lua_side_at(L, 2)));
}

/* ---- tiles: pair vectors --------------------------------------------------------------------- */

static int regions(lua_State *L)
{
    return sw_lua_give_vectors(L, sw_regions(sw_lua_tile_of(L)));
}

static int words(lua_State *L)
{
    return sw_lua_give_vectors(L, sw_words_of(sw_lua_tile_of(L)));
}

static int fragments(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(L, t->host->fragments(t, sw_lua_side_at(L, 2)));
}

static int over(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(L, t->host->over(t, sw_lua_side_at(L, 2), sw_lua_verb_tensor(L, 3)));
}

static int over_regions(lua_State *L)
{
    return sw_lua_give_vectors(L, sw_over_regions(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2)));
}

static int over_words(lua_State *L)
{
    return sw_lua_give_vectors(L, sw_over_words(sw_lua_tile_of(L), sw_lua_verb_tensor(L, 2)));
}

static int explicit_vectors(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(L, t->host->explicit_vectors(t, sw_lua_verb_tensor(L, 2)));
}

static int add(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(L,
                               t->host->add(t, sw_lua_vectors_at(L, 2), sw_lua_vectors_at(L, 3)));
}

static int scale_rows(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(
        L, t->host->scale_rows(t, sw_lua_vectors_at(L, 2), sw_lua_verb_tensor(L, 3)));
}

static int scale(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give_vectors(
        L, t->host->scale(t, sw_lua_vectors_at(L, 2), (float)luaL_checknumber(L, 3)));
}

static int pool(lua_State *L)
{
    return sw_lua_give_vectors(
        L, sw_pool(sw_lua_tile_of(L), sw_lua_vectors_at(L, 2), sw_lua_verb_tensor(L, 3)));
}

static int dot(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give(L, t->host->dot(t, sw_lua_vectors_at(L, 2), sw_lua_vectors_at(L, 3)));
}

static int cosine(lua_State *L)
{
    return sw_lua_give(
        L, sw_cosine(sw_lua_tile_of(L), sw_lua_vectors_at(L, 2), sw_lua_vectors_at(L, 3)));
}

static int cosine_to(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give(L, t->host->cosine_to(t, sw_lua_vectors_at(L, 2), sw_lua_side_at(L, 3)));
}

static int functional(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    int at = sw_lua_handle_at(L, 3, SW_LUA_FUNCTIONAL)->at;
    return sw_lua_give(L,
                       t->host->functional(t, sw_lua_vectors_at(L, 2), (struct sw_functional){at}));
}

static int mapped(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    int at = sw_lua_handle_at(L, 3, SW_LUA_MAP)->at;
    return sw_lua_give(L, t->host->mapped(t, sw_lua_vectors_at(L, 2), (struct sw_map){at}));
}

static int numbers(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    return sw_lua_give(L, t->host->numbers(t, sw_lua_vectors_at(L, 2)));
}

/* The tile keeps the name: a copy that lives as long. */
static int put(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    size_t length;
    const char *name = luaL_checklstring(L, 2, &length);
    char *kept = t->host->scratch(t->graph, length + 1);
    if (kept)
        sw_put(t, memcpy(kept, name, length), sw_lua_vectors_at(L, 3));
    return 0;
}

static int get(lua_State *L)
{
    return sw_lua_give_vectors(L, sw_get(sw_lua_tile_of(L), luaL_checkstring(L, 2)));
}

/* show(name, rows, columns, weights): rows and columns are "regions", "words" or "one" */
static int show(lua_State *L)
{
    static const char *const axes[] = {"regions", "words", "one", NULL};
    struct sw_tile *t = sw_lua_tile_of(L);
    enum sw_axis rows = (enum sw_axis)luaL_checkoption(L, 3, NULL, axes);
    enum sw_axis of_columns = (enum sw_axis)luaL_checkoption(L, 4, NULL, axes);
    t->host->show(t, luaL_checkstring(L, 2), rows, of_columns, sw_lua_verb_tensor(L, 5));
    return 0;
}

/* fuse(option, side, own, attended), by the fusion that the option names */
static int fuse(lua_State *L)
{
    struct sw_tile *t = sw_lua_tile_of(L);
    const struct sw_defined_use *use = sw_lua_worker_of(L)->call->use;
    const char *name = luaL_checkstring(L, 2);
    const struct sw_option *o = use->of->options;
    for (int i = 0; o[i].name; i++)
        if (o[i].kind == SW_FUSION && strcmp(o[i].name, name) == 0)
            return sw_lua_give_vectors(
                L, t->host->fuse(t, use->values[i].fusion, sw_lua_side_at(L, 3),
                                 sw_lua_vectors_at(L, 4), sw_lua_vectors_at(L, 5)));
    return luaL_error(L, "no option '%s' that takes a fusion", name);
}

const luaL_Reg sw_lua_tile_verbs[] = {{"input", input},
                                      {"softmax", softmax},
                                      {"softmax_transposed", softmax_transposed},
                                      {"mean", mean},
                                      {"sum", sum},
                                      {"rowdot", rowdot},
                                      {"blend", blend},
                                      {"masked", masked},
                                      {"mean_weights", mean_weights},
                                      {"regions", regions},
                                      {"words", words},
                                      {"fragments", fragments},
                                      {"over", over},
                                      {"over_regions", over_regions},
                                      {"over_words", over_words},
                                      {"explicit_vectors", explicit_vectors},
                                      {"add", add},
                                      {"scale_rows", scale_rows},
                                      {"scale", scale},
                                      {"pool", pool},
                                      {"dot", dot},
                                      {"cosine", cosine},
                                      {"cosine_to", cosine_to},
                                      {"functional", functional},
                                      {"mapped", mapped},
                                      {"numbers", numbers},
                                      {"put", put},
                                      {"get", get},
                                      {"show", show},
                                      {"fuse", fuse},
                                      {NULL, NULL}};
