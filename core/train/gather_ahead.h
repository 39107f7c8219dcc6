/* gather_ahead.h -- what gather.c asks of gather_ahead.c. */
#ifndef SW_TRAIN_GATHER_AHEAD_H
#define SW_TRAIN_GATHER_AHEAD_H

#include "train/gather.h"

/* Waits for the batch that is under way, if any. When it is made of these captions: 1, with
 * *status; on success it has become the gather's batch. Else 0, and it is forgotten. */
int sw_gather_ahead_take(struct sw_gather *gather, const uint32_t *caption, int count, int *status,
                         struct sw_error *error);

/* Waits for the batch that is under way. NULL is fine. */
void sw_gather_ahead_free(struct sw_gather_ahead *ahead);

#endif
