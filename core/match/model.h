/* model.h -- an image-text matching model: parameters, encoders (eq. 1, 2) and alignment stages.
 *
 * The plan is already checked and resolved (names to descriptors, options to values); this file and
 * its neighbours know no plugin's name. */
#ifndef SW_MATCH_MODEL_H
#define SW_MATCH_MODEL_H

#include "base/error.h"
#include "stepwise/plugin.h"
#include "tensor/threads/compute.h"
#include "tensor/tape/graph.h"

#include <stddef.h>
#include <stdint.h>

/* One use of a fusion by a stage: the value of its SW_FUSION option. The planner fills the first
 * two members and keeps the struct alive as long as the model; the model fills the rest. */
struct sw_fusion_use {
    const struct sw_fusion *fusion;
    const struct sw_value *options;
    void *self;
    int slot; /* where its `prepared` is found in a batch */
};

struct sw_stage_plan {
    const struct sw_stage *stage;
    const struct sw_value *options;
    const char *prefix; /* of its parameters' names */
    int score;          /* 0: computed for later stages, not added to S */
};

struct sw_block_plan {
    const struct sw_block *block;
    const struct sw_value *options;
    const char *prefix;
};

struct sw_pool_plan {
    const struct sw_pool *pool; /* NULL: this side is not pooled */
    const struct sw_value *options;
};

/* Fragments that a side has from a file besides those of its own, or (alone) in their place. */
struct sw_second_plan {
    const char *file; /* {split}_FILE.npy; NULL: there are none */
    int width, alone;
};

/* An encoder's chains: of a side's own fragments at its enum sw_side, of its second set 2 behind.
 */
enum { SW_CHAINS = 4 };

struct sw_loss_plan {
    const struct sw_loss *loss;
    const struct sw_value *options;
    float weight;
};

struct sw_model_plan {
    int dim, features, vocabulary, word_dim; /* D, F, V, W of one table */
    enum sw_direction direction;
    const struct sw_embedding *embedding;
    const struct sw_value *embedding_options;
    const struct sw_block_plan *blocks[SW_CHAINS];
    int block_count[SW_CHAINS];
    struct sw_second_plan second[2];
    struct sw_pool_plan pool[2];
    const struct sw_stage_plan *stages;
    int stage_count;
    const struct sw_loss_plan *losses;
    int loss_count;
    uint64_t seed; /* of the initial parameters; each has a stream of its own, named by its name */
    /* (V,W) rows for SW_INIT_GLOVE, or NULL: then a plan that needs them fails unless
     * `values_follow` says that a checkpoint will fill all parameters. */
    const float *glove;
    int values_follow;
};

struct sw_parameter {
    const char *name;
    const char *owner;        /* the plugin that declared it */
    struct sw_tensor *tensor; /* grad is NULL for a frozen one */
    struct sw_init init;
};

/* The plan (and what it points to), host, compute and ops outlive the model. */
int sw_model_new(struct sw_model **out, const struct sw_model_plan *plan,
                 const struct sw_host *host, struct sw_compute *compute, const struct sw_ops *ops,
                 struct sw_error *error);
void sw_model_free(struct sw_model *model);

/* A model whose parameters are declared and have no memory: names, shapes and initial values can be
 * asked for, nothing computed. */
int sw_model_declared(struct sw_model **out, const struct sw_model_plan *plan,
                      const struct sw_host *host, struct sw_error *error);

const struct sw_model_plan *sw_model_plan_of(const struct sw_model *model);
/* The descriptor whose init runs: one init may serve descriptors that were made at run time. */
const void *sw_model_building(const struct sw_model *model);
int sw_model_parameters(const struct sw_model *model);
const struct sw_parameter *sw_model_parameter(const struct sw_model *model, int index);
const struct sw_parameter *sw_model_find_parameter(const struct sw_model *model, const char *name);

/* The trained parameters and their gradients, each one contiguous range of *count floats. */
void sw_model_trained(const struct sw_model *model, float **values, float **gradients,
                      size_t *count);

/* ---- a batch --------------------------------------------------------------------------------- */

/* The second set of each image or caption: regions in blocks as below, words end to end. */
struct sw_second {
    const float *rows; /* (rows, width of the plan); NULL: there is none */
    const int *count;  /* (groups): 0 to most */
    int most;
};

/* Images and captions as numbers. Region rows lie in blocks of SW_LANES images, region-major (see
 * struct sw_fragments); rows of images that are not there are zero. */
struct sw_examples {
    int images, k;           /* k: the most regions of an image in this batch */
    const int *region_count; /* (images), or NULL: each has k */
    const float *features;   /* (sw_region_rows(images, k), F) */
    int captions;
    const int *caption_start; /* (captions + 1): caption c has ids [start[c], start[c+1]) */
    const int32_t *ids;
    struct sw_second second[2]; /* by enum sw_side */
    int training;               /* dropout, augmentation, statistics of the batch */
    uint64_t step;              /* of the run, for the random streams of a training step */
};

