/* trainer.c -- see trainer.h. */
#include "train/trainer.h"

#include "base/clock.h"
#include "tensor/tape/random.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/gather.h"
#include "train/optimiser.h"
#include "train/state.h"
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sw_trainer {
    struct sw_session *session;
    json_t *config; /* owns the settings' texts */
    struct sw_settings settings;
    struct sw_inputs *inputs;
    struct sw_matcher *matcher;
    struct sw_graph *graph;
    struct sw_gather gather;
    float *first, *second; /* moments, one for each trained number */
    struct sw_adam adam;
    uint32_t *order; /* the captions of epoch `order_epoch` */
    uint32_t *pairs; /* the captions of one batch, each as often as it has views */
    int64_t order_epoch;
    int64_t steps_in_epoch, total_steps;
    int64_t step;           /* steps done */
    int is_restored;        /* the model is a checkpoint's, for evaluation */
    struct sw_peers *peers; /* NULL: alone */
    int peers_know;         /* they have these parameters, moments and steps */
};

/* What a step needs, all of it now: a running step takes no memory from the system. */
static int make_room(struct sw_trainer *t, struct sw_error *error)
{
    const struct sw_settings *s = &t->settings;
    size_t captions = t->inputs->train.captions, trained;
    float *values, *gradients;
    int most = (size_t)s->batch < captions ? s->batch : (int)captions;
    most *= s->views;
    int status =
        sw_gather_new(&t->gather, &t->inputs->train, t->session->compute, most, most, error);
    if (status != SW_OK)
        return status;
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    t->first = calloc(trained + 1, sizeof *t->first);
    t->second = calloc(trained + 1, sizeof *t->second);
    t->order = malloc(captions * sizeof *t->order);
    t->pairs = malloc((size_t)most * sizeof *t->pairs);
    t->order_epoch = -1;
    t->graph = sw_graph_new(sw_host_table(), t->session->compute, t->session->ops, error);
    if (!t->first || !t->second || !t->order || !t->pairs || !t->graph)
        return sw_fail(error, SW_FAILED, "out of memory for training %zu numbers on %zu captions",
                       trained, captions);
    /* The last batch of an epoch may be smaller, but one pair has no negative. */
    t->steps_in_epoch = (int64_t)(captions / (size_t)s->batch) + (captions % (size_t)s->batch >= 2);
    t->total_steps = t->steps_in_epoch * s->epochs;
    if (s->max_steps && s->max_steps < t->total_steps)
        t->total_steps = s->max_steps;
    return sw_trainer_seek(t, 0, error);
}

int sw_trainer_seek(struct sw_trainer *t, int64_t step, struct sw_error *error)
{
    float *values, *gradients;
    size_t trained;
    if (step < 0 || step > t->total_steps)
        return sw_fail(error, SW_MISUSE, "expected a step of 0 to %lld, found %lld",
                       (long long)t->total_steps, (long long)step);
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    t->adam = sw_adam_new(t->first, t->second, trained, (uint64_t)step);
    t->adam.decay = t->settings.weight_decay;
    t->step = step;
    t->peers_know = 0;
    return SW_OK;
}

int sw_trainer_new(struct sw_trainer **out, struct sw_session *session, const json_t *config,
                   struct sw_inputs *inputs, int values_follow, struct sw_error *error)
{
    *out = NULL;
    struct sw_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return sw_fail(error, SW_FAILED, "out of memory for a run");
    t->session = session;
    t->config = json_incref((json_t *)(uintptr_t)config);
    t->inputs = inputs;
    sw_config_settings(t->config, &t->settings);
    int status = sw_inputs_matcher(inputs, &t->matcher, session, config, values_follow, error);
    if (status == SW_OK)
        status = make_room(t, error);
    if (status != SW_OK)
        sw_trainer_free(t);
    else
        *out = t;
    return status;
}

void sw_trainer_free(struct sw_trainer *t)
{
    if (!t)
        return;
    if (t->graph)
        sw_graph_free(t->graph);
    sw_gather_free(&t->gather);
    sw_matcher_free(t->matcher);
    json_decref(t->config);
    free(t->first);
    free(t->second);
    free(t->order);
    free(t->pairs);
    free(t);
}

const struct sw_model *sw_trainer_model(const struct sw_trainer *trainer)
{
    return trainer->matcher->model;
}

