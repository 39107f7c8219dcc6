/* bench.h -- how long a training step or an evaluation of a given shape takes, beside the floor of
 * its matrix products. */
#ifndef SW_TRAIN_BENCH_H
#define SW_TRAIN_BENCH_H

#include "base/error.h"
#include "train/session.h"

#include <jansson.h>

struct sw_bench_request {
    int features, regions; /* F, k */
    int steps;             /* timed training steps; 0: none */
    int warmup;            /* beside each, a step with all negatives */
    int profile;           /* as many steps more, with the time of each part */
    int images, captions;  /* of an evaluation; 0: none */
    int caption_words;     /* n, on average */
};

/* Random data (train/bench_data.h), the model and train settings of a resolved config; a vocabulary
 * of 8481 words. A new reference or NULL.
 *
 * Steps: {"batch", "caption_words", "step_s", "encode_s", "score_s", "backward_s", "update_s"
 * (medians; the loss counts to score), "floor_s", "floor_gflop", "ratio" = step_s / floor_s,
 * "gflops" = floor_gflop / step_s, "peak_rss_mb" (before the floor's own operands are there),
 * "flickr30k_epoch_h", "coco_epoch_h", "floor": [{"part", "gflop", "s", "way"}]} and with warmup
 * {"warmup_step_s", "warmup_ratio", "warmup_peak_rss_mb"}; with profile {"profile_step_s": the mean
 * of the profiled steps, "profile": [{"part", "products_s", "rest_s", "share"}]}, whose parts add
 * up to it: seconds of all threads, divided by their number; "waiting" is what is in no part.
 *
 * An evaluation encodes all once and scores all pairs: {"eval_images", "eval_captions",
 * "eval_encode_s", "eval_score_s", "eval_s", "eval_floor_s", "eval_floor_gflop", "eval_ratio",
 * "eval_floor": [..]}; its floor is that of at most 64 images and 256 captions, scaled. */
json_t *sw_bench(const struct sw_session *session, const json_t *config,
                 const struct sw_bench_request *request, struct sw_error *error);

#endif
