/* compose.c -- see compose.h. First the resolving of names, options and defaults, then the plan. */
#include "plugin/compose.h"

#include "plugin/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STAGES = 32, MOST_KEYS = 64 };

/* The paper's model, in a config that says nothing: data, not code that knows these names. */
static const char preset_embedding[] = "glove_random";
static const char *const preset_stages[] = {"l2l", "g2l", "g2g"};
static const char directions[] = "both t2i i2t"; /* the order of enum sw_direction */

static const struct sw_range dim_range = {1, 16384, 0};

/* Sets key to value (its reference is taken); 0 when value is NULL or there is no memory. */
static int put(json_t *object, const char *key, json_t *value, struct sw_error *error)
{
    if (value && json_object_set_new(object, key, value) == 0)
        return 1;
    sw_fail(error, SW_FAILED, "out of memory for a config");
    return 0;
}

static json_t *check_fusion(const struct sw_plugins *plugins, const json_t *value,
                            const char *where, struct sw_error *error);

static json_t *check_option(const struct sw_plugins *plugins, const struct sw_option *option,
                            const json_t *value, const char *where, struct sw_error *error)
{
    struct sw_range range = {option->least, option->most, 0};
    switch (option->kind) {
    case SW_NUMBER:
        return sw_check_number(value, range, where, error);
    case SW_INTEGER:
        return sw_check_integer(value, range, where, error);
    case SW_SWITCH:
        return sw_check_switch(value, where, error);
    case SW_CHOICE:
        return sw_check_choice(value, option->choices, where, error);
    case SW_FUSION:
        return check_fusion(plugins, value, where, error);
    }
    sw_fail(error, SW_FAILED, "%s: the plugin gives it an unknown kind %d", where,
            (int)option->kind);
    return NULL;
}

/* Refuses keys of `given` (may be NULL) that are neither of first[] nor options. */
static int check_keys(const json_t *given, const char *const *first, size_t count,
                      const struct sw_option *options, const char *where, struct sw_error *error)
{
    const char *names[MOST_KEYS];
    memcpy(names, first, count * sizeof *first);
    for (; options && options->name && count < MOST_KEYS; options++)
        names[count++] = options->name;
    return given ? sw_known_keys(given, names, count, where, error) : SW_OK;
}

/* Adds every option to `into`: what `given` (may be NULL) says, or the descriptor's default. */
static int resolve_options(const struct sw_plugins *plugins, const struct sw_option *options,
                           const json_t *given, const char *where, json_t *into,
                           struct sw_error *error)
{
    for (; options && options->name; options++) {
        char path[256];
        snprintf(path, sizeof path, "%s.%s", where, options->name);
        const json_t *value = json_object_get(given, options->name);
        json_t *preset = NULL;
        if (!value)
            value = preset = sw_typed_value(options->kind, options->preset ? options->preset : "");
        if (!value)
            sw_fail(error, SW_FAILED, "out of memory for a config");
        json_t *checked = value ? check_option(plugins, options, value, path, error) : NULL;
        if (!checked && preset)
            sw_error_within(error, "the default of a plugin's own option");
        json_decref(preset);
        if (!checked || !put(into, options->name, checked, error))
            return 0;
    }
    return 1;
}

/* The name in `value`, which is that name, or a table with it as "plugin"; NULL with an error. */
static const char *plugin_name(const json_t *value, const char *preset, const char *where,
                               struct sw_error *error)
{
    const json_t *name = json_is_object(value) ? json_object_get(value, "plugin") : value;
    if (!name && preset)
        return preset;
    if (json_is_string(name) && json_string_length(name) > 0)
        return json_string_value(name);
    char found[128];
    sw_value_found(found, sizeof found, name ? name : value);
    sw_fail(error, SW_MISUSE, "%s: expected a plugin's name or a table {plugin = name}, found %s",
            where, found);
    return NULL;
}

static json_t *new_object(const char *plugin, struct sw_error *error)
{
    json_t *object = json_object();
    if (object && put(object, "plugin", json_string(plugin), error))
        return object;
    json_decref(object);
    sw_fail(error, SW_FAILED, "out of memory for a config");
    return NULL;
}

