/* sgraf.c -- SAF and SGR, similarity vectors filtered and reasoned over (Diao et al., AAAI 2021).
 *
 *   globals: u_i = tanh(BN(W_1 v_i + b_1)) * tanh(BN(W_2 mean v + b_2)),
 *            v_g = l2(sum_i softmax_i(w . u_i) v_i);  t_g likewise, without the batch norms
 *   c_j = l2(what t_j sees of the regions, by SCAN's attention)
 *   nodes: s_0 = l2(W_g (v_g - t_g)^2 + b_g),  s_j = l2(W_l (c_j - t_j)^2 + b_l)
 *   saf: s = l2(sum_j a_j s_j),  a_j = sigmoid(BN(w_a . s_j + b_a))
 *   sgr: thrice s_j <- relu(W_r sum_i softmax_i(q(s_j) . k(s_i)) s_i + b_r);  s = s_0
 *   S = sigmoid(w_s . s + b_s)
 *
 * The published saf divides a by its sum, of which the l2 norm takes no notice. Its last BN is over
 * all images of a batch with one caption; here it is over the SW_LANES images of a tile, which is
 * the same for batches of that size and a ghost batch norm for larger ones. Words query, whatever
 * the model's direction. */
#include "attention.h"

#include <stdio.h>
#include <string.h>

enum { LAMBDA, WIDTH, REGIONS, DROPOUT, STEPS };

/* BatchNorm1d's, and the rate at which its running values follow. */
static const float epsilon = 1e-5f, momentum = 0.1f;

#define OPTION(name, kind, preset, least, most, doc) \
    {                                                \
        name, kind, preset, NULL, least, most, doc   \
    }
#define LAMBDA_OPTION \
    OPTION("lambda", SW_NUMBER, "9", 0, 1000, "sharpness of the attention (inverse temperature)")
#define WIDTH_OPTION                          \
    OPTION("width", SW_INTEGER, "0", 0, 8192, \
           "of a similarity vector; 0: a quarter of D, as 256 of 1024, and at least 16")
#define REGIONS_OPTION                           \
    OPTION("regions", SW_INTEGER, "36", 1, 4096, \
           "that an image may have; each has numbers of its own in a batch norm")
#define DROPOUT_OPTION \
    OPTION("dropout", SW_NUMBER, "0.4", 0, 0.99, "of what weighs the fragments of the globals")

static const struct sw_option saf_options[] = {
    LAMBDA_OPTION,
    WIDTH_OPTION,
    REGIONS_OPTION,
    DROPOUT_OPTION,
    OPTION(NULL, SW_NUMBER, NULL, 0, 0, NULL),
};
static const struct sw_option sgr_options[] = {
    LAMBDA_OPTION,
    WIDTH_OPTION,
    REGIONS_OPTION,
    DROPOUT_OPTION,
    OPTION("steps", SW_INTEGER, "3", 1, 8, "of reasoning"),
    OPTION(NULL, SW_NUMBER, NULL, 0, 0, NULL),
};

enum { MOST_STEPS = 8 };

struct layer {
    struct sw_tensor *weight, *bias;
};

struct batch_norm {
    struct sw_tensor *weight, *bias, *mean, *variance; /* one number per channel */
};

struct sgraf {
    float lambda, dropout;
    int regions, steps;
    struct layer local[2], global[2], common[2]; /* globals, by side: (D,D) (D,D) (1,D) */
    struct batch_norm local_norm, global_norm;   /* of the image: (regions), (D) */
    struct layer nodes, node_0;                  /* (S,D) */
    struct layer attention;                      /* saf: (1,S) */
    struct batch_norm attention_norm;            /* (1) */
    struct layer query[MOST_STEPS], key[MOST_STEPS], reason[MOST_STEPS]; /* sgr: (S,S) */
    struct layer score;                                                  /* (1,S) */
};

struct layer_inputs {
    struct sw_input weight, bias;
};

struct norm_inputs {
    struct sw_input weight, bias, mean, variance;
    struct sw_observed seen_mean, seen_variance;
};

struct prepared {
    struct sw_input similarity, global[2];
    struct layer_inputs nodes, node_0, attention, score;
    struct norm_inputs attention_norm;
    struct layer_inputs query[MOST_STEPS], key[MOST_STEPS], reason[MOST_STEPS];
};

static const struct sw_args none = {{0}, {0}, NULL};

/* ---- parameters ---- */

struct declaring {
    const struct sw_host *host;
    struct sw_model *model;
    int failed;
};

