/* last.c -- the last word of a caption: behind a GRU, its state after the whole caption (VSE++,
 * Faghri et al., BMVC 2018). */
#include <stepwise/plugin.h>

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    (void)self, (void)width, (void)out, (void)values;
    if (side == SW_WORDS)
        return 0;
    return host->fail_model(model, SW_PLUGIN_MISUSE,
                            "expected words in their order, found regions, which have none");
}

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    struct sw_args args = {.p = e->fragments};
    (void)self;
    return e->host->apply(e->graph, "group_last", &x, 1, &args);
}

static const struct sw_pool last = {
    .name = "last",
    .doc = "last word of a caption: behind a GRU, the state after all words",
    .init = init,
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,          .name = "last",
    .version = "1.0.0",      .license = "MIT",
    .doc = "the last state", .pools = (const struct sw_pool *const[]){&last, NULL},
};
