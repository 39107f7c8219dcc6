/* loss.h -- what the hinge of eq. 17 needs to know of a batch. */
#ifndef SW_TENSOR_LOSS_H
#define SW_TENSOR_LOSS_H

#include <stdint.h>

/* Behind args.p of "hinge": pair i of the batch is (image[i], its caption). Two pairs may share an
 * image, since an image has several captions. */
struct sw_hinge_batch {
    int n;
    const int32_t *image; /* (n) */
};

/* args.i[0] of "hinge" */
enum sw_negatives { SW_HARDEST_NEGATIVE = 0, SW_ALL_NEGATIVES = 1 };
/* args.i[1] */
enum sw_same_image { SW_SAME_IMAGE_NEGATIVE = 0, SW_SAME_IMAGE_EXCLUDED = 1 };

#endif
