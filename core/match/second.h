/* second.h -- a second set of fragments per image or caption, which come as numbers from a file:
 * relations beside objects, triples beside words, or a language model's tokens in their place.
 *
 * Each set has a chain of blocks of its own; behind it both are one list of fragments, a group's
 * own ones first. Whoever asks is told which are which (struct sw_batch.sets). */
#ifndef SW_MATCH_SECOND_H
#define SW_MATCH_SECOND_H

#include "match/model.h"

#include <stddef.h>

struct sw_side_pass;

/* How many rows of numbers the second sets of `groups` groups take: (rows, width). Regions lie as
 * those of struct sw_examples do, with `most` in the place of k; a caption's lie end to end. */
size_t sw_second_rows(enum sw_side side, int groups, const struct sw_second *second);

/* `own` (N,D), the fragments of a side's first set, with those of its second, or these alone (own
 * NULL). *pass becomes another whose fragments are those of the result: operations of the chain
 * still look at the old one's. NULL after a failure. */
struct sw_tensor *sw_join_second(struct sw_side_pass **pass, const struct sw_second *second,
                                 struct sw_tensor *own);

/* The most fragments of an image: k and those of its second set. */
int sw_most_regions(const struct sw_model *model, const struct sw_examples *examples);

/* Second sets as the plan has them, drawn evenly from [0,1), of 0 to 3 fragments (1 to 3 where they
 * stand alone), into examples->second; the memory is in `room`, to be freed. For trials. */
int sw_second_draw(const struct sw_model_plan *plan, uint64_t seed, struct sw_examples *examples,
                   void *room[2], struct sw_error *error);

#endif
