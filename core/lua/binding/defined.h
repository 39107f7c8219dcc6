/* defined.h -- stages, fusions, blocks, poolings and losses that a script defines
 * (config/define.lua), as descriptors whose functions call Lua.
 *
 * lua_defined.c makes the descriptors, lua_worker.c the Lua states and the calls into them,
 * lua_verbs.c what the functions of a definition can do. A definition has one state per thread that
 * runs it; a state holds the functions, which can keep nothing from one call to the next: what they
 * refer to is constant, and all they are given is read-only. So it does not matter which state
 * scores a tile. */
#ifndef SW_LUA_DEFINED_H
#define SW_LUA_DEFINED_H

#include "lua/binding/binding.h"

#include "plugin/plugins.h"
#include "tensor/tape/graph.h"

#include <stdatomic.h>

enum {
    SW_MOST_KEPT = 32,        /* values that `prepare` returns */
    SW_MOST_PARAMETERS = 64,  /* of one definition */
    SW_MOST_LUA_WORKERS = 260 /* threads that run one definition at once */
};

struct sw_lua_worker;

struct sw_definition {
    json_t *json; /* owns all texts */
    char *key;    /* its JSON text: the same one is made once */
    const char *name, *file;
    const struct sw_ops *ops;
    struct sw_plugin plugin;
    struct sw_stage stage;
    struct sw_fusion fusion;
    struct sw_block block;
    struct sw_pool pool;
    struct sw_loss loss;
    const struct sw_stage *stages[2];
    const struct sw_fusion *fusions[2];
    const struct sw_block *blocks[2];
    const struct sw_pool *pools[2];
    const struct sw_loss *losses[2];
    struct sw_option options[SW_MOST_OPTIONS + 1];
    atomic_uint_least64_t serials; /* given out so far */
    _Atomic(struct sw_lua_worker *) idle[SW_MOST_LUA_WORKERS];
    struct sw_definition *next;
};

/* `self` of a use. */
struct sw_defined_use {
    struct sw_definition *of;
    const struct sw_value *values;
    uint64_t serial; /* the definition's: what a state has made of the values belongs to it */
    int width;       /* of what a block returns */
    struct sw_tensor *parameters[SW_MOST_PARAMETERS];
};

/* A value on its way from `prepare` in one state to `score` in another. */
enum sw_lua_kind {
    SW_LUA_TENSOR = 1,
    SW_LUA_VECTORS,
    SW_LUA_INPUT,
    SW_LUA_FUNCTIONAL,
    SW_LUA_MAP,
    SW_LUA_NUMBER
};

struct sw_kept {
    char name[32];
    enum sw_lua_kind kind;
    int at; /* of a handle */
    double number;
};

struct sw_defined_prepared {
    uint64_t serial;
    int count;
    struct sw_kept kept[SW_MOST_KEPT];
};

/* ---- calls (lua_worker.c) -------------------------------------------------------------------- */

enum sw_lua_function {
    SW_LUA_PREPARE,
    SW_LUA_SCORE,
    SW_LUA_FUSE,
    SW_LUA_BLOCK,
    SW_LUA_POOL,
    SW_LUA_LOSS
};

/* One call of a function of a definition, and what it is called with. */
struct sw_lua_call {
    enum sw_lua_function function;
    const struct sw_host *host;
    struct sw_graph *graph;
    struct sw_tile *tile;             /* of score and fuse */
    struct sw_batch *batch;           /* of prepare */
    struct sw_encode *encode;         /* of block and pool */
    struct sw_loss_batch *loss_batch; /* of loss */
    const struct sw_defined_use *use;
    struct sw_defined_prepared *prepared; /* prepare fills it, score and fuse read it */
    enum sw_side side;                    /* of fuse */
    struct sw_vectors *own, *attended;    /* of fuse */
    struct sw_tensor *x;                  /* of block and pool */
    void *out;                            /* a tensor; of fuse vectors */
};

