/* state.h -- all that a killed run needs to go on with the same bits, in one file.
 *
 * state.safetensors holds every parameter ("model.NAME"), both moments of every trained one
 * ("first.NAME", "second.NAME"), and in its metadata how far the run is, which Lua writes and
 * reads, and a checksum of it and of the numbers. It is one file, replaced in one rename, so the
 * parameters and the moments can never be of two steps; the model file beside it stays clean.
 * Random streams are named by (seed, purpose, epoch), so the counters are all there is to save of
 * them. */
#ifndef SW_TRAIN_STATE_H
#define SW_TRAIN_STATE_H

#include "base/error.h"
#include "match/model.h"

/* first, second: the moments, one number for each trained number in the order of
 * sw_model_trained. key: names the run, so that no other run can go on from its state. */
int sw_state_save(const char *path, const struct sw_model *model, const float *first,
                  const float *second, const char *progress, const char *key,
                  struct sw_error *error);

/* Fills the model and the moments; *progress is the text that was saved, to be freed. keys: those
 * it may have, then NULL. Errors: another key, a tensor that is missing, not expected or of another
 * shape, numbers that do not fit the checksum. */
int sw_state_load(const char *path, struct sw_model *model, float *first, float *second,
                  char **progress, const char *const *keys, struct sw_error *error);

#endif