static struct layer declare(struct declaring *d, const char *name, int rows, int columns)
{
    char whole[96];
    int shape[2] = {rows, columns};
    struct layer layer;
    snprintf(whole, sizeof whole, "%s.weight", name);
    layer.weight =
        d->host->parameter(d->model, whole, 2, shape, (struct sw_init){.kind = SW_INIT_XAVIER});
    snprintf(whole, sizeof whole, "%s.bias", name);
    layer.bias =
        d->host->parameter(d->model, whole, 1, &rows, (struct sw_init){.kind = SW_INIT_ZERO});
    d->failed |= !layer.weight || !layer.bias;
    return layer;
}

static struct batch_norm declare_norm(struct declaring *d, const char *name, int channels)
{
    char whole[4][96];
    struct batch_norm norm;
    const struct sw_init one = {.kind = SW_INIT_CONSTANT, .bound = 1};
    static const char *const part[4] = {"weight", "bias", "running_mean", "running_var"};
    for (int i = 0; i < 4; i++)
        snprintf(whole[i], sizeof whole[i], "%s.%s", name, part[i]);
    norm.weight = d->host->parameter(d->model, whole[0], 1, &channels, one);
    norm.bias = d->host->parameter(d->model, whole[1], 1, &channels,
                                   (struct sw_init){.kind = SW_INIT_ZERO});
    norm.mean = d->host->buffer(d->model, whole[2], 1, &channels, 0);
    norm.variance = d->host->buffer(d->model, whole[3], 1, &channels, 1);
    d->failed |= !norm.weight || !norm.bias || !norm.mean || !norm.variance;
    return norm;
}

/* The last bias of a global's weights is the same for all fragments, of which the softmax takes no
 * notice: it is left out. */
static void declare_global(struct declaring *d, struct sgraf *s, enum sw_side side, int D)
{
    char name[3][32];
    static const char *const part[3] = {"local", "global", "common.weight"};
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "%s.%s", side == SW_REGIONS ? "image" : "text", part[i]);
    s->local[side] = declare(d, name[0], D, D);
    s->global[side] = declare(d, name[1], D, D);
    s->common[side].weight = d->host->parameter(d->model, name[2], 2, (int[]){1, D},
                                                (struct sw_init){.kind = SW_INIT_XAVIER});
    d->failed |= !s->common[side].weight;
}

static int init_shared(struct declaring *d, struct sgraf *s, const struct sw_value *values)
{
    int D = d->host->dim(d->model), quarter = D > 64 ? D / 4 : 16;
    int S = values[WIDTH].number > 0 ? (int)values[WIDTH].number : quarter;
    s->lambda = (float)values[LAMBDA].number;
    s->dropout = (float)values[DROPOUT].number;
    s->regions = (int)values[REGIONS].number;
    declare_global(d, s, SW_REGIONS, D);
    declare_global(d, s, SW_WORDS, D);
    s->local_norm = declare_norm(d, "image.local_norm", s->regions);
    s->global_norm = declare_norm(d, "image.global_norm", D);
    s->nodes = declare(d, "local", S, D);
    s->node_0 = declare(d, "global", S, D);
    s->score = declare(d, "score", 1, S);
    return S;
}

static int init_saf(const struct sw_host *host, struct sw_model *model, void *self,
                    const struct sw_value *values)
{
    struct sgraf *s = self;
    struct declaring d = {host, model, 0};
    int S = init_shared(&d, s, values);
    s->attention = declare(&d, "attention", 1, S);
    s->attention_norm = declare_norm(&d, "attention_norm", 1);
    return d.failed ? SW_PLUGIN_FAILED : 0;
}

static int init_sgr(const struct sw_host *host, struct sw_model *model, void *self,
                    const struct sw_value *values)
{
    struct sgraf *s = self;
    struct declaring d = {host, model, 0};
    int S = init_shared(&d, s, values);
    s->steps = (int)values[STEPS].number;
    for (int i = 0; i < s->steps; i++) {
        char name[3][32];
        static const char *const part[3] = {"query", "key", "reason"};
        for (int j = 0; j < 3; j++)
            snprintf(name[j], sizeof name[j], "step%d.%s", i + 1, part[j]);
        s->query[i] = declare(&d, name[0], S, S);
        s->key[i] = declare(&d, name[1], S, S);
        s->reason[i] = declare(&d, name[2], S, S);
    }
    return d.failed ? SW_PLUGIN_FAILED : 0;
}

/* ---- once per batch: the globals ---- */

static struct sw_tensor *apply(struct sw_batch *batch, const char *op, struct sw_tensor *x,
                               struct sw_tensor *y, struct sw_tensor *z, struct sw_args args)
{
    struct sw_tensor *in[3] = {x, y, z};
    return batch->host->apply(batch->graph, op, in, z ? 3 : y ? 2 : 1, &args);
}

