/* session.c -- see session.h. */
#include "train/session.h"

#include "match/second.h"

#include <stdlib.h>

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

int sw_matcher_try(struct sw_matcher *matcher, const struct sw_session *session,
                   struct sw_error *error)
{
    enum { REGIONS = 2, WORDS = 3 };
    const struct sw_model_plan *plan = sw_model_plan_of(matcher->model);
    size_t count = (size_t)sw_region_rows(1, REGIONS) * (size_t)plan->features;
    int32_t ids[WORDS];
    float *features = malloc(sizeof *features * count);
    struct sw_error own = {0};
    struct sw_graph *graph = sw_graph_new(sw_host_table(), session->compute, session->ops, &own);
    if (!features || !graph)
        sw_fail(&own, SW_FAILED, "out of memory for a trial of the model");
    for (size_t i = 0; features && i < count; i++)
        features[i] = 0.1f + 0.1f * (float)(i % 7);
    for (int i = 0; i < WORDS; i++)
        ids[i] = i % plan->vocabulary;
    void *room[2] = {NULL, NULL};
    struct sw_examples examples = {.images = 1,
                                   .k = REGIONS,
                                   .features = features,
                                   .captions = 1,
                                   .caption_start = (const int[]){0, WORDS},
                                   .ids = ids};
    if (own.status == SW_OK && sw_second_draw(plan, 1, &examples, room, &own) == SW_OK) {
        sw_graph_reset(graph, 0);
        sw_model_scores(matcher->model, graph, &examples, NULL);
        own = *sw_graph_error(graph);
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
