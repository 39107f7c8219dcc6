/* bootstrap.c -- see bootstrap.h. */
#include "match/bootstrap.h"

#include "tensor/tape/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- hits -------------------------------------------------------------------------------------
 */

static const uint32_t limits[SW_RECALLS / 2] = {1, 5, 10};

int sw_hits_of(struct sw_hits *out, const struct sw_ranks *ranks, struct sw_error *error)
{
    *out = (struct sw_hits){
        .images = ranks->images, .per_image = ranks->per_image, .folds = ranks->folds};
    if (ranks->per_image > INT16_MAX || ranks->captions > INT32_MAX)
        return sw_fail(error, SW_FAILED, "%zu captions of %zu images are too many to draw from",
                       ranks->captions, ranks->images);
    out->counts = calloc(ranks->images, SW_RECALLS * sizeof *out->counts);
    if (!out->counts)
        return sw_fail(error, SW_FAILED, "out of memory for the hits of %zu images", ranks->images);
    for (int m = 0; m < SW_RECALLS / 2; m++) {
        int16_t *text = out->counts + (size_t)m * ranks->images;
        int16_t *image = text + (SW_RECALLS / 2) * ranks->images;
        for (size_t i = 0; i < ranks->images; i++)
            text[i] = ranks->text[i] < limits[m];
        for (size_t c = 0; c < ranks->captions; c++) {
            int16_t *count = &image[c / ranks->per_image];
            *count = (int16_t)(*count + (ranks->image[c] < limits[m]));
        }
    }
    return SW_OK;
}

void sw_hits_free(struct sw_hits *hits)
{
    free(hits->counts);
    *hits = (struct sw_hits){0};
}

/* The runs have to be of the same queries as `first`. */
static int check(const struct sw_hits *first, const struct sw_hits *const *runs, size_t count,
                 struct sw_error *error)
{
    if (!count)
        return sw_fail(error, SW_FAILED, "bootstrap: no runs to compare");
    for (size_t s = 0; s < count; s++) {
        const struct sw_hits *hits = runs[s];
        if (hits->images != first->images || hits->per_image != first->per_image)
            return sw_fail(error, SW_FAILED,
                           "bootstrap: expected %zu images with %zu captions each in all runs, "
                           "found %zu with %zu",
                           first->images, first->per_image, hits->images, hits->per_image);
        if (hits->folds != first->folds)
            return sw_fail(error, SW_FAILED,
                           "bootstrap: expected all runs in as many folds, found %zu and %zu",
                           first->folds, hits->folds);
    }
    return SW_OK;
}

int sw_hits_sum(struct sw_hits *out, const struct sw_hits *const *hits, size_t count,
                struct sw_error *error)
{
    *out = (struct sw_hits){0};
    int status = check(count ? hits[0] : NULL, hits, count, error);
    if (status)
        return status;
    size_t most = hits[0]->per_image * count; /* of an image; a difference has twice that */
    if (hits[0]->per_image > INT16_MAX / 2 / count || most > INT32_MAX / 2 / hits[0]->images)
        return sw_fail(error, SW_FAILED, "bootstrap: %zu runs of %zu images are too many to add up",
                       count, hits[0]->images);
    *out = (struct sw_hits){
        .images = hits[0]->images, .per_image = hits[0]->per_image, .folds = hits[0]->folds};
    out->counts = calloc(out->images, SW_RECALLS * sizeof *out->counts);
    if (!out->counts)
        return sw_fail(error, SW_FAILED, "out of memory for the hits of %zu images", out->images);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < SW_RECALLS * out->images; i++)
            out->counts[i] = (int16_t)(out->counts[i] + hits[r]->counts[i]);
    return SW_OK;
}

/* ---- draws ------------------------------------------------------------------------------------
 */

struct draws {
    size_t images, per_image, folds, seeds, count;
    uint64_t seed;
    int16_t *differences; /* (seeds, 6, I): a - b */
    int16_t *times;       /* (I): how often a draw took an image */
    int32_t *sums;        /* (seeds, 6) of one draw */
    double *values;       /* (7, count) */
};

static int make_room(struct draws *d, struct sw_error *error)
{
    d->differences = calloc(d->seeds, SW_RECALLS * d->images * sizeof *d->differences);
    d->times = calloc(d->images, sizeof *d->times);
    d->sums = calloc(d->seeds, SW_RECALLS * sizeof *d->sums);
    d->values = calloc(d->count, (SW_RECALLS + 1) * sizeof *d->values);
    if (d->differences && d->times && d->sums && d->values)
        return SW_OK;
    return sw_fail(error, SW_FAILED, "bootstrap: out of memory for %zu draws from %zu images",
                   d->count, d->images);
}

static void free_room(struct draws *d)
{
    free(d->differences);
    free(d->times);
    free(d->sums);
    free(d->values);
}

