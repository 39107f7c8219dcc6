/* products.h -- the matrix products that a step cannot do without, read off its tape.
 *
 * Every "linear" (image layer, projections, maps, pooled vectors), the words' GRU: inputs and
 * steps, all pairs' products, and the mixes, layers and inner products of explicit vectors, each
 * forward and, where a gradient is asked for, backward. Left out: products with one column (gates,
 * pooling), Gram matrices within a group, and all that the few pairs with a gradient need. Padding
 * rows do not count. */
#ifndef SW_MATCH_PRODUCTS_H
#define SW_MATCH_PRODUCTS_H

#include "match/model.h"

/* What the cost of a part grows with. */
enum sw_product_per { SW_PER_REGION, SW_PER_WORD, SW_PER_PAIR };

/* C (M,N) = op(A) op(B), op(A) (M,K). */
struct sw_product {
    const char *part; /* "image layer", "gru steps", ..: those of a part lie together */
    enum sw_product_per per;
    int backward;
    int turn; /* those of one turn may run side by side; a part's turns follow each other */
    int transpose_a, transpose_b, M, N, K;
};

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
