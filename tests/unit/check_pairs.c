/* check_pairs.c -- the three ideas: Gram coordinates equal explicit vectors, differentiating only
 * the pairs that the loss touches equals the full tape, and the threads do not show in the bits. */
#include "pairs_unit.h"

#include <math.h>

static const char *const models[] = {
    "{'direction':'both'}",
    "{'direction':'t2i'}",
    "{'direction':'i2t'}",
    "{'stages':['l2l']}",
    "{'stages':[{'plugin':'l2l','attention_norm':'cosine','reduce':'sum'},'g2l']}",
    "{'stages':[{'plugin':'l2l','attention_norm':'clipped_l2norm'},'g2l','g2g']}",
    "{'stages':['l2l',{'plugin':'g2l','fusion':'average','lambda':5},'g2g']}",
    "{'direction':'t2i','stages':['l2l',{'plugin':'g2l','fusion':'sum'},'g2g']}",
    "{'stages':['l2l',{'plugin':'g2l','fusion':'concat'},'g2g']}",
    "{'stages':['l2l',{'plugin':'g2l','fusion':'gate_vector'},'g2g']}",
    "{'direction':'i2t','stages':['l2l',{'plugin':'g2l','fusion':'gate_vector'},'g2g']}",
    "{'stages':[{'plugin':'l2l','score':false},{'plugin':'g2l','score':false},'g2g']}",
};
enum { MODELS = sizeof models / sizeof *models };

/* JSON with the other quotes. */
static const char *model(int index)
{
    static char text[512];
    snprintf(text, sizeof text, "%s", models[index]);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    return text;
}

static float *copy(const float *from, size_t count)
{
    float *to = malloc(count * sizeof *to);
    memcpy(to, from, count * sizeof *to);
    return to;
}

static float *kept_step(struct pairs_unit *u, struct sw_pair_options options, int all,
                        size_t *count)
{
    const float *gradients = pu_step(u, options, all, count);
    return copy(gradients, *count);
}

/* A stage would score wrong pairs if coordinates and numbers meant different vectors. */
START_TEST(gram_coordinates_equal_explicit_vectors)
{
    struct pairs_unit *u = pu_new(model(_i), 1, 1);
    size_t count;
    float *gram = kept_step(u, (struct sw_pair_options){0}, 0, &count);
    float *scores = copy(u->scores, PU_IMAGES * PU_IMAGES);
    float *plain = pu_step(u, (struct sw_pair_options){.explicit_vectors = 1}, 0, &count);
    ck_assert_double_lt(pu_distance(scores, u->scores, PU_IMAGES * PU_IMAGES), 1e-5);
    ck_assert_double_lt(pu_distance(gram, plain, count), 1e-4);
    free(gram);
    free(scores);
    pu_free(u);
}
END_TEST

/* Training would follow another gradient than the loss's if pairs were lost on the way. */
START_TEST(touched_pairs_equal_the_full_tape)
{
    struct pairs_unit *u = pu_new(model(_i), 2, 1);
    size_t count;
    float *sparse = kept_step(u, (struct sw_pair_options){0}, 0, &count);
    float *full = pu_step(u, (struct sw_pair_options){.dense = 1}, 0, &count);
    ck_assert_double_lt(pu_distance(sparse, full, count), 1e-5);
    free(sparse);
    pu_free(u);
}
END_TEST

/* Memory that the way back neither clears nor writes must not be added up: a step on memory that an
 * earlier one has left full of NaN has the same bits as one on fresh memory. */
