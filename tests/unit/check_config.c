/* check_config.c -- the config of a run, its overrides and its hash. */
#include "unit.h"

#include "run/config.h"
#include "run/session.h"

static struct sw_session *session;
static json_t *config;

static void begin(void)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_session_new(&session, 1, NULL, &error) == SW_OK, "%s", error.text);
    config = sw_config_resolve(session->plugins, NULL, &error);
    ck_assert_msg(config != NULL, "%s", error.text);
}

static void end(void)
{
    json_decref(config);
    sw_session_free(session);
}

/* "train.lr", "model.stages.1.fusion.plugin" */
static const json_t *at(const json_t *value, const char *path)
{
    char *copy = strdup(path), *save = NULL;
    for (char *part = strtok_r(copy, ".", &save); part; part = strtok_r(NULL, ".", &save))
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(part))
                                     : json_object_get(value, part);
    free(copy);
    return value;
}

static void expect(const char *path, const char *text)
{
    char *found = json_dumps(at(config, path), JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    ck_assert_msg(found && strcmp(found, text) == 0, "%s: expected %s, found %s", path, text,
                  found ? found : "nothing");
    free(found);
}

static char *hash_of(const json_t *of, const char *more)
{
    char *hash = malloc(33);
    struct sw_error error = {0};
    ck_assert_msg(sw_config_hash(of, more, hash, &error) == SW_OK, "%s", error.text);
    ck_assert_uint_eq(strspn(hash, "0123456789abcdef"), 32);
    return hash;
}

/* The defaults that the paper and the field's code use; a slip here trains something else. */
START_TEST(defaults)
{
    static const char *const known[][2] = {
        {"seed", "0"},
        {"train.batch", "128"},
        {"train.epochs", "30"},
        {"train.lr", "0.0002"},
        {"train.decay_epoch", "15"},
        {"train.decay", "0.1"},
        {"train.warmup_epochs", "1"},
        {"train.margin", "0.2"},
        {"train.clip", "2.0"},
        {"train.same_image", "\"negative\""},
        {"train.eval_every", "0"},
        {"data.train_split", "\"train\""},
        {"data.dev_split", "\"dev\""},
        {"data.train_images", "0"},
        {"data.all_dev_captions", "false"},
        {"model.dim", "1024"},
        {"model.embedding.word_dim", "300"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        expect(known[i][0], known[i][1]);
}
END_TEST

/* A run is resumed from its config.json: reading the text back must give the same object, also for
 * numbers that no decimal text holds exactly. */
START_TEST(text_and_back)
{
    json_t *given = json_pack("{s:{s:f, s:f}, s:{s:s}}", "train", "lr", 1.0 / 3, "margin",
                              0.1 + 0.2, "data", "dir", "a \"folder\"");
    json_t *first = sw_config_resolve(session->plugins, given, NULL);
    char *text = sw_config_text(first, 2);
    json_t *read = json_loads(text, 0, NULL);
    json_t *second = sw_config_resolve(session->plugins, read, NULL);
    char *again = sw_config_text(second, 2);
    ck_assert_str_eq(text, again);
    ck_assert(json_equal(first, second));
    json_t *three[] = {given, first, read};
    for (int i = 0; i < 3; i++)
        json_decref(three[i]);
    json_decref(second);
    free(text);
    free(again);
}
END_TEST

static const struct {
    const char *assignment, *path, *value;
} overrides[] = {
    {"dim=64", "model.dim", "64"},
    {"word_dim=100", "model.embedding.word_dim", "100"},
    {"batch=32", "train.batch", "32"},
    {"batch=1e2", "train.batch", "100"},
    {"epochs=2", "train.epochs", "2"},
    {"lr=1e-3", "train.lr", "0.001"},
    {"train.lr=5", "train.lr", "5.0"},
    {"decay_epoch=3", "train.decay_epoch", "3"},
    {"warmup_epochs=0", "train.warmup_epochs", "0"},
    {"margin=0", "train.margin", "0.0"},
    {"clip=0", "train.clip", "0.0"},
    {"threads=2", "threads", "2"},
    {"seed=7", "seed", "7"},
    {"name=12", "name", "\"12\""},
    {"eval_every=100", "train.eval_every", "100"},
    {"same_image=exclude", "train.same_image", "\"exclude\""},
    {"train_images=60", "data.train_images", "60"},
    {"dev_images=50", "data.dev_images", "50"},
    {"test_images=40", "data.test_images", "40"},
    {"all_dev_captions=true", "data.all_dev_captions", "true"},
    {"data.dir=a=b c", "data.dir", "\"a=b c\""},
    {"direction=t2i", "model.direction", "\"t2i\""},
    {"model.dim=8", "model.dim", "8"},
    {"embedding=glove", "model.embedding.plugin", "\"glove\""},
    {"model.embedding.plugin=random", "model.embedding.plugin", "\"random\""},
    {"fusion=average", "model.stages.1.fusion.plugin", "\"average\""},
    {"g2l.fusion=sum", "model.stages.1.fusion.plugin", "\"sum\""},
    {"model.g2l.fusion.plugin=concat", "model.stages.1.fusion.plugin", "\"concat\""},
    {"l2l.lambda=9", "model.stages.0.lambda", "9.0"},
    {"model.stages.l2l.mu=0.5", "model.stages.0.mu", "0.5"},
    {"g2l.score=false", "model.stages.1.score", "false"},
    {"stages=l2l", "model.stages.1", NULL},
    {"stages=l2l,g2l", "model.stages.1.plugin", "\"g2l\""},
};

/* Each key of the command line lands where it says, and only there. */
START_TEST(each_override)
{
    struct sw_error error = {0};
    json_t *before = json_deep_copy(config);
    ck_assert_msg(sw_config_override(session->plugins, config, overrides[_i].assignment, &error) ==
                      SW_OK,
                  "%s", error.text);
    if (overrides[_i].value)
        expect(overrides[_i].path, overrides[_i].value);
    else
        ck_assert_ptr_null(at(config, overrides[_i].path));
    char *a = sw_config_text(before, 1), *b = sw_config_text(config, 1);
    size_t lines[2] = {0, 0};
    for (char *line = strtok(a, "\n"); line; line = strtok(NULL, "\n"))
        lines[0]++;
    for (char *line = strtok(b, "\n"); line; line = strtok(NULL, "\n"))
        lines[1]++;
    if (strncmp(overrides[_i].assignment, "stages", 6) != 0)
        ck_assert_uint_eq(lines[0], lines[1]);
    free(a);
    free(b);
    json_decref(before);
}
END_TEST

/* Another embedding keeps the word width, another stage list keeps what was set on its stages. */
START_TEST(overrides_build_on_each_other)
{
    static const char *const in_turn[] = {"word_dim=50",    "embedding=random",   "l2l.lambda=4",
                                          "stages=l2l,g2l", "fusion=gate_vector", "l2l.mu=1"};
    for (size_t i = 0; i < sizeof in_turn / sizeof *in_turn; i++)
        ck_assert_int_eq(sw_config_override(session->plugins, config, in_turn[i], NULL), SW_OK);
    expect("model.embedding.word_dim", "50");
    expect("model.stages.0.lambda", "4.0");
    expect("model.stages.0.mu", "1.0");
    expect("model.stages.1.fusion.plugin", "\"gate_vector\"");
}
END_TEST

static const struct {
    const char *assignment, *message;
} refused[] = {
    {"l2l.lamda=9", "no option 'lamda' in l2l; did you mean 'lambda'?"},
    {"lambda=9", "no option 'lambda'; did you mean 'l2l.lambda' or 'g2l.lambda'?"},
    {"bacth=9", "no option 'bacth'; did you mean 'batch'?"},
    {"train.bacth=9", "no option 'bacth' in train; did you mean 'batch'?"},
    {"data.lr=9", "no option 'lr' in data"},
    {"model.dmi=9", "no option 'dmi' in model; did you mean 'dim'?"},
    {"model.train.lr=9", "no section or stage 'train'"},
    {"batch=1", "train.batch: expected a whole number from 2 to 65536, found 1"},
    {"batch=2.5", "found 2.5"},
    {"batch=", "found ''"},
    {"batch=0x10", "found '0x10'"},
    {"batch= 8", "found ' 8'"},
    {"lr=0", "train.lr: expected a number above 0"},
    {"lr=nan", "found 'nan'"},
    {"lr=1e999", "found '1e999'"},
    {"decay=1.5", "train.decay: expected a number above 0 and at most 1"},
    {"seed=-1", "seed: expected a whole number from 0 to 9007199254740991, found -1"},
    {"all_dev_captions=maybe", "expected true or false, found 'maybe'"},
    {"same_image=exlude", "did you mean 'exclude'?"},
    {"direction=it2", "did you mean 'i2t'?"},
    {"embedding=glvoe", "did you mean 'glove'?"},
    {"g2l.fusion=gaet", "did you mean 'gate'?"},
    {"g2l.fusion.x=1", "no option 'x' in g2l.fusion gate"},
    {"g2l.fusion.x.y=1", "has no options of its own"},
    {"l2l.lambda.x=1", "has no options of its own"},
    {"train.lr.x=1", "has no options of its own"},
    {"l2l.plugin=g2l", "use stages=.."},
    {"l3l.lambda=1", "no section or stage 'l3l'; did you mean 'l2l'?"},
    {"stages=l2l,l2l", "'l2l' is there twice"},
    {"stages=", "a list that is empty"},
    {"train_split=../x", "data.train_split: expected the name of a split"},
    {"train_split=", "data.train_split: expected the name of a split"},
    {"=9", "expected key=value, found '=9'"},
    {"batch", "expected key=value, found 'batch'"},
    {"", "expected key=value"},
    {".=1", "expected key=value"},
    {"a..b=1", "expected key=value"},
    {"a.b.c.d.e.f=1", "expected key=value"},
    {"\xff=1", "no option"},
    {"name=\xff", "not UTF-8"},
};

/* A mistyped key must not start a run of hours with the default, and must not leave half a change.
 */
START_TEST(refused_overrides)
{
    struct sw_error error = {0};
    char *before = sw_config_text(config, 0);
    ck_assert_int_ne(sw_config_override(session->plugins, config, refused[_i].assignment, &error),
                     SW_OK);
    ck_assert_msg(strstr(error.text, refused[_i].message) != NULL, "%s: %s", refused[_i].assignment,
                  error.text);
    char *after = sw_config_text(config, 0);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

/* A stage that was taken out is named as such, not as a slip of the one that is left. */
START_TEST(stage_that_is_not_there)
{
    struct sw_error error = {0};
    ck_assert_int_eq(sw_config_override(session->plugins, config, "stages=l2l", NULL), SW_OK);
    ck_assert_int_eq(sw_config_override(session->plugins, config, "g2l.lambda=2", &error),
                     SW_MISUSE);
    ck_assert_str_eq(error.text, "g2l.lambda: 'g2l' is not a stage of this model, which has l2l");
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_config_override(session->plugins, config, "fusion=sum", &error), SW_MISUSE);
    ck_assert_ptr_nonnull(strstr(error.text, "no stage of this model fuses; they are l2l"));
}
END_TEST

static const struct {
    const char *config, *message;
} wrong[] = {
    {"[]", "expected a table, found a list"},
    {"{\"trian\": {}}", "no option 'trian' in a config; did you mean 'train'?"},
    {"{\"train\": 3}", "train: expected a table, found 3"},
    {"{\"train\": {\"epoch\": 3}}", "no option 'epoch' in train; did you mean 'epochs'?"},
    {"{\"train\": {\"lr\": \"0.1\"}}", "train.lr: expected a number above 0"},
    {"{\"name\": 3}", "name: expected a text, found 3"},
    {"{\"data\": {\"dir\": null}}", "data.dir: expected a text, found null"},
    {"{\"data\": {\"dev_split\": \"a/b\"}}", "data.dev_split: expected the name of a split"},
    {"{\"model\": {\"stages\": 1}}", "model.stages: expected a list"},
};

START_TEST(wrong_configs)
{
    struct sw_error error = {0};
    json_t *given = json_loads(wrong[_i].config, 0, NULL);
    ck_assert_ptr_nonnull(given);
    ck_assert_ptr_null(sw_config_resolve(session->plugins, given, &error));
    ck_assert_int_eq(error.status, SW_MISUSE);
    ck_assert_msg(strstr(error.text, wrong[_i].message) != NULL, "%s", error.text);
    json_decref(given);
}
END_TEST

/* The hash names a run: what changes its numbers must change it, and a path or a thread count must
 * not, or finished runs are done again, or worse, taken for others. */
START_TEST(hash)
{
    static const char *const inert[] = {
        "name=x",  "threads=3",          "data.dir=/x",         "glove=/y",
        "vocab=z", "checkpoint_every=7", "checkpoint_seconds=9"};
    size_t count;
    const struct sw_config_key *keys = sw_config_keys(&count);
    char *first = hash_of(config, NULL);
    for (size_t i = 0; i < sizeof inert / sizeof *inert; i++)
        ck_assert_int_eq(sw_config_override(session->plugins, config, inert[i], NULL), SW_OK);
    char *second = hash_of(config, NULL), *third = hash_of(config, "other data");
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, third);
    free(second);
    free(third);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].inert || keys[i].kind == SW_KEY_TESTS)
            continue;
        char text[128];
        json_t *copy = json_deep_copy(config);
        const char *value = keys[i].kind == SW_KEY_NUMBER    ? "0.125"
                            : keys[i].kind == SW_KEY_INTEGER ? "77"
                            : keys[i].kind == SW_KEY_SWITCH  ? "true"
                            : keys[i].kind == SW_KEY_CHOICE  ? "exclude"
                                                             : "other";
        snprintf(text, sizeof text, "%s=%s", keys[i].name, value);
        struct sw_error error = {0};
        ck_assert_msg(sw_config_override(session->plugins, copy, text, &error) == SW_OK, "%s",
                      error.text);
        second = hash_of(copy, NULL);
        ck_assert_msg(strcmp(first, second) != 0, "%s leaves the hash as it was", text);
        free(second);
        json_decref(copy);
    }
    free(first);
}
END_TEST

