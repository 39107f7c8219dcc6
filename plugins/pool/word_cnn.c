/* word_cnn.c -- the text side of SAEM (Wu et al., "Learning Fragment Self-Attention Embeddings for
 * Image-Text Matching", ACM MM 2019): convolutions over one, two and three neighbouring words, the
 * largest activation of each, and a linear layer.
 *
 *   c_n = max over positions j of relu(W_n [t_j; ..; t_{j+n-1}] + b_n),  n = 1, 2, 3
 *   out = W dropout([c_1; c_2; c_3]) + b
 *
 * A caption with fewer than n words has one position, filled up with zeros. */
#include <stepwise/plugin.h>

#include <math.h>

enum { MAPS, DROPOUT };
enum { WIDEST = 3 };

static const struct sw_option options[] = {
    {"maps", SW_INTEGER, "512", NULL, 1, 65536, "convolutions of each width"},
    {"dropout", SW_NUMBER, "0.1", NULL, 0, 0.99, "share of activations that a training step drops"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct word_cnn {
    float dropout;
    struct sw_tensor *weight[WIDEST], *bias[WIDEST]; /* (maps, n width), (maps) */
    struct sw_tensor *fc, *fc_bias;                  /* (D, 3 maps), (D) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    static const char *const weight[WIDEST] = {"conv.0.weight", "conv.1.weight", "conv.2.weight"};
    static const char *const bias[WIDEST] = {"conv.0.bias", "conv.1.bias", "conv.2.bias"};
    struct word_cnn *s = self;
    int maps = (int)values[MAPS].number, D = *out = host->dim(model), shape[2] = {D, 3 * maps};
    struct sw_init uniform = {.kind = SW_INIT_UNIFORM};
    s->dropout = (float)values[DROPOUT].number;
    if (side != SW_WORDS)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "expected words in their order, found regions, which have none");
    for (int n = 0; n < WIDEST; n++) {
        int conv[2] = {maps, (n + 1) * width};
        uniform.bound = 1 / sqrtf((float)conv[1]);
        s->weight[n] = host->parameter(model, weight[n], 2, conv, uniform);
        s->bias[n] = host->parameter(model, bias[n], 1, conv, uniform);
        if (!s->weight[n] || !s->bias[n])
            return SW_PLUGIN_FAILED;
    }
    uniform.bound = 1 / sqrtf((float)shape[1]);
    s->fc = host->parameter(model, "fc.weight", 2, shape, uniform);
    s->fc_bias = host->parameter(model, "fc.bias", 1, shape, uniform);
    return s->fc && s->fc_bias ? 0 : SW_PLUGIN_FAILED;
}

/* c_n of n neighbours, (C,maps) */
static struct sw_tensor *convolve(struct sw_encode *e, const struct word_cnn *s,
                                  struct sw_tensor *x, int n)
{
    struct sw_args windows = {.i = {n}, .p = e->fragments}, max = {.i = {n - 1}, .p = e->fragments};
    struct sw_tensor *in[3] = {e->host->apply(e->graph, "group_windows", &x, 1, &windows),
                               s->weight[n - 1], s->bias[n - 1]};
    struct sw_tensor *y = e->host->apply(e->graph, "linear", in, 3, NULL);
    y = e->host->apply(e->graph, "relu", &y, 1, NULL);
    return e->host->apply(e->graph, "group_max", &y, 1, &max);
}

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct word_cnn *s = self;
    struct sw_tensor *all = convolve(e, s, x, 1);
    for (int n = 2; n <= WIDEST; n++) {
        struct sw_tensor *both[2] = {all, convolve(e, s, x, n)};
        all = e->host->apply(e->graph, "concat", both, 2, NULL);
    }
    if (e->training && s->dropout > 0) {
        struct sw_args args = {.f = {s->dropout}};
        e->host->random(e->graph, args.i);
        all = e->host->apply(e->graph, "dropout", &all, 1, &args);
    }
    struct sw_tensor *in[3] = {all, s->fc, s->fc_bias};
    return e->host->apply(e->graph, "linear", in, 3, NULL);
}

static const struct sw_pool word_cnn = {
    .name = "word_cnn",
    .doc =
        "SAEM: convolutions over one, two and three words, the largest activations, a linear layer",
    .options = options,
    .self_size = sizeof(struct word_cnn),
    .init = init,
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "word_cnn",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the convolutions over words of SAEM",
    .pools = (const struct sw_pool *const[]){&word_cnn, NULL},
};
