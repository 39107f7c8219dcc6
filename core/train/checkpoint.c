/* checkpoint.c -- see checkpoint.h. */
#include "train/checkpoint.h"

#include "base/values.h"
#include "data/vocabulary.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DIM = 1 << 24 };

struct checkpoint {
    struct sw_safetensors file;
    int features, vocabulary; /* F, V */
};

/* ---- sizes ----------------------------------------------------------------------------------- */

/* A size of `plan`, which is `from` now: whichever dimension grows when it is `by` more is that of
 * a tensor in the file, which says how large it is there. It stays `from` where none grows, or the
 * model allows no other. */
static int read_size(const struct sw_safetensors *file, struct sw_model_plan *plan, int *size,
                     int by, struct sw_error *error)
{
    struct sw_model *small = NULL, *large = NULL;
    const int from = *size;
    int status = sw_model_declared(&small, plan, sw_host_table(), error), grown = 0;
    *size = from + by;
    if (status == SW_OK)
        sw_model_declared(&large, plan, sw_host_table(), NULL);
    *size = from;
    for (int p = 0; large && p < sw_model_parameters(small) && !grown; p++) {
        const struct sw_parameter *parameter = sw_model_parameter(small, p);
        const struct sw_tensor *a = parameter->tensor, *b = sw_model_parameter(large, p)->tensor;
        for (int d = 0; d < a->ndim && !grown; d++) {
            grown = b->dim[d] - a->dim[d];
            if (!grown)
                continue;
            const struct sw_safetensors_entry *entry =
                sw_safetensors_require(file, parameter->name, a->ndim, NULL, error);
            double found = entry ? ((double)entry->shape[d] - a->dim[d]) * by / grown + from : 1;
            if (!entry || !(found >= 1 && found <= INT_MAX / 4))
                status = sw_fail(error, SW_FAILED, "%s: tensor '%s': dimension %d is out of range",
                                 file->path, parameter->name, d);
            *size = (int)found;
        }
    }
    sw_model_free(small);
    sw_model_free(large);
    return status;
}

static void shape_of(const struct sw_tensor *x, size_t shape[SW_MAX_DIM])
{
    for (int d = 0; d < x->ndim; d++)
        shape[d] = (size_t)x->dim[d];
}

/* The file must hold the tensors of the config's model before there is memory for them: a small
 * file cannot ask for gigabytes. */
static int check_shapes(const struct sw_safetensors *file, const struct sw_model_plan *plan,
                        struct sw_error *error)
{
    struct sw_model *model;
    int status = sw_model_declared(&model, plan, sw_host_table(), error);
    for (int p = 0; status == SW_OK && p < sw_model_parameters(model); p++) {
        const struct sw_parameter *parameter = sw_model_parameter(model, p);
        size_t shape[SW_MAX_DIM];
        shape_of(parameter->tensor, shape);
        if (!sw_safetensors_require(file, parameter->name, parameter->tensor->ndim, shape, error))
            status = SW_FAILED;
    }
    sw_model_free(model);
    return status;
}

static int read_sizes(struct checkpoint *c, const struct sw_session *session, const json_t *config,
                      struct sw_error *error)
{
    struct sw_composition *composition;
    int status =
        sw_compose(&composition, session->plugins, json_object_get(config, "model"), error);
    if (status == SW_OK) {
        struct sw_model_plan *plan = sw_composition_plan(composition);
        if (plan->dim > MOST_DIM)
            status = sw_fail(error, SW_FAILED, "%s: its config's dim, %d, is above %d",
                             c->file.path, plan->dim, MOST_DIM);
        plan->features = plan->dim, plan->vocabulary = 4; /* the special tokens */
        if (status == SW_OK)
            status = read_size(&c->file, plan, &plan->features, plan->dim, error);
        if (status == SW_OK)
            status = read_size(&c->file, plan, &plan->vocabulary, 1, error);
        if (status == SW_OK)
            status = check_shapes(&c->file, plan, error);
        c->features = plan->features;
        c->vocabulary = plan->vocabulary;
    }
    sw_composition_free(composition);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

int sw_checkpoint_config(const char *path, char **text, struct sw_error *error)
{
    struct sw_safetensors file;
    *text = NULL;
    int status = sw_safetensors_open(&file, path, error);
    if (status != SW_OK)
        return status;
    const char *found = sw_safetensors_string(&file, "stepwise");
    if (!found)
        status =
            sw_fail(error, SW_FAILED,
                    "%s: expected the config as 'stepwise' in __metadata__, found none; is it a "
                    "model of Stepwise?",
                    path);
    else if (!(*text = strdup(found)))
        status = sw_fail(error, SW_FAILED, "%s: out of memory for its config", path);
    sw_safetensors_close(&file);
    return status;
}

static int all_finite(const struct checkpoint *c, const struct sw_parameter *parameter,
                      struct sw_error *error)
{
    const struct sw_tensor *t = parameter->tensor;
    size_t count = sw_tensor_count(t);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(t->data[i]))
            return sw_fail(error, SW_FAILED,
                           "%s: %s: number %zu of %zu is %s; expected finite numbers", c->file.path,
                           parameter->name, i, count, isnan(t->data[i]) ? "a NaN" : "an infinity");
    return SW_OK;
}

