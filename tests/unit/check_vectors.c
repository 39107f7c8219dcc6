/* check_vectors.c -- every verb on pair vectors means the same for coordinates and for numbers,
 * also where the model's own stages do not need it: a stranger's stage may. */
#include "pairs_unit.h"

/* Which mixture of verbs the stage scores. */
static const struct sw_option options[] = {
    {"verb", SW_INTEGER, "0", NULL, 0, 11, "which one"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};
enum { VERBS = 12 };

struct odd {
    int verb;
    struct sw_tensor *functional, *map; /* (1,D), (3,D) */
};

struct prepared {
    struct sw_input affinity;
    struct sw_functional functional;
    struct sw_map map;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct odd *s = self;
    int row[2] = {1, host->dim(model)}, three[2] = {3, host->dim(model)};
    struct sw_init xavier = {.kind = SW_INIT_XAVIER};
    s->verb = (int)values[0].number;
    s->functional = host->parameter(model, "functional.weight", 2, row, xavier);
    s->map = host->parameter(model, "map.weight", 2, three, xavier);
    return s->functional && s->map ? 0 : SW_PLUGIN_FAILED;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct odd *s = self;
    struct prepared *p = prepared;
    p->affinity = batch->host->input_product(batch, batch->regions, batch->words);
    p->functional = batch->host->input_functional(batch, s->functional);
    p->map = batch->host->input_map(batch, SW_REGIONS, s->map);
}

static struct sw_tensor *matmul(struct sw_tile *tile, struct sw_tensor *x, struct sw_tensor *y)
{
    return sw_apply2(tile, "lane_matmul", x, y, (struct sw_args){.i = {0}});
}

/* The mean over words of numbers one a word; a vector of numbers (n,L,M) is scored by its square.
 */
static struct sw_tensor *squares(struct sw_tile *tile, struct sw_tensor *x)
{
    struct sw_args none = {.i = {0}};
    return sw_mean(tile, sw_apply2(tile, "vec_rowdot", x, x, none), SW_WORDS);
}

/* x (n rows) and the rows of y by 1 - g, pooled: neither is made for it. */
static struct sw_vectors *pooled_sum(struct sw_tile *tile, const struct prepared *p,
                                     struct sw_vectors *x, struct sw_vectors *y,
                                     struct sw_tensor *g)
{
    struct sw_vectors *rest = tile->host->scale_rows(tile, y, sw_affine(tile, g, -1, 1));
    struct sw_vectors *fused = tile->host->add(tile, tile->host->scale_rows(tile, x, g), rest);
    struct sw_tensor *logits = tile->host->functional(tile, fused, p->functional);
    return sw_pool(tile, fused, sw_softmax(tile, logits, SW_WORDS, 3));
}

/* A sum whose terms know their inner products, as dots of it do not. */
static struct sw_tensor *sum_of_known(struct sw_tile *tile, struct sw_vectors *x,
                                      struct sw_vectors *y)
{
    struct sw_tensor *known = sw_cosine(tile, x, y);
    struct sw_vectors *sum = tile->host->add(tile, x, y);
    for (int i = 0; i < 4; i++)
        sum = tile->host->add(tile, sum, x);
    return sw_plus(tile, known, sw_cosine(tile, sum, y));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct odd *s = self;
    const struct prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_tensor *A = sw_read(tile, p->affinity);
    struct sw_tensor *alpha = sw_softmax_transposed(tile, A, SW_WORDS, 5);    /* (k,n,L) */
    struct sw_tensor *beta = sw_softmax(tile, A, SW_REGIONS, 5);              /* (n,k,L) */
    struct sw_vectors *words = sw_words_of(tile);                             /* own only */
    struct sw_vectors *image = sw_over_regions(tile, beta);                   /* a only, n rows */
    struct sw_vectors *text = sw_over_words(tile, matmul(tile, beta, alpha)); /* b only, n rows */
    struct sw_vectors *both = host->add(tile, image, text);                   /* a and b */
    struct sw_vectors *all = host->add(tile, both, words);                    /* own, a and b */
    struct sw_tensor *g = sw_sigmoid(tile, host->functional(tile, words, p->functional));
    struct sw_vectors *gated = host->scale_rows(tile, all, g);
    struct sw_vectors *context = sw_pool(tile, gated, sw_softmax(tile, g, SW_WORDS, 3));
    switch (s->verb) {
    case 0:
        return sw_mean(tile, sw_cosine(tile, both, text), SW_WORDS);
    case 1:
        return sw_mean(tile, sw_cosine(tile, all, both), SW_WORDS);
    case 2:
        return sw_mean(tile, host->dot(tile, gated, all), SW_WORDS);
    case 3:
        return sw_mean(tile, host->functional(tile, gated, p->functional), SW_WORDS);
    case 4:
        return sw_mean(tile, host->cosine_to(tile, context, SW_REGIONS), SW_REGIONS);
    case 5:
        return sw_cosine(tile, context, sw_pool(tile, image, host->mean_weights(tile, SW_WORDS)));
    case 6:
        return sw_mean(
            tile, host->dot(tile, host->scale(tile, host->scale_rows(tile, words, g), 2), words),
            SW_WORDS);
    case 7:
        return squares(tile, host->mapped(tile, host->scale(tile, both, 0.5f), p->map));
    case 8:
        return squares(tile, host->mapped(tile, image, p->map));
    case 9:
        return sw_mean(tile, host->cosine_to(tile, pooled_sum(tile, p, words, both, g), SW_WORDS),
                       SW_WORDS);
    case 10:
        return sum_of_known(tile, pooled_sum(tile, p, words, image, g),
                            sw_pool(tile, text, host->mean_weights(tile, SW_WORDS)));
    default:
        return sw_mean(tile, sw_cosine(tile, host->add(tile, words, words), gated), SW_WORDS);
    }
}

static const struct sw_stage odd = {
    .name = "odd",
    .doc = "verbs that the model's own stages do not mix",
    .options = options,
    .self_size = sizeof(struct odd),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

static const struct sw_plugin plugin = {
    SW_PLUGIN_HEAD,   .name = "odd",         .version = "1",
    .license = "MIT", .doc = "a test's own", .stages = (const struct sw_stage *const[]){&odd, NULL},
};

static struct pairs_unit *with_verb(int verb)
{
    char model[128];
    snprintf(model, sizeof model, "{\"stages\":[{\"plugin\":\"odd\",\"verb\":%d}]}", verb);
    pu_extra_plugin = &plugin;
    return pu_new(model, 2, 1);
}

static float *kept(struct pairs_unit *u, struct sw_pair_options how, size_t *count)
{
    const float *gradients = pu_step(u, how, 0, count);
    float *copy = malloc(*count * sizeof *copy);
    memcpy(copy, gradients, *count * sizeof *copy);
    return copy;
}

START_TEST(a_verb_means_the_same_in_both_forms)
{
    struct pairs_unit *u = with_verb(_i);
    size_t count;
    float *gram = kept(u, (struct sw_pair_options){0}, &count);
    float scores[PU_IMAGES * PU_IMAGES];
    memcpy(scores, u->scores, sizeof scores);
    float *plain = kept(u, (struct sw_pair_options){.explicit_vectors = 1}, &count);
    float *full = kept(u, (struct sw_pair_options){.dense = 1}, &count);
    ck_assert_double_lt(pu_distance(scores, u->scores, PU_IMAGES * PU_IMAGES), 1e-5);
    ck_assert_double_lt(pu_distance(gram, plain, count), 1e-4);
    ck_assert_double_lt(pu_distance(gram, full, count), 1e-5);
    free(gram);
    free(plain);
    free(full);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, a_verb_means_the_same_in_both_forms, 0, VERBS);
}

UNIT_MAIN("vectors", add_tests)
