/* check_test_sets.c -- folds and named test sets: what a config may say, and what a run makes of
 * it. */
#include "runs.h"

#include "train/evaluate.h"
#include "train/ranks.h"
#include "train/test_sets.h"

static char *folder, *data, *run;
static struct sw_session *session;

static void begin(void)
{
    folder = unit_folder();
    data = runs_data(folder, 10);
    run = unit_path(folder, "run");
    session = runs_session(1);
}

static void end(void)
{
    sw_session_free(session);
    free(data);
    free(run);
    unit_remove_folder(folder);
}

/* The usual config with data.tests as in `list`. */
static json_t *with_tests(const char *more, const char *list)
{
    json_t *config = runs_config(data, more), *tests = json_loads(list, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(tests);
    ck_assert_int_eq(json_object_set_new(json_object_get(config, "data"), "tests", tests), 0);
    return config;
}

static const char two[] = "[{\"name\": \"COCO 1K\", \"split\": \"test\", \"folds\": 5},"
                          " {\"name\": \"dev, again\", \"split\": \"dev\", \"images\": 4}]";

static size_t sets_of(const json_t *config)
{
    struct sw_settings settings;
    sw_config_settings(config, &settings);
    return sw_test_sets(&settings);
}

static void expect_set(const json_t *config, size_t index, struct sw_test_set expected)
{
    struct sw_settings settings;
    sw_config_settings(config, &settings);
    struct sw_test_set set = sw_test_set_at(&settings, index);
    ck_assert_str_eq(set.name, expected.name);
    ck_assert_str_eq(set.split, expected.split);
    ck_assert_str_eq(set.file, expected.file);
    ck_assert(set.images == expected.images && set.folds == expected.folds);
}

START_TEST(what_a_list_stands_for)
{
    json_t *config = runs_config(data, "test_split=testall folds=5 test_images=500");
    ck_assert_uint_eq(sets_of(config), 1);
    expect_set(config, 0, (struct sw_test_set){"", "testall", 500, 5, "test"});
    runs_set(config, "test_split", "");
    ck_assert_uint_eq(sets_of(config), 0);
    json_decref(config);
    config = with_tests("test_split=testall test_images=7", two);
    ck_assert_uint_eq(sets_of(config), 2);
    expect_set(config, 0, (struct sw_test_set){"COCO 1K", "test", 7, 5, "coco-1k"});
    expect_set(config, 1, (struct sw_test_set){"dev, again", "dev", 4, 1, "dev-again"});
    /* what a set leaves out follows the keys, also when they are changed later */
    runs_set(config, "test_images", "9");
    runs_set(config, "folds", "3");
    expect_set(config, 0, (struct sw_test_set){"COCO 1K", "test", 9, 5, "coco-1k"});
    expect_set(config, 1, (struct sw_test_set){"dev, again", "dev", 4, 3, "dev-again"});
    json_decref(config);
}
END_TEST

/* ---- a run ----------------------------------------------------------------------------------- */

static json_t *result(void)
{
    char *path = unit_path(run, "result.json");
    json_t *object = json_load_file(path, 0, NULL);
    free(path);
    ck_assert_ptr_nonnull(object);
    return object;
}

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(json_is_number(value), "%s is missing", name);
    return json_number_value(value);
}

/* The entry says what it is of, and is what an evaluation of the checkpoint and its own file of
 * ranks give. */
static void check_entry(const json_t *entry, const char *split, size_t images, size_t folds,
                        const char *file)
{
    char *path = unit_path(run, "checkpoint.safetensors"), *ranks_path = unit_path(run, file);
    struct sw_evaluate_options options = {.images = images, .folds = folds};
    struct sw_metrics expected, again;
    struct sw_ranks ranks;
    struct sw_error error = {0};
    const char *const models[] = {path};
    ck_assert_msg(configs_evaluate(session, models, 1, data, split, NULL, &options, &expected, NULL,
                                   &error) == SW_OK,
                  "%s", error.text);
    ck_assert_msg(sw_ranks_read(&ranks, ranks_path, folds, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(sw_metrics_of(&again, &ranks, &error), SW_OK);
    ck_assert_double_eq(number(entry, "rsum"), expected.rsum);
    ck_assert_double_eq(number(entry, "i2t_medr"), expected.i2t_medr);
    ck_assert_double_eq(again.rsum, expected.rsum);
    ck_assert_double_eq(number(entry, "images"), (double)images);
    ck_assert_double_eq(number(entry, "captions"), (double)images * 5);
    ck_assert_double_eq(number(entry, "folds"), (double)folds);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "split")), split);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "ranks")), file);
    sw_ranks_free(&ranks);
    free(path);
    free(ranks_path);
}

