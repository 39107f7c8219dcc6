/* gru.c -- a GRU over the words, in their direction alone (VSE++, Faghri et al., BMVC 2018): t_j is
 * its state after word j.
 *
 * Parameters have PyTorch's names and its default initial values, U(-1/sqrt(D), 1/sqrt(D)). */
#include <stepwise/plugin.h>

#include <math.h>

struct gru {
    struct sw_tensor *of[4]; /* (3D,W), (3D,D), (3D), (3D) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    static const char *const name[4] = {"gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0",
                                        "gru.bias_hh_l0"};
    struct gru *s = self;
    int D = *out = host->dim(model);
    struct sw_init uniform = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)D)};
    (void)values;
    host->takes_rows(model, SW_INDEXED_ROWS);
    if (side != SW_WORDS)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "expected words in their order, found regions, which have none");
    for (int i = 0; i < 4; i++) {
        int shape[2] = {3 * D, i == 0 ? width : D};
        s->of[i] = host->parameter(model, name[i], i < 2 ? 2 : 1, shape, uniform);
        if (!s->of[i])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct gru *s = self;
    struct sw_tensor *index = e->host->row_index(e);
    struct sw_tensor *in[6] = {x, s->of[0], s->of[1], s->of[2], s->of[3], index};
    struct sw_args args = {.p = e->fragments};
    if (x && x->grad)
        e->host->trained_columns(e->graph, x, args.i);
    return e->host->apply(e->graph, "gru", in, index ? 6 : 5, &args);
}

static const struct sw_block gru = {
    .name = "gru",
    .doc = "a GRU of width D over the words, in their direction alone",
    .self_size = sizeof(struct gru),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "gru",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the words' one-way GRU",
    .blocks = (const struct sw_block *const[]){&gru, NULL},
};
