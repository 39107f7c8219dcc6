/* lua_verbs.c -- what functions of a definition can do: the verbs of the host table under their own
 * names, as methods of the tile `t` and of the batch `b`, and + - * on tensors and pair vectors.
 *
 * A verb that fails raises the graph's message behind the line of the script. */
#include "lua/binding/defined.h"

#include "tensor/tape/graph.h"

#include <limits.h>
#include <string.h>

/* ---- handles --------------------------------------------------------------------------------- */

const char *sw_lua_kind_name(enum sw_lua_kind kind)
{
    static const char *const names[] = {"",         "a tensor",     "pair vectors",
                                        "an input", "a functional", "a map"};
    return names[kind];
}

static const char *class_name(enum sw_lua_kind kind)
{
    static const char *const names[] = {"", "tensor", "vectors", "input", "functional", "map"};
    return names[kind];
}

/* Keys of the registry: the handles of tensors and of vectors, which each call uses again. */
static const char pools[2];

struct sw_lua_handle *sw_lua_new_handle(lua_State *L, enum sw_lua_kind kind)
{
    struct sw_lua_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (struct sw_lua_handle){.kind = kind};
    luaL_setmetatable(L, class_name(kind));
    return handle;
}

void sw_lua_push_handle(lua_State *L, enum sw_lua_kind kind, void *value)
{
    struct sw_lua_worker *worker = sw_lua_worker_of(L);
    struct sw_lua_handle *handle;
    if (kind > SW_LUA_VECTORS) {
        sw_lua_new_handle(L, kind);
        return;
    }
    if (!value) {
        luaL_where(L, 1);
        lua_pushstring(L, sw_graph_error(worker->call->graph)->status
                              ? sw_graph_error(worker->call->graph)->text
                              : "it returns nothing here");
        lua_concat(L, 2);
        lua_error(L);
    }
    lua_Integer at = ++worker->used[kind - 1];
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pools[kind - 1]);
    if (lua_rawgeti(L, -1, at) == LUA_TUSERDATA) {
        handle = lua_touserdata(L, -1);
    } else {
        lua_pop(L, 1);
        handle = sw_lua_new_handle(L, kind);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, at);
    }
    lua_remove(L, -2);
    handle->pointer = value;
}

struct sw_lua_handle *sw_lua_handle_at(lua_State *L, int index, enum sw_lua_kind kind)
{
    struct sw_lua_handle *handle = lua_touserdata(L, index);
    if (!handle || handle->kind != kind)
        luaL_argerror(
            L, index,
            lua_pushfstring(L, "expected %s, found %s", sw_lua_kind_name(kind),
                            handle ? sw_lua_kind_name(handle->kind) : luaL_typename(L, index)));
    return handle;
}

struct sw_tensor *sw_lua_verb_tensor(lua_State *L, int index)
{
    return sw_lua_handle_at(L, index, SW_LUA_TENSOR)->pointer;
}

struct sw_vectors *sw_lua_vectors_at(lua_State *L, int index)
{
    return sw_lua_handle_at(L, index, SW_LUA_VECTORS)->pointer;
}

static float number_at(lua_State *L, int index)
{
    return (float)luaL_checknumber(L, index);
}

enum sw_side sw_lua_side_at(lua_State *L, int index)
{
    static const char *const sides[] = {"regions", "words", NULL};
    return (enum sw_side)luaL_checkoption(L, index, NULL, sides);
}

int sw_lua_give(lua_State *L, struct sw_tensor *x)
{
    sw_lua_push_handle(L, SW_LUA_TENSOR, x);
    return 1;
}

int sw_lua_give_vectors(lua_State *L, struct sw_vectors *x)
{
    sw_lua_push_handle(L, SW_LUA_VECTORS, x);
    return 1;
}

static struct sw_lua_call *call_of(lua_State *L)
{
    return sw_lua_worker_of(L)->call;
}

struct sw_tile *sw_lua_tile_of(lua_State *L)
{
    struct sw_tile *tile = call_of(L)->tile;
    if (!tile)
        luaL_error(L, "available on tiles only, not in prepare");
    return tile;
}

/* ---- operations ------------------------------------------------------------------------------ */

struct sw_tensor *sw_lua_operate(lua_State *L, const char *op, struct sw_tensor *x,
                                 struct sw_tensor *y, struct sw_args args)
{
    const struct sw_lua_call *call = call_of(L);
    struct sw_tensor *in[2] = {x, y};
    return call->host->apply(call->graph, op, in, y ? 2 : 1, &args);
}

