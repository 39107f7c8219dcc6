/* check_loss.c -- the hinge of eq. 17: its value, and where its gradient goes. */
#include "unit.h"

#include "tensor/tape/graph.h"
#include "tensor/ops/loss.h"
#include "tensor/tape/random.h"

#include <math.h>

enum { MOST = 16 };

/* One call of "hinge". */
struct hinge {
    int n, columns;
    float s[MOST * MOST], grad[MOST * MOST];
    struct sw_args args;
    float loss;
};

/* Fills loss and grad (of 1 times the loss); returns the error's text, "" for none. */
static const char *run(struct hinge *hinge)
{
    static char text[1024];
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(1, &error);
    struct sw_ops *ops = sw_ops_new(&error);
    struct sw_graph *graph = sw_graph_new(NULL, compute, ops, &error);
    ck_assert_msg(graph != NULL, "%s", error.text);
    sw_graph_reset(graph, 1);
    int columns = hinge->columns ? hinge->columns : hinge->n;
    struct sw_tensor *s = sw_graph_tensor(graph, 2, (int[]){hinge->n, columns}, hinge->s, 1);
    struct sw_tensor *out = sw_graph_apply_named(graph, "hinge", &s, 1, &hinge->args);
    snprintf(text, sizeof text, "%s", sw_graph_error(graph)->text);
    if (out) {
        ck_assert_int_eq((int)sw_tensor_count(out), 1);
        hinge->loss = out->data[0];
        out->grad[0] = 1;
        ck_assert_int_eq(sw_graph_backward(graph), SW_OK);
        memcpy(hinge->grad, s->grad, sw_tensor_count(s) * sizeof(float));
    }
    sw_graph_free(graph);
    sw_ops_free(ops);
    sw_compute_free(compute);
    return text;
}

static void check_gradient(const struct hinge *hinge, const float *expected)
{
    for (int j = 0; j < hinge->n * hinge->n; j++)
        ck_assert_msg(hinge->grad[j] == expected[j], "number %d: %g, expected %g", j,
                      (double)hinge->grad[j], (double)expected[j]);
}

/* Numbers worked out by hand, and by the reference's triplet() in PyTorch. Rows: images 0 to 2. */
static const float by_hand[] = {
    0.9f,  0.8f, 0.3f, /* caption 1 violates by 0.1 */
    0.85f, 0.6f, 0.5f, /* caption 0 by 0.45, caption 2 by 0.1 */
    0.1f,  0.7f, 0.4f, /* caption 1 by 0.5 */
};

/* A loss that is not the paper's: rankings would be trained towards something else. */
START_TEST(hardest_negatives_by_hand)
{
    struct hinge hinge = {.n = 3, .args = {.f = {0.2f}}};
    memcpy(hinge.s, by_hand, sizeof by_hand);
    ck_assert_str_eq(run(&hinge), "");
    /* Columns: caption 0 with image 1 by 0.15; caption 1 with image 0 by 0.4; caption 2 with image
     * 1 by 0.3. */
    ck_assert_float_eq_tol(hinge.loss, 0.1f + 0.45f + 0.5f + 0.15f + 0.4f + 0.3f, 1e-6f);
    const float gradient[] = {-2, 2, 0, 2, -2, 1, 0, 1, -2};
    check_gradient(&hinge, gradient);
}
END_TEST

START_TEST(all_negatives_by_hand)
{
    struct hinge hinge = {.n = 3, .args = {.i = {SW_ALL_NEGATIVES}, .f = {0.2f}}};
    memcpy(hinge.s, by_hand, sizeof by_hand);
    ck_assert_str_eq(run(&hinge), "");
    /* Those above, and: row 1 caption 2 by 0.1; column 1 image 2 by 0.3; column 2 image 0 by 0.1.
     */
    ck_assert_float_eq_tol(hinge.loss, 1.9f + 0.1f + 0.3f + 0.1f, 1e-6f);
    const float gradient[] = {-2, 2, 1, 2, -4, 2, 0, 2, -3};
    check_gradient(&hinge, gradient);
}
END_TEST

