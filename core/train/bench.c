/* bench.c -- see bench.h. */
#include "train/bench.h"

#include "base/clock.h"
#include "base/values.h"
#include "match/products.h"
#include "match/second.h"
#include "tensor/tape/random.h"
#include "train/config.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VOCABULARY = 8481, FIRST_WORD = 4 };                    /* Flickr30K's */
enum { PART = 64, CHUNK = 512 };                               /* as in evaluate.c */
enum { FOR_LENGTHS, FOR_IDS, FOR_FEATURES, FOR_WORD_VECTORS }; /* seeds of the streams */

struct sw_bench {
    const struct sw_session *session;
    struct sw_bench_shape shape;
    struct sw_settings settings;
    struct sw_matcher *matcher;
    struct sw_graph *graph;
    struct sw_encoding encoding; /* of the last step */
    float *moments;
    struct sw_adam adam;
    float *features;      /* (region rows, F) */
    int captions, *start; /* (captions + 1) */
    int32_t *ids, *image;
    struct sw_examples second; /* second sets of all of them, in `room` */
    void *room[2];
    float *scores; /* (CHUNK, captions) */
    int draws;
    int pairs; /* of a step: the batch, each sample as often as it has views */
};

/* ---- data ------------------------------------------------------------------------------------ */

static void draw_block(void *data, int block, int worker)
{
    (void)worker;
    const struct sw_bench *b = ((void **)data)[0];
    const struct sw_examples *examples = ((void **)data)[1];
    int rows = examples->k * SW_LANES, F = b->shape.features;
    for (int row = block * rows; row < (block + 1) * rows; row++) {
        float *out = b->features + (size_t)row * (size_t)F;
        int there = block * SW_LANES + row % SW_LANES < examples->images;
        struct sw_random random =
            sw_random_stream(FOR_FEATURES, SW_FOR_BENCH, (uint64_t)b->draws, (uint32_t)row);
        for (int f = 0; f < F; f++)
            out[f] = there ? sw_random_uniform(&random) : 0;
    }
}

/* A word by Zipf's law: the r-th most frequent comes r^-1.2 as often as the first. Of 128 captions'
 * 1,800 words 520 are different, of 512 captions' 7,200 1,350; Flickr8k has 450 and 1,040. */
static int32_t draw_word(struct sw_random *random)
{
    const double s = -0.2, words = VOCABULARY - FIRST_WORD;
    double u = (double)sw_random_uniform(random);
    return FIRST_WORD - 1 + (int32_t)pow(1 + u * (pow(words, s) - 1), 1 / s);
}

/* Features uniform in [0,1), zero in rows of images that are not there, and words. */
static struct sw_examples draw(struct sw_bench *b, int images, int captions)
{
    struct sw_examples out = {.images = images,
                              .k = b->shape.regions,
                              .features = b->features,
                              .captions = captions,
                              .caption_start = b->start,
                              .ids = b->ids,
                              .second = {b->second.second[0], b->second.second[1]}};
    struct sw_random random = sw_random_stream(FOR_IDS, SW_FOR_BENCH, (uint64_t)++b->draws, 0);
    for (int w = 0; w < b->start[captions]; w++)
        b->ids[w] = draw_word(&random);
    sw_parallel(b->session->compute, (images + SW_LANES - 1) / SW_LANES, draw_block,
                (void *[]){b, &out});
    return out;
}

