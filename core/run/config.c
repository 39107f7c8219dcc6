/* config.c -- see config.h: the keys, resolving, the hash and the typed view. */
#include "run/config.h"

#include "plugin/compose.h"
#include "plugin/values.h"
#include "run/test_sets.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define NUMBER(low, high, above) SW_KEY_NUMBER, .least = low, .most = high, .above_least = above
#define INTEGER(low, high) SW_KEY_INTEGER, .least = low, .most = high
#define MOST_STEPS 2e9 /* counters of steps are ints in places */

/* In the order of a resolved config: a section's keys stand together. */
static const struct sw_config_key keys[] = {
    {"", "name", SW_KEY_TEXT, .preset = "", .inert = 1, .doc = "what people call the run"},
    {"", "seed", INTEGER(0, 9007199254740991.0), .preset = "0",
     .doc = "of the first parameters and the order of the captions"},
    {"", "threads", INTEGER(0, 256), .preset = "0", .inert = 1,
     .doc = "0: as many as there are CPUs; the results are the same"},
    {"train", "batch", INTEGER(2, 65536), .preset = "128", .doc = "captions a step"},
    {"train", "epochs", INTEGER(1, 1e6), .preset = "30", .doc = "passes over all captions"},
    {"train", "lr", NUMBER(0, 100, 1), .preset = "0.0002", .doc = "Adam's learning rate"},
    {"train", "decay_epoch", INTEGER(0, 1e6), .preset = "15",
     .doc = "epochs between two decays of lr; 0: no decay"},
    {"train", "decay", NUMBER(0, 1, 1), .preset = "0.1", .doc = "what lr is multiplied with"},
    {"train", "warmup_epochs", INTEGER(0, 1e6), .preset = "1",
     .doc = "first epochs that take all negatives, not the hardest (the paper's letter: 0)"},
    {"train", "margin", NUMBER(0, 100, 0), .preset = "0.2", .doc = "of the hinge, eq. 17"},
    {"train", "clip", NUMBER(0, DBL_MAX, 0), .preset = "2.0",
     .doc = "most global gradient norm; 0: not clipped"},
    {"train", "same_image", SW_KEY_CHOICE, .preset = "negative", .choices = "negative exclude",
     .doc = "captions of the same image within a batch: negatives, or left out"},
    {"train", "eval_every", INTEGER(0, MOST_STEPS), .preset = "0",
     .doc = "steps between dev evaluations; 0: one an epoch"},
    {"train", "checkpoint_every", INTEGER(0, MOST_STEPS), .preset = "0", .inert = 1,
     .doc = "steps between two saves of the state, besides the end of each epoch; 0: by time only"},
    {"train", "checkpoint_seconds", INTEGER(0, MOST_STEPS), .preset = "300", .inert = 1,
     .doc = "seconds between two saves of the state; 0: by steps and epochs only"},
    {"train", "max_steps", INTEGER(0, MOST_STEPS), .preset = "0",
     .doc = "stop after so many steps; 0: after `epochs`"},
    {"data", "dir", SW_KEY_TEXT, .preset = "", .inert = 1, .doc = "the data folder"},
    {"data", "glove", SW_KEY_TEXT, .preset = "", .inert = 1, .doc = "a GloVe text file"},
    {"data", "vocab", SW_KEY_TEXT, .preset = "", .inert = 1,
     .doc = "a vocabulary; else DIR/vocab.json, else built from the train and dev captions"},
    {"data", "init", SW_KEY_TEXT, .preset = "", .inert = 1,
     .doc = "a checkpoint whose parameters the run starts from; empty: drawn by the seed"},
    {"data", "train_split", SW_KEY_TEXT, .preset = "train", .doc = "the split to train on"},
    {"data", "dev_split", SW_KEY_TEXT, .preset = "dev",
     .doc = "the split that chooses the best step; empty: none, the last step is kept"},
    {"data", "test_split", SW_KEY_TEXT, .preset = "test",
     .doc = "evaluated once at the end, where it is there; empty: none"},
    {"data", "train_images", INTEGER(0, MOST_STEPS), .preset = "0",
     .doc = "only the first N images; 0: all"},
    {"data", "dev_images", INTEGER(0, MOST_STEPS), .preset = "0",
     .doc = "only the first N images; 0: the first 1000 (all_dev_captions: all)"},
    {"data", "test_images", INTEGER(0, MOST_STEPS), .preset = "0",
     .doc = "only the first N images; 0: all"},
    {"data", "folds", INTEGER(1, 1e6), .preset = "1", .later = 1,
     .doc = "of test, consecutive and of one size, every metric averaged; dev is never folded"},
    {"data", "tests", SW_KEY_TESTS, .preset = "", .later = 1,
     .doc =
         "several test sets, a list of {name, split, images, folds}: each run is evaluated on all"},
    {"data", "all_dev_captions", SW_KEY_SWITCH, .preset = "false",
     .doc = "dev is not cut to its first 1000 images"},
    {"data", "longest_caption", INTEGER(1, 1e6), .preset = "1000", .inert = 1,
     .doc = "most words of a caption; a longer one is an error"},
    {"data", "precaps", SW_KEY_SWITCH, .preset = "false",
     .doc = "take word ids from SPLIT_precaps.txt where that is there"},
};
enum { KEYS = sizeof keys / sizeof *keys };

