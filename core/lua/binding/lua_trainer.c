/* lua_trainer.c -- training as a userdata that gives one event at a time. */
#include "lua/binding/session.h"

#include "lua/binding/results.h"
#include "train/trainer.h"

#define TRAINER "stepwise.trainer"

struct lua_trainer {
    struct sw_trainer *trainer; /* NULL: closed */
    struct sw_lua_session *session;
    int failed;
};

static struct lua_trainer *trainer_at(lua_State *L)
{
    struct lua_trainer *trainer = luaL_checkudata(L, 1, TRAINER);
    if (!trainer->trainer)
        sw_lua_fail(L, SW_MISUSE, "the trainer is closed");
    return trainer;
}

/* session:train(config, run [, {resume =, keep_state =, command =, id =, known = a list of
 * stamps}]): a trainer that writes to the run folder `run`, made by this call unless it resumes
 * one; nothing is trained yet. keep_state: the state stays when the run is done, for more epochs.
 * (sessions.lua adds before =, the folder's config when that ends elsewhere.) */
static int open_trainer(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_train_options options = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_settop(L, 4);
    const json_t *config = sw_lua_config_json(L, 2, "text");
    const char *run = luaL_checkstring(L, 3);
    if (!lua_isnoneornil(L, 4)) {
        luaL_checktype(L, 4, LUA_TTABLE);
        options.resume = sw_lua_switch_field(L, 4, "resume", 0);
        options.keep_state = sw_lua_switch_field(L, 4, "keep_state", 0);
        options.command = sw_lua_text_field(L, 4, "command", NULL);
        options.id = sw_lua_text_field(L, 4, "id", NULL);
        if (lua_getfield(L, 4, "known") == LUA_TTABLE)
            options.known = sw_lua_to_json(L, -1);
        if (lua_getfield(L, 4, "before") != LUA_TNIL)
            options.before = sw_lua_config_json(L, -1, "hashed_text");
    }
    options.portable = sw_lua_config_json(L, 2, "portable_text");
    options.hashed = sw_lua_config_json(L, 2, "hashed_text");
    options.endless = sw_lua_config_json(L, 2, "endless_text");
    struct lua_trainer *trainer = lua_newuserdatauv(L, sizeof *trainer, 1);
    *trainer = (struct lua_trainer){.session = session};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, TRAINER);
    if (sw_trainer_open(&trainer->trainer, session->session, config, run, &options, &error) !=
        SW_OK)
        return sw_lua_raise(L, &error);
    session->users++;
    return 1;
}