static int make_data(struct sw_bench *b, struct sw_error *error)
{
    const struct sw_bench_shape *s = &b->shape;
    int images = sw_max(b->pairs, PART), captions = sw_max(b->pairs, s->captions);
    int words = s->caption_words, shortest = words > 2 ? 6 * words / 14 : 1;
    int longest = (32 * words + 13) / 14;
    size_t rows = ((size_t)images + SW_LANES - 1) / SW_LANES * SW_LANES * (size_t)s->regions, count;
    if (rows > INT_MAX || __builtin_mul_overflow(rows, (size_t)s->features, &count) ||
        count > SIZE_MAX / sizeof(float) - 1 || captions > INT_MAX / longest)
        return sw_fail(error, SW_MISUSE,
                       "%d images with %d regions of %d features and %d captions are too many",
                       images, s->regions, s->features, captions);
    b->features = calloc(count, sizeof *b->features);
    b->start = calloc((size_t)captions + 1, sizeof *b->start);
    b->ids = calloc((size_t)captions * (size_t)longest, sizeof *b->ids);
    b->image = calloc((size_t)captions, sizeof *b->image);
    b->scores = calloc((size_t)CHUNK * (size_t)s->captions + 1, sizeof *b->scores);
    if (!b->features || !b->start || !b->ids || !b->image || !b->scores)
        return sw_fail(error, SW_FAILED, "out of memory for %d images and %d captions", images,
                       captions);
    b->captions = captions;
    b->second = (struct sw_examples){.images = images, .captions = captions};
    struct sw_random random = sw_random_stream(FOR_LENGTHS, SW_FOR_BENCH, 0, 0);
    for (int c = 0; c < captions; c++) {
        int length = (int)lroundf((14 + 4 * sw_random_normal(&random)) * (float)words / 14);
        b->start[c + 1] = b->start[c] + sw_min(sw_max(length, shortest), longest);
        b->image[c] = c;
    }
    return sw_second_draw(sw_model_plan_of(b->matcher->model), 1, &b->second, b->room, error);
}

int sw_bench_words(const struct sw_bench *b, int captions)
{
    return b->start[sw_max(0, sw_min(captions, b->captions))];
}

/* ---- life ------------------------------------------------------------------------------------ */

static int make_model(struct sw_bench *b, const json_t *config, struct sw_error *error)
{
    size_t count = (size_t)VOCABULARY * (size_t)b->settings.word_dim, trained;
    float *values, *gradients;
    float *vectors = malloc(count * sizeof *vectors); /* in the place of GloVe's */
    if (!vectors)
        return sw_fail(error, SW_FAILED, "out of memory for %d word vectors", VOCABULARY);
    struct sw_random random = sw_random_stream(FOR_WORD_VECTORS, SW_FOR_BENCH, 0, 0);
    for (size_t i = 0; i < count; i++)
        vectors[i] = 0.3f * sw_random_normal(&random);
    struct sw_matcher_inputs inputs = {.features = b->shape.features,
                                       .vocabulary = VOCABULARY,
                                       .seed = b->settings.seed,
                                       .glove = vectors};
    int status = sw_matcher_new(&b->matcher, b->session, config, &inputs, error);
    free(vectors);
    if (status != SW_OK)
        return status;
    b->graph = sw_graph_new(sw_host_table(), b->session->compute, b->session->ops, error);
    if (!b->graph)
        return SW_FAILED;
    sw_model_trained(b->matcher->model, &values, &gradients, &trained);
    b->moments = calloc(2 * trained + 1, sizeof *b->moments);
    if (!b->moments)
        return sw_fail(error, SW_FAILED, "out of memory for %zu moments", 2 * trained);
    b->adam = sw_adam_new(b->moments, b->moments + trained, trained, 0);
    b->adam.decay = b->settings.weight_decay;
    return SW_OK;
}

int sw_bench_new(struct sw_bench **out, const struct sw_session *session, const json_t *config,
                 const struct sw_bench_shape *shape, struct sw_error *error)
{
    struct sw_bench *b = *out = calloc(1, sizeof *b);
    if (!b)
        return sw_fail(error, SW_FAILED, "out of memory for a bench");
    b->session = session;
    b->shape = *shape;
    sw_config_settings(config, &b->settings);
    b->pairs = b->settings.batch * b->settings.views;
    int status = make_model(b, config, error);
    if (status == SW_OK)
        status = make_data(b, error);
    if (status != SW_OK) {
        sw_bench_free(b);
        *out = NULL;
    }
    return status;
}

