/* trainer_finish.c -- what is kept of a run: the best model, and the result. */
#include "train/trainer_parts.h"

#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/numbers.h"
#include "train/provenance.h"
#include "train/ranks.h"
#include "train/test_sets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char best_name[] = "checkpoint.safetensors";
static const char last_name[] = "checkpoint-last.safetensors";

/* Of result.json. 1, which had no number: one test set, no split at the metrics. */
enum { RESULT_FORMAT = 2 };

static int save_model(const struct sw_trainer *t, const char *name, struct sw_error *error)
{
    char *path = sw_folder_file(t->folder, name);
    if (!path)
        return sw_fail(error, SW_FAILED, "out of memory for saving %s", name);
    int status =
        sw_checkpoint_save(path, t->matcher->model, t->portable, &t->inputs.vocabulary, error);
    free(path);
    return status;
}

/* Frees the ranks, too. */
static int keep_ranks(const struct sw_trainer *t, const char *name, struct sw_ranks *ranks,
                      struct sw_error *error)
{
    char *path = sw_folder_file(t->folder, name);
    int status = path ? sw_ranks_write(path, ranks, error)
                      : sw_fail(error, SW_FAILED, "out of memory for saving %s", name);
    free(path);
    sw_ranks_free(ranks);
    return status;
}

static int log_metrics(struct sw_trainer *t, const char *kind, const struct sw_metrics *m,
                       struct sw_error *error)
{
    struct sw_event place = {0};
    sw_trainer_place(t, &place);
    struct sw_row row = {
        .step = place.step,
        .epoch = place.epoch,
        .kind = kind,
        .loss = NAN,
        .loss_per_sample = NAN,
        .grad_norm = NAN,
        .lr = NAN,
        .i2t_r1 = m->i2t_r1,
        .i2t_r5 = m->i2t_r5,
        .i2t_r10 = m->i2t_r10,
        .t2i_r1 = m->t2i_r1,
        .t2i_r5 = m->t2i_r5,
        .t2i_r10 = m->t2i_r10,
        .rsum = m->rsum,
        .seconds = t->progress.seconds,
    };
    int status = sw_folder_row(t->folder, &row, error);
    if (status != SW_OK)
        return status;
    json_t *entry = json_pack("{s:s, s:i, s:o}", "split", kind, "epoch", place.epoch, "metrics",
                              sw_metrics_json(m));
    return sw_folder_log(t->folder, place.step, "evaluated", entry, error);
}

