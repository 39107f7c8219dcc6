/* check_query.c -- attention weights of one pair against their equation, and what is shown against
 * its axes. */
#include "pairs_unit.h"
#include "runs.h"

#include "stepwise/plugin.h"
#include "train/query.h"

#include <math.h>

enum { K = 5, D = 8, IMAGES = 10, EACH = 5 };

static char *folder, *data, *run, *best;
static struct sw_session *session;
static json_t *model_config;

static void begin(void)
{
    folder = unit_folder();
    data = runs_data(folder, IMAGES);
    run = unit_path(folder, "run");
    best = unit_path(run, "checkpoint.safetensors");
    session = runs_session(2);
    json_t *config = runs_config(data, "warmup_epochs=2 lr=0.05 l2l.lambda=4");
    runs_whole(session, config, run);
    json_decref(config);
    model_config = configs_of_checkpoint(best, NULL);
}

static void end(void)
{
    json_decref(model_config);
    sw_session_free(session);
    char *paths[] = {data, run, best};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        free(paths[i]);
    unit_remove_folder(folder);
}

static const float *parameter(struct sw_model *model, const char *name)
{
    const struct sw_parameter *p = sw_model_find_parameter(model, name);
    ck_assert_ptr_nonnull(p);
    return p->tensor->data;
}

/* W x, W (D,D) */
static void project(const float *W, const float *x, double *out)
{
    for (int i = 0; i < D; i++) {
        out[i] = 0;
        for (int j = 0; j < D; j++)
            out[i] += (double)W[i * D + j] * (double)x[j];
    }
}

/* beta of eq. 5, written out: softmax over the regions of lambda (W~v v_i) . (W~t t_j). */
START_TEST(weights_by_hand)
{
    enum { IMAGE = 7, CAPTION = IMAGE * EACH + 2 };
    struct sw_query query;
    struct sw_query_source source = {
        .checkpoint = best, .config = model_config, .dir = data, .split = "test", .captions = 1};
    struct sw_encoded regions = {0}, words = {0};
    struct sw_gather gather;
    struct sw_attention shown;
    float score, again;
    ck_assert_int_eq(sw_query_open(&query, session, &source, NULL), SW_OK);
    struct sw_model *model = query.matcher->model;
    ck_assert_int_eq(sw_gather_new(&gather, &query.data, session->compute, 1, 1, NULL), SW_OK);
    ck_assert_int_eq(sw_encode_split_images(model, &gather, IMAGE, 1, NULL, 0, &regions, NULL),
                     SW_OK);
    ck_assert_int_eq(sw_encode_split_captions(model, &gather, CAPTION, 1, NULL, 0, &words, NULL),
                     SW_OK);
    struct sw_sentence sentence = {query.data.ids + query.data.offsets[CAPTION], words.count[0]};
    ck_assert_int_eq(sw_query_show(&query, IMAGE, sentence, &score, &shown, NULL), SW_OK);
    ck_assert_int_eq(sw_score_block(model, &regions, &words, 0, 1, &again, NULL, NULL), SW_OK);
    ck_assert_float_eq(score, again);
    ck_assert_int_eq(sw_query_show(&query, IMAGE, sentence, &score, &shown, NULL), SW_OK);
    const struct sw_shown *beta = shown.list;
    while (strcmp(beta->name, "l2l.beta") != 0)
        ck_assert_int_lt(++beta - shown.list, shown.count);
    ck_assert(beta->row_axis == SW_AXIS_WORDS && beta->rows == sentence.count);
    ck_assert(beta->column_axis == SW_AXIS_REGIONS && beta->columns == regions.count[0]);
    for (int j = 0; j < beta->rows; j++) {
        double y[D], a[K], sum = 0;
        project(parameter(model, "l2l.text_key.weight"), words.rows + j * D, y);
        for (int i = 0; i < beta->columns; i++) {
            double x[D];
            const float *v = regions.rows + (size_t)sw_region_row(regions.k, 0, i) * D;
            project(parameter(model, "l2l.image_key.weight"), v, x);
            a[i] = 0;
            for (int d = 0; d < D; d++)
                a[i] += x[d] * y[d];
            sum += a[i] = exp(4 * a[i]);
        }
        for (int i = 0; i < beta->columns; i++)
            ck_assert_double_eq_tol((double)beta->weights[j * beta->columns + i], a[i] / sum, 1e-5);
    }
    sw_gather_free(&gather);
    sw_encoded_free(&regions);
    sw_encoded_free(&words);
    sw_query_close(&query);
}
END_TEST

