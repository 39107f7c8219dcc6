/* camp.c -- CAMP, cross-modal adaptive message passing (Wang et al., ICCV 2019), in the four forms
 * of its published code. a_i likewise over words:
 *
 *   b_j = sum_i softmax_i(q(t_j) . k(v_i) / sqrt(D)) v_i
 *
 * In the "new" forms an attention among the rows takes the place of b_j; the same for a_i:
 *
 *   b_j <- sum_j' softmax_j'(q'(b_j) . k'(b_j') / sqrt(D)) b_j'
 *
 * cross_attention, where pool is the mean in the "new" form:
 *
 *   S = cos(pool a_i, pool b_j)
 *
 * gate_fusion, with f = a_i, in the "new" form of length 1 as are its pools; the words likewise:
 *
 *   g_i = sigmoid(v_i . f_i)
 *
 *   h_i = relu(g_i W [v_i; f_i] (+ b)) + v_i
 *
 *   S = sigmoid(w . relu(W' [pool h_i; pool h_j] + b') + b'')
 *
 *   pool x_r = mean over heads of sum_r softmax_r(u_head . relu(W'' x_r + b'')) x_r
 *
 * Both sides always query, whatever the model's direction. CAMP's encoders leave out the l2 norm of
 * regions and words; its loss is `bce`. */
#include "attention.h"
#include "joint_layer.h"

#include <math.h>

enum { FORM, HEADS, PADDED_WORDS };
enum { CROSS_ATTENTION, CROSS_ATTENTION_NEW, GATE_FUSION, GATE_FUSION_NEW };

static const struct sw_option options[] = {
    {"form", SW_CHOICE, "gate_fusion_new",
     "cross_attention cross_attention_new gate_fusion gate_fusion_new", 0, 0,
     "as in the published code; gate_fusion_new is the paper's model"},
    {"heads", SW_INTEGER, "4", NULL, 1, 64, "of the weights that a side is pooled with"},
    {"padded_words", SW_INTEGER, "0", NULL, 0, 1000,
     "cross_attention_new: the published code pads captions to 50 words and takes the mean over "
     "all "
     "of them; 0: over the words that are there"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* By side. `image` is what has one row per region, `text` one per word. */
struct camp {
    int form, heads, padded_words;
    struct sw_tensor *key[2], *query[2];                    /* (D,D) */
    struct sw_tensor *attended_key[2], *attended_query[2];  /* (D,D), of what is attended to */
    struct joint_layer fuse[2];                             /* (D,2D) */
    struct sw_tensor *fuse_bias[2];                         /* (D) */
    struct sw_tensor *hidden[2], *hidden_bias[2], *head[2]; /* (D,D), (D), (heads,D) */
    struct sw_tensor *score_hidden, *score_hidden_bias;     /* (D,2D), (D) */
    struct sw_tensor *score_weight, *score_bias;            /* (1,D), (1) */
};

struct prepared {
    struct sw_input logits[2]; /* by the side that queries: (n,k,L) both */
    struct sw_input within[2]; /* q'(f) . k'(f') of a side's own fragments */
    struct joint_inputs fuse[2];
    struct sw_map hidden_map[2]; /* of what the side's rows attend to */
    struct sw_input fuse_bias[2], hidden[2], hidden_bias[2], head[2];
    struct sw_input score_hidden[2], score_hidden_bias, score_weight, score_bias;
};

static int is_new(const struct camp *s)
{
    return s->form == CROSS_ATTENTION_NEW || s->form == GATE_FUSION_NEW;
}

static int is_gated(const struct camp *s)
{
    return s->form == GATE_FUSION || s->form == GATE_FUSION_NEW;
}

/* ---- parameters ---- */

struct declaring {
    const struct sw_host *host;
    struct sw_model *model;
    const char *side; /* "image", "text", "score" */
    int failed;
};

static struct sw_tensor *declare(struct declaring *d, const char *name, int rows, int columns,
                                 struct sw_init how)
{
    char whole[96];
    int dim[2] = {rows, columns};
    snprintf(whole, sizeof whole, "%s.%s", d->side, name);
    struct sw_tensor *t = d->host->parameter(d->model, whole, columns ? 2 : 1, dim, how);
    d->failed |= !t;
    return t;
}

static void declare_side(struct declaring *d, struct camp *s, enum sw_side side, int D)
{
    const struct sw_init zero = {.kind = SW_INIT_ZERO}, xavier = {.kind = SW_INIT_XAVIER};
    const struct sw_init wide = {.kind = SW_INIT_UNIFORM, .bound = sqrtf(3 / (float)D)};
    const struct sw_init torch = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)D)};
    d->side = side == SW_REGIONS ? "image" : "text";
    s->key[side] = declare(d, "key.weight", D, D, xavier);
    if (is_new(s)) {
        s->query[side] = declare(d, "query.weight", D, D, xavier);
        s->attended_key[side] = declare(d, "attended_key.weight", D, D, xavier);
        s->attended_query[side] = declare(d, "attended_query.weight", D, D, xavier);
    }
    if (is_gated(s)) {
        s->fuse[side].weight = declare(d, "fuse.weight", D, 2 * D, wide);
        if (!is_new(s))
            s->fuse_bias[side] = declare(d, "fuse.bias", D, 0, zero);
    }
    if (s->form != CROSS_ATTENTION_NEW) {
        /* a bias of the heads would be the same for all rows, which the softmax takes no notice of
         */
        s->hidden[side] = declare(d, "pool.hidden.weight", D, D, torch);
        s->hidden_bias[side] = declare(d, "pool.hidden.bias", D, 0, torch);
        s->head[side] = declare(d, "pool.heads.weight", s->heads, D, torch);
    }
}

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct camp *s = self;
    struct declaring d = {host, model, NULL, 0};
    int D = host->dim(model);
    s->form = (int)values[FORM].number;
    s->heads = (int)values[HEADS].number;
    s->padded_words = (int)values[PADDED_WORDS].number;
    declare_side(&d, s, SW_REGIONS, D);
    declare_side(&d, s, SW_WORDS, D);
    if (is_gated(s)) {
        const struct sw_init zero = {.kind = SW_INIT_ZERO};
        const struct sw_init wide = {.kind = SW_INIT_UNIFORM, .bound = sqrtf(3 / (float)D)};
        d.side = "score";
        s->score_hidden = declare(&d, "hidden.weight", D, 2 * D, wide);
        s->score_hidden_bias = declare(&d, "hidden.bias", D, 0, zero);
        s->score_weight = declare(&d, "weight", 1, D, wide);
        s->score_bias = declare(&d, "bias", 1, 0, zero);
    }
    return d.failed ? SW_PLUGIN_FAILED : 0;
}

