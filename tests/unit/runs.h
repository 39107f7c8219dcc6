/* runs.h -- tiny runs on generated scenes, for tests of training and of evaluation. */
#ifndef SW_TESTS_UNIT_RUNS_H
#define SW_TESTS_UNIT_RUNS_H

#include "configs.h"
#include "unit.h"

#include <stdlib.h>

/* Generated scenes in `folder`/data, made by the program under test; the caller frees the path. */
static inline char *runs_scenes(const char *folder, const char *options)
{
    char *command, *dir = unit_path(folder, "data");
    const char *program = getenv("STEPWISE");
    ck_assert_int_gt(asprintf(&command, "'%s' scenes '%s' %s >'%s.log' 2>&1",
                              program ? program : "./stepwise", dir, options, dir),
                     0);
    ck_assert_msg(system(command) == 0, "failed: %s", command);
    free(command);
    return dir;
}

/* 12 train images (60 captions), 10 of test, 5 regions of 16 features. */
static inline char *runs_data(const char *folder, size_t dev_images)
{
    char options[128];
    snprintf(options, sizeof options,
             "--train 12 --dev %zu --test 10 --regions 5 --features 16 --word-dim 4", dev_images);
    return runs_scenes(folder, options);
}

static inline struct sw_session *runs_session(int threads)
{
    struct sw_session *session;
    struct sw_error error = {0};
    ck_assert_msg(sw_session_new(&session, threads, NULL, &error) == SW_OK, "%s", error.text);
    return session;
}

static inline void runs_set(json_t *config, const char *key, const char *value)
{
    char *text;
    ck_assert_int_gt(asprintf(&text, "%s=%s", key, value), 0);
    configs_set(config, text);
    free(text);
}

/* The whole model with 8 numbers a fragment, 8 steps an epoch (the last of 4 captions), 2 epochs;
 * `more` is a list of further assignments with spaces between. */
static inline json_t *runs_config(const char *data, const char *more)
{
    static const char usual[] = "dim=8 word_dim=4 batch=8 epochs=2 lr=0.01 seed=5";
    json_t *config = configs_default();
    char *text, *save = NULL;
    ck_assert_int_gt(
        asprintf(&text, "dir=%s glove=%s/scenes.glove.txt %s %s", data, data, usual, more), 0);
    for (char *one = strtok_r(text, " ", &save); one; one = strtok_r(NULL, " ", &save))
        configs_set(config, one);
    free(text);
    return models_complete_config(config);
}

/* A whole run in the folder `run`, by the program under test. */
static inline void runs_whole(struct sw_session *session, const json_t *config, const char *run)
{
    char *command, *file;
    const char *program = getenv("STEPWISE");
    ck_assert_int_gt(asprintf(&file, "%s.config.json", run), 0);
    ck_assert_int_eq(json_dump_file(config, file, 0), 0);
    ck_assert_int_gt(asprintf(&command, "'%s' train '%s' --threads %d --out '%s' >'%s.log' 2>&1",
                              program ? program : "./stepwise", file,
                              sw_compute_threads(session->compute), run, run),
                     0);
    ck_assert_msg(system(command) == 0, "failed: %s", command);
    free(command);
    free(file);
}

/* result.json of a run; a new reference. */
static inline json_t *runs_result(const char *run)
{
    char *path = unit_path(run, "result.json");
    json_t *result = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(result);
    free(path);
    return result;
}

#endif
