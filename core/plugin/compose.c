/* compose.c -- see compose.h. */
#include "plugin/compose.h"

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
    json_t *model; /* owns the texts of values */
    struct sw_stage_plan *stages;
    struct sw_value **values; /* the value lists, to be freed */
    struct sw_fusion_use **uses;
    size_t value_lists, use_count;
};

static void *grown(void *list, size_t count, size_t size)
{
    return realloc(list, (count + 1) * size);
}

static struct sw_value *values_of(struct sw_composition *c, const struct sw_plugins *plugins,
                                  const struct sw_option *options, const json_t *object,
                                  struct sw_error *error);

static struct sw_fusion_use *fusion_use(struct sw_composition *c, const struct sw_plugins *plugins,
                                        const json_t *object, struct sw_error *error)
{
    const struct sw_fusion *fusion = sw_plugins_fusion(plugins, name_of(object), error);
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

static int plan(struct sw_composition *c, const struct sw_plugins *plugins, struct sw_error *error)
{
    const json_t *word = json_object_get(c->model, "embedding");
    const json_t *stages = json_object_get(c->model, "stages");
    const char *direction = json_string_value(json_object_get(c->model, "direction"));
    int way = choice_index(directions, direction ? direction : "both");
    struct sw_model_plan *p = &c->plan;
    p->dim = (int)json_integer_value(json_object_get(c->model, "dim"));
    p->word_dim = (int)json_integer_value(json_object_get(word, "word_dim"));
    p->stage_count = (int)json_array_size(stages);
    if (p->dim < 1 || p->word_dim < 1 || way < 0 || p->stage_count < 1) {
        sw_fail(error, SW_MISUSE, "a model: expected dim, word_dim, a direction and stages");
        return 0;
    }
    p->direction = (enum sw_direction)way;
    p->embedding = sw_plugins_embedding(plugins, name_of(word), error);
    if (!p->embedding)
        return 0;
    p->embedding_options = values_of(c, plugins, p->embedding->options, word, error);
    p->stages = c->stages = calloc((size_t)p->stage_count, sizeof *c->stages);
    if (!c->stages)
        sw_fail(error, SW_FAILED, "out of memory for a model's plan");
    if (!p->embedding_options || !c->stages)
        return 0;
    for (int i = 0; i < p->stage_count; i++) {
        const json_t *object = json_array_get(stages, (size_t)i);
        struct sw_stage_plan *stage = &c->stages[i];
        stage->stage = sw_plugins_stage(plugins, name_of(object), error);
        if (!stage->stage)
            return 0;
        stage->score = !json_is_false(json_object_get(object, "score"));
        stage->options = values_of(c, plugins, stage->stage->options, object, error);
        if (!stage->options)
            return 0;
    }
    return 1;
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
    free(c->stages);
    json_decref(c->model);
    free(c);
}
