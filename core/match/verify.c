/* verify.c -- see verify.h.
 *
 * The score matrix S of a batch is weighed with random numbers, f = sum R_ic S_ic, so that its
 * gradient dS = R is known and the same for every way to compute it. */
#include "match/internal.h"
#include "match/second.h"
#include "match/verify.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 21, REGIONS = 7, MOST_WORDS = 12, PAIRS = IMAGES * IMAGES };
enum { MOST_WAYS = 4 };
#define GRADIENT_LIMIT 0.03

/* The same model at work with some number of threads. */
struct tried_model {
    struct sw_compute *compute;
    struct sw_model *model;
    struct sw_graph *graph;
    float *gradients; /* of the last step, (trained) */
    float scores[PAIRS];
};

struct verifying {
    const struct sw_model_plan *plan;
    struct sw_error *error;
    struct tried_model one, two;
    float *features; /* (N,F) */
    int32_t *ids;
    int region_count[IMAGES], caption_start[IMAGES + 1];
    int32_t image[IMAGES];
    struct sw_examples examples;
    void *room[2];        /* of second sets */
    float weights[PAIRS]; /* R: few are not 0, so that backward goes pair by pair */
    struct sw_finding *out;
    int count;
};

/* ---- what is tried on ------------------------------------------------------------------------ */

static int has_flag(const struct sw_model_plan *plan, unsigned flag)
{
    unsigned flags = 0;
    for (int s = 0; s < plan->stage_count; s++)
        flags |= plan->stages[s].stage->flags;
    return (flags & flag) != 0;
}

static void weigh_pairs(struct verifying *v, struct sw_random *random)
{
    for (int p = 0; p < PAIRS; p++)
        v->weights[p] = sw_random_below(random, 8) == 0 ? 2 * sw_random_uniform(random) - 1 : 0;
}

static int draw(struct verifying *v)
{
    struct sw_random random = sw_random_stream(1, SW_FOR_TESTS, 0, 0);
    int F = v->plan->features, words = 0;
    size_t rows = (size_t)sw_region_rows(IMAGES, REGIONS);
    v->features = calloc(rows * (size_t)F, sizeof *v->features);
    v->ids = calloc((size_t)IMAGES * MOST_WORDS, sizeof *v->ids);
    if (!v->features || !v->ids)
        return sw_fail(v->error, SW_FAILED, "out of memory for a trial of the model");
    for (int i = 0; i < IMAGES; i++) {
        v->image[i] = i;
        v->region_count[i] = has_flag(v->plan, SW_NEEDS_EQUAL_REGIONS)
                                 ? REGIONS
                                 : 1 + (int)sw_random_below(&random, REGIONS);
        for (int r = 0; r < REGIONS; r++)
            for (int f = 0; f < F; f++)
                v->features[(size_t)sw_region_row(REGIONS, i, r) * (size_t)F + (size_t)f] =
                    sw_random_uniform(&random);
        int length = 1 + (int)sw_random_below(&random, MOST_WORDS);
        while (length-- > 0)
            v->ids[words++] = (int32_t)sw_random_below(&random, (uint32_t)v->plan->vocabulary);
        v->caption_start[i + 1] = words;
    }
    weigh_pairs(v, &random);
    v->examples = (struct sw_examples){.images = IMAGES,
                                       .k = REGIONS,
                                       .region_count = v->region_count,
                                       .features = v->features,
                                       .captions = IMAGES,
                                       .caption_start = v->caption_start,
                                       .ids = v->ids,
                                       .training = 1};
    return sw_second_draw(v->plan, 5, &v->examples, v->room, v->error);
}

