/* check_compose.c -- from a "model" object to a plan. */
#include "models.h"
#include "unit.h"

#include "plugin/compose.h"
#include "train/session.h"

/* A fusion with an option of each kind, as a third party may bring one. */
static const struct sw_option blend_options[] = {
    {"amount", SW_NUMBER, "0.25", NULL, 0, 1, "a number"},
    {"times", SW_INTEGER, "3", NULL, 1, 9, "an integer"},
    {"loud", SW_SWITCH, "false", NULL, 0, 0, "a switch"},
    {"way", SW_CHOICE, "up", "up down", 0, 0, "a choice"},
    {NULL, 0, NULL, NULL, 0, 0, NULL},
};

static int blend_init(const struct sw_host *host, struct sw_model *model, void *self,
                      const struct sw_value *options)
{
    (void)host, (void)model, (void)self, (void)options;
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
    json_t *model = parse("{\"dim\": 32, \"direction\": \"i2t\", \"embedding\": {\"plugin\": "
                          "\"random\", \"word_dim\": "
                          "7}, \"stages\": [{\"plugin\": \"l2l\", \"lambda\": 9, "
                          "\"attention_norm\": \"clipped_l2norm\"},"
                          "{\"plugin\": \"g2l\", \"score\": false, \"fusion\": {\"plugin\": "
                          "\"blend\", \"amount\": 0.5,"
                          "\"loud\": true, \"way\": \"down\"}}]}");
    struct sw_composition *composition;
    struct sw_error error = {0};
    models_complete(model);
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
    tcase_add_test(tests, values_reach_the_plan);
}

UNIT_MAIN("compose", add_tests)
