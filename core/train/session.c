/* session.c -- see session.h. */
#include "train/session.h"

#include "match/second.h"
#include "match/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIED_PAIRS = 4 }; /* of sw_matcher_try */

int sw_session_new(struct sw_session **out, int threads, const char *plugin_path,
                   struct sw_error *error)
{
    struct sw_error own = {0};
    *out = NULL;
    struct sw_session *session = calloc(1, sizeof *session);
    if (!session)
        return sw_fail(error, SW_FAILED, "out of memory for a session");
    session->compute = sw_compute_new(threads, &own);
    session->ops = session->compute ? sw_ops_new(&own) : NULL;
    if (!session->ops ||
        sw_plugins_load(&session->plugins, plugin_path, session->ops, &own) != SW_OK) {
        sw_session_free(session);
        return sw_fail(error, own.status ? own.status : SW_FAILED, "%s", own.text);
    }
    *out = session;
    return SW_OK;
}

void sw_session_free(struct sw_session *session)
{
    if (!session)
        return;
    if (session->plugins)
        sw_plugins_free(session->plugins);
    if (session->ops)
        sw_ops_free(session->ops);
    if (session->compute)
        sw_compute_free(session->compute);
    free(session);
}

int sw_matcher_new(struct sw_matcher **out, const struct sw_session *session, const json_t *config,
                   const struct sw_matcher_inputs *inputs, struct sw_error *error)
{
    *out = NULL;
    struct sw_matcher *matcher = calloc(1, sizeof *matcher);
    if (!matcher)
        return sw_fail(error, SW_FAILED, "out of memory for a model");
    int status = sw_compose(&matcher->composition, session->plugins,
                            json_object_get(config, "model"), error);
    if (status == SW_OK) {
        struct sw_model_plan *plan = sw_composition_plan(matcher->composition);
        plan->features = inputs->features;
        plan->vocabulary = inputs->vocabulary;
        plan->seed = inputs->seed;
        plan->glove = inputs->glove;
        plan->values_follow = inputs->values_follow;
        status = sw_model_new(&matcher->model, plan, sw_host_table(), session->compute,
                              session->ops, error);
    }
    if (status != SW_OK) {
        sw_matcher_free(matcher);
        return status;
    }
    *out = matcher;
    return SW_OK;
}

int sw_matcher_needs_glove(const struct sw_session *session, const json_t *config, int *needs,
                           struct sw_error *error)
{
    struct sw_composition *composition;
    struct sw_model *model = NULL;
    int status =
        sw_compose(&composition, session->plugins, json_object_get(config, "model"), error);
    if (status == SW_OK) {
        struct sw_model_plan *plan = sw_composition_plan(composition);
        plan->features = 1, plan->vocabulary = 4; /* the special tokens */
        status = sw_model_declared(&model, plan, sw_host_table(), error);
    }
    *needs = 0;
    for (int p = 0; status == SW_OK && p < sw_model_parameters(model); p++)
        *needs |= sw_model_parameter(model, p)->init.kind == SW_INIT_GLOVE;
    sw_model_free(model);
    sw_composition_free(composition);
    return status;
}

/* scores: S of the examples, whose tiles have one caption each */
static void try_mixed_tiles(struct sw_model *model, struct sw_graph *graph,
                            const struct sw_examples *examples, const float *scores,
                            struct sw_error *error)
{
    float mixed[TRIED_PAIRS];
    if (sw_score_mixed_tiles(model, graph, examples, mixed, error) != SW_OK)
        return;
    for (int p = 0; p < TRIED_PAIRS; p++)
        if (fabsf(mixed[p] - scores[p]) > 1e-3f * (1 + fabsf(scores[p]))) {
            sw_fail(error, SW_MISUSE,
                    "expected a pair to score the same beside a longer caption, found %g and %g; a "
                    "stage leaves out the mask of the words (`stepwise plugins --check` tells "
                    "which)",
                    (double)scores[p], (double)mixed[p]);
            return;
        }
}

int sw_matcher_try(struct sw_matcher *matcher, const struct sw_session *session,
                   struct sw_error *error)
{
    enum { IMAGES = 2, REGIONS = 2, WORDS = 3 };
    _Static_assert(IMAGES * IMAGES == TRIED_PAIRS, "each image with each caption");
    const struct sw_model_plan *plan = sw_model_plan_of(matcher->model);
    size_t count = (size_t)sw_region_rows(IMAGES, REGIONS) * (size_t)plan->features;
    int32_t ids[WORDS + 1];
    float scores[TRIED_PAIRS];
    unsigned flags = 0;
    float *features = malloc(sizeof *features * count);
    struct sw_error own = {0};
    struct sw_graph *graph = sw_graph_new(sw_host_table(), session->compute, session->ops, &own);
    if (!features || !graph)
        sw_fail(&own, SW_FAILED, "out of memory for a trial of the model");
    for (size_t i = 0; features && i < count; i++)
        features[i] = 0.1f + 0.1f * (float)(i % 7);
    for (int i = 0; i <= WORDS; i++)
        ids[i] = i % plan->vocabulary;
    for (int s = 0; s < plan->stage_count; s++)
        flags |= plan->stages[s].stage->flags;
    void *room[2] = {NULL, NULL};
    struct sw_examples examples = {
        .images = IMAGES,
        .k = REGIONS,
        .region_count = flags & SW_NEEDS_EQUAL_REGIONS ? NULL : (const int[]){REGIONS, REGIONS - 1},
        .features = features,
        .captions = IMAGES,
        .caption_start = (const int[]){0, WORDS, WORDS + 1},
        .ids = ids};
    if (own.status == SW_OK && sw_second_draw(plan, 1, &examples, room, &own) == SW_OK) {
        sw_graph_reset(graph, 0);
        const struct sw_tensor *S = sw_model_scores(matcher->model, graph, &examples, NULL);
        own = *sw_graph_error(graph);
        if (S && own.status == SW_OK) {
            memcpy(scores, S->data, sizeof scores);
            try_mixed_tiles(matcher->model, graph, &examples, scores, &own);
        }
    }
    if (graph)
        sw_graph_free(graph);
    free(features);
    free(room[0]);
    free(room[1]);
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

void sw_matcher_free(struct sw_matcher *matcher)
{
    if (!matcher)
        return;
    if (matcher->model)
        sw_model_free(matcher->model);
    sw_composition_free(matcher->composition);
    free(matcher);
}
