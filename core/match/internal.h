/* internal.h -- what the files of match/ share; nothing outside this folder includes it but the
 * host table. */
#ifndef SW_MATCH_INTERNAL_H
#define SW_MATCH_INTERNAL_H

#include "match/model.h"
#include "tensor/ops/fragments.h"

enum { MOST_INPUTS = 64, MOST_FUNCTIONALS = 16, MOST_STATES = 32 };

/* ---- the model ------------------------------------------------------------------------------- */

struct sw_model {
    const struct sw_model_plan *plan;
    const struct sw_host *host;
    struct sw_compute *compute;
    const struct sw_ops *ops;
    struct sw_arena *arena; /* parameters' records, selves */
    struct sw_error error;
    struct sw_parameter *parameters;
    int parameter_count, parameter_room;
    float *values, *gradients; /* trained ones first, then the frozen ones' values */
    size_t trained;
    void *embedding_self;
    void **stage_self;
    struct sw_fusion_use **fusions;
    int fusion_count;
    struct sw_tensor *image_weight, *image_bias, *gru[8];
    struct sw_graph *encoder; /* for evaluation */
    struct sw_worker *workers;
    int worker_count;
};

/* host: parameter */
struct sw_tensor *sw_model_declare(struct sw_model *model, const char *name, int ndim,
                                   const int *dim, struct sw_init init);

/* ---- a batch --------------------------------------------------------------------------------- */

enum sw_input_kind { SW_IN_PRODUCT, SW_IN_ROWS, SW_IN_GRAM, SW_IN_VECTORS, SW_IN_SHARED };

struct sw_input_def {
    enum sw_input_kind kind;
    enum sw_side side;   /* of ROWS, GRAM, VECTORS */
    struct sw_tensor *x; /* PRODUCT: regions' rows; else the tensor itself */
    struct sw_tensor *y; /* PRODUCT: words' rows */
};

/* Inputs that every batch has, at fixed handles. */
enum { SW_DOTS = 0, SW_REGION_GRAM, SW_WORD_GRAM, SW_REGION_VECTORS, SW_WORD_VECTORS };

struct sw_functional {
    int rows[2]; /* handles: w . v_i, w . t_j */
    int weight;  /* handle: w itself */
};

struct sw_map {
    enum sw_side side;
    int rows;   /* handle: W f of that side's fragments, as vectors */
    int weight; /* handle: W itself */
};

/* The public part first: a struct sw_batch * is one of these. */
struct sw_whole_batch {
    struct sw_batch shown;
    struct sw_model *model;
    struct sw_fragments regions, words;
    struct sw_input_def inputs[MOST_INPUTS];
    int input_count;
    struct sw_functional functionals[MOST_FUNCTIONALS];
    int functional_count;
    struct sw_map maps[MOST_FUNCTIONALS];
    int map_count;
    void **prepared;        /* one a stage */
    void **fusion_prepared; /* one a fusion use */
    struct sw_pair_options options;
};

/* Builds the batch on `graph` from encoded regions (rows,D) and words (rows,D): the Gram rows and
 * all that the stages prepare. NULL after a failure. */
struct sw_whole_batch *sw_batch_prepare(struct sw_model *model, struct sw_graph *graph,
                                        struct sw_tensor *regions, struct sw_tensor *words,
                                        const struct sw_fragments *region_rows,
                                        const struct sw_fragments *word_rows,
                                        const struct sw_pair_options *options);

/* host: pair_product, rows, vectors_input, shared, functional_input, map_input */
int sw_batch_product(struct sw_batch *batch, struct sw_tensor *regions, struct sw_tensor *words);
int sw_batch_rows(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows);
int sw_batch_vectors(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows);
int sw_batch_shared(struct sw_batch *batch, struct sw_tensor *parameter);
int sw_batch_functional(struct sw_batch *batch, struct sw_tensor *w);
int sw_batch_map(struct sw_batch *batch, enum sw_side side, struct sw_tensor *W);

/* ---- tiles ----------------------------------------------------------------------------------- */

struct sw_state {
    const char *name;
    struct sw_vectors *vectors;
};

/* What a block of SW_LANES images shares over all captions it meets. */
struct sw_block {
    int block; /* which one */
    const float
        *product[MOST_INPUTS]; /* (words of the unit, k*L): rows begin at word row `word_base` */
    float *product_grad[MOST_INPUTS]; /* the same shape, or NULL */
    int word_base;
    float *rows[MOST_INPUTS]; /* region side in lane order, made when first asked for */
    float *rows_grad[MOST_INPUTS];
    float
        *word_grad[MOST_INPUTS]; /* (word rows, m): this block's part of the word side's gradient */
    unsigned char
        word_used[MOST_INPUTS];      /* of vectors: word_grad is cleared when first asked for */
    float *shared_grad[MOST_INPUTS]; /* cleared, and used[] set, when a tile first asks for it */
    unsigned char shared_used[MOST_INPUTS];
    float *mask; /* (k,L), or NULL */
};

/* The public part first: a struct sw_tile * is one of these. Either a block tile (the images of one
 * block with one caption) or a gathered one (any SW_LANES pairs). */
