/* dot.c -- one vector per image and one per caption, and their cosine: the score of VSE++ (Faghri
 * et al., BMVC 2018), VSE-infinity, ESA, SAEM and all others that pool each side by itself. */
#include "pooled.h"

static const struct sw_option options[] = {
    {"normalise", SW_SWITCH, "true", NULL, 0, 0, "divide both vectors by their lengths first"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct dot {
    int normalise;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct dot *s = self;
    (void)host, (void)model;
    s->normalise = values[0].number != 0;
    return 0;
}

static struct sw_tensor *score_all(struct sw_batch *batch, const void *self, const void *prepared)
{
    const struct dot *s = self;
    (void)prepared;
    require_same_width(batch);
    if (!s->normalise)
        return sw_linear(batch, batch->image, batch->text, NULL);
    return sw_linear(batch, sw_l2norm(batch, batch->image), sw_l2norm(batch, batch->text), NULL);
}

static const struct sw_stage dot = {
    .name = "dot",
    .doc = "cosine of an image's pooled vector and a caption's",
    .options = options,
    .self_size = sizeof(struct dot),
    .init = init,
    .score_all = score_all,
    .flags = SW_NEEDS_POOLED,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "dot",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the score of pooled vectors",
    .stages = (const struct sw_stage *const[]){&dot, NULL},
};
