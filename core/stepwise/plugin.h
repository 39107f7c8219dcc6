/* stepwise/plugin.h -- the one interface between the runtime and its plugins.
 *
 * A plugin is a shared object that exports one const symbol, `sw_plugin`: plain data, no
 * constructor, no registration call. It links to nothing of the runtime; what it needs it reaches
 * through the table of host functions (struct sw_host), which every tile, batch and model brings
 * along.
 *
 * Kinds of plugin: word embeddings, encoder blocks, poolings, alignment stages, fusions, losses,
 * and the tensor operations they bring.
 *
 * Letters for shapes, here and everywhere:
 *   I images   C captions   k regions of an image   n words of a caption   F region features
 *   W word width   D joint width   V vocabulary   L lanes (SW_LANES pairs side by side)   R rows
 *   N fragment rows of a batch, padding included   G group rows: one per image (I rounded up to a
 *   multiple of SW_LANES) or one per caption (C)
 *
 * Lifetimes: descriptors are static. `self` and parameters live as long as the model. Tensors,
 * vectors and scratch live until the end of the tile or batch they were made in. A plugin never
 * allocates and never frees.
 *
 * Errors: the first failure on a graph sticks. A verb that is given NULL, or whose graph has
 * failed, does nothing and returns NULL, so a stage is a straight run of calls; the host reports
 * once, at the end, in the words of the first failure.
 *
 * Threads: everything runs on one thread but `score` and `fuse`, which run on many at once, each
 * with a tile of its own; they must not write to `self` or to `prepared`.
 *
 * Names of parameters and buffers are relative: the host puts a prefix before them that belongs to
 * this use of the plugin, so that one plugin can stand in a model twice ("l2l.", then "l2l_2."). */
#ifndef STEPWISE_PLUGIN_H
#define STEPWISE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

/* Rises with any change of a struct below; a plugin built for another number, or whose descriptors
 * have other sizes (SW_PLUGIN_HEAD says them), is refused. The host table only grows. */
#define SW_ABI 2u
#define SW_MAX_DIM 4
/* Pairs (image, caption) that a tile holds side by side: one 64-byte vector of floats. */
#define SW_LANES 16

/* What a plugin may have at most: one with more is refused when it is loaded. */
enum {
    SW_MOST_OPTIONS = 62,   /* of one stage, fusion or embedding */
    SW_MOST_PARTS = 256,    /* of each kind: stages, fusions, embeddings, .., operations */
    SW_MOST_TABLES = 64,    /* of an embedding */
    SW_MOST_BLOCKS = 16,    /* of an encoder's chain */
    SW_MOST_SELF = 1 << 20, /* bytes of self_size and of prepared_size */
};

#if defined(__GNUC__)
#define SW_EXPORT __attribute__((visibility("default")))
#else
#define SW_EXPORT
#endif

struct sw_graph;      /* a tape of operations */
struct sw_model;      /* parameters and composition */
struct sw_vectors;    /* a pair's vectors: coordinates over its fragments, or D numbers each */
struct sw_fusion_use; /* one use of a fusion plugin, as a stage's option names it */
struct sw_compute;    /* threads and vector kernels */
struct sw_host;

/* ---- tensors and operations ----------------------------------------------------------------- */

/* Row-major, contiguous. grad == NULL: nobody needs a gradient of it. */
struct sw_tensor {
    float *data;
    float *grad; /* same shape; an operation's backward adds to it, never overwrites it */
    int ndim;
    int dim[SW_MAX_DIM];
};

/* Small arguments of an operation, inline, so that a node of the tape is plain data. */
struct sw_args {
    int i[4];
    float f[4];
    const void *p; /* constant index structure; lives as long as the graph */
};

/* One call of an operation. */
struct sw_call {
    const struct sw_host *host;
    struct sw_compute *compute;
    struct sw_tensor *const *in;
    int inputs;
    struct sw_tensor *out;
    const struct sw_args *args;
    void *saved; /* written by forward for backward; `saved_size` bytes, 64-byte aligned */
};

/* Inputs on which the gradient check tries an operation; at least one for each operation. */
struct sw_sample {
    int inputs;
    struct {
        int ndim, dim[SW_MAX_DIM];
        float low, high; /* filled uniformly between; low == high gives a constant */
        int constant;    /* no gradient is asked of this input */
    } in[10];
    struct sw_args args;
};

