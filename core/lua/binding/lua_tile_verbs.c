/* lua_tile_verbs.c -- the verbs of a tile: on its tensors, and on its pair vectors. */
#include "lua/binding/defined.h"

#include <string.h>

/* A verb of a tile: what the call gives, a tensor or vectors. */
#define TENSOR_VERB(verb, call)                \
    static int verb(lua_State *L)              \
    {                                          \
        struct sw_tile *t = sw_lua_tile_of(L); \
        return sw_lua_give(L, call);           \
    }
#define VECTORS_VERB(verb, call)               \
    static int verb(lua_State *L)              \
    {                                          \
        struct sw_tile *t = sw_lua_tile_of(L); \
        return sw_lua_give_vectors(L, call);   \
    }

/* Its arguments, from 2 on. */
#define TENSOR(index) sw_lua_verb_tensor(L, index)
#define VECTORS(index) sw_lua_vectors_at(L, index)
#define SIDE(index) sw_lua_side_at(L, index)
#define NUMBER(index) (float)luaL_checknumber(L, index)
#define HANDLE(index, kind) sw_lua_handle_at(L, index, kind)->at

/* ---- tensors --------------------------------------------------------------------------------- */

TENSOR_VERB(input, sw_read(t, (struct sw_input){HANDLE(2, SW_LUA_INPUT)}))
TENSOR_VERB(softmax, sw_softmax(t, TENSOR(2), SIDE(3), (float)luaL_optnumber(L, 4, 1)))
TENSOR_VERB(softmax_transposed,
            sw_softmax_transposed(t, TENSOR(2), SIDE(3), (float)luaL_optnumber(L, 4, 1)))
TENSOR_VERB(mean, sw_mean(t, TENSOR(2), SIDE(3)))
TENSOR_VERB(sum, sw_sum(t, TENSOR(2), SIDE(3)))
/* sum_k x_rk y_rk of each row, (R,K,L),(R,K,L) -> (1,R,L) */
TENSOR_VERB(rowdot, sw_apply2(t, "lane_rowdot", TENSOR(2), TENSOR(3), (struct sw_args){.i = {0}}))
TENSOR_VERB(blend, sw_blend(t, NUMBER(2), TENSOR(3), TENSOR(4)))
TENSOR_VERB(mean_weights, t->host->mean_weights(t, SIDE(2)))

/* masked(op, x, side [, args]): apply with the side's mask behind x, where there is one */
static int masked(lua_State *L)
{
    struct sw_args args = {.p = NULL};
    sw_lua_read_args(L, 5, &args);
    return sw_lua_give(L,
                       sw_masked(sw_lua_tile_of(L), sw_lua_op_at(L, 2), TENSOR(3), SIDE(4), args));
}

/* ---- pair vectors ---------------------------------------------------------------------------- */

VECTORS_VERB(regions, sw_regions(t))
VECTORS_VERB(words, sw_words_of(t))
VECTORS_VERB(fragments, t->host->fragments(t, SIDE(2)))
VECTORS_VERB(over, t->host->over(t, SIDE(2), TENSOR(3)))
VECTORS_VERB(over_regions, sw_over_regions(t, TENSOR(2)))
VECTORS_VERB(over_words, sw_over_words(t, TENSOR(2)))
VECTORS_VERB(explicit_vectors, t->host->explicit_vectors(t, TENSOR(2)))
VECTORS_VERB(add, t->host->add(t, VECTORS(2), VECTORS(3)))
VECTORS_VERB(scale_rows, t->host->scale_rows(t, VECTORS(2), TENSOR(3)))
VECTORS_VERB(scale, t->host->scale(t, VECTORS(2), NUMBER(3)))
VECTORS_VERB(pool, sw_pool(t, VECTORS(2), TENSOR(3)))
VECTORS_VERB(get, sw_get(t, luaL_checkstring(L, 2)))

TENSOR_VERB(dot, t->host->dot(t, VECTORS(2), VECTORS(3)))
TENSOR_VERB(cosine, sw_cosine(t, VECTORS(2), VECTORS(3)))
TENSOR_VERB(cosine_to, t->host->cosine_to(t, VECTORS(2), SIDE(3)))
TENSOR_VERB(functional, t->host->functional(t, VECTORS(2),
                                            (struct sw_functional){HANDLE(3, SW_LUA_FUNCTIONAL)}))
TENSOR_VERB(mapped, t->host->mapped(t, VECTORS(2), (struct sw_map){HANDLE(3, SW_LUA_MAP)}))
TENSOR_VERB(numbers, t->host->numbers(t, VECTORS(2)))

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
