/* gather.h -- from a data set to the numbers of one batch (struct sw_examples). */
#ifndef SW_TRAIN_GATHER_H
#define SW_TRAIN_GATHER_H

#include "base/error.h"
#include "data/dataset.h"
#include "match/model.h"
#include "tensor/tape/arena.h"
#include "tensor/threads/compute.h"

#include <stddef.h>
#include <stdint.h>

struct sw_gather_ahead;

/* Room for a batch of one data set; the next batch overwrites the last one. */
struct sw_gather {
    const struct sw_dataset *data;
    struct sw_compute *compute;    /* NULL: the calling thread does all */
    struct sw_gather_ahead *ahead; /* NULL: nobody has asked for a batch ahead */
    struct sw_examples examples;   /* of the last batch */
    int32_t *image; /* (captions) the image of each caption, 0 .. I-1 of the data set */
    /* its own */
    struct sw_arena *arena; /* holds the features: on large pages */
    float *features, *rows; /* a batch in blocks; one image for each worker */
    float *second[2];       /* numbers of the second sets, where the data set has them */
    int *second_count[2], second_start; /* where the next caption's begin */
    int *count, *start;
    int32_t *ids;
    size_t *row;             /* (images) rows of the features file */
    struct sw_error *errors; /* one for each chunk of images */
    int images, captions;
    size_t words;
};

/* At most `images` images and `captions` captions; either may be 0. data and compute outlive it,
 * and data is not changed. */
int sw_gather_new(struct sw_gather *out, const struct sw_dataset *data, struct sw_compute *compute,
                  int images, int captions, struct sw_error *error);
void sw_gather_free(struct sw_gather *gather);

/* Has a thread of the gather's own prepare the captions caption[0..count), which are copied, in a
 * second buffer while others compute. The next sw_gather_pairs takes them from there when it asks
 * for these same captions, and waits where they are not ready yet; what went wrong is told then.
 * A gather of one thread only asks the system for the pages. Errors here: too many captions,
 * memory, a thread that does not start. */
int sw_gather_ahead(struct sw_gather *gather, const uint32_t *caption, int count,
                    struct sw_error *error);

/* Captions caption[0..count) and for each its own image, repeated when captions share it. */
int sw_gather_pairs(struct sw_gather *gather, const uint32_t *caption, int count,
                    struct sw_error *error);
/* Images first .. first + count - 1, and no captions. */
int sw_gather_images(struct sw_gather *gather, size_t first, int count, struct sw_error *error);
/* Captions first .. first + count - 1, and no images. */
int sw_gather_captions(struct sw_gather *gather, size_t first, int count, struct sw_error *error);

#endif
