/* check_trainer.c -- what a run computes, and that nothing but config and data decides it. */
#include "runs.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static char *folder, *data, *run, *other;
static struct sw_session *session;

static void begin(void)
{
    folder = unit_folder();
    data = runs_data(folder, 10);
    run = unit_path(folder, "run");
    other = unit_path(folder, "deeper/other");
    session = runs_session(2);
}

static void end(void)
{
    sw_session_free(session);
    free(data);
    free(run);
    free(other);
    unit_remove_folder(folder);
}

/* A run that does not learn the little there is to learn is broken somewhere. */
START_TEST(learns)
{
    json_t *config = runs_config(session, data, "epochs=12 lr=0.02 warmup_epochs=12");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_event event = runs_next(trainer);
    ck_assert_int_eq(event.kind, SW_EVENT_STEP);
    ck_assert(event.step == 1 && event.total_steps == 96 && event.steps_in_epoch == 8);
    ck_assert(event.step_in_epoch == 1 && event.epoch == 0 && event.samples == 8);
    ck_assert_double_eq(event.loss_per_sample, event.loss / 8);
    double first = event.loss_per_sample, rsum = 0, best = 0;
    int evaluations = 0;
    do {
        event = runs_next(trainer);
        if (event.kind == SW_EVENT_EVALUATED) {
            ck_assert_int_eq(event.step_in_epoch, 8);
            ck_assert_int_eq(event.best, event.metrics.rsum > best || evaluations == 0);
            rsum = event.metrics.rsum;
            best = rsum > best ? rsum : best;
            evaluations++;
        }
    } while (event.kind != SW_EVENT_DONE);
    ck_assert_int_eq(evaluations, 12);
    ck_assert(event.has_dev && event.has_test);
    ck_assert_double_eq(event.best_dev.rsum, best);
    ck_assert_double_gt(best, 250); /* a random order of ten images gives about 195 */
    ck_assert_int_eq(runs_next(trainer).kind, SW_EVENT_DONE);
    sw_trainer_close(trainer);
    trainer = runs_open(session, config, run, 1);
    event = runs_next(trainer);
    ck_assert_int_eq(event.kind, SW_EVENT_DONE);
    ck_assert_double_eq(event.best_dev.rsum, best);
    ck_assert(event.has_test && event.step == 96);
    sw_trainer_close(trainer);
    char *rows = runs_rows(run), *last = strstr(rows, "\n95\t");
    ck_assert_ptr_nonnull(last);
    double loss = 0;
    ck_assert_int_eq(sscanf(last, "\n95\t11\tstep\t%*f\t%lf", &loss), 1);
    ck_assert_double_lt(loss, 0.8 * first);
    free(rows);
    json_decref(config);
}
END_TEST

/* One seed gives one result, whatever the machine does with its threads. */
START_TEST(threads_do_not_matter)
{
    static const int threads[] = {1, 3};
    json_t *config = runs_config(session, data, "");
    runs_whole(session, config, run);
    for (size_t i = 0; i < 2; i++) {
        struct sw_session *mine = runs_session(threads[i]);
        char *path = unit_path(folder, i ? "b" : "a");
        runs_whole(mine, config, path);
        runs_same(run, path);
        free(path);
        sw_session_free(mine);
    }
    /* The comparison sees a difference where there is one. */
    runs_set(session, config, "seed", "6");
    runs_whole(session, config, other);
    char *rows[2] = {runs_rows(run), runs_rows(other)};
    ck_assert_str_ne(rows[0], rows[1]);
    free(rows[0]);
    free(rows[1]);
    json_decref(config);
}
END_TEST

/* Saved and stopped after any step, as on Ctrl-C, a run goes on to the same bits. */
START_TEST(stopped_after_each_step)
{
    json_t *config = runs_config(session, data, "eval_every=3");
    runs_whole(session, config, run);
    for (int64_t step = 0; step <= 16; step++) {
        char name[32];
        snprintf(name, sizeof name, "stop-%d", (int)step);
        char *path = unit_path(folder, name);
        struct sw_trainer *trainer = runs_open(session, config, path, 0);
        if (step)
            runs_until(trainer, step);
        ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
        sw_trainer_close(trainer);
        trainer = runs_open(session, config, path, 1);
        struct sw_event event = runs_until(trainer, -1);
        ck_assert_int_eq(event.kind, SW_EVENT_DONE);
        sw_trainer_close(trainer);
        runs_same(run, path);
        free(path);
    }
    json_decref(config);
}
END_TEST

