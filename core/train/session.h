/* session.h -- what one program needs once: threads, operations and plugins.
 *
 * Everything that computes takes a session. It is made once and outlives all models, trainers and
 * evaluations that were made with it; it is used from one thread at a time. */
#ifndef SW_TRAIN_SESSION_H
#define SW_TRAIN_SESSION_H

#include "base/error.h"
#include "match/model.h"
#include "plugin/compose.h"
#include "plugin/plugins.h"
#include "tensor/threads/compute.h"
#include "tensor/tape/graph.h"

#include <jansson.h>

struct sw_session {
    struct sw_compute *compute;
    struct sw_ops *ops;
    struct sw_plugins *plugins;
};

/* threads: 1..256, or 0 for the CPUs this process may use; plugin_path as for sw_plugins_load. */
int sw_session_new(struct sw_session **out, int threads, const char *plugin_path,
                   struct sw_error *error);
void sw_session_free(struct sw_session *session); /* NULL is fine */

/* A model with the composition it was built from. */
struct sw_matcher {
    struct sw_composition *composition;
    struct sw_model *model;
};

/* What the config does not say of a model: sizes of the data, and where its numbers come from. */
struct sw_matcher_inputs {
    int features, vocabulary; /* F, V */
    uint64_t seed;
    const float *glove; /* (V,W), or NULL */
    int values_follow;  /* a checkpoint will fill all parameters */
};

/* Builds the model of a resolved config (train/config.h). */
int sw_matcher_new(struct sw_matcher **out, const struct sw_session *session, const json_t *config,
                   const struct sw_matcher_inputs *inputs, struct sw_error *error);
/* *needs: whether a parameter of this config's model starts from a GloVe file. */
int sw_matcher_needs_glove(const struct sw_session *session, const json_t *config, int *needs,
                           struct sw_error *error);
/* Runs two images and two captions of made-up numbers and different lengths through all stages:
 * what only shows when they run, such as a stage that lacks what an earlier one has to leave or
 * that takes the mask of the other side, is an error that names the stage. The model's numbers stay
 * as they are. */
int sw_matcher_try(struct sw_matcher *matcher, const struct sw_session *session,
                   struct sw_error *error);
void sw_matcher_free(struct sw_matcher *matcher); /* NULL is fine */

#endif
