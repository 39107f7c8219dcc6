/* fragments.h -- where the rows of a batch's regions or words lie.
 *
 * A group is an image or a caption. Its fragment f is row first[g] + f * stride. Words lie end to
 * end (stride 1). Regions lie in blocks of SW_LANES images, region-major: row
 * block * k * SW_LANES + region * SW_LANES + lane (stride SW_LANES), so that a product with all
 * words comes out of one matrix product in the order of the lanes. */
#ifndef SW_TENSOR_FRAGMENTS_H
#define SW_TENSOR_FRAGMENTS_H

struct sw_fragments {
    int groups; /* images, or captions */
    int rows;   /* all rows, padding rows included */
    int most;   /* the largest count */
    int stride;
    const int *first; /* (groups) */
    const int *count; /* (groups): fragments a group really has */
};

#endif