static int fill(const struct checkpoint *c, const struct sw_model *model, struct sw_error *error)
{
    int count = sw_model_parameters(model);
    const char **names = calloc((size_t)count + 1, sizeof *names);
    if (!names)
        return sw_fail(error, SW_FAILED, "out of memory for the names of %d parameters", count);
    int status = SW_OK;
    for (int i = 0; i < count && status == SW_OK; i++) {
        const struct sw_parameter *parameter = sw_model_parameter(model, i);
        struct sw_tensor *t = parameter->tensor;
        size_t shape[SW_MAX_DIM];
        names[i] = parameter->name;
        shape_of(t, shape);
        status = sw_safetensors_floats(&c->file, parameter->name, t->ndim, shape, t->data, error);
        if (status == SW_OK)
            status = all_finite(c, parameter, error);
    }
    for (size_t i = 0; i < c->file.count && status == SW_OK; i++) {
        const char *name = c->file.entries[i].name;
        char suggestion[512];
        if (sw_model_find_parameter(model, name))
            continue;
        sw_suggest(suggestion, sizeof suggestion, name, names, (size_t)count);
        status = sw_fail(error, SW_FAILED, "%s: tensor '%.120s' is not a parameter of its model%s",
                         c->file.path, name, suggestion);
    }
    free(names);
    return status;
}

int sw_checkpoint_load(struct sw_matcher **out, const struct sw_session *session, const char *path,
                       const json_t *config, struct sw_error *error)
{
    struct checkpoint c = {0};
    struct sw_matcher *matcher = NULL;
    *out = NULL;
    int status = sw_safetensors_open(&c.file, path, error);
    if (status != SW_OK)
        return status;
    status = read_sizes(&c, session, config, error);
    struct sw_matcher_inputs inputs = {
        .features = c.features, .vocabulary = c.vocabulary, .values_follow = 1};
    if (status == SW_OK)
        status = sw_matcher_new(&matcher, session, config, &inputs, error);
    if (status == SW_OK)
        status = fill(&c, matcher->model, error);
    sw_safetensors_close(&c.file);
    if (status != SW_OK)
        sw_matcher_free(matcher);
    else
        *out = matcher;
    return status;
}

int sw_checkpoint_fill(const char *path, const struct sw_model *model, struct sw_error *error)
{
    struct checkpoint c = {0};
    int status = sw_safetensors_open(&c.file, path, error);
    if (status == SW_OK)
        status = fill(&c, model, error);
    sw_safetensors_close(&c.file);
    return status;
}

static const char fingerprint_name[] = "vocabulary";

int sw_checkpoint_save(const char *path, const struct sw_model *model, const char *portable,
                       const struct sw_vocabulary *vocabulary, struct sw_error *error)
{
    int count = sw_model_parameters(model);
    char words[17];
    struct sw_safetensors_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    json_t *metadata = json_pack("{s:s}", "stepwise", portable);
    if (metadata && vocabulary) {
        sw_hex(words, sw_vocabulary_fingerprint(vocabulary));
        json_object_set_new(metadata, fingerprint_name, json_string(words));
    }
    int status;
    if (!entries || !metadata) {
        status = sw_fail(error, SW_FAILED, "out of memory for saving %s", path);
    } else {
        for (int i = 0; i < count; i++) {
            const struct sw_parameter *parameter = sw_model_parameter(model, i);
            entries[i].name = parameter->name;
            entries[i].ndim = parameter->tensor->ndim;
            shape_of(parameter->tensor, entries[i].shape);
            entries[i].data = parameter->tensor->data;
        }
        status = sw_safetensors_write(path, entries, (size_t)count, metadata, error);
    }
    json_decref(metadata);
    free(entries);
    return status;
}

