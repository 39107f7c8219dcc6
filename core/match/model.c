/* model.c -- a model's parameters: declared by embedding, blocks, poolings, stages and fusions,
 * then laid out in one range (trained ones first) and given their initial values. */
#include "match/internal.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MOST_NAME = 128 };

/* ---- declaring ------------------------------------------------------------------------------- */

struct sw_tensor *sw_model_declare(struct sw_model *model, const char *own, int ndim,
                                   const int *dim, struct sw_init init)
{
    struct sw_error *error = &model->error;
    if (error->status != SW_OK)
        return NULL;
    char name[2 * MOST_NAME + 2];
    if (!own || !*own || strlen(own) + strlen(model->prefix) > MOST_NAME || ndim < 1 ||
        ndim > SW_MAX_DIM) {
        sw_fail(error, SW_FAILED,
                "parameter '%s': expected a name of 1 to %d letters and 1 to %d dimensions",
                own ? own : "", MOST_NAME - (int)strlen(model->prefix), SW_MAX_DIM);
        return NULL;
    }
    snprintf(name, sizeof name, "%s%.*s", model->prefix, MOST_NAME, own);
    const struct sw_parameter *there = sw_model_find_parameter(model, name);
    if (there && strcmp(there->owner, model->owner) != 0)
        sw_fail(error, SW_MISUSE,
                "parameter '%s' is one of %s, too; a model has %s or %s here, not both", name,
                there->owner, there->owner, model->owner);
    else if (there)
        sw_fail(error, SW_MISUSE, "parameter '%s' is declared twice", name);
    if (there)
        return NULL;
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
        (struct sw_parameter){.name = kept, .owner = model->owner, .tensor = tensor, .init = init};
    return tensor;
}

struct sw_tensor *sw_model_buffer(struct sw_model *model, const char *name, int ndim,
                                  const int *dim, float value)
{
    return sw_model_declare(
        model, name, ndim, dim,
        (struct sw_init){.kind = SW_INIT_CONSTANT, .bound = value, .frozen = 1});
}

struct sw_tensor *sw_model_parameter_at(struct sw_model *model, int index, const char **name)
{
    if (index < 0 || index >= model->parameter_count)
        return NULL;
    *name = model->parameters[index].name;
    return model->parameters[index].tensor;
}

void sw_model_takes_rows(struct sw_model *model, enum sw_rows rows)
{
    if (!model->taking)
        sw_fail(&model->error, SW_MISUSE, "takes_rows: expected a call from a block's init");
    else if (rows < SW_ROW_PER_FRAGMENT || rows > SW_INDEXED_ROWS)
        sw_fail(&model->error, SW_MISUSE, "takes_rows: expected 0 to %d, found %d", SW_INDEXED_ROWS,
                (int)rows);
    else
        *model->taking = rows;
}

const void *sw_model_building(const struct sw_model *model)
{
    return model->building;
}

/* Room for the `self` of one use of a descriptor, whose parameters begin with `prefix` and a dot.
 */
static void *begin_use(struct sw_model *model, const void *descriptor, const char *name,
                       size_t self_size, const char *prefix)
{
    model->building = descriptor;
    model->owner = name;
    snprintf(model->prefix, sizeof model->prefix, "%s.", prefix);
    void *self = sw_arena_zeroed(model->arena, self_size + 1);
    if (!self)
        sw_fail(&model->error, SW_FAILED, "out of memory for a model");
    return self;
}

static void **selves(struct sw_model *model, int count)
{
    return sw_arena_zeroed(model->arena, sizeof(void *) * (size_t)(count + 1));
}

/* A step of building failed without a word: say whose it was. */
static int built(struct sw_model *model, int status, const char *kind, const char *name)
{
    if (status != 0 && model->error.status == SW_OK)
        sw_fail(&model->error, SW_FAILED, "refused its options (status %d)", status);
    sw_error_within(&model->error, "%s %s", kind, name);
    return model->error.status;
}

