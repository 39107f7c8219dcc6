/* positives.h -- where right items rank when a query has any number of them: ground truth beyond an
 * image and its own captions. */
#ifndef SW_MATCH_POSITIVES_H
#define SW_MATCH_POSITIVES_H

#include <stddef.h>
#include <stdint.h>

/* An image and a caption that belong together, and where that was found. */
struct sw_positive {
    uint32_t image, caption;
    float score;   /* out */
    uint32_t rank; /* out; 0 is best, of equal scores the higher index (match/metrics.h) */
};

/* S is (I,C), row-major, without NaN. Ranks each pair's caption among all captions for its image,
 * or its image among all images for its caption. Every row is read once for the second. */
void sw_rank_captions(struct sw_positive *list, size_t count, const float *S, size_t captions);
void sw_rank_images(struct sw_positive *list, size_t count, const float *S, size_t images,
                    size_t captions);

#endif
