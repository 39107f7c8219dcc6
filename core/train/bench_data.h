/* bench_data.h -- random images and captions of a given shape. */
#ifndef SW_TRAIN_BENCH_DATA_H
#define SW_TRAIN_BENCH_DATA_H

#include "base/error.h"
#include "match/model.h"
#include "tensor/threads/compute.h"

#include <stdint.h>

/* Caption lengths are round(normal(14, 4)), 6 to 32, times words / 14, and stay; features and ids
 * are drawn anew by each sw_bench_draw. */
struct sw_bench_data {
    struct sw_examples examples;
    int features, vocabulary; /* F, V */
    int32_t *image;           /* (captions): caption i belongs to image i */
    /* its own */
    float *regions; /* (region rows, F) */
    int *start;
    int32_t *ids;
};

int sw_bench_data_new(struct sw_bench_data *out, int images, int k, int features, int captions,
                      int words, int vocabulary, struct sw_error *error);
void sw_bench_data_free(struct sw_bench_data *data);

/* Features uniform in [0,1) for the first examples.images images, zeros behind them; ids of words
 * in [4,V). The same numbers for the same draw. */
void sw_bench_draw(struct sw_bench_data *data, struct sw_compute *compute, int draw);

#endif