/* eq. 17 as it is written: one term for each triplet, then max or sum. Of samples in several views,
 * ESA's: the right score of a row or a column is the least one in the sample's block. */
static double by_definition(const struct hinge *hinge, const int32_t *image, float *gradient)
{
    int n = hinge->n, all = hinge->args.i[0], exclude = hinge->args.i[1];
    int views = hinge->args.i[2] ? hinge->args.i[2] : 1;
    double loss = 0;
    memset(gradient, 0, (size_t)(n * n) * sizeof *gradient);
    for (int pair = 0; pair < n; pair++)
        for (int side = 0; side < 2; side++) {
            double terms[MOST], most = 0;
            int right = pair * n + pair;
            for (int k = 0; k < n; k++) {
                int at = side == 0 ? pair * n + k : k * n + pair;
                if (k / views == pair / views && hinge->s[at] < hinge->s[right])
                    right = at;
            }
            for (int k = 0; k < n; k++) {
                int at = side == 0 ? pair * n + k : k * n + pair;
                int counts = k / views != pair / views && !(exclude && image[k] == image[pair]);
                terms[k] = counts ? fmax(0, 0.2 + hinge->s[at] - hinge->s[right]) : 0;
                most = fmax(most, terms[k]);
            }
            for (int k = 0; k < n; k++) {
                if (terms[k] <= 0 || (!all && terms[k] < most))
                    continue;
                loss += terms[k];
                gradient[side == 0 ? pair * n + k : k * n + pair] += 1;
                gradient[right] -= 1;
            }
        }
    return loss;
}

/* Every mix of options: a warm-up on all negatives, captions of one image in a batch, views. */
START_TEST(equals_the_definition)
{
    static const int views[] = {0, 1, 2, 3};
    static const int32_t image[12] = {5, 9, 5, 1, 0, 7, 9, 5, 2, 3, 3, 8};
    struct sw_pair_images batch = {12, image};
    struct hinge hinge = {.n = 12, .args = {{_i / 2 % 2, _i % 2, views[_i / 4]}, {0.2f}, &batch}};
    struct sw_random random = sw_random_stream(11, SW_FOR_TESTS, 0, 0);
    for (int j = 0; j < 144; j++)
        hinge.s[j] = sw_random_uniform(&random);
    float gradient[144];
    double expected = by_definition(&hinge, image, gradient);
    ck_assert_str_eq(run(&hinge), "");
    ck_assert_float_eq_tol(hinge.loss, (float)expected, 1e-5f);
    check_gradient(&hinge, gradient);
}
END_TEST

/* Of equal negatives only the first is pushed, and a hinge of exactly zero pushes nothing:
 * PyTorch's answers for ties, so that gradients can be compared. */
START_TEST(ties_and_zeros)
{
    struct hinge hinge = {.n = 3, .args = {.f = {0.25f}}};
    const float tied[] = {0.5f, 0.5f, 0.5f, 0, 1, 0.75f, 0, 0, 2};
    memcpy(hinge.s, tied, sizeof tied);
    ck_assert_str_eq(run(&hinge), "");
    /* Row 0: captions 1 and 2, both by 0.25. Row 1: caption 2, by exactly 0. No column reaches 0.
     */
    ck_assert_float_eq(hinge.loss, 0.25f);
    const float gradient[] = {-1, 1, 0, 0, 0, 0, 0, 0, 0};
    check_gradient(&hinge, gradient);
}
END_TEST

/* A sample's least score counts, and its views are no negatives: one sample in two views, by hand.
 */
