/* check_compose.c -- from a "model" object to a plan. */
#include "unit.h"

#include "plugin/compose.h"
#include "run/session.h"

/* A fusion with an option of each kind, as a third party may bring one. */
static const struct sw_option blend_options[] = {
    {"amount", SW_NUMBER, "0.25", NULL, 0, 1, "a number"},
    {"times", SW_INTEGER, "3", NULL, 1, 9, "an integer"},
    {"loud", SW_SWITCH, "false", NULL, 0, 0, "a switch"},
    {"way", SW_CHOICE, "up", "up down", 0, 0, "a choice"},
    {NULL, 0, NULL, NULL, 0, 0, NULL},
};

static int blend_init(const struct sw_host *host, struct sw_model *model, void *self,
                      const char *prefix, const struct sw_value *options)
{
    (void)host, (void)model, (void)self, (void)prefix, (void)options;
    return 0;
}

static struct sw_vectors *blend_fuse(struct sw_tile *tile, const void *self, const void *prepared,
                                     enum sw_side side, struct sw_vectors *own,
                                     struct sw_vectors *attended)
{
    (void)tile, (void)self, (void)prepared, (void)side, (void)attended;
    return own;
}

static const struct sw_fusion blend = {.name = "blend",
                                       .doc = "for tests",
                                       .options = blend_options,
                                       .init = blend_init,
                                       .fuse = blend_fuse};
static const struct sw_fusion *const fusions[] = {&blend, NULL};
static const struct sw_plugin plugin = {SW_PLUGIN_HEAD,   .name = "blend",    .version = "1",
                                        .license = "MIT", .doc = "for tests", .fusions = fusions};

static struct sw_session *session;

static void begin(void)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_session_new(&session, 1, NULL, &error) == SW_OK, "%s", error.text);
    ck_assert_msg(sw_plugins_register(session->plugins, &plugin, "blend.so", &error) == SW_OK, "%s",
                  error.text);
}

static void end(void)
{
    sw_session_free(session);
}

static json_t *parse(const char *text)
{
    json_error_t wrong;
    json_t *value = json_loads(text, 0, &wrong);
    ck_assert_msg(value != NULL, "%s: %s", text, wrong.text);
    return value;
}

static json_t *resolve(const char *text)
{
    struct sw_error error = {0};
    json_t *given = parse(text), *resolved = sw_compose_resolve(session->plugins, given, &error);
    ck_assert_msg(resolved != NULL, "%s: %s", text, error.text);
    json_decref(given);
    return resolved;
}

static char *text_of(const json_t *value)
{
    return json_dumps(value, JSON_REAL_PRECISION(15));
}

/* A config that says nothing must be the paper's model, or published numbers are of another one. */
START_TEST(paper_is_the_default)
{
    static const char paper[] =
        "{\"dim\": 1024, \"direction\": \"both\", "
        "\"embedding\": {\"plugin\": \"glove_random\", \"word_dim\": 300}, "
        "\"stages\": [{\"plugin\": \"l2l\", \"score\": true, \"lambda\": 15.0, \"mu\": 0.3, "
        "\"attention_norm\": \"none\", \"reduce\": \"mean\"}, "
        "{\"plugin\": \"g2l\", \"score\": true, \"lambda\": 1.0, \"mu\": 0.5, "
        "\"fusion\": {\"plugin\": \"gate\"}}, {\"plugin\": \"g2g\", \"score\": true}]}";
    json_t *resolved = sw_compose_resolve(session->plugins, NULL, NULL);
    char *text = text_of(resolved);
    ck_assert_str_eq(text, paper);
    free(text);
    json_decref(resolved);
}
END_TEST

/* The order in which someone wrote the keys, a name in place of a table, and a second pass must not
 * make another model: run folders are named by the hash of this object. */