/* path's folder / name */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *out;
    int length = slash ? (int)(slash - path) + 1 : 0;
    return asprintf(&out, "%.*s%s", length, path, name) < 0 ? NULL : out;
}

/* Fingerprint of the vocabulary that the checkpoint was trained with, or "". */
static int read_fingerprint(const char *checkpoint, char out[17], struct sw_error *error)
{
    struct sw_safetensors file;
    int status = sw_safetensors_open(&file, checkpoint, error);
    *out = 0;
    if (status != SW_OK)
        return status;
    const char *text = sw_safetensors_string(&file, fingerprint_name);
    snprintf(out, 17, "%s", text ? text : "");
    sw_safetensors_close(&file);
    return SW_OK;
}

/* "; id 4 is 'cat', and 'dog' in FILE" */
static void tell_difference(const struct sw_vocabulary *found, const struct sw_vocabulary *right,
                            const char *right_path, char *out, size_t size)
{
    for (int32_t id = 0; (size_t)id < found->words.count; id++) {
        const char *a = sw_vocabulary_word(found, id), *b = sw_vocabulary_word(right, id);
        if (strcmp(a, b) != 0) {
            snprintf(out, size, "; id %d is '%.40s', and '%.40s' in %s", (int)id, a, b, right_path);
            return;
        }
    }
}

/* Whether the vocabulary of `path` has the ids that the checkpoint was trained with. */
static int check_ids(const struct sw_vocabulary *v, const char *path, const char *checkpoint,
                     struct sw_error *error)
{
    char expected[17], found[17], own[17] = "", difference[512] = "";
    int status = read_fingerprint(checkpoint, expected, error);
    sw_hex(found, sw_vocabulary_fingerprint(v));
    if (status != SW_OK || !strcmp(found, expected))
        return status;
    struct sw_vocabulary right = {0};
    char *right_path = beside(checkpoint, "vocab.json");
    if (right_path && strcmp(right_path, path) != 0 && access(right_path, F_OK) == 0 &&
        sw_vocabulary_load(&right, right_path, NULL) == SW_OK &&
        right.words.count == v->words.count) {
        sw_hex(own, sw_vocabulary_fingerprint(&right));
        if (!*expected)
            snprintf(expected, sizeof expected, "%s", own);
        if (!strcmp(own, expected))
            tell_difference(v, &right, right_path, difference, sizeof difference);
    }
    if (*expected && strcmp(found, expected) != 0)
        status = sw_fail(error, SW_FAILED,
                         "%s: its word ids differ from those of the vocabulary that %s was trained "
                         "with: expected fingerprint %s, found %s%s",
                         path, checkpoint, expected, found, difference);
    sw_vocabulary_free(&right);
    free(right_path);
    return status;
}

int sw_checkpoint_vocabulary(struct sw_vocabulary *out, const char *checkpoint, const char *vocab,
                             int expected, struct sw_error *error)
{
    *out = (struct sw_vocabulary){0};
    char *path = vocab ? strdup(vocab) : beside(checkpoint, "vocab.json");
    if (!path)
        return sw_fail(error, SW_FAILED, "out of memory for the vocabulary of %s", checkpoint);
    int status = sw_vocabulary_load(out, path, error);
    if (status != SW_OK && !vocab)
        sw_error_within(error, "the vocabulary of %s (another one: --vocab FILE)", checkpoint);
    if (status == SW_OK && out->words.count != (size_t)expected)
        status = sw_fail(error, SW_FAILED, "%s: expected %d words as %s has them, found %zu", path,
                         expected, checkpoint, out->words.count);
    if (status == SW_OK)
        status = check_ids(out, path, checkpoint, error);
    if (status != SW_OK)
        sw_vocabulary_free(out);
    free(path);
    return status;
}
