/* internal.h -- what the files of match/ share; nothing outside this folder includes it but the
 * host table. */
#ifndef SW_MATCH_INTERNAL_H
#define SW_MATCH_INTERNAL_H

#include "match/model.h"
#include "tensor/ops/groups.h"

enum { MOST_INPUTS = 64, MOST_FUNCTIONALS = 16, MOST_STATES = 32, MOST_OBSERVED = 8 };

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
    char prefix[130];     /* of the parameters that are being declared */
    const void *building; /* the descriptor whose init runs */
    const char *owner;    /* its name */
    void *embedding_self;
    void **stage_self, **block_self[SW_CHAINS], *pool_self[2], **loss_self;
    enum sw_rows *block_rows[SW_CHAINS]; /* what each block takes */
    enum sw_rows *taking;                /* of the block whose init runs, else NULL */
    int has_tiles,
        has_matrices; /* stages that score tiles, and those that score all pairs at once */
    struct sw_fusion_use **fusions;
    int fusion_count;
    struct sw_graph *encoder; /* for evaluation */
    struct sw_worker *workers;
    int worker_count;
};

/* host: parameter, buffer, parameter_at, takes_rows */
void sw_model_takes_rows(struct sw_model *model, enum sw_rows rows);
struct sw_tensor *sw_model_declare(struct sw_model *model, const char *name, int ndim,
                                   const int *dim, struct sw_init init);
struct sw_tensor *sw_model_buffer(struct sw_model *model, const char *name, int ndim,
                                  const int *dim, float value);
struct sw_tensor *sw_model_parameter_at(struct sw_model *model, int index, const char **name);

/* ---- one side of a batch on its way through the encoder: encode.c ------------------------------
 */

/* What a side's blocks see; it lives as long as the graph. */
struct sw_side_pass {
    struct sw_encode shown;
    const struct sw_model *model;
    struct sw_fragments fragments;
    int chain;               /* of the encoder's blocks */
    const int *own;          /* (groups) fragments of the first set, where there is a second */
    const float *features;   /* (N,F), of regions */
    int distinct;            /* different words; 0: x has a row for each fragment from the start */
    struct sw_tensor *index; /* (N): the row of x of each word, while x has only `distinct` */
};

/* Where the regions of `images` images lie; count NULL: each has k. */
int sw_region_fragments(struct sw_graph *graph, int images, int k, const int *count,
                        struct sw_fragments *out);
int sw_word_fragments(struct sw_graph *graph, int captions, const int *start,
                      struct sw_fragments *out);
/* Both passes of a batch, their fragments set. */
int sw_begin_sides(struct sw_model *model, struct sw_graph *graph,
                   const struct sw_examples *examples, struct sw_side_pass *side[2]);
/* eq. 1, 2: (N,D), with those of a second set: then *pass becomes one that has both. */
struct sw_tensor *sw_encode_regions(struct sw_side_pass **pass, const struct sw_examples *examples);
struct sw_tensor *sw_encode_words(struct sw_side_pass **pass, const struct sw_examples *examples);
/* x (N,width), or (distinct,width) while the pass has an index, through its chain: (N,D) */
struct sw_tensor *sw_run_blocks(struct sw_side_pass *pass, struct sw_tensor *x);
/* x (N,D) to one vector per group, (G,P); NULL where the model does not pool */
struct sw_tensor *sw_run_pool(struct sw_side_pass *pass, struct sw_tensor *x);
/* host: row_index, trained_columns */
struct sw_tensor *sw_row_index(struct sw_encode *encode);
void sw_trained_columns(struct sw_graph *graph, struct sw_tensor *x, int range[2]);

/* ---- a batch --------------------------------------------------------------------------------- */

enum sw_input_kind { SW_IN_PRODUCT, SW_IN_ROWS, SW_IN_GRAM, SW_IN_VECTORS, SW_IN_SHARED };

struct sw_input_def {
    enum sw_input_kind kind;
    enum sw_side side;             /* of ROWS, GRAM, VECTORS */
    const struct sw_fragments *at; /* where their rows lie: fragments, or one row per group */
    struct sw_tensor *x;           /* PRODUCT: regions' rows; else the tensor itself */
    struct sw_tensor *y;           /* PRODUCT: words' rows */
};

/* Inputs that every batch has, at fixed handles. */
enum { SW_DOTS = 0, SW_REGION_GRAM, SW_WORD_GRAM, SW_REGION_VECTORS, SW_WORD_VECTORS };

struct sw_functional_def {
    struct sw_input rows[2]; /* w . v_i, w . t_j */
    struct sw_input weight;  /* w itself */
};

struct sw_map_def {
    enum sw_side side;
    struct sw_input rows;   /* W f of that side's fragments, as vectors */
    struct sw_input weight; /* W itself */
};

/* What the tiles of a training step report to a buffer: (C, blocks, count), cleared. */
struct sw_observed_def {
    struct sw_tensor *buffer;
    float rate;
    float *seen;
    size_t count;
};

