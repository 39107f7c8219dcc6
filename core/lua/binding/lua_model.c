/* lua_model.c -- a model in a script's hands: its parameters as tensors, scores and losses of
 * batches with their gradients, encodings and attention. core/lua/tensor/model.lua has the methods
 * that scripts call. A model computes one batch at a time. */
#include "lua/binding/tensor.h"

#include "plugin/plugins.h"
#include "tensor/tape/random.h"
#include "train/checkpoint.h"
#include "train/gather.h"
#include "train/inputs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "stepwise.model"

struct sw_lua_model {
    struct sw_matcher *matcher; /* NULL: closed */
    struct sw_lua_session *session;
    const struct sw_inputs *inputs; /* user value 2 */
    uint64_t seed;
    struct sw_graph *graph;
    struct sw_gather gather;
    int room; /* pairs that the gather holds; 0: there is none */
    struct sw_encoding encoding;
    struct sw_pair_images pairs;
    unsigned batch; /* counts the batches */
    int has_batch, is_done;
};

int sw_lua_model_is_open(const struct sw_lua_model *model)
{
    return model->matcher != NULL;
}

static struct sw_lua_model *model_at(lua_State *L, int index)
{
    struct sw_lua_model *model = luaL_checkudata(L, index, MODEL);
    if (!model->matcher)
        sw_lua_fail(L, SW_MISUSE, "the model is closed");
    return model;
}

struct sw_model *sw_lua_model_of(lua_State *L, int index)
{
    return luaL_testudata(L, index, MODEL) ? model_at(L, index)->matcher->model : NULL;
}

void sw_lua_model_commit(lua_State *L, int index)
{
    struct sw_lua_model *model = model_at(L, index);
    if (model->has_batch)
        sw_graph_commit(model->graph);
}

static struct sw_compute *compute_of(const struct sw_lua_model *model)
{
    return model->session->session->compute;
}

static void release_model(struct sw_lua_model *model)
{
    if (!model->matcher)
        return;
    if (model->room)
        sw_gather_free(&model->gather);
    if (model->graph)
        sw_graph_free(model->graph);
    sw_matcher_free(model->matcher);
    model->matcher = NULL;
    model->session->users--;
}

/* model:close(): its weights and batches cannot be used any longer */
static int close_model(lua_State *L)
{
    release_model(luaL_checkudata(L, 1, MODEL));
    return 0;
}

/* The parameters of a checkpoint, whose words have to be the data's. */
static int fill(const struct sw_lua_model *model, const char *path, struct sw_error *error)
{
    struct sw_vocabulary words;
    int status = sw_checkpoint_vocabulary(&words, path, NULL,
                                          (int)model->inputs->vocabulary.words.count, error);
    if (status == SW_OK)
        status = sw_checkpoint_fill(path, model->matcher->model, error);
    sw_vocabulary_free(&words);
    return status;
}

/* model(session, config, inputs [, checkpoint]): as a run has it before its first step, or with the
 * parameters of the checkpoint */
static int new_model(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_settings settings;
    lua_settop(L, 4);
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    struct sw_inputs *inputs = sw_lua_inputs_at(L, 3);
    const char *checkpoint = luaL_optstring(L, 4, NULL);
    const json_t *config = sw_lua_config_json(L, 2);
    struct sw_lua_model *model = lua_newuserdatauv(L, sizeof *model, 2);
    *model = (struct sw_lua_model){.session = session, .inputs = inputs};
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, i == 1 ? 1 : 3);
        lua_setiuservalue(L, -2, i);
    }
    luaL_setmetatable(L, MODEL);
    sw_config_settings(config, &settings);
    model->seed = settings.seed;
    if (sw_inputs_matcher(inputs, &model->matcher, session->session, config, checkpoint != NULL,
                          &error) != SW_OK)
        return sw_lua_raise(L, &error);
    session->users++;
    model->graph =
        sw_graph_new(sw_host_table(), session->session->compute, session->session->ops, &error);
    if (!model->graph || (checkpoint && fill(model, checkpoint, &error) != SW_OK)) {
        release_model(model);
        return sw_lua_raise(L, &error);
    }
    return 1;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* model:parameter(i): the i-th one's name, and the tensor itself, which shares its numbers; nil
 * behind the last */
