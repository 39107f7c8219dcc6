/* floor.h -- how long a list of matrix products takes by itself: the floor under a step.
 *
 * Each round issues every product once as bare cblas_sgemm calls, in two ways: "chunks", cut over
 * the threads of a sw_compute at one BLAS thread each, and "blas", one call after the other on
 * OpenBLAS's own threads. Of each part the faster way counts, by the medians of the rounds. */
#ifndef SW_TRAIN_FLOOR_H
#define SW_TRAIN_FLOOR_H

#include "match/products.h"

enum sw_floor_way { SW_FLOOR_CHUNKS, SW_FLOOR_BLAS, SW_FLOOR_WAYS };

struct sw_floor_part {
    const char *name;
    enum sw_product_per per;
    double flop;
    double seconds; /* the median round of the faster way */
    enum sw_floor_way way;
};

struct sw_floor;

/* Copies the list; rounds: how many there will be at most. */
int sw_floor_new(struct sw_floor **out, struct sw_compute *compute, const struct sw_product *list,
                 int count, int rounds, struct sw_error *error);
void sw_floor_free(struct sw_floor *floor); /* NULL is fine */

/* One more round. Leaves OpenBLAS at one thread, and its own threads at rest. */
void sw_floor_round(struct sw_floor *floor);

/* The parts in the order of the list; there is at least one round. */
int sw_floor_parts(const struct sw_floor *floor);
struct sw_floor_part sw_floor_part(const struct sw_floor *floor, int part);

/* The middle one of count > 0 numbers, or the mean of the two in the middle; reorders them. */
double sw_median(double *x, int count);

#endif
