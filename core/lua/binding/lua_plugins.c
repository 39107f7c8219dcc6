/* lua_plugins.c -- what the loaded plugins bring, and the check of one plugin file. */
#include "lua/binding/lua_session.h"

#include "base/values.h"
#include "match/verify.h"
#include "plugin/compose.h"
#include "plugin/search.h"
#include "tensor/tape/graph.h"

#include <stdio.h>
#include <stdlib.h>

static void push_options(lua_State *L, const struct sw_option *options)
{
    static const char *const kinds[] = {"", "number", "integer", "switch", "choice", "fusion"};
    lua_newtable(L);
    for (lua_Integer i = 0; options && options[i].name; i++) {
        const struct sw_option *option = &options[i];
        lua_createtable(L, 0, 7);
        sw_lua_set_text(L, "name", option->name);
        sw_lua_set_text(L, "kind", kinds[option->kind]);
        sw_lua_set_text(L, "preset", option->preset);
        sw_lua_set_text(L, "choices", option->choices);
        sw_lua_set_text(L, "doc", option->doc);
        if (option->least != 0 || option->most != 0) {
            sw_lua_set_number(L, "least", option->least);
            sw_lua_set_number(L, "most", option->most);
        }
        lua_rawseti(L, -2, i + 1);
    }
}

/* Appends {name, doc, options, tables of an embedding, pooled of a stage} to the list on the top.
 */
