/* inspect.c -- see inspect.h. */
#include "train/inspect.h"

#include "base/trial.h"
#include "data/dataset.h"
#include "data/vocabulary.h"
#include "train/checkpoint.h"
#include "train/gather.h"
#include "train/step.h"

#include <stdlib.h>
#include <string.h>

struct trial {
    const struct sw_session *session;
    const json_t *config;
};

static void try_composition(void *data, struct sw_error *error)
{
    const struct trial *trial = data;
    struct sw_matcher_inputs least = {.features = 1, .vocabulary = 4, .values_follow = 1};
    struct sw_matcher *matcher;
    if (sw_matcher_new(&matcher, trial->session, trial->config, &least, error) == SW_OK)
        sw_matcher_try(matcher, trial->session, error);
}

int sw_inspect_composition(const struct sw_session *session, const json_t *config, int *ran,
                           struct sw_error *error)
{
    enum { MOST_SECONDS = 20 };
    struct sw_error own = {0};
    struct trial trial = {session, config};
    if (sw_compute_threads(session->compute) != 1)
        return sw_fail(error, SW_MISUSE, "a composition is tried by a session of one thread");
    enum sw_trial_end end = sw_trial(try_composition, &trial, MOST_SECONDS, &own);
    if (ran)
        *ran = end == SW_TRIAL_DONE;
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static const double margin = 0.2; /* what the comparison outside the project takes */

struct work {
    const struct sw_session *session;
    const struct sw_gradient_request *request;
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset data;
    struct sw_gather gather;
    struct sw_graph *graph;
    int has_vocabulary;
};

static int open_data(struct work *w, struct sw_error *error)
{
    const struct sw_gradient_request *r = w->request;
    const struct sw_model_plan *plan = sw_model_plan_of(w->matcher->model);
    int status =
        sw_checkpoint_vocabulary(&w->vocabulary, r->checkpoint, r->vocab, plan->vocabulary, error);
    if (status != SW_OK)
        return status;
    w->has_vocabulary = 1;
    struct sw_dataset_options options = {.images = (size_t)r->batch, .all_captions = true};
    status = sw_dataset_open(r->dir, r->split, &w->vocabulary, &options, &w->data, error);
    if (status != SW_OK)
        return status;
    if (w->data.features != (size_t)plan->features)
        return sw_fail(error, SW_FAILED,
                       "%s: expected %d features a region as the model has them, "
                       "found %zu",
                       w->data.path, plan->features, w->data.features);
    if (w->data.images < (size_t)r->batch)
        return sw_fail(error, SW_FAILED, "%s: expected %d images for a batch, found %zu",
                       w->data.path, r->batch, w->data.images);
    return SW_OK;
}

/* The first B images, each with its first caption. */
static int gather(struct work *w, struct sw_error *error)
{
    int B = w->request->batch;
    uint32_t *caption = calloc((size_t)B, sizeof *caption);
    size_t each = w->data.captions / w->data.images;
    int status = caption ? sw_gather_new(&w->gather, &w->data, w->session->compute, B, B, error)
                         : sw_fail(error, SW_FAILED, "out of memory for a batch of %d", B);
    for (int i = 0; i < B && status == SW_OK; i++)
        caption[i] = (uint32_t)((size_t)i * each);
    if (status == SW_OK)
        status = sw_gather_pairs(&w->gather, caption, B, error);
    free(caption);
    return status;
}

static int take_step(struct work *w, float *loss, struct sw_error *error)
{
    struct sw_step_result result;
    struct sw_step step = {.compute = w->session->compute,
                           .model = w->matcher->model,
                           .margin = margin,
                           .pairs = w->request->pairs};
    step.graph = w->graph = sw_graph_new(sw_host_table(), step.compute, w->session->ops, error);
    if (!w->graph)
        return SW_FAILED;
    int status = sw_step_run(&step, &w->gather.examples, w->gather.image, &result, error);
    *loss = (float)result.loss;
    return status;
}

static int write_gradients(const struct work *w, const float *loss, struct sw_error *error)
{
    const struct sw_model *model = w->matcher->model;
    int count = sw_model_parameters(model);
    size_t used = 1;
    struct sw_safetensors_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    if (!entries)
        return sw_fail(error, SW_FAILED, "out of memory for %d gradients", count);
    entries[0] =
        (struct sw_safetensors_entry){.name = "loss", .ndim = 1, .shape = {1}, .data = loss};
    for (int i = 0; i < count; i++) {
        const struct sw_parameter *parameter = sw_model_parameter(model, i);
        if (!parameter->tensor->grad)
            continue;
        struct sw_safetensors_entry *entry = &entries[used++];
        entry->name = parameter->name;
        entry->ndim = parameter->tensor->ndim;
        for (int d = 0; d < entry->ndim; d++)
            entry->shape[d] = (size_t)parameter->tensor->dim[d];
        entry->data = parameter->tensor->grad;
    }
    int status = sw_safetensors_write(w->request->out, entries, used, NULL, error);
    free(entries);
    return status;
}

int sw_inspect_gradients(const struct sw_session *session,
                         const struct sw_gradient_request *request, double *loss,
                         struct sw_error *error)
{
    struct work w = {.session = session, .request = request};
    float found = 0;
    if (request->batch < 2 || request->batch > 65536)
        return sw_fail(error, SW_MISUSE, "--batch: expected 2 to 65536 images, found %d",
                       request->batch);
    int status =
        sw_checkpoint_load(&w.matcher, session, request->checkpoint, request->config, error);
    if (status == SW_OK)
        status = open_data(&w, error);
    if (status == SW_OK)
        status = gather(&w, error);
    if (status == SW_OK)
        status = take_step(&w, &found, error);
    if (status == SW_OK)
        status = write_gradients(&w, &found, error);
    if (status == SW_OK && loss)
        *loss = found;
    if (w.graph)
        sw_graph_free(w.graph);
    sw_gather_free(&w.gather);
    sw_dataset_close(&w.data);
    if (w.has_vocabulary)
        sw_vocabulary_free(&w.vocabulary);
    sw_matcher_free(w.matcher);
    return status;
}
