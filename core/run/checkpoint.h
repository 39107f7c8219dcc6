/* checkpoint.h -- a model in a .safetensors file: parameters by name, config in its metadata.
 *
 * A checkpoint holds exactly the model's parameters, float32, and "__metadata__"."stepwise", the
 * config as JSON text, of which {"model": ..} is enough. */
#ifndef SW_RUN_CHECKPOINT_H
#define SW_RUN_CHECKPOINT_H

#include "base/error.h"
#include "data/safetensors.h"
#include "run/session.h"

#include <jansson.h>

struct sw_vocabulary;

/* The config that the file holds, as its text; free() it. Errors: the file's, or that it has none.
 */
int sw_checkpoint_config(const char *path, char **text, struct sw_error *error);

/* Builds the model of `config`, which is what the file's own config says, resolved, and fills every
 * parameter. Errors name a tensor that is missing, not expected (with the near miss), of another
 * shape, or that holds a NaN or an infinity. */
int sw_checkpoint_load(struct sw_matcher **out, const struct sw_session *session, const char *path,
                       const json_t *config, struct sw_error *error);

/* The vocabulary that goes with a checkpoint: the file `vocab`, or vocab.json beside the checkpoint
 * when that is NULL. It must have `expected` words (V). */
int sw_checkpoint_vocabulary(struct sw_vocabulary *out, const char *checkpoint, const char *vocab,
                             int expected, struct sw_error *error);

/* Writes the model and its portable config to `path`, whole or not at all. */
int sw_checkpoint_save(const char *path, const struct sw_model *model, const json_t *portable,
                       struct sw_error *error);

#endif