static int build_embedding(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    const struct sw_embedding *embedding = plan->embedding;
    model->embedding_self =
        begin_use(model, embedding, embedding->name, embedding->self_size, "embedding");
    int status = 0;
    if (model->embedding_self)
        status = embedding->init(model->host, model, model->embedding_self, plan->word_dim,
                                 plan->embedding_options);
    return built(model, status, "embedding", embedding->name);
}

/* A side's chain of blocks, which begins with *width numbers per fragment and sets *width to those
 * it ends with; and what pools the last. */
static int build_chain(struct sw_model *model, enum sw_side side, int chain, int *width)
{
    const struct sw_model_plan *plan = model->plan;
    int blocks = plan->block_count[chain];
    model->block_self[chain] = selves(model, blocks);
    model->block_rows[chain] =
        sw_arena_zeroed(model->arena, sizeof(enum sw_rows) * ((size_t)blocks + 1));
    for (int b = 0; b < blocks && model->block_self[chain] && model->block_rows[chain]; b++) {
        const struct sw_block_plan *use = &plan->blocks[chain][b];
        void *self =
            begin_use(model, use->block, use->block->name, use->block->self_size, use->prefix);
        model->block_self[chain][b] = self;
        model->taking = &model->block_rows[chain][b];
        int status = 0;
        if (chain != (int)side && use->block->augment)
            sw_fail(&model->error, SW_MISUSE, "drops fragments, which a second set cannot");
        if (self && use->block->init)
            status = use->block->init(model->host, model, self, side, *width, width, use->options);
        model->taking = NULL;
        if (built(model, status, "block", use->block->name))
            return model->error.status;
    }
    return model->error.status;
}

/* A side's chains, and what pools the last; *width becomes that of all its fragments. */
static int build_encoder(struct sw_model *model, enum sw_side side, int *width)
{
    static const char *const pool_prefix[2] = {"image.pool", "text.pool"};
    const struct sw_model_plan *plan = model->plan;
    const struct sw_second_plan *second = &plan->second[side];
    int more = second->width;
    if (!second->alone && build_chain(model, side, side, width))
        return model->error.status;
    if (second->file && build_chain(model, side, side + 2, &more))
        return model->error.status;
    if (second->file && !second->alone && more != *width)
        return sw_fail(&model->error, SW_MISUSE,
                       "model.second.%s: expected blocks that end with %d numbers as those of "
                       "model.%s do, found %d",
                       side == SW_REGIONS ? "image" : "text", *width,
                       side == SW_REGIONS ? "image" : "text", more);
    *width = second->alone ? more : *width;
    const struct sw_pool_plan *use = &plan->pool[side];
    if (!use->pool)
        return SW_OK;
    int pooled = *width;
    model->pool_self[side] =
        begin_use(model, use->pool, use->pool->name, use->pool->self_size, pool_prefix[side]);
    int status = 0;
    if (model->pool_self[side] && use->pool->init)
        status = use->pool->init(model->host, model, model->pool_self[side], side, *width, &pooled,
                                 use->options);
    return built(model, status, "pool", use->pool->name);
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
        char prefix[MOST_NAME];
        snprintf(prefix, sizeof prefix, "%s.%s", part->prefix, options[o].name);
        use->slot = model->fusion_count;
        use->self =
            begin_use(model, use->fusion, use->fusion->name, use->fusion->self_size, prefix);
        model->fusions[model->fusion_count++] = use;
        int status = 0;
        if (use->self && use->fusion->init)
            status = use->fusion->init(model->host, model, use->self, use->options);
        if (built(model, status, "fusion", use->fusion->name))
            return model->error.status;
    }
    return SW_OK;
}

static int build_stages(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    model->stage_self = selves(model, plan->stage_count);
    for (int s = 0; s < plan->stage_count && model->stage_self; s++) {
        const struct sw_stage_plan *part = &plan->stages[s];
        const struct sw_stage *stage = part->stage;
        if ((stage->flags & SW_NEEDS_POOLED) && !(plan->pool[0].pool && plan->pool[1].pool))
            return sw_fail(&model->error, SW_MISUSE,
                           "stage %s compares pooled vectors; give the model pool = { image = .., "
                           "text = .. }",
                           stage->name);
        model->has_tiles |= stage->score != NULL;
        model->has_matrices |= stage->score_all != NULL;
        model->stage_self[s] = begin_use(model, stage, stage->name, stage->self_size, part->prefix);
        int status = 0;
        if (model->stage_self[s] && stage->init)
            status = stage->init(model->host, model, model->stage_self[s], part->options);
        if (built(model, status, "stage", stage->name) || build_fusions(model, part))
            return model->error.status;
    }
    return model->error.status;
}

