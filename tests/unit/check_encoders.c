/* check_encoders.c -- what blocks, poolings and losses of other methods do beyond their equations:
 * what a training step drops and remembers, what they refuse, losses by definition. */
#include "pairs_unit.h"

#include <math.h>

/* ' for " */
static struct pairs_unit *new_unit(const char *model)
{
    char text[512];
    snprintf(text, sizeof text, "%s", model);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    return pu_new(text, 2, 0);
}

#define POOLED "'pool':{'image':'mean','text':'mean'},'stages':['dot']"

/* Encodes a training step, or an evaluation with step < 0; S is kept in u->scores. */
static void encode(struct pairs_unit *u, int step, struct sw_encoding *out)
{
    u->examples.training = step >= 0;
    u->examples.step = step < 0 ? 0 : (uint64_t)step;
    sw_graph_reset(u->graph, 0);
    ck_assert_msg(sw_model_encode(u->model, u->graph, &u->examples, out) == SW_OK, "%s",
                  sw_graph_error(u->graph)->text);
    struct sw_tensor *S = sw_model_score(u->model, u->graph, out, NULL);
    ck_assert_msg(S != NULL, "%s", sw_graph_error(u->graph)->text);
    memcpy(u->scores, S->data, sizeof u->scores);
}

static int fragments(const struct sw_fragments *of)
{
    int sum = 0;
    for (int g = 0; g < of->groups; g++)
        sum += of->count[g];
    return sum;
}

/* ---- augmentation ---- */

/* A rate that is another one, or dropping in an evaluation, is another method. */
START_TEST(regions_are_dropped_at_their_rate)
{
    struct pairs_unit *u =
        new_unit("{'image':[{'plugin':'drop_regions','rate':0.3},'linear']," POOLED "}");
    struct sw_encoding e;
    int kept = 0, fewest = PU_REGIONS;
    for (int step = 0; step < 40; step++) {
        encode(u, step, &e);
        kept += fragments(&e.region_rows);
        for (int i = 0; i < PU_IMAGES; i++)
            fewest = e.region_rows.count[i] < fewest ? e.region_rows.count[i] : fewest;
    }
    ck_assert_double_eq_tol(kept / (40.0 * PU_IMAGES * PU_REGIONS), 0.7, 0.02);
    ck_assert_int_ge(fewest, 1);
    encode(u, -1, &e);
    ck_assert_int_eq(fragments(&e.region_rows), PU_IMAGES * PU_REGIONS);
    pu_free(u);
}
END_TEST

static struct sw_tensor *word_vectors(struct pairs_unit *u, int step, struct sw_encoding *e)
{
    encode(u, step, e);
    return e->words;
}

/* The row of the table that a word's vector is; -1: none. */
static int word_of(const struct pairs_unit *u, const float *vector)
{
    const struct sw_tensor *table =
        sw_model_find_parameter(u->model, "embedding.random.weight")->tensor;
    for (int w = 0; w < PU_VOCABULARY; w++)
        if (memcmp(table->data + w * PU_WORDS, vector, PU_WORDS * sizeof *vector) == 0)
            return w;
    return -1;
}

/* Half masked, a tenth replaced, the others gone; the words that begin and end a sentence stay. */
START_TEST(words_are_masked_replaced_and_dropped)
{
    struct pairs_unit *u =
        new_unit("{'text':[{'plugin':'drop_words','rate':0.4,'mask':2}],'pool':{'image':'mean',"
                 "'text':{'plugin':'word_cnn','maps':3}},'stages':['dot']}");
    enum { STEPS = 200 };
    double inner = 0, masked = 0, gone = 0;
    for (int step = 0; step < STEPS; step++) {
        struct sw_encoding e;
        const struct sw_tensor *x = word_vectors(u, step, &e);
        for (int c = 0; c < PU_IMAGES; c++) {
            int first = u->caption_start[c], last = u->caption_start[c + 1] - 1;
            const float *rows = x->data + e.word_rows.first[c] * PU_WORDS;
            int count = e.word_rows.count[c];
            ck_assert_int_eq(word_of(u, rows), u->ids[first]);
            ck_assert_int_eq(word_of(u, rows + (count - 1) * PU_WORDS), u->ids[last]);
            for (int w = 1; w < count - 1; w++) {
                int word = word_of(u, rows + w * PU_WORDS);
                ck_assert_int_ge(word, 0);
                masked += word == 2;
            }
            inner += last > first ? last - first - 1 : 0;
            gone += last - first + 1 - count;
        }
    }
    ck_assert_double_eq_tol(masked / inner, 0.2 + 0.04 / PU_VOCABULARY, 0.01);
    ck_assert_double_eq_tol(gone / inner, 0.16, 0.01);
    pu_free(u);
}
END_TEST