void sw_bench_free(struct sw_bench *b)
{
    if (!b)
        return;
    if (b->graph)
        sw_graph_free(b->graph);
    sw_matcher_free(b->matcher);
    free(b->moments);
    free(b->features);
    free(b->start);
    free(b->ids);
    free(b->image);
    free(b->scores);
    free(b->room[0]);
    free(b->room[1]);
    free(b);
}

/* ---- what is timed --------------------------------------------------------------------------- */

int sw_bench_step(struct sw_bench *b, int all_negatives, struct sw_step_result *out,
                  struct sw_error *error)
{
    struct sw_step step = {.compute = b->session->compute,
                           .model = b->matcher->model,
                           .graph = b->graph,
                           .adam = &b->adam,
                           .rate = b->settings.lr,
                           .clip = b->settings.clip,
                           .training = 1,
                           .number = (uint64_t)b->draws,
                           .epoch = all_negatives ? 0 : INT_MAX};
    struct sw_examples examples = draw(b, b->pairs, b->pairs);
    int status = sw_step_run(&step, &examples, b->image, out, error);
    b->encoding = out->encoding;
    return status;
}

/* Drawing the images of a smaller part does not count. */
static int encode_images(struct sw_bench *b, int count, struct sw_encoded *out, double *seconds,
                         struct sw_error *error)
{
    struct sw_examples part = {0};
    int status = SW_OK;
    for (int at = 0; at < count && status == SW_OK; at += PART) {
        if (part.images != sw_min(PART, count - at))
            part = draw(b, sw_min(PART, count - at), 0);
        double began = sw_seconds();
        status = sw_encode_images(b->matcher->model, &part, out, error);
        *seconds += sw_seconds() - began;
    }
    return status;
}

int sw_bench_evaluate(struct sw_bench *b, double *encode_s, double *score_s, struct sw_error *error)
{
    static const struct sw_pair_options ordinary;
    struct sw_encoded words = {0};
    struct sw_examples part = draw(b, 0, b->shape.captions);
    double began = sw_seconds();
    int status = SW_OK;
    for (int at = 0; at < b->shape.captions && status == SW_OK; at += CHUNK) {
        part.captions = sw_min(CHUNK, b->shape.captions - at);
        part.caption_start = b->start + at;
        status = sw_encode_captions(b->matcher->model, &part, &words, error);
    }
    *encode_s = sw_seconds() - began;
    *score_s = 0;
    for (int at = 0; at < b->shape.images && status == SW_OK; at += CHUNK) {
        struct sw_encoded regions = {0};
        int count = sw_min(CHUNK, b->shape.images - at);
        status = encode_images(b, count, &regions, encode_s, error);
        began = sw_seconds();
        if (status == SW_OK)
            status = sw_score_block(b->matcher->model, &regions, &words, 0, count, b->scores,
                                    &ordinary, error);
        *score_s += sw_seconds() - began;
        sw_encoded_free(&regions);
    }
    sw_encoded_free(&words);
    return status;
}

int sw_bench_products(struct sw_bench *b, int images, int captions, struct sw_products *out,
                      struct sw_error *error)
{
    if (images < 0 || images > PART || captions < (images > 0) || captions > b->captions)
        return sw_fail(error, SW_MISUSE,
                       "products: expected 1 to %d images and 1 to %d captions, found %d and %d",
                       PART, b->captions, images, captions);
    if (images) {
        struct sw_examples examples = draw(b, images, captions);
        sw_graph_reset(b->graph, 1);
        if (sw_model_encode(b->matcher->model, b->graph, &examples, &b->encoding) != SW_OK ||
            !sw_model_score(b->matcher->model, b->graph, &b->encoding, NULL))
            return sw_graph_failure(b->graph, error);
    }
    int status = sw_products_of(b->matcher->model, b->graph, &b->encoding, out, error), kept = 0;
    for (int i = 0; i < out->count; i++)
        if (!images || !out->list[i].backward)
            out->list[kept++] = out->list[i];
    out->count = kept;
    return status;
}
