/* trainer.c -- see trainer.h: what is due next, and saving. */
#include "train/trainer_parts.h"

#include <stdio.h>
#include <stdlib.h>

void sw_trainer_place(const struct sw_trainer *t, struct sw_event *event)
{
    int64_t last = t->progress.step > 0 ? t->progress.step - 1 : 0;
    event->step = t->progress.step;
    event->total_steps = t->total_steps;
    event->epoch = (int)(last / t->steps_in_epoch);
    event->epochs = t->settings.epochs;
    event->step_in_epoch = t->progress.step ? last % t->steps_in_epoch + 1 : 0;
    event->steps_in_epoch = t->steps_in_epoch;
}

/* This process stood still for so long that another one goes on with the run. */
static int lost(const struct sw_trainer *t, struct sw_error *error)
{
    return sw_fail(error, SW_FAILED, "another process has taken over the run folder %s",
                   sw_folder_path(t->folder));
}

static int is_saved(const struct sw_trainer *t)
{
    return t->saved == t->progress.step && t->saved_evaluated == t->progress.evaluated;
}

int sw_trainer_save(struct sw_trainer *t, struct sw_error *error)
{
    if (t->done || is_saved(t))
        return SW_OK;
    if (t->failed)
        return sw_fail(error, SW_FAILED,
                       "a run that has failed is not saved: %s keeps its last state",
                       sw_folder_path(t->folder));
    if (sw_folder_lost(t->folder))
        return lost(t, error);
    /* First the lines, then the state that says they are there. */
    int status = sw_folder_sync(t->folder, error);
    char *path = status == SW_OK ? sw_folder_file(t->folder, "state.safetensors") : NULL;
    if (status == SW_OK && !path)
        status = sw_fail(error, SW_FAILED, "out of memory for saving a state");
    if (status == SW_OK)
        status = sw_state_save(path, t->matcher->model, t->first, t->second, &t->progress,
                               t->state_key, error);
    free(path);
    if (status == SW_OK && t->saved < 0) /* from now on a missing state is one that was lost */
        status = sw_folder_log(t->folder, t->progress.step, "saved", NULL, error);
    if (status == SW_OK) {
        t->saved = t->progress.step;
        t->saved_evaluated = t->progress.evaluated;
        t->saved_when = sw_seconds();
    }
    return status;
}

static int evaluation_is_due(const struct sw_trainer *t)
{
    const struct sw_progress *p = &t->progress;
    if (!t->inputs.has_dev || p->step == 0 || p->evaluated == p->step)
        return 0;
    if (p->step == t->total_steps)
        return 1;
    return t->settings.eval_every ? p->step % t->settings.eval_every == 0 : p->position == 0;
}

static int save_is_due(const struct sw_trainer *t)
{
    const struct sw_settings *s = &t->settings;
    const struct sw_progress *p = &t->progress;
    if (p->step == 0 || is_saved(t))
        return 0;
    if (t->saved == p->step) /* what came since is an evaluation, which a resumed run does again */
        return p->step == t->total_steps;
    return p->position == 0 || p->step == t->total_steps || evaluation_is_due(t) ||
           (s->checkpoint_every && p->step % s->checkpoint_every == 0) ||
           (s->checkpoint_seconds && sw_seconds() - t->saved_when >= s->checkpoint_seconds);
}

static int warning(struct sw_trainer *t, struct sw_event *event, struct sw_error *error)
{
    t->warn = 0;
    sw_trainer_place(t, event);
    event->kind = SW_EVENT_WARNING;
    snprintf(event->text, sizeof event->text,
             "the loss has stayed at %.3g a sample, twice the margin, for %lld steps: the model "
             "scores all pairs alike, and the hardest negatives do not lead out of it; try "
             "warmup_epochs=%d or more",
             2 * t->settings.margin, (long long)t->progress.collapse,
             t->settings.warmup_epochs + 1);
    return sw_folder_log(t->folder, t->progress.step, "warning",
                         json_pack("{s:s}", "text", event->text), error);
}

int sw_trainer_next(struct sw_trainer *t, struct sw_event *event, struct sw_error *error)
{
    *event = (struct sw_event){0};
    int status = SW_OK;
    if (t->failed)
        return sw_fail(error, SW_FAILED,
                       "the run has failed; it can be resumed from its last state");
    if (t->interrupted)
        return sw_fail(error, SW_FAILED, "the run was interrupted; it can be resumed");
    if (t->done) {
        *event = t->last;
        return SW_OK;
    }
    if (sw_folder_lost(t->folder)) {
        status = lost(t, error);
    } else if (t->warn) {
        status = warning(t, event, error);
    } else {
        if (save_is_due(t)) /* before an evaluation, too: it may take longer than a killer waits */
            status = sw_trainer_save(t, error);
        if (status == SW_OK && evaluation_is_due(t)) {
            status = sw_trainer_evaluate(t, event, error);
        } else if (status == SW_OK && t->progress.step < t->total_steps) {
            status = sw_trainer_step(t, event, error);
        } else if (status == SW_OK) {
            status = sw_trainer_finish(t, error);
            *event = t->last;
        }
    }
    t->interrupted = status == SW_INTERRUPTED;
    t->failed = status != SW_OK && !t->interrupted;
    return status;
}

const char *sw_trainer_path(const struct sw_trainer *trainer)
{
    return sw_folder_path(trainer->folder);
}

const json_t *sw_trainer_config(const struct sw_trainer *trainer)
{
    return trainer->config;
}

const struct sw_inputs *sw_trainer_inputs(const struct sw_trainer *trainer)
{
    return &trainer->inputs;
}

double sw_trainer_check_seconds(const struct sw_trainer *trainer)
{
    return trainer->check_seconds;
}

const struct sw_model *sw_trainer_model(const struct sw_trainer *trainer)
{
    return trainer->matcher ? trainer->matcher->model : NULL;
}
