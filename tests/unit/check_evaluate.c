/* check_evaluate.c -- retrieval metrics of models in files, and what inspect says of them. */
#include "runs.h"

#include "data/dataset.h"
#include "data/npy.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/gather.h"
#include "train/inspect.h"

#include <math.h>
#include <unistd.h>

static char *folder, *data, *run, *best, *sims;
static struct sw_session *session;
static json_t *done; /* result.json */

static void start(size_t dev_images, const char *more)
{
    folder = unit_folder();
    data = runs_data(folder, dev_images);
    run = unit_path(folder, "run");
    best = unit_path(run, "checkpoint.safetensors");
    sims = unit_path(folder, "sims.npy");
    session = runs_session(2);
    json_t *config = runs_config(data, more);
    runs_whole(session, config, run);
    done = runs_result(run);
    json_decref(config);
}

static void begin(void)
{
    start(10, "warmup_epochs=2 epochs=4 lr=0.05");
    ck_assert_int_lt(json_integer_value(json_object_get(done, "best_step")),
                     json_integer_value(json_object_get(done, "steps"))); /* best is not last */
}

static void end(void)
{
    sw_session_free(session);
    json_decref(done);
    char *paths[] = {data, run, best, sims};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        free(paths[i]);
    unit_remove_folder(folder);
}

static struct sw_metrics evaluated(const char *const *models, int count,
                                   const struct sw_evaluate_options *options)
{
    struct sw_metrics metrics;
    struct sw_error error = {0};
    ck_assert_msg(configs_evaluate(session, models, count, data, "dev", NULL, options, &metrics,
                                   NULL, &error) == SW_OK,
                  "%s", error.text);
    return metrics;
}

static float *read_sims(size_t images, size_t captions)
{
    struct sw_npy file;
    struct sw_error error = {0};
    ck_assert_msg(sw_npy_open(&file, sims, &error) == SW_OK, "%s", error.text);
    ck_assert(file.ndim == 2 && file.shape[0] == images && file.shape[1] == captions);
    ck_assert_int_eq(file.dtype, SW_FLOAT32);
    float *S = malloc(images * captions * sizeof *S);
    ck_assert_int_eq(sw_npy_floats(&file, 0, images, S), 0);
    sw_npy_close(&file);
    return S;
}

static void same_metrics(const struct sw_metrics *a, const struct sw_metrics *b)
{
    ck_assert_mem_eq(a, b, sizeof *a);
}

/* What the run kept of a split. */
static void same_as_kept(const struct sw_metrics *m, const char *split)
{
    const json_t *kept = json_object_get(done, split);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"i2t_r1", m->i2t_r1},       {"i2t_r5", m->i2t_r5},       {"i2t_r10", m->i2t_r10},
        {"i2t_medr", m->i2t_medr},   {"i2t_meanr", m->i2t_meanr}, {"t2i_r1", m->t2i_r1},
        {"t2i_r5", m->t2i_r5},       {"t2i_r10", m->t2i_r10},     {"t2i_medr", m->t2i_medr},
        {"t2i_meanr", m->t2i_meanr}, {"rsum", m->rsum},           {"images", (double)m->images}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ck_assert_double_eq_tol(json_number_value(json_object_get(kept, numbers[i].name)),
                                numbers[i].value, 1e-9);
}

/* The numbers printed in training, by eval later, and from the written matrix are one. */
START_TEST(the_same_numbers_everywhere)
{
    const char *const models[] = {best, best};
    struct sw_evaluate_options options = {.sims = sims};
    struct sw_metrics metrics = evaluated(models, 1, &options), again;
    same_as_kept(&metrics, "dev");
    float *S = read_sims(10, 50);
    ck_assert_int_eq(sw_metrics_of_matrix(&again, NULL, S, 10, 5, 1, NULL), SW_OK);
    same_metrics(&metrics, &again);
    /* The test numbers of the run are those of the best model, not of the last. */
    ck_assert_int_eq(
        configs_evaluate(session, models, 1, data, "test", NULL, NULL, &again, NULL, NULL), SW_OK);
    same_as_kept(&again, "test");
    /* The mean of a model and itself is that model. */
    again = evaluated(models, 2, NULL);
    same_metrics(&metrics, &again);
    free(S);
}
END_TEST

