/* compose.c -- see compose.h. */
#include "plugin/compose.h"
#include "tensor/tape/arena.h"

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
    const struct sw_plugins *plugins;
    json_t *model;                    /* owns the texts of values */
    const struct sw_plugin **defined; /* ended by NULL */
    struct sw_arena *arena;           /* of what the plan points to */
    struct sw_error error;            /* the first failure */
};

/* `count` zeroed elements, and one more, that live as long as the composition. */
static void *kept(struct sw_composition *c, size_t count, size_t size)
{
    void *room = sw_arena_zeroed(c->arena, (count + 1) * size);
    if (!room)
        sw_fail(&c->error, SW_FAILED, "out of memory for a model's plan");
    return room;
}

/* What the model defines itself comes before what plugins bring. */
static const void *find(struct sw_composition *c, enum sw_kind kind, const json_t *part)
{
    const char *name = name_of(part);
    for (const struct sw_plugin *const *p = c->defined; *p; p++)
        for (const struct sw_descriptor *const *at = sw_plugin_descriptors(*p, kind); *at; at++)
            if (strcmp((*at)->name, name) == 0)
                return *at;
    return sw_plugins_find(c->plugins, kind, name, &c->error);
}

static int define_all(struct sw_composition *c)
{
    const json_t *list = json_object_get(c->model, "defined");
    size_t count = json_array_size(list);
    c->defined = kept(c, count, sizeof *c->defined);
    for (size_t i = 0; c->defined && i < count; i++) {
        c->defined[i] = sw_plugins_define(c->plugins, json_array_get(list, i), &c->error);
        if (!c->defined[i])
            return 0;
    }
    return c->defined != NULL;
}

static struct sw_value *values_of(struct sw_composition *c, const struct sw_option *options,
                                  const json_t *object);

static struct sw_fusion_use *fusion_use(struct sw_composition *c, const json_t *object)
{
    struct sw_fusion_use *use = kept(c, 1, sizeof *use);
    if (!use || !(use->fusion = find(c, SW_KIND_FUSION, object)))
        return NULL;
    use->options = values_of(c, use->fusion->options, object);
    return use->options ? use : NULL;
}