/* ---- what a stage says of its weights -------------------------------------------------------- */

struct showing {
    int way;
};

static const struct sw_option options[] = {
    {.name = "way", .kind = SW_INTEGER, .preset = "0", .least = 0, .most = 3, .doc = "which"},
    {.name = NULL},
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)host, (void)model;
    ((struct showing *)self)->way = (int)values[0].number;
    return 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)prepared;
    int way = ((const struct showing *)self)->way;
    struct sw_tensor *regions = tile->host->mean_weights(tile, SW_REGIONS);
    if (way < 2)
        tile->host->show(tile, "own", way ? SW_AXIS_WORDS : SW_AXIS_ONE, SW_AXIS_REGIONS, regions);
    for (int i = 0; way == 2 && i <= SW_MOST_SHOWN; i++)
        tile->host->show(tile, "own", SW_AXIS_ONE, SW_AXIS_REGIONS, regions);
    if (way == 3)
        tile->host->show(tile, "own", SW_AXIS_ONE, (enum sw_axis)7, regions);
    struct sw_tensor *words = tile->host->mean_weights(tile, SW_WORDS);
    return sw_cosine(tile, sw_pool(tile, sw_regions(tile), regions),
                     sw_pool(tile, sw_words_of(tile), words));
}

static const struct sw_stage stage = {.name = "showing",
                                      .doc = "a test's own",
                                      .options = options,
                                      .self_size = sizeof(struct showing),
                                      .init = init,
                                      .score = score};

static const struct sw_plugin plugin = {
    SW_PLUGIN_HEAD,        .name = "showing",
    .version = "1",        .license = "MIT",
    .doc = "a test's own", .stages = (const struct sw_stage *const[]){&stage, NULL},
};

/* Weights that do not have the shape of their axes would be drawn over the wrong side. */
START_TEST(shown_weights_fit_their_axes)
{
    static const char *const messages[] = {NULL, "shows 'own': expected weights of shape (",
                                           "at most 64 weights of all stages",
                                           "shows 'own': expected weights of shape (1,1,"};
    char model[96];
    snprintf(model, sizeof model, "{\"stages\":[{\"plugin\":\"showing\",\"way\":%d}]}", _i);
    pu_extra_plugin = &plugin;
    struct pairs_unit *u = pu_new(model, 1, 0);
    struct sw_encoded images = {0}, captions = {0};
    struct sw_attention shown;
    struct sw_error error = {0};
    ck_assert_int_eq(sw_encode_images(u->model, &u->examples, &images, NULL), SW_OK);
    ck_assert_int_eq(sw_encode_captions(u->model, &u->examples, &captions, NULL), SW_OK);
    int status = sw_show_pair(u->model, &images, &captions, 18, 3, &shown, &error);
    if (messages[_i]) {
        ck_assert_int_eq(status, SW_FAILED);
        ck_assert_msg(strstr(error.text, messages[_i]) != NULL, "%s", error.text);
    } else {
        ck_assert_msg(status == SW_OK, "%s", error.text);
        ck_assert_int_eq(shown.count, 1);
        ck_assert(shown.list[0].rows == 1 && shown.list[0].columns == PU_REGIONS);
        for (int i = 0; i < PU_REGIONS; i++)
            ck_assert_float_eq_tol(shown.list[0].weights[i], 1.0f / PU_REGIONS, 1e-6f);
    }
    sw_encoded_free(&images);
    sw_encoded_free(&captions);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, weights_by_hand);
    tcase_add_loop_test(tests, shown_weights_fit_their_axes, 0, 4);
}

UNIT_MAIN("query", add_tests)