static int build_losses(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    model->loss_self = selves(model, plan->loss_count);
    for (int l = 0; l < plan->loss_count && model->loss_self; l++) {
        const struct sw_loss_plan *use = &plan->losses[l];
        if ((use->loss->flags & SW_LOSS_NEEDS_POOLED) &&
            !(plan->pool[0].pool && plan->pool[1].pool))
            return sw_fail(&model->error, SW_MISUSE,
                           "loss %s compares pooled vectors; give the model pool = { image = .., "
                           "text = .. }",
                           use->loss->name);
        model->loss_self[l] =
            begin_use(model, use->loss, use->loss->name, use->loss->self_size, "loss");
        int before = model->parameter_count;
        int status = 0;
        if (model->loss_self[l] && use->loss->init)
            status = use->loss->init(model->host, model, model->loss_self[l], use->options);
        if (model->parameter_count != before)
            sw_fail(&model->error, SW_FAILED, "declares a parameter, which a loss cannot");
        if (built(model, status, "loss", use->loss->name))
            return model->error.status;
    }
    return model->error.status;
}

/* Fragments that nobody looks at but what pools them may have any width. */
static int check_width(struct sw_model *model, enum sw_side side, int width)
{
    const struct sw_model_plan *plan = model->plan;
    if (width == plan->dim || (plan->pool[side].pool && !model->has_tiles))
        return SW_OK;
    return sw_fail(&model->error, SW_MISUSE,
                   "model.%s: expected blocks that end with dim = %d numbers per %s, found %d",
                   side == SW_REGIONS ? "image" : "text", plan->dim,
                   side == SW_REGIONS ? "region" : "word", width);
}

/* In this order parameters are saved, and named in lists. */
static int declare_all(struct sw_model *model)
{
    const struct sw_model_plan *plan = model->plan;
    int width[2] = {plan->features, plan->word_dim * plan->embedding->tables};
    if (build_encoder(model, SW_REGIONS, &width[SW_REGIONS]) ||
        build_encoder(model, SW_WORDS, &width[SW_WORDS]) || build_embedding(model) ||
        build_stages(model) || check_width(model, SW_REGIONS, width[SW_REGIONS]) ||
        check_width(model, SW_WORDS, width[SW_WORDS]))
        return model->error.status;
    return build_losses(model);
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
    case SW_INIT_CONSTANT:
        for (size_t i = 0; i < count; i++)
            t->data[i] = parameter->init.bound;
        return SW_OK;
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

static int refused(struct sw_model **model, struct sw_error *error)
{
    int status = sw_fail(error, (*model)->error.status, "%s", (*model)->error.text);
    sw_model_free(*model);
    *model = NULL;
    return status;
}

int sw_model_declared(struct sw_model **out, const struct sw_model_plan *plan,
                      const struct sw_host *host, struct sw_error *error)
{
    struct sw_model *model = *out = calloc(1, sizeof *model);
    if (!model)
        return sw_fail(error, SW_FAILED, "out of memory for a model");
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
    return model->error.status == SW_OK ? SW_OK : refused(out, error);
}

int sw_model_new(struct sw_model **out, const struct sw_model_plan *plan,
                 const struct sw_host *host, struct sw_compute *compute, const struct sw_ops *ops,
                 struct sw_error *error)
{
    int status = sw_model_declared(out, plan, host, error);
    if (status != SW_OK)
        return status;
    (*out)->compute = compute;
    (*out)->ops = ops;
    if (lay_out(*out) != SW_OK || start_workers(*out) != SW_OK)
        return refused(out, error);
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