int sw_trainer_evaluate(struct sw_trainer *t, struct sw_event *event, struct sw_error *error)
{
    struct sw_progress *p = &t->progress;
    struct sw_view view = {t->matcher->model, &t->inputs.dev};
    double began = sw_seconds();
    struct sw_metrics metrics;
    struct sw_ranks ranks = {0};
    int status = sw_evaluate(t->session, &view, 1, NULL, &metrics, &ranks, error);
    if (status != SW_OK) {
        sw_error_within(error, "step %lld, evaluation", (long long)p->step);
        return status;
    }
    sw_trainer_place(t, event);
    event->kind = SW_EVENT_EVALUATED;
    event->metrics = metrics;
    event->best = p->best_step < 0 || metrics.rsum > p->best.rsum;
    event->seconds = sw_seconds() - began;
    p->seconds += event->seconds;
    p->evaluated = p->step;
    status = log_metrics(t, "dev", &metrics, error);
    if (status == SW_OK && event->best) {
        p->best = metrics;
        p->best_step = p->step;
        p->best_epoch = event->epoch;
        status = save_model(t, best_name, error);
        if (status == SW_OK)
            status = keep_ranks(t, "ranks-dev.npy", &ranks, error);
    }
    sw_ranks_free(&ranks);
    return status;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Metrics with the split that they are of. */
static json_t *metrics_on(const struct sw_metrics *metrics, const char *split)
{
    json_t *object = sw_metrics_json(metrics);
    if (object && json_object_set_new(object, "split", json_string(split)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Evaluates `model` on one test set and adds what it gave to the object `found`, by its name. */
static int test_on(struct sw_trainer *t, struct sw_model *model, const struct sw_test *one,
                   json_t *found, struct sw_error *error)
{
    const struct sw_test_set *set = &one->set;
    struct sw_metrics metrics;
    struct sw_ranks ranks = {0};
    struct sw_evaluate_options options = {.folds = set->folds};
    struct sw_view view = {model, &one->data};
    char name[80];
    snprintf(name, sizeof name, "ranks-%s.npy", set->file);
    int status = sw_evaluate(t->session, &view, 1, &options, &metrics, &ranks, error);
    if (status == SW_OK)
        status = keep_ranks(t, name, &ranks, error);
    if (status != SW_OK)
        return status;
    json_t *entry = metrics_on(&metrics, set->split);
    int whole = entry && json_object_set_new(entry, "ranks", json_string(name)) == 0;
    if (whole && json_object_set_new(found, *set->name ? set->name : set->file, entry) == 0)
        return log_metrics(t, set->file, &metrics, error);
    if (!whole)
        json_decref(entry);
    return sw_fail(error, SW_FAILED, "out of memory for the metrics on '%s'", set->split);
}

/* All test sets, with the best model as it is on disk: {NAME = metrics, split and ranks file}; NULL
 * after an error. */
static json_t *test(struct sw_trainer *t, struct sw_error *error)
{
    const struct sw_inputs *in = &t->inputs;
    struct sw_matcher *matcher = NULL;
    json_t *found = json_object();
    char *best = sw_folder_file(t->folder, best_name);
    int status = found && best ? SW_OK : sw_fail(error, SW_FAILED, "out of memory for a test");
    if (status == SW_OK && in->test_count)
        status = sw_checkpoint_load(&matcher, t->session, best, t->config, error);
    for (size_t i = 0; i < in->test_count && status == SW_OK; i++)
        status = test_on(t, matcher->model, &in->tests[i], found, error);
    sw_matcher_free(matcher);
    free(best);
    if (status == SW_OK)
        return found;
    json_decref(found);
    return NULL;
}

/* The first test set's metrics of a result, for the event; 0 where it has none. */
static int first_test(const json_t *result, struct sw_metrics *out)
{
    const json_t *sets = json_object_get(result, "tests");
    const json_t *one = json_object_iter_value(json_object_iter((json_t *)(size_t)sets));
    return sw_metrics_read(one ? one : json_object_get(result, "test"), out);
}

/* "test": the test set without a name; "tests": those that data.tests names. Takes `tests`. */
static json_t *result_of(const struct sw_trainer *t, const struct sw_event *e, json_t *tests)
{
    const struct sw_settings *s = &t->settings;
    json_t *dev = e->has_dev ? metrics_on(&e->best_dev, s->dev_split) : json_null();
    json_t *unnamed = json_object_get(tests, "test");
    int named = json_array_size(s->tests) > 0;
    json_t *result =
        json_pack("{s:i, s:s, s:s, s:s?, s:I, s:I, s:i, s:I, s:i, s:o, s:O, s:f, s:b}", "format",
                  RESULT_FORMAT, "name", s->name, "key", t->key, "id", *t->id ? t->id : NULL,
                  "seed", (json_int_t)s->seed, "steps", (json_int_t)e->step, "epochs", s->epochs,
                  "best_step", (json_int_t)e->best_step, "best_epoch", e->best_epoch, "dev", dev,
                  "test", !named && unnamed ? unnamed : json_null(), "seconds", e->total_seconds,
                  "generated", t->inputs.generated);
    if (result && named && json_object_set(result, "tests", tests) != 0) {
        json_decref(result);
        result = NULL;
    }
    json_decref(tests);
    return result;
}

/* The end of this process's part, now that it is known. */
static int end_provenance(struct sw_trainer *t, struct sw_error *error)
{
    json_t *parts = json_object_get(t->provenance, "parts");
    json_t *part = json_array_get(parts, json_array_size(parts) - 1);
    char when[32];
    sw_time_text(when);
    if (json_object_set_new(part, "ended", json_string(when)))
        return sw_fail(error, SW_FAILED, "out of memory for provenance.json");
    return sw_folder_write_json(t->folder, "provenance.json", t->provenance, error);
}

/* result.json is written last: whoever finds it finds all the rest. */
int sw_trainer_finish(struct sw_trainer *t, struct sw_error *error)
{
    struct sw_progress *p = &t->progress;
    struct sw_event e = {.kind = SW_EVENT_DONE};
    double began = sw_seconds();
    sw_trainer_place(t, &e);
    int status = save_model(t, last_name, error);
    if (status == SW_OK && !t->inputs.has_dev) {
        p->best_step = p->step;
        p->best_epoch = e.epoch;
        status = save_model(t, best_name, error);
    }
    json_t *tests = status == SW_OK ? test(t, error) : NULL;
    if (status == SW_OK && !tests)
        status = SW_FAILED;
    p->seconds += sw_seconds() - began;
    e.has_dev = t->inputs.has_dev;
    e.best_dev = p->best;
    e.best_step = p->best_step;
    e.best_epoch = (int)p->best_epoch;
    e.total_seconds = p->seconds;
    if (status == SW_OK)
        status = sw_folder_log(t->folder, p->step, "done",
                               json_pack("{s:I}", "best_step", (json_int_t)p->best_step), error);
    if (status == SW_OK)
        status = sw_folder_sync(t->folder, error);
    if (status == SW_OK)
        status = end_provenance(t, error);
    json_t *result = tests ? result_of(t, &e, tests) : NULL;
    e.has_test = first_test(result, &e.metrics);
    if (status == SW_OK && !result)
        status = sw_fail(error, SW_FAILED, "out of memory for result.json");
    if (status == SW_OK)
        status = sw_folder_write_json(t->folder, "result.json", result, error);
    json_decref(result);
    if (status != SW_OK)
        return status;
    char *state = t->keep_state ? NULL : sw_folder_file(t->folder, "state.safetensors");
    if (state)
        unlink(state); /* nothing will go on from it; a leftover does no harm */
    free(state);
    t->last = e;
    t->done = 1;
    return SW_OK;
}

int sw_trainer_recall(struct sw_trainer *t, struct sw_error *error)
{
    json_t *result = sw_folder_read_json(t->folder, "result.json", error);
    if (!result)
        return SW_FAILED;
    struct sw_event *e = &t->last;
    const json_t *steps = json_object_get(result, "steps");
    *e = (struct sw_event){.kind = SW_EVENT_DONE, .epochs = t->settings.epochs};
    e->step = e->total_steps = json_integer_value(steps);
    e->best_step = json_integer_value(json_object_get(result, "best_step"));
    e->best_epoch = (int)json_integer_value(json_object_get(result, "best_epoch"));
    e->total_seconds = json_number_value(json_object_get(result, "seconds"));
    e->has_dev = sw_metrics_read(json_object_get(result, "dev"), &e->best_dev);
    e->has_test = first_test(result, &e->metrics);
    int good = json_is_integer(steps);
    json_int_t format = json_integer_value(json_object_get(result, "format"));
    json_decref(result);
    if (format > RESULT_FORMAT)
        return sw_fail(error, SW_FAILED,
                       "%s/result.json: expected format %d or older, found %lld: a newer version "
                       "wrote it",
                       sw_folder_path(t->folder), RESULT_FORMAT, (long long)format);
    if (!good)
        return sw_fail(error, SW_FAILED,
                       "%s/result.json: expected the result of a run, found "
                       "something else",
                       sw_folder_path(t->folder));
    t->done = 1;
    return SW_OK;
}