/* The optional table {i = {..}, f = {..}} at `index`. */
void sw_lua_read_args(lua_State *L, int index, struct sw_args *args)
{
    static const char *const fields[] = {"i", "f"};
    for (int which = 0; which < 2 && !lua_isnoneornil(L, index); which++) {
        luaL_checktype(L, index, LUA_TTABLE);
        if (lua_getfield(L, index, fields[which]) == LUA_TTABLE)
            for (int n = 0; n < 4; n++) {
                lua_rawgeti(L, -1, n + 1);
                double number = luaL_optnumber(L, -1, 0);
                if (!(number >= INT_MIN && number <= INT_MAX))
                    luaL_error(L, "%s: %f is out of range", fields[which], number);
                if (which)
                    args->f[n] = (float)number;
                else
                    args->i[n] = (int)number;
                lua_pop(L, 1);
            }
        lua_pop(L, 1);
    }
}

const char *sw_lua_op_at(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    const struct sw_op *op = sw_ops_find(call_of(L)->use->of->ops, name);
    for (int i = 0; op && i < op->sample_count; i++)
        if (op->samples[i].args.p)
            luaL_error(L, "%s: it needs an index structure, which Lua does not have", name);
    return name;
}

/* apply(op, {x, ..} [, {i = {..}, f = {..}}]): any operation of `stepwise plugins --ops` that needs
 * no index structure */
static int apply(lua_State *L)
{
    enum { MOST = 10 };
    const struct sw_lua_call *call = call_of(L);
    const char *op = sw_lua_op_at(L, 2);
    struct sw_tensor *in[MOST];
    struct sw_args args = {.p = NULL};
    luaL_checktype(L, 3, LUA_TTABLE);
    int inputs = (int)lua_rawlen(L, 3);
    if (inputs < 1 || inputs > MOST)
        luaL_error(L, "%s: expected 1 to %d tensors, found %d", op, MOST, inputs);
    for (int i = 0; i < inputs; i++) {
        lua_rawgeti(L, 3, i + 1);
        in[i] = sw_lua_verb_tensor(L, -1);
        lua_pop(L, 1);
    }
    sw_lua_read_args(L, 4, &args);
    return sw_lua_give(L, call->host->apply(call->graph, op, in, inputs, &args));
}

static int affine(lua_State *L)
{
    float f = number_at(L, 3), c = (float)luaL_optnumber(L, 4, 0);
    return sw_lua_give(L, sw_lua_operate(L, "affine", sw_lua_verb_tensor(L, 2), NULL,
                                         (struct sw_args){.f = {f, c}}));
}

static int sigmoid(lua_State *L)
{
    return sw_lua_give(L, sw_lua_operate(L, "sigmoid", sw_lua_verb_tensor(L, 2), NULL,
                                         (struct sw_args){.i = {0}}));
}

static int relu(lua_State *L)
{
    return sw_lua_give(
        L, sw_lua_operate(L, "relu", sw_lua_verb_tensor(L, 2), NULL, (struct sw_args){.i = {0}}));
}

static int add_scalar(lua_State *L)
{
    return sw_lua_give(L, sw_lua_operate(L, "add_scalar", sw_lua_verb_tensor(L, 2),
                                         sw_lua_verb_tensor(L, 3), (struct sw_args){.i = {0}}));
}

/* Sizes from argument 3 on, of `most` numbers in all at most; one may be -1 where `count` is not 0:
 * what the others leave of that many. */
static int sizes_at(lua_State *L, size_t count, size_t most, int dim[SW_MAX_DIM])
{
    int ndim = lua_gettop(L) - 2, open = -1;
    size_t known = 1;
    if (ndim < 1 || ndim > SW_MAX_DIM)
        luaL_error(L, "expected 1 to %d sizes, found %d", SW_MAX_DIM, ndim);
    for (int d = 0; d < ndim; d++) {
        lua_Integer size = luaL_checkinteger(L, d + 3);
        if (count && size == -1 && open < 0) {
            open = d;
            continue;
        }
        luaL_argcheck(L, size >= 1, d + 3, "expected a size of at least 1");
        if ((uint64_t)size > most / known)
            luaL_error(L, "the sizes are those of more than %I numbers", (lua_Integer)most);
        dim[d] = (int)size;
        known *= (size_t)size;
    }
    if (open >= 0) /* where it does not divide, the sizes are refused */
        dim[open] = (int)(count / known);
    return ndim;
}

