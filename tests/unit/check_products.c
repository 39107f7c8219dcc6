/* check_products.c -- the products that a step cannot do without, and that running them bare leaves
 * nothing behind. */
#include "pairs_unit.h"

#include "match/products.h"
#include "train/bare.h"

#include <cblas.h>

static struct sw_products products_of(struct pairs_unit *u)
{
    size_t count;
    struct sw_products products = {0};
    struct sw_error error = {.status = SW_OK};
    pu_step(u, (struct sw_pair_options){0}, 0, &count);
    ck_assert_msg(sw_products_of(u->model, u->graph, &u->encoding, &products, &error) == SW_OK,
                  "%s", error.text);
    return products;
}

/* Half the FLOP of a part, or of its backward products. */
static double size_of(const struct sw_products *products, const char *part, int backward)
{
    double sum = 0;
    for (int i = 0; i < products->count; i++) {
        const struct sw_product *p = &products->list[i];
        if (strcmp(p->part, part) == 0 && (p->backward || !backward))
            sum += (double)p->M * p->N * p->K;
    }
    return sum;
}

static double regions_of(const struct pairs_unit *u)
{
    double sum = 0;
    for (int i = 0; i < PU_IMAGES; i++)
        sum += u->region_count[i];
    return sum;
}

static double distinct_of(const struct pairs_unit *u)
{
    int seen[PU_VOCABULARY] = {0}, count = 0;
    for (int w = 0; w < u->caption_start[PU_IMAGES]; w++)
        count += !seen[u->ids[w]]++;
    ck_assert_int_lt(count, u->caption_start[PU_IMAGES]);
    return count;
}

static const struct {
    const char *model;
    /* square ones: keys of regions and of words (both keys act on the words where the affinity is a
     * plain product), and maps, so many of each side */
    int region_keys, word_keys, maps, mixes;
} cases[] = {
    {"{'direction':'both'}", 0, 2, 0, 0},
    {"{'stages':[{'plugin':'l2l','attention_norm':'cosine'},'g2l','g2g']}", 1, 1, 0, 0},
    {"{'stages':['l2l',{'plugin':'g2l','fusion':'gate_vector'},'g2g']}", 0, 2, 2, 4},
    {"{'stages':['l2l',{'plugin':'g2l','fusion':'concat'},'g2g']}", 0, 2, 2, 2},
    {"{'direction':'t2i','stages':['l2l',{'plugin':'g2l','fusion':'gate_vector'}]}", 0, 2, 1, 2},
};

/* A floor that counts what a step could do without flatters the step; one that forgets blames it.
 */