static const char *const sections[] = {"name", "seed", "threads", "model", "train", "data"};

const struct sw_config_key *sw_config_keys(size_t *count)
{
    *count = KEYS;
    return keys;
}

static json_t *check_key(const struct sw_config_key *key, const json_t *value, const char *where,
                         struct sw_error *error)
{
    struct sw_range range = {key->least, key->most, key->above_least};
    switch (key->kind) {
    case SW_KEY_NUMBER:
        return sw_check_number(value, range, where, error);
    case SW_KEY_INTEGER:
        return sw_check_integer(value, range, where, error);
    case SW_KEY_SWITCH:
        return sw_check_switch(value, where, error);
    case SW_KEY_CHOICE:
        return sw_check_choice(value, key->choices, where, error);
    case SW_KEY_TESTS:
        return sw_check_tests(value, where, error);
    case SW_KEY_TEXT:
        break;
    }
    return sw_check_text(value, where, error);
}

static enum sw_option_kind as_option(enum sw_key_kind kind)
{
    return kind == SW_KEY_NUMBER    ? SW_NUMBER
           : kind == SW_KEY_INTEGER ? SW_INTEGER
           : kind == SW_KEY_SWITCH  ? SW_SWITCH
                                    : SW_CHOICE;
}

static json_t *default_of(const struct sw_config_key *key, const char *where,
                          struct sw_error *error)
{
    json_t *preset = key->kind == SW_KEY_TESTS ? json_array()
                                               : sw_typed_value(as_option(key->kind), key->preset);
    json_t *checked = check_key(key, preset, where, error);
    json_decref(preset);
    return checked;
}

/* Copies a section's keys, checked or by default, from `given` (may be NULL) to `into`. */
static int resolve_section(const char *section, const json_t *given, json_t *into,
                           struct sw_error *error)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].section, section) != 0)
            continue;
        char where[96];
        snprintf(where, sizeof where, "%s%s%s", section, *section ? "." : "", keys[i].name);
        const json_t *value = json_object_get(given, keys[i].name);
        json_t *checked =
            value ? check_key(&keys[i], value, where, error) : default_of(&keys[i], where, error);
        if (!checked)
            return 0;
        if (json_object_set_new(into, keys[i].name, checked) != 0) {
            sw_fail(error, SW_FAILED, "out of memory for a config");
            return 0;
        }
    }
    return 1;
}

