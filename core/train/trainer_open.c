/* trainer_open.c -- a run from its config and folder: new, to go on with, or done. */
#include "train/trainer_parts.h"

#include "train/checkpoint.h"
#include "train/identity.h"
#include "train/provenance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The key of a run of these data. */
static int key_of(const struct sw_trainer *t, const json_t *hashed, char out[33],
                  struct sw_error *error)
{
    char data[128];
    const char *init =
        json_string_value(json_object_get(json_object_get(t->sources, "data"), "init"));
    snprintf(data, sizeof data, "train %016" PRIx64 " dev %016" PRIx64 "%s%.16s",
             t->inputs.train_fingerprint, t->inputs.dev_fingerprint, init ? " init " : "",
             init ? init : "");
    return sw_config_hash(hashed, data, out, error);
}

/* Which run this is, and whether it is the one that was asked for. */
static int identify(struct sw_trainer *t, const char *expected, struct sw_error *error)
{
    json_t *data = sw_identity_data(t->session, t->config, &t->inputs, error);
    json_t *plugins = data ? sw_identity_plugins(t->session, t->config) : NULL;
    t->sources = plugins ? json_pack("{s:o, s:o}", "data", data, "plugins", plugins) : NULL;
    if (!t->sources) {
        if (!plugins)
            json_decref(data);
        return sw_fail(error, SW_FAILED, "out of memory for a run's id");
    }
    int status = sw_identity(t->hashed, data, plugins, t->id, error);
    if (status == SW_OK && expected && strcmp(expected, t->id) != 0)
        status = sw_fail(error, SW_FAILED,
                         "the run was planned with other data, plugins or config: expected id "
                         "%.40s, found %s",
                         expected, t->id);
    if (status == SW_OK)
        status = key_of(t, t->hashed, t->key, error);
    return status == SW_OK ? key_of(t, t->endless, t->state_key, error) : status;
}

static int check_values(struct sw_trainer *t, const json_t *known, struct sw_error *error)
{
    double began = sw_seconds();
    int status = sw_inputs_check(&t->inputs, t->session->compute, known, &t->stamps, error);
    t->check_seconds = sw_seconds() - began;
    return status;
}

/* Vocabulary and splits; a run that goes on keeps the vocabulary it began with. */
static int open_inputs(struct sw_trainer *t, struct sw_error *error)
{
    char *vocab = NULL;
    if (t->folder && sw_folder_has(t->folder, "vocab.json")) {
        vocab = sw_folder_file(t->folder, "vocab.json");
        if (!vocab)
            return sw_fail(error, SW_FAILED, "out of memory for a vocabulary");
    }
    int status = sw_inputs_open(&t->inputs, &t->settings, vocab, error);
    free(vocab);
    return status;
}

/* The vocabulary must be the one that the run began with: with other ids, each word would take over
 * what another one has learnt. */
static int check_words(const struct sw_trainer *t, struct sw_error *error)
{
    if (!sw_folder_has(t->folder, "provenance.json"))
        return SW_OK;
    json_t *began = sw_folder_read_json(t->folder, "provenance.json", error);
    if (!began)
        return SW_FAILED;
    const char *expected = NULL, *found = NULL;
    json_unpack(began, "{s:{s:{s:s}}}", "sources", "data", "vocabulary", &expected);
    json_unpack(t->sources, "{s:{s:s}}", "data", "vocabulary", &found);
    int status = SW_OK;
    if (expected && found && strcmp(expected, found) != 0)
        status = sw_fail(error, SW_FAILED,
                         "%s/vocab.json: its words have other ids than the vocabulary that the run "
                         "began with: expected fingerprint %s, found %s",
                         sw_folder_path(t->folder), expected, found);
    json_decref(began);
    return status;
}

