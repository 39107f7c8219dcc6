/* check_trainer.c -- what training computes, and that nothing but config and data decides it. */
#include "runs.h"

#include "tensor/tape/random.h"
#include "train/trainer.h"

#include <math.h>

static char *folder, *data;
static struct sw_session *session;

static void begin(void)
{
    folder = unit_folder();
    data = runs_data(folder, 10);
    session = runs_session(2);
}

static void end(void)
{
    sw_session_free(session);
    free(data);
    unit_remove_folder(folder);
}

/* A trainer with what it was made of. */
struct training {
    json_t *config;
    struct sw_inputs inputs;
    struct sw_trainer *trainer;
};

static const struct sw_test_set the_test = {"", "test", 0, 1};

static struct training *start(struct sw_session *with, const char *more)
{
    struct training *t = calloc(1, sizeof *t);
    struct sw_settings settings;
    struct sw_error error = {0};
    t->config = runs_config(data, more);
    sw_config_settings(t->config, &settings);
    ck_assert_msg(sw_inputs_open(&t->inputs, &settings, NULL, &the_test, 1, &error) == SW_OK, "%s",
                  error.text);
    ck_assert_msg(sw_trainer_new(&t->trainer, with, t->config, &t->inputs, 0, &error) == SW_OK,
                  "%s", error.text);
    return t;
}

static void stop(struct training *t)
{
    sw_trainer_free(t->trainer);
    sw_inputs_close(&t->inputs);
    json_decref(t->config);
    free(t);
}

static struct sw_trained_step next(struct training *t)
{
    struct sw_trained_step step;
    struct sw_error error = {0};
    ck_assert_msg(sw_trainer_step(t->trainer, &step, &error) == SW_OK, "%s", error.text);
    return step;
}

/* The trained numbers; free them. */
static float *numbers_of(const struct training *t, size_t *count)
{
    float *values, *gradients;
    sw_model_trained(sw_trainer_model(t->trainer), &values, &gradients, count);
    float *copy = malloc(*count * sizeof *copy);
    memcpy(copy, values, *count * sizeof *copy);
    return copy;
}

/* Steps to the end of the run; its numbers. */
static float *at_the_end(struct training *t, int64_t done, size_t *count)
{
    while (done++ < sw_trainer_total_steps(t->trainer))
        next(t);
    return numbers_of(t, count);
}

/* One seed gives one result, whatever the machine does with its threads. */
START_TEST(threads_do_not_matter)
{
    static const int threads[] = {2, 1, 3};
    float *numbers[4];
    size_t count[4];
    for (size_t i = 0; i < 3; i++) {
        struct sw_session *mine = runs_session(threads[i]);
        struct training *t = start(mine, "");
        numbers[i] = at_the_end(t, 0, &count[i]);
        stop(t);
        sw_session_free(mine);
        ck_assert_uint_eq(count[i], count[0]);
        ck_assert_mem_eq(numbers[i], numbers[0], count[0] * sizeof(float));
    }
    /* The comparison sees a difference where there is one. */
    struct training *t = start(session, "seed=6");
    numbers[3] = at_the_end(t, 0, &count[3]);
    ck_assert_int_ne(memcmp(numbers[3], numbers[0], count[0] * sizeof(float)), 0);
    stop(t);
    for (size_t i = 0; i < 4; i++)
        free(numbers[i]);
}
END_TEST

/* A state holds all there is to know: whatever was done after it, it goes on to the same bits. */
START_TEST(goes_on_from_a_state)
{
    static const char *const keys[] = {"another", "mine", NULL}, *const others[] = {"other", NULL};
    char *path = unit_path(folder, "state.safetensors");
    struct training *t = start(session, "");
    size_t count;
    float *whole = at_the_end(t, 0, &count);
    stop(t);
    for (int64_t step = 0; step <= 16; step += 3) {
        struct sw_error error = {0};
        char *progress;
        t = start(session, "");
        for (int64_t i = 0; i < step; i++)
            next(t);
        ck_assert_int_eq(sw_trainer_save(t->trainer, path, "so far", "mine", &error), SW_OK);
        if (step < 16)
            next(t);
        stop(t);
        t = start(session, "");
        ck_assert_int_eq(sw_trainer_load(t->trainer, path, others, &progress, &error), SW_FAILED);
        ck_assert_msg(strstr(error.text, "it belongs to another run: expected key other"), "%s",
                      error.text);
        ck_assert_int_eq(sw_trainer_load(t->trainer, path, keys, &progress, NULL), SW_OK);
        ck_assert_str_eq(progress, "so far");
        free(progress);
        ck_assert_int_eq(sw_trainer_seek(t->trainer, 17, NULL), SW_MISUSE);
        ck_assert_int_eq(sw_trainer_seek(t->trainer, step, NULL), SW_OK);
        float *again = at_the_end(t, step, &count);
        ck_assert_mem_eq(again, whole, count * sizeof(float));
        free(again);
        stop(t);
    }
    free(whole);
    free(path);
}
END_TEST

