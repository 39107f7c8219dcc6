/* config.h -- the resolved config of a run, one JSON object, and what C reads of it as plain
 * members.
 *
 * {"name", "seed", "threads",
 *  "model": {"dim", "direction", "embedding": {"plugin", "word_dim", ..},
 *            "stages": [{"plugin", "score", ..}]},
 *  "train": {"batch", "views", "epochs", "lr", "decay_epoch", "decay", "warmup_epochs", "margin",
 *            "clip", "weight_decay", "same_image", "eval_every", "checkpoint_every",
 *            "checkpoint_seconds", "max_steps"},
 *  "data": {"dir", "glove", "vocab", "init", "train_split", "dev_split", "test_split",
 *           "train_images", "dev_images", "test_images", "folds", "tests": [..],
 *           "all_dev_captions", "precaps", "longest_caption"}}
 *
 * Every key is there and checked (core/lua/config/config.lua), and every number is what its 15
 * printed digits say, so that a config read back from a file is the same. */
#ifndef SW_TRAIN_CONFIG_H
#define SW_TRAIN_CONFIG_H

#include <jansson.h>
#include <stdint.h>

/* What C reads of it besides the model, which plugin/compose.h reads. Strings belong to the config;
 * a path that is not given is "". */
struct sw_settings {
    uint64_t seed;
    int batch, views, epochs, decay_epoch;
    double lr, decay, clip, weight_decay;
    int max_steps;
    const char *dir, *glove, *vocab, *init;
    const char *train_split, *dev_split;
    int train_images, dev_images, all_dev_captions, precaps;
    int longest_caption;
    int word_dim;
    const char *embedding;
    const char *second[2]; /* names of second sets, per image and per caption; NULL: none */
    int second_width[2];
};
void sw_config_settings(const json_t *config, struct sw_settings *out);

#endif
