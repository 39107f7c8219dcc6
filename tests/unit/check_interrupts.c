/* check_interrupts.c -- work that is asked to end: it ends at the tile or operation at hand, and
 * what it had begun leaves no trace. */
#include "pairs_unit.h"
#include "runs.h"

#include <limits.h>
#include <stdatomic.h>

/* ---- within a step: a stage that counts its tiles, and raises the signal in one of them ---- */

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

/* ---- within a run ---- */

static atomic_int asked;
static int interrupt_at; /* the question that is answered by yes, as all after it are */

static int is_interrupted(void)
{
    return atomic_fetch_add(&asked, 1) + 1 >= interrupt_at;
}

/* Trains until it is interrupted, saves, resumes without an interrupt; whether there was one. */
static int interrupted_and_resumed(struct sw_session *session, const json_t *config,
                                   const char *path, int at)
{
    struct sw_trainer *trainer = runs_open(session, config, path, 0);
    struct sw_event event = {0};
    struct sw_error error = {0};
    int status = SW_OK;
    atomic_store(&asked, 0);
    interrupt_at = at;
    sw_compute_watch(session->compute, is_interrupted);
    while (status == SW_OK && event.kind != SW_EVENT_DONE)
        status = sw_trainer_next(trainer, &event, &error);
    sw_compute_watch(session->compute, NULL);
    ck_assert_msg(status == SW_OK || status == SW_INTERRUPTED, "%s", error.text);
    ck_assert_int_eq(sw_trainer_save(trainer, NULL), SW_OK);
    sw_trainer_close(trainer);
    trainer = runs_open(session, config, path, 1);
    ck_assert_int_eq(runs_until(trainer, -1).kind, SW_EVENT_DONE);
    sw_trainer_close(trainer);
    return status == SW_INTERRUPTED;
}

/* Interrupts all through a run: its steps, with all negatives and with the hardest, and its
 * evaluations. A step that was begun and not finished is done again, to the same bits. */
START_TEST(a_run_is_the_same)
{
    enum { PLACES = 40 };
    char *folder = unit_folder(), *data = runs_data(folder, 10),
         *whole = unit_path(folder, "whole");
    struct sw_session *session = runs_session(2);
    json_t *config = runs_config(data, "warmup_epochs=1");
    ck_assert(!interrupted_and_resumed(session, config, whole, INT_MAX));
    int questions = atomic_load(&asked);
    ck_assert_int_gt(questions, 100 * PLACES);
    for (int i = 1; i <= PLACES; i++) {
        char name[32];
        snprintf(name, sizeof name, "interrupted-%d", i);
        char *path = unit_path(folder, name);
        ck_assert(interrupted_and_resumed(session, config, path, questions / PLACES * i));
        runs_same(whole, path);
        free(path);
    }
    json_decref(config);
    sw_session_free(session);
    free(data);
    free(whole);
    unit_remove_folder(folder);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, ends_at_the_tile_at_hand, 0, 2);
    tcase_add_test(tests, a_run_is_the_same);
}

UNIT_MAIN("interrupts", add_tests)
