/* lua_worker.c -- Lua states for the functions of a definition, one for each thread that is in one
 * of them, and the calls into these states. */
#include "lua/binding/defined.h"

#include "tensor/tape/graph.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLICE = 100000,      /* instructions between two looks at the interrupt */
    MOST_SLICES = 300,   /* of one call: less than a second */
    MOST_LINES = 1000000 /* before a function in its file */
};
static const size_t most_bytes = (size_t)64 << 20; /* of one state */

/* ---- a state --------------------------------------------------------------------------------- */

static void *allocate(void *data, void *old, size_t old_size, size_t size)
{
    struct sw_lua_worker *worker = data;
    size_t before = old ? old_size : 0;
    if (size == 0) {
        free(old);
        worker->bytes -= before;
        return NULL;
    }
    if (size > before && size - before > most_bytes - worker->bytes)
        return NULL;
    void *room = realloc(old, size);
    if (room)
        worker->bytes = worker->bytes - before + size;
    return room;
}

static void on_slice(lua_State *L, lua_Debug *at)
{
    struct sw_lua_worker *worker = sw_lua_worker_of(L);
    (void)at;
    worker->interrupted = sw_lua_interrupted() != 0;
    if (!worker->interrupted && ++worker->slices < MOST_SLICES)
        return;
    luaL_where(L, 0); /* a hook has no level of its own */
    if (worker->interrupted)
        lua_pushliteral(L, "interrupted");
    else
        lua_pushfstring(L, "it runs too long: %d million instructions in one call",
                        SLICE / 1000 * MOST_SLICES / 1000);
    lua_concat(L, 2);
    lua_error(L);
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "'%s' cannot be set: %s are read-only, and nothing is kept between calls",
                      luaL_tolstring(L, 2, NULL), lua_tostring(L, lua_upvalueindex(1)));
}

static int refuse_global(lua_State *L)
{
    return luaL_error(L, "no variable '%s' in the functions of a definition",
                      luaL_tolstring(L, 2, NULL));
}

void sw_lua_make_read_only(lua_State *L, const char *what)
{
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_rotate(L, -3, -1); /* view, metatable, table */
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, what);
    lua_pushcclosure(L, refuse_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

/* What the functions see besides their arguments: nothing that could keep a value, look outside or
 * depend on a state's own addresses, as the order of pairs does. */
static void open_environment(lua_State *L)
{
    static const char *const functions[] = {"assert", "error",    "ipairs",   "select",
                                            "type",   "tonumber", "tostring", NULL};
    static const struct {
        const char *name;
        lua_CFunction open;
        const char *without[3];
    } libraries[] = {{"math", luaopen_math, {"random", "randomseed", NULL}},
                     {"string", luaopen_string, {"dump", NULL}},
                     {"table", luaopen_table, {NULL}}};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    lua_newtable(L);
    for (int i = 0; functions[i]; i++) {
        lua_getfield(L, -2, functions[i]);
        lua_setfield(L, -2, functions[i]);
    }
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].open, 0);
        for (int w = 0; libraries[i].without[w]; w++) {
            lua_pushnil(L);
            lua_setfield(L, -2, libraries[i].without[w]);
        }
        sw_lua_make_read_only(L, "libraries");
        lua_setfield(L, -2, libraries[i].name);
    }
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "global variables");
    lua_pushcclosure(L, refuse_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); /* what chunks have as _ENV */
    lua_settop(L, 0);
}

/* Compiles one function, whose text is a chunk that returns it. Its lines are those of its file.
 * The functions before it are the chunk's argument, a list. */
static void load_function(lua_State *L, const json_t *function, int list)
{
    const struct sw_definition *of = sw_lua_worker_of(L)->of;
    const char *text = json_string_value(json_object_get(function, "text"));
    const char *name = json_string_value(json_object_get(function, "name"));
    json_int_t line = json_integer_value(json_object_get(function, "line"));
    luaL_Buffer chunk;
    if (!text || !name || line < 0 || line > MOST_LINES)
        luaL_error(L, "a function without a text, a name or its line");
    luaL_buffinit(L, &chunk);
    while (line-- > 1)
        luaL_addchar(&chunk, '\n');
    luaL_addstring(&chunk, text);
    luaL_pushresult(&chunk);
    size_t size;
    const char *all = lua_tolstring(L, -1, &size);
    lua_pushfstring(L, "@%s", of->file);
    if (luaL_loadbufferx(L, all, size, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, list);
    lua_call(L, 1, 1);
    if (!lua_isfunction(L, -1))
        luaL_error(L, "%s: expected a function", name);
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_FUNCTIONS);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_settop(L, list);
}

