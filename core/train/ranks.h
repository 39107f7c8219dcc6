/* ranks.h -- the rank of every query of an evaluation, as a file that statistics can draw from
 * again.
 *
 * (I, 1 + per_image) float32 .npy: row i holds the rank of image i among the captions, then the
 * ranks of the image for each of its captions; 0 is best (match/metrics.h). A row is what one image
 * brings to all six recalls, so a bootstrap that draws rows keeps what belongs together. */
#ifndef SW_TRAIN_RANKS_H
#define SW_TRAIN_RANKS_H

#include "base/error.h"
#include "match/metrics.h"

/* Whole or not at all. Errors: memory, the disk. */
int sw_ranks_write(const char *path, const struct sw_ranks *ranks, struct sw_error *error);

/* Reads what sw_ranks_write wrote. The folds within which it ranks are not in the file (a run's
 * result.json has them), nor are equal scores, so none are known. Errors name the file: no float32
 * (I, 1 + per_image), images that do not divide into the folds, a number that is no rank there
 * (with its row and column), memory. Free with sw_ranks_free. */
int sw_ranks_read(struct sw_ranks *out, const char *path, size_t folds, struct sw_error *error);

#endif
