/* gate.c -- a scalar gate between a fragment and what it attends to (eq. 8).
 *
 *   g = sigmoid(W_g [x; x*] + b_g),  fused = g x + (1 - g) x*        W_g (1,2D), each side its own
 *
 * One number a fragment, so the fused vector stays in the span of the pair's own fragments. */
#include "both_sides.h"

struct gate_prepared {
    struct sw_functional own[2], attended[2];
    struct sw_input bias[2];
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)values;
    return both_declare(host, model, self, 1);
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct both_sides *s = self;
    struct gate_prepared *p = prepared;
    int D = batch->dim;
    for (int side = 0; side < 2; side++) {
        p->own[side] =
            batch->host->input_functional(batch, sw_columns(batch, s->weight[side], 0, D));
        p->attended[side] =
            batch->host->input_functional(batch, sw_columns(batch, s->weight[side], D, D));
        p->bias[side] = batch->host->input_shared(batch, s->bias[side]);
    }
}

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self;
    const struct gate_prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_tensor *logits = sw_plus(tile, host->functional(tile, own, p->own[side]),
                                       host->functional(tile, attended, p->attended[side]));
    struct sw_tensor *g =
        sw_sigmoid(tile, sw_add_scalar(tile, logits, sw_read(tile, p->bias[side])));
    return host->add(tile, host->scale_rows(tile, own, g),
                     host->scale_rows(tile, attended, sw_affine(tile, g, -1, 1)));
}

static const struct sw_fusion gate = {
    .name = "gate",
    .doc = "one gate a fragment: g x + (1 - g) x*, g = sigmoid(W_g [x; x*] + b_g) (eq. 8)",
    .self_size = sizeof(struct both_sides),
    .prepared_size = sizeof(struct gate_prepared),
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