/* reshape(x, sizes..): one of them may be -1, what the others leave */
static int reshape(lua_State *L)
{
    const struct sw_lua_call *call = call_of(L);
    struct sw_tensor *x = sw_lua_verb_tensor(L, 2);
    int dim[SW_MAX_DIM], ndim = sizes_at(L, sw_tensor_count(x), sw_tensor_count(x), dim);
    return sw_lua_give(L, call->host->reshape(call->graph, x, ndim, dim));
}

/* constant(number, sizes..): a tensor of that number, without a gradient */
static int constant(lua_State *L)
{
    const struct sw_lua_call *call = call_of(L);
    int dim[SW_MAX_DIM], ndim = sizes_at(L, 0, 1 << 24, dim);
    return sw_lua_give(L, call->host->constant(call->graph, ndim, dim, number_at(L, 2)));
}

/* ---- operators ------------------------------------------------------------------------------- */

static int is_number(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TNUMBER;
}

static int is_vectors(lua_State *L, int index)
{
    const struct sw_lua_handle *handle = lua_touserdata(L, index);
    return handle && handle->kind == SW_LUA_VECTORS;
}

static struct sw_tensor *times_number(lua_State *L, int index, float factor, float and_plus)
{
    return sw_lua_operate(L, "affine", sw_lua_verb_tensor(L, index), NULL,
                          (struct sw_args){.f = {factor, and_plus}});
}

/* x + y of tensors or vectors of one shape; of a tensor and a number */
static int plus(lua_State *L)
{
    int x = is_number(L, 1) ? 2 : 1, y = 3 - x;
    if (is_number(L, y))
        return sw_lua_give(L, times_number(L, x, 1, number_at(L, y)));
    if (is_vectors(L, 1)) {
        struct sw_tile *t = sw_lua_tile_of(L);
        return sw_lua_give_vectors(
            L, t->host->add(t, sw_lua_vectors_at(L, 1), sw_lua_vectors_at(L, 2)));
    }
    return sw_lua_give(L, sw_lua_operate(L, "add", sw_lua_verb_tensor(L, 1),
                                         sw_lua_verb_tensor(L, 2), (struct sw_args){.i = {0}}));
}

/* s x for a tensor s of one number, (..),(1) -> (..) */
static struct sw_tensor *times_scalar(lua_State *L, struct sw_tensor *x, struct sw_tensor *s)
{
    const struct sw_lua_call *call = call_of(L);
    int column[2] = {(int)sw_tensor_count(x), 1}, one[2] = {1, 1};
    struct sw_tensor *y =
        sw_lua_operate(L, "linear", call->host->reshape(call->graph, x, 2, column),
                       call->host->reshape(call->graph, s, 2, one), (struct sw_args){.i = {0}});
    return call->host->reshape(call->graph, y, x->ndim, x->dim);
}

/* x * y of tensors of one shape, or one of them of one number; of a tensor or vectors and a number;
 * of vectors and a tensor (1,R,L), a number per row */
static int times(lua_State *L)
{
    int x = is_number(L, 1) || is_vectors(L, 2) ? 2 : 1, y = 3 - x;
    if (is_vectors(L, x)) {
        struct sw_tile *t = sw_lua_tile_of(L);
        return sw_lua_give_vectors(
            L, is_number(L, y)
                   ? t->host->scale(t, sw_lua_vectors_at(L, x), number_at(L, y))
                   : t->host->scale_rows(t, sw_lua_vectors_at(L, x), sw_lua_verb_tensor(L, y)));
    }
    if (is_number(L, y))
        return sw_lua_give(L, times_number(L, x, number_at(L, y), 0));
    struct sw_tensor *a = sw_lua_verb_tensor(L, 1), *b = sw_lua_verb_tensor(L, 2);
    int one = sw_tensor_count(a) == 1, other = sw_tensor_count(b) == 1;
    if (one && other && a->ndim != b->ndim) /* of two, that with fewer dimensions */
        one = a->ndim < b->ndim, other = !one;
    return sw_lua_give(L, one != other
                              ? times_scalar(L, one ? b : a, one ? a : b)
                              : sw_lua_operate(L, "mul", a, b, (struct sw_args){.i = {0}}));
}

static int negate(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushnumber(L, -1);
    return times(L);
}

static int minus(lua_State *L)
{
    lua_settop(L, 2);
    if (is_number(L, 2)) {
        lua_pushnumber(L, -lua_tonumber(L, 2));
    } else if (is_vectors(L, 2)) {
        struct sw_tile *t = sw_lua_tile_of(L);
        sw_lua_give_vectors(L, t->host->scale(t, sw_lua_vectors_at(L, 2), -1));
    } else {
        sw_lua_give(L, times_number(L, 2, -1, 0));
    }
    lua_replace(L, 2);
    return plus(L);
}

