/* compose.c -- see compose.h. */
#include "plugin/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char directions[] = "both t2i i2t"; /* the order of enum sw_direction */

/* The place of `word` in choices, words with one space between; -1: it is none of them. */
static int choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int index = 0;
    for (const char *at = choices; at && *at; index++) {
        const char *end = strchrnul(at, ' ');
        if ((size_t)(end - at) == length && memcmp(at, word, length) == 0)
            return index;
        at = *end ? end + 1 : end;
    }
    return -1;
}

/* A part is {"plugin": name, options}, or its name alone; "" where it is neither. */
static const char *name_of(const json_t *part)
{
    const char *name =
        json_string_value(json_is_object(part) ? json_object_get(part, "plugin") : part);
    return name ? name : "";
}

struct sw_composition {
    struct sw_model_plan plan;
    json_t *model;                    /* owns the texts of values */
    const struct sw_plugin **defined; /* ended by NULL */
    struct sw_value **values;         /* the value lists, to be freed */
    struct sw_fusion_use **uses;
    void **memory; /* all else that is to be freed */
    size_t value_lists, use_count, memory_count;
};

static void *grown(void *list, size_t count, size_t size)
{
    return realloc(list, (count + 1) * size);
}

/* `bytes` zeroed bytes that live as long as the composition. */
static void *kept(struct sw_composition *c, size_t bytes, struct sw_error *error)
{
    void **memory = grown(c->memory, c->memory_count, sizeof *memory);
    void *room = calloc(1, bytes + 1);
    if (memory)
        c->memory = memory;
    if (!memory || !room) {
        free(room);
        sw_fail(error, SW_FAILED, "out of memory for a model's plan");
        return NULL;
    }
    return memory[c->memory_count++] = room;
}

/* What the model defines itself comes before what plugins bring. */
static const void *find(const struct sw_composition *c, const struct sw_plugins *plugins,
                        enum sw_kind kind, const char *name, struct sw_error *error)
{
    for (const struct sw_plugin *const *p = c->defined; *p; p++)
        for (const struct sw_descriptor *const *at = sw_plugin_descriptors(*p, kind); *at; at++)
            if (strcmp((*at)->name, name) == 0)
                return *at;
    return sw_plugins_find(plugins, kind, name, error);
}

static int define_all(struct sw_composition *c, const struct sw_plugins *plugins,
                      struct sw_error *error)
{
    const json_t *list = json_object_get(c->model, "defined");
    size_t count = json_array_size(list);
    c->defined = kept(c, sizeof *c->defined * (count + 1), error);
    for (size_t i = 0; c->defined && i < count; i++) {
        c->defined[i] = sw_plugins_define(plugins, json_array_get(list, i), error);
        if (!c->defined[i])
            return 0;
    }
    return c->defined != NULL;
}

static struct sw_value *values_of(struct sw_composition *c, const struct sw_plugins *plugins,
                                  const struct sw_option *options, const json_t *object,
                                  struct sw_error *error);

static struct sw_fusion_use *fusion_use(struct sw_composition *c, const struct sw_plugins *plugins,
                                        const json_t *object, struct sw_error *error)
{
    const struct sw_fusion *fusion = find(c, plugins, SW_KIND_FUSION, name_of(object), error);
    if (!fusion)
        return NULL;
    struct sw_fusion_use **uses = grown(c->uses, c->use_count, sizeof *uses);
    struct sw_fusion_use *use = calloc(1, sizeof *use);
    if (uses)
        c->uses = uses;
    if (!uses || !use) {
        free(use);
        sw_fail(error, SW_FAILED, "out of memory for a model's plan");
        return NULL;
    }
    uses[c->use_count++] = use;
    use->fusion = fusion;
    use->options = values_of(c, plugins, fusion->options, object, error);
    return use->options ? use : NULL;
}

