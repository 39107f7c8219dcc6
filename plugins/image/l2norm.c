/* l2norm.c -- each fragment divided by its length (eq. 1, 2): x / (|x| + 1e-8). */
#include <stepwise/plugin.h>

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    host->takes_rows(model, SW_ANY_ROWS);
    (void)self, (void)side, (void)width, (void)out, (void)values;
    return 0;
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    (void)self;
    return e->host->apply(e->graph, "l2norm", &x, 1, NULL);
}

static const struct sw_block l2norm = {
    .name = "l2norm",
    .doc = "each fragment divided by its length (eq. 1, 2)",
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "l2norm",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "fragments of length 1",
    .blocks = (const struct sw_block *const[]){&l2norm, NULL},
};