/* A split of another language would be scored, every caption as <unk>. */
START_TEST(words_that_are_not_known)
{
    const char *const models[] = {best, best};
    struct sw_evaluate_options options = {.coverage = json_array()};
    struct sw_metrics metrics;
    struct sw_error error = {0};
    evaluated(models, 2, &options);
    ck_assert_uint_eq(json_array_size(options.coverage), 2);
    const json_t *first = json_array_get(options.coverage, 0);
    ck_assert_int_gt(json_integer_value(json_object_get(first, "tokens covered")), 0);
    json_decref(options.coverage);
    char *captions = unit_path(data, "dev_caps.txt"), text[50 * 4 + 1];
    for (int i = 0; i < 50; i++)
        strcpy(text + 4 * i, "XYZ\n");
    unit_write(captions, text, 200);
    ck_assert_int_eq(
        configs_evaluate(session, models, 1, data, "dev", NULL, NULL, &metrics, NULL, &error),
        SW_FAILED);
    ck_assert_msg(
        strstr(error.text, "checkpoint.safetensors: expected words of ") &&
            strstr(error.text, "dev_caps.txt (50 of them, 1 different; most often 'xyz')"),
        "%s", error.text);
    free(captions);
}
END_TEST

/* Two models: the mean of their similarities, not of their ranks. */
START_TEST(mean_of_two)
{
    char *last = unit_path(folder, "other.safetensors");
    struct sw_matcher *matcher;
    json_t *config;
    ck_assert_int_eq(configs_load(&matcher, &config, session, best, NULL), SW_OK);
    float *values, *gradients;
    size_t count;
    sw_model_trained(matcher->model, &values, &gradients, &count);
    for (size_t i = 0; i < count; i++)
        values[i] *= i % 3 ? 1.5f : -0.5f;
    ck_assert_int_eq(configs_save(last, matcher->model, config, NULL, NULL), SW_OK);
    char *vocab = unit_path(run, "vocab.json");
    struct sw_evaluate_options options = {.sims = sims};
    const char *const models[] = {best, last};
    struct sw_metrics metrics;
    float *S[3];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(configs_evaluate(session, models + (i == 1), i == 2 ? 2 : 1, data, "dev",
                                          vocab, &options, &metrics, NULL, NULL),
                         SW_OK);
        S[i] = read_sims(10, 50);
    }
    float most = 0;
    for (int i = 0; i < 500; i++) {
        ck_assert_float_eq(S[2][i], (S[0][i] + S[1][i]) / 2);
        most = fmaxf(most, fabsf(S[0][i] - S[1][i]));
    }
    ck_assert_float_gt(most, 0.01f);
    for (int i = 0; i < 3; i++)
        free(S[i]);
    sw_matcher_free(matcher);
    json_decref(config);
    free(vocab);
    free(last);
}
END_TEST

/* Five folds see their own images only, with or without the whole matrix. */
START_TEST(five_folds)
{
    const char *const models[] = {best};
    struct sw_evaluate_options options = {.folds = 5};
    struct sw_metrics folds = evaluated(models, 1, &options), again;
    ck_assert_uint_eq(folds.folds, 5);
    options.sims = sims;
    again = evaluated(models, 1, &options);
    same_metrics(&folds, &again);
    float *S = read_sims(10, 50);
    ck_assert_int_eq(sw_metrics_of_matrix(&again, NULL, S, 10, 5, 5, NULL), SW_OK);
    same_metrics(&folds, &again);
    free(S);
    struct sw_error error = {0};
    options.images = 8;
    ck_assert_int_eq(
        configs_evaluate(session, models, 1, data, "dev", NULL, &options, &again, NULL, &error),
        SW_FAILED);
    ck_assert_ptr_nonnull(
        strstr(error.text, "8 images do not divide into 5 folds; the nearest number below is 5"));
}
END_TEST

/* --images N: the first N images and their captions, and the scores they have among all. */
START_TEST(first_images)
{
    const char *const models[] = {best};
    struct sw_evaluate_options options = {.sims = sims};
    evaluated(models, 1, &options);
    float *all = read_sims(10, 50);
    options.images = 3;
    struct sw_metrics metrics = evaluated(models, 1, &options);
    ck_assert(metrics.images == 3 && metrics.captions == 15);
    float *few = read_sims(3, 15);
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 15; c++)
            ck_assert_float_eq_tol(few[i * 15 + c], all[i * 50 + c], 1e-5f);
    free(all);
    free(few);
}
END_TEST

static const struct {
    const char *checkpoint, *split, *message;
} wrong[] = {
    {"/nowhere/x.safetensors", "dev", "/nowhere/x.safetensors"},
    {NULL, "dve", "did you mean 'dev'?"},
    {NULL, "wide", "expected 16 features a region as the model has them, found 17"},
};