/* What the cost of a product grows with. */
enum sw_product_per { SW_PER_REGION, SW_PER_WORD, SW_PER_PAIR };

/* A matrix product: C (M,N) = op(A) op(B), op(A) (M,K). */
struct sw_product {
    const char *part; /* its kind, as "gru steps"; NULL: rows of the first input times weights */
    enum sw_product_per per; /* filled in by the host */
    int backward;
    int turn; /* those of one turn may run side by side; a part's turns follow each other */
    int transpose_a, transpose_b, M, N, K;
};

struct sw_product_list {
    void (*add)(struct sw_product_list *, struct sw_product);
};

struct sw_op {
    const char *name;
    const char *shapes; /* for people, as "(R,K,L),(K,K,L)->(1,R,L)" */
    const char *doc;    /* the equation, in one line */
    int least_inputs, most_inputs;
    /* Fills out_dim and returns its ndim, or a negative number when the inputs do not fit. Pure. */
    int (*shape)(const struct sw_call *call, int out_dim[SW_MAX_DIM]);
    size_t (*saved_size)(const struct sw_call *call); /* optional; call->out has its shape */
    void (*forward)(const struct sw_call *call);      /* writes all of out->data */
    void (*backward)(const struct sw_call *call); /* optional: adds to in[]->grad where not NULL */
    const struct sw_sample *samples;
    int sample_count;
    /* Optional: adds the matrix products that a call cannot do without, forward and, where an input
     * takes a gradient, backward; of lane tensors those of one pair. `stepwise bench` measures
     * against them. A product with a single row or column of weights does not count, nor does one
     * with a 0 among its sizes. */
    void (*products)(const struct sw_call *call, struct sw_product_list *out);
};

/* ---- options --------------------------------------------------------------------------------- */

enum sw_option_kind {
    SW_NUMBER = 1,
    SW_INTEGER,
    SW_SWITCH, /* true or false */
    SW_CHOICE, /* one word of `choices` */
    SW_FUSION, /* the name of a fusion plugin, or a table {plugin = name, its options} */
};

struct sw_option {
    const char *name; /* the end of a list has NULL here */
    enum sw_option_kind kind;
    const char *preset;  /* the default, as one would type it */
    const char *choices; /* SW_CHOICE: words with one space between */
    double least, most;  /* SW_NUMBER, SW_INTEGER: inclusive; both 0: unbounded */
    const char *doc;
};

/* Checked values, in the order of the descriptor's options. */
struct sw_value {
    double number; /* SW_NUMBER, SW_INTEGER; SW_SWITCH as 0 or 1; SW_CHOICE as its index */
    const char *text;
    struct sw_fusion_use *fusion;
};

/* ---- parameters ------------------------------------------------------------------------------ */

enum sw_init_kind {
    SW_INIT_ZERO = 1,
    SW_INIT_UNIFORM, /* U(-bound, bound) */
    SW_INIT_XAVIER,  /* U(-b, b), b = sqrt(6 / (fan in + fan out)) of a (out, in) matrix */
    SW_INIT_GLOVE, /* (V,W): rows of the GloVe file; mean vector for the missing; zero for specials
                    */
    SW_INIT_CONSTANT, /* `bound` everywhere */
};

struct sw_init {
    enum sw_init_kind kind;
    float bound;
    int frozen; /* never trained: no gradient is formed */
};

/* ---- what a plugin sees of the model, a batch and a tile ------------------------------------- */

/* Which side asks: `t2i` keeps the word-queried side only, `i2t` the region-queried one. */
enum sw_direction { SW_BOTH = 0, SW_T2I = 1, SW_I2T = 2 };

enum sw_side { SW_REGIONS = 0, SW_WORDS = 1 };

/* Where the rows of a batch's regions or words lie. A group is an image or a caption. Its fragment
 * f is row first[g] + f * stride. Words lie end to end (stride 1). Regions lie in blocks of
 * SW_LANES images, region-major: row block * most * SW_LANES + region * SW_LANES + lane (stride
 * SW_LANES), so that a product with all words comes out of one matrix product in the order of the
 * lanes. */