START_TEST(what_memory_held_before_does_not_matter)
{
    for (int all = 0; all < 2; all++) {
        enum { NUMBERS = 8 << 20 };
        size_t count;
        struct pairs_unit *fresh = pu_new(model(_i), 2, 1), *used = pu_new(model(_i), 2, 1);
        float *clean = kept_step(fresh, (struct sw_pair_options){0}, all, &count);
        for (int twice = 0; twice < 2; twice++) { /* the second time in the block that stays */
            sw_graph_reset(used->graph, 1);
            struct sw_tensor *left = sw_graph_tensor(used->graph, 1, (int[]){NUMBERS}, NULL, 0);
            ck_assert_ptr_nonnull(left);
            for (int i = 0; i < NUMBERS; i++)
                left->data[i] = NAN;
        }
        const float *dirty = pu_step(used, (struct sw_pair_options){0}, all, &count);
        ck_assert_mem_eq(clean, dirty, count * sizeof(float));
        free(clean);
        pu_free(fresh);
        pu_free(used);
    }
}
END_TEST

/* A seed would not name one result if the number of threads changed a bit of it. */
START_TEST(threads_do_not_change_a_bit)
{
    for (int all = 0; all < 2; all++) {
        size_t count;
        struct pairs_unit *one = pu_new(model(_i), 1, 1);
        float *expected = pu_step(one, (struct sw_pair_options){0}, all, &count);
        for (int threads = 2; threads < 4; threads++) {
            struct pairs_unit *many = pu_new(model(_i), threads, 1);
            float *found = pu_step(many, (struct sw_pair_options){0}, all, &count);
            ck_assert_mem_eq(one->scores, many->scores, sizeof one->scores);
            ck_assert_mem_eq(expected, found, count * sizeof(float));
            pu_free(many);
        }
        pu_free(one);
    }
}
END_TEST

/* Whatever lies in the rows beyond an image's own regions must not reach a score or a gradient. */
START_TEST(padding_regions_never_leak)
{
    for (int all = 0; all < 2; all++) {
        struct pairs_unit *u = pu_new(model(_i), 2, 1);
        size_t count;
        float *before = kept_step(u, (struct sw_pair_options){0}, all, &count);
        float *scores = copy(u->scores, PU_IMAGES * PU_IMAGES);
        for (int i = 0; i < PU_IMAGES; i++)
            for (int r = u->region_count[i]; r < PU_REGIONS; r++)
                for (int f = 0; f < PU_FEATURES; f++)
                    u->features[sw_region_row(PU_REGIONS, i, r) * PU_FEATURES + f] = 1e3f;
        float *after = pu_step(u, (struct sw_pair_options){0}, all, &count);
        ck_assert_mem_eq(scores, u->scores, sizeof u->scores);
        ck_assert_mem_eq(before, after, count * sizeof(float));
        free(before);
        free(scores);
        pu_free(u);
    }
}
END_TEST

/* A caption's score must not depend on the captions it shares a batch with. */
START_TEST(scores_do_not_depend_on_company)
{
    struct pairs_unit *u = pu_new(model(_i), 1, 1);
    size_t count;
    pu_step(u, (struct sw_pair_options){0}, 0, &count);
    float *together = copy(u->scores, PU_IMAGES * PU_IMAGES);
    struct sw_examples alone = u->examples;
    for (int c = 0; c < PU_IMAGES; c += 5) {
        alone.captions = 1;
        alone.caption_start = u->caption_start + c;
        sw_graph_reset(u->graph, 0);
        struct sw_tensor *S = sw_model_scores(u->model, u->graph, &alone, NULL);
        ck_assert_ptr_nonnull(S);
        for (int i = 0; i < PU_IMAGES; i++)
            ck_assert_float_eq_tol(S->data[i], together[i * PU_IMAGES + c], 2e-6f);
    }
    free(together);
    pu_free(u);
}
END_TEST

