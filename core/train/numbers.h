/* numbers.h -- metrics as JSON, for state, result and log. */
#ifndef SW_TRAIN_NUMBERS_H
#define SW_TRAIN_NUMBERS_H

#include "match/metrics.h"

#include <jansson.h>

/* {"i2t_r1", .., "rsum", "i2t_ties", "t2i_ties", "images", "captions", "folds"}: a new reference or
 * NULL when out of memory. */
json_t *sw_metrics_json(const struct sw_metrics *metrics);

/* The same back; 0 when a member is missing or of another type. */
int sw_metrics_read(const json_t *object, struct sw_metrics *out);

#endif