/* One option's value; without one (value NULL) the descriptor's default. */
static int set_value(struct sw_composition *c, const struct sw_plugins *plugins,
                     const struct sw_option *option, const json_t *value, struct sw_value *out,
                     struct sw_error *error)
{
    const char *preset = option->preset ? option->preset : "";
    out->text = value ? json_string_value(value) : preset;
    if (option->kind == SW_CHOICE) {
        out->number = out->text ? choice_index(option->choices, out->text) : -1;
        if (out->number < 0)
            sw_fail(error, SW_MISUSE, "%s: expected one of %s", option->name, option->choices);
        return out->number >= 0;
    }
    if (option->kind == SW_FUSION) {
        json_t *name = value ? NULL : json_string(preset);
        out->fusion = fusion_use(c, plugins, value ? value : name, error);
        json_decref(name);
        out->text = out->fusion ? out->fusion->fusion->name : NULL;
        return out->fusion != NULL;
    }
    if (!value)
        out->number =
            option->kind == SW_SWITCH ? strcmp(preset, "true") == 0 : strtod(preset, NULL);
    else
        out->number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
    return 1;
}

/* Values in the descriptor's order, one at least; owned by the composition. */
static struct sw_value *values_of(struct sw_composition *c, const struct sw_plugins *plugins,
                                  const struct sw_option *options, const json_t *object,
                                  struct sw_error *error)
{
    size_t count = 0;
    while (options && options[count].name)
        count++;
    struct sw_value **lists = grown(c->values, c->value_lists, sizeof *lists);
    struct sw_value *values = calloc(count + 1, sizeof *values);
    if (lists)
        c->values = lists;
    if (!lists || !values) {
        free(values);
        sw_fail(error, SW_FAILED, "out of memory for a model's plan");
        return NULL;
    }
    lists[c->value_lists++] = values;
    for (size_t i = 0; i < count; i++)
        if (!set_value(c, plugins, &options[i], json_object_get(object, options[i].name),
                       &values[i], error))
            return NULL;
    return values;
}

/* "NAME", and from its second use in a list on "NAME_2" ..; or what the object says. */
static const char *prefix_of(struct sw_composition *c, const char *base, const char *name,
                             const json_t *list, size_t index, struct sw_error *error)
{
    const char *given = json_string_value(json_object_get(json_array_get(list, index), "prefix"));
    if (given)
        return given;
    size_t uses = 1, length = strlen(base) + 24;
    for (size_t i = 0; i < index; i++)
        uses += strcmp(name_of(json_array_get(list, i)), name) == 0;
    char *prefix = kept(c, length, error);
    if (prefix)
        snprintf(prefix, length, uses > 1 ? "%s_%zu" : "%s", base, uses);
    return prefix;
}

static int plan_blocks(struct sw_composition *c, const struct sw_plugins *plugins,
                       enum sw_side side, struct sw_error *error)
{
    static const char *const key[2] = {"image", "text"};
    const json_t *list = json_object_get(c->model, key[side]);
    size_t count = json_array_size(list);
    struct sw_block_plan *blocks = kept(c, sizeof *blocks * (count + 1), error);
    for (size_t i = 0; blocks && i < count && error->status == SW_OK; i++) {
        const json_t *object = json_array_get(list, i);
        struct sw_block_plan *use = &blocks[i];
        use->block = find(c, plugins, SW_KIND_BLOCK, name_of(object), error);
        if (!use->block)
            break;
        use->prefix = prefix_of(c, key[side], use->block->name, list, i, error);
        use->options = values_of(c, plugins, use->block->options, object, error);
    }
    c->plan.blocks[side] = blocks;
    c->plan.block_count[side] = (int)count;
    return error->status == SW_OK;
}

static int plan_pools(struct sw_composition *c, const struct sw_plugins *plugins,
                      struct sw_error *error)
{
    static const char *const key[2] = {"image", "text"};
    const json_t *pool = json_object_get(c->model, "pool");
    for (int side = 0; side < 2 && pool; side++) {
        const json_t *object = json_object_get(pool, key[side]);
        struct sw_pool_plan *use = &c->plan.pool[side];
        use->pool = find(c, plugins, SW_KIND_POOL, name_of(object), error);
        if (!use->pool)
            return 0;
        use->options = values_of(c, plugins, use->pool->options, object, error);
    }
    return error->status == SW_OK;
}