/* ---- once per batch ---- */

/* x for which x . f = (A f) . (B y): B y by A's other side */
static struct sw_tensor *turned(struct sw_batch *batch, struct sw_tensor *y, struct sw_tensor *B,
                                struct sw_tensor *A)
{
    return sw_linear_back(batch, sw_linear(batch, y, B, NULL), A);
}

static void prepare_pool(struct sw_batch *batch, const struct camp *s, struct prepared *p,
                         enum sw_side side)
{
    const struct sw_host *host = batch->host;
    if (is_gated(s))
        p->hidden[side] = host->input_shared(batch, s->hidden[side]);
    else
        p->hidden_map[side] = host->input_map(batch, other_side(side), s->hidden[side]);
    p->hidden_bias[side] = host->input_shared(batch, s->hidden_bias[side]);
    p->head[side] = host->input_shared(batch, s->head[side]);
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct camp *s = self;
    struct prepared *p = prepared;
    const struct sw_host *host = batch->host;
    struct sw_tensor *const *query = is_new(s) ? s->query : s->key;
    struct sw_tensor *const own[2] = {batch->regions, batch->words};
    /* products over the words, which are fewer than the regions */
    p->logits[SW_WORDS] = host->input_product(
        batch, own[SW_REGIONS], turned(batch, own[SW_WORDS], query[SW_WORDS], s->key[SW_REGIONS]));
    p->logits[SW_REGIONS] = p->logits[SW_WORDS];
    if (is_new(s))
        p->logits[SW_REGIONS] =
            host->input_product(batch, own[SW_REGIONS],
                                turned(batch, own[SW_WORDS], s->key[SW_WORDS], query[SW_REGIONS]));
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++) {
        if (is_new(s))
            p->within[side] = host->input_within(
                batch, side, own[side],
                turned(batch, own[side], s->attended_key[side], s->attended_query[side]));
        if (is_gated(s)) {
            joint_prepare(batch, &s->fuse[side], side, &p->fuse[side]);
            p->score_hidden[side] = host->input_shared(
                batch, sw_columns(batch, s->score_hidden, (int)side * batch->dim, batch->dim));
        }
        if (s->fuse_bias[side])
            p->fuse_bias[side] = host->input_shared(batch, s->fuse_bias[side]);
        if (s->form != CROSS_ATTENTION_NEW)
            prepare_pool(batch, s, p, side);
    }
    if (is_gated(s)) {
        p->score_hidden_bias = host->input_shared(batch, s->score_hidden_bias);
        p->score_weight = host->input_shared(batch, s->score_weight);
        p->score_bias = host->input_shared(batch, s->score_bias);
    }
}

