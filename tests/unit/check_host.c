/* check_host.c -- what a plugin is given of the runtime: its failures reach the user in its own
 * words, sizes are those of the model, and raw work gives the right numbers. */
#include "models.h"
#include "unit.h"

#include "match/internal.h"
#include "train/config.h"
#include "train/session.h"

#include <math.h>

enum { REGIONS = 2, FEATURES = 3, WORDS = 7 };

/* ---- a plugin of the test's own: (host->fail) in parentheses, as Check has a macro of that name
 */

static const struct sw_option options[] = {
    {"how", SW_CHOICE, "never", "never init positive score long", 0, 0, "when it fails"},
    {0},
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    int *how = self, shape[] = {host->vocabulary(model), host->dim(model)};
    *how = (int)values[0].number;
    host->parameter(model, "table", 2, shape, (struct sw_init){.kind = SW_INIT_ZERO});
    if (*how == 1)
        return host->fail_model(model, SW_PLUGIN_MISUSE, "expected %d, found '%s'", 3, "four");
    return *how == 2 ? host->fail_model(model, 5, "a status of its own") : 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const int *how = self;
    char name[1200];
    (void)prepared;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    if (*how == 3)
        (tile->host->fail)(tile->graph, SW_PLUGIN_FAILED, "no score for %d regions", tile->k);
    if (*how == 4)
        (tile->host->fail)(tile->graph, 1, "%s", name);
    return NULL;
}

static const struct sw_stage stage = {.name = "talks",
                                      .doc = "fails when it is told to",
                                      .options = options,
                                      .self_size = sizeof(int),
                                      .init = init,
                                      .score = score};

static int product_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    dim[0] = call->in[0]->dim[0];
    dim[1] = call->in[1]->dim[1];
    return call->in[0]->dim[1] == call->in[1]->dim[0] ? 2 : -1;
}

/* sigmoid(A B), by the host's functions only */
static void product_forward(const struct sw_call *call)
{
    int M = call->out->dim[0], N = call->out->dim[1], K = call->in[0]->dim[1];
    call->host->gemm(call->compute, 0, 0, M, N, K, 1, call->in[0]->data, K, call->in[1]->data, N, 0,
                     call->out->data, N);
    call->host->sigmoid(call->compute, (size_t)M * (size_t)N, call->out->data, call->out->data);
}

static const struct sw_sample samples[] = {
    {.inputs = 2,
     .in = {{.ndim = 2, .dim = {2, 3}, .low = -1, .high = 1, .constant = 1},
            {.ndim = 2, .dim = {3, 2}, .low = -1, .high = 1, .constant = 1}}},
};
static const struct sw_op product = {.name = "talks_product",
                                     .shapes = "(M,K),(K,N)->(M,N)",
                                     .doc = "sigmoid(A B)",
                                     .least_inputs = 2,
                                     .most_inputs = 2,
                                     .shape = product_shape,
                                     .forward = product_forward,
                                     .samples = samples,
                                     .sample_count = 1};

static const struct sw_plugin plugin = {SW_PLUGIN_HEAD,
                                        .name = "talks",
                                        .version = "1",
                                        .license = "MIT",
                                        .doc = "for tests",
                                        .stages = (const struct sw_stage *const[]){&stage, NULL},
                                        .ops = (const struct sw_op *const[]){&product, NULL}};

static struct sw_session *session;
static struct sw_matcher *matcher;

static void begin(void)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_session_new(&session, 1, NULL, &error) == SW_OK, "%s", error.text);
    ck_assert_msg(sw_plugins_register(session->plugins, &plugin, "talks.so", &error) == SW_OK, "%s",
                  error.text);
}

static void end(void)
{
    sw_matcher_free(matcher);
    sw_session_free(session);
}

/* Builds the model whose only stage fails as `how` says. */
static int build(const char *how, struct sw_error *error)
{
    struct sw_matcher_inputs inputs = {.features = FEATURES, .vocabulary = WORDS};
    json_t *config =
        json_pack("{s:{s:i, s:{s:s, s:i}, s:[{s:s, s:s}]}}", "model", "dim", 4, "embedding",
                  "plugin", "random", "word_dim", 2, "stages", "plugin", "talks", "how", how);
    models_complete(json_object_get(config, "model"));
    int status = sw_matcher_new(&matcher, session, config, &inputs, error);
    json_decref(config);
    return status;
}

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(a_model_that_a_plugin_refuses_says_so_in_its_words)
{
    struct sw_error error = {0};
    ck_assert_int_eq(build("init", &error), SW_MISUSE);
    ck_assert_ptr_nonnull(strstr(error.text, "stage talks"));
    ck_assert_ptr_nonnull(strstr(error.text, "expected 3, found 'four'"));
}
END_TEST