/* BatchNorm1d; i0 of batch_norm: 0 a channel per column, 1 per fragment of a group */
static struct sw_tensor *normed(struct sw_batch *batch, struct sw_tensor *x,
                                const struct batch_norm *norm, int by_slot,
                                const struct sw_fragments *fragments)
{
    const struct sw_host *host = batch->host;
    struct sw_tensor *in[5] = {x, norm->weight, norm->bias, norm->mean, norm->variance};
    struct sw_args args = {{by_slot}, {epsilon}, fragments};
    struct sw_tensor *y =
        host->apply(batch->graph, "batch_norm", in, batch->training ? 3 : 5, &args);
    for (int i = 0; i < 2 && batch->training; i++) {
        struct sw_tensor *running = i ? norm->variance : norm->mean;
        host->update(batch->graph, running,
                     apply(batch, "row_moments", x, running, NULL,
                           (struct sw_args){{by_slot, i}, {momentum}, fragments}));
    }
    return y;
}

static struct sw_tensor *tanh_dropped(struct sw_batch *batch, struct sw_tensor *x, float rate)
{
    struct sw_args args = {.f = {rate}};
    x = apply(batch, "tanh", x, NULL, NULL, none);
    if (!batch->training || rate == 0)
        return x;
    batch->host->random(batch->graph, args.i);
    return apply(batch, "dropout", x, NULL, NULL, args);
}

/* One row per image, as fragments of their own. */
static const struct sw_fragments *one_each(struct sw_batch *batch, int rows)
{
    int images = batch->region_fragments->groups;
    struct sw_fragments *each = batch->host->scratch(batch->graph, sizeof *each);
    int *first = batch->host->scratch(batch->graph, sizeof *first * (size_t)(images + 1));
    int *count = batch->host->scratch(batch->graph, sizeof *count * (size_t)(images + 1));
    if (!each || !first || !count)
        return NULL;
    for (int i = 0; i < images; i++) {
        first[i] = i;
        count[i] = 1;
    }
    *each = (struct sw_fragments){images, rows, 1, 1, first, count};
    return each;
}

/* The regions, with as many slots as the batch norm has numbers. */
static const struct sw_fragments *slots(struct sw_batch *batch, const struct sgraf *s)
{
    struct sw_fragments *slots = batch->host->scratch(batch->graph, sizeof *slots);
    if (slots) {
        *slots = *batch->region_fragments;
        slots->most = s->regions;
    }
    return slots;
}

/* (G,D), one row per image or caption */
static struct sw_tensor *global_of(struct sw_batch *batch, const struct sgraf *s, enum sw_side side)
{
    int image = side == SW_REGIONS;
    struct sw_tensor *x = image ? batch->regions : batch->words;
    const struct sw_fragments *fragments = image ? batch->region_fragments : batch->word_fragments;
    struct sw_args grouped = {.p = fragments};
    struct sw_tensor *local = sw_linear(batch, x, s->local[side].weight, s->local[side].bias);
    struct sw_tensor *mean = apply(batch, "group_mean", x, NULL, NULL, grouped);
    struct sw_tensor *global = sw_linear(batch, mean, s->global[side].weight, s->global[side].bias);
    if (image && global) {
        local = normed(batch, local, &s->local_norm, 1, slots(batch, s));
        global = normed(batch, global, &s->global_norm, 0, one_each(batch, global->dim[0]));
    }
    local = tanh_dropped(batch, local, s->dropout);
    global = tanh_dropped(batch, global, s->dropout);
    struct sw_tensor *logits =
        apply(batch, "group_dots", local, global, s->common[side].weight, grouped);
    struct sw_tensor *weights = apply(batch, "group_softmax", logits, NULL, NULL,
                                      (struct sw_args){.f = {1}, .p = fragments});
    return sw_l2norm(batch, apply(batch, "group_mix", weights, x, NULL, grouped));
}

