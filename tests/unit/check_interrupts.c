/* check_interrupts.c -- work that is asked to end: it ends at the tile or operation at hand, and
 * what it had begun leaves no trace. */
#include "pairs_unit.h"

#include <stdatomic.h>

/* ---- a stage that counts its tiles, and asks for the end in one of them ---- */

static atomic_int calls;
static int raise_at; /* 0: never */

static int is_raised(void)
{
    return raise_at && atomic_load(&calls) >= raise_at;
}

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *options)
{
    (void)host, (void)model, (void)self, (void)options;
    return 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)self, (void)prepared;
    const struct sw_host *host = tile->host;
    atomic_fetch_add(&calls, 1);
    return sw_cosine(tile, sw_pool(tile, sw_regions(tile), host->mean_weights(tile, SW_REGIONS)),
                     sw_pool(tile, sw_words_of(tile), host->mean_weights(tile, SW_WORDS)));
}

static const struct sw_stage counted = {
    .name = "counted", .doc = "counts its tiles", .init = init, .score = score};
static const struct sw_plugin plugin = {
    SW_PLUGIN_HEAD,      .name = "counted",
    .version = "1",      .license = "MIT",
    .doc = "for a test", .stages = (const struct sw_stage *const[]){&counted, NULL},
};

static int step(struct pairs_unit *u, int all)
{
    static const struct sw_pair_options ordinary;
    struct sw_args args = {.i = {all}, .f = {0.2f}};
    float *values, *gradients;
    size_t count;
    sw_model_trained(u->model, &values, &gradients, &count);
    memset(gradients, 0, count * sizeof *gradients);
    atomic_store(&calls, 0);
    sw_graph_reset(u->graph, 1);
    struct sw_tensor *S = sw_model_scores(u->model, u->graph, &u->examples, &ordinary);
    struct sw_tensor *loss = sw_graph_apply_named(u->graph, "hinge", &S, 1, &args);
    if (!loss)
        return sw_graph_error(u->graph)->status;
    loss->grad[0] = 1;
    return sw_graph_backward(u->graph);
}

/* With the hardest negatives (0) and with all of them, which walk back by another way. */
START_TEST(ends_at_the_tile_at_hand)
{
    enum { THREADS = 2 };
    pu_extra_plugin = &plugin;
    raise_at = 0;
    struct pairs_unit *u =
        pu_new("{\"stages\":[{\"plugin\":\"l2l\"},{\"plugin\":\"g2l\"},{\"plugin\":\"counted\"}]}",
               THREADS, 1);
    sw_compute_watch(u->compute, is_raised);
    float *values, *gradients;
    size_t count;
    sw_model_trained(u->model, &values, &gradients, &count);
    ck_assert_int_eq(step(u, _i), SW_OK);
    int forward = (PU_IMAGES + SW_LANES - 1) / SW_LANES * PU_IMAGES, whole = atomic_load(&calls);
    ck_assert_int_gt(whole, forward);
    float *undisturbed = malloc(count * sizeof *undisturbed);
    memcpy(undisturbed, gradients, count * sizeof *undisturbed);
    for (raise_at = 1; raise_at <= whole; raise_at++) {
        ck_assert_int_eq(step(u, _i), SW_INTERRUPTED);
        ck_assert_str_eq(sw_graph_error(u->graph)->text, "interrupted");
        ck_assert_int_le(atomic_load(&calls), raise_at + THREADS - 1);
    }
    raise_at = 0;
    ck_assert_int_eq(step(u, _i), SW_OK);
    ck_assert_mem_eq(gradients, undisturbed, count * sizeof *undisturbed);
    free(undisturbed);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, ends_at_the_tile_at_hand, 0, 2);
}

UNIT_MAIN("interrupts", add_tests)
