/* check_run_folder.c -- what a run reads before it starts, and what it leaves in its folder. */
#include "runs.h"

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

static void refused(const json_t *config, const char *path, int resume, int status,
                    const char *message)
{
    struct sw_train_options options = {.resume = resume};
    struct sw_trainer *trainer;
    struct sw_error error = {0};
    ck_assert_int_eq(configs_train(&trainer, session, config, path, &options, &error), status);
    ck_assert_ptr_null(trainer);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s", error.text);
}

/* Runs must not write over each other, whoever starts them. */
START_TEST(one_run_a_folder)
{
    json_t *config = runs_config(data, "");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    refused(config, run, 0, SW_FAILED,
            "is there already; take another one with --out, or go on with "
            "--resume");
    refused(config, run, 1, SW_FAILED, "is locked by process");
    runs_until(trainer, 8);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
    sw_trainer_close(trainer);
    runs_set(config, "threads", "1");
    sw_trainer_close(runs_open(session, config, run, 1));
    refused(config, "", 0, SW_MISUSE, "expected the path of a run folder");
    json_decref(config);
}
END_TEST

/* Every word would take over what another one has learnt. */
START_TEST(other_ids)
{
    json_t *config = runs_config(data, "");
    struct sw_trainer *trainer = runs_open(session, config, run, 0);
    runs_until(trainer, 2);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
    sw_trainer_close(trainer);
    char *path = unit_path(run, "vocab.json"), *text = runs_text(run, "vocab.json");
    json_t *vocab = json_loads(text, 0, NULL), *words = json_object_get(vocab, "word2idx");
    const char *word;
    json_t *id;
    json_object_foreach(words, word, id)
    {
        json_int_t n = json_integer_value(id);
        if (n == 4 || n == 5)
            json_integer_set(id, 9 - n);
    }
    json_object_del(vocab, "idx2word");
    ck_assert_int_eq(json_dump_file(vocab, path, 0), 0);
    refused(config, run, 1, SW_FAILED,
            "vocab.json: its words have other ids than the vocabulary that the run began with");
    unit_write(path, text, strlen(text));
    sw_trainer_close(runs_open(session, config, run, 1));
    json_decref(vocab);
    json_decref(config);
    free(text);
    free(path);
}
END_TEST

/* The state of a run on other data must not be taken for this one's. */
START_TEST(other_data)
{
    json_t *config = runs_config(data, "");
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
    json_t *config = runs_config(data, wrong[_i].set);
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
    json_t *config = runs_config(data, "embedding=random glove=/nowhere max_steps=1 "
                                       "word_dim=6");
    runs_whole(session, config, run);
    json_decref(config);
}
END_TEST

/* gnuplot and the tables read these files as they are. */
START_TEST(files_of_a_run)
{
    json_t *config = runs_config(data, "eval_every=5 name=mine dev_images=4 "
                                       "test_images=3");
    runs_whole(session, config, run);
    char *text = runs_text(run, "metrics.tsv"), *save = NULL;
    int rows = 0, dev = 0, test = 0;
    ck_assert_int_eq(strncmp(text,
                             "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\t"
                             "i2t_r5\ti2t_r10\tt2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n",
                             95),
                     0);
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
        const char *event = json_string_value(json_object_get(entry, "event"));
        ck_assert_ptr_nonnull(event);
        ck_assert(strcmp(event, "started") != 0 ||
                  json_object_get(json_object_get(entry, "words"), "vocabulary"));
        json_decref(entry);
    }
    free(text);
    static const char *const keys[] = {"program",    "plugins", "blas", "cpu", "data",
                                       "vocabulary", "glove",   "seed", "key", "parts"};
    text = runs_text(run, "provenance.json");
    json_t *about = json_loads(text, 0, NULL), *plugins = json_object_get(about, "plugins");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ck_assert_msg(json_object_get(about, keys[i]) != NULL, "no %s", keys[i]);
    ck_assert_uint_eq(json_array_size(plugins), 5);
    ck_assert(json_is_true(json_object_get(json_object_get(about, "data"), "generated")));
    static const char *const covering[] = {"vocabulary", "glove"};
    for (size_t i = 0; i < sizeof covering / sizeof *covering; i++) {
        const json_t *coverage = json_object_get(json_object_get(about, covering[i]), "coverage");
        ck_assert_int_gt(json_integer_value(json_object_get(coverage, "tokens covered")), 0);
    }
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(about, "vocabulary"), "fingerprint")),
        json_string_value(json_object_get(
            json_object_get(json_object_get(about, "sources"), "data"), "vocabulary")));
    const json_t *part = json_array_get(json_object_get(about, "parts"), 0);
    ck_assert(json_is_string(json_object_get(part, "ended")));
    ck_assert_str_eq(json_string_value(json_object_get(part, "command")), "a test");
    free(text);
    json_decref(about);
    text = runs_text(run, "result.json");
    json_t *result = json_loads(text, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(result, "name")), "mine");
    const json_t *test_part = json_object_get(result, "test");
    const json_t *dev_part = json_object_get(result, "dev");
    ck_assert(json_is_number(json_object_get(test_part, "rsum")));
    ck_assert(json_is_number(json_object_get(dev_part, "t2i_r10")));
    ck_assert_int_eq(json_integer_value(json_object_get(test_part, "images")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(dev_part, "images")), 4);
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
    json_t *config = runs_config(data, "dev_split= test_split=");
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
    tcase_add_test(tests, one_run_a_folder);
    tcase_add_test(tests, other_ids);
    tcase_add_test(tests, other_data);
    tcase_add_loop_test(tests, wrong_inputs, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, no_glove_needed);
    tcase_add_test(tests, files_of_a_run);
    tcase_add_test(tests, no_dev_split);
}

UNIT_MAIN("run folder", add_tests)