static void append_part(lua_State *L, enum sw_kind kind, const struct sw_descriptor *part)
{
    lua_createtable(L, 0, 4);
    sw_lua_set_text(L, "name", part->name);
    sw_lua_set_text(L, "doc", part->doc);
    push_options(L, part->options);
    lua_setfield(L, -2, "options");
    if (kind == SW_KIND_EMBEDDING) {
        sw_lua_set_integer(L, "tables", ((const struct sw_embedding *)(const void *)part)->tables);
    }
    if (kind == SW_KIND_STAGE) {
        unsigned flags = ((const struct sw_stage *)(const void *)part)->flags;
        sw_lua_set_switch(L, "pooled", (flags & SW_NEEDS_POOLED) != 0);
    }
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* {name, shapes, doc, least_inputs, most_inputs} */
static void push_op(lua_State *L, const struct sw_op *op)
{
    lua_createtable(L, 0, 5);
    sw_lua_set_text(L, "name", op->name);
    sw_lua_set_text(L, "shapes", op->shapes);
    sw_lua_set_text(L, "doc", op->doc);
    sw_lua_set_integer(L, "least_inputs", op->least_inputs);
    sw_lua_set_integer(L, "most_inputs", op->most_inputs);
}

static void push_contents(lua_State *L, const struct sw_plugin *plugin)
{
    sw_lua_set_text(L, "name", plugin->name);
    sw_lua_set_text(L, "version", plugin->version);
    sw_lua_set_text(L, "license", plugin->license);
    sw_lua_set_text(L, "doc", plugin->doc);
    static const char *const lists[SW_KINDS] = {"stages", "fusions", "embeddings",
                                                "blocks", "pools",   "losses"};
    for (int kind = 0; kind < SW_KINDS; kind++) {
        const struct sw_descriptor *const *at = sw_plugin_descriptors(plugin, (enum sw_kind)kind);
        lua_newtable(L);
        for (; *at; at++)
            append_part(L, (enum sw_kind)kind, *at);
        lua_setfield(L, -2, lists[kind]);
    }
    lua_newtable(L);
    lua_Integer count = 0;
    for (const struct sw_op *const *at = plugin->ops; at && *at; at++) {
        push_op(L, *at);
        lua_rawseti(L, -2, ++count);
    }
    lua_setfield(L, -2, "ops");
}

/* session:part(kind, name): {name, doc, options} of a stage, fusion, embedding, block, pool or
 * loss; an error has the near miss. */
static int part(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_plugins *all = sw_lua_session_at(L, 1)->session->plugins;
    enum sw_kind kind = (enum sw_kind)luaL_checkoption(L, 2, NULL, sw_kind_names);
    const struct sw_descriptor *found = sw_plugins_find(all, kind, luaL_checkstring(L, 3), &error);
    if (!found)
        return sw_lua_raise(L, &error);
    lua_newtable(L);
    append_part(L, kind, found);
    lua_rawgeti(L, -1, 1);
    return 1;
}

/* session:origin(name [, kind]): {name, version, hash, file} of the plugin that brought it, or nil;
 * without a kind, of the first kind that has the name. */
static int origin(lua_State *L)
{
    const struct sw_plugins *all = sw_lua_session_at(L, 1)->session->plugins;
    const char *name = luaL_checkstring(L, 2);
    enum sw_kind kind = SW_KINDS;
    if (!lua_isnoneornil(L, 3))
        kind = (enum sw_kind)luaL_checkoption(L, 3, NULL, sw_kind_names);
    const struct sw_loaded_plugin *loaded = sw_plugins_origin(all, kind, name);
    if (!loaded || !loaded->plugin)
        return 0;
    char hash[17];
    lua_createtable(L, 0, 4);
    sw_lua_set_text(L, "name", loaded->plugin->name);
    sw_lua_set_text(L, "version", loaded->plugin->version);
    sw_lua_set_text(L, "hash", sw_hex(hash, loaded->hash));
    sw_lua_set_text(L, "file", loaded->file);
    return 1;
}

static void push_plugin(lua_State *L, const struct sw_loaded_plugin *loaded)
{
    char hash[17];
    lua_createtable(L, 0, 10);
    sw_lua_set_text(L, "file", loaded->file);
    sw_lua_set_text(L, "hash", sw_hex(hash, loaded->hash));
    if (loaded->plugin)
        push_contents(L, loaded->plugin);
    else
        sw_lua_set_text(L, "reason", loaded->reason ? loaded->reason : "refused");
    if (loaded->hidden) {
        sw_lua_set_switch(L, "hidden", 1);
    }
}

/* session:plugins(): a list, the refused and the hidden ones with a reason and nothing else than
 * their file; hidden = true: an earlier one has its names. */
static int plugins(lua_State *L)
{
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const struct sw_plugins *all = session->session->plugins;
    int count = sw_plugins_count(all);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        push_plugin(L, sw_plugins_at(all, i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* session:add_plugin(file): loads one more, and gives what plugins() says of it. */
static int add_plugin(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    struct sw_plugins *all = session->session->plugins;
    if (sw_plugins_add(all, luaL_checkstring(L, 2), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    push_plugin(L, sw_plugins_at(all, sw_plugins_count(all) - 1));
    return 1;
}

static void release_graph(void *value)
{
    sw_graph_free(value);
}

/* session:gradcheck(op): how far its gradient is from the numeric one, or nil and what is wrong. */
static int gradcheck(lua_State *L)
{
    double worst = 0;
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    const char *name = luaL_checkstring(L, 2);
    const struct sw_op *op = sw_ops_find(session->session->ops, name);
    if (!op)
        return sw_lua_fail(L, SW_MISUSE, "no operation '%s'", name);
    struct sw_lua_box *box = sw_lua_box(L, release_graph);
    box->value =
        sw_graph_new(sw_host_table(), session->session->compute, session->session->ops, &error);
    if (!box->value)
        return sw_lua_raise(L, &error);
    if (sw_gradcheck(box->value, op, &worst, &error) != SW_OK) {
        lua_pushnil(L);
        lua_pushstring(L, error.text);
        return 2;
    }
    lua_pushnumber(L, worst);
    return 1;
}

/* Sizes of the models that are tried: small, and no two alike. */
enum { TRIED_FEATURES = 18, TRIED_WORDS = 40, TRIED_SEED = 5 };

static void free_composition(void *value)
{
    sw_composition_free(value);
}

/* session:verify(config): what has to hold of its model (match/verify.h), a list of {what, worst,
 * most, where}; raises what keeps it from running. */
static int verify(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_session *session = sw_lua_session_at(L, 1)->session;
    const json_t *config = sw_lua_config_json(L, 2);
    const struct sw_model_plan *plans[2];
    struct sw_finding findings[SW_MOST_FINDINGS];
    int count = 0;
    struct sw_lua_box *glove = sw_lua_box(L, free);
    for (int i = 0; i < 2; i++) {
        struct sw_lua_box *box = sw_lua_box(L, free_composition);
        struct sw_composition *composition;
        if (sw_compose(&composition, session->plugins, json_object_get(config, "model"), &error) !=
            SW_OK)
            return sw_lua_raise(L, &error);
        box->value = composition;
        struct sw_model_plan *plan = sw_composition_plan(composition);
        size_t numbers = (size_t)plan->word_dim * TRIED_WORDS;
        if (!glove->value)
            glove->value = calloc(numbers + 1, sizeof(float));
        for (size_t n = 0; glove->value && n < numbers; n++)
            ((float *)glove->value)[n] = (float)(n * 37 % 101) / 101 - 0.5f;
        plan->features = TRIED_FEATURES;
        plan->vocabulary = TRIED_WORDS;
        plan->seed = TRIED_SEED;
        plan->glove = glove->value;
        plans[i] = plan;
    }
    if (sw_model_verify(plans, sw_host_table(), session->ops, findings, &count, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_createtable(L, 0, 4);
        sw_lua_set_text(L, "what", findings[i].what);
        sw_lua_set_text(L, "where", findings[i].where);
        sw_lua_set_number(L, "worst", findings[i].worst);
        sw_lua_set_number(L, "most", findings[i].most);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* session:ops(): all operations, the core's and the plugins', sorted by name. */
static int ops(lua_State *L)
{
    const struct sw_ops *all = sw_lua_session_at(L, 1)->session->ops;
    int count = sw_ops_count(all);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        push_op(L, sw_ops_at(all, i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* plugin_path(): the folders where plugins are looked for, with ':' between. */
static int plugin_path(lua_State *L)
{
    struct sw_lua_box *box = sw_lua_box(L, free);
    box->value = sw_plugin_path(NULL);
    if (!box->value)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    lua_pushstring(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

void sw_lua_open_plugins(lua_State *L)
{
    static const luaL_Reg functions[] = {{"plugin_path", plugin_path}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"plugins", plugins}, {"add_plugin", add_plugin}, {"part", part}, {"verify", verify},
        {"origin", origin},   {"gradcheck", gradcheck},   {"ops", ops},   {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_add_methods(L, SW_LUA_SESSION, methods);
}
