/* g2g.c -- global level: the two sides as one vector each (eq. 14, 15).
 *
 *   v_g = v_c + t*_c,  t_g = t_c + v*_c,  S = cos(v_g, t_g)
 *
 * In one direction the side that is not queried has no context vector; the mean of its fragments
 * stands for it. */
#include <stepwise/plugin.h>

static struct sw_vectors *mean(struct sw_tile *tile, enum sw_side side)
{
    return sw_pool(tile, tile->host->fragments(tile, side), tile->host->mean_weights(tile, side));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)self, (void)prepared;
    struct sw_vectors *v_g = tile->direction == SW_T2I
                                 ? mean(tile, SW_REGIONS)
                                 : tile->host->add(tile, sw_get(tile, "image_context"),
                                                   sw_get(tile, "attended_text_context"));
    struct sw_vectors *t_g = tile->direction == SW_I2T
                                 ? mean(tile, SW_WORDS)
                                 : tile->host->add(tile, sw_get(tile, "text_context"),
                                                   sw_get(tile, "attended_image_context"));
    return sw_cosine(tile, v_g, t_g);
}

static const struct sw_stage g2g = {
    .name = "g2g",
    .doc = "global to global: one vector for the image, one for the text (eq. 14, 15)",
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "g2g",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "SHAN's global alignment",
    .stages = (const struct sw_stage *const[]){&g2g, NULL},
};