struct sw_fragments {
    int groups; /* images, or captions */
    int rows;   /* N: all rows, padding rows included */
    int most;   /* the largest count */
    int stride;
    const int *first; /* (groups) */
    const int *count; /* (groups): fragments a group really has */
};

/* One side of a batch on its way through the encoder: the regions of all images, or the words of
 * all captions. Where groups matter, use operations that take the fragments as args.p
 * ("group_mean",
 * ..); all others treat each row alike, padding rows included. */
struct sw_encode {
    const struct sw_host *host;
    struct sw_graph *graph;
    enum sw_side side;
    int training; /* 1 in a training step: dropout, batch statistics */
    const struct sw_fragments *fragments;
    /* SW_WORDS: (N) word ids. A block's `augment` may change them in place. */
    int32_t *ids;
    int vocabulary; /* V */
};

/* Words that repeat in a batch have one vector, so the text chain begins with a row for each of its
 * different words. A block that does not say more gets a row for each fragment (N). */
enum sw_rows {
    SW_ROW_PER_FRAGMENT = 0,
    /* Each row of the result depends on its row of x alone, and not on chance: x may have any
     * number of rows, and the result has as many. */
    SW_ANY_ROWS = 1,
    /* x may have any number of rows, `row_index` says which each fragment has; the result is
     * (N,out). */
    SW_INDEXED_ROWS = 2,
};

/* All images and captions of a step. Rows are in the runtime's own order: use only operations that
 * treat each row alike (linear, l2norm, elementwise) or that take fragments. */
struct sw_batch {
    const struct sw_host *host;
    struct sw_graph *graph;
    struct sw_tensor *regions; /* (N,D): v_i, eq. 1 */
    struct sw_tensor *words;   /* (N,D): t_j, eq. 2 */
    int dim;                   /* D */
    enum sw_direction direction;
    int training;
    const struct sw_fragments *region_fragments, *word_fragments;
    /* (G,P): one vector per image and per caption, where the model pools; else NULL. Rows of images
     * that are not there are zero. */
    struct sw_tensor *image, *text;
    /* (N,1) by enum sw_side: 0 for a side's own fragments, 1 for those of its second set, which come
     * behind them; NULL where there is no second set. */
    struct sw_tensor *sets[2];
};

/* SW_LANES pairs scored side by side. A lane tensor is (rows, columns, L): the last index is the
 * pair. Numbers one a row are (1, R, L). Pairs with fewer regions or words than the tile's k and n
 * are told apart by the masks. */
struct sw_tile {
    const struct sw_host *host;
    struct sw_graph *graph;
    int k, n, dim;
    enum sw_direction direction;
    struct sw_tensor *region_mask; /* (1,k,L) of 1 and 0, or NULL: every region is there */
    struct sw_tensor *word_mask;   /* (1,n,L), or NULL */
    int training;
};

/* Handles of what `prepare` declares: each kind has a type of its own. */
struct sw_input {
    int at;
};
struct sw_functional {
    int at;
};
struct sw_map {
    int at;
};

struct sw_observed {
    int at;
};

/* What the rows or columns of shown weights stand for. */
enum sw_axis { SW_AXIS_REGIONS = 0, SW_AXIS_WORDS = 1, SW_AXIS_ONE = 2 };

/* ---- descriptors ----------------------------------------------------------------------------- */

/* What every descriptor but an operation's begins with. `init`, which keeps options and declares
 * parameters, may be NULL where there is neither, but not an embedding's. `plugin`, `score`,
 * `weight` and `prefix` are not free as names of options. */
#define SW_DESCRIPTOR_HEAD                                              \
    const char *name, *doc;                                             \
    const struct sw_option *options; /* NULL or ended by a NULL name */ \
    size_t self_size                 /* bytes of `self`; zeroed by the host */

/* An encoder block. The image chain begins with the features (N,F), the text chain with the word
 * vectors; what the last block of a side returns is (N,D). */
