/* evaluate.h -- retrieval metrics of one model, or of several by the mean of their similarities. */
#ifndef SW_TRAIN_EVALUATE_H
#define SW_TRAIN_EVALUATE_H

#include "base/error.h"
#include "match/metrics.h"
#include "train/duplicates.h"
#include "train/gather.h"
#include "train/session.h"

struct sw_evaluate_options {
    size_t folds;     /* consecutive folds of one size, every metric averaged; 0: 1 */
    const char *sims; /* NULL, or where S goes: .npy, float32, (images, captions) */
    struct sw_pair_options pairs;
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

/* How many images and captions of a split are read and encoded at a time. */
enum { SW_SPLIT_IMAGES = 64, SW_SPLIT_CAPTIONS = 512 };

/* Encodes images (captions) [first, first + count) of the gather's data set behind what *out holds,
 * and adds them to the duplicates, from `index` on; NULL: nobody asks which are equal. */
int sw_encode_split_images(struct sw_model *model, struct sw_gather *gather, size_t first,
                           size_t count, struct sw_duplicates *duplicates, size_t index,
                           struct sw_encoded *out, struct sw_error *error);
int sw_encode_split_captions(struct sw_model *model, struct sw_gather *gather, size_t first,
                             size_t count, struct sw_duplicates *duplicates, size_t index,
                             struct sw_encoded *out, struct sw_error *error);

#endif