/* ---- once per tile ---- */

static const struct sw_args none = {{0}, {0}, NULL};

static struct sw_tensor *matmul(struct sw_tile *tile, struct sw_tensor *x, struct sw_tensor *y)
{
    return sw_apply2(tile, "lane_matmul", x, y, none);
}

/* Weights over the other side, a row per fragment of `queries`: rows (R,K,L), or in the new forms
 * of `among` themselves attending to each other, among being all rows. */
static struct sw_tensor *among(struct sw_tile *tile, const struct prepared *p, enum sw_side queries,
                               struct sw_tensor *rows, struct sw_tensor *all)
{
    struct sw_tensor *within = sw_read(tile, p->within[other_side(queries)]);
    struct sw_tensor *logits = sw_apply2(tile, "lane_matmul", matmul(tile, rows, within), all,
                                         (struct sw_args){.i = {0, 1}});
    return matmul(tile, sw_softmax(tile, logits, queries, 1 / sqrtf((float)tile->dim)), all);
}

/* The rows that the fragments of `queries` attend to, as weights over the other side. */
static struct sw_tensor *rows_of(struct sw_tile *tile, const struct camp *s,
                                 const struct prepared *p, enum sw_side queries,
                                 struct sw_tensor **first)
{
    struct similarities logits = product_of(tile, p->logits[queries]);
    *first = softmax_of(tile, logits, queries, 1 / sqrtf((float)tile->dim));
    return is_new(s) ? among(tile, p, queries, *first, *first) : *first;
}

/* The pooling's weights of x's rows, (1,R,L), from relu(W'' x_r + b'') (R,L,D). */
static struct sw_tensor *pool_weights(struct sw_tile *tile, const struct camp *s,
                                      const struct prepared *p, enum sw_side side,
                                      struct sw_tensor *hidden)
{
    const struct sw_host *host = tile->host;
    struct sw_tensor *heads = host->reshape(tile->graph, sw_read(tile, p->head[side]), 3,
                                            (int[]){s->heads, 1, tile->dim});
    struct sw_tensor *logits =
        sw_apply2(tile, "vec_dots", sw_apply1(tile, "relu", hidden, none), heads, none);
    struct sw_tensor *even =
        host->constant(tile->graph, 3, (int[]){1, s->heads, SW_LANES}, 1 / (float)s->heads);
    return matmul(tile, even, sw_softmax_transposed(tile, logits, side, 1));
}

/* cross_attention: pools what the side's fragments attend to */
static struct sw_vectors *pool_attended(struct sw_tile *tile, const struct camp *s,
                                        const struct prepared *p, enum sw_side side,
                                        struct sw_vectors *x)
{
    struct sw_tensor *hidden =
        sw_apply2(tile, "vec_bias", tile->host->mapped(tile, x, p->hidden_map[side]),
                  sw_read(tile, p->hidden_bias[side]), none);
    return sw_pool(tile, x, pool_weights(tile, s, p, side, hidden));
}

/* cross_attention_new: the mean; its length does not matter, since only a cosine is asked of it. A
 * padding word attends to all regions alike, and then to the rows of the words that are there. */
static struct sw_vectors *mean_of(struct sw_tile *tile, const struct camp *s,
                                  const struct prepared *p, enum sw_side side,
                                  struct sw_tensor *rows, struct sw_tensor *first)
{
    const struct sw_host *host = tile->host;
    struct sw_tensor *mean = host->mean_weights(tile, side);
    struct sw_tensor *pooled = matmul(tile, mean, rows);
    if (side == SW_WORDS && s->padded_words > 0) {
        struct sw_tensor *ones = host->constant(tile->graph, 3, (int[]){1, tile->n, SW_LANES}, 1);
        struct sw_tensor *words = sw_sum(tile, ones, SW_WORDS);
        struct sw_tensor *padding = sw_affine(tile, words, -1, (float)s->padded_words);
        struct sw_tensor *row =
            among(tile, p, SW_WORDS, host->mean_weights(tile, SW_REGIONS), first);
        pooled = sw_plus(
            tile, sw_apply2(tile, "lane_scale", pooled, words, none),
            sw_apply2(tile, "lane_scale", row, sw_apply1(tile, "relu", padding, none), none));
    }
    return host->over(tile, other_side(side), pooled);
}