static int open_state(lua_State *L)
{
    const json_t *functions = json_object_get(sw_lua_worker_of(L)->of->json, "functions");
    open_environment(L);
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, SW_LUA_FUNCTIONS);
    sw_lua_open_verbs(L);
    lua_settop(L, 0);
    lua_newtable(L);
    for (size_t i = 0; i < json_array_size(functions); i++)
        load_function(L, json_array_get(functions, i), 1);
    return 0;
}

/* What a protected call that ended with `result` raised, which may be any value; pops it. */
static void fail_with(lua_State *L, int result, struct sw_error *error, int status)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (result == LUA_ERRMEM)
        sw_fail(error, status, "its Lua state takes more than %zu MB", most_bytes >> 20);
    else
        sw_fail(error, status, "%s", text ? text : "it raised an error that is not text");
    lua_pop(L, 1);
}

void sw_lua_free_worker(struct sw_lua_worker *worker)
{
    if (worker && worker->L)
        lua_close(worker->L);
    free(worker);
}

static struct sw_lua_worker *new_worker(struct sw_definition *of, struct sw_error *error)
{
    struct sw_lua_worker *worker = calloc(1, sizeof *worker);
    lua_State *L = worker ? lua_newstate(allocate, worker) : NULL;
    if (!L) {
        free(worker);
        sw_fail(error, SW_FAILED, "out of memory for a Lua state");
        return NULL;
    }
    worker->L = L;
    worker->of = of;
    *(struct sw_lua_worker **)lua_getextraspace(L) = worker;
    lua_sethook(L, on_slice, LUA_MASKCOUNT, SLICE);
    lua_pushcfunction(L, open_state);
    int result = lua_pcall(L, 0, 0, 0);
    if (result == LUA_OK)
        return worker;
    fail_with(L, result, error, SW_MISUSE);
    sw_lua_free_worker(worker);
    return NULL;
}

/* ---- those of a definition ------------------------------------------------------------------- */

static struct sw_lua_worker *take(struct sw_definition *of, struct sw_error *error)
{
    for (int i = 0; i < SW_MOST_LUA_WORKERS; i++) {
        struct sw_lua_worker *worker = atomic_exchange(&of->idle[i], NULL);
        if (worker)
            return worker;
    }
    return new_worker(of, error);
}

static void give_back(struct sw_definition *of, struct sw_lua_worker *worker)
{
    for (int i = 0; i < SW_MOST_LUA_WORKERS; i++) {
        struct sw_lua_worker *none = NULL;
        if (atomic_compare_exchange_strong(&of->idle[i], &none, worker))
            return;
    }
    sw_lua_free_worker(worker);
}

int sw_lua_try_definition(struct sw_definition *definition, struct sw_error *error)
{
    struct sw_lua_worker *worker = take(definition, error);
    if (worker)
        give_back(definition, worker);
    return error->status;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void push_value(lua_State *L, const struct sw_option *option, const struct sw_value *value)
{
    if (option->kind == SW_SWITCH)
        lua_pushboolean(L, value->number != 0);
    else if (option->kind == SW_CHOICE || option->kind == SW_FUSION)
        lua_pushstring(L, value->text);
    else if (option->kind == SW_INTEGER)
        lua_pushinteger(L, (lua_Integer)value->number);
    else
        lua_pushnumber(L, value->number);
}

/* Pushes the options of the call's use. */
static void push_options(lua_State *L, struct sw_lua_worker *worker)
{
    const struct sw_defined_use *use = worker->call->use;
    if (worker->options_of != use->serial) {
        const struct sw_option *options = worker->of->options;
        lua_newtable(L);
        for (int i = 0; options[i].name; i++) {
            push_value(L, &options[i], &use->values[i]);
            lua_setfield(L, -2, options[i].name);
        }
        sw_lua_make_read_only(L, "options");
        lua_rawseti(L, LUA_REGISTRYINDEX, SW_LUA_OPTIONS);
        worker->options_of = use->serial;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_OPTIONS);
}

static void push_prepared(lua_State *L, struct sw_lua_worker *worker)
{
    const struct sw_defined_prepared *p = worker->call->prepared;
    if (worker->prepared_of != p->serial) {
        lua_newtable(L);
        for (int i = 0; i < p->count; i++) {
            const struct sw_kept *kept = &p->kept[i];
            if (kept->kind == SW_LUA_NUMBER) {
                lua_pushnumber(L, kept->number);
            } else {
                sw_lua_push_handle(L, kept->kind, NULL);
                ((struct sw_lua_handle *)lua_touserdata(L, -1))->at = kept->at;
            }
            lua_setfield(L, -2, kept->name);
        }
        sw_lua_make_read_only(L, "what prepare returned");
        lua_rawseti(L, LUA_REGISTRYINDEX, SW_LUA_PREPARED);
        worker->prepared_of = p->serial;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_PREPARED);
}

/* ---- results --------------------------------------------------------------------------------- */

static const char *const function_names[] = {"prepare", "score", "fuse", "encode", "pool", "loss"};

/* Raises a message that begins with where the function on the stack at `index` is written. */
static int fail_at(lua_State *L, int index, const char *format, const char *found)
{
    lua_Debug at;
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &at);
    lua_pushfstring(L, "%s:%d: ", at.short_src, at.linedefined);
    lua_pushfstring(L, format, function_names[sw_lua_worker_of(L)->call->function], found);
    lua_concat(L, 2);
    return lua_error(L);
}