START_TEST(views_by_hand)
{
    struct hinge hinge = {.n = 4, .args = {{SW_HARDEST_NEGATIVE, 0, 2}, {0.2f}}};
    const float s[] = {0.9f, 0.8f, 0.1f, 0.75f, /* image 0: the right score is 0.8, 0.15 too near */
                       0.7f, 0.9f, 0.2f, 0.2f,  /* 0.7 */
                       0,    0,    0.9f, 0.9f,  /* equal: the first */
                       0,    0,    0.5f, 0.9f}; /* 0.5 */
    memcpy(hinge.s, s, sizeof s);
    ck_assert_str_eq(run(&hinge), "");
    /* Columns: the right scores are 0.7, 0.8, 0.5 and 0.9; the last has 0.75 beside it, by 0.05. */
    ck_assert_float_eq_tol(hinge.loss, 0.15f + 0.05f, 1e-6f);
    const float gradient[] = {0, -1, 0, 2, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0};
    check_gradient(&hinge, gradient);
}
END_TEST

/* A batch of captions of one image has no negatives. */
START_TEST(no_negatives_no_loss)
{
    static const int32_t image[3] = {4, 4, 4};
    struct sw_pair_images batch = {3, image};
    const float nothing[9] = {0};
    for (int negatives = 0; negatives < 2; negatives++) {
        struct hinge hinge = {.n = 3,
                              .args = {{negatives, SW_SAME_IMAGE_EXCLUDED}, {0.2f}, &batch}};
        memcpy(hinge.s, by_hand, sizeof by_hand);
        ck_assert_str_eq(run(&hinge), "");
        ck_assert_float_eq(hinge.loss, 0);
        check_gradient(&hinge, nothing);
    }
    struct hinge one = {.n = 1, .s = {0.3f}, .args = {.f = {0.2f}}};
    ck_assert_str_eq(run(&one), "");
    ck_assert_float_eq(one.loss, 0);
    check_gradient(&one, nothing);
}
END_TEST

/* A similarity that is not a number: hidden, the run would go on from a broken model. */
START_TEST(nan_shows_in_the_loss)
{
    for (int at = 0; at < 9; at++)
        for (int negatives = 0; negatives < 2; negatives++) {
            struct hinge hinge = {.n = 3, .args = {.i = {negatives}, .f = {0.2f}}};
            memcpy(hinge.s, by_hand, sizeof by_hand);
            hinge.s[at] = NAN;
            ck_assert_str_eq(run(&hinge), "");
            ck_assert_msg(isnan(hinge.loss), "number %d", at);
        }
    for (int at = 0; at < 16; at++)
        for (int negatives = 0; negatives < 2; negatives++) {
            struct hinge hinge = {.n = 4, .args = {.i = {negatives, 0, 2}, .f = {0.2f}}};
            hinge.s[at] = NAN;
            ck_assert_str_eq(run(&hinge), "");
            ck_assert_msg(isnan(hinge.loss), "number %d of two views", at);
        }
}
END_TEST

START_TEST(refuses_what_does_not_fit)
{
    static const int32_t image[3] = {1, 2, 3};
    struct sw_pair_images batch = {3, image};
    struct hinge hinge = {.n = 3, .columns = 4};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
    hinge = (struct hinge){.n = 3, .args = {.i = {0, SW_SAME_IMAGE_EXCLUDED}}};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
    hinge = (struct hinge){.n = 4, .args = {.i = {0, SW_SAME_IMAGE_EXCLUDED}, .p = &batch}};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
    hinge = (struct hinge){.n = 3, .args = {.i = {2}}};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
    hinge = (struct hinge){.n = 3, .args = {.i = {0, 0, 2}}};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
    hinge = (struct hinge){.n = 3, .args = {.i = {0, 0, -3}}};
    ck_assert_ptr_nonnull(strstr(run(&hinge), "hinge: shapes do not match"));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, hardest_negatives_by_hand);
    tcase_add_test(tests, all_negatives_by_hand);
    tcase_add_loop_test(tests, equals_the_definition, 0, 16);
    tcase_add_test(tests, ties_and_zeros);
    tcase_add_test(tests, views_by_hand);
    tcase_add_test(tests, no_negatives_no_loss);
    tcase_add_test(tests, nan_shows_in_the_loss);
    tcase_add_test(tests, refuses_what_does_not_fit);
}

UNIT_MAIN("loss", add_tests)
