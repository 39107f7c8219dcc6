/* lua_batch_verbs.c -- the verbs of a batch: what `prepare` computes and declares, and what a loss
 * is made of. */
#include "lua/binding/defined.h"

#include <string.h>

static struct sw_batch *batch_of(lua_State *L)
{
    struct sw_batch *batch = sw_lua_worker_of(L)->call->batch;
    if (!batch)
        luaL_error(L, "available in prepare only, not on tiles");
    return batch;
}

/* ---- prepare -----------------------------------------------------------------------------------
 */

/* parameter(name): the use's own */
static int parameter(lua_State *L)
{
    const struct sw_lua_call *call = sw_lua_worker_of(L)->call;
    const char *name = luaL_checkstring(L, 2);
    const json_t *all = json_object_get(call->use->of->json, "parameters");
    for (size_t p = 0; p < json_array_size(all); p++) {
        const json_t *one = json_object_get(json_array_get(all, p), "name");
        if (strcmp(json_string_value(one), name) == 0)
            return sw_lua_give(L, call->use->parameters[p]);
    }
    return luaL_error(L, "no parameter '%s'; the definition's `parameters` lists them", name);
}

static int linear(lua_State *L)
{
    const struct sw_lua_call *call = sw_lua_worker_of(L)->call;
    int inputs = lua_isnoneornil(L, 4) ? 2 : 3;
    struct sw_tensor *in[3] = {sw_lua_verb_tensor(L, 2), sw_lua_verb_tensor(L, 3)};
    if (inputs == 3)
        in[2] = sw_lua_verb_tensor(L, 4);
    return sw_lua_give(L, call->host->apply(call->graph, "linear", in, inputs, NULL));
}

static int linear_back(lua_State *L)
{
    return sw_lua_give(L, sw_lua_operate(L, "linear_back", sw_lua_verb_tensor(L, 2),
                                         sw_lua_verb_tensor(L, 3), (struct sw_args){.i = {0}}));
}

static int columns(lua_State *L)
{
    int first = (int)luaL_checkinteger(L, 3), count = (int)luaL_checkinteger(L, 4);
    return sw_lua_give(L, sw_lua_operate(L, "columns", sw_lua_verb_tensor(L, 2), NULL,
                                         (struct sw_args){.i = {first, count}}));
}

static int l2norm(lua_State *L)
{
    return sw_lua_give(
        L, sw_lua_operate(L, "l2norm", sw_lua_verb_tensor(L, 2), NULL, (struct sw_args){.i = {0}}));
}

/* dropout(x, rate): in a training step, with a stream of random numbers of its own */
static int dropout(lua_State *L)
{
    const struct sw_lua_call *call = sw_lua_worker_of(L)->call;
    struct sw_tensor *x = sw_lua_verb_tensor(L, 2);
    struct sw_args args = {.f = {(float)luaL_checknumber(L, 3)}};
    luaL_argcheck(L, args.f[0] >= 0 && args.f[0] < 1, 3, "expected a rate from 0 to below 1");
    if (call->loss_batch)
        luaL_error(L, "not available in a loss");
    if (args.f[0] <= 0 || !(call->batch ? call->batch->training : call->encode->training))
        return sw_lua_give(L, x);
    call->host->random(call->graph, args.i);
    return sw_lua_give(L, sw_lua_operate(L, "dropout", x, NULL, args));
}

/* What an input_.. verb gives; -1 is a failure of the graph. */
static int give_handle(lua_State *L, enum sw_lua_kind kind, int at)
{
    if (at < 0)
        sw_lua_push_handle(L, SW_LUA_TENSOR, NULL); /* raises */
    sw_lua_new_handle(L, kind)->at = at;
    return 1;
}

#define INPUT_VERB(verb, kind, ...)                                    \
    static int verb(lua_State *L)                                      \
    {                                                                  \
        struct sw_batch *b = batch_of(L);                              \
        return give_handle(L, kind, b->host->verb(b, __VA_ARGS__).at); \
    }
#define TENSOR(index) sw_lua_verb_tensor(L, index)
#define SIDE(index) sw_lua_side_at(L, index)

INPUT_VERB(input_product, SW_LUA_INPUT, TENSOR(2), TENSOR(3))
INPUT_VERB(input_within, SW_LUA_INPUT, SIDE(2), TENSOR(3), TENSOR(4))
INPUT_VERB(input_rows, SW_LUA_INPUT, SIDE(2), TENSOR(3))
INPUT_VERB(input_vectors, SW_LUA_INPUT, SIDE(2), TENSOR(3))
INPUT_VERB(input_group, SW_LUA_INPUT, SIDE(2), TENSOR(3))
INPUT_VERB(input_shared, SW_LUA_INPUT, TENSOR(2))
INPUT_VERB(input_functional, SW_LUA_FUNCTIONAL, TENSOR(2))
INPUT_VERB(input_map, SW_LUA_MAP, SIDE(2), TENSOR(3))

/* ---- the fragments of each image or caption -------------------------------------------------- */

/* The operation "group_OP" of argument 2, on the tensors of the list at 3; args at `args_at`. */
static int operate_on_groups(lua_State *L, const struct sw_fragments *fragments, int args_at)
{
    struct sw_lua_call *call = sw_lua_worker_of(L)->call;
    struct sw_tensor *in[4];
    struct sw_args args = {.p = fragments};
    luaL_checktype(L, 3, LUA_TTABLE);
    int inputs = (int)lua_rawlen(L, 3);
    if (inputs < 1 || inputs > 4)
        luaL_error(L, "expected 1 to 4 tensors, found %d", inputs);
    for (int i = 0; i < inputs; i++) {
        lua_rawgeti(L, 3, i + 1);
        in[i] = sw_lua_verb_tensor(L, -1);
        lua_pop(L, 1);
    }
    sw_lua_read_args(L, args_at, &args);
    const char *op = lua_pushfstring(L, "group_%s", luaL_checkstring(L, 2));
    return sw_lua_give(L, call->host->apply(call->graph, op, in, inputs, &args));
}