START_TEST(one_form)
{
    static const char *const alike[] = {
        "{\"stages\": [\"l2l\", {\"fusion\": \"sum\", \"plugin\": \"g2l\"}], \"dim\": 64}",
        "{\"dim\": 64.0, \"stages\": [{\"plugin\": \"l2l\", \"mu\": 0.3}, {\"plugin\": \"g2l\", "
        "\"score\": true, \"fusion\": {\"plugin\": \"sum\"}}], \"direction\": \"both\"}",
    };
    json_t *first = resolve(alike[0]), *second = resolve(alike[1]);
    json_t *again = sw_compose_resolve(session->plugins, first, NULL);
    char *text[3] = {text_of(first), text_of(second), text_of(again)};
    ck_assert_str_eq(text[0], text[1]);
    ck_assert_str_eq(text[0], text[2]);
    for (int i = 0; i < 3; i++)
        free(text[i]);
    json_decref(first);
    json_decref(second);
    json_decref(again);
}
END_TEST

static const struct {
    const char *model, *message;
} wrong[] = {
    {"{\"dmi\": 3}", "no option 'dmi' in model; did you mean 'dim'?"},
    {"[]", "model: expected a table, found a list"},
    {"{\"dim\": \"8\"}", "model.dim: expected a whole number from 1 to 16384, found '8'"},
    {"{\"dim\": 0}", "found 0"},
    {"{\"dim\": 8.5}", "found 8.5"},
    {"{\"dim\": 1e300}", "found 1e+300"},
    {"{\"direction\": \"t2\"}", "did you mean 't2i'?"},
    {"{\"direction\": null}", "expected one of both, t2i, i2t, found null"},
    {"{\"embedding\": \"glov\"}", "did you mean 'glove'?"},
    {"{\"embedding\": 3}", "model.embedding: expected a plugin's name or a table"},
    {"{\"embedding\": {\"plugin\": \"glove\", \"wordim\": 3}}",
     "no option 'wordim' in embedding glove; did you mean 'word_dim'?"},
    {"{\"embedding\": {\"word_dim\": -1}}", "model.embedding.word_dim: expected a whole number"},
    {"{\"stages\": {}}", "model.stages: expected a list of 1 to 32 stages, found a table"},
    {"{\"stages\": []}", "a list that is empty"},
    {"{\"stages\": [\"l2k\"]}", "did you mean 'l2l'?"},
    {"{\"stages\": [{}]}", "model.stages[1]: expected a plugin's name"},
    {"{\"stages\": [{\"plugin\": \"\"}]}", "model.stages[1]: expected a plugin's name"},
    {"{\"stages\": [\"l2l\", \"l2l\"]}", "'l2l' is there twice (1 and 2)"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"lamda\": 3}]}",
     "no option 'lamda' in l2l; did you mean 'lambda'?"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"lambda\": true}]}", "l2l.lambda: expected a number"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"mu\": 1.5}]}", "l2l.mu: expected a number from 0 to 1"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"score\": \"yes\"}]}",
     "l2l.score: expected true or false, found 'yes'"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"score\": false}]}", "expected one stage at least"},
    {"{\"stages\": [{\"plugin\": \"l2l\", \"attention_norm\": \"cosin\"}]}",
     "did you mean 'cosine'?"},
    {"{\"stages\": [\"l2l\", {\"plugin\": \"g2l\", \"fusion\": \"gat\"}]}",
     "g2l.fusion: no fusion 'gat'; did you mean 'gate'?"},
    {"{\"stages\": [\"l2l\", {\"plugin\": \"g2l\", \"fusion\": []}]}",
     "g2l.fusion: expected a plugin's name"},
    {"{\"stages\": [\"l2l\", {\"plugin\": \"g2l\", \"fusion\": {\"plugin\": \"blend\", "
     "\"amuont\": 1}}]}",
     "no option 'amuont' in g2l.fusion blend; did you mean 'amount'?"},
    {"{\"stages\": [\"l2l\", {\"plugin\": \"g2l\", \"fusion\": {\"plugin\": \"blend\", "
     "\"times\": 10}}]}",
     "g2l.fusion.times: expected a whole number from 1 to 9, found 10"},
};