static int open_model(struct verifying *v, struct tried_model *m, int threads,
                      const struct sw_model_plan *plan, const struct sw_host *host,
                      const struct sw_ops *ops)
{
    float *values, *gradients;
    size_t trained;
    m->compute = sw_compute_new(threads, v->error);
    if (!m->compute || sw_model_new(&m->model, plan, host, m->compute, ops, v->error) != SW_OK)
        return v->error->status;
    m->graph = sw_graph_new(host, m->compute, ops, v->error);
    sw_model_trained(m->model, &values, &gradients, &trained);
    m->gradients = calloc(trained + 1, sizeof *m->gradients);
    if (!m->graph || !m->gradients)
        return sw_fail(v->error, SW_FAILED, "out of memory for a trial of the model");
    return SW_OK;
}

static void close_model(struct tried_model *m)
{
    if (m->graph)
        sw_graph_free(m->graph);
    sw_model_free(m->model);
    if (m->compute)
        sw_compute_free(m->compute);
    free(m->gradients);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* S and the gradient of f for all trained numbers, kept in the model's own arrays. */
static int step(struct verifying *v, struct tried_model *m, const struct sw_pair_options *options,
                int backward)
{
    float *values, *gradients;
    size_t trained;
    sw_model_trained(m->model, &values, &gradients, &trained);
    memset(gradients, 0, sizeof *gradients * trained);
    sw_graph_reset(m->graph, backward);
    struct sw_tensor *S = sw_model_scores(m->model, m->graph, &v->examples, options);
    if (S && backward && S->grad) {
        memcpy(S->grad, v->weights, sizeof v->weights);
        sw_graph_backward(m->graph);
    }
    const struct sw_error *failed = sw_graph_error(m->graph);
    if (!S || failed->status != SW_OK)
        return sw_fail(v->error, failed->status ? failed->status : SW_FAILED, "%s", failed->text);
    memcpy(m->scores, S->data, sizeof m->scores);
    memcpy(m->gradients, gradients, sizeof *gradients * trained);
    return SW_OK;
}

static double largest(const float *x, size_t count)
{
    double most = 1e-12;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* The largest difference, relative to the largest number of a; NaN where either has one. */
static double distance(const float *a, const float *b, size_t count)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        double gap = fabs((double)a[i] - (double)b[i]);
        if (!(gap <= worst))
            worst = gap;
    }
    return worst / largest(a, count);
}

static void found(struct verifying *v, const char *what, double worst, double most,
                  const char *where)
{
    struct sw_finding *f = &v->out[v->count++];
    *f = (struct sw_finding){.what = what, .worst = worst, .most = most};
    snprintf(f->where, sizeof f->where, "%s", where);
}

/* Compares scores and gradients of two ways; the second has just been computed in `m`. */
static void compare(struct verifying *v, const char *what, const float *scores,
                    const float *gradients, const struct tried_model *m, double most)
{
    float *values, *unused;
    size_t trained;
    sw_model_trained(m->model, &values, &unused, &trained);
    double of_scores = distance(scores, m->scores, PAIRS);
    double of_gradients = distance(gradients, m->gradients, trained);
    int in_gradients = !(of_gradients <= of_scores);
    found(v, what, in_gradients ? of_gradients : of_scores, most,
          in_gradients ? "its gradients" : "its scores");
}

/* ---- what has to hold ------------------------------------------------------------------------ */

