/* config.c -- see config.h. */
#include "train/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

char *sw_config_text(const json_t *config, int indent)
{
    size_t flags = JSON_REAL_PRECISION(15) | (indent > 0 ? JSON_INDENT((size_t)indent) : 0);
    return json_dumps(config, flags);
}

int sw_config_hash(const json_t *portable, const char *more, char out[33], struct sw_error *error)
{
    char *text = json_dumps(portable, JSON_REAL_PRECISION(15) | JSON_SORT_KEYS | JSON_COMPACT);
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