START_TEST(one_set_in_folds)
{
    json_t *config = runs_config(data, "folds=5 test_split=test epochs=1");
    struct sw_event event = runs_whole(session, config, run);
    json_t *found = result();
    ck_assert(event.has_test && event.metrics.folds == 5 && event.best_dev.folds == 1);
    ck_assert_int_eq((int)number(found, "format"), 2);
    check_entry(json_object_get(found, "test"), "test", 10, 5, "ranks-test.npy");
    ck_assert_ptr_null(json_object_get(found, "tests"));
    const json_t *dev = json_object_get(found, "dev");
    ck_assert_str_eq(json_string_value(json_object_get(dev, "split")), "dev");
    json_decref(found);
    json_decref(config);
}
END_TEST

/* Each model is trained once and evaluated on every set. */
START_TEST(two_sets)
{
    json_t *config = with_tests("epochs=1", two);
    struct sw_event event = runs_whole(session, config, run);
    json_t *found = result(), *sets = json_object_get(found, "tests");
    ck_assert_uint_eq(json_object_size(sets), 2);
    check_entry(json_object_get(sets, "COCO 1K"), "test", 10, 5, "ranks-coco-1k.npy");
    check_entry(json_object_get(sets, "dev, again"), "dev", 4, 1, "ranks-dev-again.npy");
    ck_assert(json_is_null(json_object_get(found, "test")) && !runs_has(run, "ranks-test.npy"));
    ck_assert(event.has_test && event.metrics.folds == 5);
    /* a finished run tells the same again */
    struct sw_trainer *trainer = runs_open(session, config, run, 1);
    struct sw_event again = runs_next(trainer);
    ck_assert(again.kind == SW_EVENT_DONE && again.has_test);
    ck_assert_double_eq(again.metrics.rsum, event.metrics.rsum);
    sw_trainer_close(trainer);
    char *log = runs_text(run, "log.jsonl");
    ck_assert(strstr(log, "coco-1k") && strstr(log, "dev-again"));
    free(log);
    json_decref(found);
    json_decref(config);
}
END_TEST

static const struct {
    const char *more, *list, *message;
} early[] = {
    {"folds=3", "[]",
     "test_ims.npy: 10 images do not divide into 3 folds; the nearest number below is 9"},
    {"folds=11", "[]", "10 images do not divide into 11 folds"},
    {"folds=4 test_images=6", "[]", "6 images do not divide into 4 folds"},
    {"", "[{\"name\": \"5K\", \"split\": \"tset\"}]", "test set '5K': "},
    {"", "[{\"name\": \"5K\", \"split\": \"tset\"}]", "did you mean 'test'?"},
    {"", "[{\"name\": \"A\"}, {\"name\": \"B\", \"folds\": 7}]", "test set 'B': "},
};

/* What cannot be evaluated is refused before the first step, and leaves no folder. */
START_TEST(told_before_training)
{
    struct sw_error error = {0};
    struct sw_trainer *trainer;
    json_t *config = with_tests(early[_i].more, early[_i].list);
    ck_assert_int_eq(
        configs_train(&trainer, session, config, run, &(struct sw_train_options){0}, &error),
        SW_FAILED);
    ck_assert_msg(strstr(error.text, early[_i].message) != NULL, "%s", error.text);
    ck_assert_int_ne(access(run, F_OK), 0);
    json_decref(config);
}
END_TEST

START_TEST(a_newer_result_is_refused)
{
    json_t *config = runs_config(data, "epochs=1");
    runs_whole(session, config, run);
    json_t *found = result();
    char *path = unit_path(run, "result.json");
    ck_assert_int_eq(json_object_set_new(found, "format", json_integer(3)), 0);
    ck_assert_int_eq(json_dump_file(found, path, 0), 0);
    struct sw_train_options options = {.resume = 1};
    struct sw_trainer *trainer;
    struct sw_error error = {0};
    ck_assert_int_eq(configs_train(&trainer, session, config, run, &options, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "result.json: expected format 2 or older, found 3"));
    free(path);
    json_decref(found);
    json_decref(config);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, what_a_list_stands_for);
    tcase_add_test(tests, one_set_in_folds);
    tcase_add_test(tests, two_sets);
    tcase_add_loop_test(tests, told_before_training, 0, (int)(sizeof early / sizeof *early));
    tcase_add_test(tests, a_newer_result_is_refused);
}

UNIT_MAIN("test sets", add_tests)
