/* optimiser.h -- Adam with the gradient's norm clipped, over one contiguous range of parameters.
 *
 * Frozen tables lie outside the range; everything inside is trained. The caller owns the arrays, so
 * that moments and step can be kept in a file and come back bit by bit. */
#ifndef SW_TRAIN_OPTIMISER_H
#define SW_TRAIN_OPTIMISER_H

#include "base/error.h"
#include "tensor/threads/compute.h"

#include <stddef.h>
#include <stdint.h>

struct sw_adam {
    float *m, *v; /* (count): first and second moment */
    size_t count;
    uint64_t step;                /* updates done */
    double beta1, beta2, epsilon; /* 0.9, 0.999, 1e-8 */
    double decay;                 /* of the parameters, apart from the gradient (AdamW); 0: none */
};

/* Takes moments that are zero at the start of a run, or as they were kept with `step`. */
struct sw_adam sw_adam_new(float *m, float *v, size_t count, uint64_t step);

/* x (count) = 0, on all threads. */
void sw_clear(struct sw_compute *compute, float *x, size_t count);

/* Square root of the sum of squares of x (count), summed in double in an order that depends on
 * `count` only. */
double sw_norm(struct sw_compute *compute, const float *x, size_t count);

/* One step as PyTorch's clip_grad_norm_ and Adam, or with a decay AdamW, do it: gradients count as
 * multiplied by min(1, clip / (norm + 1e-6)), or as they are when clip <= 0; the array itself is
 * not changed. *norm, where not NULL, becomes the norm before clipping. A norm that is not finite
 * fails and leaves parameters, moments and step as they were; the error names the first number at
 * fault. */
int sw_adam_update(struct sw_compute *compute, struct sw_adam *adam, float *parameters,
                   const float *gradients, double rate, double clip, double *norm,
                   struct sw_error *error);

#endif