int64_t sw_trainer_steps_in_epoch(const struct sw_trainer *trainer)
{
    return trainer->steps_in_epoch;
}

int64_t sw_trainer_total_steps(const struct sw_trainer *trainer)
{
    return trainer->total_steps;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A checkpoint's words must be the run's, each with its id: a table of the same size says nothing.
 */
static int check_init_words(const struct sw_trainer *t, const char *checkpoint,
                            struct sw_error *error)
{
    const struct sw_vocabulary *ours = &t->inputs->vocabulary;
    struct sw_vocabulary theirs;
    size_t count = ours->words.count;
    int status = sw_checkpoint_vocabulary(&theirs, checkpoint, NULL, (int)count, error);
    for (size_t i = 0; i < count && status == SW_OK; i++) {
        const char *here = sw_vocabulary_word(ours, (int32_t)i);
        const char *there = sw_vocabulary_word(&theirs, (int32_t)i);
        if (strcmp(here, there) != 0)
            status =
                sw_fail(error, SW_FAILED,
                        "%s: expected the run's vocabulary beside it (--vocab), found '%.60s' as "
                        "word %zu where the run has '%.60s'",
                        checkpoint, there, i, here);
    }
    sw_vocabulary_free(&theirs);
    return status;
}

/* Appends names of one kind of mismatch to `out`, as "; WHAT a, b". */
static void list_names(char *out, size_t size, const char *what, const char *name, int first)
{
    size_t used = strlen(out);
    if (used < size)
        snprintf(out + used, size - used, "%s%s%s", first ? "; " : ", ", first ? what : "", name);
}

/* The parameters of the checkpoint and of the model must be the same, by name. */
static int check_names(const struct sw_safetensors *file, const struct sw_model *model,
                       struct sw_error *error)
{
    char list[768] = "";
    int missing = 0, more = 0;
    for (int i = 0; i < sw_model_parameters(model); i++) {
        const char *name = sw_model_parameter(model, i)->name;
        if (!sw_safetensors_find(file, name))
            list_names(list, sizeof list, "it lacks ", name, missing++ == 0);
    }
    for (size_t i = 0; i < file->count; i++)
        if (!sw_model_find_parameter(model, file->entries[i].name))
            list_names(list, sizeof list, "the run's model lacks ", file->entries[i].name,
                       more++ == 0);
    return missing + more
               ? sw_fail(error, SW_FAILED, "%s: expected the parameters of the run's model%s",
                         file->path, list)
               : SW_OK;
}

int sw_trainer_start_from(struct sw_trainer *t, const char *checkpoint, struct sw_error *error)
{
    struct sw_safetensors file;
    int status = sw_safetensors_open(&file, checkpoint, error);
    if (status == SW_OK)
        status = check_names(&file, t->matcher->model, error);
    sw_safetensors_close(&file);
    if (status == SW_OK)
        status = sw_checkpoint_fill(checkpoint, t->matcher->model, error);
    return status == SW_OK ? check_init_words(t, checkpoint, error) : status;
}

static int check_own(const struct sw_trainer *t, struct sw_error *error)
{
    return t->is_restored ? sw_fail(error, SW_MISUSE,
                                    "the run is at its end: its model is the best "
                                    "checkpoint's")
                          : SW_OK;
}

int sw_trainer_save_model(const struct sw_trainer *t, const char *path, const char *portable,
                          struct sw_error *error)
{
    return sw_checkpoint_save(path, t->matcher->model, portable, &t->inputs->vocabulary, error);
}

int sw_trainer_restore_model(struct sw_trainer *t, const char *checkpoint, struct sw_error *error)
{
    t->is_restored = 1;
    t->peers_know = 0;
    return sw_checkpoint_fill(checkpoint, t->matcher->model, error);
}

int sw_trainer_save(const struct sw_trainer *t, const char *path, const char *progress,
                    const char *key, struct sw_error *error)
{
    int status = check_own(t, error);
    return status == SW_OK
               ? sw_state_save(path, t->matcher->model, t->first, t->second, progress, key, error)
               : status;
}

int sw_trainer_load(struct sw_trainer *t, const char *path, const char *const *keys,
                    char **progress, struct sw_error *error)
{
    return sw_state_load(path, t->matcher->model, t->first, t->second, progress, keys, error);
}

/* ---- with peers ------------------------------------------------------------------------------ */

/* What process 0 asks of the others. */
enum request { TAKE_STATE, TAKE_STEP, EVALUATE, END };
struct order {
    int64_t request, number; /* number: the steps done; of an evaluation, which */
};

void sw_trainer_join(struct sw_trainer *t, struct sw_peers *peers)
{
    t->peers = peers;
    t->peers_know = 0;
}

static int broadcast_state(struct sw_trainer *t)
{
    const struct sw_model *model = t->matcher->model;
    size_t bytes = sizeof(float) * t->adam.count;
    int status = SW_OK;
    for (int p = 0; p < sw_model_parameters(model) && status == SW_OK; p++) {
        const struct sw_tensor *x = sw_model_parameter(model, p)->tensor;
        status = sw_peers_broadcast(t->peers, x->data, sizeof(float) * sw_tensor_count(x));
    }
    if (status == SW_OK)
        status = sw_peers_broadcast(t->peers, t->first, bytes);
    return status == SW_OK ? sw_peers_broadcast(t->peers, t->second, bytes) : status;
}

static int ask(struct sw_trainer *t, enum request request, int64_t number)
{
    struct order order = {request, number};
    return sw_peers_broadcast(t->peers, &order, sizeof order);
}

/* Process 0 tells the others what it begins; from here to end_together all do the same. */
static int begin_together(struct sw_trainer *t, enum request request, int64_t number)
{
    int status = SW_OK;
    if (!t->peers)
        return SW_OK;
    if (sw_peers_rank(t->peers) == 0 && !t->peers_know) {
        status = ask(t, TAKE_STATE, t->step);
        if (status == SW_OK)
            status = broadcast_state(t);
        t->peers_know = status == SW_OK;
    }
    if (sw_peers_rank(t->peers) == 0 && status == SW_OK)
        status = ask(t, request, number);
    if (status == SW_OK)
        sw_compute_join(t->session->compute, t->peers);
    return status;
}

/* The status of all: who failed tells the others, and each says why it stopped. */
static int end_together(struct sw_trainer *t, int status, struct sw_error *error)
{
    if (!t->peers)
        return status;
    int alone = sw_compute_interrupted(t->session->compute) && !sw_peers_stopped(t->peers);
    sw_compute_join(t->session->compute, NULL);
    if (status == SW_OK)
        return SW_OK;
    if (status == SW_INTERRUPTED && alone)
        sw_peers_interrupt(t->peers);
    else if (status != SW_INTERRUPTED)
        sw_peers_stop(t->peers, status, 0, error->text);
    if (status == SW_INTERRUPTED && sw_peers_status(t->peers, NULL) != SW_INTERRUPTED) {
        *error = (struct sw_error){0};
        return sw_peers_status(t->peers, error);
    }
    return status;
}

int sw_trainer_follow(struct sw_trainer *t, struct sw_error *error)
{
    struct order order = {END, 0};
    struct sw_trained_step step;
    struct sw_metrics metrics;
    int status = SW_OK;
    while (status == SW_OK) {
        status = sw_peers_broadcast(t->peers, &order, sizeof order);
        if (status != SW_OK || order.request == END)
            break;
        if (order.request == TAKE_STATE) {
            status = sw_trainer_seek(t, order.number, error);
            if (status == SW_OK)
                status = broadcast_state(t);
        } else if (order.request == TAKE_STEP) {
            status = sw_trainer_step(t, &step, error);
        } else {
            status = sw_trainer_evaluate(t, (int)order.number, &metrics, NULL, error);
        }
    }
    return status == SW_INTERRUPTED ? sw_peers_status(t->peers, error) : status;
}

void sw_trainer_dismiss(struct sw_trainer *t)
{
    if (t->peers && sw_peers_rank(t->peers) == 0)
        ask(t, END, 0);
}

/* ---- evaluations ----------------------------------------------------------------------------- */

static int evaluate(struct sw_trainer *t, int test, struct sw_metrics *metrics,
                    struct sw_ranks *ranks, struct sw_error *error)
{
    const struct sw_inputs *in = t->inputs;
    if (test < 0 ? !in->has_dev : (size_t)test >= in->test_count)
        return sw_fail(error, SW_MISUSE, "the run has no such split to evaluate");
    struct sw_view view = {t->matcher->model, test < 0 ? &in->dev : &in->tests[test].data};
    struct sw_evaluate_options options = {.folds = test < 0 ? 1 : in->tests[test].folds};
    int status = sw_evaluate(t->session, &view, 1, &options, metrics, ranks, error);
    return status == SW_OK ? sw_compute_agree(t->session->compute, metrics->rsum, error) : status;
}

int sw_trainer_evaluate(struct sw_trainer *t, int test, struct sw_metrics *metrics,
                        struct sw_ranks *ranks, struct sw_error *error)
{
    int status = begin_together(t, EVALUATE, test);
    if (status == SW_OK)
        status = evaluate(t, test, metrics, ranks, error);
    return end_together(t, status, error);
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* lr * decay^(epoch / decay_epoch) by products, which are the same on every machine. */
static double rate(const struct sw_settings *s, int64_t epoch)
{
    double lr = s->lr;
    for (int64_t i = s->decay_epoch ? epoch / s->decay_epoch : 0; i > 0 && lr > 0; i--)
        lr *= s->decay;
    return lr;
}

static int64_t epoch_of(const struct sw_trainer *t, int64_t step)
{
    return step / t->steps_in_epoch;
}

/* Captions of the pairs of a step whose epoch's order is there, until the next call; their number
 * in *count. A sample's views follow each other: each draws what it drops by itself. */
static const uint32_t *batch_of(struct sw_trainer *t, int64_t step, int *count)
{
    int64_t first = step % t->steps_in_epoch * t->settings.batch,
            left = (int64_t)t->inputs->train.captions - first;
    int views = t->settings.views;
    *count = (int)(left < t->settings.batch ? left : t->settings.batch) * views;
    for (int i = 0; i < *count; i++)
        t->pairs[i] = t->order[first + i / views];
    return t->pairs;
}

static void shuffle(struct sw_trainer *t, int64_t epoch)
{
    if (t->order_epoch == epoch)
        return;
    sw_order(t->settings.seed, (uint64_t)epoch, (uint32_t)t->inputs->train.captions, t->order);
    t->order_epoch = epoch;
}

/* The batch of the step after this one is made while this one computes; behind the last step of an
 * epoch that is the first of the next. */
static int gather_next(struct sw_trainer *t, struct sw_error *error)
{
    int count;
    if (t->step + 1 >= t->total_steps)
        return SW_OK;
    shuffle(t, epoch_of(t, t->step + 1));
    const uint32_t *captions = batch_of(t, t->step + 1, &count);
    return sw_gather_ahead(&t->gather, captions, count, error);
}

static int gather(struct sw_trainer *t, int *count, struct sw_error *error)
{
    shuffle(t, epoch_of(t, t->step));
    const uint32_t *captions = batch_of(t, t->step, count);
    int status = sw_gather_pairs(&t->gather, captions, *count, error);
    return status == SW_OK ? gather_next(t, error) : status;
}

int sw_trainer_step(struct sw_trainer *t, struct sw_trained_step *out, struct sw_error *error)
{
    const struct sw_settings *s = &t->settings;
    struct sw_step_result result;
    struct sw_step step = {
        .compute = t->session->compute,
        .model = t->matcher->model,
        .graph = t->graph,
        .adam = &t->adam,
        .rate = rate(s, epoch_of(t, t->step)),
        .clip = s->clip,
        .epoch = epoch_of(t, t->step),
        .training = 1,
        .number = (uint64_t)t->step,
    };
    int count = 0;
    uint64_t before = 0;
    double began = sw_seconds();
    int status = check_own(t, error);
    if (status == SW_OK)
        status = begin_together(t, TAKE_STEP, t->step);
    if (t->peers)
        before = sw_peers_bytes(t->peers);
    if (status == SW_OK)
        status = gather(t, &count, error);
    double gathered = sw_seconds();
    if (status == SW_OK)
        status = sw_step_run(&step, &t->gather.examples, t->gather.image, &result, error);
    status = end_together(t, status, error);
    if (status != SW_OK) {
        sw_error_within(error, "step %lld", (long long)t->step + 1);
        return status;
    }
    t->step++;
    *out = (struct sw_trained_step){.samples = count,
                                    .touched = result.touched,
                                    .loss = result.loss,
                                    .grad_norm = result.norm,
                                    .lr = step.rate,
                                    .exchanged = t->peers ? sw_peers_bytes(t->peers) - before : 0,
                                    .seconds = sw_seconds() - began,
                                    .data_seconds = gathered - began};
    return SW_OK;
}