static struct layer_inputs share(struct sw_batch *batch, const struct layer *layer)
{
    return (struct layer_inputs){batch->host->input_shared(batch, layer->weight),
                                 batch->host->input_shared(batch, layer->bias)};
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct sgraf *s = self;
    struct prepared *p = prepared;
    const struct sw_host *host = batch->host;
    if (batch->region_fragments->most > s->regions) {
        host->fail(batch->graph, SW_PLUGIN_MISUSE,
                   "option 'regions': expected at least %d, which the images have, found %d",
                   batch->region_fragments->most, s->regions);
        return;
    }
    p->similarity = host->input_product(batch, batch->regions, batch->words);
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++)
        p->global[side] = host->input_group(batch, side, global_of(batch, s, side));
    p->nodes = share(batch, &s->nodes);
    p->node_0 = share(batch, &s->node_0);
    p->score = share(batch, &s->score);
    for (int i = 0; i < s->steps; i++) {
        p->query[i] = share(batch, &s->query[i]);
        p->key[i] = share(batch, &s->key[i]);
        p->reason[i] = share(batch, &s->reason[i]);
    }
    if (s->attention.weight) {
        const struct batch_norm *norm = &s->attention_norm;
        p->attention = share(batch, &s->attention);
        p->attention_norm = (struct norm_inputs){host->input_shared(batch, norm->weight),
                                                 host->input_shared(batch, norm->bias),
                                                 host->input_shared(batch, norm->mean),
                                                 host->input_shared(batch, norm->variance),
                                                 host->observed(batch, norm->mean, momentum),
                                                 host->observed(batch, norm->variance, momentum)};
    }
}

/* ---- once per tile ---- */

/* x W^T + b; x (R,L or 1,D) */
static struct sw_tensor *linear(struct sw_tile *tile, struct sw_tensor *x,
                                struct layer_inputs layer)
{
    struct sw_tensor *in[3] = {x, sw_read(tile, layer.weight), sw_read(tile, layer.bias)};
    return tile->host->apply(tile->graph, "linear", in, 3, &none);
}

/* w . x_r + b, (1,R,L) */
static struct sw_tensor *value(struct sw_tile *tile, struct sw_tensor *x, struct layer_inputs layer)
{
    struct sw_tensor *wx = sw_apply2(tile, "vec_functional", x, sw_read(tile, layer.weight), none);
    return sw_add_scalar(tile, wx, sw_read(tile, layer.bias));
}

/* l2(W (x - y)^2 + b) */
static struct sw_tensor *compared(struct sw_tile *tile, struct sw_tensor *x, struct sw_tensor *y,
                                  struct layer_inputs layer)
{
    struct sw_tensor *square =
        sw_apply1(tile, "square", sw_apply2(tile, "vec_sub", x, y, none), none);
    return sw_apply1(tile, "l2norm", linear(tile, square, layer), none);
}

/* s_0, s_1, .. s_n: (n+1,L,S) */
static struct sw_tensor *nodes_of(struct sw_tile *tile, const struct sgraf *s,
                                  const struct prepared *p)
{
    const struct sw_host *host = tile->host;
    struct sw_tensor *weights =
        attention(tile, product_of(tile, p->similarity), SW_WORDS, s->lambda);
    struct sw_vectors *c = attend(tile, weights, SW_WORDS);
    c = host->scale_rows(tile, c, sw_apply1(tile, "inverse_length", host->dot(tile, c, c), none));
    struct sw_tensor *words = host->numbers(tile, sw_words_of(tile));
    struct sw_tensor *local = compared(tile, host->numbers(tile, c), words, p->nodes);
    struct sw_tensor *global = compared(tile, sw_read(tile, p->global[SW_REGIONS]),
                                        sw_read(tile, p->global[SW_WORDS]), p->node_0);
    return sw_apply2(tile, "vec_stack", global, local, none);
}

/* Which nodes are there, (1,n+1,L), or NULL for all: the global one always is. Rows of one number
 * are put on top of each other, as those of a node are. */
static struct sw_tensor *node_mask(struct sw_tile *tile)
{
    const struct sw_host *host = tile->host;
    if (!tile->word_mask)
        return NULL;
    struct sw_tensor *one = host->constant(tile->graph, 3, (int[]){1, SW_LANES, 1}, 1);
    struct sw_tensor *words =
        host->reshape(tile->graph, tile->word_mask, 3, (int[]){tile->n, SW_LANES, 1});
    return host->reshape(tile->graph, sw_apply2(tile, "vec_stack", one, words, none), 3,
                         (int[]){1, tile->n + 1, SW_LANES});
}

static struct sw_tensor *final_score(struct sw_tile *tile, const struct prepared *p,
                                     struct sw_tensor *s)
{
    return sw_sigmoid(tile, value(tile, s, p->score));
}

/* What a lane without an image holds must not count in a tile's statistics: mask (1,n+1,L) or NULL
 * for none such. */