struct sw_block {
    SW_DESCRIPTOR_HEAD;
    /* Declares parameters and keeps options; `width` is that of x, *out that of the result (it
     * starts as `width`). 0 or the status of host->fail_model. */
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *options);
    /* x (N,width) -> (N,out), unless the init says otherwise (takes_rows) */
    struct sw_tensor *(*encode)(struct sw_encode *encode, const void *self, struct sw_tensor *x);
    /* Optional: called in a training step before anything is read. Says in keep[N] which fragments
     * stay (all 1 at first) and may change ids. A group that loses all of its fragments keeps its
     * first. A block that only augments has no `encode`. */
    void (*augment)(struct sw_encode *encode, const void *self, unsigned char *keep);
};

/* One vector per image or caption: (N,D) -> (G,P). Parameters are named "image.pool." or
 * "text.pool." and their own name. */
struct sw_pool {
    SW_DESCRIPTOR_HEAD;
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *options);
    struct sw_tensor *(*pool)(struct sw_encode *encode, const void *self, struct sw_tensor *x);
};

enum sw_stage_flags {
    /* In a training step a pair's score depends on the other pairs of its tile, which is then
     * always SW_LANES images with one caption; all pairs are differentiated. */
    SW_COUPLES_PAIRS = 1,
    SW_NEEDS_POOLED = 2,        /* batch->image and batch->text */
    SW_NEEDS_EQUAL_REGIONS = 4, /* every image has the same number of regions, in the same order */
    /* The score jumps, as where a threshold leaves fragments out: `plugins --check` does not hold
     * its gradient, which is one between the jumps, against differences. */
    SW_JUMPS = 8,
};

struct sw_stage {
    SW_DESCRIPTOR_HEAD;
    size_t prepared_size; /* bytes of `prepared`, one for each batch; zeroed by the host */
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *options);
    /* Optional. Computes what the tiles will need, one row per fragment, and declares it as inputs
     * of the tiles (host->input_product and its neighbours). */
    void (*prepare)(struct sw_batch *batch, const void *self, void *prepared);
    /* The score of each pair, (1,1,L); leaves state for later stages with sw_put. */
    struct sw_tensor *(*score)(struct sw_tile *tile, const void *self, const void *prepared);
    /* Instead of `score`: of all pairs at once, (G,C), on the batch's graph. */
    struct sw_tensor *(*score_all)(struct sw_batch *batch, const void *self, const void *prepared);
    unsigned flags; /* of enum sw_stage_flags */
};

/* A fusion's prefix is its stage's and the option's name: "g2l.fusion.". Both sides are declared in
 * any direction, as "image.weight" and "text.weight". */
struct sw_fusion {
    SW_DESCRIPTOR_HEAD;
    size_t prepared_size;
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *options);
    void (*prepare)(struct sw_batch *batch, const void *self, void *prepared); /* optional */
    /* eq. 8: own fragments x (R rows: the regions or the words) with what they attend to. */
    struct sw_vectors *(*fuse)(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended);
};

/* Word ids of a batch, captions end to end: behind args.p of "embedding". */
struct sw_word_ids {
    int count;
    const int32_t *id;
};

/* A table's parameter is named "embedding.NAME.weight", (V,W). */
struct sw_embedding {
    SW_DESCRIPTOR_HEAD;
    int tables; /* the width of a word is word_dim times this */
    /* `word_dim` is W of one table. */
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self, int word_dim,
                const struct sw_value *options);
    /* (words, tables * W); equal ids have equal vectors, so each comes once in a batch */
    struct sw_tensor *(*embed)(const struct sw_host *host, struct sw_graph *graph, const void *self,
                               const struct sw_word_ids *words);
};

/* Behind args.p of "hinge" and its like: pair i of the batch is (image[i], its caption). Two pairs
 * may share an image, since an image has several captions. */
struct sw_pair_images {
    int n;
    const int32_t *image; /* (n) */
};

/* What a loss is computed from: B pairs, and the scores of each image with each caption. */
struct sw_loss_batch {
    const struct sw_host *host;
    struct sw_graph *graph;
    struct sw_tensor *scores;           /* (B,B): image of pair i with caption of pair j */
    struct sw_tensor *image, *text;     /* (G,P) pooled, or NULL */
    const struct sw_pair_images *pairs; /* B */
    int epoch;                          /* from 0 */
};

enum sw_loss_flags {
    SW_LOSS_NEEDS_POOLED = 1,
};