static json_t *resolved_section(const char *section, const json_t *given, struct sw_error *error)
{
    const char *names[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].section, section) == 0)
            names[count++] = keys[i].name;
    if (given && !json_is_object(given)) {
        char found[128];
        sw_value_found(found, sizeof found, given);
        sw_fail(error, SW_MISUSE, "%s: expected a table, found %s", section, found);
        return NULL;
    }
    if (given && sw_known_keys(given, names, count, section, error) != SW_OK)
        return NULL;
    json_t *object = json_object();
    if (object && resolve_section(section, given, object, error))
        return object;
    json_decref(object);
    sw_fail(error, SW_FAILED, "out of memory for a config");
    return NULL;
}

/* A split names files in the data folder and nothing outside it. */
static int check_splits(const json_t *data, struct sw_error *error)
{
    static const char *const names[] = {"train_split", "dev_split", "test_split"};
    for (size_t i = 0; i < 3; i++) {
        const char *split = json_string_value(json_object_get(data, names[i]));
        if (strchr(split, '/') || (i == 0 && !*split))
            return sw_fail(error, SW_MISUSE,
                           "data.%s: expected the name of a split, as 'train', found '%.80s'",
                           names[i], split);
    }
    return SW_OK;
}

json_t *sw_config_resolve(const struct sw_plugins *plugins, const json_t *config,
                          struct sw_error *error)
{
    struct sw_error own = {0};
    if (config && !json_is_object(config)) {
        char found[128];
        sw_value_found(found, sizeof found, config);
        sw_fail(error, SW_MISUSE, "a config: expected a table, found %s", found);
        return NULL;
    }
    json_t *resolved = json_object();
    int ok =
        resolved && (!config || sw_known_keys(config, sections, sizeof sections / sizeof *sections,
                                              "a config", &own) == SW_OK);
    ok = ok && resolve_section("", config, resolved, &own);
    json_t *model = ok ? sw_compose_resolve(plugins, json_object_get(config, "model"), &own) : NULL;
    ok = model && json_object_set_new(resolved, "model", model) == 0;
    for (int i = 0; i < 2 && ok; i++) {
        const char *name = i ? "data" : "train";
        json_t *section = resolved_section(name, json_object_get(config, name), &own);
        ok = section && json_object_set_new(resolved, name, section) == 0;
    }
    ok = ok && check_splits(json_object_get(resolved, "data"), &own) == SW_OK;
    if (ok)
        return resolved;
    json_decref(resolved);
    sw_fail(error, own.status ? own.status : SW_FAILED, "%s",
            own.status ? own.text : "out of memory for a config");
    return NULL;
}

char *sw_config_text(const json_t *config, int indent)
{
    size_t flags = JSON_REAL_PRECISION(15) | (indent > 0 ? JSON_INDENT((size_t)indent) : 0);
    return json_dumps(config, flags);
}

json_t *sw_config_portable(const json_t *config)
{
    json_t *copy = json_deep_copy(config);
    for (size_t i = 0; copy && i < KEYS; i++)
        if (keys[i].inert)
            json_object_del(*keys[i].section ? json_object_get(copy, keys[i].section) : copy,
                            keys[i].name);
    return copy;
}

/* The same without what was added later and says nothing: the hashes of runs that were made before
 * these keys were there stay as they are. */
static json_t *hashed(const json_t *config)
{
    json_t *copy = sw_config_portable(config);
    for (size_t i = 0; copy && i < KEYS; i++) {
        json_t *section = *keys[i].section ? json_object_get(copy, keys[i].section) : copy;
        json_t *preset = keys[i].later ? default_of(&keys[i], "", NULL) : NULL;
        if (preset && json_equal(json_object_get(section, keys[i].name), preset))
            json_object_del(section, keys[i].name);
        json_decref(preset);
    }
    return copy;
}