START_TEST(wrong_requests)
{
    const char *const models[] = {wrong[_i].checkpoint ? wrong[_i].checkpoint : best};
    size_t shape[3] = {1, 4, 17};
    float *zeros = calloc(68, sizeof *zeros);
    char *file = unit_path(data, "wide_ims.npy"), *captions = unit_path(data, "wide_caps.txt");
    ck_assert_int_eq(sw_npy_write(file, zeros, 3, shape, NULL), SW_OK);
    unit_write(captions, "a\na\na\na\na\n", 10);
    struct sw_metrics metrics;
    struct sw_error error = {0};
    ck_assert_int_eq(configs_evaluate(session, models, 1, data, wrong[_i].split, NULL, NULL,
                                      &metrics, NULL, &error),
                     SW_FAILED);
    ck_assert_msg(strstr(error.text, wrong[_i].message) != NULL, "%s", error.text);
    free(file);
    free(captions);
    free(zeros);
}
END_TEST

/* A split that is read and scored in several parts gives each pair the score it has alone. */
START_TEST(parts_of_a_large_split)
{
    enum { IMAGES = 530, CAPTIONS = 5 * IMAGES, B = 20 };
    end();
    start(IMAGES, "max_steps=2 dev_images=10");
    const char *const models[] = {best};
    struct sw_evaluate_options options = {.sims = sims};
    struct sw_metrics metrics = evaluated(models, 1, &options);
    ck_assert_uint_eq(metrics.images, IMAGES);
    float *S = read_sims(IMAGES, CAPTIONS);
    struct sw_metrics whole;
    ck_assert_int_eq(sw_metrics_of_matrix(&whole, NULL, S, IMAGES, 5, 1, NULL), SW_OK);
    same_metrics(&metrics, &whole); /* ranks are counted chunk by chunk, S is never whole */
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset dev;
    struct sw_gather gather;
    struct sw_error error = {0};
    ck_assert_int_eq(configs_load(&matcher, NULL, session, best, &error), SW_OK);
    int words = sw_model_plan_of(matcher->model)->vocabulary;
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, best, NULL, words, &error), SW_OK);
    ck_assert_int_eq(sw_dataset_open(data, "dev", &vocabulary, NULL, &dev, &error), SW_OK);
    ck_assert_int_eq(sw_gather_new(&gather, &dev, session->compute, B, B, &error), SW_OK);
    struct sw_graph *graph = sw_graph_new(sw_host_table(), session->compute, session->ops, &error);
    uint32_t caption[B];
    for (int i = 0; i < B; i++) /* both ends of every part: 64, 512, 2560 */
        caption[i] = (uint32_t)(5 * (i < 4 ? 62 + i : i < 8 ? 508 + i : i * 26 + 30) + i % 5);
    caption[B - 1] = CAPTIONS - 1;
    ck_assert_int_eq(sw_gather_pairs(&gather, caption, B, &error), SW_OK);
    sw_graph_reset(graph, 0);
    struct sw_pair_options plain = {.explicit_vectors = 1};
    struct sw_tensor *scores = sw_model_scores(matcher->model, graph, &gather.examples, &plain);
    ck_assert_msg(scores != NULL, "%s", sw_graph_error(graph)->text);
    for (int i = 0; i < B; i++)
        for (int c = 0; c < B; c++)
            ck_assert_float_eq_tol(scores->data[i * B + c],
                                   S[(size_t)(caption[i] / 5) * CAPTIONS + caption[c]], 2e-5f);
    sw_graph_free(graph);
    sw_gather_free(&gather);
    sw_dataset_close(&dev);
    sw_vocabulary_free(&vocabulary);
    sw_matcher_free(matcher);
    free(S);
}
END_TEST

/* Scores go to the file while they are made: a full disk, or a NaN in a late chunk, must not
 * leave half a file under the name that was asked for, nor spoil one that was there. */
START_TEST(similarities_are_whole_or_not_there)
{
    const char *const models[] = {best};
    struct sw_evaluate_options options = {.sims = sims};
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset dev;
    struct sw_metrics metrics;
    struct sw_error error = {0};
    evaluated(models, 1, &options);
    float *before = read_sims(10, 50);
    ck_assert_int_eq(configs_load(&matcher, NULL, session, best, &error), SW_OK);
    int words = sw_model_plan_of(matcher->model)->vocabulary;
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, best, NULL, words, &error), SW_OK);
    ck_assert_int_eq(sw_dataset_open(data, "dev", &vocabulary, NULL, &dev, &error), SW_OK);
    sw_model_find_parameter(matcher->model, "image.fc.bias")->tensor->data[0] = NAN;
    struct sw_view view = {matcher->model, &dev};
    ck_assert_int_eq(sw_evaluate(session, &view, 1, &options, &metrics, NULL, &error), SW_FAILED);
    ck_assert_str_eq(error.text, "the score of image 0 and caption 0 is NaN");
    float *after = read_sims(10, 50);
    ck_assert_mem_eq(before, after, 500 * sizeof *before);
    unlink(sims);
    ck_assert_int_eq(sw_evaluate(session, &view, 1, &options, &metrics, NULL, &error), SW_FAILED);
    ck_assert_int_ne(access(sims, F_OK), 0);
    sw_dataset_close(&dev);
    sw_vocabulary_free(&vocabulary);
    sw_matcher_free(matcher);
    free(before);
    free(after);
}
END_TEST

