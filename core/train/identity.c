/* identity.c -- see identity.h. */
#include "train/identity.h"

#include "base/file.h"
#include "train/provenance.h"
#include "train/test_sets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static json_t *hex(uint64_t x)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, x);
    return json_string(text);
}

/* Size and pages: a file of word vectors may have gigabytes. */
static json_t *of_file(const char *path, struct sw_error *error)
{
    enum { PAGES = 64, PAGE = 4096 };
    struct sw_mapping file;
    if (sw_map(&file, path, error) != SW_OK)
        return NULL;
    uint64_t size = file.size, so_far = XXH3_64bits(&size, sizeof size);
    size_t step = file.size / PAGES;
    if (step <= PAGE) {
        so_far = XXH3_64bits_withSeed(file.data, file.size, so_far);
    } else {
        for (size_t i = 0; i < PAGES; i++)
            so_far = XXH3_64bits_withSeed(file.data + i * step, PAGE, so_far);
        so_far = XXH3_64bits_withSeed(file.data + file.size - PAGE, PAGE, so_far);
    }
    sw_unmap(&file);
    return hex(so_far);
}

/* All of it: two checkpoints of one model may differ in little. */
static json_t *of_checkpoint(const char *path, struct sw_error *error)
{
    struct sw_mapping file;
    if (sw_map(&file, path, error) != SW_OK)
        return NULL;
    json_t *hash = hex(XXH3_64bits(file.data, file.size));
    sw_unmap(&file);
    return hash;
}

/* null where the model needs no vectors. */
static json_t *of_glove(const struct sw_session *session, const json_t *config,
                        struct sw_error *error)
{
    struct sw_settings s;
    int needs;
    sw_config_settings(config, &s);
    if (sw_inputs_need_glove(session, config, &needs, error) != SW_OK)
        return NULL;
    return needs && *s.glove ? of_file(s.glove, error) : json_null();
}

json_t *sw_identity_data(const struct sw_session *session, const json_t *config,
                         const struct sw_inputs *inputs, struct sw_error *error)
{
    struct sw_settings s;
    sw_config_settings(config, &s);
    json_t *glove = of_glove(session, config, error);
    if (!glove)
        return NULL;
    json_t *result =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "train", hex(inputs->train_fingerprint), "dev",
                  inputs->has_dev ? hex(inputs->dev_fingerprint) : json_null(), "test",
                  inputs->test_count ? hex(inputs->test_fingerprint) : json_null(), "vocabulary",
                  hex(sw_vocabulary_fingerprint(&inputs->vocabulary)), "glove", glove);
    if (!result)
        sw_fail(error, SW_FAILED, "out of memory for a run's id");
    if (result && *s.init) { /* where there is none, ids are what they were before it could be */
        json_t *init = of_checkpoint(s.init, error);
        if (!init || json_object_set_new(result, "init", init) != 0) {
            json_decref(result);
            result = NULL;
        }
    }
    return result;
}

json_t *sw_identity_plugins(const struct sw_session *session, const json_t *config)
{
    size_t i;
    json_t *entry, *list = sw_provenance_plugins(session, config), *result = json_object();
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        json_object_set(result, name ? name : "", json_object_get(entry, "hash"));
    }
    if (!list) {
        json_decref(result);
        result = NULL;
    }
    json_decref(list);
    return result;
}

int sw_identity(const json_t *portable, const json_t *data, const json_t *plugins, char out[33],
                struct sw_error *error)
{
    json_t *sources = json_pack("{s:O, s:O}", "data", (json_t *)(size_t)data, "plugins",
                                (json_t *)(size_t)plugins);
    char *text = sources ? json_dumps(sources, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    int status = text ? sw_config_hash(portable, text, out, error)
                      : sw_fail(error, SW_FAILED, "out of memory for a run's id");
    free(text);
    json_decref(sources);
    return status;
}