static int parameter(lua_State *L)
{
    const struct sw_lua_model *model = model_at(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 1 || i > sw_model_parameters(model->matcher->model))
        return 0;
    const struct sw_parameter *one = sw_model_parameter(model->matcher->model, (int)i - 1);
    lua_pushstring(L, one->name);
    struct sw_lua_tensor *tensor = sw_lua_tensor_view(L, 1, one->tensor->ndim, one->tensor->dim,
                                                      one->tensor->data, one->tensor->grad);
    tensor->model = model;
    return 2;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* The split of argument `at`: the role "train", "dev" or "test", the first test set. */
static const struct sw_dataset *split_at(lua_State *L, const struct sw_lua_model *model, int at)
{
    static const char *const roles[] = {"train", "dev", "test", NULL};
    int role = luaL_checkoption(L, at, "train", roles);
    const struct sw_inputs *in = model->inputs;
    sw_lua_inputs_at(L, (lua_getiuservalue(L, 1, 2), -1)); /* raises where they are closed */
    lua_pop(L, 1);
    if ((role == 1 && !in->has_dev) || (role == 2 && in->test_count == 0))
        sw_lua_fail(L, SW_MISUSE, "the config names no %s split", roles[role]);
    return role == 0 ? &in->train : role == 1 ? &in->dev : &in->tests[0].data;
}

/* model:sizes(split): images and captions */
static int sizes(lua_State *L)
{
    const struct sw_dataset *data = split_at(L, model_at(L, 1), 2);
    lua_pushinteger(L, (lua_Integer)data->images);
    lua_pushinteger(L, (lua_Integer)data->captions);
    return 2;
}

/* model:order(epoch): the train captions in the order in which a run takes them, from 0; the first
 * epoch is 0 */
static int order(lua_State *L)
{
    const struct sw_lua_model *model = model_at(L, 1);
    lua_Integer epoch = luaL_checkinteger(L, 2);
    luaL_argcheck(L, epoch >= 0, 2, "expected 0 or more");
    size_t count = split_at(L, model, 3)->captions;
    uint32_t *captions = lua_newuserdatauv(L, count * sizeof *captions, 0);
    sw_order(model->seed, (uint64_t)epoch, (uint32_t)count, captions);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, captions[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- a batch --------------------------------------------------------------------------------- */

static int fail_of_graph(lua_State *L, const struct sw_lua_model *model)
{
    struct sw_error error = {0};
    sw_graph_failure(model->graph, &error);
    return sw_lua_raise(L, &error);
}

static int make_room(struct sw_lua_model *model, const struct sw_dataset *data, int count,
                     struct sw_error *error)
{
    if (model->room >= count && model->gather.data == data)
        return SW_OK;
    if (model->room)
        sw_gather_free(&model->gather);
    model->room = 0;
    int status = sw_gather_new(&model->gather, data, compute_of(model), count, count, error);
    if (status == SW_OK)
        model->room = count;
    return status;
}

/* The list of captions at `at`, in memory of Lua that is pushed. */
static uint32_t *captions_at(lua_State *L, int at, const struct sw_dataset *data, int *count)
{
    luaL_checktype(L, at, LUA_TTABLE);
    lua_Unsigned length = lua_rawlen(L, at);
    luaL_argcheck(L, length >= 1 && length <= 65536, at, "expected 1 to 65536 captions");
    uint32_t *captions = lua_newuserdatauv(L, length * sizeof *captions, 0);
    for (lua_Unsigned i = 0; i < length; i++) {
        int whole;
        lua_rawgeti(L, at, (lua_Integer)i + 1);
        lua_Integer caption = lua_tointegerx(L, -1, &whole);
        if (!whole || caption < 0 || (size_t)caption >= data->captions)
            sw_lua_fail(L, SW_MISUSE, "expected captions of 0 to %d, found %s",
                        (int)data->captions - 1, luaL_tolstring(L, -1, NULL));
        captions[i] = (uint32_t)caption;
        lua_pop(L, 1);
    }
    *count = (int)length;
    return captions;
}

/* model:begin(split, captions, training, step): encodes a batch: these captions, each with its
 * image. What an earlier batch gave has no gradient any longer. */
static int begin(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_model *model = model_at(L, 1);
    const struct sw_dataset *data = split_at(L, model, 2);
    int training = lua_toboolean(L, 4), count;
    lua_Integer step = luaL_optinteger(L, 5, 0);
    const uint32_t *captions = captions_at(L, 3, data, &count);
    model->has_batch = model->is_done = 0;
    model->batch++;
    if (make_room(model, data, count, &error) != SW_OK ||
        sw_gather_pairs(&model->gather, captions, count, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    struct sw_examples examples = model->gather.examples;
    examples.training = training;
    examples.step = (uint64_t)step;
    model->pairs = (struct sw_pair_images){count, model->gather.image};
    sw_graph_reset(model->graph, 1);
    if (sw_model_encode(model->matcher->model, model->graph, &examples, &model->encoding) != SW_OK)
        return fail_of_graph(L, model);
    model->has_batch = 1;
    return 0;
}

/* Pushes a result of the batch: its numbers copied, its gradient one of its own. */
static int push_result(lua_State *L, struct sw_lua_model *model, struct sw_tensor *result)
{
    if (!result || sw_compute_interrupted(compute_of(model)))
        return fail_of_graph(L, model);
    struct sw_lua_tensor *tensor =
        sw_lua_new_tensor(L, result->ndim, result->dim, result->grad != NULL, 0);
    memcpy(tensor->x.data, result->data, sw_tensor_count(result) * sizeof(float));
    if (result->grad) {
        tensor->of_batch = result;
        tensor->batch = model->batch;
    }
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SW_LUA_OWNER);
    return 1;
}

static struct sw_lua_model *with_batch(lua_State *L)
{
    struct sw_lua_model *model = model_at(L, 1);
    if (!model->has_batch)
        sw_lua_fail(L, SW_MISUSE, "the model has no batch");
    return model;
}

/* model:batch_scores(): S (B,B) of the batch: images are rows, captions columns */
static int batch_scores(lua_State *L)
{
    const struct sw_pair_options options = {0};
    struct sw_lua_model *model = with_batch(L);
    return push_result(
        L, model, sw_model_score(model->matcher->model, model->graph, &model->encoding, &options));
}

/* model:batch_loss(epoch): the model's losses, (1), summed over the batch */
static int batch_loss(lua_State *L)
{
    const struct sw_pair_options options = {0};
    struct sw_lua_model *model = with_batch(L);
    lua_Integer epoch = luaL_checkinteger(L, 2);
    luaL_argcheck(L, epoch >= 0 && epoch <= INT_MAX, 2, "out of range");
    struct sw_model *of = model->matcher->model;
    struct sw_tensor *scores = sw_model_score(of, model->graph, &model->encoding, &options);
    return push_result(
        L, model,
        sw_model_loss(of, model->graph, &model->encoding, scores, &model->pairs, (int)epoch));
}

/* model:images(): the image of each pair of the batch, from 0 */
static int images(lua_State *L)
{
    const struct sw_lua_model *model = with_batch(L);
    lua_createtable(L, model->pairs.n, 0);
    for (int i = 0; i < model->pairs.n; i++) {
        lua_pushinteger(L, model->pairs.image[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void sw_lua_model_backward(lua_State *L, const struct sw_lua_tensor *tensor)
{
    lua_getiuservalue(L, 1, SW_LUA_OWNER);
    struct sw_lua_model *model = model_at(L, -1);
    if (!model->has_batch || tensor->batch != model->batch || model->is_done)
        sw_lua_fail(L, SW_MISUSE, "backward: %s",
                    model->is_done && tensor->batch == model->batch
                        ? "this batch's gradients have been computed already"
                        : "the model has another batch by now; each batch's backward comes before "
                          "the next batch");
    model->is_done = 1;
    memcpy(tensor->of_batch->grad, tensor->x.grad, sw_tensor_count(&tensor->x) * sizeof(float));
    if (sw_graph_backward(model->graph) != SW_OK || sw_compute_interrupted(compute_of(model)))
        fail_of_graph(L, model);
    lua_pop(L, 1);
}

/* ---- without gradients ----------------------------------------------------------------------- */

enum { PART = 64 };

struct work {
    struct sw_gather gather;
    int has_gather;
    struct sw_encoded images, captions;
};

static void free_work(void *memory)
{
    struct work *work = memory;
    if (work->has_gather)
        sw_gather_free(&work->gather);
    sw_encoded_free(&work->images);
    sw_encoded_free(&work->captions);
    free(work);
}

/* Encodes images [range[0], range[0] + range[1]) and captions [range[2], + range[3]). */
static int encode(const struct sw_lua_model *model, struct work *work,
                  const struct sw_dataset *data, const size_t range[4], struct sw_error *error)
{
    struct sw_model *of = model->matcher->model;
    int status = sw_gather_new(&work->gather, data, compute_of(model), PART, PART, error);
    work->has_gather = status == SW_OK;
    for (size_t at = 0; at < range[1] && status == SW_OK; at += PART) {
        int part = range[1] - at < PART ? (int)(range[1] - at) : PART;
        status = sw_gather_images(&work->gather, range[0] + at, part, error);
        if (status == SW_OK)
            status = sw_encode_images(of, &work->gather.examples, &work->images, error);
    }
    for (size_t at = 0; at < range[3] && status == SW_OK; at += PART) {
        int part = range[3] - at < PART ? (int)(range[3] - at) : PART;
        status = sw_gather_captions(&work->gather, range[2] + at, part, error);
        if (status == SW_OK)
            status = sw_encode_captions(of, &work->gather.examples, &work->captions, error);
    }
    return status;
}

/* Arguments 3 to 6: first image, images, first caption, captions; pushes a box of the encodings. */
static struct work *encode_range(lua_State *L, const struct sw_lua_model *model, size_t range[4])
{
    struct sw_error error = {0};
    const struct sw_dataset *data = split_at(L, model, 2);
    for (int i = 0; i < 4; i++) {
        lua_Integer number = luaL_checkinteger(L, 3 + i);
        luaL_argcheck(L, number >= 0 && number <= INT_MAX, 3 + i, "out of range");
        range[i] = (size_t)number;
    }
    if (range[0] + range[1] > data->images || range[2] + range[3] > data->captions)
        sw_lua_fail(L, SW_MISUSE, "expected images below %d and captions below %d",
                    (int)data->images, (int)data->captions);
    struct sw_lua_box *box = sw_lua_box(L, free_work);
    struct work *work = box->value = calloc(1, sizeof *work);
    if (!work)
        sw_lua_fail(L, SW_FAILED, "out of memory for an encoding");
    if (encode(model, work, data, range, &error) != SW_OK)
        sw_lua_raise(L, &error);
    return work;
}

/* model:matrix(split, first image, images, first caption, captions): their scores (I,C) */
static int matrix(lua_State *L)
{
    size_t range[4];
    struct sw_error error = {0};
    const struct sw_lua_model *model = model_at(L, 1);
    const struct work *work = encode_range(L, model, range);
    int dim[2] = {(int)range[1], (int)range[3]};
    luaL_argcheck(L, dim[0] > 0 && dim[1] > 0, 4, "expected at least one image and one caption");
    struct sw_lua_tensor *out = sw_lua_new_tensor(L, 2, dim, 0, 0);
    if (sw_score_block(model->matcher->model, &work->images, &work->captions, 0, dim[0],
                       out->x.data, NULL, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 1;
}

/* model:fragments(split, first image, 1, 0, 0) or (split, 0, 0, caption, 1): the regions (k,D) of
 * an image, the words (n,D) of a caption */
static int fragments(lua_State *L)
{
    size_t range[4];
    const struct sw_lua_model *model = model_at(L, 1);
    const struct work *work = encode_range(L, model, range);
    const struct sw_encoded *of = range[1] ? &work->images : &work->captions;
    luaL_argcheck(L, of->groups == 1, 4, "expected one image or one caption");
    int D = sw_model_plan_of(model->matcher->model)->dim;
    struct sw_lua_tensor *out = sw_lua_new_tensor(L, 2, (int[]){of->count[0], D}, 0, 0);
    for (int f = 0; f < of->count[0]; f++) {
        size_t row = range[1] ? (size_t)sw_region_row(of->k, 0, f) : (size_t)(of->first[0] + f);
        memcpy(out->x.data + (size_t)f * (size_t)D, of->rows + row * (size_t)D,
               (size_t)D * sizeof(float));
    }
    return 1;
}

/* model:shown(split, image, 1, caption, 1): the weights that the stages show of the pair, by name:
 * {[name] = (rows, columns)} */
static int shown(lua_State *L)
{
    size_t range[4];
    struct sw_error error = {0};
    const struct sw_lua_model *model = model_at(L, 1);
    const struct work *work = encode_range(L, model, range);
    struct sw_attention attention;
    if (sw_show_pair(model->matcher->model, &work->images, &work->captions, 0, 0, &attention,
                     &error) != SW_OK)
        return sw_lua_raise(L, &error);
    lua_createtable(L, 0, attention.count);
    for (int i = 0; i < attention.count; i++) {
        const struct sw_shown *one = &attention.list[i];
        struct sw_lua_tensor *out = sw_lua_new_tensor(L, 2, (int[]){one->rows, one->columns}, 0, 0);
        memcpy(out->x.data, one->weights, (size_t)one->rows * (size_t)one->columns * sizeof(float));
        lua_setfield(L, -2, one->name);
    }
    return 1;
}

void sw_lua_open_models(lua_State *L)
{
    static const luaL_Reg functions[] = {{"model", new_model}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"close", close_model},     {"parameter", parameter}, {"sizes", sizes},
        {"order", order},           {"begin", begin},         {"batch_scores", batch_scores},
        {"batch_loss", batch_loss}, {"images", images},       {"matrix", matrix},
        {"fragments", fragments},   {"shown", shown},         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, MODEL, methods, close_model);
}
