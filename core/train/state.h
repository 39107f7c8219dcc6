/* state.h -- all that a killed run needs to go on with the same bits, in one file.
 *
 * state.safetensors holds every parameter ("model.NAME"), both moments of every trained one
 * ("first.NAME", "second.NAME"), and in its metadata the counters and a checksum of the numbers. It
 * is one file, replaced in one rename, so the parameters and the moments can never be of two steps;
 * the model file beside it stays clean. Random streams are named by (seed, purpose, epoch), so the
 * counters are all there is to save of them. */
#ifndef SW_TRAIN_STATE_H
#define SW_TRAIN_STATE_H

#include "base/error.h"
#include "match/metrics.h"
#include "match/model.h"

#include <stddef.h>
#include <stdint.h>

/* Where a run is. */
struct sw_progress {
    int64_t step;                  /* steps done */
    int64_t epoch;                 /* epochs done, and */
    int64_t position;              /* steps done in the one after */
    int64_t evaluated;             /* the step of the last evaluation, -1: none yet */
    int64_t best_step, best_epoch; /* -1: none yet */
    double seconds;                /* of training and evaluation so far, over all its parts */
    int64_t collapse;              /* steps the loss has been stuck (see trainer.h) */
    struct sw_metrics best;        /* of best_step, on dev */
};

/* first, second: the moments, one number for each trained number in the order of
 * sw_model_trained. key: names the run, so that no other run can go on from its state. */
int sw_state_save(const char *path, const struct sw_model *model, const float *first,
                  const float *second, const struct sw_progress *progress, const char *key,
                  struct sw_error *error);

/* Fills the model, the moments and the counters. keys: those it may have, then NULL. Errors:
 * another key, a tensor that is missing, not expected or of another shape, numbers that do not fit
 * the checksum, counters that cannot be.
 */
int sw_state_load(const char *path, struct sw_model *model, float *first, float *second,
                  struct sw_progress *progress, const char *const *keys, struct sw_error *error);

#endif