/* ---- dropout and batch norm ---- */

START_TEST(dropout_is_of_a_step)
{
    struct pairs_unit *u = new_unit("{'text':['dropout','bigru']," POOLED "}");
    float first[PU_IMAGES * PU_IMAGES], evaluated[PU_IMAGES * PU_IMAGES];
    struct sw_encoding e;
    encode(u, 1, &e);
    memcpy(first, u->scores, sizeof first);
    encode(u, 2, &e);
    ck_assert_mem_ne(first, u->scores, sizeof first);
    encode(u, 1, &e);
    ck_assert_mem_eq(first, u->scores, sizeof first);
    encode(u, -1, &e);
    memcpy(evaluated, u->scores, sizeof first);
    ck_assert_mem_ne(first, evaluated, sizeof first);
    pu_free(u);
    u = new_unit("{'text':['bigru']," POOLED "}");
    encode(u, -1, &e);
    /* Not to the bit: behind a block that may tell words apart, those that repeat are not shared.
     */
    for (int i = 0; i < PU_IMAGES * PU_IMAGES; i++)
        ck_assert_float_eq_tol(u->scores[i], evaluated[i], 1e-6f);
    pu_free(u);
}
END_TEST

/* What an evaluation normalises with is what training has seen: without it the recalls of a run are
 * those of a model that was never trained. */
START_TEST(running_values_follow_the_batches)
{
    struct pairs_unit *u = new_unit("{'image':['residual_mlp']," POOLED "}");
    const struct sw_tensor *mean =
        sw_model_find_parameter(u->model, "image.mlp.bns.0.running_mean")->tensor;
    const struct sw_tensor *variance =
        sw_model_find_parameter(u->model, "image.mlp.bns.0.running_var")->tensor;
    struct sw_encoding e;
    float evaluated[PU_IMAGES * PU_IMAGES];
    encode(u, -1, &e);
    sw_graph_commit(u->graph);
    ck_assert_float_eq(mean->data[0], 0);
    ck_assert_float_eq(variance->data[0], 1);
    memcpy(evaluated, u->scores, sizeof evaluated);
    for (int step = 0; step < 200; step++) {
        encode(u, step, &e);
        sw_graph_commit(u->graph);
    }
    float trained[PU_IMAGES * PU_IMAGES];
    memcpy(trained, u->scores, sizeof trained);
    encode(u, -1, &e);
    ck_assert_mem_ne(evaluated, u->scores, sizeof evaluated);
    /* the same batch 200 times: its own moments, but for count - 1 in the variance */
    for (int p = 0; p < PU_IMAGES * PU_IMAGES; p++)
        ck_assert_float_eq_tol(u->scores[p], trained[p], 0.01f);
    pu_free(u);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *model, *says;
} refused[] = {
    {"{'image':['gru']," POOLED "}", "block gru: expected words in their order, found regions"},
    {"{'image':['linear','drop_words']," POOLED "}",
     "block drop_words: expected words, found regions; use drop_regions"},
    {"{'text':['bigru','drop_regions']," POOLED "}",
     "block drop_regions: expected regions, found words; use drop_words"},
    {"{'text':[{'plugin':'drop_words','mask':50},'bigru']," POOLED "}",
     "block drop_words: mask: expected the id of a word, below 50, found 50"},
    {"{'image':['linear',{'plugin':'self_attention','heads':5}]," POOLED "}",
     "block self_attention: heads: expected a divisor of the width, which is 32, found 5"},
    {"{'pool':{'image':'last','text':'last'},'stages':['dot']}", "pool last: expected words"},
    {"{'pool':{'image':'word_cnn','text':'last'},'stages':['dot']}",
     "pool word_cnn: expected words"},
    {"{'pool':{'image':{'plugin':'gpo','width':5},'text':'gpo'},'stages':['dot']}",
     "pool gpo: width: expected an even number, found 5"},
    {"{'loss':['angular']}", "loss angular compares pooled vectors"},
};

