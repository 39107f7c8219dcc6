/* drop_regions.c -- the augmentation of VSE-infinity (Chen et al., CVPR 2021) and ESA: in a
 * training step each region is left out with a probability. */
#include <stepwise/plugin.h>

static const struct sw_option options[] = {
    {"rate", SW_NUMBER, "0.2", NULL, 0, 0.99, "probability of a region to be left out"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct drop_regions {
    float rate;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct drop_regions *s = self;
    (void)width, (void)out;
    s->rate = (float)values[0].number;
    if (side == SW_REGIONS)
        return 0;
    return host->fail_model(model, SW_PLUGIN_MISUSE,
                            "expected regions, found words; use drop_words");
}

static void augment(struct sw_encode *e, const void *self, unsigned char *keep)
{
    const struct drop_regions *s = self;
    int rows = e->fragments->rows;
    struct sw_tensor *drawn = e->host->constant(e->graph, 1, &rows, 0);
    struct sw_args args = {.i = {0}};
    e->host->random(e->graph, args.i);
    drawn = e->host->apply(e->graph, "uniform", &drawn, 1, &args);
    for (int i = 0; drawn && i < rows; i++)
        if (drawn->data[i] < s->rate)
            keep[i] = 0;
}

static const struct sw_block drop_regions = {
    .name = "drop_regions",
    .doc = "VSE-infinity: leaves regions out in training steps",
    .options = options,
    .self_size = sizeof(struct drop_regions),
    .init = init,
    .augment = augment,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "drop_regions",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "region dropping of VSE-infinity",
    .blocks = (const struct sw_block *const[]){&drop_regions, NULL},
};
