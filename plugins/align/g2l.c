/* g2l.c -- context level: fuse, pool, attend (eq. 8-13).
 *
 *   V^c = fuse(V, t*), T^c = fuse(T, v*)                                                (eq. 8)
 *   v_c = softmax(w^ V^c) V^c,  t_c likewise                                            (eq. 9)
 *   t*_c = softmax(lambda cos(v_c, t_j)) T                                              (eq. 10)
 *   v*_c = softmax(lambda cos(t_c, v_i)) V                                              (eq. 11)
 *   S = mu cos(v_c, t*_c) + (1 - mu) cos(t_c, v*_c)                                     (eq. 12,
 * 13) */
#include <stepwise/plugin.h>

enum { LAMBDA, MU, FUSION };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "1", NULL, 0, 1000, "sharpness of the context vectors' attention"},
    {"mu", SW_NUMBER, "0.5", NULL, 0, 1, "weight of the image's context vector"},
    {"fusion", SW_FUSION, "gate", NULL, 0, 0, "how a fragment and what it attends to are fused"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct g2l {
    float lambda, mu;
    const struct sw_fusion_use *fusion;
    struct sw_tensor *pool[2]; /* w^ of each side, (1,D) */
};

struct prepared {
    struct sw_functional pool[2];
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct g2l *s = self;
    int row[2] = {1, host->dim(model)};
    struct sw_init xavier = {.kind = SW_INIT_XAVIER};
    s->lambda = (float)values[LAMBDA].number;
    s->mu = (float)values[MU].number;
    s->fusion = values[FUSION].fusion;
    s->pool[SW_REGIONS] = host->parameter(model, "pool.image.weight", 2, row, xavier);
    s->pool[SW_WORDS] = host->parameter(model, "pool.text.weight", 2, row, xavier);
    return s->pool[SW_REGIONS] && s->pool[SW_WORDS] ? 0 : SW_PLUGIN_FAILED;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct g2l *s = self;
    struct prepared *p = prepared;
    for (int side = SW_REGIONS; side <= SW_WORDS; side++)
        p->pool[side] = batch->host->input_functional(batch, s->pool[side]);
}

/* eq. 8, 9: one row, the side's context vector */
static struct sw_vectors *context(struct sw_tile *tile, const struct g2l *s,
                                  const struct prepared *p, enum sw_side side, const char *attended)
{
    struct sw_vectors *own = tile->host->fragments(tile, side);
    struct sw_vectors *fused = tile->host->fuse(tile, s->fusion, side, own, sw_get(tile, attended));
    struct sw_tensor *logits = tile->host->functional(tile, fused, p->pool[side]);
    return sw_pool(tile, fused, sw_softmax(tile, logits, side, 1));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct g2l *s = self;
    const struct prepared *p = prepared;
    struct sw_tensor *R_v = NULL, *R_t = NULL;

    if (tile->direction != SW_T2I) {
        struct sw_vectors *v_c = context(tile, s, p, SW_REGIONS, "attended_text");
        struct sw_tensor *w =
            sw_softmax(tile, tile->host->cosine_to(tile, v_c, SW_WORDS), SW_WORDS, s->lambda);
        struct sw_vectors *t_star = sw_over_words(tile, w);
        R_v = sw_cosine(tile, v_c, t_star);
        sw_put(tile, "image_context", v_c);
        sw_put(tile, "attended_text_context", t_star);
        tile->host->show(tile, "words", SW_AXIS_ONE, SW_AXIS_WORDS, w);
    }
    if (tile->direction != SW_I2T) {
        struct sw_vectors *t_c = context(tile, s, p, SW_WORDS, "attended_image");
        struct sw_tensor *w =
            sw_softmax(tile, tile->host->cosine_to(tile, t_c, SW_REGIONS), SW_REGIONS, s->lambda);
        struct sw_vectors *v_star = sw_over_regions(tile, w);
        R_t = sw_cosine(tile, t_c, v_star);
        sw_put(tile, "text_context", t_c);
        sw_put(tile, "attended_image_context", v_star);
        tile->host->show(tile, "regions", SW_AXIS_ONE, SW_AXIS_REGIONS, w);
    }
    if (tile->direction == SW_BOTH)
        return sw_blend(tile, s->mu, R_v, R_t);
    return tile->direction == SW_I2T ? R_v : R_t;
}

static const struct sw_stage g2l = {
    .name = "g2l",
    .doc = "global to local: each side's context vector attends to the other side (eq. 8-13)",
    .options = options,
    .self_size = sizeof(struct g2l),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "g2l",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "SHAN's context-level alignment",
    .stages = (const struct sw_stage *const[]){&g2l, NULL},
};
