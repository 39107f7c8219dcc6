/* products.h -- the matrix products that a step cannot do without.
 *
 * What the operations on its tape add (sw_op.products), all pairs' products, and the mixes, layers
 * and inner products of explicit vectors that stages compute for every pair. Left out: Gram
 * matrices within a group, and all that the few pairs with a gradient need. Padding rows do not
 * count. Products of one part ("image layer", "gru steps", ..) lie together. */
#ifndef SW_MATCH_PRODUCTS_H
#define SW_MATCH_PRODUCTS_H

#include "match/model.h"

struct sw_products {
    struct sw_product *list;
    int count, room;
};

/* The products of the step on `graph`, which has recorded the scores of `encoding` (whether or not
 * it went back since). *out starts zeroed. Runs one pair on the model's first worker. */
int sw_products_of(struct sw_model *model, const struct sw_graph *graph,
                   const struct sw_encoding *encoding, struct sw_products *out,
                   struct sw_error *error);
void sw_products_free(struct sw_products *products);

#endif