/* The rate and the negatives of each epoch. */
START_TEST(schedule)
{
    struct training *t =
        start(session, "epochs=5 lr=0.001 decay_epoch=2 decay=0.5 warmup_epochs=1");
    for (int epoch = 0; epoch < 5; epoch++)
        for (int i = 0; i < 8; i++) {
            struct sw_trained_step step = next(t);
            ck_assert_double_eq_tol(step.lr, 0.001 / (1 << epoch / 2), 1e-12);
            /* 8 pairs: up to 14 negatives a pair at twice the margin, against 2 when hardest */
            double each = step.loss / step.samples;
            ck_assert_msg(epoch ? each < 1 : each > 1, "epoch %d: %g per sample", epoch, each);
        }
    stop(t);
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
    struct training *t = start(session, cuts[_i].set);
    struct sw_trained_step step = {0};
    ck_assert_int_eq(sw_trainer_steps_in_epoch(t->trainer), cuts[_i].steps_in_epoch);
    ck_assert_int_eq(sw_trainer_total_steps(t->trainer), cuts[_i].total);
    for (int i = 0; i < cuts[_i].total; i++)
        step = next(t);
    ck_assert_int_eq(step.samples, cuts[_i].last);
    stop(t);
}
END_TEST

/* With same_image=exclude a batch of five captions of one image has no negatives at all. */
START_TEST(captions_of_one_image)
{
    struct training *t = start(session, "train_images=1 batch=5 same_image=exclude");
    ck_assert_double_eq(next(t).loss, 0);
    stop(t);
    t = start(session, "train_images=1 batch=5");
    ck_assert_double_gt(next(t).loss, 0);
    stop(t);
}
END_TEST

/* Each epoch in an order of its own: the first losses, with a rate that changes nothing, differ. */
START_TEST(epochs_are_shuffled)
{
    struct training *t = start(session, "lr=1e-12 warmup_epochs=2");
    double loss[16];
    for (int i = 0; i < 16; i++)
        loss[i] = next(t).loss;
    int different = 0;
    for (int i = 0; i < 8; i++)
        different += fabs(loss[i] - loss[i + 8]) > 1e-3;
    ck_assert_int_ge(different, 6);
    stop(t);
}
END_TEST

static void set_all(const struct training *t, float value)
{
    const struct sw_model *model = sw_trainer_model(t->trainer);
    for (int p = 0; p < sw_model_parameters(model); p++) {
        const struct sw_tensor *x = sw_model_parameter(model, p)->tensor;
        for (size_t i = 0; i < sw_tensor_count(x); i++)
            x->data[i] = value;
    }
}

/* The margin and the clipping of the config are those of the step. */
START_TEST(margin_and_clip)
{
    static const char *const clips[] = {"margin=0.5 warmup_epochs=0 clip=1e-12",
                                        "margin=0.5 warmup_epochs=0 clip=0"};
    double moved[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        struct training *t = start(session, clips[i]);
        size_t count;
        float *before = numbers_of(t, &count);
        next(t);
        float *after = numbers_of(t, &count);
        for (size_t j = 0; j < count; j++)
            moved[i] = fmax(moved[i], fabs((double)after[j] - (double)before[j]));
        set_all(t, 0);
        struct sw_trained_step step = next(t);
        ck_assert_double_eq_tol(step.loss / step.samples, 1.0, 1e-6);
        stop(t);
        free(before);
        free(after);
    }
    ck_assert_double_lt(moved[0], 1e-5);
    ck_assert_double_eq_tol(moved[1], 0.01, 1e-4); /* Adam's first step is lr */
}
END_TEST

