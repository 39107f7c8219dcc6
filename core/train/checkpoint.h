/* checkpoint.h -- a model in a .safetensors file: parameters by name, config in its metadata.
 *
 * A checkpoint holds exactly the model's parameters, float32, and in "__metadata__" the config as
 * JSON text, "stepwise", of which {"model": ..} is enough, and the fingerprint of the vocabulary
 * that it was trained with, 16 hex digits, "vocabulary", which older ones lack. */
#ifndef SW_TRAIN_CHECKPOINT_H
#define SW_TRAIN_CHECKPOINT_H

#include "base/error.h"
#include "data/safetensors.h"
#include "train/session.h"

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

/* Fills every parameter of a model of the same parts, with the same errors. */
int sw_checkpoint_fill(const char *path, const struct sw_model *model, struct sw_error *error);

/* The vocabulary that goes with a checkpoint: the file `vocab`, or vocab.json beside the checkpoint
 * when that is NULL. It must have `expected` words (V) and be the one that the checkpoint was
 * trained with: by the fingerprint in the checkpoint, or else, for `vocab`, by the vocab.json
 * beside it, where there is one. Errors name both fingerprints and the first word that differs. */
int sw_checkpoint_vocabulary(struct sw_vocabulary *out, const char *checkpoint, const char *vocab,
                             int expected, struct sw_error *error);

/* Writes the model, the text of its portable config and the fingerprint of its vocabulary (NULL:
 * not known) to `path`, whole or not at all. */
int sw_checkpoint_save(const char *path, const struct sw_model *model, const char *portable,
                       const struct sw_vocabulary *vocabulary, struct sw_error *error);

#endif