static struct sw_tensor *in_statistics(struct sw_tile *tile, struct sw_tensor *mask)
{
    const struct sw_host *host = tile->host;
    if (!tile->region_mask)
        return mask;
    struct sw_tensor *image =
        sw_apply1(tile, "lane_max", tile->region_mask, (struct sw_args){.i = {0}});
    struct sw_tensor *ones =
        mask ? mask : host->constant(tile->graph, 3, (int[]){1, tile->n + 1, SW_LANES}, 1);
    return sw_apply2(tile, "lane_matmul", image, ones, none);
}

/* BN over a tile's numbers x (1,n+1,L) */
static struct sw_tensor *tile_norm(struct sw_tile *tile, const struct norm_inputs *norm,
                                   struct sw_tensor *x, struct sw_tensor *mask)
{
    const struct sw_host *host = tile->host;
    struct sw_args args = {.f = {epsilon}};
    struct sw_tensor *in[6] = {x, sw_read(tile, norm->weight), sw_read(tile, norm->bias)};
    int inputs = 3;
    if (tile->training) {
        struct sw_tensor *of[2] = {x, mask};
        host->observe(tile, norm->seen_mean,
                      host->apply(tile->graph, "lane_moment", of, mask ? 2 : 1, &none));
        host->observe(
            tile, norm->seen_variance,
            host->apply(tile->graph, "lane_moment", of, mask ? 2 : 1, &(struct sw_args){.i = {1}}));
    } else {
        in[inputs++] = sw_read(tile, norm->mean);
        in[inputs++] = sw_read(tile, norm->variance);
    }
    if (mask)
        in[inputs++] = mask;
    return host->apply(tile->graph, "lane_batch_norm", in, inputs, &args);
}

static struct sw_tensor *score_saf(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct prepared *p = prepared;
    struct sw_tensor *nodes = nodes_of(tile, self, p), *there = node_mask(tile);
    struct sw_tensor *logits = tile_norm(tile, &p->attention_norm, value(tile, nodes, p->attention),
                                         in_statistics(tile, there));
    struct sw_tensor *a = sw_sigmoid(tile, logits);
    if (there)
        a = sw_apply2(tile, "mul", a, there, none);
    struct sw_tensor *s = sw_apply2(tile, "vec_pool", nodes, a, none);
    return final_score(tile, p, sw_apply1(tile, "l2norm", s, none));
}

/* The last step is asked for node 0 only. */
static struct sw_tensor *score_sgr(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct sgraf *s = self;
    const struct prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_tensor *nodes = nodes_of(tile, s, p);
    struct sw_tensor *softmax[2] = {NULL, node_mask(tile)};
    struct sw_tensor *first = host->constant(tile->graph, 3, (int[]){1, tile->n + 1, SW_LANES}, 0);
    for (int l = 0; first && l < SW_LANES; l++)
        first->data[l] = 1;
    for (int i = 0; i < s->steps; i++) {
        struct sw_tensor *asking = nodes;
        if (i + 1 == s->steps)
            asking = sw_apply2(tile, "vec_pool", nodes, first, none);
        struct sw_tensor *query = linear(tile, asking, p->query[i]);
        struct sw_tensor *key = linear(tile, nodes, p->key[i]);
        softmax[0] = sw_apply2(tile, "vec_dots", query, key, none);
        struct sw_tensor *edges = host->apply(tile->graph, "lane_softmax", softmax,
                                              softmax[1] ? 2 : 1, &(struct sw_args){.f = {1}});
        nodes =
            sw_apply1(tile, "relu",
                      linear(tile, sw_apply2(tile, "mix", edges, nodes, none), p->reason[i]), none);
    }
    return final_score(tile, p, nodes);
}

static const struct sw_stage saf = {
    .name = "saf",
    .doc = "SAF: similarity vectors of words and globals, filtered by attention (Diao et al. 2021)",
    .options = saf_options,
    .self_size = sizeof(struct sgraf),
    .prepared_size = sizeof(struct prepared),
    .init = init_saf,
    .prepare = prepare,
    .score = score_saf,
    .flags = SW_COUPLES_PAIRS | SW_NEEDS_EQUAL_REGIONS,
};

static const struct sw_stage sgr = {
    .name = "sgr",
    .doc = "SGR: similarity vectors of words and globals, reasoned over (Diao et al. 2021)",
    .options = sgr_options,
    .self_size = sizeof(struct sgraf),
    .prepared_size = sizeof(struct prepared),
    .init = init_sgr,
    .prepare = prepare,
    .score = score_sgr,
    .flags = SW_NEEDS_EQUAL_REGIONS,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "sgraf",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "similarity graph reasoning and attention filtration",
    .stages = (const struct sw_stage *const[]){&saf, &sgr, NULL},
};
