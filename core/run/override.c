/* override.c -- "key=value" on a resolved config: finds the key, types the value, resolves again.
 */
#include "run/config.h"

#include "plugin/values.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 5, MOST_NAMES = 128 };

struct request {
    const struct sw_plugins *plugins;
    json_t *config; /* a copy that may be thrown away */
    char *part[MOST_PARTS];
    int parts;
    const char *key, *text;
    struct sw_error *error;
};

static json_t *model_of(const struct request *r)
{
    return json_object_get(r->config, "model");
}

static const char *name_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "plugin"));
    return name ? name : "";
}

static int set(struct request *r, json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0)
        return sw_fail(r->error, SW_FAILED, "%s: out of memory, or the value is not UTF-8", r->key);
    return SW_OK;
}

static int set_typed(struct request *r, json_t *object, const char *key, enum sw_option_kind kind)
{
    return set(r, object, key, sw_typed_value(kind, r->text));
}

static const struct sw_option *find_option(const struct sw_option *options, const char *name)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

/* An option of a descriptor; one it does not have is set as text and refused when resolving, which
 * knows the near miss. */
static int set_option(struct request *r, json_t *object, const struct sw_option *options,
                      const char *name)
{
    const struct sw_option *option = find_option(options, name);
    return set_typed(r, object, name, option ? option->kind : SW_CHOICE);
}

/* Another plugin brings other options, so only `kept` of the old table stays. */
static int set_plugin(struct request *r, json_t *owner, const char *key, const char *kept)
{
    json_t *old = json_object_get(owner, key);
    if (strcmp(name_of(old), r->text) == 0)
        return SW_OK;
    json_t *table = json_pack("{s:s}", "plugin", r->text);
    json_t *value = kept ? json_object_get(old, kept) : NULL;
    if (table && value && json_object_set(table, kept, value) != 0) {
        json_decref(table);
        table = NULL;
    }
    return set(r, owner, key, table);
}

static json_t *find_stage(const struct request *r, const char *name)
{
    size_t i;
    json_t *stage;
    json_array_foreach(json_object_get(model_of(r), "stages"), i, stage)
    {
        if (strcmp(name_of(stage), name) == 0)
            return stage;
    }
    return NULL;
}

/* Names of the model's stages, "a, b, c", for messages. */
static void stage_names(const struct request *r, char *out, size_t size)
{
    size_t i, used = 0;
    json_t *stage;
    *out = 0;
    json_array_foreach(json_object_get(model_of(r), "stages"), i, stage)
    {
        if (used < size)
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", name_of(stage));
    }
}

static int set_all_fusions(struct request *r)
{
    size_t i, found = 0;
    json_t *stage;
    json_array_foreach(json_object_get(model_of(r), "stages"), i, stage)
    {
        const struct sw_stage *s = sw_plugins_stage(r->plugins, name_of(stage), NULL);
        for (const struct sw_option *o = s ? s->options : NULL; o && o->name; o++)
            if (o->kind == SW_FUSION) {
                found++;
                if (set_plugin(r, stage, o->name, NULL) != SW_OK)
                    return r->error->status;
            }
    }
    char names[256];
    stage_names(r, names, sizeof names);
    return found ? SW_OK
                 : sw_fail(r->error, SW_MISUSE, "fusion: no stage of this model fuses; they are %s",
                           names);
}

/* "l2l,g2l": stages that are there keep their options, others come with their defaults. */
static int set_stages(struct request *r)
{
    json_t *list = json_array();
    char *names = strdup(r->text), *save = NULL;
    int ok = list && names;
    for (char *name = ok ? strtok_r(names, ", ", &save) : NULL; name && ok;
         name = strtok_r(NULL, ", ", &save)) {
        json_t *stage = find_stage(r, name);
        ok = json_array_append_new(list, stage ? json_incref(stage) : json_string(name)) == 0;
    }
    free(names);
    if (!ok) {
        json_decref(list);
        return sw_fail(r->error, SW_FAILED, "stages: out of memory, or a name is not UTF-8");
    }
    return set(r, model_of(r), "stages", list);
}