struct sw_loss {
    SW_DESCRIPTOR_HEAD;
    /* The model is complete: host->parameter_at lists it. A loss declares no parameters. */
    int (*init)(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *options);
    /* (1), summed over the batch */
    struct sw_tensor *(*loss)(struct sw_loss_batch *batch, const void *self);
    unsigned flags; /* of enum sw_loss_flags */
};

/* The one exported symbol: SW_EXPORT const struct sw_plugin sw_plugin = { SW_PLUGIN_HEAD, ... }.
 * Lists end with NULL; a NULL list is an empty one. All of it is registered, or nothing. */
struct sw_plugin {
    uint32_t abi, real_size, lanes, max_dim;
    uint32_t plugin_size, stage_size, fusion_size, embedding_size, block_size, pool_size, loss_size;
    const char *name, *version, *license, *doc;
    const struct sw_stage *const *stages;
    const struct sw_fusion *const *fusions;
    const struct sw_embedding *const *embeddings;
    const struct sw_block *const *blocks;
    const struct sw_pool *const *pools;
    const struct sw_loss *const *losses;
    const struct sw_op *const *ops;
};
#define SW_PLUGIN_HEAD                                                                      \
    .abi = SW_ABI, .real_size = sizeof(float), .lanes = SW_LANES, .max_dim = SW_MAX_DIM,    \
    .plugin_size = sizeof(struct sw_plugin), .stage_size = sizeof(struct sw_stage),         \
    .fusion_size = sizeof(struct sw_fusion), .embedding_size = sizeof(struct sw_embedding), \
    .block_size = sizeof(struct sw_block), .pool_size = sizeof(struct sw_pool),             \
    .loss_size = sizeof(struct sw_loss)

/* ---- host functions ------------------------------------------------------------------------- */

enum { SW_PLUGIN_FAILED = -1, SW_PLUGIN_MISUSE = -2 };

/* Appended to only. */
struct sw_host {
    uint32_t abi, size;

    /* Failing: one line of what, expected, found. They return `status`. */
    int (*fail_model)(struct sw_model *, int status, const char *format, ...);
    int (*fail)(struct sw_graph *, int status, const char *format, ...);

    /* While a model is built. */
    int (*dim)(const struct sw_model *);        /* D */
    int (*vocabulary)(const struct sw_model *); /* V */
    /* A named parameter; the pointer is valid at once, its data when the model is complete. A name
     * that is taken fails the model and returns NULL. */
    struct sw_tensor *(*parameter)(struct sw_model *, const char *name, int ndim, const int *dim,
                                   struct sw_init init);
    /* Numbers that are saved with the model and not trained, as a batch norm's running mean;
     * `value` everywhere at first. */
    struct sw_tensor *(*buffer)(struct sw_model *, const char *name, int ndim, const int *dim,
                                float value);
    /* In a loss's init: the index-th parameter with its whole name, NULL behind the last. */
    struct sw_tensor *(*parameter_at)(struct sw_model *, int index, const char **name);

    /* The tape. */
    struct sw_tensor *(*apply)(struct sw_graph *, const char *op, struct sw_tensor *const *in,
                               int inputs, const struct sw_args *args);
    void *(*scratch)(struct sw_graph *, size_t bytes); /* zeroed */
    /* Numbers of a shape, without a gradient, all `value` at first: masks, positions. */
    struct sw_tensor *(*constant)(struct sw_graph *, int ndim, const int *dim, float value);
    /* The same numbers under another shape. */
    struct sw_tensor *(*reshape)(struct sw_graph *, struct sw_tensor *, int ndim, const int *dim);
    /* The key of a stream of random numbers: every call in a step gives another, the same ones when
     * the step is repeated. On the batch's graph only. */
    void (*random)(struct sw_graph *, int key[2]);
    /* Once the step is done, `buffer` becomes `value` (same shape). In a training step only; on the
     * batch's graph. */
    void (*update)(struct sw_graph *, struct sw_tensor *buffer, struct sw_tensor *value);

