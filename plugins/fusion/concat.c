/* concat.c -- one linear layer of both: fused = W [x; x*] + b, W (D,2D), each side its own.
 *
 * W [x; x*] = W_1 x + sum_j alpha_j (W_2 t_j): W_1 and W_2 are applied once a fragment. */
#include "both_sides.h"

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)values;
    return both_declare(host, model, self, host->dim(model));
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    both_prepare_maps(batch, self, prepared);
}

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self;
    const struct both_prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_args none = {{0}, {0}, NULL};
    struct sw_tensor *mapped = sw_apply2(tile, "vec_add", host->mapped(tile, own, p->own[side]),
                                         host->mapped(tile, attended, p->attended[side]), none);
    return host->explicit_vectors(
        tile, sw_apply2(tile, "vec_bias", mapped, sw_read(tile, p->bias[side]), none));
}

static const struct sw_fusion concat = {
    .name = "concat",
    .doc = "one linear layer of both: W [x; x*] + b, W (D,2D)",
    .self_size = sizeof(struct both_sides),
    .prepared_size = sizeof(struct both_prepared),
    .init = init,
    .prepare = prepare,
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "concat",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "fusion by concatenation and one linear layer",
    .fusions = (const struct sw_fusion *const[]){&concat, NULL},
};