/* gate_fusion: the side's fragments with what they attend to, pooled; (1,L,D) */
static struct sw_tensor *pool_fused(struct sw_tile *tile, const struct camp *s,
                                    const struct prepared *p, enum sw_side side,
                                    struct sw_vectors *f)
{
    const struct sw_host *host = tile->host;
    struct sw_vectors *own = host->fragments(tile, side);
    if (is_new(s))
        f = host->scale_rows(tile, f,
                             sw_apply1(tile, "inverse_length", host->dot(tile, f, f), none));
    struct sw_tensor *gate = sw_sigmoid(tile, host->dot(tile, own, f));
    struct sw_tensor *h =
        sw_apply2(tile, "vec_scale", joint_of_fragments(tile, &p->fuse[side], f), gate, none);
    if (!is_new(s))
        h = sw_apply2(tile, "vec_bias", h, sw_read(tile, p->fuse_bias[side]), none);
    h = sw_apply2(tile, "vec_add", sw_apply1(tile, "relu", h, none), host->numbers(tile, own),
                  none);
    struct sw_tensor *in[3] = {h, sw_read(tile, p->hidden[side]),
                               sw_read(tile, p->hidden_bias[side])};
    struct sw_tensor *hidden = host->apply(tile->graph, "linear", in, 3, &none);
    struct sw_tensor *pooled =
        sw_apply2(tile, "vec_pool", h, pool_weights(tile, s, p, side, hidden), none);
    return is_new(s) ? sw_apply1(tile, "l2norm", pooled, none) : pooled;
}

static struct sw_tensor *gated_score(struct sw_tile *tile, const struct camp *s,
                                     const struct prepared *p, struct sw_vectors *a,
                                     struct sw_vectors *b)
{
    struct sw_tensor *image = pool_fused(tile, s, p, SW_REGIONS, a);
    struct sw_tensor *text = pool_fused(tile, s, p, SW_WORDS, b);
    struct sw_tensor *in[3] = {image, sw_read(tile, p->score_hidden[SW_REGIONS]),
                               sw_read(tile, p->score_hidden_bias)};
    struct sw_tensor *hidden =
        sw_plus(tile, tile->host->apply(tile->graph, "linear", in, 3, &none),
                sw_apply2(tile, "linear", text, sw_read(tile, p->score_hidden[SW_WORDS]), none));
    struct sw_tensor *S = sw_apply2(tile, "vec_functional", sw_apply1(tile, "relu", hidden, none),
                                    sw_read(tile, p->score_weight), none);
    return sw_sigmoid(tile, sw_add_scalar(tile, S, sw_read(tile, p->score_bias)));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct camp *s = self;
    const struct prepared *p = prepared;
    struct sw_tensor *first_text, *first_image;
    struct sw_tensor *text = rows_of(tile, s, p, SW_REGIONS, &first_text); /* (k,n,L) */
    struct sw_tensor *image = rows_of(tile, s, p, SW_WORDS, &first_image); /* (n,k,L) */
    if (s->form == CROSS_ATTENTION_NEW)
        return sw_cosine(tile, mean_of(tile, s, p, SW_REGIONS, text, first_text),
                         mean_of(tile, s, p, SW_WORDS, image, first_image));
    struct sw_vectors *a = attend(tile, text, SW_REGIONS), *b = attend(tile, image, SW_WORDS);
    if (s->form == CROSS_ATTENTION)
        return sw_cosine(tile, pool_attended(tile, s, p, SW_REGIONS, a),
                         pool_attended(tile, s, p, SW_WORDS, b));
    return gated_score(tile, s, p, a, b);
}

static const struct sw_stage camp = {
    .name = "camp",
    .doc =
        "CAMP: messages between the sides, gated and fused, in both directions always (Wang et al. "
        "2019)",
    .options = options,
    .self_size = sizeof(struct camp),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "camp",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "CAMP's cross-modal message passing",
    .stages = (const struct sw_stage *const[]){&camp, NULL},
};
