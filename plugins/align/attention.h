/* attention.h -- SCAN's attention (Lee et al., ECCV 2018), which half of the field has taken over.
 *
 *   a = LeakyReLU(0.1) of the similarities, divided by its length over the fragments that query,
 *   weights = softmax(lambda a) over the fragments of the other side */
#ifndef PLUGINS_ALIGN_ATTENTION_H
#define PLUGINS_ALIGN_ATTENTION_H

#include <stepwise/plugin.h>

static inline enum sw_side other_side(enum sw_side side)
{
    return side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
}

/* Similarities with fragments as rows and columns. */
struct similarities {
    struct sw_tensor *numbers; /* (n,k,L), or (k,n,L) */
    enum sw_side rows;
};

/* The product of all regions with all words, as the host gives it. */
static inline struct similarities product_of(struct sw_tile *tile, struct sw_input product)
{
    return (struct similarities){sw_read(tile, product), SW_WORDS};
}

static inline struct sw_tensor *clipped(struct sw_tile *tile, struct sw_tensor *c)
{
    return sw_apply1(tile, "leaky_relu", c, (struct sw_args){.f = {0.1f}});
}

/* Divided by the length over the fragments that query: c has its shape kept. */
static inline struct sw_tensor *l2_over(struct sw_tile *tile, struct similarities c,
                                        enum sw_side queries)
{
    return sw_masked(tile, "lane_l2norm", c.numbers, queries,
                     (struct sw_args){.i = {c.rows != queries}});
}

/* softmax(lambda c) over the side that is queried: one row per fragment of `queries` */
static inline struct sw_tensor *softmax_of(struct sw_tile *tile, struct similarities c,
                                           enum sw_side queries, float lambda)
{
    return sw_masked(tile, "lane_softmax", c.numbers, other_side(queries),
                     (struct sw_args){.i = {c.rows != queries}, .f = {lambda}});
}

/* The whole: weights (n,k,L) where words query, (k,n,L) where regions do. */
static inline struct sw_tensor *attention(struct sw_tile *tile, struct similarities c,
                                          enum sw_side queries, float lambda)
{
    c.numbers = clipped(tile, c.numbers);
    c.numbers = l2_over(tile, c, queries);
    return softmax_of(tile, c, queries, lambda);
}

/* What the fragments of `queries` see of the other side; weights as attention() gives them. Left
 * for later stages under the names that SHAN's stages use, and shown. */
static inline struct sw_vectors *attend(struct sw_tile *tile, struct sw_tensor *weights,
                                        enum sw_side queries)
{
    struct sw_vectors *attended = tile->host->over(tile, other_side(queries), weights);
    if (queries == SW_WORDS) {
        tile->host->show(tile, "regions", SW_AXIS_WORDS, SW_AXIS_REGIONS, weights);
        sw_put(tile, "attended_image", attended);
    } else {
        tile->host->show(tile, "words", SW_AXIS_REGIONS, SW_AXIS_WORDS, weights);
        sw_put(tile, "attended_text", attended);
    }
    return attended;
}

#endif