/* No sum leaves int32_t: together the times are I, and I * per_image fits. A single image that is
 * taken more than 32767 times is not going to happen; if it did, the rest would not count. */
static void draw_images(struct draws *d, size_t draw)
{
    struct sw_random random = sw_random_stream(d->seed, SW_FOR_BOOTSTRAP, draw, 0);
    size_t fold = d->images / d->folds;
    memset(d->times, 0, d->images * sizeof *d->times);
    for (size_t k = 0; k < d->images; k++) {
        size_t image = k / fold * fold + sw_random_below(&random, (uint32_t)fold);
        int16_t *times = &d->times[image];
        *times = (int16_t)(*times + (*times < INT16_MAX));
    }
}

static int32_t weighted(const int16_t *restrict times, const int16_t *restrict x, size_t count)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (int32_t)times[i] * x[i];
    return sum;
}

static void sum_up(struct draws *d)
{
    for (size_t row = 0; row < d->seeds * SW_RECALLS; row++)
        d->sums[row] = weighted(d->times, d->differences + row * d->images, d->images);
}

/* Percent of a sum over I images of recall m. */
static double percent(const struct draws *d, int m, double sum)
{
    return 100 * sum / (double)(m < SW_RECALLS / 2 ? d->images : d->images * d->per_image);
}

/* The seven differences of one draw; of the seeds as they are without `random`. */
static void take(const struct draws *d, struct sw_random *random, double out[SW_RECALLS + 1])
{
    double n = (double)d->seeds, all[SW_RECALLS] = {0}, drawn[SW_RECALLS] = {0};
    for (size_t s = 0; s < d->seeds; s++)
        for (int m = 0; m < SW_RECALLS; m++)
            all[m] += d->sums[s * SW_RECALLS + (size_t)m];
    for (size_t s = 0; random && s < d->seeds; s++) {
        const int32_t *sums = d->sums + sw_random_below(random, (uint32_t)d->seeds) * SW_RECALLS;
        for (int m = 0; m < SW_RECALLS; m++)
            drawn[m] += sums[m];
    }
    double stretch = random ? sqrt(n / (n - 1)) : 0;
    out[SW_RECALLS] = 0;
    for (int m = 0; m < SW_RECALLS; m++) {
        out[m] = percent(d, m, (all[m] + stretch * (drawn[m] - all[m])) / n);
        out[SW_RECALLS] += out[m];
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t count, double q)
{
    double at = q * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static struct sw_spread spread_of(double *values, size_t count, double mean)
{
    const double none = 1e-9; /* percent: less than any hit brings, more than rounding does */
    size_t not_above = 1, not_below = 1;
    for (size_t i = 0; i < count; i++) {
        not_above += values[i] <= none;
        not_below += values[i] >= -none;
    }
    qsort(values, count, sizeof *values, ascending);
    double p = 2 * (double)(not_above < not_below ? not_above : not_below) / (double)(count + 1);
    return (struct sw_spread){
        .mean = mean,
        .low = quantile(values, count, 0.025),
        .high = quantile(values, count, 0.975),
        .p = p < 1 ? p : 1,
    };
}

int sw_bootstrap(const struct sw_hits *const *a, const struct sw_hits *const *b, size_t seeds,
                 size_t draws, uint64_t seed, struct sw_spread out[SW_RECALLS + 1],
                 struct sw_error *error)
{
    int status = check(seeds ? a[0] : NULL, a, seeds, error);
    if (!status)
        status = check(a[0], b, seeds, error);
    if (status)
        return status;
    struct draws d = {.images = a[0]->images,
                      .per_image = a[0]->per_image,
                      .folds = a[0]->folds,
                      .seeds = seeds,
                      .count = draws,
                      .seed = seed};
    status = make_room(&d, error);
    size_t row = SW_RECALLS * d.images;
    for (size_t s = 0; !status && s < seeds; s++)
        for (size_t i = 0; i < row; i++)
            d.differences[s * row + i] = (int16_t)(a[s]->counts[i] - b[s]->counts[i]);

    double found[SW_RECALLS + 1] = {0};
    for (size_t i = 0; !status && i < d.images; i++)
        d.times[i] = 1;
    if (!status) {
        sum_up(&d);
        take(&d, NULL, found);
    }
    for (size_t draw = 0; !status && draw < draws; draw++) {
        double values[SW_RECALLS + 1];
        struct sw_random of_seeds = sw_random_stream(seed, SW_FOR_BOOTSTRAP, draw, 1);
        draw_images(&d, draw);
        sum_up(&d);
        take(&d, seeds > 1 ? &of_seeds : NULL, values);
        for (int m = 0; m <= SW_RECALLS; m++)
            d.values[(size_t)m * draws + draw] = values[m];
    }
    for (int m = 0; !status && m <= SW_RECALLS; m++)
        out[m] = spread_of(d.values + (size_t)m * draws, draws, found[m]);
    free_room(&d);
    return status;
}