/* trainer:close(): does not save; what the run folder holds stays good. */
static int close_trainer(lua_State *L)
{
    struct lua_trainer *trainer = luaL_checkudata(L, 1, TRAINER);
    if (trainer->trainer) {
        sw_trainer_close(trainer->trainer);
        trainer->trainer = NULL;
        trainer->session->users--;
    }
    return 0;
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void push_event(lua_State *L, const struct sw_event *event)
{
    static const char *const kinds[] = {"", "step", "evaluated", "warning", "done"};
    lua_createtable(L, 0, 20);
    lua_pushstring(L, kinds[event->kind]);
    lua_setfield(L, -2, "kind");
    set_integer(L, "step", event->step);
    set_integer(L, "total_steps", event->total_steps);
    set_integer(L, "epoch", event->epoch);
    set_integer(L, "epochs", event->epochs);
    set_integer(L, "step_in_epoch", event->step_in_epoch);
    set_integer(L, "steps_in_epoch", event->steps_in_epoch);
    set_number(L, "seconds", event->seconds);
    if (event->kind == SW_EVENT_STEP) {
        set_integer(L, "samples", event->samples);
        set_number(L, "loss", event->loss);
        set_number(L, "loss_per_sample", event->loss_per_sample);
        set_number(L, "grad_norm", event->grad_norm);
        set_number(L, "lr", event->lr);
        set_number(L, "samples_per_second", event->samples_per_second);
        set_number(L, "data_seconds", event->data_seconds);
    } else if (event->kind == SW_EVENT_EVALUATED) {
        sw_lua_push_metrics(L, &event->metrics);
        lua_setfield(L, -2, "dev");
        lua_pushboolean(L, event->best);
        lua_setfield(L, -2, "best");
    } else if (event->kind == SW_EVENT_WARNING) {
        lua_pushstring(L, event->text);
        lua_setfield(L, -2, "text");
    } else {
        if (event->has_dev) {
            sw_lua_push_metrics(L, &event->best_dev);
            lua_setfield(L, -2, "dev");
            set_integer(L, "best_step", event->best_step);
            set_integer(L, "best_epoch", event->best_epoch);
        }
        if (event->has_test) {
            sw_lua_push_metrics(L, &event->metrics);
            lua_setfield(L, -2, "test");
        }
        set_number(L, "total_seconds", event->total_seconds);
    }
}

/* trainer:next(): one step or evaluation; an event {kind =, step =, total_steps =, epoch = from 0,
 * epochs =, step_in_epoch = from 1, steps_in_epoch =, seconds = of this event, ..}. kind "step" has
 * samples, loss (summed over the batch), loss_per_sample, grad_norm (before clipping), lr,
 * samples_per_second, data_seconds; "evaluated" has dev (the metrics) and best; "warning" has text;
 * "done" has dev, test, best_step, best_epoch, total_seconds. {kind = "interrupted"}: a signal
 * ended it early; the trainer can be saved and closed. */
static int next_event(lua_State *L)
{
    struct sw_event event = {0};
    struct sw_error error = {0};
    struct lua_trainer *trainer = trainer_at(L);
    if (trainer->failed)
        return sw_lua_fail(L, SW_MISUSE, "the trainer has failed; it can only be closed");
    int status = sw_trainer_next(trainer->trainer, &event, &error);
    if (status == SW_INTERRUPTED) {
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "interrupted");
        lua_setfield(L, -2, "kind");
        return 1;
    }
    if (status != SW_OK) {
        trainer->failed = 1;
        return sw_lua_raise(L, &error);
    }
    push_event(L, &event);
    return 1;
}

/* trainer:save(): writes all that is needed to resume. */
static int save(lua_State *L)
{
    struct sw_error error = {0};
    struct lua_trainer *trainer = trainer_at(L);
    if (trainer->failed)
        return sw_lua_fail(L, SW_MISUSE, "the trainer has failed; it can only be closed");
    if (sw_trainer_save(trainer->trainer, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

/* trainer:path(): the run folder's. */
static int path(lua_State *L)
{
    lua_pushstring(L, sw_trainer_path(trainer_at(L)->trainer));
    return 1;
}

/* trainer:words(): what its vocabulary and vectors cover, as in train/inputs.h; nil for a run that
 * was done before. */
static int words(lua_State *L)
{
    const struct lua_trainer *trainer = trainer_at(L);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_trainer_words(trainer->trainer);
    if (box->value)
        sw_lua_push_json(L, box->value);
    else
        lua_pushnil(L);
    sw_lua_box_empty(box);
    return 1;
}

/* trainer:config(): the run's config, as a plain table. */
static int config_of(lua_State *L)
{
    sw_lua_push_json(L, sw_trainer_config(trainer_at(L)->trainer));
    return 1;
}

/* trainer:inputs(): {has_test = (nil where the run was done before), check_seconds = how long
 * reading all values took} */
static int inputs_of(lua_State *L)
{
    const struct sw_trainer *trainer = trainer_at(L)->trainer;
    const struct sw_inputs *inputs = sw_trainer_inputs(trainer);
    lua_createtable(L, 0, 2);
    if (inputs->has_train) {
        lua_pushboolean(L, inputs->test_count > 0);
        lua_setfield(L, -2, "has_test");
    }
    set_number(L, "check_seconds", sw_trainer_check_seconds(trainer));
    return 1;
}

void sw_lua_open_trainer(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"next", next_event},  {"save", save},   {"close", close_trainer}, {"path", path},
        {"config", config_of}, {"words", words}, {"inputs", inputs_of},    {NULL, NULL}};
    static const luaL_Reg of_session[] = {{"train", open_trainer}, {NULL, NULL}};
    sw_lua_class(L, TRAINER, methods, close_trainer);
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