START_TEST(the_products_are_those_of_the_equations)
{
    char model[256];
    snprintf(model, sizeof model, "%s", cases[_i].model);
    for (char *c = model; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    struct pairs_unit *u = pu_new(model, 1, 1);
    struct sw_products products = products_of(u);
    double R = regions_of(u), N = u->caption_start[PU_IMAGES], D = PU_DIM, W = PU_WORDS;
    double square = 3 * D * D; /* forward and two gradients */
    int of_regions = cases[_i].region_keys + cases[_i].maps;
    int of_words = cases[_i].word_keys + cases[_i].maps;
    double steps = 2 * (N - PU_IMAGES) * 3 * D * D; /* no product before the second word */
    ck_assert_double_eq(size_of(&products, "image layer", 0), 2 * R * PU_FEATURES * D);
    ck_assert_double_eq(size_of(&products, "image layer", 1), R * PU_FEATURES * D);
    ck_assert_double_eq(size_of(&products, "region projections", 0), R * of_regions * square);
    ck_assert_double_eq(size_of(&products, "word projections", 0), N * of_words * square);
    ck_assert_double_eq(size_of(&products, "gru inputs", 0), 3 * 2 * distinct_of(u) * W * 3 * D);
    ck_assert_double_eq(size_of(&products, "gru steps", 0), 3 * steps);
    ck_assert_double_eq(size_of(&products, "gru steps", 1), 2 * steps);
    ck_assert_double_eq(size_of(&products, "pair products", 0), 2 * R * N * D);
    ck_assert_double_eq(size_of(&products, "pair products", 1), 0);
    ck_assert_double_eq(size_of(&products, "pair mixes", 0), cases[_i].mixes * R * N * D);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* One vector per image and caption: no pairs, and the pooling's own GRU is not the words'. */
START_TEST(products_of_pooled_vectors)
{
    struct pairs_unit *u = pu_new("{\"image\":[\"linear\"],\"text\":[\"gru\"],\"stages\":[\"dot\"],"
                                  "\"pool\":{\"image\":\"esa\",\"text\":\"gpo\"}}",
                                  1, 1);
    struct sw_products products = products_of(u);
    double R = regions_of(u), N = u->caption_start[PU_IMAGES], D = PU_DIM;
    double rows = (PU_IMAGES + SW_LANES - 1) / SW_LANES * SW_LANES;
    ck_assert_double_eq(size_of(&products, "image layer", 0), 2 * R * PU_FEATURES * D);
    ck_assert_double_eq(size_of(&products, "region projections", 0), 3 * R * D * D);
    ck_assert_double_eq(size_of(&products, "word projections", 0), 0);
    ck_assert_double_eq(size_of(&products, "gru inputs", 0), 3 * distinct_of(u) * PU_WORDS * 3 * D);
    ck_assert_double_eq(size_of(&products, "gru steps", 0), 3 * (N - PU_IMAGES) * 3 * D * D);
    ck_assert_double_eq(size_of(&products, "pair products", 0), 0);
    ck_assert_double_eq(size_of(&products, "pooled vectors", 0), 3 * rows * PU_IMAGES * D);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* A layer before the GRU runs on the different words; one that has to see them in order, on all. */
START_TEST(products_of_words_that_repeat)
{
    struct pairs_unit *u = pu_new("{\"text\":[\"linear\",\"l2norm\",\"gru\"]}", 1, 1);
    struct sw_products products = products_of(u);
    double distinct = distinct_of(u), N = u->caption_start[PU_IMAGES], D = PU_DIM;
    ck_assert_double_eq(size_of(&products, "text layer", 0), 3 * distinct * PU_WORDS * D);
    ck_assert_double_eq(size_of(&products, "gru inputs", 0), 3 * distinct * D * 3 * D);
    sw_products_free(&products);
    pu_free(u);
    u = pu_new("{\"text\":[{\"plugin\":\"dropout\",\"rate\":0.1},\"linear\"]}", 1, 1);
    products = products_of(u);
    ck_assert_double_eq(size_of(&products, "text layer", 0), 3 * N * PU_WORDS * D);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* Nobody asks for the gradient of a fixed table. */
START_TEST(fixed_words_need_no_gradient)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"l2l\"]}", 1, 0);
    struct sw_products products = products_of(u);
    double both = size_of(&products, "gru inputs", 0);
    sw_products_free(&products);
    for (int p = 0; p < sw_model_parameters(u->model); p++) {
        const struct sw_parameter *parameter = sw_model_parameter(u->model, p);
        if (strcmp(parameter->name, "embedding.random.weight") == 0)
            parameter->tensor->grad = NULL;
    }
    products = products_of(u);
    ck_assert_double_eq(size_of(&products, "gru inputs", 0), both * 2 / 3);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* ---- an operation that core does not know ---- */

static int copy_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    out_dim[0] = call->in[0]->dim[0];
    out_dim[1] = call->in[0]->dim[1];
    return 2;
}

static void copy_forward(const struct sw_call *call)
{
    size_t count = (size_t)call->out->dim[0] * (size_t)call->out->dim[1];
    memcpy(call->out->data, call->in[0]->data, count * sizeof(float));
}

static void copy_backward(const struct sw_call *call)
{
    size_t count = (size_t)call->out->dim[0] * (size_t)call->out->dim[1];
    for (size_t i = 0; call->in[0]->grad && i < count; i++)
        call->in[0]->grad[i] += call->out->grad[i];
}

static void copy_products(const struct sw_call *call, struct sw_product_list *out)
{
    int N = call->in[0]->dim[0];
    out->add(out, (struct sw_product){.M = N, .N = 3, .K = 5});
    out->add(out, (struct sw_product){.backward = 1, .transpose_a = 1, .M = 3, .N = 5, .K = N});
    out->add(out, (struct sw_product){.part = "copies", .M = 2, .N = 3, .K = 4});
    out->add(out, (struct sw_product){.part = "copies", .M = 2, .N = 0, .K = 4});
}

static const struct sw_sample copy_samples[] = {
    {1, {{2, {3, 2}, -1, 1, 1}}, {{0}, {0}, NULL}},
};

static const struct sw_op copy_op = {
    .name = "copy",
    .shapes = "(N,D)->(N,D)",
    .doc = "x",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = copy_shape,
    .forward = copy_forward,
    .backward = copy_backward,
    .samples = copy_samples,
    .sample_count = 1,
    .products = copy_products,
};

static int copy_init(const struct sw_host *host, struct sw_model *model, void *self,
                     const struct sw_value *options)
{
    (void)host, (void)model, (void)self, (void)options;
    return 0;
}

static void copy_prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    (void)self, (void)prepared;
    batch->host->apply(batch->graph, "copy", &batch->regions, 1, NULL);
    batch->host->apply(batch->graph, "copy", &batch->words, 1, NULL);
}

static struct sw_tensor *copy_score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)self, (void)prepared;
    struct sw_vectors *image = sw_regions(tile), *text = sw_words_of(tile);
    return sw_cosine(tile, sw_pool(tile, image, tile->host->mean_weights(tile, SW_REGIONS)),
                     sw_pool(tile, text, tile->host->mean_weights(tile, SW_WORDS)));
}

