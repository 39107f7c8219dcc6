/* check_trainer.c -- what a run computes, and that nothing but config and data decides it. */
#include "runs.h"

#include "data/npy.h"
#include "tensor/tape/random.h"

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
    json_t *config = runs_config(data, "epochs=12 lr=0.02 warmup_epochs=12");
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

/* Statistics draw from these files: they have to give the very recalls that the run printed. */
static void same_recalls(const char *name, const struct sw_metrics *m)
{
    static const float most[3] = {1, 5, 10};
    struct sw_npy npy;
    struct sw_error error = {0};
    char *path = unit_path(run, name);
    ck_assert_msg(sw_npy_open(&npy, path, &error) == SW_OK, "%s", error.text);
    ck_assert(npy.ndim == 2 && npy.shape[0] == 10 && npy.shape[1] == 6);
    float row[6];
    double text[3] = {0}, image[3] = {0};
    for (size_t i = 0; i < 10; i++) {
        ck_assert_int_eq(sw_npy_floats(&npy, i, 1, row), SW_OK);
        for (int k = 0; k < 3; k++) {
            text[k] += row[0] < most[k];
            for (int c = 1; c < 6; c++)
                image[k] += row[c] < most[k];
        }
    }
    ck_assert_double_eq(text[0] * 10, m->i2t_r1);
    ck_assert_double_eq(text[1] * 10, m->i2t_r5);
    ck_assert_double_eq(text[2] * 10, m->i2t_r10);
    ck_assert_double_eq(image[0] * 2, m->t2i_r1);
    ck_assert_double_eq(image[1] * 2, m->t2i_r5);
    ck_assert_double_eq(image[2] * 2, m->t2i_r10);
    sw_npy_close(&npy);
    free(path);
}