/* Dev recall would speak of another model if evaluation scored differently from training. */
START_TEST(evaluation_scores_what_training_scores)
{
    struct pairs_unit *u = pu_new(model(_i), 2, 1);
    struct sw_error error = {.status = SW_OK};
    size_t count;
    pu_step(u, (struct sw_pair_options){0}, 0, &count);
    struct sw_encoded images = {0}, captions = {0};
    struct sw_examples part = u->examples;
    part.images = 16;
    ck_assert_int_eq(sw_encode_images(u->model, &part, &images, &error), SW_OK);
    part.images = PU_IMAGES - 16;
    part.region_count += 16;
    part.features += (size_t)sw_region_rows(16, PU_REGIONS) * PU_FEATURES;
    ck_assert_int_eq(sw_encode_images(u->model, &part, &images, &error), SW_OK);
    part = u->examples;
    part.captions = 9;
    ck_assert_int_eq(sw_encode_captions(u->model, &part, &captions, &error), SW_OK);
    part.captions = PU_IMAGES - 9;
    part.caption_start += 9;
    ck_assert_int_eq(sw_encode_captions(u->model, &part, &captions, &error), SW_OK);
    float scores[PU_IMAGES * PU_IMAGES];
    ck_assert_int_eq(sw_score_block(u->model, &images, &captions, 0, 16, scores, NULL, &error),
                     SW_OK);
    ck_assert_int_eq(sw_score_block(u->model, &images, &captions, 16, PU_IMAGES - 16,
                                    scores + 16 * PU_IMAGES, NULL, &error),
                     SW_OK);
    ck_assert_double_lt(pu_distance(u->scores, scores, PU_IMAGES * PU_IMAGES), 1e-6);
    sw_encoded_free(&images);
    sw_encoded_free(&captions);
    pu_free(u);
}
END_TEST

/* Rows of an ablation are compared by what they leave out: a stage with score = false must change
 * nothing but the sum. */
START_TEST(a_stage_without_score_is_left_out_of_the_sum)
{
    size_t count;
    struct pairs_unit *both = pu_new("{\"stages\":[\"l2l\",\"g2l\"]}", 1, 0);
    struct pairs_unit *first = pu_new("{\"stages\":[\"l2l\"]}", 1, 0);
    struct pairs_unit *second =
        pu_new("{\"stages\":[{\"plugin\":\"l2l\",\"score\":false},\"g2l\"]}", 1, 0);
    pu_step(both, (struct sw_pair_options){0}, 0, &count);
    pu_step(first, (struct sw_pair_options){0}, 0, &count);
    pu_step(second, (struct sw_pair_options){0}, 0, &count);
    for (int p = 0; p < PU_IMAGES * PU_IMAGES; p++)
        ck_assert_float_eq_tol(both->scores[p], first->scores[p] + second->scores[p], 2e-6f);
    pu_free(both);
    pu_free(first);
    pu_free(second);
}
END_TEST

/* A stage that lacks its predecessor must say which state it misses, not crash. */
START_TEST(a_stage_out_of_order_is_a_plain_error)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"g2l\",\"l2l\"]}", 2, 0);
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, NULL);
    const char *text = sw_graph_error(u->graph)->text;
    ck_assert_msg(!S || sw_graph_error(u->graph)->status != SW_OK, "no failure");
    ck_assert_msg(strstr(text, "stage g2l") && strstr(text, "attended_text"), "%s", text);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, gram_coordinates_equal_explicit_vectors, 0, MODELS);
    tcase_add_loop_test(tests, touched_pairs_equal_the_full_tape, 0, MODELS);
    tcase_add_loop_test(tests, what_memory_held_before_does_not_matter, 0, MODELS);
    tcase_add_loop_test(tests, threads_do_not_change_a_bit, 0, MODELS);
    tcase_add_loop_test(tests, padding_regions_never_leak, 0, MODELS);
    tcase_add_loop_test(tests, scores_do_not_depend_on_company, 0, MODELS);
    tcase_add_loop_test(tests, evaluation_scores_what_training_scores, 0, MODELS);
    tcase_add_test(tests, a_stage_without_score_is_left_out_of_the_sum);
    tcase_add_test(tests, a_stage_out_of_order_is_a_plain_error);
}

UNIT_MAIN("pairs", add_tests)
