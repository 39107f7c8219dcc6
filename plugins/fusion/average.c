/* average.c -- x = (own + attended) / 2; no parameters. */
#include <stepwise/plugin.h>

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self, (void)prepared, (void)side;
    return tile->host->scale(tile, tile->host->add(tile, own, attended), 0.5f);
}

static const struct sw_fusion average = {
    .name = "average",
    .doc = "the mean of a fragment and what it attends to: x = (own + attended) / 2",
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "average",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the mean of a fragment and what it attends to",
    .fusions = (const struct sw_fusion *const[]){&average, NULL},
};