int sw_region_rows(int images, int k);           /* k * images, the last block filled up */
int sw_region_row(int k, int image, int region); /* the row of one region */

/* How pairs are scored and differentiated; all zero is the ordinary way. */
struct sw_pair_options {
    int explicit_vectors; /* every pair vector as D numbers: the plain form, for tests */
    int dense;            /* differentiate all pairs, also those with no gradient: the full tape */
};

/* One step on `graph` (reset, recording or not): encodes, prepares, scores all pairs.
 * Returns S (I,C) on the graph, differentiable when it records; NULL after a failure. */
struct sw_tensor *sw_model_scores(struct sw_model *model, struct sw_graph *graph,
                                  const struct sw_examples *examples,
                                  const struct sw_pair_options *options);

/* Its two halves, for who looks between them. */
struct sw_encoding {
    struct sw_tensor *regions, *words;          /* (N,D) each, on the graph: eq. 1, 2 */
    struct sw_tensor *image, *text;             /* (G,P) pooled, or NULL */
    struct sw_fragments region_rows, word_rows; /* where they lie */
    const int *own[2];  /* (groups) by side: how many come first, before a second set's; or NULL */
    int distinct_words; /* of the batch; 0: not told apart */
    int training;
};
/* A failure is the graph's as well. */
int sw_model_encode(struct sw_model *model, struct sw_graph *graph,
                    const struct sw_examples *examples, struct sw_encoding *out);
/* After backward: how many of the images and captions, together, take a gradient. */
int sw_encoding_touched(struct sw_compute *compute, const struct sw_encoding *encoding);
struct sw_tensor *sw_model_score(struct sw_model *model, struct sw_graph *graph,
                                 const struct sw_encoding *encoding,
                                 const struct sw_pair_options *options);

/* The weighted sum of the plan's losses, (1), summed over the pairs of a batch; scores (B,B).
 * *pairs has to last until the graph went backward or was reset: losses keep it. */
struct sw_tensor *sw_model_loss(struct sw_model *model, struct sw_graph *graph,
                                const struct sw_encoding *encoding, struct sw_tensor *scores,
                                const struct sw_pair_images *pairs, int epoch);

/* ---- evaluation: encode once, score in blocks ---------------------------------------------------
 */

/* Encoded images or captions, kept outside any graph. */
struct sw_encoded {
    float *rows;   /* (sum of rows, D); region rows in the order of struct sw_examples */
    int groups, k; /* images or captions; k regions per image (0 for captions) */
    int *count;    /* (groups) fragments of each */
    int *first;    /* (groups + 1) first row, for captions only */
    int *own;      /* (groups) fragments of the first set; NULL: all */
    size_t room;   /* rows there is room for */
    float *pooled; /* (G, width), where the model pools; NULL rows where no stage needs them */
    int width;
};
void sw_encoded_free(struct sw_encoded *encoded);

/* Room for so many region rows (sw_region_rows) or words of D numbers; without it, room grows as it
 * is needed. */
int sw_encoded_reserve(struct sw_encoded *encoded, size_t rows, int dim, struct sw_error *error);

/* Encodes all images (captions) of examples; the other side may be empty (captions or images = 0).
 * May be called for consecutive parts: the result is appended to *out, which starts zeroed. For
 * images, every part but the last must hold a multiple of SW_LANES. */
int sw_encode_images(struct sw_model *model, const struct sw_examples *examples,
                     struct sw_encoded *out, struct sw_error *error);
int sw_encode_captions(struct sw_model *model, const struct sw_examples *examples,
                       struct sw_encoded *out, struct sw_error *error);

/* Scores images [first_image, first_image + images) with all captions: out (images, C) row-major.
 * first_image is a multiple of SW_LANES. Memory is bounded by blocks inside. */
int sw_score_block(struct sw_model *model, const struct sw_encoded *images,
                   const struct sw_encoded *captions, int first_image, int count, float *out,
                   const struct sw_pair_options *options, struct sw_error *error);

/* The same with captions [first_caption, first_caption + captions) only; rows of out are `stride`
 * apart. */
int sw_score_rectangle(struct sw_model *model, const struct sw_encoded *images,
                       const struct sw_encoded *captions, int first_image, int image_count,
                       int first_caption, int caption_count, float *out, size_t stride,
                       const struct sw_pair_options *options, struct sw_error *error);

/* Weights that the stages show (sw_host.show) for one pair, in the order of the stages. Names and
 * weights stay until the model computes again. */
enum { SW_MOST_SHOWN = 64 };
struct sw_shown {
    const char *name;
    enum sw_axis row_axis, column_axis;
    int rows, columns;
    const float *weights; /* (rows, columns) */
};
struct sw_attention {
    struct sw_shown list[SW_MOST_SHOWN];
    int count;
};
int sw_show_pair(struct sw_model *model, const struct sw_encoded *images,
                 const struct sw_encoded *captions, int image, int caption,
                 struct sw_attention *out, struct sw_error *error);

#endif
