/* configs.h -- resolved configs for tests that need no Lua: the defaults, and keys set in them. */
#ifndef SW_TESTS_UNIT_CONFIGS_H
#define SW_TESTS_UNIT_CONFIGS_H

#include "unit.h"

#include "train/checkpoint.h"
#include "train/config.h"
#include "train/evaluate.h"
#include "models.h"
#include "train/query.h"

#include <stdlib.h>

static const char configs_text[] =
    "{'name': '', 'seed': 0, 'threads': 0,"
    " 'model': {'dim': 1024, 'direction': 'both',"
    "  'embedding': {'plugin': 'glove_random', 'word_dim': 300},"
    "  'stages': [{'plugin': 'l2l', 'score': true}, {'plugin': 'g2l', 'score': true, 'fusion': "
    "{'plugin': 'gate'}},"
    "             {'plugin': 'g2g', 'score': true}]},"
    " 'train': {'batch': 128, 'views': 1, 'epochs': 30, 'lr': 0.0002, 'decay_epoch': 15, 'decay': "
    "0.1,"
    "  'warmup_epochs': 1, 'margin': 0.2, 'clip': 2.0, 'same_image': 'negative', 'eval_every': 0,"
    "  'checkpoint_every': 0, 'checkpoint_seconds': 300, 'max_steps': 0},"
    " 'data': {'dir': '', 'glove': '', 'vocab': '', 'train_split': 'train', 'dev_split': 'dev',"
    "  'test_split': 'test', 'init': '', 'train_images': 0, 'dev_images': 0, 'test_images': 0,"
    "  'folds': 1, 'tests': [], 'longest_caption': 1000,"
    "  'all_dev_captions': false, 'precaps': false}}";

static inline json_t *configs_default(void)
{
    char *text = strdup(configs_text);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *config = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(config);
    free(text);
    return config;
}

/* The object that has `key`: a section, or the embedding. */
static inline json_t *configs_owner(json_t *config, const char *key)
{
    static const char *const sections[] = {"model", "train", "data"};
    if (json_object_get(config, key))
        return config;
    for (int i = 0; i < 3; i++) {
        json_t *section = json_object_get(config, sections[i]);
        if (json_object_get(section, key))
            return section;
    }
    json_t *embedding = json_object_get(json_object_get(config, "model"), "embedding");
    ck_assert_msg(json_object_get(embedding, key) != NULL, "no key %s", key);
    return embedding;
}

static inline json_t *configs_number_or_text(const char *value)
{
    char *end;
    double number = strtod(value, &end);
    return *end ? json_string(value) : json_real(number);
}

/* "key=value", typed as the default is: one of the keys above, "embedding", "stages" (names with
 * ',' between), "fusion", or an option of a stage, "STAGE.lambda". */
static inline void configs_set(json_t *config, const char *assignment)
{
    char *key = strdup(assignment), *value = strchr(key, '=');
    json_t *model = json_object_get(config, "model");
    *value++ = 0;
    char *option = strchr(key, '.');
    if (option) {
        size_t i;
        json_t *stage;
        *option++ = 0;
        json_array_foreach(json_object_get(model, "stages"), i, stage)
        {
            if (strcmp(json_string_value(json_object_get(stage, "plugin")), key) == 0)
                json_object_set_new(stage, option, configs_number_or_text(value));
        }
    } else if (strcmp(key, "embedding") == 0) {
        json_object_set_new(json_object_get(model, key), "plugin", json_string(value));
    } else if (strcmp(key, "fusion") == 0) {
        json_object_set_new(json_array_get(json_object_get(model, "stages"), 1), key,
                            json_string(value));
    } else if (strcmp(key, "stages") == 0) {
        json_t *list = json_array();
        char *save = NULL;
        for (char *name = strtok_r(value, ",", &save); name; name = strtok_r(NULL, ",", &save))
            json_array_append_new(list, json_pack("{s:s}", "plugin", name));
        json_object_set_new(model, key, list);
    } else {
        json_t *owner = configs_owner(config, key), *old = json_object_get(owner, key);
        json_object_set_new(owner, key,
                            json_is_integer(old)   ? json_integer(strtoll(value, NULL, 10))
                            : json_is_real(old)    ? json_real(strtod(value, NULL))
                            : json_is_boolean(old) ? json_boolean(strcmp(value, "true") == 0)
                                                   : json_string(value));
    }
    free(key);
}

