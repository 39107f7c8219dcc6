/* model.c -- a model's parameters: declared by encoders, embedding, stages and fusions, then laid
 * out in one range (trained ones first) and given their initial values. */
#include "match/internal.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- declaring ------------------------------------------------------------------------------- */

struct sw_tensor *sw_model_declare(struct sw_model *model, const char *name, int ndim,
                                   const int *dim, struct sw_init init)
{
    struct sw_error *error = &model->error;
    if (error->status != SW_OK)
        return NULL;
    if (!name || !*name || strlen(name) > 128 || ndim < 1 || ndim > SW_MAX_DIM) {
        sw_fail(error, SW_FAILED,
                "parameter '%s': expected a name of 1 to 128 letters and 1 to %d dimensions",
                name ? name : "", SW_MAX_DIM);
        return NULL;
    }
    if (sw_model_find_parameter(model, name)) {
        sw_fail(error, SW_MISUSE, "parameter '%s' is declared twice", name);
        return NULL;
    }
    size_t count = 1;
    for (int d = 0; d < ndim; d++) {
        if (dim[d] < 1 || count > ((size_t)1 << 40) / (size_t)dim[d]) {
            sw_fail(error, SW_FAILED, "parameter '%s': its dimension %d is %d", name, d, dim[d]);
            return NULL;
        }
        count *= (size_t)dim[d];
    }
    if (model->parameter_count == model->parameter_room) {
        int room = model->parameter_room ? 2 * model->parameter_room : 32;
        struct sw_parameter *more = realloc(model->parameters, sizeof *more * (size_t)room);
        if (!more) {
            sw_fail(error, SW_FAILED, "out of memory for parameter '%s'", name);
            return NULL;
        }
        model->parameters = more;
        model->parameter_room = room;
    }
    struct sw_tensor *tensor = sw_arena_zeroed(model->arena, sizeof *tensor);
    char *kept = sw_arena_alloc(model->arena, strlen(name) + 1);
    if (!tensor || !kept) {
        sw_fail(error, SW_FAILED, "out of memory for parameter '%s'", name);
        return NULL;
    }
    strcpy(kept, name);
    tensor->ndim = ndim;
    memcpy(tensor->dim, dim, sizeof *dim * (size_t)ndim);
    model->parameters[model->parameter_count++] =
        (struct sw_parameter){.name = kept, .tensor = tensor, .init = init};
    return tensor;
}

static void declare_encoders(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    int D = plan->dim, W = plan->word_dim * plan->embedding->tables;
    struct sw_init xavier = {.kind = SW_INIT_XAVIER}, zero = {.kind = SW_INIT_ZERO};
    model->image_weight =
        sw_model_declare(model, "image.fc.weight", 2, (int[]){D, plan->features}, xavier);
    model->image_bias = sw_model_declare(model, "image.fc.bias", 1, (int[]){D}, zero);
    /* PyTorch's default: U(-1/sqrt(D), 1/sqrt(D)) for all eight */
    struct sw_init gru = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)D)};
    static const char *const name[8] = {
        "text.gru.weight_ih_l0",         "text.gru.weight_hh_l0",
        "text.gru.bias_ih_l0",           "text.gru.bias_hh_l0",
        "text.gru.weight_ih_l0_reverse", "text.gru.weight_hh_l0_reverse",
        "text.gru.bias_ih_l0_reverse",   "text.gru.bias_hh_l0_reverse"};
    for (int i = 0; i < 8; i++)
        model->gru[i] = sw_model_declare(model, name[i], i % 4 < 2 ? 2 : 1,
                                         (int[]){3 * D, i % 4 == 0 ? W : D}, gru);
}

/* A step of building failed without a word: say whose it was. */
static int built(struct sw_model *model, int status, const char *kind, const char *name)
{
    if (status != 0 && model->error.status == SW_OK)
        sw_fail(&model->error, SW_FAILED, "refused its options (status %d)", status);
    sw_error_within(&model->error, "%s %s", kind, name);
    return model->error.status;
}

static int build_fusions(struct sw_model *model, const struct sw_stage_plan *part)
{
    const struct sw_option *options = part->stage->options;
    for (int o = 0; options && options[o].name; o++) {
        if (options[o].kind != SW_FUSION)
            continue;
        struct sw_fusion_use *use = part->options[o].fusion;
        struct sw_fusion_use **more =
            realloc(model->fusions, sizeof *more * (size_t)(model->fusion_count + 1));
        if (!more)
            return sw_fail(&model->error, SW_FAILED, "out of memory for a fusion");
        model->fusions = more;
        use->slot = model->fusion_count;
        use->self = sw_arena_zeroed(model->arena, use->fusion->self_size + 1);
        model->fusions[model->fusion_count++] = use;
        char prefix[128];
        snprintf(prefix, sizeof prefix, "%s.%s", part->stage->name, options[o].name);
        int status = use->fusion->init(model->host, model, use->self, prefix, use->options);
        if (built(model, status, "fusion", use->fusion->name))
            return model->error.status;
    }
    return SW_OK;
}

