/* bench.h -- a model on random data of a given shape, for stepwise bench to time: one step, one
 * evaluation, or the bare products of either. What is told of the times is made in Lua
 * (core/lua/results/timings.lua). */
#ifndef SW_TRAIN_BENCH_H
#define SW_TRAIN_BENCH_H

#include "train/session.h"
#include "train/step.h"

struct sw_products;
struct sw_bench;

struct sw_bench_shape {
    int features, regions; /* F, k */
    int images, captions;  /* of an evaluation; 0: none */
    int caption_words;     /* n, on average */
};

/* The model and train settings of a resolved config, with a vocabulary of 8481 words. Caption
 * lengths are round(normal(14, 4)), 6 to 32, times caption_words / 14. The session outlives it. */
int sw_bench_new(struct sw_bench **out, const struct sw_session *session, const json_t *config,
                 const struct sw_bench_shape *shape, struct sw_error *error);
void sw_bench_free(struct sw_bench *bench); /* NULL is fine */

/* One training step, on features and words that are drawn anew before its clock starts. */
int sw_bench_step(struct sw_bench *bench, int all_negatives, struct sw_step_result *out,
                  struct sw_error *error);

/* All images and captions of the shape encoded once and all pairs scored, the way of
 * train/evaluate.c; of the images, the same 64 again and again. */
int sw_bench_evaluate(struct sw_bench *bench, double *encode_s, double *score_s,
                      struct sw_error *error);

/* The products of the last step; or, with 1 to 64 images and captions, those of encoding and
 * scoring so many. *out starts zeroed. */
int sw_bench_products(struct sw_bench *bench, int images, int captions, struct sw_products *out,
                      struct sw_error *error);

/* The words of the first `captions` captions, or of all there are. */
int sw_bench_words(const struct sw_bench *bench, int captions);

#endif
