/* linear.c -- one linear layer: x W^T + b. The paper's image encoder (eq. 1) is this and l2norm. */
#include <stepwise/plugin.h>

struct linear {
    struct sw_tensor *weight, *bias; /* (D,width), (D) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    (void)side, (void)values;
    struct linear *s = self;
    int D = *out = host->dim(model), shape[2] = {D, width};
    host->takes_rows(model, SW_ANY_ROWS);
    s->weight =
        host->parameter(model, "fc.weight", 2, shape, (struct sw_init){.kind = SW_INIT_XAVIER});
    s->bias = host->parameter(model, "fc.bias", 1, &D, (struct sw_init){.kind = SW_INIT_ZERO});
    return s->weight && s->bias ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct linear *s = self;
    struct sw_tensor *in[3] = {x, s->weight, s->bias};
    return e->host->apply(e->graph, "linear", in, 3, NULL);
}

static const struct sw_block linear = {
    .name = "linear",
    .doc = "a linear layer with bias, to D numbers (eq. 1)",
    .self_size = sizeof(struct linear),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,          .name = "linear",
    .version = "1.0.0",      .license = "MIT",
    .doc = "a linear layer", .blocks = (const struct sw_block *const[]){&linear, NULL},
};
