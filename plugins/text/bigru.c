/* bigru.c -- the words' encoder (eq. 2): a GRU in both directions, and the mean of their states.
 *
 *   t_j = (forward_j + backward_j) / 2
 *
 * Parameters have PyTorch's names and its default initial values, U(-1/sqrt(D), 1/sqrt(D)). */
#include <stepwise/plugin.h>

#include <math.h>

struct bigru {
    struct sw_tensor *of[8]; /* (3D,W), (3D,D), (3D), (3D); then those of the way back */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    static const char *const name[8] = {"gru.weight_ih_l0",         "gru.weight_hh_l0",
                                        "gru.bias_ih_l0",           "gru.bias_hh_l0",
                                        "gru.weight_ih_l0_reverse", "gru.weight_hh_l0_reverse",
                                        "gru.bias_ih_l0_reverse",   "gru.bias_hh_l0_reverse"};
    struct bigru *s = self;
    int D = *out = host->dim(model);
    struct sw_init uniform = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf((float)D)};
    (void)values;
    host->takes_rows(model, SW_INDEXED_ROWS);
    if (side != SW_WORDS)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "expected words in their order, found regions, which have none");
    for (int i = 0; i < 8; i++) {
        int shape[2] = {3 * D, i % 4 == 0 ? width : D};
        s->of[i] = host->parameter(model, name[i], i % 4 < 2 ? 2 : 1, shape, uniform);
        if (!s->of[i])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct bigru *s = self;
    struct sw_tensor *in[10] = {x};
    struct sw_args args = {.p = e->fragments};
    if (x && x->grad)
        e->host->trained_columns(e->graph, x, args.i);
    for (int i = 0; i < 8; i++)
        in[1 + i] = s->of[i];
    in[9] = e->host->row_index(e);
    return e->host->apply(e->graph, "bigru", in, in[9] ? 10 : 9, &args);
}

static const struct sw_block bigru = {
    .name = "bigru",
    .doc = "a bi-directional GRU of width D, the mean of both directions (eq. 2)",
    .self_size = sizeof(struct bigru),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "bigru",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the words' bi-directional GRU",
    .blocks = (const struct sw_block *const[]){&bigru, NULL},
};
