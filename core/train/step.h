/* step.h -- one training step: encoding, scores, loss, gradients, update.
 *
 * Whoever needs a step takes it here: training, the gradients of one batch, the bench. Which batch
 * it is, and what becomes of the loss, is theirs (train/trainer_step.c, train/inspect.c,
 * train/bench.c). */
#ifndef SW_TRAIN_STEP_H
#define SW_TRAIN_STEP_H

#include "match/model.h"
#include "train/optimiser.h"

struct sw_step {
    struct sw_compute *compute;
    struct sw_model *model;
    struct sw_graph *graph; /* reset by each step */
    struct sw_adam *adam;   /* of all trained numbers; NULL: only the gradients */
    double rate, clip;
    int epoch;       /* from 0; losses may begin in another way */
    int training;    /* dropout and the like; 0: as in an evaluation */
    uint64_t number; /* of the step, for its random streams */
    struct sw_pair_options pairs;
};

enum sw_step_phase { SW_STEP_ENCODE, SW_STEP_SCORE, SW_STEP_BACKWARD, SW_STEP_UPDATE, SW_PHASES };

struct sw_step_result {
    double loss;                 /* the model's, summed over the batch */
    int touched;                 /* of its images and captions take a gradient */
    double norm;                 /* of the gradient, before clipping; 0 without an update */
    double seconds[SW_PHASES];   /* the loss counts to the scores */
    struct sw_encoding encoding; /* of the batch; as long as the graph is not reset */
};

/* One step on pairs: caption i belongs to image i of `batch`, which is image[i] of the data. The
 * gradients are those of the summed loss and replace what was there. SW_INTERRUPTED where the
 * threads are. Errors: a loss that is not finite; a gradient that is not, with its parameter's
 * name, which leaves parameters and moments as they were. */
int sw_step_run(const struct sw_step *step, const struct sw_examples *batch, const int32_t *image,
                struct sw_step_result *out, struct sw_error *error);

#endif