/* Text of a shape on the stack. */
static const char *shape_text(lua_State *L, const struct sw_tensor *x)
{
    lua_pushliteral(L, "(");
    for (int d = 0; d < x->ndim; d++)
        lua_pushfstring(L, d ? ",%d" : "%d", x->dim[d]);
    lua_pushliteral(L, ")");
    lua_concat(L, x->ndim + 2);
    return lua_tostring(L, -1);
}

static const char *found_text(lua_State *L, int index)
{
    struct sw_lua_handle *handle = lua_touserdata(L, index);
    return handle ? sw_lua_kind_name(handle->kind) : luaL_typename(L, index);
}

/* expected: "(1,1,16), one score per pair" */
static void refuse_tensor(lua_State *L, const char *expected)
{
    struct sw_lua_handle *handle = lua_touserdata(L, -1);
    const char *found = handle && handle->kind == SW_LUA_TENSOR ? shape_text(L, handle->pointer)
                                                                : found_text(L, -1);
    lua_pushfstring(L, "%%s: expected it to return a tensor %s, found %%s", expected);
    fail_at(L, 1, lua_tostring(L, -1), found);
}

static void take_tensor(lua_State *L, struct sw_lua_call *call, size_t count, const char *expected)
{
    struct sw_lua_handle *handle = lua_touserdata(L, -1);
    if (!handle || handle->kind != SW_LUA_TENSOR || sw_tensor_count(handle->pointer) != count)
        refuse_tensor(L, expected);
    call->out = handle->pointer;
}

/* width 0: any */
static void take_rows(lua_State *L, struct sw_lua_call *call, int rows, int width,
                      const char *expected)
{
    struct sw_lua_handle *handle = lua_touserdata(L, -1);
    const struct sw_tensor *x = handle && handle->kind == SW_LUA_TENSOR ? handle->pointer : NULL;
    if (!x || x->ndim != 2 || x->dim[0] != rows || (width && x->dim[1] != width))
        refuse_tensor(L, expected);
    call->out = handle->pointer;
}

static void take_vectors(lua_State *L, struct sw_lua_call *call)
{
    struct sw_lua_handle *handle = lua_touserdata(L, -1);
    if (!handle || handle->kind != SW_LUA_VECTORS)
        fail_at(L, 1, "%s: expected it to return pair vectors, found %s", found_text(L, -1));
    call->out = handle->pointer;
}