    /* Inputs of the tiles, declared in prepare. After a failure the handle is -1. */
    struct sw_input (*input_product)(struct sw_batch *, struct sw_tensor *regions,
                                     struct sw_tensor *words);
    /* Products of a group's own rows: x_f . y_g for the fragments f, g of one image or caption. */
    struct sw_input (*input_within)(struct sw_batch *, enum sw_side, struct sw_tensor *x,
                                    struct sw_tensor *y);
    struct sw_input (*input_rows)(struct sw_batch *, enum sw_side, struct sw_tensor *rows);
    struct sw_input (*input_vectors)(struct sw_batch *, enum sw_side, struct sw_tensor *rows);
    struct sw_input (*input_group)(struct sw_batch *, enum sw_side, struct sw_tensor *rows);
    struct sw_input (*input_shared)(struct sw_batch *, struct sw_tensor *parameter);
    /* w . x for any pair vector x; w is (1,D). */
    struct sw_functional (*input_functional)(struct sw_batch *, struct sw_tensor *w);
    /* W x for pair vectors over one side's fragments; W is (M,D). */
    struct sw_map (*input_map)(struct sw_batch *, enum sw_side, struct sw_tensor *W);
    /* A buffer that the tiles of a training step report to (`observe`): once the step is done, the
     * buffer b becomes (1 - rate) b + rate x for the x of each tile, captions in order, and for
     * each caption its blocks of images. */
    struct sw_observed (*observed)(struct sw_batch *, struct sw_tensor *buffer, float rate);

    /* The tile's part of an input: product (n,k,L): regions' row . words' row; within (k,k,L) or
     * (n,n,L): row f, column g; rows of (N,m): (k or n, m, L); vectors of (N,m): (k or n, L or 1,
     * m); group of (G,m): (1, L or 1, m); shared: as it is. */
    struct sw_tensor *(*input)(struct sw_tile *, struct sw_input);

    /* Pair vectors: the same verbs for coordinates and for explicit numbers. */
    struct sw_vectors *(*fragments)(struct sw_tile *,
                                    enum sw_side); /* the v_i (k rows), the t_j (n) */
    /* weights (R,k,L) or (R,n,L): row r is the weighted sum of that side's fragments */
    struct sw_vectors *(*over)(struct sw_tile *, enum sw_side, struct sw_tensor *weights);
    struct sw_vectors *(*explicit_vectors)(struct sw_tile *, struct sw_tensor *x); /* (R,L,D) */
    struct sw_vectors *(*add)(struct sw_tile *, struct sw_vectors *, struct sw_vectors *);
    struct sw_vectors *(*scale_rows)(struct sw_tile *, struct sw_vectors *,
                                     struct sw_tensor *s); /* s (1,R,L) */
    struct sw_vectors *(*scale)(struct sw_tile *, struct sw_vectors *, float factor);
    struct sw_vectors *(*pool)(struct sw_tile *, struct sw_vectors *,
                               struct sw_tensor *w); /* w (1,R,L) -> 1 row */
    struct sw_tensor *(*dot)(struct sw_tile *, struct sw_vectors *,
                             struct sw_vectors *); /* (1,R,L) */
    struct sw_tensor *(*cosine)(struct sw_tile *, struct sw_vectors *,
                                struct sw_vectors *); /* (1,R,L) */
    /* cos(x, each fragment of a side) for a single row x: (1,k,L) or (1,n,L) */
    struct sw_tensor *(*cosine_to)(struct sw_tile *, struct sw_vectors *, enum sw_side);
    struct sw_tensor *(*functional)(struct sw_tile *, struct sw_vectors *,
                                    struct sw_functional); /* (1,R,L) */
    struct sw_tensor *(*mapped)(struct sw_tile *, struct sw_vectors *,
                                struct sw_map); /* (R, L or 1, M) */
    struct sw_tensor *(*numbers)(struct sw_tile *,
                                 struct sw_vectors *); /* explicit: (R, L or 1, D) */

    /* What stages leave for later ones, by name. get fails the tile, naming who is missing. */
    void (*put)(struct sw_tile *, const char *name, struct sw_vectors *);
    struct sw_vectors *(*get)(struct sw_tile *, const char *name);
    /* Optional: weights of attention to be shown to people, (R,K,L), by name. */
    void (*show)(struct sw_tile *, const char *name, enum sw_axis rows, enum sw_axis columns,
                 struct sw_tensor *weights);
    /* Numbers one a fragment, (1,k,L) or (1,n,L), that make `pool` the mean of a side. */
    struct sw_tensor *(*mean_weights)(struct sw_tile *, enum sw_side);

