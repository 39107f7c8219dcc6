/* metrics.h -- ranks and recalls of image-text retrieval, as the field counts them.
 *
 * S is (I,C), row-major: image i in row i, C = I * per_image captions, caption c describes image
 * c / per_image. The rank of an item is the number of strictly larger scores plus the number of
 * equal scores at a higher index, so 0 is best: a stable ascending sort read from its end.
 * With folds, I / folds consecutive images at a time are ranked against their own captions only. */
#ifndef SW_MATCH_METRICS_H
#define SW_MATCH_METRICS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* One rank a query, for statistics that draw queries again. */
struct sw_ranks {
    size_t images, captions, per_image, folds;
    uint32_t *text;  /* (I): best rank among the image's own captions */
    uint32_t *image; /* (C): rank of the caption's image */
    /* Wrong items with exactly the right item's score: where there are any, the rank hangs on the
     * order of equal scores. */
    uint32_t *text_equal;  /* (I) */
    uint32_t *image_equal; /* (C) */
};

/* Text retrieval is image -> text (i2t), image retrieval is text -> image (t2i). */
struct sw_metrics {
    double i2t_r1, i2t_r5, i2t_r10; /* percent of the queries with rank < 1, 5, 10 */
    double i2t_medr, i2t_meanr;     /* floor(median rank) + 1, mean rank + 1 */
    double t2i_r1, t2i_r5, t2i_r10;
    double t2i_medr, t2i_meanr;
    double rsum;               /* the sum of the six recalls, not rounded */
    size_t i2t_ties, t2i_ties; /* queries whose rank hangs on the order of equal scores */
    size_t images, captions, folds;
};

/* Refuses images that do not divide into the folds; an error begins with `where`. */
int sw_check_folds(size_t images, size_t folds, const char *where, struct sw_error *error);

/* Makes room for the ranks of `images` queries with `per_image` captions each, all zero. Errors:
 * a size of 0, images that do not divide into the folds, too many captions, memory. Free with
 * sw_ranks_free. */
int sw_ranks_new(struct sw_ranks *out, size_t images, size_t per_image, size_t folds,
                 struct sw_error *error);
void sw_ranks_free(struct sw_ranks *ranks);

/* Counts the rows first .. first + rows - 1 of S; row r of the block begins at block + r * stride
 * and holds all C captions. own (C): own[c] = S[c / per_image][c], the very bits that the rows
 * hold; it is needed before the first row, as each row is a rival of the captions of all others.
 * The ranks are complete when every row was counted once, in any order. Only scores inside a fold
 * are read. An error names the pair (image, caption) whose score is NaN. */
int sw_ranks_rows(struct sw_ranks *ranks, const float *own, const float *block, size_t stride,
                  size_t first, size_t rows, struct sw_error *error);

/* Refuses a NaN in columns [first, end) of one image's row of S, with its pair. */
int sw_refuse_nan(const float *row, size_t first, size_t end, size_t image, struct sw_error *error);

/* The metrics of complete ranks: each one averaged over the folds; ties are added up. */
int sw_metrics_of(struct sw_metrics *out, const struct sw_ranks *ranks, struct sw_error *error);

/* Ranks the whole matrix S (I,C) and takes its metrics. `ranks` may be NULL; else it gets the rank
 * of every query within its fold; free it with sw_ranks_free. Errors: those of the three above; a
 * NaN is one outside the folds, too. */
int sw_metrics_of_matrix(struct sw_metrics *out, struct sw_ranks *ranks, const float *S,
                         size_t images, size_t per_image, size_t folds, struct sw_error *error);

#endif