static int set_key(struct request *r, const char *section, const char *name, int *found)
{
    size_t count;
    const struct sw_config_key *keys = sw_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].name, name) != 0 || (section && strcmp(keys[i].section, section) != 0))
            continue;
        *found = 1;
        if (keys[i].kind == SW_KEY_TESTS)
            return sw_fail(r->error, SW_MISUSE,
                           "%s: a list of test sets stands in an experiment or a table, not in "
                           "key=value",
                           r->key);
        enum sw_option_kind kind = keys[i].kind == SW_KEY_NUMBER    ? SW_NUMBER
                                   : keys[i].kind == SW_KEY_INTEGER ? SW_INTEGER
                                   : keys[i].kind == SW_KEY_SWITCH  ? SW_SWITCH
                                                                    : SW_CHOICE;
        json_t *object = r->config;
        if (*keys[i].section)
            object = json_object_get(r->config, keys[i].section);
        return set_typed(r, object, name, kind);
    }
    *found = 0;
    return SW_OK;
}

static const char *const model_keys[] = {"dim",      "direction", "embedding",
                                         "word_dim", "fusion",    "stages"};

static int unknown(struct request *r, const char *section, const char *name)
{
    const char *names[MOST_NAMES];
    size_t count = 0, all, i;
    const struct sw_config_key *keys = sw_config_keys(&all);
    char suggestion[640], owners[256] = "";
    for (i = 0; i < all && count < MOST_NAMES; i++)
        if (!section || strcmp(keys[i].section, section) == 0)
            names[count++] = keys[i].name;
    if (section) {
        sw_suggest(suggestion, sizeof suggestion, name, names, count);
        return sw_fail(r->error, SW_MISUSE, "no option '%.80s' in %s%s", name, section, suggestion);
    }
    for (i = 0; i < sizeof model_keys / sizeof *model_keys && count < MOST_NAMES; i++)
        names[count++] = model_keys[i];
    json_t *stage;
    size_t used = 0;
    json_array_foreach(json_object_get(model_of(r), "stages"), i, stage)
    {
        if (json_object_get(stage, name) && used < sizeof owners)
            used += (size_t)snprintf(owners + used, sizeof owners - used, "%s'%s.%s'",
                                     used ? " or " : "", name_of(stage), name);
    }
    if (*owners)
        return sw_fail(r->error, SW_MISUSE, "no option '%.80s'; did you mean %s?", name, owners);
    sw_suggest(suggestion, sizeof suggestion, name, names, count);
    return sw_fail(r->error, SW_MISUSE, "no option '%.80s'%s", name, suggestion);
}

static int no_stage(struct request *r, const char *name)
{
    char names[256], suggestion[640];
    stage_names(r, names, sizeof names);
    if (sw_plugins_stage(r->plugins, name, NULL))
        return sw_fail(r->error, SW_MISUSE, "%s: '%s' is not a stage of this model, which has %s",
                       r->key, name, names);
    const char *heads[MOST_NAMES] = {"train", "data", "model", "embedding"};
    size_t count = 4, i;
    json_t *stage;
    json_array_foreach(json_object_get(model_of(r), "stages"), i, stage)
    {
        if (count < MOST_NAMES)
            heads[count++] = name_of(stage);
    }
    sw_suggest(suggestion, sizeof suggestion, name, heads, count);
    return sw_fail(r->error, SW_MISUSE, "%s: no section or stage '%.80s'%s", r->key, name,
                   suggestion);
}

static int too_deep(struct request *r)
{
    return sw_fail(r->error, SW_MISUSE, "%s: this key has no options of its own", r->key);
}

static int apply_one(struct request *r)
{
    const char *name = r->part[0];
    if (strcmp(name, "dim") == 0)
        return set_typed(r, model_of(r), name, SW_INTEGER);
    if (strcmp(name, "direction") == 0)
        return set_typed(r, model_of(r), name, SW_CHOICE);
    if (strcmp(name, "embedding") == 0)
        return set_plugin(r, model_of(r), name, "word_dim");
    if (strcmp(name, "word_dim") == 0)
        return set_typed(r, json_object_get(model_of(r), "embedding"), name, SW_INTEGER);
    if (strcmp(name, "fusion") == 0)
        return set_all_fusions(r);
    if (strcmp(name, "stages") == 0)
        return set_stages(r);
    int found, status = set_key(r, NULL, name, &found);
    return found ? status : unknown(r, NULL, name);
}

static int apply_embedding(struct request *r)
{
    const char *name = r->part[1];
    json_t *embedding = json_object_get(model_of(r), "embedding");
    if (r->parts > 2)
        return too_deep(r);
    if (strcmp(name, "plugin") == 0)
        return set_plugin(r, model_of(r), "embedding", "word_dim");
    if (strcmp(name, "word_dim") == 0)
        return set_typed(r, embedding, name, SW_INTEGER);
    const struct sw_embedding *e = sw_plugins_embedding(r->plugins, name_of(embedding), r->error);
    return e ? set_option(r, embedding, e->options, name) : r->error->status;
}

