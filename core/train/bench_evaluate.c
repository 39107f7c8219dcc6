/* bench_evaluate.c -- an evaluation of random images and captions, as evaluate.c goes about one. */
#include "train/bench_parts.h"

#include "train/trainer_parts.h"

#include <stdlib.h>

enum { PART = 64, CHUNK = 512 }; /* as there */
enum { SAMPLE_CAPTIONS = 256 };  /* one part of the GRU's: its steps are as wide as in the whole */
enum { FLOOR_ROUNDS = 3 };

/* Repeats of an evaluation stop after so many seconds. */
static const double long_enough = 20;

struct evaluation {
    struct sw_bench *bench;
    int images, captions;
    struct sw_bench_data data; /* PART images, all captions */
    float *block;              /* (CHUNK, captions) */
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int encode_captions(struct evaluation *e, struct sw_encoded *out, struct sw_error *error)
{
    int status = SW_OK;
    struct sw_examples some = e->data.examples;
    some.images = 0;
    for (int at = 0; at < e->captions && status == SW_OK; at += CHUNK) {
        some.captions = least(CHUNK, e->captions - at);
        some.caption_start = e->data.start + at;
        status = sw_encode_captions(e->bench->model, &some, out, error);
    }
    return status;
}

/* The same PART images again and again; drawing a smaller last part does not count. */
static int encode_images(struct evaluation *e, int count, struct sw_encoded *out, double *seconds,
                         struct sw_error *error)
{
    int status = SW_OK;
    for (int at = 0; at < count && status == SW_OK; at += PART) {
        int images = least(PART, count - at);
        if (images != e->data.examples.images) {
            e->data.examples.images = images;
            sw_bench_draw(&e->data, e->bench->session->compute, 0);
        }
        struct sw_examples some = e->data.examples;
        some.captions = 0;
        double began = sw_seconds();
        status = sw_encode_images(e->bench->model, &some, out, error);
        *seconds += sw_seconds() - began;
    }
    return status;
}

static int evaluate(struct evaluation *e, double *encode_s, double *score_s, struct sw_error *error)
{
    static const struct sw_pair_options ordinary;
    struct sw_encoded words = {0};
    double began = sw_seconds();
    int status = encode_captions(e, &words, error);
    *encode_s = sw_seconds() - began;
    *score_s = 0;
    for (int at = 0; at < e->images && status == SW_OK; at += CHUNK) {
        struct sw_encoded regions = {0};
        int count = least(CHUNK, e->images - at);
        status = encode_images(e, count, &regions, encode_s, error);
        began = sw_seconds();
        if (status == SW_OK)
            status = sw_score_block(e->bench->model, &regions, &words, 0, count, e->block,
                                    &ordinary, error);
        *score_s += sw_seconds() - began;
        sw_encoded_free(&regions);
    }
    sw_encoded_free(&words);
    return status;
}

/* The floor of a small evaluation, and how much larger the whole one is. */
static int small_floor(struct evaluation *e, struct sw_floor **out, double scale[3],
                       struct sw_error *error)
{
    struct sw_bench *b = e->bench;
    struct sw_examples some = e->data.examples;
    struct sw_products products = {0};
    struct sw_encoding encoding;
    some.images = e->data.examples.images = least(PART, e->images);
    some.captions = least(SAMPLE_CAPTIONS, e->captions);
    sw_bench_draw(&e->data, b->session->compute, 0);
    sw_graph_reset(b->graph, 1);
    if (sw_model_encode(b->model, b->graph, &some, &encoding) != SW_OK ||
        !sw_model_score(b->model, b->graph, &encoding, NULL))
        return sw_fail(error, SW_FAILED, "%s", sw_graph_error(b->graph)->text);
    int status = sw_products_of(b->model, b->graph, &encoding, &products, error);
    int forward = 0;
    for (int i = 0; i < products.count; i++)
        if (!products.list[i].backward)
            products.list[forward++] = products.list[i];
    if (status == SW_OK)
        status =
            sw_floor_new(out, b->session->compute, products.list, forward, FLOOR_ROUNDS, error);
    sw_products_free(&products);
    scale[SW_PER_REGION] = (double)e->images / some.images;
    scale[SW_PER_WORD] = (double)e->data.start[e->captions] / e->data.start[some.captions];
    scale[SW_PER_PAIR] = scale[SW_PER_REGION] * scale[SW_PER_WORD];
    return status;
}

enum { ENCODE, SCORE, WHOLE, TIMES };

static int tell(struct evaluation *e, double *times[TIMES], int count, const struct sw_floor *floor,
                const double scale[3], struct sw_error *error)
{
    struct sw_bench *b = e->bench;
    double floor_s = 0, gflop = 0, whole = sw_median(times[WHOLE], count);
    int status = sw_bench_tell_floor(b, "eval_", floor, scale, &floor_s, &gflop, error);
    if (status == SW_OK)
        status = sw_bench_tell(b, "eval_", "encode_s", sw_median(times[ENCODE], count), error);
    if (status == SW_OK)
        status = sw_bench_tell(b, "eval_", "score_s", sw_median(times[SCORE], count), error);
    if (status == SW_OK)
        status = sw_bench_tell(b, "eval_", "s", whole, error);
    if (status == SW_OK)
        status = sw_bench_tell(b, "eval_", "ratio", whole / floor_s, error);
    if (status == SW_OK &&
        (json_object_set_new(b->out, "eval_images", json_integer(e->images)) ||
         json_object_set_new(b->out, "eval_captions", json_integer(e->captions))))
        status = sw_fail(error, SW_FAILED, "out of memory for the results of the bench");
    return status;
}

static int run(struct evaluation *e, double *times[TIMES], int most, struct sw_error *error)
{
    struct sw_floor *floor = NULL;
    double scale[3], spent = 0;
    int count = 0, status = SW_OK;
    while (count < most && spent < long_enough && status == SW_OK) {
        status = evaluate(e, &times[ENCODE][count], &times[SCORE][count], error);
        times[WHOLE][count] = times[ENCODE][count] + times[SCORE][count];
        spent += times[WHOLE][count++];
    }
    if (status == SW_OK && !e->bench->request->steps)
        status = sw_bench_tell(e->bench, "", "peak_rss_mb", sw_bench_peak(), error);
    if (status == SW_OK)
        status = small_floor(e, &floor, scale, error);
    for (int round = 0; round < FLOOR_ROUNDS && status == SW_OK; round++)
        sw_floor_round(floor);
    if (status == SW_OK)
        status = tell(e, times, count, floor, scale, error);
    sw_floor_free(floor);
    return status;
}

int sw_bench_evaluation(struct sw_bench *bench, struct sw_error *error)
{
    const struct sw_bench_request *r = bench->request;
    struct evaluation e = {.bench = bench, .images = r->images, .captions = r->captions};
    int most = r->steps ? r->steps : 1;
    double *room = calloc((size_t)TIMES * (size_t)most, sizeof *room);
    double *times[TIMES];
    for (int i = 0; room && i < TIMES; i++)
        times[i] = room + (size_t)i * (size_t)most;
    e.block = calloc((size_t)CHUNK * (size_t)r->captions, sizeof *e.block);
    int status = room && e.block
                     ? sw_bench_data_new(&e.data, least(PART, r->images), r->regions, r->features,
                                         r->captions, r->caption_words, SW_BENCH_VOCABULARY, error)
                     : sw_fail(error, SW_FAILED, "out of memory for %d captions", r->captions);
    if (status == SW_OK) {
        sw_bench_draw(&e.data, bench->session->compute, 0);
        status = run(&e, times, most, error);
    }
    sw_bench_data_free(&e.data);
    free(e.block);
    free(room);
    return status;
}