/* Without what belongs to one machine or one user: a new reference. */
static inline json_t *configs_portable(const json_t *config)
{
    static const char *const inert[] = {"dir",
                                        "glove",
                                        "vocab",
                                        "checkpoint_every",
                                        "init",
                                        "checkpoint_seconds",
                                        "longest_caption"};
    json_t *copy = json_deep_copy(config);
    json_object_del(copy, "name");
    json_object_del(copy, "threads");
    for (size_t i = 0; i < sizeof inert / sizeof *inert; i++) {
        json_object_del(json_object_get(copy, "train"), inert[i]);
        json_object_del(json_object_get(copy, "data"), inert[i]);
    }
    return copy;
}

/* Saves and loads a model with its config; config (may be NULL) gets a new reference. */
static inline int configs_save(const char *path, const struct sw_model *model, const json_t *config,
                               const struct sw_vocabulary *vocabulary, struct sw_error *error)
{
    json_t *portable = configs_portable(config);
    char *text = json_dumps(portable, JSON_REAL_PRECISION(15));
    int status = sw_checkpoint_save(path, model, text, vocabulary, error);
    json_decref(portable);
    free(text);
    return status;
}

static inline json_t *configs_of_checkpoint(const char *path, struct sw_error *error)
{
    char *text;
    if (sw_checkpoint_config(path, &text, error) != SW_OK)
        return NULL;
    json_t *config = json_loads(text, 0, NULL);
    free(text);
    ck_assert_ptr_nonnull(config);
    return models_complete_config(config);
}

static inline int configs_load(struct sw_matcher **out, json_t **config,
                               const struct sw_session *session, const char *path,
                               struct sw_error *error)
{
    struct sw_error own = {0};
    *out = NULL;
    json_t *read = configs_of_checkpoint(path, &own);
    int status = read ? sw_checkpoint_load(out, session, path, read, &own) : own.status;
    if (config)
        *config = status == SW_OK ? json_incref(read) : NULL;
    json_decref(read);
    return status == SW_OK ? status : sw_fail(error, own.status, "%s", own.text);
}

/* Evaluates checkpoints under the configs that they hold; images 0: all. */
static inline int configs_evaluate(const struct sw_session *session, const char *const *checkpoints,
                                   int count, const char *dir, const char *split, size_t images,
                                   const char *vocab, const struct sw_evaluate_options *options,
                                   struct sw_metrics *out, struct sw_ranks *ranks,
                                   struct sw_error *error)
{
    struct sw_query queries[4] = {{0}};
    struct sw_view views[4] = {{0}};
    struct sw_error own = {0};
    int status = SW_OK;
    for (int i = 0; i < count && status == SW_OK; i++) {
        json_t *config = configs_of_checkpoint(checkpoints[i], &own);
        struct sw_query_source source = {.checkpoint = checkpoints[i],
                                         .dir = dir,
                                         .split = split,
                                         .config = config,
                                         .vocab = vocab,
                                         .captions = 1,
                                         .data = {.images = images}};
        status = config ? sw_query_open(&queries[i], session, &source, &own) : own.status;
        json_decref(config);
        views[i] =
            (struct sw_view){status == SW_OK ? queries[i].matcher->model : NULL, &queries[i].data};
    }
    if (status == SW_OK)
        status = sw_evaluate(session, views, count, options, out, ranks, &own);
    for (int i = 0; i < count; i++)
        sw_query_close(&queries[i]);
    return status == SW_OK ? status : sw_fail(error, own.status, "%s", own.text);
}

#endif
