/* bootstrap.h -- how far a difference between two settings could be chance: queries and seeds are
 * drawn again (Efron's bootstrap), the same draws for both settings, which pairs them.
 *
 * Drawn are images, each with its captions. Captions of one image share what makes it hard, so five
 * of them are not five observations: drawing captions alone would make intervals too narrow. What
 * the queries are ranked against stays as it was, and so does how many images a fold has: images
 * are drawn within their fold. As folds have one size, the mean of their recalls is the recall of
 * all.
 *
 * Seeds are drawn, too. From n seeds, draws vary (n - 1) / n times as much as new seeds would: a
 * third less at n = 3. So what a draw of seeds moves is stretched by sqrt(n / (n - 1)). That mends
 * the variance and not the shape: three seeds hold no tail. Who calls a difference real asks
 * Student's t over the seeds, too (core/lua/results/compare.lua does). */
#ifndef SW_MATCH_BOOTSTRAP_H
#define SW_MATCH_BOOTSTRAP_H

#include "base/error.h"
#include "match/metrics.h"

#include <stddef.h>
#include <stdint.h>

/* i2t_r1, i2t_r5, i2t_r10, t2i_r1, t2i_r5, t2i_r10 */
enum { SW_RECALLS = 6 };

/* What each image of one run brings to the recalls: counts (6, I), image -> text 0 or 1, text ->
 * image 0 to per_image. */
struct sw_hits {
    size_t images, per_image, folds;
    int16_t *counts;
};

/* Errors: too many captions to count, memory. Free with sw_hits_free. */
int sw_hits_of(struct sw_hits *out, const struct sw_ranks *ranks, struct sw_error *error);
void sw_hits_free(struct sw_hits *hits);

/* The counts of `count` runs added up, for differences between sums of settings; a run may be there
 * several times. Errors: no runs, other queries, sums that sw_bootstrap cannot hold, memory. Free
 * with sw_hits_free. */
int sw_hits_sum(struct sw_hits *out, const struct sw_hits *const *hits, size_t count,
                struct sw_error *error);

/* Of a difference in percent: as measured, the 2.5 and 97.5 percentiles of its draws (between
 * neighbours on the line, as NumPy does), and p = 2 min(draws <= 0, draws >= 0), each of them and
 * of the draws counted one more, at most 1. */
struct sw_spread {
    double mean, low, high, p;
};

/* Runs a[s] against b[s] of the same seed, s < seeds, all on the same (I, per_image) queries in
 * the same folds. One
 * seed: only images are drawn. Draw d takes its images from the stream (seed, bootstrap, d, 0) and
 * its seeds from (seed, bootstrap, d, 1), so a number is the same on every machine. out (7): the
 * six recalls, then rsum. draws >= 1. Errors: no runs, other queries, memory. */
int sw_bootstrap(const struct sw_hits *const *a, const struct sw_hits *const *b, size_t seeds,
                 size_t draws, uint64_t seed, struct sw_spread out[SW_RECALLS + 1],
                 struct sw_error *error);

#endif
