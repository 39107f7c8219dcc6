/* lua_trainer.c -- a model in training, for core/lua/run/trainer.lua: steps, evaluations, tensors.
 */
#include "lua/binding/lua_session.h"

#include "lua/binding/results.h"
#include "train/ranks.h"
#include "train/trainer.h"

#include <stdlib.h>

#define MODEL "stepwise.training"

enum { MOST_KEYS = 8 };

struct training {
    struct sw_trainer *trainer; /* NULL: closed */
    struct sw_lua_session *session;
    struct sw_ranks ranks; /* of the last evaluation */
};

static struct training *training_at(lua_State *L)
{
    struct training *training = luaL_checkudata(L, 1, MODEL);
    if (!training->trainer)
        sw_lua_fail(L, SW_MISUSE, "the trainer is closed");
    return training;
}

static struct sw_trainer *trainer_at(lua_State *L)
{
    return training_at(L)->trainer;
}

static int done(lua_State *L, int status, const struct sw_error *error)
{
    return status == SW_OK ? 0 : sw_lua_raise(L, error);
}

/* training(session, config, inputs, values_follow): see train/trainer.h; step 0. */
static int new_training(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    struct sw_inputs *inputs = sw_lua_inputs_at(L, 3);
    int follow = lua_toboolean(L, 4);
    const json_t *config = sw_lua_config_json(L, 2);
    struct training *training = lua_newuserdatauv(L, sizeof *training, 3);
    *training = (struct training){.session = session};
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, i == 1 ? 1 : 3);
        lua_setiuservalue(L, -2, i);
    }
    luaL_setmetatable(L, MODEL);
    if (sw_trainer_new(&training->trainer, session->session, config, inputs, follow, &error) !=
        SW_OK)
        return sw_lua_raise(L, &error);
    session->users++;
    return 1;
}

static int close_training(lua_State *L)
{
    struct training *training = luaL_checkudata(L, 1, MODEL);
    if (training->trainer) {
        sw_trainer_free(training->trainer);
        training->trainer = NULL;
        training->session->users--;
    }
    sw_ranks_free(&training->ranks);
    return 0;
}

/* training:steps(): of an epoch, and of the whole run */
static int steps(lua_State *L)
{
    const struct sw_trainer *trainer = trainer_at(L);
    lua_pushinteger(L, sw_trainer_steps_in_epoch(trainer));
    lua_pushinteger(L, sw_trainer_total_steps(trainer));
    return 2;
}

static int start_from(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_trainer *trainer = trainer_at(L);
    return done(L, sw_trainer_start_from(trainer, luaL_checkstring(L, 2), &error), &error);
}

/* training:step(): struct sw_trained_step as a table; nil when a signal ended it early. */
static int step(lua_State *L)
{
    struct sw_trained_step one;
    struct sw_error error = {0};
    int status = sw_trainer_step(trainer_at(L), &one, &error);
    if (status == SW_INTERRUPTED)
        return 0;
    if (status != SW_OK)
        return sw_lua_raise(L, &error);
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"loss", one.loss},
                   {"grad_norm", one.grad_norm},
                   {"lr", one.lr},
                   {"seconds", one.seconds},
                   {"data_seconds", one.data_seconds}};
    lua_createtable(L, 0, 16); /* with what the event adds */
    sw_lua_set_integer(L, "samples", one.samples);
    sw_lua_set_integer(L, "touched_count", one.touched);
    if (one.exchanged)
        sw_lua_set_integer(L, "exchanged", (lua_Integer)one.exchanged);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        lua_pushnumber(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
    return 1;
}

/* training:evaluate([i]): the metrics on test set i, or on dev; nil when a signal ended it early.
 */
