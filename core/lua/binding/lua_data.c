/* lua_data.c -- data folders: what a split holds, and the generated data set. */
#include "lua/binding/binding.h"

#include "data/dataset.h"
#include "data/glove.h"
#include "data/vocabulary.h"

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

static void set_count(lua_State *L, const char *name, size_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
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
    set_count(L, "images", data->images);
    set_count(L, "captions", data->captions);
    set_count(L, "regions", data->regions);
    set_count(L, "features", data->features);
    lua_pushboolean(L, data->has_boxes);
    lua_setfield(L, -2, "has_boxes");
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)sw_dataset_fingerprint(data));
    lua_pushstring(L, hex);
    lua_setfield(L, -2, "fingerprint");
    if (vocab) {
        set_count(L, "vocabulary", split->vocabulary.words.count);
        set_count(L, "longest", data->longest);
    }
    sw_lua_box_empty(box);
    return 1;
}

static void release_vocabulary(void *value)
{
    sw_vocabulary_free(value);
    free(value);
}

/* vocabulary_size(path): V of a vocabulary file. */
static int vocabulary_size(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_box *box = sw_lua_box(L, release_vocabulary);
    struct sw_vocabulary *vocabulary = box->value = calloc(1, sizeof *vocabulary);
    if (!vocabulary)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if (sw_vocabulary_load(vocabulary, luaL_checkstring(L, 1), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushinteger(L, (lua_Integer)vocabulary->words.count);
    sw_lua_box_empty(box);
    return 1;
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

void sw_lua_open_data(lua_State *L)
{
    static const luaL_Reg functions[] = {{"dataset", dataset},
                                         {"vocabulary_size", vocabulary_size},
                                         {"glove_width", glove_width},
                                         {"is_generated", is_generated},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
