/* order.c -- the score of order embeddings (Vendrov et al., ICLR 2016), which VSE++ has as a
 * variant: how far the caption is from being more general than the image.
 *
 *   S = -|max(0, |t| - |v|)|, with the absolute values of both vectors of length 1 */
#include "pooled.h"

/* |x| of each number of a row of length 1 */
static struct sw_tensor *magnitudes(struct sw_batch *batch, struct sw_tensor *x)
{
    struct sw_args slope = {.f = {-1}};
    x = sw_l2norm(batch, x);
    return batch->host->apply(batch->graph, "leaky_relu", &x, 1, &slope);
}

static struct sw_tensor *score_all(struct sw_batch *batch, const void *self, const void *prepared)
{
    (void)self, (void)prepared;
    require_same_width(batch);
    struct sw_tensor *in[2] = {magnitudes(batch, batch->image), magnitudes(batch, batch->text)};
    return batch->host->apply(batch->graph, "order_scores", in, 2, NULL);
}

static const struct sw_stage order = {
    .name = "order",
    .doc = "order embeddings: how far a caption's pooled vector is from lying below its image's",
    .score_all = score_all,
    .flags = SW_NEEDS_POOLED,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "order",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the score of order embeddings",
    .stages = (const struct sw_stage *const[]){&order, NULL},
};