static const struct sw_stage copy_stage = {
    .name = "copying",
    .doc = "the cosine of means",
    .init = copy_init,
    .prepare = copy_prepare,
    .score = copy_score,
};

static const struct sw_plugin copy_plugin = {
    SW_PLUGIN_HEAD,
    .name = "copying",
    .version = "1",
    .license = "MIT",
    .doc = "a test's own",
    .stages = (const struct sw_stage *const[]){&copy_stage, NULL},
    .ops = (const struct sw_op *const[]){&copy_op, NULL},
};

START_TEST(a_plugins_operation_says_what_it_multiplies)
{
    pu_extra_plugin = &copy_plugin;
    struct pairs_unit *u = pu_new("{\"stages\":[\"copying\"]}", 1, 1);
    pu_extra_plugin = NULL;
    struct sw_products products = products_of(u);
    double R = regions_of(u), N = u->caption_start[PU_IMAGES];
    ck_assert_double_eq(size_of(&products, "region projections", 0), 2 * 15 * R);
    ck_assert_double_eq(size_of(&products, "region projections", 1), 15 * R);
    ck_assert_double_eq(size_of(&products, "word projections", 0), 2 * 15 * N);
    ck_assert_double_eq(size_of(&products, "copies", 0), 2 * 24);
    int copies[2] = {0};
    for (int i = 0; i < products.count; i++)
        if (strcmp(products.list[i].part, "copies") == 0)
            copies[products.list[i].per == SW_PER_WORD]++;
    ck_assert_int_eq(copies[0], 1);
    ck_assert_int_eq(copies[1], 1);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* The two directions of a step of the GRU can run side by side, its steps cannot. */
START_TEST(a_turn_holds_both_directions)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"l2l\"]}", 1, 0);
    struct sw_products products = products_of(u);
    int turns = 0, steps = 0;
    for (int i = 0; i < products.count; i++) {
        const struct sw_product *p = &products.list[i];
        if (strcmp(p->part, "gru steps") != 0) {
            ck_assert_int_eq(p->turn, 0);
            continue;
        }
        ck_assert_int_eq(p->turn, steps / 2);
        turns = p->turn + 1;
        steps++;
    }
    ck_assert_int_eq(steps, 2 * turns);
    ck_assert_int_gt(turns, 2);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* Products that left OpenBLAS with threads of its own would change the bits of what runs next. */
START_TEST(bare_products_leave_one_blas_thread)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"l2l\"]}", _i, 1);
    struct sw_products products = products_of(u);
    struct sw_error error = {.status = SW_OK};
    struct sw_product wide = {"wide", SW_PER_PAIR, 0, 0, 0, 1, 300, 500, 111};
    struct sw_product tall = {"tall", SW_PER_PAIR, 0, 0, 1, 0, 500, 301, 111};
    ck_assert_int_ge(products.room, 2);
    products.list[0] = wide; /* large enough to be cut, by columns and by rows */
    products.list[1] = tall;
    struct sw_bare *bare;
    ck_assert_msg(sw_bare_new(&bare, u->compute, &products, &error) == SW_OK, "%s", error.text);
    for (int blas = 0; blas < 2; blas++) {
        ck_assert_double_gt(sw_bare_run(bare, 0, products.count, blas), 0);
        ck_assert_int_eq(openblas_get_num_threads(), 1);
    }
    sw_bare_free(bare);
    sw_products_free(&products);
    pu_free(u);
}
END_TEST

/* Without a recorded step there is nothing to read the products off. */
START_TEST(an_empty_tape_is_an_error)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"l2l\"]}", 1, 0);
    struct sw_products products = {0};
    struct sw_error error = {.status = SW_OK};
    sw_graph_reset(u->graph, 1);
    ck_assert_int_eq(sw_products_of(u->model, u->graph, &u->encoding, &products, &error),
                     SW_FAILED);
    ck_assert_ptr_null(products.list);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, the_products_are_those_of_the_equations, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tests, products_of_pooled_vectors);
    tcase_add_test(tests, products_of_words_that_repeat);
    tcase_add_test(tests, fixed_words_need_no_gradient);
    tcase_add_test(tests, a_plugins_operation_says_what_it_multiplies);
    tcase_add_test(tests, a_turn_holds_both_directions);
    tcase_add_loop_test(tests, bare_products_leave_one_blas_thread, 1, 4);
    tcase_add_test(tests, an_empty_tape_is_an_error);
}

UNIT_MAIN("products", add_tests)
