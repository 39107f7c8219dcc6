/* gate.c -- a scalar gate between a fragment and what it attends to (eq. 8).
 *
 *   g = sigmoid(W_g [x; x*] + b_g),  fused = g x + (1 - g) x*        W_g (1,2D), each side its own
 *
 * One number a fragment, so the fused vector stays in the span of the pair's own fragments. */
#include <stepwise/plugin.h>

#include <stdio.h>

struct gate {
    struct sw_tensor *weight[2], *bias[2];
};

struct prepared {
    int own[2], attended[2], bias[2];
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, const char *prefix,
                const struct sw_value *values)
{
    (void)values;
    static const char *const side_name[2] = {"image", "text"};
    struct gate *s = self;
    int weight[2] = {1, 2 * host->dim(model)}, one = 1;
    for (int side = 0; side < 2; side++) {
        char name[160];
        snprintf(name, sizeof name, "%s.%s.weight", prefix, side_name[side]);
        s->weight[side] =
            host->parameter(model, name, 2, weight, (struct sw_init){.kind = SW_INIT_XAVIER});
        snprintf(name, sizeof name, "%s.%s.bias", prefix, side_name[side]);
        s->bias[side] =
            host->parameter(model, name, 1, &one, (struct sw_init){.kind = SW_INIT_ZERO});
        if (!s->weight[side] || !s->bias[side])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct gate *s = self;
    struct prepared *p = prepared;
    for (int side = 0; side < 2; side++) {
        p->own[side] =
            batch->host->functional_input(batch, sw_columns(batch, s->weight[side], 0, batch->dim));
        p->attended[side] = batch->host->functional_input(
            batch, sw_columns(batch, s->weight[side], batch->dim, batch->dim));
        p->bias[side] = batch->host->shared(batch, s->bias[side]);
    }
}

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self;
    const struct prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_tensor *logits = sw_plus(tile, host->functional(tile, own, p->own[side]),
                                       host->functional(tile, attended, p->attended[side]));
    struct sw_tensor *g =
        sw_sigmoid(tile, sw_add_scalar(tile, logits, sw_input(tile, p->bias[side])));
    return host->add(tile, host->scale_rows(tile, own, g),
                     host->scale_rows(tile, attended, sw_affine(tile, g, -1, 1)));
}

static const struct sw_fusion gate = {
    .name = "gate",
    .doc = "one gate a fragment: g x + (1 - g) x*, g = sigmoid(W_g [x; x*] + b_g) (eq. 8)",
    .self_size = sizeof(struct gate),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "gate",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "SHAN's gated fusion, a number a fragment",
    .fusions = (const struct sw_fusion *const[]){&gate, NULL},
};