static int declare_all(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    declare_encoders(model);
    model->embedding_self = sw_arena_zeroed(model->arena, plan->embedding->self_size + 1);
    int status = plan->embedding->init(model->host, model, model->embedding_self, plan->word_dim,
                                       plan->embedding_options);
    if (built(model, status, "embedding", plan->embedding->name))
        return model->error.status;
    model->stage_self =
        sw_arena_zeroed(model->arena, sizeof(void *) * (size_t)(plan->stage_count + 1));
    for (int s = 0; s < plan->stage_count; s++) {
        const struct sw_stage_plan *part = &plan->stages[s];
        model->stage_self[s] = sw_arena_zeroed(model->arena, part->stage->self_size + 1);
        status = part->stage->init(model->host, model, model->stage_self[s], part->options);
        if (built(model, status, "stage", part->stage->name) || build_fusions(model, part))
            return model->error.status;
    }
    return SW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void fill_uniform(float *out, size_t count, float bound, uint64_t seed, const char *name)
{
    struct sw_random random =
        sw_random_stream(seed, SW_FOR_PARAMETERS, XXH3_64bits(name, strlen(name)), 0);
    for (size_t i = 0; i < count; i++)
        out[i] = (2 * sw_random_uniform(&random) - 1) * bound;
}

static int fill(struct sw_model *model, const struct sw_parameter *parameter)
{
    const struct sw_model_plan *plan = model->plan;
    const struct sw_tensor *t = parameter->tensor;
    size_t count = sw_tensor_count(t);
    switch (parameter->init.kind) {
    case SW_INIT_ZERO:
        return SW_OK;
    case SW_INIT_UNIFORM:
        fill_uniform(t->data, count, parameter->init.bound, plan->seed, parameter->name);
        return SW_OK;
    case SW_INIT_XAVIER: {
        float fan = (float)t->dim[0] + (float)(t->ndim > 1 ? t->dim[1] : 0);
        fill_uniform(t->data, count, sqrtf(6 / fan), plan->seed, parameter->name);
        return SW_OK;
    }
    case SW_INIT_GLOVE:
        if (t->ndim != 2 || t->dim[0] != plan->vocabulary || t->dim[1] != plan->word_dim)
            return sw_fail(&model->error, SW_FAILED,
                           "parameter '%s': GloVe rows are (%d,%d), its shape is not",
                           parameter->name, plan->vocabulary, plan->word_dim);
        if (plan->glove)
            memcpy(t->data, plan->glove, sizeof(float) * count);
        else if (!plan->values_follow)
            return sw_fail(&model->error, SW_MISUSE,
                           "embedding %s needs a GloVe file; give one with --glove FILE",
                           plan->embedding->name);
        return SW_OK;
    }
    return sw_fail(&model->error, SW_FAILED, "parameter '%s': no initial values of kind %d",
                   parameter->name, (int)parameter->init.kind);
}

/* Trained ones first, each on a 64-byte boundary, so that one range holds all that is updated. */
static int lay_out(struct sw_model *model)
{
    size_t used = 0;
    for (int frozen = 0; frozen < 2; frozen++) {
        for (int p = 0; p < model->parameter_count; p++)
            if (!model->parameters[p].init.frozen == !frozen)
                used += (sw_tensor_count(model->parameters[p].tensor) + 15) / 16 * 16;
        if (!frozen)
            model->trained = used;
    }
    model->values = sw_arena_zeroed(model->arena, sizeof(float) * (used + 1));
    model->gradients = sw_arena_zeroed(model->arena, sizeof(float) * (model->trained + 1));
    if (!model->values || !model->gradients)
        return sw_fail(&model->error, SW_FAILED, "out of memory for %zu parameters", used);
    size_t at = 0;
    for (int frozen = 0; frozen < 2; frozen++)
        for (int p = 0; p < model->parameter_count; p++) {
            struct sw_tensor *t = model->parameters[p].tensor;
            if (!model->parameters[p].init.frozen == !frozen) {
                t->data = model->values + at;
                t->grad = frozen ? NULL : model->gradients + at;
                at += (sw_tensor_count(t) + 15) / 16 * 16;
            }
        }
    for (int p = 0; p < model->parameter_count; p++)
        if (fill(model, &model->parameters[p]))
            return model->error.status;
    return SW_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int start_workers(struct sw_model *model)
{
    model->worker_count = sw_compute_threads(model->compute);
    model->workers = calloc((size_t)model->worker_count, sizeof *model->workers);
    if (!model->workers)
        return sw_fail(&model->error, SW_FAILED, "out of memory for %d workers",
                       model->worker_count);
    for (int w = 0; w < model->worker_count; w++) {
        struct sw_worker *worker = &model->workers[w];
        worker->graph = sw_graph_new(model->host, model->compute, model->ops, &model->error);
        worker->arena = sw_arena_new();
        if (!worker->graph || !worker->arena)
            return sw_fail(&model->error, SW_FAILED, "out of memory for worker %d", w);
    }
    model->encoder = sw_graph_new(model->host, model->compute, model->ops, &model->error);
    return model->error.status;
}

/* A model whose parameters are declared, or refused with model->error, and have no memory yet; NULL
 * when out of memory. */
static struct sw_model *declared(const struct sw_model_plan *plan, const struct sw_host *host)
{
    struct sw_model *model = calloc(1, sizeof *model);
    if (!model)
        return NULL;
    model->plan = plan;
    model->host = host;
    model->arena = sw_arena_new();
    if (!model->arena)
        sw_fail(&model->error, SW_FAILED, "out of memory for a model");
    if (plan->dim < 1 || plan->features < 1 || plan->vocabulary < 1 || plan->word_dim < 1)
        sw_fail(
            &model->error, SW_MISUSE,
            "a model needs positive sizes, found dim %d, features %d, vocabulary %d, word_dim %d",
            plan->dim, plan->features, plan->vocabulary, plan->word_dim);
    if (plan->stage_count < 1)
        sw_fail(&model->error, SW_MISUSE, "a model needs at least one stage");
    if (model->error.status == SW_OK)
        declare_all(model);
    return model;
}

static int refused(struct sw_model *model, struct sw_error *error)
{
    int status = model ? sw_fail(error, model->error.status, "%s", model->error.text)
                       : sw_fail(error, SW_FAILED, "out of memory for a model");
    sw_model_free(model);
    return status;
}

int sw_model_new(struct sw_model **out, const struct sw_model_plan *plan,
                 const struct sw_host *host, struct sw_compute *compute, const struct sw_ops *ops,
                 struct sw_error *error)
{
    *out = NULL;
    struct sw_model *model = declared(plan, host);
    if (!model || model->error.status != SW_OK)
        return refused(model, error);
    model->compute = compute;
    model->ops = ops;
    if (lay_out(model) != SW_OK || start_workers(model) != SW_OK)
        return refused(model, error);
    *out = model;
    return SW_OK;
}

int sw_model_needs_glove(const struct sw_model_plan *plan, const struct sw_host *host, int *needs,
                         struct sw_error *error)
{
    struct sw_model_plan least = *plan;
    least.features = 1, least.vocabulary = 4; /* the special tokens */
    struct sw_model *model = declared(&least, host);
    if (!model || model->error.status != SW_OK)
        return refused(model, error);
    *needs = 0;
    for (int p = 0; p < model->parameter_count; p++)
        *needs |= model->parameters[p].init.kind == SW_INIT_GLOVE;
    sw_model_free(model);
    return SW_OK;
}

void sw_model_free(struct sw_model *model)
{
    if (!model)
        return;
    for (int w = 0; model->workers && w < model->worker_count; w++) {
        sw_graph_free(model->workers[w].graph);
        sw_arena_free(model->workers[w].arena);
    }
    free(model->workers);
    sw_graph_free(model->encoder);
    sw_arena_free(model->arena);
    free(model->parameters);
    free(model->fusions);
    free(model);
}

const struct sw_model_plan *sw_model_plan_of(const struct sw_model *model)
{
    return model->plan;
}

int sw_model_parameters(const struct sw_model *model)
{
    return model->parameter_count;
}

const struct sw_parameter *sw_model_parameter(const struct sw_model *model, int index)
{
    return &model->parameters[index];
}

const struct sw_parameter *sw_model_find_parameter(const struct sw_model *model, const char *name)
{
    for (int p = 0; p < model->parameter_count; p++)
        if (strcmp(model->parameters[p].name, name) == 0)
            return &model->parameters[p];
    return NULL;
}

void sw_model_trained(const struct sw_model *model, float **values, float **gradients,
                      size_t *count)
{
    *values = model->values;
    *gradients = model->gradients;
    *count = model->trained;
}