/* Runs `run` in a process that is killed when `events` events have passed; 0 when it got to its end. */
static int killed_after(const json_t *config, const char *path, int events)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct sw_session *mine;
        struct sw_trainer *trainer;
        struct sw_train_options options = {.resume = 1};
        struct sw_event event = {0};
        if (sw_session_new(&mine, 1, NULL, NULL) ||
            sw_trainer_open(&trainer, mine, config, path, &options, NULL))
            _exit(3);
        for (int i = 0; i < events && event.kind != SW_EVENT_DONE; i++)
            if (sw_trainer_next(trainer, &event, NULL))
                _exit(4);
        if (event.kind == SW_EVENT_DONE)
            _exit(0);
        raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return WIFSIGNALED(status);
}

/* kill -9, again and again, at moments that do not fit the saves: no row twice, none lost. */
START_TEST(killed_again_and_again)
{
    json_t *config = runs_config(session, data, "eval_every=3 checkpoint_every=2");
    runs_whole(session, config, run);
    for (int events = 5; events <= 7; events++) {
        char name[32];
        int kills = 0;
        snprintf(name, sizeof name, "kill-%d", events);
        char *path = unit_path(folder, name);
        while (killed_after(config, path, events))
            ck_assert_int_lt(kills++, 20);
        ck_assert_int_ge(kills, 2);
        runs_same(run, path);
        free(path);
    }
    json_decref(config);
}
END_TEST