static int same_in_all_ways(struct verifying *v)
{
    static const struct sw_pair_options ordinary, plain = {.explicit_vectors = 1},
                                                  dense = {.dense = 1};
    struct tried_model *one = &v->one, *two = &v->two;
    float *values, *gradients;
    size_t trained;
    sw_model_trained(one->model, &values, &gradients, &trained);
    if (step(v, one, &ordinary, 1) != SW_OK || step(v, two, &ordinary, 1) != SW_OK)
        return v->error->status;
    compare(v, "1 = 2 threads", one->scores, one->gradients, two, 0);
    if (one->model->has_tiles) {
        if (step(v, two, &plain, 1) != SW_OK)
            return v->error->status;
        compare(v, "coordinates = numbers", one->scores, one->gradients, two, 1e-4);
        if (step(v, two, &dense, 1) != SW_OK)
            return v->error->status;
        compare(v, "sparse = dense", one->scores, one->gradients, two, 1e-4);
    }
    /* Rows beyond an image's own regions hold anything. */
    float *kept = v->features;
    size_t rows = (size_t)sw_region_rows(IMAGES, REGIONS), F = (size_t)v->plan->features;
    v->features = malloc(sizeof(float) * rows * F);
    int status = v->features ? SW_OK : sw_fail(v->error, SW_FAILED, "out of memory for a trial");
    if (status == SW_OK) {
        memcpy(v->features, kept, sizeof(float) * rows * F);
        for (int i = 0; i < IMAGES; i++)
            for (int r = v->region_count[i]; r < REGIONS; r++)
                for (size_t f = 0; f < F; f++)
                    v->features[(size_t)sw_region_row(REGIONS, i, r) * F + f] = 1e3f;
        v->examples.features = v->features;
        status = step(v, two, &ordinary, 1);
        if (status == SW_OK)
            compare(v, "padding regions do not matter", one->scores, one->gradients, two, 0);
        free(v->features);
    }
    v->features = kept;
    v->examples.features = kept;
    return status;
}

int sw_score_mixed_tiles(struct sw_model *model, struct sw_graph *graph,
                         const struct sw_examples *examples, float *scores, struct sw_error *error)
{
    struct sw_encoding encoding;
    struct sw_worker *worker = &model->workers[0];
    const int C = examples->captions, count = examples->images * C;
    const int stride = count % 5 ? 5 : 1; /* neighbours have other lengths */
    sw_graph_reset(graph, 0);
    struct sw_whole_batch *batch = NULL;
    if (sw_model_encode(model, graph, examples, &encoding) == SW_OK)
        batch = sw_batch_prepare(model, graph, &encoding, NULL);
    if (!batch)
        return sw_graph_failure(graph, error);
    memset(scores, 0, sizeof *scores * (size_t)count);
    for (int first = 0; model->has_tiles && first < count; first += SW_LANES) {
        int images[SW_LANES], captions[SW_LANES], pairs = 0;
        for (int p = first; p < count && pairs < SW_LANES; p++, pairs++) {
            images[pairs] = p * stride % count / C;
            captions[pairs] = p * stride % count % C;
        }
        struct sw_whole_tile tile;
        sw_tile_of_pairs(&tile, batch, worker, images, captions, pairs);
        const struct sw_tensor *score = sw_tile_score(&tile);
        if (sw_graph_error(worker->graph)->status != SW_OK)
            return sw_graph_failure(worker->graph, error);
        for (int l = 0; l < pairs; l++)
            scores[images[l] * C + captions[l]] = score ? score->data[l] : 0;
    }
    for (int s = 0; s < model->plan->stage_count; s++)
        for (int p = 0; batch->matrices[s] && model->plan->stages[s].score && p < count; p++)
            scores[p] += batch->matrices[s]->data[p];
    return SW_OK;
}

/* A tile of any pairs has masks where one of a single caption has none: the same scores? */
static int masks_are_used(struct verifying *v)
{
    struct tried_model *m = &v->one;
    float masked[PAIRS];
    v->examples.training = 0;
    if (!m->model->has_tiles)
        return SW_OK;
    if (step(v, m, NULL, 0) != SW_OK ||
        sw_score_mixed_tiles(m->model, m->graph, &v->examples, masked, v->error) != SW_OK)
        return v->error->status;
    found(v, "masked words do not matter", distance(m->scores, masked, PAIRS), 1e-4, "its scores");
    return SW_OK;
}

/* Evaluation keeps encoded rows and scores in blocks. */
static int evaluation_is_the_same(struct verifying *v)
{
    struct tried_model *m = &v->one;
    struct sw_encoded images = {0}, captions = {0};
    float scores[PAIRS];
    v->examples.training = 0;
    int status = step(v, m, NULL, 0);
    if (status == SW_OK)
        status = sw_encode_images(m->model, &v->examples, &images, v->error);
    if (status == SW_OK)
        status = sw_encode_captions(m->model, &v->examples, &captions, v->error);
    if (status == SW_OK)
        status = sw_score_block(m->model, &images, &captions, 0, IMAGES, scores, NULL, v->error);
    if (status == SW_OK)
        found(v, "evaluation = a batch's scores", distance(m->scores, scores, PAIRS), 1e-5,
              "its scores");
    sw_encoded_free(&images);
    sw_encoded_free(&captions);
    return status;
}

