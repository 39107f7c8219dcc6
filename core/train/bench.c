/* bench.c -- see bench.h. */
#include "train/bench_parts.h"

#include "train/optimiser.h"
#include "train/trainer_parts.h"
#include "tensor/ops/loss.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENCODE, SCORE, BACKWARD, UPDATE, TOTAL, TIMES };
enum { ORDINARY, WARMUP, KINDS };

static const char *const time_names[TIMES] = {"encode_s", "score_s", "backward_s", "update_s",
                                              "step_s"};

struct training {
    struct sw_bench *bench;
    struct sw_bench_data data;
    struct sw_encoding encoding; /* of the last step */
    float *moments;
    struct sw_adam adam;
    struct sw_floor *floor;
    double *times[KINDS][TIMES]; /* (steps) */
    int draws;
};

/* ---- telling --------------------------------------------------------------------------------- */

int sw_bench_tell(struct sw_bench *bench, const char *prefix, const char *name, double number,
                  struct sw_error *error)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    if (json_object_set_new(bench->out, key, json_real(number)))
        return sw_fail(error, SW_FAILED, "out of memory for the results of the bench");
    return SW_OK;
}

int sw_bench_tell_floor(struct sw_bench *bench, const char *prefix, const struct sw_floor *floor,
                        const double scale[3], double *seconds, double *gflop,
                        struct sw_error *error)
{
    char key[64];
    json_t *parts = json_array();
    int bad = !parts;
    *seconds = *gflop = 0;
    for (int p = 0; p < sw_floor_parts(floor) && !bad; p++) {
        struct sw_floor_part part = sw_floor_part(floor, p);
        double s = part.seconds * scale[part.per], g = part.flop * scale[part.per] * 1e-9;
        *seconds += s;
        *gflop += g;
        bad = json_array_append_new(
            parts, json_pack("{s:s, s:f, s:f, s:s}", "part", part.name, "gflop", g, "s", s, "way",
                             part.way == SW_FLOOR_BLAS ? "blas" : "chunks"));
    }
    snprintf(key, sizeof key, "%sfloor", prefix);
    if (bad || json_object_set(bench->out, key, parts)) {
        json_decref(parts);
        return sw_fail(error, SW_FAILED, "out of memory for the results of the bench");
    }
    json_decref(parts);
    int status = sw_bench_tell(bench, prefix, "floor_s", *seconds, error);
    if (status == SW_OK)
        status = sw_bench_tell(bench, prefix, "floor_gflop", *gflop, error);
    return status;
}

double sw_bench_peak(void)
{
    char line[256];
    double kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kilobytes / 1024;
}

/* ---- a step ---------------------------------------------------------------------------------- */

static int step_failed(struct sw_graph *graph, struct sw_error *error)
{
    const struct sw_error *own = sw_graph_error(graph);
    return sw_fail(error, own->status ? own->status : SW_FAILED, "%s",
                   own->status ? own->text : "the loss has no gradient");
}

/* As the trainer's (trainer_step.c), on data that were drawn before the clock starts. */
static int step(struct training *t, int kind, double took[TIMES], struct sw_error *error)
{
    struct sw_bench *b = t->bench;
    struct sw_pair_images pairs = {.n = b->settings.batch, .image = t->data.image};
    struct sw_args args = {
        .i = {kind == WARMUP ? SW_ALL_NEGATIVES : SW_HARDEST_NEGATIVE, SW_SAME_IMAGE_NEGATIVE},
        .f = {(float)b->settings.margin},
        .p = &pairs};
    static const struct sw_pair_options ordinary;
    float *values, *gradients;
    size_t trained;
    double when[TIMES];
    sw_model_trained(b->model, &values, &gradients, &trained);
    sw_bench_draw(&t->data, b->session->compute, t->draws);
    t->data.examples.training = 1;
    t->data.examples.step = (uint64_t)t->draws++;

    when[ENCODE] = sw_seconds();
    struct sw_place outside = sw_part_begin(b->session->compute, "between the parts", 0);
    sw_graph_reset(b->graph, 1);
    if (sw_model_encode(b->model, b->graph, &t->data.examples, &t->encoding) != SW_OK)
        return step_failed(b->graph, error);
    when[SCORE] = sw_seconds();
    struct sw_tensor *scores = sw_model_score(b->model, b->graph, &t->encoding, &ordinary);
    struct sw_tensor *loss = sw_graph_apply_named(b->graph, "hinge", &scores, 1, &args);
    if (!loss || !loss->grad)
        return step_failed(b->graph, error);
    if (!isfinite(loss->data[0]))
        return sw_fail(error, SW_FAILED, "expected a finite loss, found %g; a lower lr may help",
                       (double)loss->data[0]);
    when[BACKWARD] = sw_seconds();
    sw_clear(b->session->compute, gradients, trained);
    loss->grad[0] = 1;
    if (sw_graph_backward(b->graph) != SW_OK)
        return step_failed(b->graph, error);
    when[UPDATE] = sw_seconds();
    int status = sw_adam_update(b->session->compute, &t->adam, values, gradients, b->settings.lr,
                                b->settings.clip, NULL, error);
    sw_graph_commit(b->graph);
    sw_part_end(b->session->compute, outside);
    when[TOTAL] = sw_seconds();
    for (int i = 0; i < TOTAL; i++)
        took[i] = when[i + 1] - when[i];
    took[TOTAL] = when[TOTAL] - when[ENCODE];
    return status;
}