/* group(op, {x, ..} [, args]), in a block and a pooling */
static int group(lua_State *L)
{
    return operate_on_groups(L, sw_lua_worker_of(L)->call->encode->fragments, 4);
}

/* group(op, {x, ..}, side [, args]), in prepare */
static int group_of_side(lua_State *L)
{
    const struct sw_batch *b = batch_of(L);
    return operate_on_groups(
        L, sw_lua_side_at(L, 4) == SW_REGIONS ? b->region_fragments : b->word_fragments, 5);
}

/* ---- the batch of a loss --------------------------------------------------------------------- */

static const struct sw_loss_batch *loss_batch_of(lua_State *L)
{
    const struct sw_loss_batch *batch = sw_lua_worker_of(L)->call->loss_batch;
    if (!batch)
        luaL_error(L, "available in a loss only");
    return batch;
}

static struct sw_tensor *ones(lua_State *L, int rows, int columns_of)
{
    const struct sw_lua_call *call = sw_lua_worker_of(L)->call;
    return call->host->constant(call->graph, 2, (int[]){rows, columns_of}, 1);
}

/* (A,B) -> (A,1): the sum of each row */
static struct sw_tensor *row_sums(lua_State *L, struct sw_tensor *x)
{
    if (!x || x->ndim != 2)
        luaL_error(L, "expected a tensor (rows,columns), found %d dimensions", x ? x->ndim : 0);
    return sw_lua_operate(L, "linear", x, ones(L, 1, x->dim[1]), (struct sw_args){.i = {0}});
}

/* total(x): the sum of all of a matrix, (1,1) */
static int total(lua_State *L)
{
    struct sw_tensor *sums = row_sums(L, sw_lua_verb_tensor(L, 2));
    if (sums)
        sums = sw_lua_worker_of(L)->call->host->reshape(sw_lua_worker_of(L)->call->graph, sums, 2,
                                                        (int[]){1, sums->dim[0]});
    return sw_lua_give(L, sums ? row_sums(L, sums) : NULL);
}

/* 1 where image i and caption j are a pair of the batch: (B,B) */
static struct sw_tensor *is_pair(lua_State *L)
{
    const struct sw_loss_batch *batch = loss_batch_of(L);
    int B = batch->pairs->n;
    struct sw_tensor *x = batch->host->constant(batch->graph, 2, (int[]){B, B}, 0);
    for (int i = 0; x && i < B; i++)
        x->data[(size_t)i * (size_t)(B + 1)] = 1;
    return x;
}

/* right(scores): the score of each right pair, on all columns of its row (image), (B,B); with
 * "captions", on all rows of its column */
static int right(lua_State *L)
{
    static const char *const ways[] = {"images", "captions", NULL};
    struct sw_args none = {.i = {0}};
    struct sw_tensor *scores = sw_lua_verb_tensor(L, 2), *pairs = is_pair(L);
    int of_captions = luaL_checkoption(L, 3, "images", ways), B = loss_batch_of(L)->pairs->n;
    struct sw_tensor *diagonal = sw_lua_operate(L, "mul", scores, pairs, none);
    if (!diagonal)
        return sw_lua_give(L, NULL);
    return sw_lua_give(L, of_captions
                              ? sw_lua_operate(L, "linear_back", ones(L, B, B), diagonal, none)
                              : sw_lua_operate(L, "linear", diagonal, ones(L, B, B), none));
}

/* pairs(): is_pair */
static int right_pairs(lua_State *L)
{
    return sw_lua_give(L, is_pair(L));
}

/* hinge(scores, margin [, all [, exclude [, views]]]): eq. 17 */
static int hinge(lua_State *L)
{
    const struct sw_loss_batch *batch = loss_batch_of(L);
    lua_Integer views = luaL_optinteger(L, 6, 1);
    luaL_argcheck(L, views >= 1 && views <= batch->pairs->n, 6, "expected 1 to as many as pairs");
    struct sw_args args = {.i = {lua_toboolean(L, 4), lua_toboolean(L, 5), (int)views},
                           .f = {(float)luaL_checknumber(L, 3)},
                           .p = batch->pairs};
    return sw_lua_give(L, sw_lua_operate(L, "hinge", sw_lua_verb_tensor(L, 2), NULL, args));
}

const luaL_Reg sw_lua_matrix_verbs[] = {{"linear", linear},   {"linear_back", linear_back},
                                        {"columns", columns}, {"l2norm", l2norm},
                                        {"dropout", dropout}, {NULL, NULL}};
const luaL_Reg sw_lua_encode_verbs[] = {{"parameter", parameter}, {"group", group}, {NULL, NULL}};
const luaL_Reg sw_lua_loss_verbs[] = {
    {"total", total}, {"right", right}, {"pairs", right_pairs}, {"hinge", hinge}, {NULL, NULL}};
const luaL_Reg sw_lua_batch_verbs[] = {{"parameter", parameter},
                                       {"input_product", input_product},
                                       {"input_within", input_within},
                                       {"input_rows", input_rows},
                                       {"input_vectors", input_vectors},
                                       {"input_group", input_group},
                                       {"input_shared", input_shared},
                                       {"input_functional", input_functional},
                                       {"input_map", input_map},
                                       {"group", group_of_side},
                                       {NULL, NULL}};