struct sw_whole_tile {
    struct sw_tile shown;
    const struct sw_whole_batch *batch;
    struct sw_worker *worker;
    struct sw_block *block;                 /* NULL: gathered */
    int pairs;                              /* lanes in use */
    int image[SW_LANES], caption[SW_LANES]; /* -1: no pair in this lane */
    struct sw_tensor *leaf[MOST_INPUTS];    /* made when first asked for */
    struct sw_vectors *fragments[2];
    struct sw_state states[MOST_STATES];
    int state_count;
    void (*seen)(void *data, const char *name, int rows, int columns, const float *weights);
    void *seen_data;
};

/* One thread's own. */
struct sw_worker {
    struct sw_graph *graph; /* of the tile at hand */
    struct sw_arena *arena; /* of the unit at hand */
    struct sw_error error;
    int failed_chunk;
};

/* Begins a tile on the worker's graph (reset; recording when asked). */
void sw_tile_of_block(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                      struct sw_worker *worker, struct sw_block *block, int caption, int record);
void sw_tile_of_pairs(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                      struct sw_worker *worker, const int *images, const int *captions, int pairs);

/* Runs the stages: the sum of the scores that count, (1,1,L), or NULL. eq. 16 */
struct sw_tensor *sw_tile_score(struct sw_whole_tile *tile);

/* host: input, put, get, show, fuse, mean_weights */
struct sw_tensor *sw_tile_input(struct sw_tile *tile, int handle);
void sw_tile_put(struct sw_tile *tile, const char *name, struct sw_vectors *vectors);
struct sw_vectors *sw_tile_get(struct sw_tile *tile, const char *name);
void sw_tile_show(struct sw_tile *tile, const char *name, struct sw_tensor *weights);
struct sw_tensor *sw_tile_mean_weights(struct sw_tile *tile, enum sw_side side);
struct sw_vectors *sw_tile_fuse(struct sw_tile *tile, const struct sw_fusion_use *use,
                                enum sw_side side, struct sw_vectors *own,
                                struct sw_vectors *attended);

/* Fragments of one image or caption; 0 for index -1. */
int sw_group_count(const struct sw_fragments *fragments, int group);
const struct sw_fragments *sw_fragments_of(const struct sw_whole_batch *batch, enum sw_side side);

/* The width of an input's rows as a tile sees them: its own, or the tile's fragments for a Gram. */
int sw_input_width(const struct sw_whole_tile *tile, const struct sw_input_def *input);

/* ---- pair vectors: vectors.c ------------------------------------------------------------------
 */

struct sw_vectors *sw_vectors_fragments(struct sw_tile *tile, enum sw_side side);
struct sw_vectors *sw_vectors_over(struct sw_tile *tile, enum sw_side side,
                                   struct sw_tensor *weights);
struct sw_vectors *sw_vectors_explicit(struct sw_tile *tile, struct sw_tensor *x);
struct sw_vectors *sw_vectors_add(struct sw_tile *tile, struct sw_vectors *x, struct sw_vectors *y);
struct sw_vectors *sw_vectors_scale_rows(struct sw_tile *tile, struct sw_vectors *x,
                                         struct sw_tensor *s);
struct sw_vectors *sw_vectors_scale(struct sw_tile *tile, struct sw_vectors *x, float factor);
struct sw_vectors *sw_vectors_pool(struct sw_tile *tile, struct sw_vectors *x, struct sw_tensor *w);
struct sw_tensor *sw_vectors_dot(struct sw_tile *tile, struct sw_vectors *x, struct sw_vectors *y);
struct sw_tensor *sw_vectors_cosine(struct sw_tile *tile, struct sw_vectors *x,
                                    struct sw_vectors *y);
struct sw_tensor *sw_vectors_cosine_to(struct sw_tile *tile, struct sw_vectors *x,
                                       enum sw_side side);
struct sw_tensor *sw_vectors_functional(struct sw_tile *tile, struct sw_vectors *x, int handle);
struct sw_tensor *sw_vectors_mapped(struct sw_tile *tile, struct sw_vectors *x, int handle);
struct sw_tensor *sw_vectors_numbers(struct sw_tile *tile, struct sw_vectors *x);

/* ---- scoring and differentiating all pairs: pairs.c, pairs_backward.c ---------------------------
 */

/* S (I,C), row stride `stride`: every pair of the batch, without a tape. */
int sw_pairs_score(const struct sw_whole_batch *batch, float *out, size_t stride,
                   struct sw_error *error);
/* From dS (I,C) to the gradients of the batch's inputs. */
int sw_pairs_backward(const struct sw_whole_batch *batch, const float *score_grad,
                      struct sw_error *error);
/* S as a tensor of the batch's graph. */
struct sw_tensor *sw_pairs_scores(struct sw_whole_batch *batch);

/* The failure of the lowest chunk, of all workers; clears them. */
int sw_workers_failure(struct sw_model *model, struct sw_error *error);
void sw_worker_keep_error(struct sw_worker *worker, int chunk);

#endif
