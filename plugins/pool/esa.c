/* esa.c -- the pooling of ESA (Zhu et al., "ESA: External Space Attention Aggregation for
 * Image-Text Retrieval", TCSVT 2023): an attention weight for each fragment and dimension.
 *
 *   a_i = softmax over i of (W x_i + b), dimension by dimension
 *   out = sum_i a_i * x_i */
#include <stepwise/plugin.h>

#include <math.h>

struct esa {
    struct sw_tensor *weight, *bias; /* (width,width), (width) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct esa *s = self;
    int shape[2] = {width, width};
    struct sw_init uniform = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)width)};
    (void)side, (void)out, (void)values;
    s->weight = host->parameter(model, "linear.weight", 2, shape, uniform);
    s->bias = host->parameter(model, "linear.bias", 1, shape, uniform);
    return s->weight && s->bias ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct esa *s = self;
    struct sw_args softmax = {.f = {1}, .p = e->fragments}, mix = {.p = e->fragments};
    struct sw_tensor *linear[3] = {x, s->weight, s->bias};
    struct sw_tensor *logits = e->host->apply(e->graph, "linear", linear, 3, NULL);
    struct sw_tensor *in[2] = {e->host->apply(e->graph, "group_softmax", &logits, 1, &softmax), x};
    return e->host->apply(e->graph, "group_mix", in, 2, &mix);
}

static const struct sw_pool esa = {
    .name = "esa",
    .doc = "ESA: a weight for each fragment and dimension, from a linear layer and a softmax",
    .self_size = sizeof(struct esa),
    .init = init,
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "esa",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the pooling of ESA",
    .pools = (const struct sw_pool *const[]){&esa, NULL},
};
