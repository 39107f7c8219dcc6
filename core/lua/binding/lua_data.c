/* lua_data.c -- data folders: what a split holds, and what a run reads. */
#include "lua/binding/lua_session.h"

#include "base/values.h"
#include "data/dataset.h"
#include "data/glove.h"
#include "data/vocabulary.h"
#include "train/inputs.h"

#include <stdlib.h>

/* ---- a split
 * ------------------------------------------------------------------------------------- */

struct split {
    struct sw_vocabulary vocabulary;
    struct sw_dataset data;
};

static void release_split(void *value)
{
    struct split *split = value;
    sw_dataset_close(&split->data);
    sw_vocabulary_free(&split->vocabulary);
    free(split);
}

/* dataset(dir, split [, vocab]): {images =, captions =, regions =, features =, fingerprint =,
 * has_boxes =} and, with a vocabulary file, {vocabulary =, longest =}. Everything is checked as a
 * run would. */
static int dataset(lua_State *L)
{
    struct sw_error error = {0};
    const char *dir = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
    const char *vocab = luaL_optstring(L, 3, NULL);
    struct sw_lua_box *box = sw_lua_box(L, release_split);
    struct split *split = box->value = calloc(1, sizeof *split);
    if (!split)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (vocab && sw_vocabulary_load(&split->vocabulary, vocab, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    if (sw_dataset_open(dir, name, vocab ? &split->vocabulary : NULL, NULL, &split->data, &error) !=
        SW_OK)
        return sw_lua_raise(L, &error);

    sw_dataset_open_side_files(&split->data);
    const struct sw_dataset *data = &split->data;
    lua_createtable(L, 0, 8);
    sw_lua_set_integer(L, "images", (lua_Integer)data->images);
    sw_lua_set_integer(L, "captions", (lua_Integer)data->captions);
    sw_lua_set_integer(L, "regions", (lua_Integer)data->regions);
    sw_lua_set_integer(L, "features", (lua_Integer)data->features);
    sw_lua_set_switch(L, "has_boxes", data->has_boxes);
    sw_lua_set_hex(L, "fingerprint", sw_dataset_fingerprint(data));
    if (vocab) {
        sw_lua_set_integer(L, "vocabulary", (lua_Integer)split->vocabulary.words.count);
        sw_lua_set_integer(L, "longest", (lua_Integer)data->longest);
    }
    sw_lua_box_empty(box);
    return 1;
}

static void release_vocabulary(void *value)
{
    sw_vocabulary_free(value);
    free(value);
}

/* vocabulary_size(path): V of a vocabulary file, and its fingerprint. */
static int vocabulary_size(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_box *box = sw_lua_box(L, release_vocabulary);
    struct sw_vocabulary *vocabulary = box->value = calloc(1, sizeof *vocabulary);
    if (!vocabulary)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (sw_vocabulary_load(vocabulary, luaL_checkstring(L, 1), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    char fingerprint[17];
    lua_pushinteger(L, (lua_Integer)vocabulary->words.count);
    lua_pushstring(L, sw_hex(fingerprint, sw_vocabulary_fingerprint(vocabulary)));
    sw_lua_box_empty(box);
    return 2;
}

/* glove_width(path): how many numbers a word of a GloVe file has, from its first line only. */
static int glove_width(lua_State *L)
{
    struct sw_error error = {0};
    int width;
    if (sw_glove_width(luaL_checkstring(L, 1), &width, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushinteger(L, width);
    return 1;
}

/* is_generated(dir): whether Stepwise generated the data there. */
static int is_generated(lua_State *L)
{
    lua_pushboolean(L, sw_dataset_is_generated(luaL_checkstring(L, 1)));
    return 1;
}

/* ---- what a run reads
 * ---------------------------------------------------------------------------- */

#define INPUTS "stepwise.inputs"

struct lua_inputs {
    struct sw_inputs inputs;
    json_t *config; /* owns the settings' texts */
    struct sw_settings settings;
};

static struct lua_inputs *inputs_at(lua_State *L, int index)
{
    struct lua_inputs *in = luaL_checkudata(L, index, INPUTS);
    if (!in->inputs.has_train)
        sw_lua_fail(L, SW_MISUSE, "the inputs are closed");
    return in;
}

struct sw_inputs *sw_lua_inputs_at(lua_State *L, int index)
{
    return &inputs_at(L, index)->inputs;
}

static int close_inputs(lua_State *L)
{
    struct lua_inputs *in = luaL_checkudata(L, 1, INPUTS);
    sw_inputs_close(&in->inputs);
    json_decref(in->config);
    in->config = NULL;
    return 0;
}

/* inputs(config, sets [, vocab]): opens and checks all that a run of this config reads; sets: its
 * test sets (results/test_sets.lua); vocab: a vocabulary that goes before the config's own. */
static int open_inputs(lua_State *L)
{
    struct sw_error error = {0};
    lua_settop(L, 3);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *vocab = luaL_optstring(L, 3, NULL);
    json_t *config = sw_lua_config_json(L, 1);
    size_t count = (size_t)lua_rawlen(L, 2);
    struct sw_test_set *sets = lua_newuserdatauv(L, (count + 1) * sizeof *sets, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        luaL_checktype(L, -1, LUA_TTABLE); /* it keeps the strings */
        int named = sw_lua_switch_field(L, -1, "named", 0);
        sets[i] = (struct sw_test_set){
            .name = named ? sw_lua_text_field(L, -1, "name", "") : "",
            .split = sw_lua_text_field(L, -1, "split", ""),
            .images = (size_t)sw_lua_integer_field(L, -1, "images", 0, 0, INT32_MAX),
            .folds = (size_t)sw_lua_integer_field(L, -1, "folds", 1, 1, INT32_MAX)};
        lua_pop(L, 1);
    }
    struct lua_inputs *in = lua_newuserdatauv(L, sizeof *in, 0);
    *in = (struct lua_inputs){.config = json_incref(config)};
    luaL_setmetatable(L, INPUTS);
    sw_config_settings(in->config, &in->settings);
    if (sw_inputs_open(&in->inputs, &in->settings, vocab, sets, count, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

static void set_coverage(lua_State *L, const struct sw_coverage *coverage)
{
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_coverage_json(coverage);
    if (!box->value)
        sw_lua_fail(L, SW_FAILED, "out of memory for a coverage");
    sw_lua_push_json(L, box->value);
    sw_lua_box_empty(box);
    lua_setfield(L, -3, "coverage");
    lua_pop(L, 1);
}

static void set_fingerprints(lua_State *L, const struct sw_inputs *in, int own)
{
    const struct sw_fingerprints *train = &in->train_fingerprint, *dev = &in->dev_fingerprint,
                                 *test = &in->test_fingerprint;
    sw_lua_set_hex(L, "train", own ? train->own : train->all);
    if (in->has_dev)
        sw_lua_set_hex(L, "dev", own ? dev->own : dev->all);
    if (in->test_count)
        sw_lua_set_hex(L, "test", own ? test->own : test->all);
}

/* inputs:facts(): {generated =, train =, dev =, test = fingerprints, the last of all test sets, own
 * = the same without second sets, where there are any; train_captions =, dev_captions =, tests =
 * how many, stamps = {..} of the splits, vocabulary = {from =, words =, fingerprint =, coverage =
 * of the train captions}, glove = {vectors =, found =, rows = a hash, coverage =}}; what is not
 * there is nil. */
static int facts(lua_State *L)
{
    const struct sw_inputs *in = sw_lua_inputs_at(L, 1);
    const struct sw_dataset *split;
    lua_createtable(L, 0, 10);
    sw_lua_set_switch(L, "generated", in->generated);
    set_fingerprints(L, in, 0);
    if (in->has_second) {
        lua_createtable(L, 0, 3);
        set_fingerprints(L, in, 1);
        lua_setfield(L, -2, "own");
    }
    sw_lua_set_integer(L, "train_captions", (lua_Integer)in->train.captions);
    sw_lua_set_integer(L, "dev_captions", (lua_Integer)in->dev.captions);
    sw_lua_set_integer(L, "tests", (lua_Integer)in->test_count);
    lua_newtable(L);
    for (size_t i = 0; (split = sw_inputs_split(in, i)); i++) {
        char hex[17];
        lua_pushstring(L, sw_hex(hex, sw_dataset_stamp(split)));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "stamps");
    lua_createtable(L, 0, 4);
    sw_lua_set_text(L, "from", in->vocabulary_from);
    sw_lua_set_integer(L, "words", (lua_Integer)in->vocabulary.words.count);
    sw_lua_set_hex(L, "fingerprint", sw_vocabulary_fingerprint(&in->vocabulary));
    set_coverage(L, &in->known);
    lua_setfield(L, -2, "vocabulary");
    if (in->glove_lines) {
        lua_createtable(L, 0, 4);
        sw_lua_set_integer(L, "vectors", (lua_Integer)in->glove_lines);
        sw_lua_set_integer(L, "found", (lua_Integer)in->glove_found);
        sw_lua_set_hex(L, "rows", in->glove_hash);
        set_coverage(L, &in->with_vector);
        lua_setfield(L, -2, "glove");
    }
    return 1;
}

/* inputs:check(session, i): reads all values of the split of stamp number i. */
static int check_values(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_inputs *in = sw_lua_inputs_at(L, 1);
    const struct sw_lua_session *session = sw_lua_session_at(L, 2);
    const struct sw_dataset *split = sw_inputs_split(in, (size_t)luaL_checkinteger(L, 3) - 1);
    luaL_argcheck(L, split, 3, "no such split");
    if (sw_dataset_check_values(split, session->session->compute, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

/* inputs:read_glove(): reads the config's GloVe file, for the facts of it. */
static int read_glove(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_glove glove = {0};
    struct lua_inputs *in = inputs_at(L, 1);
    int status = sw_inputs_read_glove(&in->inputs, &in->settings, 0, &glove, &error);
    sw_glove_free(&glove);
    return status == SW_OK ? 0 : sw_lua_raise(L, &error);
}

/* inputs:save_vocabulary(path) */
static int save_vocabulary(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_inputs *in = sw_lua_inputs_at(L, 1);
    if (sw_vocabulary_save(&in->vocabulary, luaL_checkstring(L, 2), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

void sw_lua_open_data(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"dataset", dataset},         {"vocabulary_size", vocabulary_size},
        {"glove_width", glove_width}, {"is_generated", is_generated},
        {"inputs", open_inputs},      {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"facts", facts},           {"check", check_values},
        {"read_glove", read_glove}, {"save_vocabulary", save_vocabulary},
        {"close", close_inputs},    {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, INPUTS, methods, close_inputs);
}