/* Whoever mistypes must learn where and what was meant, and nothing half-checked may come out. */
START_TEST(wrong_models)
{
    struct sw_error error = {0};
    json_t *model = parse(wrong[_i].model);
    json_t *resolved = sw_compose_resolve(session->plugins, model, &error);
    ck_assert_ptr_null(resolved);
    ck_assert_int_eq(error.status, SW_MISUSE);
    ck_assert_msg(strstr(error.text, wrong[_i].message) != NULL, "%s\nexpected: %s", error.text,
                  wrong[_i].message);
    struct sw_composition *composition;
    ck_assert_int_eq(sw_compose(&composition, session->plugins, model, NULL), SW_MISUSE);
    ck_assert_ptr_null(composition);
    json_decref(model);
}
END_TEST

static int place(const struct sw_option *options, const char *name)
{
    for (int i = 0; options[i].name; i++)
        if (strcmp(options[i].name, name) == 0)
            return i;
    ck_abort_msg("no option %s", name);
    return -1;
}

/* A value that lands in another option's place trains another model without a word. */
START_TEST(values_reach_the_plan)
{
    json_t *model = resolve("{\"dim\": 32, \"direction\": \"i2t\", \"embedding\": {\"plugin\": "
                            "\"random\", \"word_dim\": "
                            "7}, \"stages\": [{\"plugin\": \"l2l\", \"lambda\": 9, "
                            "\"attention_norm\": \"clipped_l2norm\"},"
                            "{\"plugin\": \"g2l\", \"score\": false, \"fusion\": {\"plugin\": "
                            "\"blend\", \"amount\": 0.5,"
                            "\"loud\": true, \"way\": \"down\"}}]}");
    struct sw_composition *composition;
    struct sw_error error = {0};
    ck_assert_msg(sw_compose(&composition, session->plugins, model, &error) == SW_OK, "%s",
                  error.text);
    json_decref(model); /* the plan must not hang on it */
    const struct sw_model_plan *plan = sw_composition_plan(composition);
    ck_assert_int_eq(plan->dim, 32);
    ck_assert_int_eq(plan->word_dim, 7);
    ck_assert_int_eq(plan->direction, SW_I2T);
    ck_assert_str_eq(plan->embedding->name, "random");
    ck_assert_int_eq(plan->stage_count, 2);
    ck_assert_int_eq(plan->stages[0].score, 1);
    ck_assert_int_eq(plan->stages[1].score, 0);
    const struct sw_option *l2l = plan->stages[0].stage->options;
    const struct sw_value *value = plan->stages[0].options;
    ck_assert_double_eq(value[place(l2l, "lambda")].number, 9);
    ck_assert_double_eq(value[place(l2l, "mu")].number, 0.3);
    ck_assert_double_eq(value[place(l2l, "attention_norm")].number, 2);
    ck_assert_str_eq(value[place(l2l, "attention_norm")].text, "clipped_l2norm");
    const struct sw_fusion_use *use =
        plan->stages[1].options[place(plan->stages[1].stage->options, "fusion")].fusion;
    ck_assert_ptr_eq(use->fusion, &blend);
    ck_assert_double_eq(use->options[0].number, 0.5);
    ck_assert_double_eq(use->options[1].number, 3);
    ck_assert_double_eq(use->options[2].number, 1);
    ck_assert_double_eq(use->options[3].number, 1);
    ck_assert_str_eq(use->options[3].text, "down");
    sw_composition_free(composition);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, paper_is_the_default);
    tcase_add_test(tests, one_form);
    tcase_add_loop_test(tests, wrong_models, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, values_reach_the_plan);
}

UNIT_MAIN("compose", add_tests)