/* What a step needs, all of it now: a running step takes no memory from the system. */
static int make_room(struct sw_trainer *t, struct sw_error *error)
{
    const struct sw_settings *s = &t->settings;
    size_t captions = t->inputs.train.captions, trained;
    float *values, *gradients;
    int most = (size_t)s->batch < captions ? s->batch : (int)captions;
    int status =
        sw_gather_new(&t->gather, &t->inputs.train, t->session->compute, most, most, error);
    if (status != SW_OK)
        return status;
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    t->first = calloc(trained + 1, sizeof *t->first);
    t->second = calloc(trained + 1, sizeof *t->second);
    t->order = malloc(captions * sizeof *t->order);
    t->order_epoch = -1;
    t->graph = sw_graph_new(sw_host_table(), t->session->compute, t->session->ops, error);
    if (!t->first || !t->second || !t->order || !t->graph)
        return sw_fail(error, SW_FAILED, "out of memory for training %zu numbers on %zu captions",
                       trained, captions);
    /* The last batch of an epoch may be smaller, but one pair has no negative. */
    t->steps_in_epoch = (int64_t)(captions / (size_t)s->batch) + (captions % (size_t)s->batch >= 2);
    t->total_steps = t->steps_in_epoch * s->epochs;
    if (s->max_steps && s->max_steps < t->total_steps)
        t->total_steps = s->max_steps;
    t->progress = (struct sw_progress){.evaluated = -1, .best_step = -1, .best_epoch = -1};
    return SW_OK;
}

static int load_state(struct sw_trainer *t, const char *path, struct sw_error *error)
{
    struct sw_progress *p = &t->progress;
    char before[33]; /* states of earlier versions know the whole config */
    const char *const keys[] = {t->state_key, t->key, t->before ? before : NULL, NULL};
    int status = t->before ? key_of(t, t->before, before, error) : SW_OK;
    if (status == SW_OK)
        status = sw_state_load(path, t->matcher->model, t->first, t->second, p, keys, error);
    if (status != SW_OK)
        return status;
    if (p->step > t->total_steps)
        return sw_fail(
            error, SW_FAILED,
            "%s: the run has done %lld steps already and cannot end at step %lld; expected "
            "more epochs or max_steps",
            sw_folder_path(t->folder), (long long)p->step, (long long)t->total_steps);
    if (p->position >= t->steps_in_epoch || p->epoch > p->step ||
        p->step != p->epoch * t->steps_in_epoch + p->position || p->evaluated > p->step ||
        p->best_step > p->step)
        return sw_fail(
            error, SW_FAILED,
            "%s: its counters do not fit together: step %lld is not step %lld of epoch %lld", path,
            (long long)p->step, (long long)p->position, (long long)p->epoch);
    t->saved = p->step;
    t->saved_evaluated = p->evaluated;
    return SW_OK;
}

/* A checkpoint's words must be the run's, each with its id: a table of the same size says nothing.
 */
