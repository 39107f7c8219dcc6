/* runs.h -- tiny runs on generated scenes, for tests of the trainer and of evaluation. */
#ifndef SW_TESTS_UNIT_RUNS_H
#define SW_TESTS_UNIT_RUNS_H

#include "configs.h"
#include "unit.h"

#include "base/file.h"
#include "train/trainer.h"

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
    return config;
}

static inline struct sw_trainer *runs_open(struct sw_session *session, const json_t *config,
                                           const char *run, int resume)
{
    struct sw_train_options options = {.resume = resume, .command = "a test"};
    struct sw_trainer *trainer;
    struct sw_error error = {0};
    ck_assert_msg(configs_train(&trainer, session, config, run, &options, &error) == SW_OK, "%s",
                  error.text);
    return trainer;
}

static inline struct sw_event runs_next(struct sw_trainer *trainer)
{
    struct sw_event event;
    struct sw_error error = {0};
    ck_assert_msg(sw_trainer_next(trainer, &event, &error) == SW_OK, "%s", error.text);
    return event;
}

/* Goes on until `step` steps are done (and what is due before the next one is not), or to the end.
 */
static inline struct sw_event runs_until(struct sw_trainer *trainer, int64_t step)
{
    struct sw_event event;
    do
        event = runs_next(trainer);
    while (event.kind != SW_EVENT_DONE && !(event.kind == SW_EVENT_STEP && event.step == step));
    return event;
}

/* A whole run; its DONE. */
static inline struct sw_event runs_whole(struct sw_session *session, const json_t *config,
                                         const char *run)
{
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_event event = runs_until(trainer, -1);
    sw_trainer_close(trainer);
    return event;
}

static inline char *runs_text(const char *folder, const char *name)
{
    struct sw_mapping file;
    struct sw_error error = {0};
    char *path = unit_path(folder, name);
    ck_assert_msg(sw_map(&file, path, &error) == SW_OK, "%s", error.text);
    char *text = malloc(file.size + 1);
    memcpy(text, file.data, file.size);
    text[file.size] = 0;
    sw_unmap(&file);
    free(path);
    return text;
}

static inline int runs_has(const char *folder, const char *name)
{
    char *path = unit_path(folder, name);
    int has = access(path, F_OK) == 0;
    free(path);
    return has;
}

static inline void runs_same_bytes(const char *a, const char *b, const char *name)
{
    struct sw_mapping one, two;
    char *path[2] = {unit_path(a, name), unit_path(b, name)};
    struct sw_error error = {0};
    ck_assert_msg(sw_map(&one, path[0], &error) == SW_OK, "%s", error.text);
    ck_assert_msg(sw_map(&two, path[1], &error) == SW_OK, "%s", error.text);
    ck_assert_msg(one.size == two.size && memcmp(one.data, two.data, one.size) == 0,
                  "%s and %s differ", path[0], path[1]);
    sw_unmap(&one);
    sw_unmap(&two);
    free(path[0]);
    free(path[1]);
}

/* metrics.tsv without its last column, the seconds. */
static inline char *runs_rows(const char *folder)
{
    char *text = runs_text(folder, "metrics.tsv"), *out = text, *save = NULL;
    char *copy = strdup(text);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *tab = strrchr(line, '\t');
        ck_assert_ptr_nonnull(tab);
        out += sprintf(out, "%.*s\n", (int)(tab - line), line);
    }
    free(copy);
    return text;
}

/* Two folders of one and the same run: models, vocabulary and metrics are equal to the bit. */
static inline void runs_same(const char *a, const char *b)
{
    char *rows[2] = {runs_rows(a), runs_rows(b)};
    ck_assert_str_eq(rows[0], rows[1]);
    free(rows[0]);
    free(rows[1]);
    runs_same_bytes(a, b, "checkpoint.safetensors");
    runs_same_bytes(a, b, "checkpoint-last.safetensors");
    runs_same_bytes(a, b, "vocab.json");
}

#endif
