/* max.c -- the largest number of each dimension among an image's regions or a caption's words. */
#include <stepwise/plugin.h>

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    struct sw_args args = {.p = e->fragments};
    (void)self;
    return e->host->apply(e->graph, "group_max", &x, 1, &args);
}

static const struct sw_pool max = {
    .name = "max",
    .doc = "largest number of each dimension among an image's regions or a caption's words",
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,   .name = "max",        .version = "1.0.0",
    .license = "MIT", .doc = "max pooling", .pools = (const struct sw_pool *const[]){&max, NULL},
};
