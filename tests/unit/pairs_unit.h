/* pairs_unit.h -- a small model on random numbers, for tests of scores and gradients. */
#ifndef SW_TESTS_PAIRS_UNIT_H
#define SW_TESTS_PAIRS_UNIT_H

#include "models.h"
#include "unit.h"

#include "plugin/compose.h"
#include "tensor/ops/loss.h"
#include "tensor/tape/random.h"

enum {
    PU_IMAGES = 21,
    PU_REGIONS = 7,
    PU_FEATURES = 24,
    PU_DIM = 32,
    PU_WORDS = 10,
    PU_VOCABULARY = 50
};

struct pairs_unit {
    struct sw_compute *compute;
    struct sw_ops *ops;
    struct sw_plugins *plugins;
    struct sw_composition *composition;
    struct sw_model *model;
    struct sw_graph *graph;
    float *features;
    int region_count[PU_IMAGES], caption_start[PU_IMAGES + 1];
    int32_t *ids;
    struct sw_examples examples;
    struct sw_encoding encoding; /* of the last pu_step */
    float scores[PU_IMAGES * PU_IMAGES];
    float loss;
};

/* A plugin of the test's own, registered beside the others when it is set. */
static const struct sw_plugin *pu_extra_plugin;

static inline void pu_random_examples(struct pairs_unit *u, int varied)
{
    struct sw_random random = sw_random_stream(7, SW_FOR_TESTS, 0, 0);
    size_t rows = (size_t)sw_region_rows(PU_IMAGES, PU_REGIONS);
    u->features = calloc(rows * PU_FEATURES, sizeof(float));
    for (int i = 0; i < PU_IMAGES; i++) {
        u->region_count[i] = varied ? 1 + (int)sw_random_below(&random, PU_REGIONS) : PU_REGIONS;
        for (int r = 0; r < PU_REGIONS; r++)
            for (int f = 0; f < PU_FEATURES; f++)
                u->features[(size_t)sw_region_row(PU_REGIONS, i, r) * PU_FEATURES + (size_t)f] =
                    sw_random_uniform(&random);
    }
    for (int c = 0; c < PU_IMAGES; c++)
        u->caption_start[c + 1] = u->caption_start[c] + 1 + (int)sw_random_below(&random, 12);
    u->ids = calloc((size_t)u->caption_start[PU_IMAGES], sizeof *u->ids);
    for (int w = 0; w < u->caption_start[PU_IMAGES]; w++)
        u->ids[w] = 4 + (int32_t)sw_random_below(&random, PU_VOCABULARY - 4);
    u->examples = (struct sw_examples){.images = PU_IMAGES,
                                       .k = PU_REGIONS,
                                       .region_count = u->region_count,
                                       .features = u->features,
                                       .captions = PU_IMAGES,
                                       .caption_start = u->caption_start,
                                       .ids = u->ids};
}

/* model: the "model" object of a config, without its sizes; varied: region counts differ. */
static inline struct pairs_unit *pu_new(const char *model, int threads, int varied)
{
    struct pairs_unit *u = calloc(1, sizeof *u);
    struct sw_error error = {.status = SW_OK};
    u->compute = sw_compute_new(threads, &error);
    u->ops = sw_ops_new(&error);
    ck_assert_msg(u->compute && u->ops, "%s", error.text);
    ck_assert_msg(sw_plugins_load(&u->plugins, NULL, u->ops, &error) == SW_OK, "%s", error.text);
    if (pu_extra_plugin)
        ck_assert_msg(sw_plugins_register(u->plugins, pu_extra_plugin, "test", &error) == SW_OK,
                      "%s", error.text);
    json_t *given = json_loads(model, 0, NULL);
    ck_assert_ptr_nonnull(given);
    json_object_set_new(given, "dim", json_integer(PU_DIM));
    if (!json_object_get(given, "embedding"))
        json_object_set_new(given, "embedding",
                            json_pack("{s:s,s:i}", "plugin", "random", "word_dim", PU_WORDS));
    if (!json_object_get(given, "stages"))
        json_object_set_new(given, "stages", json_pack("[s,s,s]", "l2l", "g2l", "g2g"));
    models_complete(given);
    ck_assert_msg(sw_compose(&u->composition, u->plugins, given, &error) == SW_OK, "%s",
                  error.text);
    json_decref(given);
    struct sw_model_plan *plan = sw_composition_plan(u->composition);
    plan->features = PU_FEATURES;
    plan->vocabulary = PU_VOCABULARY;
    plan->seed = 3;
    ck_assert_msg(sw_model_new(&u->model, plan, sw_host_table(), u->compute, u->ops, &error) ==
                      SW_OK,
                  "%s", error.text);
    u->graph = sw_graph_new(sw_host_table(), u->compute, u->ops, &error);
    ck_assert_ptr_nonnull(u->graph);
    pu_random_examples(u, varied);
    return u;
}

static inline void pu_free(struct pairs_unit *u)
{
    sw_graph_free(u->graph);
    sw_model_free(u->model);
    sw_composition_free(u->composition);
    sw_plugins_free(u->plugins);
    sw_ops_free(u->ops);
    sw_compute_free(u->compute);
    free(u->features);
    free(u->ids);
    free(u);
}

/* Scores, loss and gradients; all: all negatives instead of the hardest. Returns the gradients. */
static inline float *pu_step(struct pairs_unit *u, struct sw_pair_options options, int all,
                             size_t *count)
{
    float *values, *gradients;
    sw_model_trained(u->model, &values, &gradients, count);
    memset(gradients, 0, *count * sizeof(float));
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = NULL;
    if (sw_model_encode(u->model, u->graph, &u->examples, &u->encoding) == SW_OK)
        S = sw_model_score(u->model, u->graph, &u->encoding, &options);
    ck_assert_msg(S != NULL, "%s", sw_graph_error(u->graph)->text);
    memcpy(u->scores, S->data, sizeof u->scores);
    struct sw_args args = {.i = {all}, .f = {0.2f}};
    struct sw_tensor *loss = sw_graph_apply_named(u->graph, "hinge", &S, 1, &args);
    ck_assert_msg(loss != NULL, "%s", sw_graph_error(u->graph)->text);
    u->loss = loss->data[0];
    loss->grad[0] = 1;
    ck_assert_msg(sw_graph_backward(u->graph) == SW_OK, "%s", sw_graph_error(u->graph)->text);
    return gradients;
}

/* The largest difference between two ranges, relative to the largest number of the first. */
static inline double pu_distance(const float *a, const float *b, size_t count)
{
    double most = 1e-12, worst = 0;
    for (size_t i = 0; i < count; i++) {
        double size = a[i] < 0 ? -(double)a[i] : (double)a[i];
        double gap = (double)a[i] - (double)b[i];
        if (size > most)
            most = size;
        if (gap < 0)
            gap = -gap;
        if (!(gap <= worst))
            worst = gap;
    }
    return worst / most;
}

#endif