/* The public part first: a struct sw_batch * is one of these. */
struct sw_whole_batch {
    struct sw_batch shown;
    struct sw_model *model;
    struct sw_fragments regions, words;
    struct sw_fragments groups[2]; /* one row per image, per caption */
    struct sw_input_def inputs[MOST_INPUTS];
    int input_count;
    struct sw_functional_def functionals[MOST_FUNCTIONALS];
    int functional_count;
    struct sw_map_def maps[MOST_FUNCTIONALS];
    int map_count;
    struct sw_observed_def observed[MOST_OBSERVED];
    int observed_count;
    int couples;                 /* pairs of a tile depend on each other: differentiate all */
    void **prepared;             /* one per stage */
    void **fusion_prepared;      /* one per use of a fusion */
    struct sw_tensor **matrices; /* (G,C) one per stage that scores all pairs at once, else NULL */
    struct sw_pair_options options;
};

/* Builds the batch on `graph` from what is encoded: the Gram rows and all that the stages prepare.
 * NULL after a failure. */
struct sw_whole_batch *sw_batch_prepare(struct sw_model *model, struct sw_graph *graph,
                                        const struct sw_encoding *encoding,
                                        const struct sw_pair_options *options);
/* Buffers that tiles reported to get their new values as updates of the graph. */
void sw_batch_observed(struct sw_whole_batch *batch);

/* host: input_product, input_within, .. */
struct sw_input sw_batch_product(struct sw_batch *batch, struct sw_tensor *regions,
                                 struct sw_tensor *words);
struct sw_input sw_batch_within(struct sw_batch *batch, enum sw_side side, struct sw_tensor *x,
                                struct sw_tensor *y);
struct sw_input sw_batch_rows(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows);
struct sw_input sw_batch_vectors(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows);
struct sw_input sw_batch_group(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows);
struct sw_input sw_batch_shared(struct sw_batch *batch, struct sw_tensor *parameter);
struct sw_functional sw_batch_functional(struct sw_batch *batch, struct sw_tensor *w);
struct sw_map sw_batch_map(struct sw_batch *batch, enum sw_side side, struct sw_tensor *W);
struct sw_observed sw_batch_observe(struct sw_batch *batch, struct sw_tensor *buffer, float rate);

/* ---- tiles ----------------------------------------------------------------------------------- */

struct sw_state {
    const char *name;
    struct sw_vectors *vectors;
};

/* What a block of SW_LANES images shares over all captions it meets. */
struct sw_image_block {
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
    struct sw_image_block *block;           /* NULL: gathered */
    int pairs;                              /* lanes in use */
    int image[SW_LANES], caption[SW_LANES]; /* -1: no pair in this lane */
    struct sw_tensor *leaf[MOST_INPUTS];    /* made when first asked for */
    struct sw_vectors *fragments[2];
    struct sw_state states[MOST_STATES];
    int state_count;
    int stage;                      /* the one that is running */
    struct sw_attention *attention; /* gets what is shown, or NULL */
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
                      struct sw_worker *worker, struct sw_image_block *block, int caption,
                      int record);
void sw_tile_of_pairs(struct sw_whole_tile *tile, const struct sw_whole_batch *batch,
                      struct sw_worker *worker, const int *images, const int *captions, int pairs);

/* Runs the stages: the sum of the scores that count, (1,1,L), or NULL. eq. 16 */
struct sw_tensor *sw_tile_score(struct sw_whole_tile *tile);

/* host: input, put, get, show, fuse, mean_weights */
struct sw_tensor *sw_tile_input(struct sw_tile *tile, struct sw_input input);
void sw_tile_observe(struct sw_tile *tile, struct sw_observed observed, struct sw_tensor *x);
void sw_tile_put(struct sw_tile *tile, const char *name, struct sw_vectors *vectors);
struct sw_vectors *sw_tile_get(struct sw_tile *tile, const char *name);
void sw_tile_show(struct sw_tile *tile, const char *name, enum sw_axis rows, enum sw_axis columns,
                  struct sw_tensor *weights);
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
struct sw_tensor *sw_vectors_functional(struct sw_tile *tile, struct sw_vectors *x,
                                        struct sw_functional f);
struct sw_tensor *sw_vectors_mapped(struct sw_tile *tile, struct sw_vectors *x, struct sw_map map);
struct sw_tensor *sw_vectors_numbers(struct sw_tile *tile, struct sw_vectors *x);

/* ---- scoring and differentiating all pairs: pairs.c, pairs_backward.c ---------------------------
 */

/* S (I,C), row stride `stride`: every pair of the batch, without a tape; the stages that score
 * tiles, and with `all` those that score all pairs at once, too. */
int sw_pairs_score(const struct sw_whole_batch *batch, float *out, size_t stride, int all,
                   struct sw_error *error);
/* From dS (I,C) to the gradients of the batch's inputs. */
int sw_pairs_backward(const struct sw_whole_batch *batch, const float *score_grad,
                      struct sw_error *error);
/* S as a tensor of the batch's graph. */
struct sw_tensor *sw_pairs_scores(struct sw_whole_batch *batch);
/* The batch whose S was recorded last; NULL: none was. */
const struct sw_whole_batch *sw_pairs_scored(const struct sw_graph *graph);

/* The failure of the lowest chunk, of all workers; clears them. */
int sw_workers_failure(struct sw_model *model, struct sw_error *error);
void sw_worker_keep_error(struct sw_worker *worker, int chunk);

#endif
