/* mean.c -- the mean of an image's regions or a caption's words (VSE++ over regions, Faghri et al.,
 * BMVC 2018, and many after it). */
#include <stepwise/plugin.h>

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    struct sw_args args = {.p = e->fragments};
    (void)self;
    return e->host->apply(e->graph, "group_mean", &x, 1, &args);
}

static const struct sw_pool mean = {
    .name = "mean",
    .doc = "mean of an image's regions or a caption's words",
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,   .name = "mean",        .version = "1.0.0",
    .license = "MIT", .doc = "mean pooling", .pools = (const struct sw_pool *const[]){&mean, NULL},
};