    struct sw_vectors *(*fuse)(struct sw_tile *, const struct sw_fusion_use *, enum sw_side,
                               struct sw_vectors *own, struct sw_vectors *attended);

    /* Raw work for operations. gemm: C (M,N) = alpha op(A) op(B) + beta C, row-major, one thread.
     */
    void (*gemm)(struct sw_compute *, int transpose_a, int transpose_b, int M, int N, int K,
                 float alpha, const float *A, int lda, const float *B, int ldb, float beta,
                 float *C, int ldc);
    void (*sigmoid)(struct sw_compute *, size_t count, const float *x, float *out);
    /* Columns [range[0], range[0] + range[1]) of joined word vectors take a gradient: those of the
     * trained tables. */
    void (*trained_columns)(struct sw_graph *, struct sw_tensor *x, int range[2]);
    /* In a training step: x has as many numbers as the buffer. */
    void (*observe)(struct sw_tile *, struct sw_observed, struct sw_tensor *x);
    /* In a block's init: which rows its `encode` takes. */
    void (*takes_rows)(struct sw_model *, enum sw_rows);
    /* In the `encode` of a block that takes SW_INDEXED_ROWS: (N), the row of x that each fragment
     * has, for "gru", "bigru" and "rows_at"; NULL where x has a row for each. */
    struct sw_tensor *(*row_index)(struct sw_encode *);
};

/* ---- short names for stages: they read like the equations ------------------------------------ */

static inline struct sw_tensor *sw_apply1(struct sw_tile *t, const char *op, struct sw_tensor *x,
                                          struct sw_args args)
{
    return t->host->apply(t->graph, op, &x, 1, &args);
}

static inline struct sw_tensor *sw_apply2(struct sw_tile *t, const char *op, struct sw_tensor *x,
                                          struct sw_tensor *y, struct sw_args args)
{
    struct sw_tensor *in[2] = {x, y};
    return t->host->apply(t->graph, op, in, 2, &args);
}

static inline struct sw_tensor *sw_mask(struct sw_tile *t, enum sw_side side)
{
    return side == SW_REGIONS ? t->region_mask : t->word_mask;
}

/* x with its side's mask behind it, where there is one. */
static inline struct sw_tensor *sw_masked(struct sw_tile *t, const char *op, struct sw_tensor *x,
                                          enum sw_side side, struct sw_args args)
{
    struct sw_tensor *in[2] = {x, sw_mask(t, side)};
    return t->host->apply(t->graph, op, in, in[1] ? 2 : 1, &args);
}

/* softmax(lambda * x) along the columns; x (R, columns, L) where the columns are `side`'s fragments
 */
static inline struct sw_tensor *sw_softmax(struct sw_tile *t, struct sw_tensor *x,
                                           enum sw_side side, float lambda)
{
    return sw_masked(t, "lane_softmax", x, side, (struct sw_args){.f = {lambda}});
}

/* The same for a transposed x (columns, R, L); the result is (R, columns, L). */
static inline struct sw_tensor *sw_softmax_transposed(struct sw_tile *t, struct sw_tensor *x,
                                                      enum sw_side side, float lambda)
{
    return sw_masked(t, "lane_softmax", x, side, (struct sw_args){.i = {1}, .f = {lambda}});
}

/* mean over a side's fragments of numbers one a fragment, (1,R,L) -> (1,1,L) */
static inline struct sw_tensor *sw_mean(struct sw_tile *t, struct sw_tensor *x, enum sw_side side)
{
    return sw_masked(t, "lane_mean", x, side, (struct sw_args){{0}, {0}, NULL});
}

/* their sum */
static inline struct sw_tensor *sw_sum(struct sw_tile *t, struct sw_tensor *x, enum sw_side side)
{
    return sw_masked(t, "lane_mean", x, side, (struct sw_args){.i = {1}});
}