/* Misuse that is found before training says what to do. */
START_TEST(misuse_is_named)
{
    struct pairs_unit *u = new_unit("{}");
    struct sw_error error = {0};
    struct sw_composition *composition;
    struct sw_model *model;
    char text[512];
    snprintf(text, sizeof text, "%s", refused[_i].model);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(json);
    json_object_set_new(json, "dim", json_integer(PU_DIM));
    json_object_set_new(json, "embedding",
                        json_pack("{s:s,s:i}", "plugin", "random", "word_dim", PU_WORDS));
    if (!json_object_get(json, "stages"))
        json_object_set_new(json, "stages", json_pack("[s]", "l2l"));
    models_complete(json);
    ck_assert_msg(sw_compose(&composition, u->plugins, json, &error) == SW_OK, "%s", error.text);
    struct sw_model_plan *plan = sw_composition_plan(composition);
    plan->features = PU_FEATURES;
    plan->vocabulary = PU_VOCABULARY;
    ck_assert_int_ne(sw_model_new(&model, plan, sw_host_table(), u->compute, u->ops, &error),
                     SW_OK);
    ck_assert_msg(strstr(error.text, refused[_i].says) != NULL, "found \"%s\", expected \"%s\"",
                  error.text, refused[_i].says);
    sw_composition_free(composition);
    json_decref(json);
    pu_free(u);
}
END_TEST

/* ---- losses by definition ---- */

enum { B = 6 };

static struct sw_tensor *random_scores(struct pairs_unit *u)
{
    struct sw_random random = sw_random_stream(11, SW_FOR_TESTS, 0, 0);
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = sw_graph_tensor(u->graph, 2, (int[]){B, B}, NULL, 1);
    for (int i = 0; i < B * B; i++)
        S->data[i] = 1.2f * sw_random_uniform(&random) - 0.1f;
    return S;
}

static double held(double s)
{
    return fmin(fmax(s, 1e-6f), 1 - 1e-6f);
}

/* Scores beyond (0,1), as cosines have them, are held and have no gradient. */
START_TEST(bce_by_definition)
{
    struct pairs_unit *u = new_unit("{}");
    struct sw_tensor *S = random_scores(u);
    struct sw_tensor *loss = sw_graph_apply_named(u->graph, "bce", &S, 1, NULL);
    double want = 0;
    for (int p = 0; p < B; p++) {
        double row = -1, column = -1;
        for (int other = 0; other < B; other++)
            if (other != p) {
                row = fmax(row, S->data[p * B + other]);
                column = fmax(column, S->data[other * B + p]);
            }
        want -= 2 * log(held(S->data[p * B + p])) + log(1 - held(row)) + log(1 - held(column));
    }
    ck_assert_double_eq_tol(loss->data[0], want, 1e-4);
    loss->grad[0] = 1;
    ck_assert_int_eq(sw_graph_backward(u->graph), SW_OK);
    int beyond = 0;
    for (int i = 0; i < B * B; i++)
        if (S->data[i] <= 0 || S->data[i] >= 1) {
            ck_assert_float_eq(S->grad[i], 0);
            beyond++;
        }
    ck_assert_int_gt(beyond, 0);
    pu_free(u);
}
END_TEST

