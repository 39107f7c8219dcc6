/* groups.h -- what operations over the fragments of each image or caption share. Their args.p is
 * the batch's sw_fragments; a result with one row per group has G rows. */
#ifndef SW_TENSOR_GROUPS_H
#define SW_TENSOR_GROUPS_H

#include "stepwise/plugin.h"

#include <stddef.h>

/* For samples: three images of up to 3 regions, 48 rows, in one block of lanes with room for more;
 * three captions of 6 words end to end, one of them without any. */
extern const struct sw_fragments sw_sample_regions, sw_sample_words;

/* 1 when `groups` is there, has `rows` rows and every fragment lies within them. */
int sw_groups_fit(const struct sw_fragments *groups, int rows);

/* G: one row per caption; per image and for each lane that the last block of images leaves empty.
 */
int sw_group_rows(const struct sw_fragments *groups);

/* Calls work(call, from, to) until the G rows of call->args->p are covered, on all threads;
 * `columns` is how many numbers a fragment costs. */
void sw_over_groups(const struct sw_call *call, int columns,
                    void (*work)(const void *call, int from, int to));

/* All fragments of all groups. */
int sw_group_fragments(const struct sw_fragments *groups);

/* Zeroes x (N,columns) where some of its rows belong to no group. */
void sw_clear_padded(const struct sw_call *call, float *x, int columns);

/* Fragments of group row g: none in a row without an image. */
static inline int sw_group_size(const struct sw_fragments *groups, int g)
{
    return g < groups->groups ? groups->count[g] : 0;
}

/* Row of fragment f of group g. */
static inline size_t sw_group_row(const struct sw_fragments *groups, int g, int f)
{
    return (size_t)groups->first[g] + (size_t)f * (size_t)groups->stride;
}

#endif
