/* dropout.c -- in a training step each number of the fragments is dropped with a probability, and
 * the others become larger by as much (SGRAF and CVSE drop 0.4 of the words' embeddings). */
#include <stepwise/plugin.h>

static const struct sw_option options[] = {
    {"rate", SW_NUMBER, "0.1", NULL, 0, 0.99, "probability of a number to be dropped"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct dropout {
    float rate;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct dropout *s = self;
    (void)host, (void)model, (void)side, (void)width, (void)out;
    s->rate = (float)values[0].number;
    return 0;
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct dropout *s = self;
    struct sw_args args = {.f = {s->rate}};
    if (!e->training || s->rate == 0)
        return x;
    e->host->random(e->graph, args.i);
    return e->host->apply(e->graph, "dropout", &x, 1, &args);
}

static const struct sw_block dropout = {
    .name = "dropout",
    .doc = "drops numbers of the fragments in training steps",
    .options = options,
    .self_size = sizeof(struct dropout),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "dropout",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "dropout on regions or words",
    .blocks = (const struct sw_block *const[]){&dropout, NULL},
};