/* ---- classes --------------------------------------------------------------------------------- */

static const luaL_Reg of_both[] = {
    {"apply", apply},           {"affine", affine},   {"sigmoid", sigmoid},   {"relu", relu},
    {"add_scalar", add_scalar}, {"reshape", reshape}, {"constant", constant}, {NULL, NULL}};
/* An empty read-only table with these verbs, under `key` of the registry; its fields are set raw.
 */
static void open_subject(lua_State *L, int key, const luaL_Reg *verbs, const char *what)
{
    lua_newtable(L);
    luaL_setfuncs(L, of_both, 0);
    if (key != SW_LUA_TILE)
        luaL_setfuncs(L, sw_lua_matrix_verbs, 0);
    luaL_setfuncs(L, verbs, 0);
    sw_lua_make_read_only(L, what);
    lua_rawseti(L, LUA_REGISTRYINDEX, key);
}

void sw_lua_open_verbs(lua_State *L)
{
    static const luaL_Reg operators[] = {
        {"__add", plus}, {"__mul", times}, {"__sub", minus}, {"__unm", negate}, {NULL, NULL}};
    for (int kind = SW_LUA_TENSOR; kind <= SW_LUA_MAP; kind++) {
        luaL_newmetatable(L, class_name((enum sw_lua_kind)kind));
        if (kind <= SW_LUA_VECTORS) {
            luaL_setfuncs(L, operators, 0);
            lua_newtable(L);
            lua_rawsetp(L, LUA_REGISTRYINDEX, &pools[kind - 1]);
        }
        lua_pop(L, 1);
    }
    open_subject(L, SW_LUA_TILE, sw_lua_tile_verbs, "the fields of a tile");
    open_subject(L, SW_LUA_BATCH, sw_lua_batch_verbs, "the fields of a batch");
    open_subject(L, SW_LUA_ENCODE, sw_lua_encode_verbs, "the fields of an encoder");
    open_subject(L, SW_LUA_LOSS_BATCH, sw_lua_loss_verbs, "the fields of a batch");
}

/* Sets a field of the table on the top to the value above it. */
static void set_raw(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    lua_insert(L, -2);
    lua_rawset(L, -3);
}

static void show_common(lua_State *L, int dim, enum sw_direction direction, int training)
{
    static const char *const directions[] = {"both", "t2i", "i2t"};
    lua_pushinteger(L, dim);
    set_raw(L, "dim");
    lua_pushstring(L, directions[direction]);
    set_raw(L, "direction");
    lua_pushboolean(L, training);
    set_raw(L, "training");
}

void sw_lua_show_tile(lua_State *L, const struct sw_tile *tile)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_TILE);
    lua_pushinteger(L, tile->k);
    set_raw(L, "k");
    lua_pushinteger(L, tile->n);
    set_raw(L, "n");
    show_common(L, tile->dim, tile->direction, tile->training);
}

/* A tensor field of the table on the top; NULL: nil. */
static void show_tensor(lua_State *L, const char *name, struct sw_tensor *x)
{
    if (x)
        sw_lua_push_handle(L, SW_LUA_TENSOR, x);
    else
        lua_pushnil(L);
    set_raw(L, name);
}

void sw_lua_show_batch(lua_State *L, const struct sw_batch *batch)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_BATCH);
    show_tensor(L, "regions", batch->regions);
    show_tensor(L, "words", batch->words);
    show_tensor(L, "image", batch->image);
    show_tensor(L, "text", batch->text);
    show_common(L, batch->dim, batch->direction, batch->training);
}

void sw_lua_show_encode(lua_State *L, const struct sw_encode *encode)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_ENCODE);
    lua_pushstring(L, encode->side == SW_REGIONS ? "regions" : "words");
    set_raw(L, "side");
    lua_pushboolean(L, encode->training);
    set_raw(L, "training");
}

void sw_lua_show_loss_batch(lua_State *L, const struct sw_loss_batch *batch)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_LOSS_BATCH);
    show_tensor(L, "scores", batch->scores);
    show_tensor(L, "image", batch->image);
    show_tensor(L, "text", batch->text);
    lua_pushinteger(L, batch->epoch);
    set_raw(L, "epoch");
    lua_pushinteger(L, batch->pairs->n);
    set_raw(L, "size");
}
