/* l2l.c -- fragment level: every region looks at the words, every word at the regions (eq. 3-7).
 *
 *   A = (W~v V)(W~t T)^T                                                                (eq. 3)
 *   alpha = softmax over words of lambda A,    t*_i = sum_j alpha_ij t_j                (eq. 4)
 *   beta  = softmax over regions of lambda A,  v*_j = sum_i beta_ij v_i                 (eq. 5)
 *   S = mu mean_i cos(v_i, t*_i) + (1 - mu) mean_j cos(t_j, v*_j)                       (eq. 6, 7)
 *
 * One direction only: the side that stays has weight 1. */
#include <stepwise/plugin.h>

enum { LAMBDA, MU, ATTENTION_NORM, REDUCE };
enum { NONE, COSINE, CLIPPED_L2NORM };
enum { MEAN, SUM };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "15", NULL, 0, 1000, "sharpness of the attention (inverse temperature)"},
    {"mu", SW_NUMBER, "0.3", NULL, 0, 1, "weight of the region-queried side"},
    {"attention_norm", SW_CHOICE, "none", "none cosine clipped_l2norm", 0, 0,
     "none: A as it is; cosine: projected sides l2-normalised; clipped_l2norm: LeakyReLU(0.1), "
     "then "
     "l2 over the query axis"},
    {"reduce", SW_CHOICE, "mean", "mean sum", 0, 0,
     "eq. 7 over fragments: the text's mean, the printed sum"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct l2l {
    float lambda, mu;
    int norm, reduce;
    struct sw_tensor *image_key, *text_key; /* (D,D) each */
};

struct prepared {
    struct sw_input affinity;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct l2l *s = self;
    int D = host->dim(model), square[2] = {D, D};
    struct sw_init xavier = {.kind = SW_INIT_XAVIER};
    s->lambda = (float)values[LAMBDA].number;
    s->mu = (float)values[MU].number;
    s->norm = (int)values[ATTENTION_NORM].number;
    s->reduce = (int)values[REDUCE].number;
    s->image_key = host->parameter(model, "image_key.weight", 2, square, xavier);
    s->text_key = host->parameter(model, "text_key.weight", 2, square, xavier);
    return s->image_key && s->text_key ? 0 : SW_PLUGIN_FAILED;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct l2l *s = self;
    struct prepared *p = prepared;
    struct sw_tensor *image = batch->regions;
    struct sw_tensor *text = sw_linear(batch, batch->words, s->text_key, NULL);
    if (s->norm == COSINE) {
        image = sw_l2norm(batch, sw_linear(batch, image, s->image_key, NULL));
        text = sw_l2norm(batch, text);
    } else {
        /* (W~v v) . (W~t t) = v . (W~t t W~v): a product over the words, which are fewer than the
         * regions, for the one over these */
        text = sw_linear_back(batch, text, s->image_key);
    }
    p->affinity = batch->host->input_product(batch, image, text);
}

/* LeakyReLU(0.1), then l2 over the axis of the side that queries; A and the result (n,k,L). */
static struct sw_tensor *clipped(struct sw_tile *tile, struct sw_tensor *A, enum sw_side queries)
{
    struct sw_tensor *c = sw_apply1(tile, "leaky_relu", A, (struct sw_args){.f = {0.1f}});
    return sw_masked(tile, "lane_l2norm", c, queries,
                     (struct sw_args){.i = {queries == SW_REGIONS}});
}

static struct sw_tensor *reduce(struct sw_tile *tile, const struct l2l *s, struct sw_tensor *x,
                                enum sw_side side)
{
    return s->reduce == SUM ? sw_sum(tile, x, side) : sw_mean(tile, x, side);
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct l2l *s = self;
    struct sw_tensor *A =
        sw_read(tile, ((const struct prepared *)prepared)->affinity); /* (n,k,L) */
    struct sw_tensor *R_v = NULL, *R_t = NULL;

    if (tile->direction != SW_T2I) {
        struct sw_tensor *a = s->norm == CLIPPED_L2NORM ? clipped(tile, A, SW_REGIONS) : A;
        struct sw_tensor *alpha = sw_softmax_transposed(tile, a, SW_WORDS, s->lambda); /* (k,n,L) */
        struct sw_vectors *attended_text = sw_over_words(tile, alpha);
        R_v = reduce(tile, s, sw_cosine(tile, sw_regions(tile), attended_text), SW_REGIONS);
        sw_put(tile, "attended_text", attended_text);
        tile->host->show(tile, "alpha", SW_AXIS_REGIONS, SW_AXIS_WORDS, alpha);
    }
    if (tile->direction != SW_I2T) {
        struct sw_tensor *a = s->norm == CLIPPED_L2NORM ? clipped(tile, A, SW_WORDS) : A;
        struct sw_tensor *beta = sw_softmax(tile, a, SW_REGIONS, s->lambda); /* (n,k,L) */
        struct sw_vectors *attended_image = sw_over_regions(tile, beta);
        R_t = reduce(tile, s, sw_cosine(tile, sw_words_of(tile), attended_image), SW_WORDS);
        sw_put(tile, "attended_image", attended_image);
        tile->host->show(tile, "beta", SW_AXIS_WORDS, SW_AXIS_REGIONS, beta);
    }
    if (tile->direction == SW_BOTH)
        return sw_blend(tile, s->mu, R_v, R_t);
    return tile->direction == SW_I2T ? R_v : R_t;
}

static const struct sw_stage l2l = {
    .name = "l2l",
    .doc = "local to local: regions and words attend to each other (eq. 3-7)",
    .options = options,
    .self_size = sizeof(struct l2l),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "l2l",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "SHAN's fragment-level alignment",
    .stages = (const struct sw_stage *const[]){&l2l, NULL},
};
