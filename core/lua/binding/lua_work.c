/* lua_work.c -- inspection and gradients, methods of a session; and metrics as a table. */
#include "lua/binding/lua_session.h"

#include "lua/binding/results.h"
#include "train/checkpoint.h"
#include "train/inspect.h"

#include <stdlib.h>

void sw_lua_push_metrics(lua_State *L, const struct sw_metrics *m)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"i2t_r1", m->i2t_r1},       {"i2t_r5", m->i2t_r5},       {"i2t_r10", m->i2t_r10},
        {"i2t_medr", m->i2t_medr},   {"i2t_meanr", m->i2t_meanr}, {"t2i_r1", m->t2i_r1},
        {"t2i_r5", m->t2i_r5},       {"t2i_r10", m->t2i_r10},     {"t2i_medr", m->t2i_medr},
        {"t2i_meanr", m->t2i_meanr}, {"rsum", m->rsum},
    };
    const struct {
        const char *name;
        size_t value;
    } counts[] = {{"i2t_ties", m->i2t_ties},
                  {"t2i_ties", m->t2i_ties},
                  {"images", m->images},
                  {"captions", m->captions},
                  {"folds", m->folds}};
    lua_createtable(L, 0, 16);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        lua_pushnumber(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        lua_pushinteger(L, (lua_Integer)counts[i].value);
        lua_setfield(L, -2, counts[i].name);
    }
}

static void release_matcher(void *value)
{
    sw_matcher_free(value);
}

/* {features =, vocabulary =, parameters = {{name =, shape = {..}, count =, trained =}..}} */
static int push_model(lua_State *L, struct sw_lua_box *box)
{
    const struct sw_model *model = ((const struct sw_matcher *)box->value)->model;
    const struct sw_model_plan *plan = sw_model_plan_of(model);
    lua_createtable(L, 0, 11);
    sw_lua_set_integer(L, "features", plan->features);
    sw_lua_set_integer(L, "vocabulary", plan->vocabulary);
    lua_createtable(L, sw_model_parameters(model), 0);
    for (int i = 0; i < sw_model_parameters(model); i++) {
        const struct sw_parameter *parameter = sw_model_parameter(model, i);
        const struct sw_tensor *t = parameter->tensor;
        lua_createtable(L, 0, 4);
        sw_lua_set_text(L, "name", parameter->name);
        lua_createtable(L, t->ndim, 0);
        for (int d = 0; d < t->ndim; d++) {
            lua_pushinteger(L, t->dim[d]);
            lua_rawseti(L, -2, d + 1);
        }
        lua_setfield(L, -2, "shape");
        sw_lua_set_integer(L, "count", (lua_Integer)sw_tensor_count(t));
        sw_lua_set_switch(L, "trained", t->grad != NULL);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "parameters");
    sw_lua_box_empty(box);
    return 1;
}

/* model_of(session, config, features, vocabulary): the sizes and parameters of its model. */
static int model_of(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_matcher *matcher;
    const struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_Integer features = luaL_checkinteger(L, 3), vocabulary = luaL_checkinteger(L, 4);
    luaL_argcheck(L, features > 0 && features < 1 << 24, 3, "out of range");
    luaL_argcheck(L, vocabulary > 0 && vocabulary < 1 << 28, 4, "out of range");
    const json_t *config = sw_lua_config_json(L, 2);
    struct sw_lua_box *box = sw_lua_box(L, release_matcher);
    struct sw_matcher_inputs inputs = {
        .features = (int)features, .vocabulary = (int)vocabulary, .values_follow = 1};
    if (sw_matcher_new(&matcher, session->session, config, &inputs, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    box->value = matcher;
    return push_model(L, box);
}

/* model_of_checkpoint(session, path, config): the same of a checkpoint and its config. */
static int model_of_checkpoint(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_matcher *matcher;
    const struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const char *path = luaL_checkstring(L, 2);
    const json_t *config = sw_lua_config_json(L, 3);
    struct sw_lua_box *box = sw_lua_box(L, release_matcher);
    if (sw_checkpoint_load(&matcher, session->session, path, config, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    box->value = matcher;
    return push_model(L, box);
}

/* checkpoint_text(path): the config that a checkpoint holds, as it stands there. */
static int checkpoint_text(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    struct sw_lua_box *box = sw_lua_box(L, free);
    char *text;
    if (sw_checkpoint_config(path, &text, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    box->value = text;
    lua_pushstring(L, text);
    sw_lua_box_empty(box);
    return 1;
}

/* session:needs_glove(config): whether its embedding starts from a GloVe file. */
static int needs_glove(lua_State *L)
{
    int needs = 0;
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const json_t *config = sw_lua_config_json(L, 2);
    if (sw_matcher_needs_glove(session->session, config, &needs, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushboolean(L, needs);
    return 1;
}

/* session:try(config): raises what is wrong with the order of its stages, else gives whether the
 * trial came to its end (train/inspect.h). For a session of one thread. */
static int try(lua_State *L)
{
    int ran = 0;
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const json_t *config = sw_lua_config_json(L, 2);
    if (sw_inspect_composition(session->session, config, &ran, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushboolean(L, ran);
    return 1;
}

/* session:gradients{checkpoint =, data =, split =, vocab =, batch =, out =}: the summed loss on the
 * first `batch` images, each with its first caption; the gradient of every trained parameter goes
 * to the safetensors file `out`. (sessions.lua adds config =.) */
static int gradients(lua_State *L)
{
    double loss = 0;
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct sw_gradient_request request = {
        .checkpoint = sw_lua_needed_text(L, 2, "checkpoint"),
        .dir = sw_lua_needed_text(L, 2, "data"),
        .split = sw_lua_needed_text(L, 2, "split"),
        .vocab = sw_lua_text_field(L, 2, "vocab", NULL),
        .batch = (int)sw_lua_integer_field(L, 2, "batch", 16, 2, 65536),
        .out = sw_lua_needed_text(L, 2, "out"),
    };
    lua_getfield(L, 2, "config");
    request.config = sw_lua_config_json(L, -1);
    if (sw_inspect_gradients(session->session, &request, &loss, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushnumber(L, loss);
    return 1;
}

void sw_lua_open_work(lua_State *L)
{
    static const luaL_Reg of_session[] = {
        {"needs_glove", needs_glove}, {"try", try}, {"gradients", gradients}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"checkpoint_text", checkpoint_text},
                                         {"model_of", model_of},
                                         {"model_of_checkpoint", model_of_checkpoint},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
