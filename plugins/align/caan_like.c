/* caan_like.c -- after CAAN, context-aware attention (Zhang et al., CVPR 2020), whose code is not
 * public. Its structure is known; what follows fixes the rest: the scale of the attention, how rows
 * are normalised, the width of the hidden layer and the cosine at the end are choices of ours.
 *
 *   H = tanh(V K T^T),  H_v = softmax over words of lambda H,  H_t = softmax over regions of it
 *   inter-modal: H_v T, what each region sees of the words
 *   intra-modal: (N N^T) V with N the rows of H_v divided by their length: regions are near each
 *                other when they look at the same words
 *   f = softmax_i(p . tanh(Q_1 (N N^T V)_i + Q_2 (H_v T)_i)),  v = sum_i f_i v_i;  t likewise
 *   S = cos(v, t)
 *
 * Both sides always attend, whatever the model's direction. */
#include "attention.h"

#include <stdio.h>

enum { LAMBDA, WIDTH };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "9", NULL, 0, 1000, "sharpness of the attention (inverse temperature)"},
    {"width", SW_INTEGER, "0", NULL, 0, 8192,
     "of the layer that weighs fragments; 0: a quarter of D, and at least 16"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* By side. */
struct caan {
    float lambda;
    struct sw_tensor *affinity;            /* K, (D,D) */
    struct sw_tensor *intra[2], *inter[2]; /* Q_1, Q_2, (M,D) */
    struct sw_tensor *weight[2];           /* p, (1,M) */
};

struct prepared {
    struct sw_input affinity, weight[2];
    struct sw_map intra[2], inter[2];
};

static const struct sw_args none = {{0}, {0}, NULL};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct caan *s = self;
    int D = host->dim(model), M = (int)values[WIDTH].number;
    const struct sw_init xavier = {.kind = SW_INIT_XAVIER};
    if (M == 0)
        M = D > 64 ? D / 4 : 16;
    s->lambda = (float)values[LAMBDA].number;
    s->affinity = host->parameter(model, "affinity.weight", 2, (int[]){D, D}, xavier);
    int failed = !s->affinity;
    for (int side = 0; side < 2; side++) {
        const char *of = side == SW_REGIONS ? "image" : "text";
        char name[3][32];
        snprintf(name[0], sizeof name[0], "%s.intra.weight", of);
        snprintf(name[1], sizeof name[1], "%s.inter.weight", of);
        snprintf(name[2], sizeof name[2], "%s.weight", of);
        s->intra[side] = host->parameter(model, name[0], 2, (int[]){M, D}, xavier);
        s->inter[side] = host->parameter(model, name[1], 2, (int[]){M, D}, xavier);
        s->weight[side] = host->parameter(model, name[2], 2, (int[]){1, M}, xavier);
        failed |= !s->intra[side] || !s->inter[side] || !s->weight[side];
    }
    return failed ? SW_PLUGIN_FAILED : 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct caan *s = self;
    struct prepared *p = prepared;
    const struct sw_host *host = batch->host;
    p->affinity = host->input_product(batch, batch->regions,
                                      sw_linear(batch, batch->words, s->affinity, NULL));
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++) {
        p->intra[side] = host->input_map(batch, side, s->intra[side]);
        p->inter[side] = host->input_map(batch, other_side(side), s->inter[side]);
        p->weight[side] = host->input_shared(batch, s->weight[side]);
    }
}

/* N N^T, rows and columns of padding zero */
static struct sw_tensor *nearness(struct sw_tile *tile, struct sw_tensor *weights,
                                  enum sw_side side)
{
    struct sw_tensor *rows = sw_apply1(tile, "lane_l2norm", weights, (struct sw_args){.i = {1}});
    if (sw_mask(tile, side))
        rows = sw_apply2(tile, "lane_scale", rows, sw_mask(tile, side), none);
    return sw_apply2(tile, "lane_matmul", rows, rows, (struct sw_args){.i = {0, 1}});
}

/* One vector for the side: its fragments, weighed by what they see and by which look alike. */
static struct sw_vectors *pooled(struct sw_tile *tile, const struct caan *s,
                                 const struct prepared *p, struct similarities H, enum sw_side side)
{
    const struct sw_host *host = tile->host;
    struct sw_tensor *weights = softmax_of(tile, H, side, s->lambda);
    struct sw_vectors *inter = attend(tile, weights, side);
    struct sw_vectors *intra = host->over(tile, side, nearness(tile, weights, side));
    struct sw_tensor *hidden = sw_apply2(tile, "vec_add", host->mapped(tile, intra, p->intra[side]),
                                         host->mapped(tile, inter, p->inter[side]), none);
    struct sw_tensor *logits =
        sw_apply2(tile, "vec_functional", sw_apply1(tile, "tanh", hidden, none),
                  sw_read(tile, p->weight[side]), none);
    return sw_pool(tile, host->fragments(tile, side), sw_softmax(tile, logits, side, 1));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct prepared *p = prepared;
    struct similarities H = product_of(tile, p->affinity);
    H.numbers = sw_apply1(tile, "tanh", H.numbers, none);
    return sw_cosine(tile, pooled(tile, self, p, H, SW_REGIONS),
                     pooled(tile, self, p, H, SW_WORDS));
}

static const struct sw_stage caan_like = {
    .name = "caan_like",
    .doc = "after CAAN: fragments weighed by inter- and intra-modal attention (Zhang et al. 2020)",
    .options = options,
    .self_size = sizeof(struct caan),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "caan_like",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a context-aware attention network",
    .stages = (const struct sw_stage *const[]){&caan_like, NULL},
};
