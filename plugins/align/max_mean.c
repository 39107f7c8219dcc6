/* max_mean.c -- each fragment meets its best counterpart.
 *
 *   t2i: S = mean_j max_i r(v_i . t_j),  i2t: S = mean_i max_j r(v_i . t_j)
 *
 * with r = LeakyReLU(slope). It is the score of LAPS (Fu et al., CVPR 2024) with slope 0.1 and of
 * one pair of fragment sets in SGM (Wang et al., WACV 2020) with slope 1. CHAN (Pan et al., CVPR
 * 2023) has slope 1 and the log-sum-exp of 10 m_j for the mean, which it leaves undivided: raw_lse.
 *
 * max_mean_of_set looks at one set of fragments alone, where images and captions have second sets:
 * of SGM's score, m(objects, words) + m(relations, triples), each term is a use of it. */
#include <stepwise/plugin.h>

enum { SLOPE, REDUCE, SHARPNESS, MU, SET };
enum { MEAN, LSE, RAW_LSE, MAX, SUM };
enum { FIRST, SECOND, ALL };

/* clang-format off */
#define OPTIONS \
    {"slope", SW_NUMBER, "0.1", NULL, 0, 1, "of the LeakyReLU; 1: similarities as they are"}, \
    {"reduce", SW_CHOICE, "mean", "mean lse raw_lse max sum", 0, 0, \
     "from the fragments to a score; lse: log(sum exp(sharpness m)) / sharpness; raw_lse: not " \
     "divided, as in CHAN"}, \
    {"sharpness", SW_NUMBER, "10", NULL, 0.001, 1000, "of reduce = lse and raw_lse"}, \
    {"mu", SW_NUMBER, "0.5", NULL, 0, 1, "weight of the i2t score, in both directions"}
/* clang-format on */

static const struct sw_option options[] = {
    OPTIONS,
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

static const struct sw_option options_of_set[] = {
    OPTIONS,
    {"set", SW_CHOICE, "first", "first second", 0, 0,
     "of fragments, on both sides: those of the model's own encoders, or the second set"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct max_mean {
    int reduce, set;
    float slope, sharpness, mu;
};

struct prepared {
    struct sw_input similarity, sets[2]; /* sets.at < 0: there is only one */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct max_mean *s = self;
    (void)host, (void)model;
    s->slope = (float)values[SLOPE].number;
    s->reduce = (int)values[REDUCE].number;
    s->sharpness = (float)values[SHARPNESS].number;
    s->mu = (float)values[MU].number;
    s->set = ALL;
    return 0;
}

static int init_of_set(const struct sw_host *host, struct sw_model *model, void *self,
                       const struct sw_value *values)
{
    init(host, model, self, values);
    ((struct max_mean *)self)->set = (int)values[SET].number;
    return 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct max_mean *s = self;
    struct prepared *p = prepared;
    p->similarity = batch->host->input_product(batch, batch->regions, batch->words);
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++)
        p->sets[side] = s->set != ALL && batch->sets[side]
                            ? batch->host->input_rows(batch, side, batch->sets[side])
                            : (struct sw_input){-1};
}

/* (1,R,L): 1 for a side's fragments that are looked at; NULL where that is all */
static struct sw_tensor *looked_at(struct sw_tile *tile, const struct max_mean *s,
                                   const struct prepared *p, enum sw_side side)
{
    struct sw_tensor *mask = sw_mask(tile, side), *set;
    int dim[3] = {1, side == SW_REGIONS ? tile->k : tile->n, SW_LANES};
    if (s->set == ALL || (s->set == FIRST && p->sets[side].at < 0))
        return mask;
    if (p->sets[side].at < 0) /* there is no second set */
        return tile->host->constant(tile->graph, 3, dim, 0);
    set = tile->host->reshape(tile->graph, sw_read(tile, p->sets[side]), 3, dim);
    if (s->set == FIRST)
        set = sw_affine(tile, set, -1, 1);
    return mask ? sw_apply2(tile, "mul", set, mask, (struct sw_args){.i = {0}}) : set;
}

/* `op` over the fragments of x that the mask keeps. */
static struct sw_tensor *over(struct sw_tile *tile, const char *op, struct sw_tensor *x,
                              struct sw_tensor *mask, struct sw_args args)
{
    return mask ? sw_apply2(tile, op, x, mask, args) : sw_apply1(tile, op, x, args);
}

/* r (1,R,L) of the fragments that the mask keeps -> (1,1,L) */
static struct sw_tensor *reduce(struct sw_tile *tile, const struct max_mean *s, struct sw_tensor *r,
                                struct sw_tensor *mask)
{
    struct sw_args lse = {.f = {s->sharpness}};
    switch (s->reduce) {
    case LSE:
        return over(tile, "lane_lse", r, mask, lse);
    case RAW_LSE:
        return sw_affine(tile, over(tile, "lane_lse", r, mask, lse), s->sharpness, 0);
    case MAX:
        return over(tile, "lane_max", r, mask, (struct sw_args){.i = {0}});
    default:
        return over(tile, "lane_mean", r, mask, (struct sw_args){.i = {s->reduce == SUM}});
    }
}

/* c (n,k,L). r rises with its argument, so it may follow the maximum, where there is less of it. */
static struct sw_tensor *one_way(struct sw_tile *tile, const struct max_mean *s,
                                 struct sw_tensor *c, struct sw_tensor *const mask[2],
                                 enum sw_side queries)
{
    enum sw_side other = queries == SW_WORDS ? SW_REGIONS : SW_WORDS;
    struct sw_args columns = {.i = {queries == SW_REGIONS}};
    struct sw_tensor *m = over(tile, "lane_max", c, mask[other], columns);
    struct sw_tensor *r = sw_apply1(tile, "leaky_relu", m, (struct sw_args){.f = {s->slope}});
    return reduce(tile, s, r, mask[queries]);
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct max_mean *s = self;
    const struct prepared *p = prepared;
    struct sw_tensor *c = sw_read(tile, p->similarity);
    struct sw_tensor *mask[2] = {looked_at(tile, s, p, SW_REGIONS),
                                 looked_at(tile, s, p, SW_WORDS)};
    if (tile->direction == SW_T2I)
        return one_way(tile, s, c, mask, SW_WORDS);
    if (tile->direction == SW_I2T)
        return one_way(tile, s, c, mask, SW_REGIONS);
    return sw_blend(tile, s->mu, one_way(tile, s, c, mask, SW_REGIONS),
                    one_way(tile, s, c, mask, SW_WORDS));
}

static const struct sw_stage max_mean = {
    .name = "max_mean",
    .doc = "the mean, over fragments, of the similarity to the best fragment of the other side",
    .options = options,
    .self_size = sizeof(struct max_mean),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

static const struct sw_stage max_mean_of_set = {
    .name = "max_mean_of_set",
    .doc = "max_mean of one set of fragments alone: a term of SGM's score",
    .options = options_of_set,
    .self_size = sizeof(struct max_mean),
    .prepared_size = sizeof(struct prepared),
    .init = init_of_set,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "max_mean",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the score of LAPS, SGM and CHAN",
    .stages = (const struct sw_stage *const[]){&max_mean, &max_mean_of_set, NULL},
};
