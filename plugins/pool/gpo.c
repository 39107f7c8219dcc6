/* gpo.c -- the generalised pooling operator of VSE-infinity (Chen et al., "Learning the Best
 * Pooling Strategy for Visual Semantic Embedding", CVPR 2021): a weight for each place in the order
 * of a dimension's numbers, which depends on how many fragments there are and on nothing else.
 *
 *   p_r     = sines and cosines of the place r = 0, 1, .. at several wave lengths, `width` numbers
 *   h_1..n  = mean of both directions of a GRU over p_1..n
 *   theta_r = softmax over r of (w . h_r) / temperature
 *   out_d   = sum_r theta_r * (the r-th largest x_d) */
#include <stepwise/plugin.h>

#include <math.h>

enum { WIDTH, TEMPERATURE };

static const struct sw_option options[] = {
    {"width", SW_INTEGER, "32", NULL, 2, 4096, "numbers that a place is given as; even"},
    {"temperature", SW_NUMBER, "0.1", NULL, 1e-6, 1e6, "of the softmax over the places"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct gpo {
    int width;
    float temperature;
    struct sw_tensor *gru[8], *linear; /* linear (1,width) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    static const char *const name[8] = {"gru.weight_ih_l0",         "gru.weight_hh_l0",
                                        "gru.bias_ih_l0",           "gru.bias_hh_l0",
                                        "gru.weight_ih_l0_reverse", "gru.weight_hh_l0_reverse",
                                        "gru.bias_ih_l0_reverse",   "gru.bias_hh_l0_reverse"};
    struct gpo *s = self;
    int W = s->width = (int)values[WIDTH].number, shape[2] = {3 * W, W}, one[2] = {1, W};
    struct sw_init uniform = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)W)};
    (void)side, (void)width, (void)out;
    s->temperature = (float)values[TEMPERATURE].number;
    if (W % 2)
        return host->fail_model(model, SW_PLUGIN_MISUSE, "width: expected an even number, found %d",
                                W);
    for (int i = 0; i < 8; i++)
        if (!(s->gru[i] = host->parameter(model, name[i], i % 4 < 2 ? 2 : 1, shape, uniform)))
            return SW_PLUGIN_FAILED;
    s->linear = host->parameter(model, "linear.weight", 2, one, uniform);
    return s->linear ? 0 : SW_PLUGIN_FAILED;
}

/* The places of each count that the batch has, end to end as if they were captions: `all`; and
 * where the places of a count begin: at (most + 1), -1 where no group has it. */
static int places(struct sw_encode *e, struct sw_fragments *all, int *at)
{
    const struct sw_fragments *f = e->fragments;
    int *first = e->host->scratch(e->graph, sizeof *first * ((size_t)f->most + 1));
    int *count = e->host->scratch(e->graph, sizeof *count * ((size_t)f->most + 1));
    if (!first || !count)
        return 0;
    for (int n = 0; n <= f->most; n++)
        at[n] = -1;
    for (int g = 0; g < f->groups; g++)
        at[f->count[g]] = 0;
    *all = (struct sw_fragments){.most = f->most, .stride = 1, .first = first, .count = count};
    for (int n = 1; n <= f->most; n++)
        if (at[n] == 0) {
            at[n] = first[all->groups] = all->rows;
            count[all->groups++] = n;
            all->rows += n;
        }
    return all->rows;
}

/* sin and cos of r / 10000^(i / width) in turn, for i = 0, 2, .. */
static void fill_places(const struct sw_fragments *all, struct sw_tensor *p)
{
    int W = p->dim[1];
    for (int g = 0; g < all->groups; g++)
        for (int r = 0; r < all->count[g]; r++)
            for (int i = 0; i < W; i += 2) {
                double angle = r * exp(i * -(log(10000) / W));
                float *at = p->data + (size_t)(all->first[g] + r) * (size_t)W + i;
                at[0] = (float)sin(angle);
                at[1] = (float)cos(angle);
            }
}

/* theta of each place of each count, (places,1) */
static struct sw_tensor *weights(struct sw_encode *e, const struct gpo *s,
                                 const struct sw_fragments *all)
{
    int shape[2] = {all->rows, s->width};
    struct sw_tensor *in[9] = {e->host->constant(e->graph, 2, shape, 0)};
    struct sw_args gru = {.p = all}, softmax = {.f = {1 / s->temperature}, .p = all};
    if (!in[0])
        return NULL;
    fill_places(all, in[0]);
    for (int i = 0; i < 8; i++)
        in[1 + i] = s->gru[i];
    struct sw_tensor *linear[2] = {e->host->apply(e->graph, "bigru", in, 9, &gru), s->linear};
    struct sw_tensor *logits = e->host->apply(e->graph, "linear", linear, 2, NULL);
    return e->host->apply(e->graph, "group_softmax", &logits, 1, &softmax);
}

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct sw_fragments *f = e->fragments;
    struct sw_args groups = {.p = f};
    struct sw_fragments *all = e->host->scratch(e->graph, sizeof *all);
    struct sw_word_ids *ids = e->host->scratch(e->graph, sizeof *ids);
    int32_t *id = e->host->scratch(e->graph, sizeof *id * ((size_t)f->rows + 1));
    int *at = e->host->scratch(e->graph, sizeof *at * ((size_t)f->most + 1));
    if (!all || !ids || !id || !at || !places(e, all, at))
        return NULL;
    /* row r of a group takes the weight of place r of as many; padding rows take any */
    for (int g = 0; g < f->groups; g++)
        for (int r = 0; r < f->count[g]; r++)
            id[f->first[g] + r * f->stride] = at[f->count[g]] + r;
    *ids = (struct sw_word_ids){.count = f->rows, .id = id};
    struct sw_args rows = {.p = ids};
    struct sw_tensor *theta = weights(e, self, all);
    struct sw_tensor *in[2] = {e->host->apply(e->graph, "embedding", &theta, 1, &rows),
                               e->host->apply(e->graph, "group_sort", &x, 1, &groups)};
    return e->host->apply(e->graph, "group_mix", in, 2, &groups);
}

static const struct sw_pool gpo = {
    .name = "gpo",
    .doc = "VSE-infinity: a learnt weight for the largest, second largest, .. of each dimension",
    .options = options,
    .self_size = sizeof(struct gpo),
    .init = init,
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "gpo",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the generalised pooling operator of VSE-infinity",
    .pools = (const struct sw_pool *const[]){&gpo, NULL},
};