static int apply_stage(struct request *r)
{
    json_t *stage = find_stage(r, r->part[0]);
    const char *name = r->part[1];
    if (!stage)
        return no_stage(r, r->part[0]);
    const struct sw_stage *s = sw_plugins_stage(r->plugins, r->part[0], r->error);
    if (!s)
        return r->error->status;
    if (strcmp(name, "plugin") == 0)
        return sw_fail(r->error, SW_MISUSE, "%s: use stages=.. to choose other stages", r->key);
    const struct sw_option *option = find_option(s->options, name);
    if (option && option->kind == SW_FUSION) {
        json_t *table = json_object_get(stage, name);
        if (r->parts == 2 || (r->parts == 3 && strcmp(r->part[2], "plugin") == 0))
            return set_plugin(r, stage, name, NULL);
        const struct sw_fusion *f = sw_plugins_fusion(r->plugins, name_of(table), r->error);
        if (!f)
            return r->error->status;
        return r->parts > 3 ? too_deep(r) : set_option(r, table, f->options, r->part[2]);
    }
    if (r->parts > 2)
        return too_deep(r);
    if (strcmp(name, "score") == 0)
        return set_typed(r, stage, name, SW_SWITCH);
    return set_option(r, stage, s->options, name);
}

static int apply(struct request *r)
{
    int shift = 0;
    if (r->parts > 1 && strcmp(r->part[0], "model") == 0)
        shift = r->parts > 2 && strcmp(r->part[1], "stages") == 0 ? 2 : 1;
    r->parts -= shift;
    memmove(r->part, r->part + shift, (size_t)r->parts * sizeof *r->part);
    const char *head = r->part[0];
    const size_t count = sizeof model_keys / sizeof *model_keys;
    if (r->parts == 1 && shift) {
        size_t i = 0;
        while (i < count && strcmp(model_keys[i], head) != 0)
            i++;
        char suggestion[640];
        sw_suggest(suggestion, sizeof suggestion, head, model_keys, count);
        if (i == count)
            return sw_fail(r->error, SW_MISUSE, "no option '%.80s' in model%s", head, suggestion);
    }
    if (r->parts == 1)
        return apply_one(r);
    if (!shift && (strcmp(head, "train") == 0 || strcmp(head, "data") == 0)) {
        int found, status = set_key(r, head, r->part[1], &found);
        if (r->parts > 2)
            return too_deep(r);
        return found ? status : unknown(r, head, r->part[1]);
    }
    return strcmp(head, "embedding") == 0 ? apply_embedding(r) : apply_stage(r);
}

int sw_config_override(const struct sw_plugins *plugins, json_t *config, const char *assignment,
                       struct sw_error *error)
{
    struct sw_error own = {0};
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return sw_fail(error, SW_MISUSE, "expected key=value, found '%.80s'", assignment);
    char *key = strndup(assignment, (size_t)(equals - assignment));
    char *cut = key ? strdup(key) : NULL;
    struct request r = {.plugins = plugins, .key = key, .text = equals + 1, .error = &own};
    r.config = json_deep_copy(config);
    if (!cut || !r.config)
        sw_fail(&own, SW_FAILED, "out of memory for a config");
    for (char *part = cut; part && !own.status; r.parts++) {
        char *dot = strchr(part, '.');
        if (dot)
            *dot++ = 0;
        if (r.parts == MOST_PARTS || !*part) {
            sw_fail(&own, SW_MISUSE, "expected key=value, as l2l.lambda=9, found '%.80s'",
                    assignment);
            break;
        }
        r.part[r.parts] = part;
        part = dot;
    }
    json_t *resolved = NULL;
    int changed;
    if (!own.status && apply(&r) == SW_OK)
        resolved = sw_config_resolve(plugins, r.config, &own);
    /* Both hold the same keys, so this replaces values and cannot fail half-way. */
    changed = resolved && json_object_update(config, resolved) == 0;
    json_decref(resolved);
    json_decref(r.config);
    free(cut);
    free(key);
    return changed ? SW_OK
                   : sw_fail(error, own.status ? own.status : SW_FAILED, "%s",
                             own.status ? own.text : "out of memory for a config");
}