static json_t *check_fusion(const struct sw_plugins *plugins, const json_t *value,
                            const char *where, struct sw_error *error)
{
    static const char *const taken[] = {"plugin"};
    const char *name = plugin_name(value, NULL, where, error);
    const struct sw_fusion *fusion = name ? sw_plugins_fusion(plugins, name, error) : NULL;
    if (!fusion) {
        if (name)
            sw_error_within(error, "%s", where);
        return NULL;
    }
    const json_t *given = json_is_object(value) ? value : NULL;
    char label[400];
    snprintf(label, sizeof label, "%s %s", where, name);
    json_t *object = new_object(name, error);
    if (object && check_keys(given, taken, 1, fusion->options, label, error) == SW_OK &&
        resolve_options(plugins, fusion->options, given, where, object, error))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *resolve_embedding(const struct sw_plugins *plugins, const json_t *value,
                                 struct sw_error *error)
{
    static const char *const taken[] = {"plugin", "word_dim"};
    const char *name =
        value ? plugin_name(value, preset_embedding, "model.embedding", error) : preset_embedding;
    const struct sw_embedding *embedding = name ? sw_plugins_embedding(plugins, name, error) : NULL;
    if (!embedding)
        return NULL;
    const json_t *given = json_is_object(value) ? value : NULL;
    const json_t *word_dim = json_object_get(given, "word_dim");
    json_t *preset = word_dim ? NULL : json_integer(300);
    json_t *width = sw_check_integer(word_dim ? word_dim : preset, dim_range,
                                     "model.embedding.word_dim", error);
    json_decref(preset);
    json_t *object = width ? new_object(name, error) : NULL;
    if (!object) {
        json_decref(width);
        return NULL;
    }
    char label[96];
    snprintf(label, sizeof label, "embedding %s", name);
    if (put(object, "word_dim", width, error) &&
        check_keys(given, taken, 2, embedding->options, label, error) == SW_OK &&
        resolve_options(plugins, embedding->options, given, "embedding", object, error))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *resolve_stage(const struct sw_plugins *plugins, const json_t *value, size_t index,
                             struct sw_error *error)
{
    static const char *const taken[] = {"plugin", "score"};
    char where[96];
    snprintf(where, sizeof where, "model.stages[%zu]", index + 1);
    const char *name = plugin_name(value, NULL, where, error);
    const struct sw_stage *stage = name ? sw_plugins_stage(plugins, name, error) : NULL;
    if (!stage) {
        if (name)
            sw_error_within(error, "%s", where);
        return NULL;
    }
    const json_t *given = json_is_object(value) ? value : NULL;
    snprintf(where, sizeof where, "%s.score", name);
    const json_t *score = json_object_get(given, "score");
    json_t *scored = score ? sw_check_switch(score, where, error) : json_true();
    json_t *object = scored ? new_object(name, error) : NULL;
    if (!object) {
        json_decref(scored);
        return NULL;
    }
    if (put(object, "score", scored, error) &&
        check_keys(given, taken, 2, stage->options, name, error) == SW_OK &&
        resolve_options(plugins, stage->options, given, name, object, error))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *default_stages(struct sw_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < sizeof preset_stages / sizeof *preset_stages; i++)
        if (json_array_append_new(list, json_string(preset_stages[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    if (!list)
        sw_fail(error, SW_FAILED, "out of memory for a config");
    return list;
}

/* A stage's parameters are named after it, so it can stand once; S must be a sum of something. */
static int check_stages(const json_t *stages, struct sw_error *error)
{
    int scored = 0;
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        const char *name = json_string_value(json_object_get(stage, "plugin"));
        scored |= json_is_true(json_object_get(stage, "score"));
        for (size_t j = 0; j < i; j++) {
            const json_t *other = json_object_get(json_array_get(stages, j), "plugin");
            if (strcmp(json_string_value(other), name) == 0)
                return sw_fail(error, SW_MISUSE,
                               "model.stages: '%s' is there twice (%zu and %zu); a stage is used "
                               "once, since its parameters are named after it",
                               name, j + 1, i + 1);
        }
    }
    if (!scored)
        return sw_fail(error, SW_MISUSE,
                       "model.stages: expected one stage at least that adds to the score "
                       "(score = true), found none");
    return SW_OK;
}

static json_t *resolve_stages(const struct sw_plugins *plugins, const json_t *value,
                              struct sw_error *error)
{
    size_t count = json_array_size(value);
    if (value && (!json_is_array(value) || count == 0 || count > MOST_STAGES)) {
        char found[128];
        sw_value_found(found, sizeof found, value);
        sw_fail(error, SW_MISUSE, "model.stages: expected a list of 1 to %d stages, found %s%s",
                MOST_STAGES, found,
                !json_is_array(value) ? ""
                : count               ? " that is longer"
                                      : " that is empty");
        return NULL;
    }
    json_t *given = value ? json_incref((json_t *)(size_t)value) : default_stages(error);
    json_t *stages = given ? json_array() : NULL;
    for (size_t i = 0; stages && i < json_array_size(given); i++) {
        json_t *stage = resolve_stage(plugins, json_array_get(given, i), i, error);
        if (!stage || json_array_append_new(stages, stage) != 0) {
            json_decref(stages);
            stages = NULL;
        }
    }
    json_decref(given);
    if (!stages) {
        sw_fail(error, SW_FAILED, "out of memory for a config");
    } else if (check_stages(stages, error) != SW_OK) {
        json_decref(stages);
        stages = NULL;
    }
    return stages;
}

json_t *sw_compose_resolve(const struct sw_plugins *plugins, const json_t *model,
                           struct sw_error *error)
{
    static const char *const keys[] = {"dim", "direction", "embedding", "stages"};
    if (model && !json_is_object(model)) {
        char found[128];
        sw_value_found(found, sizeof found, model);
        sw_fail(error, SW_MISUSE, "model: expected a table, found %s", found);
        return NULL;
    }
    if (model && sw_known_keys(model, keys, 4, "model", error) != SW_OK)
        return NULL;
    const json_t *dim = json_object_get(model, "dim"), *way = json_object_get(model, "direction");
    json_t *preset = json_integer(1024), *both = json_string("both");
    json_t *resolved = json_object();
    int ok = resolved && preset && both;
    if (!ok)
        sw_fail(error, SW_FAILED, "out of memory for a config");
    ok = ok && put(resolved, "dim",
                   sw_check_integer(dim ? dim : preset, dim_range, "model.dim", error), error);
    ok = ok && put(resolved, "direction",
                   sw_check_choice(way ? way : both, directions, "model.direction", error), error);
    ok = ok && put(resolved, "embedding",
                   resolve_embedding(plugins, json_object_get(model, "embedding"), error), error);
    ok = ok && put(resolved, "stages",
                   resolve_stages(plugins, json_object_get(model, "stages"), error), error);
    json_decref(preset);
    json_decref(both);
    if (ok)
        return resolved;
    json_decref(resolved);
    return NULL;
}

/* ---- the plan -------------------------------------------------------------------------------- */

struct sw_composition {
    struct sw_model_plan plan;
    json_t *resolved; /* owns the texts of values */
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
    const char *name = json_string_value(json_object_get(object, "plugin"));
    const struct sw_fusion *fusion = sw_plugins_fusion(plugins, name ? name : "", error);
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

/* Checked values in the descriptor's order, one at least; owned by the composition. */
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
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, options[i].name);
        values[i].number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        values[i].text = json_string_value(value);
        if (options[i].kind == SW_CHOICE && values[i].text)
            values[i].number = sw_choice_index(options[i].choices, values[i].text);
        if (options[i].kind != SW_FUSION)
            continue;
        values[i].text = json_string_value(json_object_get(value, "plugin"));
        values[i].fusion = fusion_use(c, plugins, value, error);
        if (!values[i].fusion)
            return NULL;
    }
    return values;
}

static int plan(struct sw_composition *c, const struct sw_plugins *plugins, struct sw_error *error)
{
    const json_t *word = json_object_get(c->resolved, "embedding");
    const json_t *stages = json_object_get(c->resolved, "stages");
    struct sw_model_plan *p = &c->plan;
    p->dim = (int)json_integer_value(json_object_get(c->resolved, "dim"));
    p->word_dim = (int)json_integer_value(json_object_get(word, "word_dim"));
    p->direction = (enum sw_direction)sw_choice_index(
        directions, json_string_value(json_object_get(c->resolved, "direction")));
    p->embedding =
        sw_plugins_embedding(plugins, json_string_value(json_object_get(word, "plugin")), error);
    if (!p->embedding)
        return 0;
    p->embedding_options = values_of(c, plugins, p->embedding->options, word, error);
    p->stage_count = (int)json_array_size(stages);
    p->stages = c->stages = calloc((size_t)p->stage_count, sizeof *c->stages);
    if (!c->stages)
        sw_fail(error, SW_FAILED, "out of memory for a model's plan");
    if (!p->embedding_options || !c->stages)
        return 0;
    for (int i = 0; i < p->stage_count; i++) {
        const json_t *object = json_array_get(stages, (size_t)i);
        struct sw_stage_plan *stage = &c->stages[i];
        stage->stage =
            sw_plugins_stage(plugins, json_string_value(json_object_get(object, "plugin")), error);
        if (!stage->stage)
            return 0;
        stage->score = json_is_true(json_object_get(object, "score"));
        stage->options = values_of(c, plugins, stage->stage->options, object, error);
        if (!stage->options)
            return 0;
    }
    return 1;
}

int sw_compose(struct sw_composition **out, const struct sw_plugins *plugins,
               const json_t *resolved, struct sw_error *error)
{
    *out = NULL;
    struct sw_composition *c = calloc(1, sizeof *c);
    if (!c)
        return sw_fail(error, SW_FAILED, "out of memory for a model's plan");
    /* Resolving again costs little and means that nothing unchecked can reach a plan. */
    struct sw_error own = {0};
    c->resolved = sw_compose_resolve(plugins, resolved, &own);
    if (!c->resolved || !plan(c, plugins, &own)) {
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
    json_decref(c->resolved);
    free(c);
}
