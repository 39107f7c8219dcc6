/* config.h -- the config of a run: one JSON object with every key, its type, default and range.
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
 * Every key may be absent. "resolved" means: every key is there, checked, in this order, and every
 * number is what its 15 printed digits say, so that a config read back from a file is the same. */
#ifndef SW_RUN_CONFIG_H
#define SW_RUN_CONFIG_H

#include "base/error.h"
#include "plugin/plugins.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A new resolved config, or NULL. `config` may be NULL or {} (all defaults). Errors name the key,
 * what was expected, what was found, and the near miss of an unknown key. */
json_t *sw_config_resolve(const struct sw_plugins *plugins, const json_t *config,
                          struct sw_error *error);

/* Applies "key=value" to a resolved config, which stays resolved; after a failure it is as it was.
 * Keys: a dotted path ("train.lr", "model.dim", "model.embedding.plugin"), a path's last word where
 * that is clear ("lr", "dim", "train_images"), "embedding" and "word_dim", "fusion" (of every stage
 * that fuses), "stages" (names with ',' between; stages that were there keep their options), and a
 * stage's, the embedding's or a stage's fusion's own option: "l2l.lambda", "g2l.score",
 * "g2l.fusion", "g2l.fusion.NAME", "embedding.NAME". */
int sw_config_override(const struct sw_plugins *plugins, json_t *config, const char *assignment,
                       struct sw_error *error);

/* Keys of "train" and "data" and the top level, for help texts; the model's come from plugins. */
enum sw_key_kind {
    SW_KEY_NUMBER = 1,
    SW_KEY_INTEGER,
    SW_KEY_SWITCH,
    SW_KEY_CHOICE,
    SW_KEY_TEXT,
    SW_KEY_TESTS
};
struct sw_config_key {
    const char *section; /* "train", "data", or "" for the top level */
    const char *name;
    enum sw_key_kind kind;
    const char *preset;  /* the default, as one would type it */
    const char *choices; /* SW_KEY_CHOICE: words with one space between */
    double least, most;  /* SW_KEY_NUMBER, SW_KEY_INTEGER: inclusive */
    int above_least;     /* SW_KEY_NUMBER: `least` itself is refused */
    int inert;           /* does not change what a run computes: not part of sw_config_hash */
    int later;           /* younger than recorded runs: at its default not part of the hash */
    const char *doc;
};
const struct sw_config_key *sw_config_keys(size_t *count);

/* A new copy without what belongs to one machine or one user (name, threads, paths, how often state
 * is saved): what decides a run's numbers. NULL when out of memory. */
json_t *sw_config_portable(const json_t *config);

/* Whether two resolved configs decide the same numbers; if not, the first key that differs and both
 * its values go into out, as "train.lr is 0.001 there and 0.0002 here". */
int sw_config_same(const json_t *there, const json_t *here, char *out, size_t size);

/* 32 hex digits and a NUL: XXH3-128 of the canonical text of what decides a run's numbers. Left
 * out: name, threads, paths and how often state is saved. `more` (may be NULL) is hashed as well:
 * what stands behind the paths (sw_dataset's fingerprint) and the plugins' hashes. */
int sw_config_hash(const json_t *config, const char *more, char out[33], struct sw_error *error);

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
    const json_t *tests; /* data.tests: run/test_sets.h says what it stands for */
    int dim, word_dim;
    const char *embedding;
};
void sw_config_settings(const json_t *config, struct sw_settings *out);

#endif