static double weighed(const struct verifying *v, const struct tried_model *m)
{
    double sum = 0;
    for (int p = 0; p < PAIRS; p++)
        sum += (double)v->weights[p] * (double)m->scores[p];
    return sum;
}

/* f along a random direction of one parameter, the `way`-th, by differences of `size`. */
static int slope(struct verifying *v, struct tried_model *m, struct sw_tensor *x, uint32_t way,
                 double size, double *numeric, double *analytic)
{
    size_t count = sw_tensor_count(x);
    float *kept = malloc(sizeof *kept * count), *grad = malloc(sizeof *grad * count);
    if (!kept || !grad) {
        free(kept);
        free(grad);
        return sw_fail(v->error, SW_FAILED, "out of memory for a trial of the model");
    }
    double ends[2] = {0, 0};
    int status = SW_OK;
    memcpy(kept, x->data, sizeof *kept * count);
    memcpy(grad, x->grad, sizeof *grad * count);
    *analytic = 0;
    for (int end = 0; end < 2 && status == SW_OK; end++) {
        struct sw_random random = sw_random_stream(2, SW_FOR_TESTS, count, way);
        for (size_t i = 0; i < count; i++) {
            float to = (float)size * (sw_random_below(&random, 2) ? 1.0f : -1.0f);
            x->data[i] = kept[i] + (end ? to : -to);
            *analytic += end ? (double)(to / (float)size) * (double)grad[i] : 0;
        }
        status = step(v, m, NULL, 0);
        ends[end] = weighed(v, m);
    }
    *numeric = (ends[1] - ends[0]) / (2 * size);
    memcpy(x->data, kept, sizeof *kept * count);
    memcpy(x->grad, grad, sizeof *grad * count);
    free(kept);
    free(grad);
    return status;
}

/* Every parameter's gradient against differences; the best of three step sizes, and of further
 * directions where none of these will do, since a kink on the way spoils a difference. A pair in a
 * steep place, as attention over a length near 0 is, spoils every direction: each weighs other
 * pairs. A gradient that is wrong is wrong in nearly all directions and pairs. */
static int gradients_are_right(struct verifying *v)
{
    struct tried_model *m = &v->one;
    static const double sizes[] = {1e-3, 3e-3, 3e-4};
    double worst = 0;
    const char *where = "";
    v->examples.training = 1;
    if (has_flag(v->plan, SW_JUMPS))
        return SW_OK;
    for (int p = 0; p < sw_model_parameters(m->model); p++) {
        const struct sw_parameter *parameter = sw_model_parameter(m->model, p);
        if (!parameter->tensor->grad)
            continue;
        double best = INFINITY;
        for (uint32_t way = 0; way < MOST_WAYS && !(best <= GRADIENT_LIMIT); way++) {
            struct sw_random random = sw_random_stream(4, SW_FOR_TESTS, way, 0);
            weigh_pairs(v, &random);
            if (step(v, m, NULL, 1) != SW_OK)
                return v->error->status;
            double noise = 2e-6 * largest(m->scores, PAIRS) * sqrt(PAIRS / 8.0);
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes && !(best < 1e-3); s++) {
                double numeric = 0, analytic = 0;
                if (slope(v, m, parameter->tensor, way, sizes[s], &numeric, &analytic) != SW_OK)
                    return v->error->status;
                double gap = fmax(0, fabs(numeric - analytic) - noise / sizes[s]);
                best = fmin(best, gap / fmax(fabs(numeric), fmax(fabs(analytic), 1e-6)));
            }
        }
        if (!(best <= worst)) {
            worst = best;
            where = parameter->name;
        }
    }
    found(v, "gradients = differences", worst, GRADIENT_LIMIT, where);
    return SW_OK;
}