static int timed_step(struct training *t, int kind, int at, struct sw_error *error)
{
    double took[TIMES];
    int status = step(t, kind, took, error);
    for (int i = 0; i < TIMES && status == SW_OK; i++)
        t->times[kind][i][at] = took[i];
    return status;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int set_up(struct training *t, struct sw_error *error)
{
    struct sw_bench *b = t->bench;
    size_t steps = (size_t)b->request->steps, trained;
    float *values, *gradients;
    sw_model_trained(b->model, &values, &gradients, &trained);
    t->moments = calloc(2 * trained + 1, sizeof *t->moments);
    double *times = calloc((size_t)KINDS * TIMES * steps + 1, sizeof *times);
    t->times[0][0] = times;
    if (!t->moments || !times)
        return sw_fail(error, SW_FAILED, "out of memory for %zu moments", 2 * trained);
    for (int i = 0; i < KINDS * TIMES; i++)
        t->times[i / TIMES][i % TIMES] = times + (size_t)i * steps;
    t->adam = sw_adam_new(t->moments, t->moments + trained, trained, 0);
    return sw_bench_data_new(&t->data, b->settings.batch, b->request->regions, b->request->features,
                             b->settings.batch, b->request->caption_words, SW_BENCH_VOCABULARY,
                             error);
}

static int set_up_floor(struct training *t, struct sw_error *error)
{
    struct sw_products products = {0};
    int status = sw_products_of(t->bench->model, t->bench->graph, &t->encoding, &products, error);
    if (status == SW_OK)
        status = sw_floor_new(&t->floor, t->bench->session->compute, products.list, products.count,
                              t->bench->request->steps, error);
    sw_products_free(&products);
    return status;
}

/* The steps that are not timed meet new memory; what they leave is what a run holds. */
static int first_steps(struct training *t, struct sw_error *error)
{
    double ignored[TIMES];
    int status = step(t, ORDINARY, ignored, error);
    if (status == SW_OK)
        status = sw_bench_tell(t->bench, "", "peak_rss_mb", sw_bench_peak(), error);
    if (status == SW_OK && t->bench->request->warmup) {
        status = step(t, WARMUP, ignored, error);
        if (status == SW_OK)
            status = sw_bench_tell(t->bench, "warmup_", "peak_rss_mb", sw_bench_peak(), error);
    }
    return status == SW_OK ? set_up_floor(t, error) : status;
}

/* Steps apart from those that are timed: looking at the clock in each part takes its time, too. */
static int profiled_steps(struct training *t, struct sw_error *error)
{
    struct sw_profile *profile;
    double took[TIMES], seconds = 0;
    int steps = t->bench->request->steps;
    int status = sw_bench_profile_begin(t->bench, &profile, error);
    for (int i = 0; i < steps && status == SW_OK; i++) {
        status = step(t, ORDINARY, took, error);
        seconds += took[TOTAL];
    }
    int told = sw_bench_profile_end(t->bench, profile, status == SW_OK ? steps : 0, seconds, error);
    return status == SW_OK ? told : status;
}

static double hours(int pairs, int batch, double seconds)
{
    return ceil((double)pairs / batch) * seconds / 3600;
}

static int tell_steps(struct training *t, struct sw_error *error)
{
    enum { FLICKR30K = 29000 * 5, COCO = 113287 * 5 };
    static const double as_measured[3] = {1, 1, 1};
    struct sw_bench *b = t->bench;
    int steps = b->request->steps, batch = b->settings.batch;
    double median[TIMES], floor_s = 0, gflop = 0;
    int status = sw_bench_tell_floor(b, "", t->floor, as_measured, &floor_s, &gflop, error);
    for (int i = 0; i < TIMES && status == SW_OK; i++) {
        median[i] = sw_median(t->times[ORDINARY][i], steps);
        status = sw_bench_tell(b, "", time_names[i], median[i], error);
    }
    if (status != SW_OK)
        return status;
    const struct {
        const char *name;
        double number;
    } told[] = {{"ratio", median[TOTAL] / floor_s},
                {"gflops", gflop / median[TOTAL]},
                {"flickr30k_epoch_h", hours(FLICKR30K, batch, median[TOTAL])},
                {"coco_epoch_h", hours(COCO, batch, median[TOTAL])}};
    for (size_t i = 0; i < sizeof told / sizeof *told && status == SW_OK; i++)
        status = sw_bench_tell(b, "", told[i].name, told[i].number, error);
    if (status == SW_OK && b->request->warmup) {
        double all = sw_median(t->times[WARMUP][TOTAL], steps);
        status = sw_bench_tell(b, "warmup_", "step_s", all, error);
        if (status == SW_OK)
            status = sw_bench_tell(b, "warmup_", "ratio", all / median[TOTAL], error);
    }
    int words = t->data.start[batch];
    if (status == SW_OK && (json_object_set_new(b->out, "batch", json_integer(batch)) ||
                            json_object_set_new(b->out, "caption_words", json_integer(words))))
        status = sw_fail(error, SW_FAILED, "out of memory for the results of the bench");
    return status;
}

/* A step as training has it, behind a step: the first one after the floor finds threads that have
 * slept, and on a busy machine both on one core for a while. */
static int round_of_steps(struct training *t, int at, struct sw_error *error)
{
    double ignored[TIMES];
    int status = step(t, ORDINARY, ignored, error);
    if (status == SW_OK)
        status = timed_step(t, ORDINARY, at, error);
    if (status == SW_OK && t->bench->request->warmup)
        status = timed_step(t, WARMUP, at, error);
    return status;
}

/* Steps and the floor take turns, so that a machine with other work slows both down. */
static int bench_steps(struct sw_bench *bench, struct sw_error *error)
{
    struct training t = {.bench = bench};
    int status = set_up(&t, error);
    if (status == SW_OK)
        status = first_steps(&t, error);
    for (int i = 0; i < bench->request->steps && status == SW_OK; i++) {
        status = round_of_steps(&t, i, error);
        sw_floor_round(t.floor);
    }
    if (status == SW_OK)
        status = tell_steps(&t, error);
    if (status == SW_OK && bench->request->profile)
        status = profiled_steps(&t, error);
    sw_floor_free(t.floor);
    sw_bench_data_free(&t.data);
    free(t.times[0][0]);
    free(t.moments);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A table in the place of GloVe's. */
static float *random_words(int dim)
{
    size_t count = (size_t)SW_BENCH_VOCABULARY * (size_t)dim;
    float *table = malloc((count + 1) * sizeof *table);
    struct sw_random random = sw_random_stream(1, SW_FOR_BENCH, 0, 0);
    for (size_t i = 0; table && i < count; i++)
        table[i] = 0.3f * sw_random_normal(&random);
    return table;
}

json_t *sw_bench(const struct sw_session *session, const json_t *config,
                 const struct sw_bench_request *request, struct sw_error *error)
{
    struct sw_bench b = {.session = session, .request = request};
    struct sw_matcher *matcher = NULL;
    int status = SW_OK;
    sw_config_settings(config, &b.settings);
    float *glove = random_words(b.settings.word_dim);
    struct sw_matcher_inputs inputs = {.features = request->features,
                                       .vocabulary = SW_BENCH_VOCABULARY,
                                       .seed = b.settings.seed,
                                       .glove = glove};
    b.out = json_object();
    if (!glove || !b.out)
        status = sw_fail(error, SW_FAILED, "out of memory for a bench");
    if (status == SW_OK)
        status = sw_matcher_new(&matcher, session, config, &inputs, error);
    if (status == SW_OK) {
        b.model = matcher->model;
        b.graph = sw_graph_new(sw_host_table(), session->compute, session->ops, error);
        status = b.graph ? SW_OK : SW_FAILED;
    }
    if (status == SW_OK && request->steps)
        status = bench_steps(&b, error);
    if (status == SW_OK && request->images)
        status = sw_bench_evaluation(&b, error);
    sw_graph_free(b.graph);
    sw_matcher_free(matcher);
    free(glove);
    if (status == SW_OK)
        return b.out;
    json_decref(b.out);
    return NULL;
}
