/* bench_parts.h -- what the files of the bench share. */
#ifndef SW_TRAIN_BENCH_PARTS_H
#define SW_TRAIN_BENCH_PARTS_H

#include "train/bench.h"
#include "train/bench_data.h"
#include "train/config.h"
#include "train/floor.h"

enum { SW_BENCH_VOCABULARY = 8481 }; /* Flickr30K's */

struct sw_bench {
    const struct sw_session *session;
    const struct sw_bench_request *request;
    struct sw_settings settings;
    struct sw_model *model;
    struct sw_graph *graph;
    json_t *out;
};

/* How many regions, words and pairs there are for each one that the floor was measured with, by
 * enum sw_product_per; adds PREFIX"floor_s", PREFIX"floor_gflop" and PREFIX"floor". */
int sw_bench_tell_floor(struct sw_bench *bench, const char *prefix, const struct sw_floor *floor,
                        const double scale[3], double *seconds, double *gflop,
                        struct sw_error *error);

int sw_bench_tell(struct sw_bench *bench, const char *prefix, const char *name, double number,
                  struct sw_error *error);

/* The most memory the process has had so far, in MB. */
double sw_bench_peak(void);

/* Hangs a new profile on the session's threads; the parts of `steps` steps that took `seconds` in
 * all go to "profile", and the profile is taken off again (also after a failure). */
struct sw_profile;
int sw_bench_profile_begin(struct sw_bench *bench, struct sw_profile **out, struct sw_error *error);
int sw_bench_profile_end(struct sw_bench *bench, struct sw_profile *profile, int steps,
                         double seconds, struct sw_error *error);

int sw_bench_evaluation(struct sw_bench *bench, struct sw_error *error);

#endif
