/* trainer_parts.h -- what the files of the trainer share. */
#ifndef SW_TRAIN_TRAINER_PARTS_H
#define SW_TRAIN_TRAINER_PARTS_H

#include "base/clock.h"
#include "train/folder.h"
#include "train/gather.h"
#include "train/inputs.h"
#include "train/optimiser.h"
#include "train/state.h"
#include "train/trainer.h"

struct sw_trainer {
    struct sw_session *session;
    json_t *config, *portable, *hashed, *endless; /* see struct sw_train_options */
    struct sw_settings settings;
    struct sw_folder *folder;
    char key[33];       /* names this run's numbers: config and data */
    char state_key[33]; /* the same without where it ends: what its state may go on from */
    char id[33];     /* the same with the plugins; "" when its parts were made by different ones */
    json_t *sources; /* "data" and "plugins" of the id */
    json_t *stamps;  /* of the splits, all values of which are finite */
    double check_seconds;
    json_t *provenance;
    int done, failed, interrupted, keep_state;
    json_t *before; /* resumed to another end: what was hashed so far; else NULL */

    struct sw_inputs inputs;
    struct sw_matcher *matcher;
    struct sw_graph *graph;
    struct sw_gather gather;
    float *first, *second; /* moments, one for each trained number */
    struct sw_adam adam;
    uint32_t *order; /* the captions of epoch `order_epoch` */
    int64_t order_epoch;
    int64_t steps_in_epoch, total_steps;

    struct sw_progress progress;
    int64_t saved;           /* the step of the last save, */
    int64_t saved_evaluated; /* and the last evaluation that it knew of */
    double saved_when;       /* on the clock of sw_seconds */
    int warn;                /* a warning waits to be told */
    struct sw_event last;    /* DONE, once it is */
};

/* The event's members that all kinds have, for the step that was done last. */
void sw_trainer_place(const struct sw_trainer *trainer, struct sw_event *event);

/* One step of training (trainer_step.c). */
int sw_trainer_step(struct sw_trainer *trainer, struct sw_event *event, struct sw_error *error);

/* trainer_finish.c: evaluates on dev, keeps the best; then, at the end, on test. */
int sw_trainer_evaluate(struct sw_trainer *trainer, struct sw_event *event, struct sw_error *error);
int sw_trainer_finish(struct sw_trainer *trainer, struct sw_error *error);
/* The DONE of a folder that has result.json. */
int sw_trainer_recall(struct sw_trainer *trainer, struct sw_error *error);

#endif
