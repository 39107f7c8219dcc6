/* gru_plan.h -- how a GRU goes through captions of different lengths without
 * padding.
 *
 * Captions are sorted by length, longest first, ties in their own order, and taken in parts of at
 * most SW_GRU_PART: a part's words of step t lie end to end, one row for each caption that has more
 * than t words (time-major), so that a step is one matrix product over rows that lie together. Step
 * t of the reverse direction is the t-th word from a caption's end: both directions share a plan.
 *
 * Words that repeat share a row of x: what depends on x alone is formed once per row of x, and
 * `index` says which row a word has.
 *
 * On the way back only the captions of a part take part whose states take a gradient: `live` lists
 * them in the part's order and lays their rows out in the same way. */
#ifndef SW_TENSOR_GRU_PLAN_H
#define SW_TENSOR_GRU_PLAN_H

#include "stepwise/plugin.h"

#include <stddef.h>

/* Inputs of a call: the words, four parameters per direction, the index where words repeat. */
enum {
    SW_GRU_WORDS = 0,
    SW_GRU_WEIGHT_IH = 1,
    SW_GRU_WEIGHT_HH,
    SW_GRU_BIAS_IH,
    SW_GRU_BIAS_HH,
    SW_GRU_PARAMETERS = 4
};

static inline int sw_gru_sides(const struct sw_call *call)
{
    return (call->inputs - 1) / SW_GRU_PARAMETERS;
}

static inline struct sw_tensor *sw_gru_parameter(const struct sw_call *call, int side, int which)
{
    return call->in[which + side * SW_GRU_PARAMETERS];
}

/* Bounds the memory that a forward without gradients takes; a training batch is one part. */
enum { SW_GRU_PART = 256 };

enum { SW_GRU_SIDES = 2 }; /* forward, reverse: at most */
enum { SW_GRU_SLOTS = 4 }; /* of D numbers, in a row of gates: n, r, z, a */

struct sw_gru_part {
    const int *caption; /* (captions): which one is i-th, longest first */
    int captions;
    int steps;          /* the longest caption */
    int rows;           /* all words */
    const int *running; /* (steps + 1): captions with more than t words; ends with 0 */
    const int *start;   /* (steps + 1): row of step t; ends with `rows` */
    size_t at;          /* this part's first row in the arrays below */
};

/* Arrays hold the rows of all parts when gradients will be asked for, else of one part at a time.
 * Every row of `gates` is four slots of D numbers: n, r, z, a; the last three lie in the order of
 * the rows of W_hh. */
struct sw_gru {
    const struct sw_fragments *words;
    const float *index; /* (N): the row of x of each word, as a whole number; NULL: its own */
    int inputs;         /* X: rows of x */
    int width, dim;     /* W, D */
    int sides;          /* 1, or 2 with the reverse one */
    int parts;
    struct sw_gru_part *part;
    /* (X, 3 D) r, z, n, the order of the rows of W_ih: forward what x gives to the gates, back the
     * sum of the gates' gradients over the words of each row of x */
    float *shares[SW_GRU_SIDES];
    float *gates[SW_GRU_SIDES]; /* (rows, 4 D): n, r, z and a = W_hn h + b_hn */
    float *h[SW_GRU_SIDES];     /* (rows, D): see sw_gru_state */
    float *bias[SW_GRU_SIDES];  /* (3 D): what the shares begin with */
    /* For backward; NULL without gradients. */
    float *dgates[SW_GRU_SIDES];  /* (rows of a part, 4 D), in the order of `live` */
    float *packed[SW_GRU_SIDES];  /* (rows of a part, D): states, in the order of `live` */
    unsigned char *is_live;       /* (C) */
    struct sw_gru_part live;      /* of the part at hand */
    int *place;                   /* where its captions are in the whole part */
    int dx_from, dx_columns;      /* the columns of x that take a gradient */
    char *prepared[SW_GRU_SIDES]; /* W_hh, see gru_recurrent.h */
};

/* 1 when `words` are captions end to end over exactly `rows` rows. */
int sw_gru_fits(const struct sw_fragments *words, int rows);

/* What a plan makes room for. */
struct sw_gru_sizes {
    int inputs;     /* X */
    int width, dim; /* W, D */
    int sides;
    int records;           /* gradients will be asked for */
    int dx_columns;        /* of so many columns of x */
    size_t prepared_bytes; /* of a direction's W_hh, see gru_recurrent.h */
};

/* Bytes that sw_gru_lay_out needs. */
size_t sw_gru_bytes(const struct sw_fragments *words, const struct sw_gru_sizes *sizes);

/* Lays the plan and its arrays out in `memory`; the arrays are not filled. */
struct sw_gru *sw_gru_lay_out(void *memory, const struct sw_fragments *words,
                              const struct sw_gru_sizes *sizes);

/* Sets gru->live and gru->place to the captions of `part` that gru->is_live names. */
void sw_gru_lay_out_live(struct sw_gru *gru, const struct sw_gru_part *part);

/* sw_op.products of a call whose `saved` is a plan. */
void sw_gru_products(const struct sw_call *call, struct sw_product_list *out);

/* The word, a row of the result, that caption i of a part takes at step t. */
static inline size_t sw_gru_word(const struct sw_gru *gru, const struct sw_gru_part *part, int side,
                                 int t, int i)
{
    int caption = part->caption[i];
    int word = side ? gru->words->count[caption] - 1 - t : t;
    return (size_t)(gru->words->first[caption] + word);
}

/* Row of x of a word. */
static inline size_t sw_gru_input(const struct sw_gru *gru, size_t word)
{
    return gru->index ? (size_t)gru->index[word] : word;
}

/* Row of `h` that holds caption i's state after step t. States that a later step starts from come
 * first, in the order of the rows of that step, so that rows running[0].. of gates and rows 0.. of
 * h belong together: one product gives the gradient of W_hh. The captions' last states come behind.
 */
static inline size_t sw_gru_state(const struct sw_gru_part *part, int t, int i)
{
    int row = i < part->running[t + 1] ? part->start[t + 1] + i : part->rows + i;
    return part->at + (size_t)(row - part->running[0]);
}

#endif
