/* self_attention.c -- attention among an image's regions or a caption's words.
 *
 * self_attention is a transformer's layer, as SAEM has it (Wu et al., ACM MM 2019): norms behind
 * the sums, GELU.
 *
 *   a   = attention among the fragments of a group, by `heads` heads
 *   h   = norm(x + dropout(Wo a + bo))
 *   out = norm(h + dropout(W2 gelu(W1 h + b1) + b2))
 *
 * Attention weights are dropped at the same rate.
 *
 * residual_attention is attention alone with its norm in front, as CHAN has it (Pan et al., CVPR
 * 2023):
 *
 *   out = x + Wo a(norm(x)) + bo */
#include <stepwise/plugin.h>

#include <math.h>

enum { HEADS, WIDTH, DROPOUT }; /* residual_attention: HEADS alone */

static const struct sw_option options[] = {
    {"heads", SW_INTEGER, "16", NULL, 1, 4096, "heads, which share the width of x out"},
    {"width", SW_INTEGER, "2048", NULL, 1, 1 << 20, "of the layer between W1 and W2"},
    {"dropout", SW_NUMBER, "0.1", NULL, 0, 0.99, "share that a training step drops"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

static const struct sw_option residual_options[] = {
    {"heads", SW_INTEGER, "8", NULL, 1, 4096, "heads, which share the width of x out"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

static const float epsilon = 1e-12f, residual_epsilon = 1e-5f;

enum { QUERY, KEY, VALUE, OUTPUT, INNER, OUTER, LAYERS };

struct self_attention {
    int heads;
    float dropout;
    struct sw_tensor *weight[LAYERS], *bias[LAYERS];
    struct sw_tensor *gain[2], *shift[2];
};

/* The first `layers` of them and `norms`; inner: the width between W1 and W2. A residual_attention
 * has PyTorch's first values of an attention. */
static int declare(const struct sw_host *host, struct sw_model *model, struct self_attention *s,
                   int width, int layers, int norms, int inner)
{
    static const char *const weight[LAYERS] = {"attention.query.weight", "attention.key.weight",
                                               "attention.value.weight", "attention.output.weight",
                                               "mlp.0.weight",           "mlp.1.weight"};
    static const char *const bias[LAYERS] = {"attention.query.bias", "attention.key.bias",
                                             "attention.value.bias", "attention.output.bias",
                                             "mlp.0.bias",           "mlp.1.bias"};
    static const char *const gain[2] = {"attention.norm.weight", "mlp.norm.weight"};
    static const char *const shift[2] = {"attention.norm.bias", "mlp.norm.bias"};
    struct sw_init zero = {.kind = SW_INIT_ZERO}, one = {.kind = SW_INIT_CONSTANT, .bound = 1};
    if (width % s->heads)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "heads: expected a divisor of the width, which is %d, found %d",
                                width, s->heads);
    for (int i = 0; i < layers; i++) {
        int shape[2] = {i == INNER ? inner : width, i == OUTER ? inner : width};
        float squared = layers < LAYERS && i != OUTPUT ? 1.5f : 1;
        struct sw_init uniform = {.kind = SW_INIT_UNIFORM,
                                  .bound = sqrtf(squared) / sqrtf((float)shape[1])};
        s->weight[i] = host->parameter(model, weight[i], 2, shape, uniform);
        s->bias[i] = host->parameter(model, bias[i], 1, shape, layers < LAYERS ? zero : uniform);
        if (!s->weight[i] || !s->bias[i])
            return SW_PLUGIN_FAILED;
    }
    for (int i = 0; i < norms; i++) {
        s->gain[i] = host->parameter(model, gain[i], 1, &width, one);
        s->shift[i] = host->parameter(model, shift[i], 1, &width, zero);
        if (!s->gain[i] || !s->shift[i])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct self_attention *s = self;
    (void)side, (void)out;
    s->heads = (int)values[HEADS].number;
    s->dropout = (float)values[DROPOUT].number;
    return declare(host, model, s, width, LAYERS, 2, (int)values[WIDTH].number);
}

static int init_residual(const struct sw_host *host, struct sw_model *model, void *self,
                         enum sw_side side, int width, int *out, const struct sw_value *values)
{
    struct self_attention *s = self;
    (void)side, (void)out;
    s->heads = (int)values[HEADS].number;
    return declare(host, model, s, width, INNER, 1, 0);
}

static struct sw_tensor *linear(struct sw_encode *e, const struct self_attention *s, int layer,
                                struct sw_tensor *x)
{
    struct sw_tensor *in[3] = {x, s->weight[layer], s->bias[layer]};
    return e->host->apply(e->graph, "linear", in, 3, NULL);
}

static struct sw_tensor *normed(struct sw_encode *e, const struct self_attention *s, int norm,
                                struct sw_tensor *x, float variance)
{
    struct sw_tensor *in[3] = {x, s->gain[norm], s->shift[norm]};
    return e->host->apply(e->graph, "layer_norm", in, 3, &(struct sw_args){.f = {variance}});
}

/* norm(x + dropout(y)) */
static struct sw_tensor *add_norm(struct sw_encode *e, const struct self_attention *s, int norm,
                                  struct sw_tensor *x, struct sw_tensor *y)
{
    if (e->training && s->dropout > 0) {
        struct sw_args drop = {.f = {s->dropout}};
        e->host->random(e->graph, drop.i);
        y = e->host->apply(e->graph, "dropout", &y, 1, &drop);
    }
    struct sw_tensor *both[2] = {x, y};
    return normed(e, s, norm, e->host->apply(e->graph, "add", both, 2, NULL), epsilon);
}

/* Wo a(x) + bo */
static struct sw_tensor *attend(struct sw_encode *e, const struct self_attention *s,
                                struct sw_tensor *x)
{
    struct sw_args args = {.i = {s->heads}, .p = e->fragments};
    if (e->training && s->dropout > 0) {
        args.f[0] = s->dropout;
        e->host->random(e->graph, args.i + 1);
    }
    struct sw_tensor *in[3] = {linear(e, s, QUERY, x), linear(e, s, KEY, x),
                               linear(e, s, VALUE, x)};
    return linear(e, s, OUTPUT, e->host->apply(e->graph, "group_attention", in, 3, &args));
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct self_attention *s = self;
    struct sw_tensor *h = add_norm(e, s, 0, x, attend(e, s, x));
    struct sw_tensor *inner = linear(e, s, INNER, h);
    inner = e->host->apply(e->graph, "gelu", &inner, 1, NULL);
    return add_norm(e, s, 1, h, linear(e, s, OUTER, inner));
}

static struct sw_tensor *encode_residual(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct self_attention *s = self;
    struct sw_tensor *both[2] = {x, attend(e, s, normed(e, s, 0, x, residual_epsilon))};
    return e->host->apply(e->graph, "add", both, 2, NULL);
}

static const struct sw_block self_attention = {
    .name = "self_attention",
    .doc = "SAEM: a transformer's layer among the fragments of each image or caption",
    .options = options,
    .self_size = sizeof(struct self_attention),
    .init = init,
    .encode = encode,
};

static const struct sw_block residual_attention = {
    .name = "residual_attention",
    .doc = "CHAN: x and attention among the fragments of its group, added",
    .options = residual_options,
    .self_size = sizeof(struct self_attention),
    .init = init_residual,
    .encode = encode_residual,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "self_attention",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the self-attention layers of SAEM and CHAN",
    .blocks = (const struct sw_block *const[]){&self_attention, &residual_attention, NULL},
};
