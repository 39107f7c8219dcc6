/* lua_tensor_ops.c -- operations on tensors from Lua, their gradients, and optimisers. The tape is
 * made of the tensors themselves: each holds what it came from. */
#include "lua/binding/tensor.h"

#include "plugin/plugins.h"
#include "tensor/kernels/kernels.h"
#include "train/optimiser.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- index structures, behind args.p --------------------------------------------------------- */

#define STRUCTURE "stepwise.structure"

enum kind { IDS = 1, GROUPS, PAIRS };

struct structure {
    enum kind kind;
    union {
        struct sw_word_ids ids;
        struct sw_fragments groups;
        struct sw_pair_images pairs;
    } of;
    int32_t number[]; /* ids, images, or counts and then first rows */
};

/* Which operations read a structure, and of which kind. */
static const struct {
    const char *op;
    enum kind kind;
} readers[] = {
    {"embedding", IDS},        {"hinge", PAIRS},          {"bigru", GROUPS},
    {"gru", GROUPS},           {"gram", GROUPS},          {"batch_norm", GROUPS},
    {"row_moments", GROUPS},   {"group_mean", GROUPS},    {"group_max", GROUPS},
    {"group_last", GROUPS},    {"group_mix", GROUPS},     {"group_attention", GROUPS},
    {"group_windows", GROUPS}, {"group_softmax", GROUPS}, {"group_sort", GROUPS},
    {"group_dots", GROUPS},
};

static enum kind kind_of(const char *op)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(readers[i].op, op) == 0)
            return readers[i].kind;
    return 0;
}

static int reads_structure(const struct sw_op *op)
{
    for (int i = 0; i < op->sample_count; i++)
        if (op->samples[i].args.p)
            return 1;
    return 0;
}

static void lay_out_groups(struct structure *s, int count)
{
    int32_t *counts = s->number, *first = s->number + count;
    s->of.groups =
        (struct sw_fragments){.groups = count, .stride = 1, .first = first, .count = counts};
    for (int g = 0; g < count; g++) {
        first[g] = s->of.groups.rows;
        s->of.groups.rows += counts[g];
        if (counts[g] > s->of.groups.most)
            s->of.groups.most = counts[g];
    }
}

/* tensor_structure(kind, list): what an operation takes beside its tensors; kind "ids": word ids;
 * "groups": the rows of each group, end to end; "pairs": the image of each pair. Numbers from 0. */
static int new_structure(lua_State *L)
{
    static const char *const kinds[] = {"ids", "groups", "pairs", NULL};
    enum { MOST = 1 << 24 };
    enum kind kind = (enum kind)(luaL_checkoption(L, 1, NULL, kinds) + IDS);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, 2);
    luaL_argcheck(L, count >= 1 && count <= MOST, 2, "expected 1 to 2^24 numbers");
    struct structure *s =
        lua_newuserdatauv(L, sizeof *s + 2 * (size_t)count * sizeof *s->number, 0);
    lua_Integer rows = 0;
    s->kind = kind;
    for (lua_Unsigned i = 0; i < count; i++) {
        int whole;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        lua_Integer number = lua_tointegerx(L, -1, &whole);
        if (!whole || number < 0 || number > INT_MAX)
            return sw_lua_fail(L, SW_MISUSE, "%s: expected whole numbers from 0, found %s",
                               kinds[kind - IDS], luaL_tolstring(L, -1, NULL));
        s->number[i] = (int32_t)number;
        rows += number;
        lua_pop(L, 1);
    }
    luaL_argcheck(L, kind != GROUPS || rows <= INT_MAX, 2, "too many rows");
    if (kind == IDS)
        s->of.ids = (struct sw_word_ids){(int)count, s->number};
    else if (kind == PAIRS)
        s->of.pairs = (struct sw_pair_images){(int)count, s->number};
    else
        lay_out_groups(s, (int)count);
    luaL_setmetatable(L, STRUCTURE);
    return 1;
}

/* ---- a call ---------------------------------------------------------------------------------- */