/* A table of handles and numbers, or nothing. */
static void take_prepared(lua_State *L, struct sw_defined_prepared *p)
{
    if (lua_isnil(L, -1))
        return;
    if (lua_type(L, -1) != LUA_TTABLE)
        fail_at(L, 1, "%s: expected it to return a table of inputs by name, found %s",
                found_text(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_rawlen(L, -2) >= sizeof p->kept->name)
            fail_at(L, 1, "%s: expected names of 1 to 31 letters in the table it returns%s", "");
        if (p->count == SW_MOST_KEPT)
            fail_at(L, 1, "%s: it returns more than 32 values%s", "");
        struct sw_kept *kept = &p->kept[p->count++];
        struct sw_lua_handle *handle = lua_touserdata(L, -1);
        int is_number = lua_type(L, -1) == LUA_TNUMBER;
        strcpy(kept->name, lua_tostring(L, -2));
        if (!is_number && (!handle || handle->kind < SW_LUA_INPUT))
            fail_at(L, 1,
                    "%s: expected inputs, functionals, maps and numbers in the table it "
                    "returns, found %s",
                    found_text(L, -1));
        kept->kind = is_number ? SW_LUA_NUMBER : handle->kind;
        kept->number = lua_tonumber(L, -1);
        kept->at = is_number ? 0 : handle->at;
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Pushes the arguments; how many. prepare(b, o), score(t, o, p), fuse(t, side, own, attended, o,
 * p), encode(e, x, o), pool(e, x, o), loss(b, o) */
static int push_arguments(lua_State *L, struct sw_lua_worker *worker)
{
    const struct sw_lua_call *call = worker->call;
    int before = lua_gettop(L);
    if (call->tile)
        sw_lua_show_tile(L, call->tile);
    else if (call->batch)
        sw_lua_show_batch(L, call->batch);
    else if (call->encode)
        sw_lua_show_encode(L, call->encode);
    else
        sw_lua_show_loss_batch(L, call->loss_batch);
    if (call->function == SW_LUA_FUSE) {
        lua_pushstring(L, call->side == SW_REGIONS ? "regions" : "words");
        sw_lua_push_handle(L, SW_LUA_VECTORS, call->own);
        sw_lua_push_handle(L, SW_LUA_VECTORS, call->attended);
    }
    if (call->encode)
        sw_lua_push_handle(L, SW_LUA_TENSOR, call->x);
    push_options(L, worker);
    if (call->tile)
        push_prepared(L, worker);
    return lua_gettop(L) - before;
}

static int run(lua_State *L)
{
    struct sw_lua_worker *worker = sw_lua_worker_of(L);
    struct sw_lua_call *call = worker->call;
    const char *name = function_names[call->function];
    lua_rawgeti(L, LUA_REGISTRYINDEX, SW_LUA_FUNCTIONS);
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION)
        return call->batch ? 0 : luaL_error(L, "it has no function '%s'", name);
    lua_replace(L, 1); /* where it stands for fail_at */
    lua_pushvalue(L, 1);
    lua_call(L, push_arguments(L, worker), 1);
    switch (call->function) {
    case SW_LUA_PREPARE:
        take_prepared(L, call->prepared);
        break;
    case SW_LUA_SCORE:
        take_tensor(L, call, SW_LANES, "(1,1,16), one score per pair");
        break;
    case SW_LUA_FUSE:
        take_vectors(L, call);
        break;
    case SW_LUA_BLOCK:
        lua_pushfstring(L, "(%d,%d), one row per fragment", call->x->dim[0], call->use->width);
        lua_insert(L, -2);
        take_rows(L, call, call->x->dim[0], call->use->width, lua_tostring(L, -2));
        break;
    case SW_LUA_POOL: {
        const struct sw_encode *e = call->encode;
        int blocks = (e->fragments->groups + SW_LANES - 1) / SW_LANES;
        take_rows(L, call, e->side == SW_REGIONS ? blocks * SW_LANES : e->fragments->groups, 0,
                  "(G,P), one row per image or caption");
        break;
    }
    case SW_LUA_LOSS:
        take_tensor(L, call, 1, "(1), the sum over the batch");
        break;
    }
    return 0;
}

void sw_lua_call_defined(struct sw_lua_call *call)
{
    struct sw_error *error = sw_graph_error(call->graph);
    if (error->status != SW_OK || !call->use->of)
        return;
    struct sw_lua_worker *worker = take(call->use->of, error);
    if (!worker)
        return;
    lua_State *L = worker->L;
    worker->call = call;
    worker->used[0] = worker->used[1] = 0;
    worker->slices = worker->interrupted = 0;
    lua_pushcfunction(L, run);
    int result = lua_pcall(L, 0, 0, 0);
    if (result != LUA_OK) {
        int status = worker->interrupted ? SW_INTERRUPTED
                     : error->status     ? error->status
                                         : SW_FAILED;
        *error = (struct sw_error){.status = SW_OK}; /* the message has its words, and the line */
        fail_with(L, result, error, status);
        call->out = NULL;
    }
    worker->call = NULL;
    give_back(call->use->of, worker);
}