/* Going on with a run under another config must say what differs. */
START_TEST(difference)
{
    char text[256] = "";
    json_t *other = json_deep_copy(config);
    ck_assert_int_eq(sw_config_override(session->plugins, other, "data.dir=/elsewhere", NULL), 0);
    ck_assert(sw_config_same(config, other, text, sizeof text));
    ck_assert_int_eq(sw_config_override(session->plugins, other, "l2l.lambda=9", NULL), 0);
    ck_assert(!sw_config_same(config, other, text, sizeof text));
    ck_assert_str_eq(text, "model.stages[1].lambda is 15 there and 9 here");
    json_decref(other);
}
END_TEST

/* The plain members are what training reads: each must come from its own key. */
START_TEST(settings)
{
    static const char *const set[] = {"name=n",
                                      "seed=3",
                                      "threads=4",
                                      "batch=5",
                                      "epochs=6",
                                      "lr=0.5",
                                      "decay_epoch=7",
                                      "decay=0.25",
                                      "warmup_epochs=8",
                                      "margin=0.75",
                                      "clip=1.5",
                                      "eval_every=9",
                                      "dir=d",
                                      "glove=g",
                                      "vocab=v",
                                      "train_split=a",
                                      "dev_split=b",
                                      "test_split=c",
                                      "train_images=10",
                                      "dev_images=11",
                                      "test_images=12",
                                      "precaps=true",
                                      "max_steps=13",
                                      "checkpoint_every=14",
                                      "same_image=exclude",
                                      "dim=15",
                                      "word_dim=16"};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ck_assert_int_eq(sw_config_override(session->plugins, config, set[i], NULL), SW_OK);
    struct sw_settings s;
    sw_config_settings(config, &s);
    ck_assert_str_eq(s.name, "n");
    ck_assert(s.seed == 3 && s.threads == 4 && s.batch == 5 && s.epochs == 6);
    ck_assert(s.lr == 0.5 && s.decay_epoch == 7 && s.decay == 0.25 && s.warmup_epochs == 8);
    ck_assert(s.margin == 0.75 && s.clip == 1.5 && s.eval_every == 9 && s.exclude_same_image);
    ck_assert(!strcmp(s.dir, "d") && !strcmp(s.glove, "g") && !strcmp(s.vocab, "v"));
    ck_assert(!strcmp(s.train_split, "a") && !strcmp(s.dev_split, "b"));
    ck_assert(!strcmp(s.test_split, "c") && s.train_images == 10 && s.dev_images == 11);
    ck_assert(s.test_images == 12 && s.precaps && !s.all_dev_captions && s.max_steps == 13);
    ck_assert(s.checkpoint_every == 14 && s.checkpoint_seconds == 300);
    ck_assert(s.dim == 15 && s.word_dim == 16 && !strcmp(s.embedding, "glove_random"));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, text_and_back);
    tcase_add_loop_test(tests, each_override, 0, sizeof overrides / sizeof *overrides);
    tcase_add_test(tests, overrides_build_on_each_other);
    tcase_add_loop_test(tests, refused_overrides, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tests, stage_that_is_not_there);
    tcase_add_loop_test(tests, wrong_configs, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, hash);
    tcase_add_test(tests, difference);
    tcase_add_test(tests, settings);
}

UNIT_MAIN("config", add_tests)
