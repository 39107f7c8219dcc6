/* concat.c -- one linear layer of both: fused = W [x; x*] + b, W (D,2D), each side its own.
 *
 * W [x; x*] = W_1 x + sum_j alpha_j (W_2 t_j): W_1 and W_2 are applied once a fragment. */
#include <stepwise/plugin.h>

#include <stdio.h>

struct concat {
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
    struct concat *s = self;
    int D = host->dim(model), weight[2] = {D, 2 * D};
    for (int side = 0; side < 2; side++) {
        char name[160];
        snprintf(name, sizeof name, "%s.%s.weight", prefix, side_name[side]);
        s->weight[side] =
            host->parameter(model, name, 2, weight, (struct sw_init){.kind = SW_INIT_XAVIER});
        snprintf(name, sizeof name, "%s.%s.bias", prefix, side_name[side]);
        s->bias[side] = host->parameter(model, name, 1, &D, (struct sw_init){.kind = SW_INIT_ZERO});
        if (!s->weight[side] || !s->bias[side])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct concat *s = self;
    struct prepared *p = prepared;
    int D = batch->dim;
    for (int side = 0; side < 2; side++) {
        enum sw_side other = side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
        if (batch->direction == (side == SW_REGIONS ? SW_T2I : SW_I2T))
            continue;
        p->own[side] = batch->host->map_input(batch, (enum sw_side)side,
                                              sw_columns(batch, s->weight[side], 0, D));
        p->attended[side] =
            batch->host->map_input(batch, other, sw_columns(batch, s->weight[side], D, D));
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
    struct sw_args none = {{0}, {0}, NULL};
    struct sw_tensor *mapped = sw_apply2(tile, "vec_add", host->mapped(tile, own, p->own[side]),
                                         host->mapped(tile, attended, p->attended[side]), none);
    return host->explicit_vectors(
        tile, sw_apply2(tile, "vec_bias", mapped, sw_input(tile, p->bias[side]), none));
}

static const struct sw_fusion concat = {
    .name = "concat",
    .doc = "one linear layer of both: W [x; x*] + b, W (D,2D)",
    .self_size = sizeof(struct concat),
    .prepared_size = sizeof(struct prepared),
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