START_TEST(infonce_by_definition)
{
    struct pairs_unit *u = new_unit("{}");
    struct sw_tensor *S = random_scores(u);
    struct sw_args args = {.f = {20}};
    struct sw_tensor *loss = sw_graph_apply_named(u->graph, "infonce", &S, 1, &args);
    double want = 0;
    for (int p = 0; p < B; p++) {
        double row = 0, column = 0;
        for (int other = 0; other < B; other++) {
            row += exp(20 * S->data[p * B + other]);
            column += exp(20 * S->data[other * B + p]);
        }
        want += log(row) + log(column) - 40 * S->data[p * B + p];
    }
    ck_assert_double_eq_tol(loss->data[0], want, 1e-4 * want);
    pu_free(u);
}
END_TEST

/* The sum of lengths, of the image encoder's matrices alone. */
START_TEST(weight_norms_by_definition)
{
    struct pairs_unit *u = new_unit("{'image':['linear','self_attention','l2norm'],"
                                    "'loss':[{'plugin':'weight_norms','weight':2}]}");
    static const int32_t image[PU_IMAGES];
    const struct sw_pair_images pairs = {PU_IMAGES, image};
    struct sw_encoding e;
    encode(u, 0, &e);
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, NULL);
    struct sw_tensor *loss = sw_model_loss(u->model, u->graph, &e, S, &pairs, 0);
    ck_assert_msg(loss != NULL, "%s", sw_graph_error(u->graph)->text);
    double want = 0;
    int count = 0;
    for (int i = 0; i < sw_model_parameters(u->model); i++) {
        const struct sw_parameter *p = sw_model_parameter(u->model, i);
        double squares = 0;
        if (strncmp(p->name, "image.", 6) != 0 || p->tensor->ndim < 2)
            continue;
        for (size_t j = 0; j < sw_tensor_count(p->tensor); j++)
            squares += (double)p->tensor->data[j] * p->tensor->data[j];
        want += sqrt(squares);
        count++;
    }
    ck_assert_int_eq(count, 7);
    ck_assert_double_eq_tol(loss->data[0], 2 * want, 1e-4 * want);
    pu_free(u);
}
END_TEST

/* ---- words that repeat ---- */

static const char *const chains[] = {"'bigru'", "'gru'", "'linear'", "'linear','l2norm','bigru'"};

/* A word that comes ten times is computed once; dropout, here of nothing, keeps them apart. Another
 * order of sums, so not to the bit. */
START_TEST(words_that_repeat_share_their_work)
{
    float *gradients[2], scores[2][PU_IMAGES * PU_IMAGES];
    size_t count[2];
    for (int apart = 0; apart < 2; apart++) {
        char model[256];
        snprintf(model, sizeof model, "{'text':[%s%s]}",
                 apart ? "{'plugin':'dropout','rate':0}," : "", chains[_i]);
        struct pairs_unit *u = new_unit(model);
        u->examples.training = 1;
        float *found = pu_step(u, (struct sw_pair_options){0}, 0, &count[apart]);
        ck_assert_int_eq(u->encoding.distinct_words < u->encoding.word_rows.rows, 1);
        gradients[apart] = malloc(count[apart] * sizeof(float));
        memcpy(gradients[apart], found, count[apart] * sizeof(float));
        memcpy(scores[apart], u->scores, sizeof u->scores);
        pu_free(u);
    }
    ck_assert_uint_eq(count[0], count[1]);
    ck_assert_double_lt(pu_distance(scores[1], scores[0], PU_IMAGES * PU_IMAGES), 1e-5);
    ck_assert_double_lt(pu_distance(gradients[1], gradients[0], count[0]), 1e-5);
    free(gradients[0]);
    free(gradients[1]);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, regions_are_dropped_at_their_rate);
    tcase_add_test(tests, words_are_masked_replaced_and_dropped);
    tcase_add_test(tests, dropout_is_of_a_step);
    tcase_add_test(tests, running_values_follow_the_batches);
    tcase_add_loop_test(tests, misuse_is_named, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(tests, words_that_repeat_share_their_work, 0,
                        sizeof chains / sizeof *chains);
    tcase_add_test(tests, bce_by_definition);
    tcase_add_test(tests, infonce_by_definition);
    tcase_add_test(tests, weight_norms_by_definition);
}

UNIT_MAIN("encoders", add_tests)
