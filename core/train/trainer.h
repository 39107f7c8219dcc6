/* trainer.h -- a model in training: one step at a time, evaluations, and its tensors in files.
 *
 * A step: B captions in the epoch's order, each with its image; S (B,B); the
 * model's losses; backward; global norm clipped; Adam with lr * decay^(epoch / decay_epoch),
 * integer division, epochs from 0. An epoch's last batch may be smaller, down to two pairs. The
 * same config and data give the same bits at any number of threads.
 *
 * What is due when, what is told of it and every file that is text are core/lua/run/trainer.lua's.
 */
#ifndef SW_TRAIN_TRAINER_H
#define SW_TRAIN_TRAINER_H

#include "base/error.h"
#include "match/metrics.h"
#include "peers/peers.h"
#include "train/inputs.h"
#include "train/session.h"

#include <jansson.h>
#include <stdint.h>

struct sw_trainer;

/* A trainer at step 0 of a resolved config and its inputs; session and inputs outlive it.
 * values_follow: the parameters come from a state or a checkpoint, so no GloVe file is read. A step
 * takes no memory from the system: all of it is taken here. */
int sw_trainer_new(struct sw_trainer **out, struct sw_session *session, const json_t *config,
                   struct sw_inputs *inputs, int values_follow, struct sw_error *error);
void sw_trainer_free(struct sw_trainer *trainer); /* NULL is fine */

const struct sw_model *sw_trainer_model(const struct sw_trainer *trainer);
/* Steps of an epoch and of the whole run. */
int64_t sw_trainer_steps_in_epoch(const struct sw_trainer *trainer);
int64_t sw_trainer_total_steps(const struct sw_trainer *trainer);

/* Takes the parameters of a checkpoint as the model's first ones. Errors: other parameters or
 * shapes, words with other ids. */
int sw_trainer_start_from(struct sw_trainer *trainer, const char *checkpoint,
                          struct sw_error *error);

/* From now on the peers do this trainer's steps and evaluations together. Process 0 asks for them,
 * and its parameters, moments and step count: the others have a trainer of the same config and
 * inputs, and follow until process 0 dismisses them. Both ways of ending are SW_OK; others
 * as for a step, with the reason of whoever stopped. */
void sw_trainer_join(struct sw_trainer *trainer, struct sw_peers *peers);
int sw_trainer_follow(struct sw_trainer *trainer, struct sw_error *error);
void sw_trainer_dismiss(struct sw_trainer *trainer);

struct sw_trained_step {
    int samples;      /* pairs in this batch: its captions, each as often as it has views */
    int touched;      /* images and captions in it that take a gradient, of twice as many */
    double loss;      /* summed over the batch */
    double grad_norm; /* before clipping */
    double lr;
    uint64_t exchanged;  /* bytes sent and received by this process; 0 alone */
    double seconds;      /* of this step, */
    double data_seconds; /* the part of them that was spent waiting for the batch */
};

/* SW_INTERRUPTED (tensor/threads/compute.h): it ended early and counts as not done; the state can
 * be saved. After a failure (a loss that is not finite) the parameters are not to be saved. */
int sw_trainer_step(struct sw_trainer *trainer, struct sw_trained_step *out,
                    struct sw_error *error);

/* On test set number `test` of the inputs, or on dev when it is -1. Free ranks with sw_ranks_free.
 */
int sw_trainer_evaluate(struct sw_trainer *trainer, int test, struct sw_metrics *metrics,
                        struct sw_ranks *ranks, struct sw_error *error);

/* The model as a checkpoint; portable: the text of the config that it holds. */
int sw_trainer_save_model(const struct sw_trainer *trainer, const char *path, const char *portable,
                          struct sw_error *error);
/* Takes the parameters of a checkpoint of this run, to evaluate it: no step can follow. */
int sw_trainer_restore_model(struct sw_trainer *trainer, const char *checkpoint,
                             struct sw_error *error);

/* The state as in train/state.h; loading it leaves the trainer at step 0: sw_trainer_seek follows.
 */
int sw_trainer_save(const struct sw_trainer *trainer, const char *path, const char *progress,
                    const char *key, struct sw_error *error);
int sw_trainer_load(struct sw_trainer *trainer, const char *path, const char *const *keys,
                    char **progress, struct sw_error *error);
/* `step` steps are done; 0 to the last. */
int sw_trainer_seek(struct sw_trainer *trainer, int64_t step, struct sw_error *error);

#endif