/* Calls the function on a state of the calling thread's own; a failure is the graph's. */
void sw_lua_call_defined(struct sw_lua_call *call);
/* Makes the first state, which compiles the functions. */
int sw_lua_try_definition(struct sw_definition *definition, struct sw_error *error);
void sw_lua_free_worker(struct sw_lua_worker *worker);

/* ---- inside a state -------------------------------------------------------------------------- */

/* A userdata of a state; tensors and vectors are used again for the next call. */
struct sw_lua_handle {
    enum sw_lua_kind kind;
    int at;
    void *pointer;
};

struct sw_lua_worker {
    lua_State *L;
    struct sw_definition *of;
    size_t bytes; /* that the state has allocated */
    struct sw_lua_call *call;
    lua_Integer used[2];              /* tensors and vectors of the call at hand */
    uint64_t options_of, prepared_of; /* serials of what the state's tables hold */
    int slices, interrupted;
};

/* The state's own worker. */
static inline struct sw_lua_worker *sw_lua_worker_of(lua_State *L)
{
    return *(struct sw_lua_worker **)lua_getextraspace(L);
}

/* Keys of the registry. */
enum {
    SW_LUA_FUNCTIONS = 101, /* by name */
    SW_LUA_TILE,
    SW_LUA_BATCH,
    SW_LUA_ENCODE,
    SW_LUA_LOSS_BATCH,
    SW_LUA_OPTIONS,
    SW_LUA_PREPARED
};

/* Pushes a handle that lives until it is collected. */
struct sw_lua_handle *sw_lua_new_handle(lua_State *L, enum sw_lua_kind kind);
/* Pushes an argument of a verb's kind; value NULL raises what the graph failed with. */
void sw_lua_push_handle(lua_State *L, enum sw_lua_kind kind, void *value);
/* The handle of that kind at `index`, or raises. */
struct sw_lua_handle *sw_lua_handle_at(lua_State *L, int index, enum sw_lua_kind kind);
const char *sw_lua_kind_name(enum sw_lua_kind kind);
/* Arguments of a verb: of another kind they raise. A side is "regions" or "words". */
struct sw_tensor *sw_lua_verb_tensor(lua_State *L, int index);
struct sw_vectors *sw_lua_vectors_at(lua_State *L, int index);
enum sw_side sw_lua_side_at(lua_State *L, int index);
/* The optional table {i = {..}, f = {..}} at `index`. */
void sw_lua_read_args(lua_State *L, int index, struct sw_args *args);
/* The name of an operation that works without an index structure (args.p). */
const char *sw_lua_op_at(lua_State *L, int index);
/* The tile of the call; raises in prepare. */
struct sw_tile *sw_lua_tile_of(lua_State *L);
/* Results of a verb, which they return. */
int sw_lua_give(lua_State *L, struct sw_tensor *x);
int sw_lua_give_vectors(lua_State *L, struct sw_vectors *x);
/* An operation on x and, where it is not NULL, y. */
struct sw_tensor *sw_lua_operate(lua_State *L, const char *op, struct sw_tensor *x,
                                 struct sw_tensor *y, struct sw_args args);
/* Of `t`, of `b` in prepare, of `e` in blocks and pools, of `b` in a loss; of all but the first. */
extern const luaL_Reg sw_lua_tile_verbs[], sw_lua_batch_verbs[], sw_lua_encode_verbs[],
    sw_lua_loss_verbs[], sw_lua_matrix_verbs[];

/* Makes the classes and the tables SW_LUA_TILE, .. a new state.
 */
void sw_lua_open_verbs(lua_State *L);
/* Sets the fields of those tables; protected. */
void sw_lua_show_tile(lua_State *L, const struct sw_tile *tile);
void sw_lua_show_batch(lua_State *L, const struct sw_batch *batch);
void sw_lua_show_encode(lua_State *L, const struct sw_encode *encode);
void sw_lua_show_loss_batch(lua_State *L, const struct sw_loss_batch *batch);
/* A read-only view of the table on the top takes its place. what: "options of a stage". */
void sw_lua_make_read_only(lua_State *L, const char *what);

#endif