/* The rate and the negatives of each epoch. */
START_TEST(schedule)
{
    json_t *config = runs_config(session, data,
                                 "epochs=5 lr=0.001 decay_epoch=2 decay=0.5 warmup_epochs=1");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_event event;
    while ((event = runs_next(trainer)).kind != SW_EVENT_DONE)
        if (event.kind == SW_EVENT_STEP) {
            ck_assert_double_eq_tol(event.lr, 0.001 / (1 << event.epoch / 2), 1e-12);
            /* 8 pairs: up to 14 negatives a pair at twice the margin, against 2 when hardest */
            ck_assert_msg(event.epoch ? event.loss_per_sample < 1 : event.loss_per_sample > 1,
                          "epoch %d: %g a sample", event.epoch, event.loss_per_sample);
        }
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

static const struct {
    const char *set;
    int steps_in_epoch, total, last;
} cuts[] = {
    {"batch=8", 8, 16, 4}, {"batch=59", 1, 2, 59}, {"batch=60", 1, 2, 60}, {"batch=58", 2, 4, 2},
    {"batch=500", 1, 2, 60}, {"max_steps=3", 8, 3, 8}, {"train_images=1 batch=5", 1, 2, 5},
};

/* The last batch of an epoch is kept where it has a negative, and one caption alone has none. */
START_TEST(last_batch)
{
    json_t *config = runs_config(session, data, cuts[_i].set);
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_event event, step = {0};
    while ((event = runs_next(trainer)).kind != SW_EVENT_DONE)
        if (event.kind == SW_EVENT_STEP)
            step = event;
    ck_assert_int_eq(step.steps_in_epoch, cuts[_i].steps_in_epoch);
    ck_assert_int_eq(event.step, cuts[_i].total);
    ck_assert_int_eq(event.total_steps, cuts[_i].total);
    ck_assert_int_eq(step.samples, cuts[_i].last);
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

/* With same_image=exclude a batch of five captions of one image has no negatives at all. */
START_TEST(captions_of_one_image)
{
    json_t *config = runs_config(session, data, "train_images=1 batch=5 same_image=exclude "
                                                "max_steps=1");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    ck_assert_double_eq(runs_next(trainer).loss, 0);
    sw_trainer_close(trainer);
    runs_set(session, config, "same_image", "negative");
    trainer = runs_open(session, config, other, 0);
    ck_assert_double_gt(runs_next(trainer).loss, 0);
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

static void set_all(struct sw_trainer *trainer, float value)
{
    const struct sw_model *model = sw_trainer_model(trainer);
    for (int p = 0; p < sw_model_parameters(model); p++) {
        const struct sw_tensor *t = sw_model_parameter(model, p)->tensor;
        for (size_t i = 0; i < sw_tensor_count(t); i++)
            t->data[i] = value;
    }
}

/* The known collapse must be told while there is time, with what helps. */
START_TEST(collapse_is_told)
{
    json_t *config = runs_config(session, data, "warmup_epochs=0 epochs=30 dev_split= test_split=");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    set_all(trainer, 0); /* all pairs score 0: the loss is twice the margin, its gradient zero */
    struct sw_event event;
    int warnings = 0;
    while ((event = runs_next(trainer)).kind != SW_EVENT_DONE)
        if (event.kind == SW_EVENT_WARNING) {
            warnings++;
            ck_assert_int_eq(event.step, 200);
            ck_assert_ptr_nonnull(strstr(event.text, "0.4 a sample"));
            ck_assert_ptr_nonnull(strstr(event.text, "warmup_epochs=1"));
        }
    ck_assert_int_eq(warnings, 1);
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

/* Numbers that are no longer finite stop the run, name the step, and touch nothing that was saved. */
START_TEST(not_finite)
{
    json_t *config = runs_config(session, data, "");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_error error = {0};
    struct sw_event event = runs_until(trainer, 9);
    char *before = runs_text(run, "state.safetensors");
    set_all(trainer, NAN);
    ck_assert_int_eq(sw_trainer_next(trainer, &event, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "step 10: ") != NULL, "%s", error.text);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_trainer_next(trainer, &event, &error), SW_FAILED);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_FAILED);
    sw_trainer_close(trainer);
    char *after = runs_text(run, "state.safetensors");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    trainer = runs_open(session, config, run, 1);
    ck_assert_int_eq(runs_until(trainer, -1).step, 16);
    sw_trainer_close(trainer);
    runs_whole(session, config, other);
    runs_same(run, other);
    json_decref(config);
}
END_TEST

/* ---- the folder ---------------------------------------------------------------------------------- */

static void refused(const json_t *config, const char *path, int resume, int status,
                    const char *message)
{
    struct sw_train_options options = {.resume = resume};
    struct sw_trainer *trainer;
    struct sw_error error = {0};
    ck_assert_int_eq(sw_trainer_open(&trainer, session, config, path, &options, &error), status);
    ck_assert_ptr_null(trainer);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s", error.text);
}

/* Runs must not write over each other, whoever starts them. */
START_TEST(one_run_a_folder)
{
    json_t *config = runs_config(session, data, "");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    refused(config, run, 0, SW_FAILED, "is there already; take another one with --out, or go on with "
                                       "--resume");
    refused(config, run, 1, SW_FAILED, "is in use by another process");
    runs_until(trainer, 8);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
    sw_trainer_close(trainer);
    runs_set(session, config, "train.lr", "0.5");
    refused(config, run, 1, SW_FAILED, "under another config: train.lr is 0.01 there and 0.5 here");
    runs_set(session, config, "train.lr", "0.01");
    runs_set(session, config, "threads", "1");
    sw_trainer_close(runs_open(session, config, run, 1));
    refused(config, "", 0, SW_MISUSE, "expected the path of a run folder");
    json_decref(config);
}
END_TEST

/* The state of a run on other data must not be taken for this one's. */
START_TEST(other_data)
{
    json_t *config = runs_config(session, data, "");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    runs_until(trainer, 3);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
    sw_trainer_close(trainer);
    char *deeper = unit_path(folder, "more"), *captions = unit_path(data, "train_caps.txt");
    char *text = runs_text(data, "train_caps.txt");
    text[2] ^= 1;
    unit_write(captions, text, strlen(text));
    refused(config, run, 1, SW_FAILED, "it belongs to another run");
    free(text);
    free(captions);
    free(deeper);
    json_decref(config);
}
END_TEST

static const struct {
    const char *set;
    int status;
    const char *message;
} wrong[] = {
    {"glove=", SW_MISUSE, "embedding 'glove_random' starts from GloVe vectors"},
    {"glove= embedding=glove_tuned", SW_MISUSE, "name one with --glove FILE"},
    {"glove=/nowhere/g", SW_FAILED, "/nowhere/g"},
    {"word_dim=5", SW_FAILED, "scenes.glove.txt"},
    {"dir=", SW_MISUSE, "no data folder is given: name one with --data DIR"},
    {"dir=/nowhere/d", SW_FAILED, "/nowhere/d"},
    {"train_split=tran", SW_FAILED, "tran"},
    {"dev_split=dve", SW_FAILED, "dve"},
    {"vocab=/nowhere/v.json", SW_FAILED, "/nowhere/v.json"},
};

/* What is wrong is said before a folder is made that would be in the way of the next try. */
START_TEST(wrong_inputs)
{
    json_t *config = runs_config(session, data, wrong[_i].set);
    for (int resume = 0; resume < 2; resume++) {
        refused(config, run, resume, wrong[_i].status, wrong[_i].message);
        ck_assert_int_ne(access(run, F_OK), 0);
    }
    json_decref(config);
}
END_TEST

/* An embedding that needs no vectors must not ask for any, nor read them. */
START_TEST(no_glove_needed)
{
    json_t *config = runs_config(session, data, "embedding=random glove=/nowhere max_steps=1 "
                                                "word_dim=6");
    runs_whole(session, config, run);
    json_decref(config);
}
END_TEST

/* gnuplot and the tables read these files as they are. */
START_TEST(files_of_a_run)
{
    json_t *config = runs_config(session, data, "eval_every=5 name=mine");
    runs_whole(session, config, run);
    char *text = runs_text(run, "metrics.tsv"), *save = NULL;
    int rows = 0, dev = 0, test = 0;
    ck_assert_int_eq(strncmp(text, "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\t"
                                   "i2t_r5\ti2t_r10\tt2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n",
                             95), 0);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int tabs = 0;
        for (char *c = line; *c; c++)
            tabs += *c == '\t';
        ck_assert_int_eq(tabs, 14);
        rows++;
        dev += strstr(line, "\tdev\t") != NULL;
        test += strstr(line, "\ttest\t") != NULL;
    }
    ck_assert_int_eq(rows, 1 + 16 + 4 + 1); /* steps 5, 10, 15, and 16 as the last */
    ck_assert_int_eq(dev, 4);
    ck_assert_int_eq(test, 1);
    free(text);
    text = runs_text(run, "log.jsonl");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *entry = json_loads(line, 0, NULL);
        ck_assert(json_is_integer(json_object_get(entry, "step")));
        ck_assert(json_is_string(json_object_get(entry, "event")));
        json_decref(entry);
    }
    free(text);
    static const char *const keys[] = {"program", "plugins", "blas", "cpu", "data", "vocabulary",
                                       "glove", "seed", "key", "parts"};
    text = runs_text(run, "provenance.json");
    json_t *about = json_loads(text, 0, NULL), *plugins = json_object_get(about, "plugins");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ck_assert_msg(json_object_get(about, keys[i]) != NULL, "no %s", keys[i]);
    ck_assert_uint_eq(json_array_size(plugins), 5);
    ck_assert(json_is_true(json_object_get(json_object_get(about, "data"), "generated")));
    const json_t *part = json_array_get(json_object_get(about, "parts"), 0);
    ck_assert(json_is_string(json_object_get(part, "ended")));
    ck_assert_str_eq(json_string_value(json_object_get(part, "command")), "a test");
    free(text);
    json_decref(about);
    text = runs_text(run, "result.json");
    json_t *result = json_loads(text, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(result, "name")), "mine");
    ck_assert(json_is_number(json_object_get(json_object_get(result, "test"), "rsum")));
    ck_assert(json_is_number(json_object_get(json_object_get(result, "dev"), "t2i_r10")));
    free(text);
    json_decref(result);
    ck_assert(runs_has(run, "config.json") && runs_has(run, "vocab.json"));
    ck_assert(!runs_has(run, "state.safetensors"));
    json_decref(config);
}
END_TEST

/* Without a dev split the last model is the one that is kept. */
START_TEST(no_dev_split)
{
    json_t *config = runs_config(session, data, "dev_split= test_split=");
    struct sw_event event = runs_whole(session, config, run);
    ck_assert(!event.has_dev && !event.has_test && event.best_step == 16);
    runs_same_bytes(run, run, "checkpoint.safetensors");
    char *last = runs_text(run, "checkpoint-last.safetensors");
    char *best = runs_text(run, "checkpoint.safetensors");
    ck_assert_str_eq(last, best);
    free(last);
    free(best);
    json_decref(config);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, learns);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, stopped_after_each_step);
    tcase_add_test(tests, killed_again_and_again);
    tcase_add_test(tests, schedule);
    tcase_add_loop_test(tests, last_batch, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(tests, captions_of_one_image);
    tcase_add_test(tests, collapse_is_told);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, one_run_a_folder);
    tcase_add_test(tests, other_data);
    tcase_add_loop_test(tests, wrong_inputs, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, no_glove_needed);
    tcase_add_test(tests, files_of_a_run);
    tcase_add_test(tests, no_dev_split);
}

UNIT_MAIN("trainer", add_tests)