/* ---- inspect -----------------------------------------------------------------------------------
 */

/* loss(w + h d) - loss(w - h d) must be 2 h g.d: the file's gradients are those of the file's loss.
 */
START_TEST(gradients_of_a_batch)
{
    char *out = unit_path(folder, "g.safetensors"), *moved = unit_path(folder, "w.safetensors");
    char *vocab = unit_path(run, "vocab.json");
    json_t *config = configs_of_checkpoint(best, NULL);
    struct sw_gradient_request request = {
        .config = config, .checkpoint = best, .dir = data, .split = "dev", .batch = 6, .out = out};
    struct sw_error error = {0};
    double loss, shifted[2], slope = 0;
    ck_assert_msg(sw_inspect_gradients(session, &request, &loss, &error) == SW_OK, "%s",
                  error.text);
    struct sw_safetensors file;
    ck_assert_int_eq(sw_safetensors_open(&file, out, NULL), SW_OK);
    float written;
    ck_assert_int_eq(sw_safetensors_floats(&file, "loss", 1, (size_t[]){1}, &written, NULL), SW_OK);
    ck_assert_double_eq(written, loss);
    ck_assert_double_gt(loss, 0.1);
    ck_assert_ptr_null(sw_safetensors_find(&file, "embedding.glove.weight"));
    struct sw_matcher *matcher;
    ck_assert_int_eq(configs_load(&matcher, NULL, session, best, NULL), SW_OK);
    ck_assert_uint_eq(file.count, (size_t)sw_model_parameters(matcher->model));
    const float h = 1e-3f;
    for (int sign = 0; sign < 2; sign++) {
        for (int p = 0; p < sw_model_parameters(matcher->model); p++) {
            const struct sw_parameter *parameter = sw_model_parameter(matcher->model, p);
            const struct sw_safetensors_entry *e = sw_safetensors_find(&file, parameter->name);
            if (!parameter->tensor->grad)
                continue;
            ck_assert_msg(e != NULL, "no gradient of %s", parameter->name);
            for (size_t i = 0; i < e->elements; i++) {
                float g, d = (float)((int)(i * 7 + (size_t)p * 3) % 11 - 5) / 5;
                memcpy(&g, (const char *)e->data + i * sizeof g, sizeof g);
                slope += sign ? (double)g * (double)d : 0;
                parameter->tensor->data[i] += sign ? -2 * h * d : h * d;
            }
        }
        ck_assert_int_eq(configs_save(moved, matcher->model, config, NULL, NULL), SW_OK);
        struct sw_gradient_request again = request;
        char *ignored = unit_path(folder, "ignored.safetensors");
        again.checkpoint = moved;
        again.vocab = vocab;
        again.out = ignored;
        ck_assert_msg(sw_inspect_gradients(session, &again, &shifted[sign], &error) == SW_OK, "%s",
                      error.text);
        free(ignored);
    }
    ck_assert_double_gt(fabs(slope), 0.1);
    ck_assert_double_eq_tol((shifted[0] - shifted[1]) / (2 * (double)h), slope, 0.02 * fabs(slope));
    request.batch = 11;
    ck_assert_int_eq(sw_inspect_gradients(session, &request, NULL, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "expected 11 images for a batch, found 10"));
    request.batch = 1;
    ck_assert_int_eq(sw_inspect_gradients(session, &request, NULL, NULL), SW_MISUSE);
    sw_safetensors_close(&file);
    sw_matcher_free(matcher);
    json_decref(config);
    free(vocab);
    free(moved);
    free(out);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, the_same_numbers_everywhere);
    tcase_add_test(tests, words_that_are_not_known);
    tcase_add_test(tests, mean_of_two);
    tcase_add_test(tests, five_folds);
    tcase_add_test(tests, first_images);
    tcase_add_loop_test(tests, wrong_requests, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, parts_of_a_large_split);
    tcase_add_test(tests, similarities_are_whole_or_not_there);
    tcase_add_test(tests, gradients_of_a_batch);
}

UNIT_MAIN("evaluate", add_tests)
