/* evaluate.h -- retrieval metrics of one model, or of several by the mean of their similarities. */
#ifndef SW_TRAIN_EVALUATE_H
#define SW_TRAIN_EVALUATE_H

#include "base/error.h"
#include "match/metrics.h"
#include "train/session.h"

#include <jansson.h>

struct sw_dataset;

struct sw_evaluate_options {
    size_t images;        /* only the first N images; 0: all */
    int all_dev_captions; /* the split "dev" is not held to its first 1000 images */
    int precaps;          /* word ids from {split}_precaps.txt when that is there */
    size_t folds;         /* consecutive folds of one size, every metric averaged; 0: 1 */
    const char *sims;     /* NULL, or where S goes: .npy, float32, (images, captions) */
    struct sw_pair_options pairs;
    json_t *coverage; /* NULL, or an array that gets sw_coverage_json of each checkpoint's words */
};

/* One model with the data as its vocabulary reads it. */
struct sw_view {
    struct sw_model *model;
    const struct sw_dataset *data;
};

/* Scores all images against all captions (with folds: of their own fold, unless S is asked for)
 * and ranks them. Views see the same images and captions. Equal images and equal captions get equal
 * scores (train/duplicates.h). Memory: each model's encoded captions and images (of a fold), 512
 * rows of S twice, and one for each image that others equal; S goes to `sims` row by row, and that
 * file appears whole or not at all. ranks may be NULL; free it with sw_ranks_free. Errors: sizes
 * that do not fit, images that do not divide into the folds, a NaN with its pair. */
int sw_evaluate(const struct sw_session *session, const struct sw_view *views, int count,
                const struct sw_evaluate_options *options, struct sw_metrics *out,
                struct sw_ranks *ranks, struct sw_error *error);

/* A checkpoint and its resolved config. */
struct sw_named_model {
    const char *checkpoint;
    const json_t *config;
};

/* The same from files: each checkpoint with `vocab`, or with the vocab.json beside it when that is
 * NULL; one that knows none of the captions' words is an error. */
int sw_evaluate_files(const struct sw_session *session, const struct sw_named_model *models,
                      int count, const char *dir, const char *split, const char *vocab,
                      const struct sw_evaluate_options *options, struct sw_metrics *out,
                      struct sw_ranks *ranks, struct sw_error *error);

#endif