/* Scores away from ties, moved along a random direction by `size`: the loss, and where `analytic`
 * is asked for its gradient along that direction. */
static int loss_at(struct verifying *v, double size, double *value, double *analytic)
{
    struct tried_model *m = &v->one;
    const struct sw_pair_images pairs = {.n = IMAGES, .image = v->image};
    struct sw_encoding encoding;
    struct sw_random random = sw_random_stream(3, SW_FOR_TESTS, 0, 0);
    float way[PAIRS];
    sw_graph_reset(m->graph, 1);
    sw_model_encode(m->model, m->graph, &v->examples, &encoding);
    struct sw_tensor *S = sw_graph_tensor(m->graph, 2, (int[]){IMAGES, IMAGES}, NULL, 1);
    for (int p = 0; S && p < PAIRS; p++) {
        S->data[p] = 0.05f + 0.9f * sw_random_uniform(&random);
        way[p] = sw_random_below(&random, 2) ? 1.0f : -1.0f;
        S->data[p] += way[p] * (float)size;
    }
    struct sw_tensor *loss = sw_model_loss(m->model, m->graph, &encoding, S, &pairs, 1000000);
    if (loss && loss->grad && analytic) {
        loss->grad[0] = 1;
        sw_graph_backward(m->graph);
        *analytic = 0;
        for (int p = 0; p < PAIRS; p++)
            *analytic += (double)way[p] * (double)S->grad[p];
    }
    const struct sw_error *failed = sw_graph_error(m->graph);
    if (!loss || failed->status != SW_OK)
        return sw_fail(v->error, failed->status ? failed->status : SW_FAILED, "%s", failed->text);
    *value = (double)loss->data[0];
    return SW_OK;
}

/* The losses' gradient for the scores, whatever operations they are made of. */
static int losses_are_right(struct verifying *v)
{
    static const double sizes[] = {1e-3, 3e-4, 1e-4};
    double analytic = 0, best = INFINITY;
    if (!v->plan->loss_count)
        return SW_OK;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double at = 0, up = 0, down = 0, size = sizes[s];
        if (loss_at(v, 0, &at, &analytic) || loss_at(v, size, &up, NULL) ||
            loss_at(v, -size, &down, NULL))
            return v->error->status;
        double numeric = (up - down) / (2 * size), noise = 4e-7 * fmax(fabs(at), 1) / size;
        double gap = fmax(0, fabs(numeric - analytic) - noise);
        best = fmin(best, gap / fmax(fabs(numeric), fmax(fabs(analytic), 1e-3)));
    }
    found(v, "the loss's gradient = differences", best, 0.03, "the loss");
    return SW_OK;
}

int sw_model_verify(const struct sw_model_plan *const plans[2], const struct sw_host *host,
                    const struct sw_ops *ops, struct sw_finding out[SW_MOST_FINDINGS], int *count,
                    struct sw_error *error)
{
    struct verifying v = {.plan = plans[0], .error = error, .out = out};
    int status = draw(&v);
    if (status == SW_OK)
        status = open_model(&v, &v.one, 1, plans[0], host, ops);
    if (status == SW_OK)
        status = open_model(&v, &v.two, 2, plans[1], host, ops);
    if (status == SW_OK)
        status = same_in_all_ways(&v);
    if (status == SW_OK)
        status = gradients_are_right(&v);
    if (status == SW_OK)
        status = losses_are_right(&v);
    if (status == SW_OK)
        status = masks_are_used(&v);
    if (status == SW_OK)
        status = evaluation_is_the_same(&v);
    close_model(&v.one);
    close_model(&v.two);
    free(v.features);
    free(v.ids);
    free(v.room[0]);
    free(v.room[1]);
    *count = v.count;
    return status;
}