static int check_init_words(const struct sw_trainer *t, const char *checkpoint,
                            struct sw_error *error)
{
    const struct sw_vocabulary *ours = &t->inputs.vocabulary;
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

/* data.init: the parameters of a checkpoint, as the model's first ones. */
static int start_from(const struct sw_trainer *t, const char *path, struct sw_error *error)
{
    struct sw_safetensors file;
    int status = sw_safetensors_open(&file, path, error);
    if (status == SW_OK)
        status = check_names(&file, t->matcher->model, error);
    sw_safetensors_close(&file);
    if (status == SW_OK)
        status = sw_checkpoint_fill(path, t->matcher->model, error);
    return status == SW_OK ? check_init_words(t, path, error) : status;
}

static int make_model(struct sw_trainer *t, int has_state, struct sw_error *error)
{
    const char *init = has_state ? "" : t->settings.init;
    int status = sw_inputs_matcher(&t->inputs, &t->matcher, t->session, t->config,
                                   has_state || *init, error);
    if (status == SW_OK && *init)
        status = start_from(t, init, error);
    if (status == SW_OK)
        status = make_room(t, error);
    if (status != SW_OK)
        return status;
    t->saved = -1;
    if (has_state) {
        char *path = sw_folder_file(t->folder, "state.safetensors");
        status = path ? load_state(t, path, error)
                      : sw_fail(error, SW_FAILED, "out of memory for a state");
        free(path);
    }
    float *values, *gradients;
    size_t trained;
    sw_model_trained(t->matcher->model, &values, &gradients, &trained);
    t->adam = sw_adam_new(t->first, t->second, trained, (uint64_t)t->progress.step);
    t->saved_when = sw_seconds();
    return status;
}

/* Whether a folder's id is this run's, or was before the run was to end elsewhere. */
static int is_id_of(const struct sw_trainer *t, const json_t *id)
{
    char before[33] = "";
    const char *text = json_string_value(id);
    if (t->before)
        sw_identity(t->before, json_object_get(t->sources, "data"),
                    json_object_get(t->sources, "plugins"), before, NULL);
    return text && (strcmp(text, t->id) == 0 || strcmp(text, before) == 0);
}

/* What an earlier part wrote stays; this part notes what has changed since, which may change bits.
 */
static int add_part(struct sw_trainer *t, const char *command, struct sw_error *error)
{
    static const char *const may_change[] = {"program", "plugins", "blas", "cpu"};
    json_t *old = NULL, *now = sw_provenance(t->session, t->config, &t->inputs, t->key);
    json_t *part = sw_provenance_part(t->session, command, t->progress.step + 1);
    if (t->progress.step > 0 && sw_folder_has(t->folder, "provenance.json"))
        old = sw_folder_read_json(t->folder, "provenance.json", NULL);
    int has_old = json_is_array(json_object_get(old, "parts"));
    for (size_t i = 0; has_old && i < sizeof may_change / sizeof *may_change; i++) {
        json_t *value = json_object_get(now, may_change[i]);
        if (!json_equal(value, json_object_get(old, may_change[i])))
            json_object_set(part, may_change[i], value);
    }
    const json_t *id = json_object_get(old, "id");
    if (has_old && (id ? !is_id_of(t, id) : json_object_get(part, "plugins") != NULL))
        *t->id = 0;
    t->provenance = json_incref(has_old ? old : now);
    json_object_set_new(t->provenance, "id", *t->id ? json_string(t->id) : json_null());
    json_object_set_new(t->provenance, "key", json_string(t->key));
    if (!has_old)
        json_object_set(t->provenance, "sources", t->sources);
    json_object_set(json_object_get(t->provenance, "data"), "checked", t->stamps);
    json_decref(old);
    json_decref(now);
    json_t *parts = json_object_get(t->provenance, "parts");
    if (!parts || !part || json_array_append_new(parts, part) != 0)
        return sw_fail(error, SW_FAILED, "out of memory for %s/provenance.json",
                       sw_folder_path(t->folder));
    return SW_OK;
}

/* config.json, vocab.json and provenance.json */
static int write_about(struct sw_trainer *t, const char *command, struct sw_error *error)
{
    if (add_part(t, command, error) != SW_OK)
        return SW_FAILED;
    int status = sw_folder_write_json(t->folder, "provenance.json", t->provenance, error);
    if (status == SW_OK)
        status = sw_folder_write_json(t->folder, "config.json", t->config, error);
    char *vocab = sw_folder_file(t->folder, "vocab.json");
    if (status == SW_OK && vocab && !sw_folder_has(t->folder, "vocab.json"))
        status = sw_vocabulary_save(&t->inputs.vocabulary, vocab, error);
    if (!vocab)
        status = sw_fail(error, SW_FAILED, "out of memory for vocab.json");
    free(vocab);
    return status;
}

/* From here on the folder is no longer done. Its state is, so nothing is lost if this ends here. */
static int forget_result(const struct sw_trainer *t, struct sw_error *error)
{
    char *path = sw_folder_file(t->folder, "result.json");
    int failed = !path || (unlink(path) != 0 && errno != ENOENT);
    int why = path ? errno : ENOMEM;
    free(path);
    return failed ? sw_fail(error, SW_FAILED, "cannot remove %s/result.json: %s",
                            sw_folder_path(t->folder), strerror(why))
                  : SW_OK;
}

static int begin(struct sw_trainer *t, const char *command, struct sw_error *error)
{
    struct sw_progress *p = &t->progress;
    int status = t->before ? forget_result(t, error) : SW_OK;
    if (status == SW_OK)
        status = sw_folder_begin(t->folder, p->step, p->evaluated, error);
    if (status == SW_OK && t->before && t->saved >= 0) { /* under a key that both configs have */
        t->saved_evaluated = -2;
        status = sw_trainer_save(t, error);
    }
    if (status == SW_OK)
        status = write_about(t, command, error);
    if (status == SW_OK)
        status = sw_folder_log(t->folder, p->step, p->step ? "resumed" : "started",
                               json_pack("{s:i, s:o}", "threads",
                                         sw_compute_threads(t->session->compute), "words",
                                         sw_trainer_words(t)),
                               error);
    return status;
}

/* To read all values can take minutes: what came of it is kept, in a folder that the next start
 * takes for an unused one. */
static void record_refusal(struct sw_trainer *t, const char *run, const struct sw_error *reason)
{
    struct sw_error ignored = {0};
    if (sw_folder_open(&t->folder, run, 0, &ignored) == SW_OK &&
        sw_folder_write_json(t->folder, "config.json", t->config, &ignored) == SW_OK &&
        sw_folder_begin(t->folder, 0, -1, &ignored) == SW_OK)
        sw_folder_log(t->folder, 0, "refused", json_pack("{s:s}", "reason", reason->text),
                      &ignored);
}

/* Everything is read before the folder is made, so that a wrong path leaves no empty folder. */
static int open_new(struct sw_trainer *t, const char *run, const struct sw_train_options *options,
                    struct sw_error *error)
{
    if (access(run, F_OK) == 0)
        return sw_fail(error, SW_FAILED,
                       "the run folder %s is there already; take another one with --out, or go on "
                       "with --resume",
                       run);
    int status = open_inputs(t, error);
    if (status == SW_OK)
        status = identify(t, options->id, error);
    if (status == SW_OK) {
        status = check_values(t, options->known, error);
        if (status != SW_OK)
            record_refusal(t, run, error);
    }
    if (status == SW_OK)
        status = make_model(t, 0, error);
    if (status == SW_OK)
        status = sw_folder_open(&t->folder, run, 0, error);
    return status;
}

static int open_again(struct sw_trainer *t, const char *run, const struct sw_train_options *options,
                      struct sw_error *error)
{
    int status = sw_folder_open(&t->folder, run, 1, error);
    if (status == SW_OK && sw_folder_has(t->folder, "result.json")) {
        if (!t->before)
            return sw_trainer_recall(t, error);
        if (!sw_folder_has(t->folder, "state.safetensors"))
            return sw_fail(error, SW_FAILED,
                           "%s: the run is done and its training state (state.safetensors) was not "
                           "kept; --init %s/checkpoint-last.safetensors starts a new run from its "
                           "model",
                           run, run);
        status = sw_folder_claim(t->folder, error);
    }
    if (status == SW_OK)
        status = open_inputs(t, error);
    if (status == SW_OK)
        status = identify(t, options->id, error);
    if (status == SW_OK)
        status = check_values(t, options->known, error);
    if (status == SW_OK)
        status = check_words(t, error);
    if (status == SW_OK)
        status = make_model(t, sw_folder_has(t->folder, "state.safetensors"), error);
    return status;
}

json_t *sw_trainer_words(const struct sw_trainer *t)
{
    return t->done ? NULL : sw_inputs_words(&t->inputs, &t->settings);
}

int sw_trainer_open(struct sw_trainer **out, struct sw_session *session, const json_t *config,
                    const char *run, const struct sw_train_options *options, struct sw_error *error)
{
    struct sw_error own = {0};
    *out = NULL;
    struct sw_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return sw_fail(error, SW_FAILED, "out of memory for a run");
    t->session = session;
    t->keep_state = options->keep_state;
    t->config = json_incref((json_t *)(uintptr_t)config);
    t->portable = json_incref((json_t *)(uintptr_t)options->portable);
    t->hashed = json_incref((json_t *)(uintptr_t)options->hashed);
    t->endless = json_incref((json_t *)(uintptr_t)options->endless);
    t->before = json_incref((json_t *)(uintptr_t)options->before);
    sw_config_settings(t->config, &t->settings);
    int status =
        options->resume ? open_again(t, run, options, &own) : open_new(t, run, options, &own);
    if (status == SW_OK && !t->done)
        status = begin(t, options->command, &own);
    if (status != SW_OK) {
        sw_folder_abandon(t->folder);
        t->folder = NULL;
        sw_trainer_close(t);
        return sw_fail(error, own.status, "%s", own.text);
    }
    *out = t;
    return SW_OK;
}

void sw_trainer_close(struct sw_trainer *t)
{
    if (!t)
        return;
    if (t->graph)
        sw_graph_free(t->graph);
    sw_gather_free(&t->gather);
    sw_matcher_free(t->matcher);
    sw_inputs_close(&t->inputs);
    sw_folder_close(t->folder);
    json_decref(t->provenance);
    json_decref(t->sources);
    json_decref(t->stamps);
    json_decref(t->config);
    json_decref(t->portable);
    json_decref(t->hashed);
    json_decref(t->endless);
    json_decref(t->before);
    free(t->first);
    free(t->second);
    free(t->order);
    free(t);
}