/* Positive numbers are no status: a plugin that returns one has failed all the same. */
START_TEST(a_positive_status_is_a_failure)
{
    struct sw_error error = {0};
    ck_assert_int_eq(build("positive", &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "a status of its own"));
}
END_TEST

START_TEST(sizes_are_those_of_the_model)
{
    struct sw_error error = {0};
    ck_assert_msg(build("never", &error) == SW_OK, "%s", error.text);
    const struct sw_parameter *table = sw_model_find_parameter(matcher->model, "talks.table");
    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(table->tensor->dim[0], WORDS);
    ck_assert_int_eq(table->tensor->dim[1], 4);
}
END_TEST

static void fails_to_score(const char *how, int status, const char *message)
{
    struct sw_error error = {0};
    float features[SW_LANES * REGIONS * FEATURES] = {1, 2, 3, 4, 5, 6};
    const struct sw_examples examples = {.images = 1,
                                         .k = REGIONS,
                                         .features = features,
                                         .captions = 1,
                                         .caption_start = (const int[]){0, 3},
                                         .ids = (const int32_t[]){1, 4, 2}};
    ck_assert_msg(build(how, &error) == SW_OK, "%s", error.text);
    struct sw_graph *graph = sw_graph_new(sw_host_table(), session->compute, session->ops, &error);
    sw_graph_reset(graph, 0);
    ck_assert_ptr_null(
        sw_model_scores(matcher->model, graph, &examples, &(struct sw_pair_options){0}));
    ck_assert_int_eq(sw_graph_error(graph)->status, status);
    ck_assert_msg(strstr(sw_graph_error(graph)->text, message) != NULL, "expected '%s', found: %s",
                  message, sw_graph_error(graph)->text);
    sw_graph_free(graph);
}

START_TEST(a_pair_that_a_plugin_cannot_score_is_an_error_with_its_words)
{
    fails_to_score("score", SW_FAILED, "stage talks: no score for 2 regions");
}
END_TEST

/* A message longer than any line is cut, not written beyond its place. */
START_TEST(a_message_without_end_is_cut)
{
    fails_to_score("long", SW_FAILED, "stage talks: xxxx");
}
END_TEST

START_TEST(raw_work_gives_the_right_numbers)
{
    struct sw_error error = {0};
    float a[] = {1, 2, -1, 0.5f, -2, 3}, b[] = {1, -1, 0.5f, 2, -2, 1};
    struct sw_graph *graph = sw_graph_new(sw_host_table(), session->compute, session->ops, &error);
    sw_graph_reset(graph, 0);
    struct sw_tensor *in[] = {sw_graph_tensor(graph, 2, (int[]){2, 3}, a, 0),
                              sw_graph_tensor(graph, 2, (int[]){3, 2}, b, 0)};
    struct sw_tensor *out = sw_graph_apply_named(graph, "talks_product", in, 2, NULL);
    ck_assert_msg(out != NULL, "%s", sw_graph_error(graph)->text);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            double sum = 0;
            for (int k = 0; k < 3; k++)
                sum += (double)a[i * 3 + k] * b[k * 2 + j];
            ck_assert_double_eq_tol(out->data[i * 2 + j], 1 / (1 + exp(-sum)), 1e-6);
        }
    sw_graph_free(graph);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_model_that_a_plugin_refuses_says_so_in_its_words);
    tcase_add_test(tests, a_positive_status_is_a_failure);
    tcase_add_test(tests, sizes_are_those_of_the_model);
    tcase_add_test(tests, a_pair_that_a_plugin_cannot_score_is_an_error_with_its_words);
    tcase_add_test(tests, a_message_without_end_is_cut);
    tcase_add_test(tests, raw_work_gives_the_right_numbers);
}

UNIT_MAIN("host", add_tests)
