/* loss.h -- the arguments of the hinge of eq. 17, besides struct sw_pair_images. */
#ifndef SW_TENSOR_LOSS_H
#define SW_TENSOR_LOSS_H

/* args.i[0] of "hinge" */
enum sw_negatives { SW_HARDEST_NEGATIVE = 0, SW_ALL_NEGATIVES = 1 };
/* args.i[1] */
enum sw_same_image { SW_SAME_IMAGE_NEGATIVE = 0, SW_SAME_IMAGE_EXCLUDED = 1 };
/* args.i[2]: so many pairs in succession are views of one sample; 0 and 1: each is a sample */

#endif