/* 1 when a and b are equal; else the path of the first difference and both values are in out. */
static int same(const json_t *a, const json_t *b, const char *path, char *out, size_t size)
{
    const char *key;
    json_t *value;
    char deeper[256], values[2][128];
    size_t i;
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        json_object_foreach((json_t *)(size_t)a, key, value)
        {
            snprintf(deeper, sizeof deeper, "%s%s%.60s", path, *path ? "." : "", key);
            if (!same(value, json_object_get(b, key), deeper, out, size))
                return 0;
        }
        return 1;
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        json_array_foreach(a, i, value)
        {
            snprintf(deeper, sizeof deeper, "%s[%zu]", path, i + 1);
            if (!same(value, json_array_get(b, i), deeper, out, size))
                return 0;
        }
        return 1;
    }
    if (json_equal(a, b))
        return 1;
    sw_value_found(values[0], sizeof values[0], a);
    sw_value_found(values[1], sizeof values[1], b);
    snprintf(out, size, "%s is %s there and %s here", path, values[0], values[1]);
    return 0;
}

int sw_config_same(const json_t *there, const json_t *here, char *out, size_t size)
{
    json_t *a = sw_config_portable(there), *b = sw_config_portable(here);
    int equal = 0;
    if (a && b)
        equal = same(a, b, "", out, size);
    else
        snprintf(out, size, "there is no memory to compare them");
    json_decref(a);
    json_decref(b);
    return equal;
}

int sw_config_hash(const json_t *config, const char *more, char out[33], struct sw_error *error)
{
    json_t *copy = hashed(config);
    char *text =
        copy ? json_dumps(copy, JSON_REAL_PRECISION(15) | JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(copy);
    XXH3_state_t *state = text ? XXH3_createState() : NULL;
    if (!state) {
        free(text);
        return sw_fail(error, SW_FAILED, "out of memory for the hash of a config");
    }
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, text, strlen(text) + 1);
    if (more)
        XXH3_128bits_update(state, more, strlen(more));
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    XXH3_freeState(state);
    free(text);
    return SW_OK;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static int whole(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void sw_config_settings(const json_t *config, struct sw_settings *out)
{
    const json_t *model = json_object_get(config, "model"), *data = json_object_get(config, "data");
    const json_t *train = json_object_get(config, "train");
    const json_t *embedding = json_object_get(model, "embedding");
    *out = (struct sw_settings){
        .name = text_of(config, "name"),
        .seed = (uint64_t)json_integer_value(json_object_get(config, "seed")),
        .threads = whole(config, "threads"),
        .batch = whole(train, "batch"),
        .epochs = whole(train, "epochs"),
        .decay_epoch = whole(train, "decay_epoch"),
        .warmup_epochs = whole(train, "warmup_epochs"),
        .lr = number(train, "lr"),
        .decay = number(train, "decay"),
        .margin = number(train, "margin"),
        .clip = number(train, "clip"),
        .exclude_same_image = strcmp(text_of(train, "same_image"), "exclude") == 0,
        .eval_every = whole(train, "eval_every"),
        .checkpoint_every = whole(train, "checkpoint_every"),
        .checkpoint_seconds = whole(train, "checkpoint_seconds"),
        .max_steps = whole(train, "max_steps"),
        .dir = text_of(data, "dir"),
        .glove = text_of(data, "glove"),
        .vocab = text_of(data, "vocab"),
        .init = text_of(data, "init"),
        .train_split = text_of(data, "train_split"),
        .dev_split = text_of(data, "dev_split"),
        .test_split = text_of(data, "test_split"),
        .train_images = whole(data, "train_images"),
        .dev_images = whole(data, "dev_images"),
        .test_images = whole(data, "test_images"),
        .folds = whole(data, "folds"),
        .tests = json_object_get(data, "tests"),
        .all_dev_captions = json_is_true(json_object_get(data, "all_dev_captions")),
        .longest_caption = whole(data, "longest_caption"),
        .precaps = json_is_true(json_object_get(data, "precaps")),
        .dim = whole(model, "dim"),
        .word_dim = whole(embedding, "word_dim"),
        .embedding = text_of(embedding, "plugin"),
    };
}