/* f * x + c, number by number */
static inline struct sw_tensor *sw_affine(struct sw_tile *t, struct sw_tensor *x, float f, float c)
{
    return sw_apply1(t, "affine", x, (struct sw_args){.f = {f, c}});
}

static inline struct sw_tensor *sw_plus(struct sw_tile *t, struct sw_tensor *x, struct sw_tensor *y)
{
    return sw_apply2(t, "add", x, y, (struct sw_args){{0}, {0}, NULL});
}

static inline struct sw_tensor *sw_sigmoid(struct sw_tile *t, struct sw_tensor *x)
{
    return sw_apply1(t, "sigmoid", x, (struct sw_args){{0}, {0}, NULL});
}

/* x + b, where b is one number */
static inline struct sw_tensor *sw_add_scalar(struct sw_tile *t, struct sw_tensor *x,
                                              struct sw_tensor *b)
{
    return sw_apply2(t, "add_scalar", x, b, (struct sw_args){{0}, {0}, NULL});
}

/* mu * x + (1 - mu) * y */
static inline struct sw_tensor *sw_blend(struct sw_tile *t, float mu, struct sw_tensor *x,
                                         struct sw_tensor *y)
{
    return sw_plus(t, sw_affine(t, x, mu, 0), sw_affine(t, y, 1 - mu, 0));
}

static inline struct sw_tensor *sw_read(struct sw_tile *t, struct sw_input input)
{
    return t->host->input(t, input);
}

static inline struct sw_vectors *sw_regions(struct sw_tile *t)
{
    return t->host->fragments(t, SW_REGIONS);
}

static inline struct sw_vectors *sw_words_of(struct sw_tile *t)
{
    return t->host->fragments(t, SW_WORDS);
}

static inline struct sw_vectors *sw_over_regions(struct sw_tile *t, struct sw_tensor *weights)
{
    return t->host->over(t, SW_REGIONS, weights);
}

static inline struct sw_vectors *sw_over_words(struct sw_tile *t, struct sw_tensor *weights)
{
    return t->host->over(t, SW_WORDS, weights);
}

static inline struct sw_tensor *sw_cosine(struct sw_tile *t, struct sw_vectors *x,
                                          struct sw_vectors *y)
{
    return t->host->cosine(t, x, y);
}

static inline struct sw_vectors *sw_pool(struct sw_tile *t, struct sw_vectors *x,
                                         struct sw_tensor *weights)
{
    return t->host->pool(t, x, weights);
}

static inline void sw_put(struct sw_tile *t, const char *name, struct sw_vectors *x)
{
    t->host->put(t, name, x);
}

static inline struct sw_vectors *sw_get(struct sw_tile *t, const char *name)
{
    return t->host->get(t, name);
}

/* y = x W^T (+ b) for each row of x, on the batch's graph; bias may be NULL */
static inline struct sw_tensor *sw_linear(struct sw_batch *b, struct sw_tensor *x,
                                          struct sw_tensor *weight, struct sw_tensor *bias)
{
    struct sw_tensor *in[3] = {x, weight, bias};
    struct sw_args none = {{0}, {0}, NULL};
    return b->host->apply(b->graph, "linear", in, bias ? 3 : 2, &none);
}

/* y = x W for each row of x, on the batch's graph: x . W v = (x W) . v */
static inline struct sw_tensor *sw_linear_back(struct sw_batch *b, struct sw_tensor *x,
                                               struct sw_tensor *weight)
{
    struct sw_tensor *in[2] = {x, weight};
    struct sw_args none = {{0}, {0}, NULL};
    return b->host->apply(b->graph, "linear_back", in, 2, &none);
}

/* columns [first, first + count) of a matrix, on the batch's graph */
static inline struct sw_tensor *sw_columns(struct sw_batch *b, struct sw_tensor *x, int first,
                                           int count)
{
    struct sw_args args = {{first, count}, {0}, NULL};
    return b->host->apply(b->graph, "columns", &x, 1, &args);
}

/* each row divided by its length, eq. 1: x / (|x| + 1e-8) */
static inline struct sw_tensor *sw_l2norm(struct sw_batch *b, struct sw_tensor *x)
{
    struct sw_args none = {{0}, {0}, NULL};
    return b->host->apply(b->graph, "l2norm", &x, 1, &none);
}

#endif