/* The number list `name` of the table at `index` into out[4]. */
static void read_numbers(lua_State *L, int index, const char *name, double out[4])
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        sw_lua_fail(L, SW_MISUSE, "%s: expected a list of numbers, found %s", name,
                    lua_typename(L, type));
    lua_Unsigned count = type == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
    if (count > 4)
        sw_lua_fail(L, SW_MISUSE, "%s: expected at most 4 numbers, found %d", name, (int)count);
    for (int i = 0; i < (int)count; i++) {
        int is_number;
        lua_rawgeti(L, -1, i + 1);
        out[i] = lua_tonumberx(L, -1, &is_number);
        if (!is_number)
            sw_lua_fail(L, SW_MISUSE, "%s: expected numbers, found %s", name, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* {i = {..}, f = {..}, p = structure} at `index`; p stays on the stack, or nil. */
static struct sw_args args_at(lua_State *L, int index, const struct sw_op *op)
{
    struct sw_args args = {0};
    double i[4] = {0}, f[4] = {0};
    int has_table = lua_istable(L, index);
    if (has_table) {
        read_numbers(L, index, "i", i);
        read_numbers(L, index, "f", f);
    }
    for (int n = 0; n < 4; n++) {
        if (!(i[n] >= INT_MIN && i[n] <= INT_MAX) || i[n] != (int)i[n])
            sw_lua_fail(L, SW_MISUSE, "%s: i: expected whole numbers", op->name);
        args.i[n] = (int)i[n];
        args.f[n] = (float)f[n];
    }
    if (!has_table || lua_getfield(L, index, "p") == LUA_TNIL) {
        lua_settop(L, lua_gettop(L) + !has_table);
        return args;
    }
    const struct structure *s = luaL_testudata(L, -1, STRUCTURE);
    if (!s || s->kind != kind_of(op->name))
        sw_lua_fail(L, SW_MISUSE, "%s: p: expected %s", op->name,
                    kind_of(op->name) ? "another structure" : "none");
    args.p = &s->of;
    return args;
}

static const struct sw_op *op_at(lua_State *L, const struct sw_session *session, const char *name)
{
    const struct sw_op *op = sw_ops_find(session->ops, name);
    if (!op)
        sw_lua_fail(L, SW_MISUSE, "no operation '%s'", name);
    if (reads_structure(op) && !kind_of(name))
        sw_lua_fail(L, SW_MISUSE, "%s: takes a structure that is not made in Lua", name);
    return op;
}

/* tensor_apply(session, op, args|nil, record, tensors..): the operation of that name; record:
 * whether the result takes a gradient where an input does. */
static int apply(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_tensor *in[SW_LUA_MOST_INPUTS];
    const struct sw_session *session = sw_lua_session_at(L, 1)->session;
    const struct sw_op *op = op_at(L, session, luaL_checkstring(L, 2));
    int record = lua_toboolean(L, 4), inputs = lua_gettop(L) - 4, dim[SW_MAX_DIM] = {0}, wanted = 0;
    luaL_argcheck(L, inputs >= 0 && inputs <= SW_LUA_MOST_INPUTS, 5, "at most 10 tensors");
    for (int i = 0; i < inputs; i++) {
        in[i] = &sw_lua_tensor_at(L, 5 + i)->x;
        wanted = wanted || in[i]->grad;
    }
    luaL_checkstack(L, 12, NULL);
    struct sw_args args = args_at(L, 3, op);
    int structure = lua_gettop(L);
    struct sw_call call = {.host = sw_host_table(),
                           .compute = session->compute,
                           .in = in,
                           .inputs = inputs,
                           .args = &args};
    int ndim = sw_op_result(op, &call, dim, &error);
    if (ndim < 0)
        return sw_lua_raise(L, &error);
    int with_gradient = record && op->backward && wanted;
    float marker; /* what saved_size looks at: whether there will be a gradient */
    struct sw_tensor sized = {.ndim = ndim, .grad = with_gradient ? &marker : NULL};
    memcpy(sized.dim, dim, sizeof dim);
    call.out = &sized;
    size_t saved = op->saved_size ? op->saved_size(&call) : 0;
    struct sw_lua_tensor *out = sw_lua_new_tensor(L, ndim, dim, with_gradient, saved);
    call.out = &out->x;
    call.saved = out->saved;
    op->forward(&call);
    if (!with_gradient)
        return 1;
    out->op = op;
    out->args = args;
    out->inputs = inputs;
    lua_createtable(L, inputs, 0);
    for (int i = 0; i < inputs; i++) {
        out->seen[i] = ((struct sw_lua_tensor *)lua_touserdata(L, 5 + i))->base->version;
        lua_pushvalue(L, 5 + i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, -2, SW_LUA_INPUTS);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SW_LUA_SESSION_OF);
    lua_pushvalue(L, structure);
    lua_setiuservalue(L, -2, SW_LUA_STRUCTURE);
    return 1;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* tensor:sources(): what its gradient goes on to: a list of tensors, nil of a leaf; and whether it
 * shares its gradient with that tensor */
static int sources(lua_State *L)
{
    const struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    if (tensor->op)
        lua_getiuservalue(L, 1, SW_LUA_INPUTS);
    else if (tensor->of_batch)
        lua_newtable(L);
    else if (tensor->is_view) {
        lua_createtable(L, 1, 0);
        lua_getiuservalue(L, 1, SW_LUA_OWNER);
        lua_rawseti(L, -2, 1);
    } else
        return 0;
    lua_pushboolean(L, !tensor->op && tensor->is_view);
    return 2;
}

/* tensor:clear_gradient(): it is zero again */
static int clear_gradient(lua_State *L)
{
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    if (x->grad)
        memset(x->grad, 0, sw_tensor_count(x) * sizeof(float));
    return 0;
}

/* tensor:seed_gradient(tensor|number): its gradient becomes this */
static int seed_gradient(lua_State *L)
{
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    size_t has = sw_tensor_count(x);
    if (!x->grad)
        return sw_lua_fail(L, SW_MISUSE,
                           "backward: nothing that it was computed from takes a "
                           "gradient");
    if (lua_isnumber(L, 2)) {
        for (size_t i = 0; i < has; i++)
            x->grad[i] = (float)lua_tonumber(L, 2);
        return 0;
    }
    const struct sw_tensor *seed = &sw_lua_tensor_at(L, 2)->x;
    if (sw_tensor_count(seed) != has)
        return sw_lua_fail(L, SW_MISUSE, "backward: expected a gradient of %d numbers, found %d",
                           (int)has, (int)sw_tensor_count(seed));
    memmove(x->grad, seed->data, has * sizeof(float));
    return 0;
}

/* tensor:step_back(): adds to the gradients of its sources. */
static int step_back(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    struct sw_tensor *in[SW_LUA_MOST_INPUTS];
    if (tensor->of_batch)
        sw_lua_model_backward(L, tensor);
    if (!tensor->op)
        return 0;
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, SW_LUA_SESSION_OF);
    const struct sw_session *session = sw_lua_session_at(L, 2)->session;
    lua_getiuservalue(L, 1, SW_LUA_INPUTS);
    for (int i = 0; i < tensor->inputs; i++) {
        lua_rawgeti(L, 3, i + 1);
        struct sw_lua_tensor *input = sw_lua_tensor_at(L, -1);
        if (input->base->version != tensor->seen[i])
            return sw_lua_fail(L, SW_MISUSE,
                               "backward: input %d of %s was written to after it was computed",
                               i + 1, tensor->op->name);
        in[i] = &input->x;
        lua_pop(L, 1);
    }
    const struct sw_call call = {.host = sw_host_table(),
                                 .compute = session->compute,
                                 .in = in,
                                 .inputs = tensor->inputs,
                                 .out = &tensor->x,
                                 .args = &tensor->args,
                                 .saved = tensor->saved};
    tensor->op->backward(&call);
    return 0;
}

/* ---- updates --------------------------------------------------------------------------------- */

/* tensor:add_scaled(session, scale, other): adds scale * other, in place */
static int add_scaled(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    const struct sw_session *session = sw_lua_session_at(L, 2)->session;
    float scale = (float)luaL_checknumber(L, 3);
    const struct sw_tensor *other = &sw_lua_tensor_at(L, 4)->x;
    size_t has = sw_tensor_count(&tensor->x), found = sw_tensor_count(other);
    if (has != found)
        return sw_lua_fail(L, SW_MISUSE, "expected %d numbers, found %d", (int)has, (int)found);
    sw_compute_kernels(session->compute)->axpy(has, scale, other->data, tensor->x.data);
    tensor->base->version++;
    return 0;
}

#define ADAM "stepwise.adam"

/* Moments of all numbers, and where those are not one range, room to join them. */
struct adam {
    struct sw_adam adam;
    float *moments, *joined; /* (2,count) each; joined: values, then gradients; NULL for a model */
};

static int free_adam(lua_State *L)
{
    struct adam *adam = luaL_checkudata(L, 1, ADAM);
    free(adam->moments);
    free(adam->joined);
    adam->moments = adam->joined = NULL;
    return 0;
}

static struct sw_lua_tensor *parameter_at(lua_State *L, int list, int i)
{
    lua_rawgeti(L, list, i);
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, -1);
    if (!tensor->x.grad)
        sw_lua_fail(L, SW_MISUSE, "parameter %d takes no gradient", i);
    lua_pop(L, 1); /* the list keeps it */
    return tensor;
}

/* tensor_adam(model|list): Adam over a model's trained parameters, or over a list of tensors that
 * take a gradient */
static int new_adam(lua_State *L)
{
    float *values, *gradients;
    size_t count = 0;
    struct sw_model *model = sw_lua_model_of(L, 1);
    if (model)
        sw_model_trained(model, &values, &gradients, &count);
    else {
        luaL_checktype(L, 1, LUA_TTABLE);
        for (int i = 1; i <= (int)lua_rawlen(L, 1); i++)
            count += sw_tensor_count(&parameter_at(L, 1, i)->x);
    }
    struct adam *adam = lua_newuserdatauv(L, sizeof *adam, 1);
    *adam = (struct adam){0};
    luaL_setmetatable(L, ADAM);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    adam->moments = calloc(2 * count + 1, sizeof(float));
    adam->joined = model ? NULL : calloc(2 * count + 1, sizeof(float));
    if (!adam->moments || (!model && !adam->joined))
        return sw_lua_fail(L, SW_FAILED, "out of memory for the moments of %d numbers", (int)count);
    adam->adam = sw_adam_new(adam->moments, adam->moments + count, count, 0);
    return 1;
}

/* Copies values and gradients of the list at `list` into one range each, or the values back. */
static void join(lua_State *L, int list, const struct adam *adam, int back)
{
    float *values = adam->joined, *gradients = adam->joined + adam->adam.count;
    size_t at = 0;
    for (int i = 1; i <= (int)lua_rawlen(L, list); i++) {
        struct sw_lua_tensor *one = parameter_at(L, list, i);
        size_t count = sw_tensor_count(&one->x);
        if (count > adam->adam.count - at)
            sw_lua_fail(L, SW_MISUSE, "the list of parameters has changed");
        if (back) {
            memcpy(one->x.data, values + at, count * sizeof(float));
            one->base->version++;
        } else {
            memcpy(values + at, one->x.data, count * sizeof(float));
            memcpy(gradients + at, one->x.grad, count * sizeof(float));
        }
        at += count;
    }
    if (at != adam->adam.count)
        sw_lua_fail(L, SW_MISUSE, "the list of parameters has changed");
}

/* adam:step(session, rate [, clip]): one update; the gradient's norm before clipping, which 0 and
 * nil leave out */
static int adam_step(lua_State *L)
{
    struct sw_error error = {0};
    struct adam *adam = luaL_checkudata(L, 1, ADAM);
    const struct sw_session *session = sw_lua_session_at(L, 2)->session;
    double rate = luaL_checknumber(L, 3), clip = luaL_optnumber(L, 4, 0), norm = 0;
    lua_settop(L, 4);
    lua_getiuservalue(L, 1, 1);
    struct sw_model *model = sw_lua_model_of(L, 5);
    float *values = adam->joined, *gradients = adam->joined + (model ? 0 : adam->adam.count);
    if (model) {
        size_t count;
        sw_model_trained(model, &values, &gradients, &count);
    } else
        join(L, 5, adam, 0);
    if (sw_adam_update(session->compute, &adam->adam, values, gradients, rate, clip, &norm,
                       &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (model)
        sw_lua_model_commit(L, 5);
    else
        join(L, 5, adam, 1);
    lua_pushnumber(L, norm);
    return 1;
}

/* adam:clear(): all gradients are zero again */
static int adam_clear(lua_State *L)
{
    float *values, *gradients;
    size_t count;
    luaL_checkudata(L, 1, ADAM);
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, 1);
    struct sw_model *model = sw_lua_model_of(L, 2);
    if (model) {
        sw_model_trained(model, &values, &gradients, &count);
        memset(gradients, 0, count * sizeof(float));
        return 0;
    }
    for (int i = 1; i <= (int)lua_rawlen(L, 2); i++) {
        struct sw_tensor *x = &parameter_at(L, 2, i)->x;
        memset(x->grad, 0, sw_tensor_count(x) * sizeof(float));
    }
    return 0;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

void sw_lua_open_tensor_ops(lua_State *L)
{
    static const luaL_Reg functions[] = {{"tensor_apply", apply},
                                         {"tensor_structure", new_structure},
                                         {"tensor_adam", new_adam},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"sources", sources},
                                       {"clear_gradient", clear_gradient},
                                       {"seed_gradient", seed_gradient},
                                       {"step_back", step_back},
                                       {"add_scaled", add_scaled},
                                       {NULL, NULL}};
    static const luaL_Reg of_adam[] = {{"step", adam_step}, {"clear", adam_clear}, {NULL, NULL}};
    static const luaL_Reg of_structure[] = {{NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_add_methods(L, SW_LUA_TENSOR, methods);
    sw_lua_class(L, ADAM, of_adam, free_adam);
    sw_lua_class(L, STRUCTURE, of_structure, nothing);
}
