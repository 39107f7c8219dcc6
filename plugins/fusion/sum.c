/* sum.c -- x = own + attended; no parameters. */
#include <stepwise/plugin.h>

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self, (void)prepared, (void)side;
    return tile->host->add(tile, own, attended);
}

static const struct sw_fusion sum = {
    .name = "sum",
    .doc = "a fragment plus what it attends to: x = own + attended",
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "sum",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a fragment plus what it attends to",
    .fusions = (const struct sw_fusion *const[]){&sum, NULL},
};