static int evaluate(lua_State *L)
{
    struct sw_metrics metrics;
    struct sw_error error = {0};
    struct training *training = training_at(L);
    lua_Integer test = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, test >= 0 && test <= INT32_MAX, 2, "out of range");
    sw_ranks_free(&training->ranks);
    int status =
        sw_trainer_evaluate(training->trainer, (int)test - 1, &metrics, &training->ranks, &error);
    if (status == SW_INTERRUPTED)
        return 0;
    if (status != SW_OK)
        return sw_lua_raise(L, &error);
    sw_lua_push_metrics(L, &metrics);
    return 1;
}

/* training:save_ranks(path): of the last evaluation. */
static int save_ranks(lua_State *L)
{
    struct sw_error error = {0};
    const struct training *training = training_at(L);
    return done(L, sw_ranks_write(luaL_checkstring(L, 2), &training->ranks, &error), &error);
}

/* training:save_model(path, portable) */
static int save_model(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_trainer *trainer = trainer_at(L);
    const char *path = luaL_checkstring(L, 2), *portable = luaL_checkstring(L, 3);
    return done(L, sw_trainer_save_model(trainer, path, portable, &error), &error);
}

static int restore_model(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_trainer *trainer = trainer_at(L);
    return done(L, sw_trainer_restore_model(trainer, luaL_checkstring(L, 2), &error), &error);
}

/* training:save(path, progress, key) */
static int save(lua_State *L)
{
    struct sw_error error = {0};
    const struct sw_trainer *trainer = trainer_at(L);
    const char *path = luaL_checkstring(L, 2), *progress = luaL_checkstring(L, 3);
    return done(L, sw_trainer_save(trainer, path, progress, luaL_checkstring(L, 4), &error),
                &error);
}

/* training:load(path, key, ..): the progress that was saved under one of the keys; still step 0. */
static int load(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_trainer *trainer = trainer_at(L);
    const char *keys[MOST_KEYS + 1] = {NULL}, *path = luaL_checkstring(L, 2);
    int count = lua_gettop(L) - 2;
    luaL_argcheck(L, count >= 1 && count <= MOST_KEYS, 3, "expected keys");
    for (int i = 0; i < count; i++)
        keys[i] = luaL_checkstring(L, 3 + i);
    struct sw_lua_box *box = sw_lua_box(L, free);
    char *progress;
    if (sw_trainer_load(trainer, path, keys, &progress, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    box->value = progress;
    lua_pushstring(L, progress);
    sw_lua_box_empty(box);
    return 1;
}

/* training:seek(step): so many are done. */
static int seek(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_trainer *trainer = trainer_at(L);
    return done(L, sw_trainer_seek(trainer, luaL_checkinteger(L, 2), &error), &error);
}

/* training:join(peers): its steps and evaluations are theirs, too. */
static int join_peers(lua_State *L)
{
    struct sw_trainer *trainer = trainer_at(L);
    sw_trainer_join(trainer, sw_lua_peers_at(L, 2));
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 3);
    return 0;
}

/* training:follow(): does what process 0 does, until it ends or one of them is stopped. */
static int follow(lua_State *L)
{
    struct sw_error error = {0};
    int status = sw_trainer_follow(trainer_at(L), &error);
    return done(L, status == SW_INTERRUPTED ? SW_OK : status, &error);
}

/* training:dismiss(): nothing more is asked of the others. */
static int dismiss(lua_State *L)
{
    sw_trainer_dismiss(trainer_at(L));
    return 0;
}

void sw_lua_open_trainer(lua_State *L)
{
    static const luaL_Reg methods[] = {{"steps", steps},
                                       {"start_from", start_from},
                                       {"step", step},
                                       {"evaluate", evaluate},
                                       {"save_ranks", save_ranks},
                                       {"save_model", save_model},
                                       {"restore_model", restore_model},
                                       {"save", save},
                                       {"load", load},
                                       {"seek", seek},
                                       {"join", join_peers},
                                       {"follow", follow},
                                       {"dismiss", dismiss},
                                       {"close", close_training},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"training", new_training}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, MODEL, methods, close_training);
}
