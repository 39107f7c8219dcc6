/* trainer.h -- training, one event at a time.
 *
 * A step: B captions in the epoch's order, each with its image; S (B,B); the hinge loss of eq. 17
 * with the hardest negatives (all negatives in the first `warmup_epochs`); backward; global norm
 * clipped; Adam with lr * decay^(epoch / decay_epoch), integer division, epochs from 0. An epoch's
 * last batch may be smaller, down to two pairs. The same config and data give the same bits at any
 * number of threads, and a run that was killed and resumed gives those bits too. */
#ifndef SW_TRAIN_TRAINER_H
#define SW_TRAIN_TRAINER_H

#include "base/error.h"
#include "match/metrics.h"
#include "train/inputs.h"
#include "train/session.h"

#include <jansson.h>
#include <stdint.h>

enum sw_event_kind {
    SW_EVENT_STEP = 1,
    SW_EVENT_EVALUATED, /* on the dev split */
    SW_EVENT_WARNING,
    SW_EVENT_DONE,
};

struct sw_event {
    enum sw_event_kind kind;
    int64_t step, total_steps;             /* steps done, of the whole run */
    int epoch, epochs;                     /* the epoch of this step, from 0 */
    int64_t step_in_epoch, steps_in_epoch; /* from 1 */
    /* STEP */
    int samples; /* pairs in this batch */
    double loss; /* summed over the batch */
    double loss_per_sample;
    double grad_norm; /* before clipping */
    double lr;
    double seconds; /* of this step or evaluation */
    double samples_per_second;
    double data_seconds; /* the part of `seconds` that was spent waiting for the batch */
    /* EVALUATED: dev; DONE: the first test set when has_test (computed with the best checkpoint);
     * result.json has them all */
    struct sw_metrics metrics;
    int best; /* EVALUATED: the best dev rsum so far */
    /* DONE */
    int has_dev, has_test;
    struct sw_metrics best_dev;
    int64_t best_step;
    int best_epoch;
    double total_seconds;
    char text[512]; /* WARNING: one line */
};

struct sw_train_options {
    const json_t *portable; /* the config without what belongs to one machine or one user */
    const json_t *hashed;   /* what is hashed of it: what names a run's numbers */
    const json_t *endless;  /* the same without where the run ends */
    const json_t
        *before;    /* what is hashed of the folder's config, when it ends elsewhere; or NULL */
    int resume;     /* go on where the folder's state is, from the start when there is none */
    int keep_state; /* also when the run is done, so that it can go on to more epochs */
    const char *command; /* the command line, for provenance; may be NULL */
    const char *id;      /* what sw_identity must give for this run; NULL: whatever it gives */
    const json_t *known; /* stamps of splits whose values were read before; may be NULL */
};

struct sw_trainer;

/* config: resolved; options: not NULL. run: path of the run folder, made by this call. Reads the
 * data, makes or loads the vocabulary, builds the model, writes config.json, vocab.json and
 * provenance.json. A folder that is done gives a trainer whose first event is DONE. A run that is
 * resumed may end elsewhere than it was to (options->before); one that is done goes on when its
 * state was kept. */
int sw_trainer_open(struct sw_trainer **out, struct sw_session *session, const json_t *config,
                    const char *run, const struct sw_train_options *options,
                    struct sw_error *error);

/* Does what is due next -- one step, one evaluation -- and says what it was. After DONE it gives
 * DONE again. SW_INTERRUPTED (tensor/threads/compute.h): it ended early and counts as not done; the
 * trainer can be saved and closed. After a failure (a loss that is not finite, a full disk) the
 * trainer can only be closed; what the folder held stays good. */
int sw_trainer_next(struct sw_trainer *trainer, struct sw_event *event, struct sw_error *error);

/* Saves the state now; the run can go on or be closed and resumed. */
int sw_trainer_save(struct sw_trainer *trainer, struct sw_error *error);

/* Frees all; does not save. NULL is fine. */
void sw_trainer_close(struct sw_trainer *trainer);

/* sw_inputs_words of what the run trains on; NULL for one that was done before. A new reference. */
json_t *sw_trainer_words(const struct sw_trainer *trainer);
const char *sw_trainer_path(const struct sw_trainer *trainer);
const json_t *sw_trainer_config(const struct sw_trainer *trainer);
/* The run's splits; empty for a run that was done before. */
const struct sw_inputs *sw_trainer_inputs(const struct sw_trainer *trainer);
/* How long reading all their values took. */
double sw_trainer_check_seconds(const struct sw_trainer *trainer);
const struct sw_model *sw_trainer_model(const struct sw_trainer *trainer);

#endif