static int plan_stages(struct sw_composition *c, const struct sw_plugins *plugins,
                       struct sw_error *error)
{
    const json_t *list = json_object_get(c->model, "stages");
    size_t count = json_array_size(list);
    struct sw_stage_plan *stages = kept(c, sizeof *stages * (count + 1), error);
    for (size_t i = 0; stages && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        struct sw_stage_plan *stage = &stages[i];
        stage->stage = find(c, plugins, SW_KIND_STAGE, name_of(object), error);
        if (!stage->stage)
            return 0;
        stage->score = !json_is_false(json_object_get(object, "score"));
        stage->prefix = prefix_of(c, stage->stage->name, stage->stage->name, list, i, error);
        stage->options = values_of(c, plugins, stage->stage->options, object, error);
        if (!stage->options || !stage->prefix)
            return 0;
    }
    c->plan.stages = stages;
    c->plan.stage_count = (int)count;
    return stages != NULL;
}

static int plan_losses(struct sw_composition *c, const struct sw_plugins *plugins,
                       struct sw_error *error)
{
    const json_t *list = json_object_get(c->model, "loss");
    size_t count = json_array_size(list);
    struct sw_loss_plan *losses = kept(c, sizeof *losses * (count + 1), error);
    for (size_t i = 0; losses && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        const json_t *weight = json_object_get(object, "weight");
        struct sw_loss_plan *use = &losses[i];
        use->loss = find(c, plugins, SW_KIND_LOSS, name_of(object), error);
        if (!use->loss)
            return 0;
        use->weight = weight ? (float)json_number_value(weight) : 1;
        use->options = values_of(c, plugins, use->loss->options, object, error);
        if (!use->options)
            return 0;
    }
    c->plan.losses = losses;
    c->plan.loss_count = (int)count;
    return losses != NULL;
}

static int plan(struct sw_composition *c, const struct sw_plugins *plugins, struct sw_error *error)
{
    const json_t *word = json_object_get(c->model, "embedding");
    const char *direction = json_string_value(json_object_get(c->model, "direction"));
    int way = choice_index(directions, direction ? direction : "both");
    struct sw_model_plan *p = &c->plan;
    p->dim = (int)json_integer_value(json_object_get(c->model, "dim"));
    p->word_dim = (int)json_integer_value(json_object_get(word, "word_dim"));
    if (p->dim < 1 || p->word_dim < 1 || way < 0 ||
        json_array_size(json_object_get(c->model, "stages")) < 1) {
        sw_fail(error, SW_MISUSE, "a model: expected dim, word_dim, a direction and stages");
        return 0;
    }
    if (!define_all(c, plugins, error))
        return 0;
    p->direction = (enum sw_direction)way;
    p->embedding = find(c, plugins, SW_KIND_EMBEDDING, name_of(word), error);
    if (!p->embedding)
        return 0;
    p->embedding_options = values_of(c, plugins, p->embedding->options, word, error);
    return p->embedding_options && plan_blocks(c, plugins, SW_REGIONS, error) &&
           plan_blocks(c, plugins, SW_WORDS, error) && plan_pools(c, plugins, error) &&
           plan_stages(c, plugins, error) && plan_losses(c, plugins, error);
}

int sw_compose(struct sw_composition **out, const struct sw_plugins *plugins, const json_t *model,
               struct sw_error *error)
{
    *out = NULL;
    struct sw_composition *c = calloc(1, sizeof *c);
    if (!c)
        return sw_fail(error, SW_FAILED, "out of memory for a model's plan");
    struct sw_error own = {0};
    c->model = json_incref((json_t *)(uintptr_t)model);
    if (!plan(c, plugins, &own)) {
        sw_composition_free(c);
        return sw_fail(error, own.status ? own.status : SW_FAILED, "%s", own.text);
    }
    *out = c;
    return SW_OK;
}

struct sw_model_plan *sw_composition_plan(struct sw_composition *composition)
{
    return &composition->plan;
}

void sw_composition_free(struct sw_composition *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->use_count; i++)
        free(c->uses[i]);
    for (size_t i = 0; i < c->value_lists; i++)
        free(c->values[i]);
    free(c->uses);
    free(c->values);
    for (size_t i = 0; i < c->memory_count; i++)
        free(c->memory[i]);
    free(c->memory);
    json_decref(c->model);
    free(c);
}
