/* inspect.c -- see inspect.h. */
#include "train/inspect.h"

#include "base/trial.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/gather.h"
#include "train/query.h"
#include "train/step.h"

#include <limits.h>
#include <stdlib.h>

struct composition {
    const struct sw_session *session;
    const json_t *config;
};

static void try_composition(void *data, volatile int *step, struct sw_error *error)
{
    (void)step;
    const struct composition *composition = data;
    struct sw_matcher_inputs least = {.features = 1, .vocabulary = 4, .values_follow = 1};
    struct sw_matcher *matcher;
    if (sw_matcher_new(&matcher, composition->session, composition->config, &least, error) == SW_OK)
        sw_matcher_try(matcher, composition->session, error);
}

int sw_inspect_composition(const struct sw_session *session, const json_t *config, int *ran,
                           struct sw_error *error)
{
    struct sw_error own = {0};
    struct composition composition = {session, config};
    struct sw_trial trial = {.work = try_composition, .data = &composition, .seconds = 20};
    if (sw_compute_threads(session->compute) != 1)
        return sw_fail(error, SW_MISUSE, "a composition is tried by a session of one thread");
    enum sw_trial_end end = sw_trial(&trial, &own);
    if (ran)
        *ran = end == SW_TRIAL_DONE;
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* The first B images, each with its first caption, as often as a sample has views. */
static int gather(const struct sw_query *q, struct sw_gather *out, int B, int views,
                  struct sw_error *error)
{
    if (q->data.images < (size_t)B)
        return sw_fail(error, SW_FAILED, "%s: expected %d images for a batch, found %zu",
                       q->data.path, B, q->data.images);
    uint32_t *caption = calloc((size_t)B * (size_t)views, sizeof *caption);
    if (!caption)
        return sw_fail(error, SW_FAILED, "out of memory for a batch of %d", B);
    for (int i = 0; i < B * views; i++)
        caption[i] = (uint32_t)((size_t)(i / views) * (q->data.captions / q->data.images));
    int status = sw_gather_pairs(out, caption, B * views, error);
    free(caption);
    return status;
}

static int take_step(const struct sw_query *q, const struct sw_gather *batch,
                     const struct sw_pair_options *pairs, double *loss, struct sw_error *error)
{
    struct sw_step_result result;
    struct sw_compute *compute = q->session->compute;
    struct sw_graph *graph = sw_graph_new(sw_host_table(), compute, q->session->ops, error);
    if (!graph)
        return SW_FAILED;
    struct sw_step step = {.compute = compute,
                           .model = q->matcher->model,
                           .graph = graph,
                           .epoch = INT_MAX,
                           .pairs = *pairs};
    int status = sw_step_run(&step, &batch->examples, batch->image, &result, error);
    *loss = result.loss;
    sw_graph_free(graph);
    return status;
}

static int write_gradients(const struct sw_model *model, float loss, const char *path,
                           struct sw_error *error)
{
    int count = sw_model_parameters(model);
    size_t used = 1;
    struct sw_safetensors_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    if (!entries)
        return sw_fail(error, SW_FAILED, "out of memory for %d gradients", count);
    entries[0] =
        (struct sw_safetensors_entry){.name = "loss", .ndim = 1, .shape = {1}, .data = &loss};
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
    int status = sw_safetensors_write(path, entries, used, NULL, error);
    free(entries);
    return status;
}

int sw_inspect_gradients(const struct sw_session *session,
                         const struct sw_gradient_request *request, double *loss,
                         struct sw_error *error)
{
    int B = request->batch;
    double found = 0;
    struct sw_query query;
    struct sw_gather batch = {0};
    struct sw_settings settings;
    struct sw_query_source source = {.checkpoint = request->checkpoint,
                                     .dir = request->dir,
                                     .split = request->split,
                                     .config = request->config,
                                     .vocab = request->vocab,
                                     .captions = 1,
                                     .data = {.all_captions = true, .images = (size_t)B}};
    if (B < 2 || B > 65536)
        return sw_fail(error, SW_MISUSE, "--batch: expected 2 to 65536 images, found %d", B);
    int status = sw_query_open(&query, session, &source, error);
    if (status != SW_OK)
        return status;
    sw_config_settings(request->config, &settings);
    int pairs = B * settings.views;
    status = sw_gather_new(&batch, &query.data, session->compute, pairs, pairs, error);
    if (status == SW_OK)
        status = gather(&query, &batch, B, settings.views, error);
    if (status == SW_OK)
        status = take_step(&query, &batch, &request->pairs, &found, error);
    if (status == SW_OK)
        status = write_gradients(query.matcher->model, (float)found, request->out, error);
    if (status == SW_OK && loss)
        *loss = found;
    sw_gather_free(&batch);
    sw_query_close(&query);
    return status;
}