START_TEST(ranks_are_kept)
{
    json_t *config = runs_config(data, "epochs=3 lr=0.02 warmup_epochs=3");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    struct sw_event event;
    do {
        event = runs_next(trainer);
        if (event.kind == SW_EVENT_EVALUATED && event.best)
            same_recalls("ranks-dev.npy", &event.metrics);
    } while (event.kind != SW_EVENT_DONE);
    same_recalls("ranks-dev.npy", &event.best_dev);
    same_recalls("ranks-test.npy", &event.metrics);
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

/* One seed gives one result, whatever the machine does with its threads. */
START_TEST(threads_do_not_matter)
{
    static const int threads[] = {1, 3};
    json_t *config = runs_config(data, "");
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
    runs_set(config, "seed", "6");
    runs_whole(session, config, other);
    char *rows[2] = {runs_rows(run), runs_rows(other)};
    ck_assert_str_ne(rows[0], rows[1]);
    free(rows[0]);
    free(rows[1]);
    json_decref(config);
}
END_TEST

/* Saved after any step, as on Ctrl-C, and lost a little later, a run goes on to the same bits: what
 * was done and written between the save and the end must not be there twice. */
START_TEST(stopped_after_each_step)
{
    json_t *config = runs_config(data, "eval_every=4");
    runs_whole(session, config, run);
    for (int64_t step = 0; step <= 16; step++) {
        char name[32];
        snprintf(name, sizeof name, "stop-%d", (int)step);
        char *path = unit_path(folder, name);
        struct sw_trainer *trainer = runs_open(session, config, path, 0);
        if (step)
            runs_until(trainer, step);
        ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
        for (int64_t lost = step % 3; lost > 0; lost--)
            runs_next(trainer);
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

/* Runs `run` in a process that is killed when `events` events have passed; 0 when it got to its
 * end. */
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
            configs_train(&trainer, mine, config, path, &options, NULL))
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
    json_t *config = runs_config(data, "eval_every=3 checkpoint_every=2");
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
    json_t *config = runs_config(data, "epochs=5 lr=0.001 decay_epoch=2 decay=0.5 warmup_epochs=1");
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
    {"batch=8", 8, 16, 4},
    {"batch=59", 1, 2, 59},
    {"batch=60", 1, 2, 60},
    {"batch=58", 2, 4, 2},
    {"batch=500", 1, 2, 60},
    {"max_steps=3", 8, 3, 8},
    {"train_images=1 batch=5", 1, 2, 5},
};

/* The last batch of an epoch is kept where it has a negative, and one caption alone has none. */
START_TEST(last_batch)
{
    json_t *config = runs_config(data, cuts[_i].set);
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
    json_t *config = runs_config(data, "train_images=1 batch=5 same_image=exclude "
                                       "max_steps=1");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    ck_assert_double_eq(runs_next(trainer).loss, 0);
    sw_trainer_close(trainer);
    runs_set(config, "same_image", "negative");
    trainer = runs_open(session, config, other, 0);
    ck_assert_double_gt(runs_next(trainer).loss, 0);
    sw_trainer_close(trainer);
    json_decref(config);
}
END_TEST

/* Each epoch in an order of its own: the first losses, with a rate that changes nothing, differ. */
START_TEST(epochs_are_shuffled)
{
    json_t *config = runs_config(data, "lr=1e-12 warmup_epochs=2");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    double loss[16];
    for (int i = 0; i < 16; i++)
        loss[i] = runs_until(trainer, i + 1).loss;
    int different = 0;
    for (int i = 0; i < 8; i++)
        different += fabs(loss[i] - loss[i + 8]) > 1e-3;
    ck_assert_int_ge(different, 6);
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

/* The margin and the clipping of the config are those of the step. */
START_TEST(margin_and_clip)
{
    static const char *const clips[] = {"margin=0.5 warmup_epochs=0 clip=1e-12",
                                        "margin=0.5 warmup_epochs=0 clip=0"};
    double moved[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        json_t *config = runs_config(data, clips[i]);
        char *path = unit_path(folder, i ? "b" : "a");
        struct sw_trainer *trainer = runs_open(session, config, path, 0);
        float *values, *gradients;
        size_t count;
        sw_model_trained(sw_trainer_model(trainer), &values, &gradients, &count);
        float *before = malloc(count * sizeof *before);
        memcpy(before, values, count * sizeof *before);
        runs_next(trainer);
        for (size_t j = 0; j < count; j++)
            moved[i] = fmax(moved[i], fabs((double)values[j] - (double)before[j]));
        set_all(trainer, 0);
        ck_assert_double_eq_tol(runs_next(trainer).loss_per_sample, 1.0, 1e-6);
        sw_trainer_close(trainer);
        free(before);
        free(path);
        json_decref(config);
    }
    ck_assert_double_lt(moved[0], 1e-5);
    ck_assert_double_eq_tol(moved[1], 0.01, 1e-4); /* Adam's first step is lr */
}
END_TEST

/* The known collapse must be told while there is time, with what helps. */
START_TEST(collapse_is_told)
{
    json_t *config = runs_config(data, "warmup_epochs=0 epochs=30 dev_split= test_split=");
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

/* Numbers that are no longer finite stop the run, name the step, and touch nothing that was saved.
 */
START_TEST(not_finite)
{
    json_t *config = runs_config(data, "");
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

/* A batch is made while the step before it computes; a row that has gone bad since the start stops
 * the run at the step that needs it, and not a step early. */
START_TEST(a_bad_row_stops_its_own_step)
{
    enum { CAPTIONS = 60, BATCH = 8, ROW_BYTES = 5 * 16 * 4 };
    json_t *config = runs_config(data, "");
    uint32_t order[CAPTIONS];
    sw_order(5, 0, CAPTIONS, order);
    int step_of_row[CAPTIONS / 5] = {0}, last = 0;
    for (int i = CAPTIONS - 1; i >= 0; i--)
        step_of_row[order[i] / 5] = i / BATCH + 1;
    for (int row = 0; row < CAPTIONS / 5; row++)
        if (step_of_row[row] > step_of_row[last])
            last = row;
    ck_assert_int_gt(step_of_row[last], 1);
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    char *path = unit_path(data, "train_ims.npy"), named[64];
    FILE *file = fopen(path, "r+b");
    float nan_value = NAN;
    ck_assert(file && fseek(file, -(long)(CAPTIONS / 5 - last) * ROW_BYTES, SEEK_END) == 0);
    ck_assert_uint_eq(fwrite(&nan_value, sizeof nan_value, 1, file), 1);
    fclose(file);
    struct sw_error error = {0};
    struct sw_event event = runs_until(trainer, step_of_row[last] - 1);
    ck_assert_int_eq(event.step, step_of_row[last] - 1);
    ck_assert_int_eq(sw_trainer_next(trainer, &event, &error), SW_FAILED);
    snprintf(named, sizeof named, "row %d, region 0, feature 0", last);
    ck_assert_msg(strstr(error.text, named) != NULL, "%s", error.text);
    snprintf(named, sizeof named, "step %d: ", step_of_row[last]);
    ck_assert_msg(strncmp(error.text, named, strlen(named)) == 0, "%s", error.text);
    sw_trainer_close(trainer);
    free(path);
    json_decref(config);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, learns);
    tcase_add_test(tests, ranks_are_kept);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, stopped_after_each_step);
    tcase_add_test(tests, killed_again_and_again);
    tcase_add_test(tests, schedule);
    tcase_add_loop_test(tests, last_batch, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(tests, captions_of_one_image);
    tcase_add_test(tests, epochs_are_shuffled);
    tcase_add_test(tests, margin_and_clip);
    tcase_add_test(tests, collapse_is_told);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, a_bad_row_stops_its_own_step);
}

UNIT_MAIN("trainer", add_tests)