/* One option's value; without one (value NULL) the descriptor's default. */
static int set_value(struct sw_composition *c, const struct sw_option *option, const json_t *value,
                     struct sw_value *out)
{
    const char *preset = option->preset ? option->preset : "";
    out->text = value ? json_string_value(value) : preset;
    if (option->kind == SW_CHOICE) {
        out->number = out->text ? choice_index(option->choices, out->text) : -1;
        if (out->number < 0)
            sw_fail(&c->error, SW_MISUSE, "%s: expected one of %s", option->name, option->choices);
        return out->number >= 0;
    }
    if (option->kind == SW_FUSION) {
        json_t *name = value ? NULL : json_string(preset);
        out->fusion = fusion_use(c, value ? value : name);
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

/* Values in the descriptor's order, one at least. */
static struct sw_value *values_of(struct sw_composition *c, const struct sw_option *options,
                                  const json_t *object)
{
    size_t count = 0;
    while (options && options[count].name)
        count++;
    struct sw_value *values = kept(c, count, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        if (!set_value(c, &options[i], json_object_get(object, options[i].name), &values[i]))
            return NULL;
    return values;
}

/* "NAME", and from its second use in a list on "NAME_2" ..; or what the object says. */
static const char *prefix_of(struct sw_composition *c, const char *base, const json_t *list,
                             size_t index)
{
    const json_t *part = json_array_get(list, index);
    const char *given = json_string_value(json_object_get(part, "prefix"));
    if (given)
        return given;
    size_t uses = 1, length = strlen(base) + 24;
    for (size_t i = 0; i < index; i++)
        uses += strcmp(name_of(json_array_get(list, i)), name_of(part)) == 0;
    char *prefix = kept(c, length, 1);
    if (prefix)
        snprintf(prefix, length, uses > 1 ? "%s_%zu" : "%s", base, uses);
    return prefix;
}

static const char *const sides[2] = {"image", "text"};

/* The chain `list`, whose parameters' names begin with `base`. */
static int plan_blocks(struct sw_composition *c, int chain, const json_t *list, const char *base)
{
    size_t count = json_array_size(list);
    struct sw_block_plan *blocks = kept(c, count, sizeof *blocks);
    for (size_t i = 0; blocks && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        struct sw_block_plan *use = &blocks[i];
        if (!(use->block = find(c, SW_KIND_BLOCK, object)))
            return 0;
        use->prefix = prefix_of(c, base, list, i);
        use->options = values_of(c, use->block->options, object);
    }
    c->plan.blocks[chain] = blocks;
    c->plan.block_count[chain] = (int)count;
    return c->error.status == SW_OK;
}

static int plan_encoders(struct sw_composition *c)
{
    static const char *const behind[2] = {"image.second", "text.second"};
    const json_t *second = json_object_get(c->model, "second");
    for (int side = 0; side < 2; side++) {
        const json_t *more = json_object_get(second, sides[side]);
        if (!plan_blocks(c, side, json_object_get(c->model, sides[side]), sides[side]) ||
            !plan_blocks(c, side + 2, json_object_get(more, "blocks"), behind[side]))
            return 0;
        struct sw_second_plan *to = &c->plan.second[side];
        *to = (struct sw_second_plan){.file = json_string_value(json_object_get(more, "file")),
                                      .width =
                                          (int)json_integer_value(json_object_get(more, "width")),
                                      .alone = json_is_true(json_object_get(more, "alone"))};
        if (more && (!to->file || to->width < 1 || (to->alone && side == SW_REGIONS))) {
            sw_fail(&c->error, SW_MISUSE,
                    "model.second.%s: expected a file and a width, and only text alone",
                    sides[side]);
            return 0;
        }
    }
    return 1;
}

static int plan_pools(struct sw_composition *c)
{
    const json_t *pool = json_object_get(c->model, "pool");
    for (int side = 0; side < 2 && pool; side++) {
        const json_t *object = json_object_get(pool, sides[side]);
        struct sw_pool_plan *use = &c->plan.pool[side];
        if (!(use->pool = find(c, SW_KIND_POOL, object)))
            return 0;
        use->options = values_of(c, use->pool->options, object);
    }
    return c->error.status == SW_OK;
}

static int plan_stages(struct sw_composition *c)
{
    const json_t *list = json_object_get(c->model, "stages");
    size_t count = json_array_size(list);
    struct sw_stage_plan *stages = kept(c, count, sizeof *stages);
    for (size_t i = 0; stages && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        struct sw_stage_plan *use = &stages[i];
        if (!(use->stage = find(c, SW_KIND_STAGE, object)))
            return 0;
        use->score = !json_is_false(json_object_get(object, "score"));
        use->prefix = prefix_of(c, use->stage->name, list, i);
        use->options = values_of(c, use->stage->options, object);
    }
    c->plan.stages = stages;
    c->plan.stage_count = (int)count;
    return c->error.status == SW_OK;
}

static int plan_losses(struct sw_composition *c)
{
    const json_t *list = json_object_get(c->model, "loss");
    size_t count = json_array_size(list);
    struct sw_loss_plan *losses = kept(c, count, sizeof *losses);
    for (size_t i = 0; losses && i < count; i++) {
        const json_t *object = json_array_get(list, i);
        const json_t *weight = json_object_get(object, "weight");
        struct sw_loss_plan *use = &losses[i];
        if (!(use->loss = find(c, SW_KIND_LOSS, object)))
            return 0;
        use->weight = weight ? (float)json_number_value(weight) : 1;
        use->options = values_of(c, use->loss->options, object);
    }
    c->plan.losses = losses;
    c->plan.loss_count = (int)count;
    return c->error.status == SW_OK;
}

static int plan(struct sw_composition *c)
{
    const json_t *word = json_object_get(c->model, "embedding");
    const char *direction = json_string_value(json_object_get(c->model, "direction"));
    int way = choice_index(directions, direction ? direction : "both");
    struct sw_model_plan *p = &c->plan;
    p->dim = (int)json_integer_value(json_object_get(c->model, "dim"));
    p->word_dim = (int)json_integer_value(json_object_get(word, "word_dim"));
    p->direction = (enum sw_direction)way;
    if (p->dim < 1 || p->word_dim < 1 || way < 0 ||
        json_array_size(json_object_get(c->model, "stages")) < 1) {
        sw_fail(&c->error, SW_MISUSE, "a model: expected dim, word_dim, a direction and stages");
        return 0;
    }
    if (!define_all(c) || !(p->embedding = find(c, SW_KIND_EMBEDDING, word)))
        return 0;
    p->embedding_options = values_of(c, p->embedding->options, word);
    return p->embedding_options && plan_encoders(c) && plan_pools(c) && plan_stages(c) &&
           plan_losses(c);
}

int sw_compose(struct sw_composition **out, const struct sw_plugins *plugins, const json_t *model,
               struct sw_error *error)
{
    *out = NULL;
    struct sw_composition *c = calloc(1, sizeof *c);
    if (!c || !(c->arena = sw_arena_new())) {
        free(c);
        return sw_fail(error, SW_FAILED, "out of memory for a model's plan");
    }
    c->plugins = plugins;
    c->model = json_incref((json_t *)(uintptr_t)model);
    if (plan(c)) {
        *out = c;
        return SW_OK;
    }
    int status = sw_fail(error, c->error.status, "%s", c->error.text);
    sw_composition_free(c);
    return status;
}

struct sw_model_plan *sw_composition_plan(struct sw_composition *composition)
{
    return &composition->plan;
}

void sw_composition_free(struct sw_composition *c)
{
    if (!c)
        return;
    sw_arena_free(c->arena);
    json_decref(c->model);
    free(c);
}
