/* duplicates.c -- see duplicates.h. */
#include "train/duplicates.h"

#include <stdlib.h>
#include <string.h>

int sw_duplicates_new(struct sw_duplicates *out, size_t images, size_t captions, size_t per_image,
                      struct sw_error *error)
{
    *out = (struct sw_duplicates){.images = images, .captions = captions, .per_image = per_image};
    out->hash = calloc(images + captions + 1, sizeof *out->hash);
    out->first = calloc(images + captions + 1, sizeof *out->first);
    out->row = calloc(images + 1, sizeof *out->row);
    if (out->hash && out->first && out->row)
        return SW_OK;
    sw_duplicates_free(out);
    return sw_fail(error, SW_FAILED, "out of memory for %zu images and %zu captions", images,
                   captions);
}

void sw_duplicates_free(struct sw_duplicates *d)
{
    for (size_t i = 0; d->row && i < d->images; i++)
        free(d->row[i]);
    free(d->hash);
    free(d->first);
    free(d->row);
    free(d->kept);
    *d = (struct sw_duplicates){0};
}

static void mix(XXH128_hash_t *hash, const void *data, size_t bytes)
{
    XXH128_hash_t both[2] = {*hash, XXH3_128bits(data, bytes)};
    *hash = XXH3_128bits(both, sizeof both);
}

/* A group's second set: how many, and their numbers. */
static void mix_second(XXH128_hash_t *hash, const struct sw_second *second, int group, size_t row,
                       size_t step, int width)
{
    if (!second->rows)
        return;
    mix(hash, &second->count[group], sizeof *second->count);
    for (int f = 0; f < second->count[group]; f++, row += step)
        mix(hash, second->rows + row * (size_t)width, sizeof(float) * (size_t)width);
}

void sw_duplicates_images(struct sw_duplicates *d, size_t first, const struct sw_examples *examples,
                          int features, int second_width)
{
    const struct sw_second *second = &examples->second[SW_REGIONS];
    for (int i = 0; i < examples->images; i++) {
        int regions = examples->region_count ? examples->region_count[i] : examples->k;
        for (int r = 0; r < regions; r++) {
            size_t row = (size_t)sw_region_row(examples->k, i, r);
            mix(&d->hash[first + (size_t)i], examples->features + row * (size_t)features,
                sizeof(float) * (size_t)features);
        }
        mix_second(&d->hash[first + (size_t)i], second, i,
                   (size_t)sw_region_row(second->most, i, 0), SW_LANES, second_width);
    }
}

void sw_duplicates_captions(struct sw_duplicates *d, size_t first,
                            const struct sw_examples *examples, int second_width)
{
    const struct sw_second *second = &examples->second[SW_WORDS];
    size_t row = 0;
    for (int c = 0; c < examples->captions; c++) {
        int from = examples->caption_start[c], to = examples->caption_start[c + 1];
        mix(&d->hash[d->images + first + (size_t)c], examples->ids + from,
            sizeof *examples->ids * (size_t)(to - from));
        mix_second(&d->hash[d->images + first + (size_t)c], second, c, row, 1, second_width);
        row += second->rows ? (size_t)second->count[c] : 0;
    }
}

struct place {
    XXH128_hash_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = XXH128_cmp(&x->hash, &y->hash);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* first (count) of hashes (count) of one side. */
static size_t find(const XXH128_hash_t *hash, size_t count, size_t *first, struct place *places)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){hash[i], i};
    qsort(places, count, sizeof *places, by_hash);
    for (size_t i = 0; i < count; i++) {
        int same = i && XXH128_isEqual(places[i].hash, places[i - 1].hash);
        first[places[i].index] = same ? first[places[i - 1].index] : places[i].index;
        found += (size_t)same;
    }
    return found;
}

int sw_duplicates_find(struct sw_duplicates *d, struct sw_error *error)
{
    size_t most = d->images > d->captions ? d->images : d->captions;
    struct place *places = malloc((most + 1) * sizeof *places);
    if (!places)
        return sw_fail(error, SW_FAILED, "out of memory for %zu images and %zu captions", d->images,
                       d->captions);
    d->count = find(d->hash, d->images, d->first, places);
    d->count += find(d->hash + d->images, d->captions, d->first + d->images, places);
    free(places);
    return SW_OK;
}

void sw_duplicates_of_images(const struct sw_duplicates *d, float *scores)
{
    for (size_t i = 0; d->count && i < d->images; i++)
        scores[i] = scores[d->first[i]];
}

void sw_duplicates_of_captions(const struct sw_duplicates *d, float *scores)
{
    for (size_t c = 0; d->count && c < d->captions; c++)
        scores[c] = scores[d->first[d->images + c]];
}

/* ---- a matrix whose right pairs come first ------------------------------------------------------
 */

static int by_pair(const void *a, const void *b)
{
    const struct sw_own_score *x = a, *y = b;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->caption != y->caption)
        return x->caption < y->caption ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

/* Equal right pairs get one score: that of the pair of both first ones where that is a right pair
 * itself, else that of the first such pair, which is kept for the row of the first image. */
int sw_duplicates_own(struct sw_duplicates *d, float *own, struct sw_error *error)
{
    if (!d->count)
        return SW_OK;
    const size_t *first = d->first + d->images;
    int bad = !(d->kept = malloc((d->captions + 1) * sizeof *d->kept));
    for (size_t i = 0; i < d->images && !bad; i++)
        if (d->first[i] != i && !d->row[d->first[i]])
            bad = !(d->row[d->first[i]] = malloc((d->captions + 1) * sizeof **d->row));
    if (bad)
        return sw_fail(error, SW_FAILED, "out of memory for the scores of %zu captions",
                       d->captions);
    size_t count = 0;
    for (size_t c = 0; c < d->captions; c++) {
        size_t image = d->first[c / d->per_image];
        if (first[c] / d->per_image == image)
            own[c] = own[first[c]];
        else
            d->kept[count++] = (struct sw_own_score){image, first[c], c, own[c]};
    }
    qsort(d->kept, count, sizeof *d->kept, by_pair);
    d->kept_count = 0;
    for (size_t k = 0; k < count; k++) {
        struct sw_own_score *at = &d->kept[k], *last = &d->kept[d->kept_count];
        if (d->kept_count && last[-1].image == at->image && last[-1].caption == at->caption) {
            own[at->source] = last[-1].score;
            continue;
        }
        *last = *at;
        d->kept_count++;
    }
    return SW_OK;
}

void sw_duplicates_rows(struct sw_duplicates *d, size_t first, size_t count, float *rows,
                        size_t stride)
{
    if (!d->count)
        return;
    size_t k = 0;
    for (size_t i = 0; i < count; i++, rows += stride) {
        size_t image = first + i;
        const float *equal = d->row[d->first[image]];
        if (d->first[image] != image) {
            memcpy(rows, equal, sizeof *rows * d->captions);
            continue;
        }
        while (k < d->kept_count && d->kept[k].image < image)
            k++;
        for (; k < d->kept_count && d->kept[k].image == image; k++)
            rows[d->kept[k].caption] = d->kept[k].score;
        sw_duplicates_of_captions(d, rows);
        if (d->row[image])
            memcpy(d->row[image], rows, sizeof *rows * d->captions);
    }
}
