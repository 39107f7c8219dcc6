/* lua_query.c -- a trained model and a split that it is asked about, as a userdata whose methods
 * give numbers; core/lua/results/query.lua asks. Images and captions count from 0. */
#include "lua/binding/lua_session.h"

#include "lua/binding/results.h"
#include "train/evaluate.h"
#include "train/query.h"
#include "train/ranks.h"

#define QUERY "stepwise.query"

struct lua_query {
    struct sw_query query;
    struct sw_lua_session *session; /* NULL: closed */
};

static struct sw_query *query_at(lua_State *L, int index)
{
    struct lua_query *query = luaL_checkudata(L, index, QUERY);
    if (!query->session)
        sw_lua_fail(L, SW_MISUSE, "the query is closed");
    return &query->query;
}

/* open_query(session, {checkpoint =, config =, data =, split =, vocab =, images =, precaps =,
 * all_captions =, captions = whether the captions get word ids, or_none = whether a split without
 * captions will do}) */
static int open_query(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct sw_query_source source = {
        .checkpoint = sw_lua_needed_text(L, 2, "checkpoint"),
        .dir = sw_lua_needed_text(L, 2, "data"),
        .split = sw_lua_needed_text(L, 2, "split"),
        .vocab = sw_lua_text_field(L, 2, "vocab", NULL),
        .captions = sw_lua_switch_field(L, 2, "captions", 0),
        .data = {.images = (size_t)sw_lua_integer_field(L, 2, "images", 0, 0, LUA_MAXINTEGER),
                 .all_captions = sw_lua_switch_field(L, 2, "all_captions", 0),
                 .or_none = sw_lua_switch_field(L, 2, "or_none", 0),
                 .precaps = sw_lua_switch_field(L, 2, "precaps", 0),
                 .sequential = true},
    };
    lua_getfield(L, 2, "config");
    source.config = sw_lua_config_json(L, -1);
    struct lua_query *query = lua_newuserdatauv(L, sizeof *query, 1);
    *query = (struct lua_query){0};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, QUERY);
    if (sw_query_open(&query->query, session->session, &source, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    query->session = session;
    session->users++;
    return 1;
}

static int close_query(lua_State *L)
{
    struct lua_query *query = luaL_checkudata(L, 1, QUERY);
    if (query->session) {
        sw_query_close(&query->query);
        query->session->users--;
        query->session = NULL;
    }
    return 0;
}

/* ---- the split ------------------------------------------------------------------------------- */

/* query:size(): images, captions, and the features file for messages */
static int size(lua_State *L)
{
    const struct sw_dataset *data = &query_at(L, 1)->data;
    lua_pushinteger(L, (lua_Integer)data->images);
    lua_pushinteger(L, (lua_Integer)data->captions);
    lua_pushstring(L, data->path);
    return 3;
}

/* Argument `at`, a number from 0 to count - 1. */
static size_t index_at(lua_State *L, int at, size_t count)
{
    lua_Integer index = luaL_checkinteger(L, at);
    luaL_argcheck(L, index >= 0 && (size_t)index < count, at, "out of range");
    return (size_t)index;
}

static int push_bytes(lua_State *L, const char *text, size_t length)
{
    if (text)
        lua_pushlstring(L, text, length);
    else
        lua_pushnil(L);
    return 1;
}

/* query:name(image): its bytes as they are, or nil */
static int name(lua_State *L)
{
    size_t length = 0;
    const struct sw_dataset *data = &query_at(L, 1)->data;
    const char *text = sw_dataset_name(data, index_at(L, 2, data->images), &length);
    return push_bytes(L, text, length);
}

/* query:caption(caption): its bytes as they are, or nil */
static int caption(lua_State *L)
{
    size_t length = 0;
    const struct sw_dataset *data = &query_at(L, 1)->data;
    const char *text = sw_dataset_caption(data, index_at(L, 2, data->captions), &length);
    return push_bytes(L, text, length);
}

/* query:boxes(image): {x1, y1, x2, y2, x1, ..} of all its regions, or nil */
static int boxes(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_dataset *data = &query_at(L, 1)->data;
    size_t image = index_at(L, 2, data->images), count = data->regions * 4;
    if (!data->has_boxes)
        return 0;
    float *box = lua_newuserdatauv(L, (count + 1) * sizeof *box, 0);
    if (sw_dataset_boxes(data, image, box, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return sw_lua_push_floats(L, box, count);
}

/* query:warnings(): why names and boxes that are there are not in use */
static int warnings(lua_State *L)
{
    const struct sw_dataset *data = &query_at(L, 1)->data;
    const struct sw_error *errors[] = {&data->names_error, &data->boxes_error};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i]->status != SW_OK) {
            lua_pushstring(L, errors[i]->text);
            lua_rawseti(L, -2, luaL_len(L, -2) + 1);
        }
    return 1;
}

/* query:coverage(what, captions): how many of the captions' words the vocabulary has (see
 * data/coverage.h); an error where it has none */
static int coverage(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_coverage found;
    const struct sw_query *query = query_at(L, 1);
    const char *what = luaL_checkstring(L, 2), *captions = luaL_checkstring(L, 3);
    sw_coverage(&query->data.words, &query->vocabulary, NULL, &found);
    if (sw_coverage_check(&found, what, captions, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_coverage_json(&found);
    if (!box->value)
        return sw_lua_fail(L, SW_FAILED, "out of memory for a coverage");
    sw_lua_push_json(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* query:special_ids(): those of <start>, <end> and <unk> */
static int special_ids(lua_State *L)
{
    const struct sw_vocabulary *vocabulary = &query_at(L, 1)->vocabulary;
    lua_pushinteger(L, vocabulary->start);
    lua_pushinteger(L, vocabulary->end);
    lua_pushinteger(L, vocabulary->unk);
    return 3;
}

/* query:id(word): that of <unk> for a word that the vocabulary lacks */
static int id(lua_State *L)
{
    size_t length;
    const struct sw_query *query = query_at(L, 1);
    const char *word = luaL_checklstring(L, 2, &length);
    lua_pushinteger(L, sw_vocabulary_find(&query->vocabulary, word, length));
    return 1;
}

/* query:word(id) */
static int word(lua_State *L)
{
    const struct sw_vocabulary *vocabulary = &query_at(L, 1)->vocabulary;
    size_t index = index_at(L, 2, vocabulary->words.count);
    lua_pushstring(L, sw_vocabulary_word(vocabulary, (int32_t)index));
    return 1;
}

/* query:ids(caption): of a query that was opened with captions */
static int ids(lua_State *L)
{
    const struct sw_dataset *data = &query_at(L, 1)->data;
    size_t index = index_at(L, 2, data->offsets ? data->captions : 0);
    size_t first = data->offsets[index], count = data->offsets[index + 1] - first;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, data->ids[first + i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The list of ids at `index`, in a userdata that is pushed. */
static struct sw_sentence sentence_at(lua_State *L, int index, const struct sw_query *query)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count >= 1 && count <= 1 << 20, index, "expected a list of word ids");
    int32_t *list = lua_newuserdatauv(L, count * sizeof *list, 0);
    for (size_t i = 0; i < count; i++) {
        int whole;
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        lua_Integer value = lua_tointegerx(L, -1, &whole);
        luaL_argcheck(L, whole && value >= 0 && (size_t)value < query->vocabulary.words.count,
                      index, "not an id of the vocabulary");
        list[i] = (int32_t)value;
        lua_pop(L, 1);
    }
    return (struct sw_sentence){list, (int)count, -1};
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The range [first, first + count) of arguments 3 and 4 among `all`, and room for its scores, in a
 * userdata that is pushed. */
static float *range_at(lua_State *L, size_t all, size_t *first, size_t *count)
{
    lua_Integer from = luaL_checkinteger(L, 3), some = luaL_checkinteger(L, 4);
    luaL_argcheck(L, from >= 0 && (size_t)from <= all, 3, "out of range");
    luaL_argcheck(L, some >= 0 && (size_t)some <= all - (size_t)from, 4, "out of range");
    *first = (size_t)from;
    *count = (size_t)some;
    return lua_newuserdatauv(L, (*count + 1) * sizeof(float), 0);
}

/* query:score_images(ids, first, count): the scores of so many images with a sentence */
static int score_images(lua_State *L)
{
    size_t first, count;
    struct sw_error error = {0};
    const struct sw_query *query = query_at(L, 1);
    struct sw_sentence sentence = sentence_at(L, 2, query);
    float *scores = range_at(L, query->data.images, &first, &count);
    if (sw_query_score_images(query, sentence, first, count, scores, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return sw_lua_push_floats(L, scores, count);
}

/* query:score_captions(image, first, count): the scores of an image with so many captions of a
 * query that was opened with captions */
static int score_captions(lua_State *L)
{
    size_t first, count;
    struct sw_error error = {0};
    const struct sw_query *query = query_at(L, 1);
    size_t image = index_at(L, 2, query->data.images);
    float *scores = range_at(L, query->data.offsets ? query->data.captions : 0, &first, &count);
    if (sw_query_score_captions(query, image, first, count, scores, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return sw_lua_push_floats(L, scores, count);
}

/* query:show(image, ids, caption): caption: the ids' own, nil: none; the score, how many regions
 * the image has, and a list of {name =, of =, over =, weights = rows of numbers}, where of and over
 * are what the rows and columns stand for: "regions", "words" or "one" */
static int show(lua_State *L)
{
    static const char *const axes[] = {"regions", "words", "one"};
    float score;
    struct sw_error error = {0};
    struct sw_attention *found = lua_newuserdatauv(L, sizeof *found, 0);
    const struct sw_query *query = query_at(L, 1);
    size_t image = index_at(L, 2, query->data.images);
    struct sw_sentence sentence = sentence_at(L, 3, query);
    if (!lua_isnoneornil(L, 4))
        sentence.caption = (int64_t)index_at(L, 4, query->data.captions);
    if (sw_query_show(query, image, sentence, &score, found, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_pushnumber(L, (lua_Number)score);
    size_t row = sw_dataset_image_row(&query->data, image);
    lua_pushinteger(L, (lua_Integer)sw_dataset_region_count(&query->data, row));
    lua_createtable(L, found->count, 0);
    for (int i = 0; i < found->count; i++) {
        const struct sw_shown *shown = &found->list[i];
        lua_createtable(L, 0, 4);
        sw_lua_set_text(L, "name", shown->name);
        sw_lua_set_text(L, "of", axes[shown->row_axis]);
        sw_lua_set_text(L, "over", axes[shown->column_axis]);
        lua_createtable(L, shown->rows, 0);
        for (int r = 0; r < shown->rows; r++) {
            sw_lua_push_floats(L, shown->weights + (size_t)r * (size_t)shown->columns,
                               (size_t)shown->columns);
            lua_rawseti(L, -2, r + 1);
        }
        lua_setfield(L, -2, "weights");
        lua_rawseti(L, -2, i + 1);
    }
    return 3;
}

/* rank_queries(session, queries, {folds =, sims =, ranks = a file}): the metrics of the mean of
 * their models' similarities; the queries were opened with the captions of one split */
static int rank_queries(lua_State *L)
{
    enum { MOST = 64 };
    struct sw_error error = {0};
    struct sw_metrics metrics;
    struct sw_view views[MOST];
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_Integer count = luaL_len(L, 2);
    if (count < 1 || count > MOST)
        return sw_lua_fail(L, SW_MISUSE, "checkpoints: expected 1 to %d, found %lld", MOST,
                           (long long)count);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, 2, i + 1); /* the list keeps it */
        const struct sw_query *query = query_at(L, -1);
        luaL_argcheck(L, query->data.offsets, 2, "opened without captions");
        views[i] = (struct sw_view){query->matcher->model, &query->data};
        lua_pop(L, 1);
    }
    struct sw_evaluate_options options = {
        .folds = (size_t)sw_lua_integer_field(L, 3, "folds", 1, 1, 1000000),
        .sims = sw_lua_text_field(L, 3, "sims", NULL)};
    const char *path = sw_lua_text_field(L, 3, "ranks", NULL);
    struct sw_ranks ranks = {0};
    int status = sw_evaluate(session->session, views, (int)count, &options, &metrics,
                             path ? &ranks : NULL, &error);
    if (status == SW_OK && path)
        status = sw_ranks_write(path, &ranks, &error);
    sw_ranks_free(&ranks);
    if (status != SW_OK)
        return sw_lua_raise(L, &error);
    sw_lua_push_metrics(L, &metrics);
    return 1;
}

void sw_lua_open_query(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open_query", open_query}, {"rank_queries", rank_queries}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"close", close_query},
                                       {"size", size},
                                       {"name", name},
                                       {"caption", caption},
                                       {"boxes", boxes},
                                       {"warnings", warnings},
                                       {"coverage", coverage},
                                       {"special_ids", special_ids},
                                       {"id", id},
                                       {"word", word},
                                       {"ids", ids},
                                       {"score_images", score_images},
                                       {"score_captions", score_captions},
                                       {"show", show},
                                       {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, QUERY, methods, close_query);
}