/* Numbers that are no longer finite stop the run, and name the step. */
START_TEST(not_finite)
{
    struct training *t = start(session, "");
    struct sw_trained_step step;
    struct sw_error error = {0};
    for (int i = 0; i < 9; i++)
        next(t);
    set_all(t, NAN);
    ck_assert_int_eq(sw_trainer_step(t->trainer, &step, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "step 10: ") != NULL, "%s", error.text);
    stop(t);
}
END_TEST

/* With the parameters of a checkpoint the trainer evaluates, and neither steps nor saves. */
START_TEST(a_restored_model_is_only_evaluated)
{
    char *path = unit_path(folder, "checkpoint.safetensors");
    struct training *t = start(session, "");
    struct sw_metrics before, after;
    struct sw_ranks ranks = {0};
    struct sw_trained_step step;
    next(t);
    ck_assert_int_eq(sw_trainer_save_model(t->trainer, path, "{}", NULL), SW_OK);
    ck_assert_int_eq(sw_trainer_evaluate(t->trainer, 0, &before, &ranks, NULL), SW_OK);
    sw_ranks_free(&ranks);
    set_all(t, 0);
    ck_assert_int_eq(sw_trainer_restore_model(t->trainer, path, NULL), SW_OK);
    ck_assert_int_eq(sw_trainer_evaluate(t->trainer, 0, &after, &ranks, NULL), SW_OK);
    sw_ranks_free(&ranks);
    ck_assert_mem_eq(&before, &after, sizeof before);
    ck_assert_int_eq(sw_trainer_evaluate(t->trainer, 1, &after, &ranks, NULL), SW_MISUSE);
    ck_assert_int_eq(sw_trainer_step(t->trainer, &step, NULL), SW_MISUSE);
    ck_assert_int_eq(sw_trainer_save(t->trainer, path, "", "key", NULL), SW_MISUSE);
    stop(t);
    free(path);
}
END_TEST

/* A batch is made while the step before it computes; a row that has gone bad since the start stops
 * the run at the step that needs it, and not a step early. */
START_TEST(a_bad_row_stops_its_own_step)
{
    enum { CAPTIONS = 60, BATCH = 8, ROW_BYTES = 5 * 16 * 4 };
    uint32_t order[CAPTIONS];
    sw_order(5, 0, CAPTIONS, order);
    int step_of_row[CAPTIONS / 5] = {0}, last = 0;
    for (int i = CAPTIONS - 1; i >= 0; i--)
        step_of_row[order[i] / 5] = i / BATCH + 1;
    for (int row = 0; row < CAPTIONS / 5; row++)
        if (step_of_row[row] > step_of_row[last])
            last = row;
    ck_assert_int_gt(step_of_row[last], 1);
    struct training *t = start(session, "");
    char *path = unit_path(data, "train_ims.npy"), named[64];
    FILE *file = fopen(path, "r+b");
    float nan_value = NAN;
    ck_assert(file && fseek(file, -(long)(CAPTIONS / 5 - last) * ROW_BYTES, SEEK_END) == 0);
    ck_assert_uint_eq(fwrite(&nan_value, sizeof nan_value, 1, file), 1);
    fclose(file);
    struct sw_error error = {0};
    struct sw_trained_step step;
    for (int i = 1; i < step_of_row[last]; i++)
        next(t);
    ck_assert_int_eq(sw_trainer_step(t->trainer, &step, &error), SW_FAILED);
    snprintf(named, sizeof named, "row %d, region 0, feature 0", last);
    ck_assert_msg(strstr(error.text, named) != NULL, "%s", error.text);
    snprintf(named, sizeof named, "step %d: ", step_of_row[last]);
    ck_assert_msg(strncmp(error.text, named, strlen(named)) == 0, "%s", error.text);
    stop(t);
    free(path);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, goes_on_from_a_state);
    tcase_add_test(tests, schedule);
    tcase_add_loop_test(tests, last_batch, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(tests, captions_of_one_image);
    tcase_add_test(tests, epochs_are_shuffled);
    tcase_add_test(tests, margin_and_clip);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, a_restored_model_is_only_evaluated);
    tcase_add_test(tests, a_bad_row_stops_its_own_step);
}

UNIT_MAIN("trainer", add_tests)
