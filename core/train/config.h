/* config.h -- the resolved config of a run, one JSON object, and its numbers as plain members.
 *
 * {"name", "seed", "threads",
 *  "model": {"dim", "direction", "embedding": {"plugin", "word_dim", ..},
 *            "stages": [{"plugin", "score", ..}]},
 *  "train": {"batch", "epochs", "lr", "decay_epoch", "decay", "warmup_epochs", "margin", "clip",
 *            "same_image", "eval_every", "checkpoint_every", "checkpoint_seconds", "max_steps"},
 *  "data": {"dir", "glove", "vocab", "init", "train_split", "dev_split", "test_split",
 *           "train_images", "dev_images", "test_images", "folds", "tests": [..],
 *           "all_dev_captions", "precaps", "longest_caption"}}
 *
 * Every key is there and checked (core/lua/config/config.lua), and every number is what its 15
 * printed digits say, so that a config read back from a file is the same. */
#ifndef SW_TRAIN_CONFIG_H
#define SW_TRAIN_CONFIG_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* 32 hex digits and a NUL: XXH3-128 of the canonical text of a portable config, which is what
 * decides a run's numbers: without name, threads, paths and how often state is saved. `more` (may
 * be NULL) is hashed as well: what stands behind the paths (sw_dataset's fingerprint) and the
 * plugins' hashes. */
int sw_config_hash(const json_t *portable, const char *more, char out[33], struct sw_error *error);

/* JSON text with keys in order; free() it. NULL when out of memory. */
char *sw_config_text(const json_t *config, int indent);

/* The same numbers as plain members. Strings belong to the config; a path that is not given is "".
 */
struct sw_settings {
    const char *name;
    uint64_t seed;
    int threads;
    int batch, epochs, decay_epoch, warmup_epochs;
    double lr, decay, margin, clip;
    int exclude_same_image; /* "same_image": "exclude" */
    int eval_every, checkpoint_every, checkpoint_seconds, max_steps;
    const char *dir, *glove, *vocab, *init;
    const char *train_split, *dev_split, *test_split;
    int train_images, dev_images, test_images, folds, all_dev_captions, precaps;
    int longest_caption;
    const json_t *tests; /* data.tests: train/test_sets.h says what it stands for */
    int dim, word_dim;
    const char *embedding;
};
void sw_config_settings(const json_t *config, struct sw_settings *out);

#endif
