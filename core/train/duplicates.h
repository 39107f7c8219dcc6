/* duplicates.h -- gives equal images and equal captions equal scores.
 *
 * The sums of a matrix product depend in their last bits on where a row stands in it, so that two
 * captions of the same words would be ranked by rounding. Here the first of several equal images or
 * captions gives all of them its scores; what has no duplicate keeps its own bits. */
#ifndef SW_TRAIN_DUPLICATES_H
#define SW_TRAIN_DUPLICATES_H

#include "base/error.h"
#include "match/model.h"

#include <stddef.h>
#include <xxhash.h>

/* Of a right pair whose first equal ones are no right pair. */
struct sw_own_score {
    size_t image, caption; /* the first ones */
    size_t source;         /* the caption whose own score it is */
    float score;
};

struct sw_duplicates {
    size_t images, captions, per_image;
    XXH128_hash_t *hash;       /* (images + captions): of what the models read */
    size_t *first;             /* (images + captions): the first equal one */
    size_t count;              /* how many are equal to an earlier one */
    struct sw_own_score *kept; /* (kept_count), by image */
    size_t kept_count;
    float **row; /* (images): the scores of an image that later ones are equal to, or NULL */
};

/* For so many images and captions, per_image of each; per_image 0: they do not belong together. */
int sw_duplicates_new(struct sw_duplicates *out, size_t images, size_t captions, size_t per_image,
                      struct sw_error *error);
void sw_duplicates_free(struct sw_duplicates *duplicates);

/* Adds what the examples hold, of F features and of `second` numbers per fragment of a second set,
 * from image (caption) `first` on. Equal are those that
 * are equal in all that was added, so several models may each add all. */
void sw_duplicates_images(struct sw_duplicates *duplicates, size_t first,
                          const struct sw_examples *examples, int features, int second);
void sw_duplicates_captions(struct sw_duplicates *duplicates, size_t first,
                            const struct sw_examples *examples, int second);

/* After all was added: which are equal. */
int sw_duplicates_find(struct sw_duplicates *duplicates, struct sw_error *error);

/* scores (images) or (captions) of one query. */
void sw_duplicates_of_images(const struct sw_duplicates *duplicates, float *scores);
void sw_duplicates_of_captions(const struct sw_duplicates *duplicates, float *scores);

/* For a matrix of scores whose right pairs are needed before its rows: own (captions), of each
 * caption and its image; then rows (count, captions), `stride` apart, of images [first, first +
 * count), once and in order. The rows agree with own. */
int sw_duplicates_own(struct sw_duplicates *duplicates, float *own, struct sw_error *error);
void sw_duplicates_rows(struct sw_duplicates *duplicates, size_t first, size_t count, float *rows,
                        size_t stride);

#endif
