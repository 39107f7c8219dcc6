/* scan.c -- SCAN, stacked cross attention (Lee et al., ECCV 2018).
 *
 *   c_ij = v_i . t_j,  normalised over the fragments that query
 *   t2i: words query,    v*_j = sum_i softmax_i(lambda c_ij) v_i,  r_j = cos(t_j, v*_j)
 *   i2t: regions query,  t*_i = sum_j softmax_j(lambda c_ij) t_j,  r_i = cos(v_i, t*_i)
 *   S = mean, log-sum-exp, maximum or sum of r
 *
 * In both directions S = mu S_i2t + (1 - mu) S_t2i, as in LAPS (Fu et al., CVPR 2024). */
#include "attention.h"

enum { LAMBDA_T2I, LAMBDA_I2T, ATTENTION_NORM, REDUCE, SHARPNESS, MU };
enum { CLIPPED_L2NORM, L2NORM, SOFTMAX, CLIPPED, NONE };
enum { MEAN, LSE, MAX, SUM };

static const struct sw_option options[] = {
    {"lambda_t2i", SW_NUMBER, "9", NULL, 0, 1000,
     "sharpness of the words' attention over the regions (inverse temperature)"},
    {"lambda_i2t", SW_NUMBER, "4", NULL, 0, 1000,
     "sharpness of the regions' attention over the words"},
    {"attention_norm", SW_CHOICE, "clipped_l2norm", "clipped_l2norm l2norm softmax clipped none", 0,
     0,
     "over the fragments that query: clipped_l2norm: LeakyReLU(0.1), then l2; l2norm, softmax: "
     "that alone; clipped: LeakyReLU(0.1) alone; none: c as it is"},
    {"reduce", SW_CHOICE, "mean", "mean lse max sum", 0, 0,
     "from the fragments' cosines to a score; lse: log(sum exp(sharpness r)) / sharpness"},
    {"sharpness", SW_NUMBER, "6", NULL, 0.001, 1000, "of reduce = lse"},
    {"mu", SW_NUMBER, "0.5", NULL, 0, 1, "weight of the region-queried score, in both directions"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct scan {
    float lambda[2]; /* by the side that queries */
    int norm, reduce;
    float sharpness, mu;
};

struct prepared {
    struct sw_input similarity;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct scan *s = self;
    (void)host, (void)model;
    s->lambda[SW_WORDS] = (float)values[LAMBDA_T2I].number;
    s->lambda[SW_REGIONS] = (float)values[LAMBDA_I2T].number;
    s->norm = (int)values[ATTENTION_NORM].number;
    s->reduce = (int)values[REDUCE].number;
    s->sharpness = (float)values[SHARPNESS].number;
    s->mu = (float)values[MU].number;
    return 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    struct prepared *p = prepared;
    (void)self;
    p->similarity = batch->host->input_product(batch, batch->regions, batch->words);
}

/* One row per fragment of `queries`. */
static struct sw_tensor *weights(struct sw_tile *tile, const struct scan *s, struct similarities c,
                                 enum sw_side queries)
{
    if (s->norm == CLIPPED_L2NORM || s->norm == CLIPPED)
        c.numbers = clipped(tile, c.numbers);
    if (s->norm == CLIPPED_L2NORM || s->norm == L2NORM)
        c.numbers = l2_over(tile, c, queries);
    if (s->norm == SOFTMAX) /* over the fragments that query, which become the columns */
        c = (struct similarities){softmax_of(tile, c, other_side(queries), 1), other_side(queries)};
    return softmax_of(tile, c, queries, s->lambda[queries]);
}

static struct sw_tensor *reduce(struct sw_tile *tile, const struct scan *s, struct sw_tensor *r,
                                enum sw_side side)
{
    switch (s->reduce) {
    case LSE:
        return sw_masked(tile, "lane_lse", r, side, (struct sw_args){.f = {s->sharpness}});
    case MAX:
        return sw_masked(tile, "lane_max", r, side, (struct sw_args){.i = {0}});
    case SUM:
        return sw_sum(tile, r, side);
    default:
        return sw_mean(tile, r, side);
    }
}

static struct sw_tensor *one_way(struct sw_tile *tile, const struct scan *s, struct similarities c,
                                 enum sw_side queries)
{
    struct sw_vectors *attended = attend(tile, weights(tile, s, c, queries), queries);
    struct sw_vectors *own = tile->host->fragments(tile, queries);
    return reduce(tile, s, sw_cosine(tile, own, attended), queries);
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct scan *s = self;
    const struct prepared *p = prepared;
    struct similarities c = product_of(tile, p->similarity);
    if (tile->direction == SW_T2I)
        return one_way(tile, s, c, SW_WORDS);
    if (tile->direction == SW_I2T)
        return one_way(tile, s, c, SW_REGIONS);
    return sw_blend(tile, s->mu, one_way(tile, s, c, SW_REGIONS), one_way(tile, s, c, SW_WORDS));
}

static const struct sw_stage scan = {
    .name = "scan",
    .doc = "SCAN: each fragment attends to the other side; cosines, reduced (Lee et al. 2018)",
    .options = options,
    .self_size = sizeof(struct scan),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "scan",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "SCAN's stacked cross attention",
    .stages = (const struct sw_stage *const[]){&scan, NULL},
};
