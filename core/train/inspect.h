/* inspect.h -- whether a model runs, and the gradients of one batch. */
#ifndef SW_TRAIN_INSPECT_H
#define SW_TRAIN_INSPECT_H

#include "base/error.h"
#include "train/session.h"

#include <jansson.h>

/* Whether the model of a resolved config can be built and its stages run in their order, tried on
 * one pair in another process; the session has one thread. A plugin that crashes there is no error:
 * it fails in the run that uses it. *ran (may be NULL): whether the trial came to its end. */
int sw_inspect_composition(const struct sw_session *session, const json_t *config, int *ran,
                           struct sw_error *error);

struct sw_gradient_request {
    const char *checkpoint, *dir, *split;
    const json_t *config; /* of the checkpoint, resolved */
    const char *vocab;    /* NULL: vocab.json beside the checkpoint */
    int batch;            /* B: the first B images, each with its first caption */
    const char *out;      /* .safetensors: "loss" (1) and the gradient of every trained parameter */
    struct sw_pair_options pairs;
};

/* Loss (eq. 17, hardest negatives, margin 0.2, summed) and its gradients; *loss may be NULL. */
int sw_inspect_gradients(const struct sw_session *session,
                         const struct sw_gradient_request *request, double *loss,
                         struct sw_error *error);

#endif
