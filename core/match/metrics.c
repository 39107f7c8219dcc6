/* metrics.c -- see metrics.h. */
#include "match/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ranks --------------------------------------------------------------------------------- */

int sw_check_folds(size_t images, size_t folds, const char *where, struct sw_error *error)
{
    if (folds && images >= folds && images % folds == 0)
        return SW_OK;
    size_t nearest = folds ? images - images % folds : 0;
    char hint[64] = "";
    if (nearest)
        snprintf(hint, sizeof hint, "; the nearest number below is %zu", nearest);
    return sw_fail(error, SW_FAILED, "%s: %zu images do not divide into %zu folds%s", where, images,
                   folds, hint);
}

int sw_ranks_new(struct sw_ranks *out, size_t images, size_t per_image, size_t folds,
                 struct sw_error *error)
{
    *out = (struct sw_ranks){0};
    if (!images || !per_image || !folds)
        return sw_fail(error, SW_FAILED,
                       "ranks: expected images, captions per image and folds above 0, "
                       "found %zu, %zu and %zu",
                       images, per_image, folds);
    if (sw_check_folds(images, folds, "ranks", error) != SW_OK)
        return SW_FAILED;
    size_t captions;
    if (__builtin_mul_overflow(images, per_image, &captions) || captions > UINT32_MAX)
        return sw_fail(error, SW_FAILED,
                       "ranks: %zu images with %zu captions each are too many to rank", images,
                       per_image);
    *out = (struct sw_ranks){
        .images = images, .captions = captions, .per_image = per_image, .folds = folds};
    out->text = calloc(images, sizeof *out->text);
    out->text_equal = calloc(images, sizeof *out->text_equal);
    out->image = calloc(captions, sizeof *out->image);
    out->image_equal = calloc(captions, sizeof *out->image_equal);
    if (out->text && out->text_equal && out->image && out->image_equal)
        return SW_OK;
    sw_ranks_free(out);
    return sw_fail(error, SW_FAILED, "ranks: out of memory for %zu images and %zu captions", images,
                   captions);
}

void sw_ranks_free(struct sw_ranks *ranks)
{
    free(ranks->text);
    free(ranks->text_equal);
    free(ranks->image);
    free(ranks->image_equal);
    *ranks = (struct sw_ranks){0};
}

/* The captions that a row is ranked against, first .. end - 1, and among them its own. */
struct fold {
    size_t first, own, own_end, end;
};

static struct fold fold_of(const struct sw_ranks *ranks, size_t image)
{
    size_t size = ranks->captions / ranks->folds, own = image * ranks->per_image;
    size_t first = own / size * size;
    return (struct fold){first, own, own + ranks->per_image, first + size};
}

/* image -> text: the best of the own captions is the largest, of equal ones the last. No other own
 * caption is larger, or equal at a higher index, so its rank can be counted over the whole row. */
static void rank_texts(struct fold fold, const float *row, uint32_t *rank, uint32_t *equal)
{
    float score = row[fold.own];
    for (size_t c = fold.own; c < fold.own_end; c++)
        score = row[c] > score ? row[c] : score;
    uint32_t larger = 0, before = 0, after = 0;
    for (size_t c = fold.first; c < fold.end; c++)
        larger += row[c] > score;
    for (size_t c = fold.first; c < fold.own; c++)
        before += row[c] == score;
    for (size_t c = fold.own_end; c < fold.end; c++)
        after += row[c] == score;
    *rank = larger + after;
    *equal = before + after;
}

/* text -> image: this row's image is a rival of every caption but its own. Captions before its own
 * belong to images of a lower index, so there an equal score counts; behind its own it does not. */
static void rank_images(struct fold fold, const float *restrict row, const float *restrict own,
                        uint32_t *restrict rank, uint32_t *restrict equal)
{
    for (size_t c = fold.first; c < fold.own; c++) {
        rank[c] += row[c] >= own[c];
        equal[c] += row[c] == own[c];
    }
    for (size_t c = fold.own_end; c < fold.end; c++) {
        rank[c] += row[c] > own[c];
        equal[c] += row[c] == own[c];
    }
}

int sw_refuse_nan(const float *row, size_t first, size_t end, size_t image, struct sw_error *error)
{
    int found = 0;
    for (size_t c = first; c < end; c++)
        found |= row[c] != row[c];
    for (size_t c = first; found && c < end; c++)
        if (row[c] != row[c])
            return sw_fail(error, SW_FAILED, "the score of image %zu and caption %zu is NaN", image,
                           c);
    return SW_OK;
}

int sw_ranks_rows(struct sw_ranks *ranks, const float *own, const float *block, size_t stride,
                  size_t first, size_t rows, struct sw_error *error)
{
    if (first > ranks->images || rows > ranks->images - first)
        return sw_fail(error, SW_FAILED, "ranks: %zu rows from row %zu on, but only %zu images",
                       rows, first, ranks->images);
    for (size_t image = first; image < first + rows; image++) {
        const float *row = block + (image - first) * stride;
        struct fold fold = fold_of(ranks, image);
        int status = sw_refuse_nan(row, fold.first, fold.end, image, error);
        if (status)
            return status;
        rank_texts(fold, row, &ranks->text[image], &ranks->text_equal[image]);
        rank_images(fold, row, own, ranks->image, ranks->image_equal);
    }
    return SW_OK;
}

/* ---- metrics ------------------------------------------------------------------------------- */

/* One direction; sums over the folds until they are divided. */
struct summary {
    double r1, r5, r10, medr, meanr;
    size_t ties;
};

static int ascending(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Adds one fold's metrics; sorts the scratch copy of its ranks. */
static void add_fold(struct summary *sum, const uint32_t *ranks, const uint32_t *equal,
                     size_t count, uint32_t *scratch)
{
    size_t below_1 = 0, below_5 = 0, below_10 = 0;
    double total = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        below_1 += ranks[i] < 1;
        below_5 += ranks[i] < 5;
        below_10 += ranks[i] < 10;
        total += ranks[i];
        sum->ties += equal[i] > 0;
    }
    memcpy(scratch, ranks, count * sizeof *scratch);
    qsort(scratch, count, sizeof *scratch, ascending);
    uint64_t both_middles = (uint64_t)scratch[(count - 1) / 2] + scratch[count / 2];
    sum->r1 += 100.0 * (double)below_1 / n;
    sum->r5 += 100.0 * (double)below_5 / n;
    sum->r10 += 100.0 * (double)below_10 / n;
    sum->medr += (double)(both_middles / 2) + 1;
    sum->meanr += total / n + 1;
}

int sw_metrics_of(struct sw_metrics *out, const struct sw_ranks *ranks, struct sw_error *error)
{
    size_t images = ranks->images / ranks->folds, captions = ranks->captions / ranks->folds;
    uint32_t *scratch = malloc(captions * sizeof *scratch);
    if (!scratch)
        return sw_fail(error, SW_FAILED, "metrics: out of memory for %zu ranks", captions);
    struct summary i2t = {0}, t2i = {0};
    for (size_t f = 0; f < ranks->folds; f++) {
        add_fold(&i2t, ranks->text + f * images, ranks->text_equal + f * images, images, scratch);
        add_fold(&t2i, ranks->image + f * captions, ranks->image_equal + f * captions, captions,
                 scratch);
    }
    free(scratch);
    double folds = (double)ranks->folds;
    *out = (struct sw_metrics){
        .i2t_r1 = i2t.r1 / folds,
        .i2t_r5 = i2t.r5 / folds,
        .i2t_r10 = i2t.r10 / folds,
        .i2t_medr = i2t.medr / folds,
        .i2t_meanr = i2t.meanr / folds,
        .t2i_r1 = t2i.r1 / folds,
        .t2i_r5 = t2i.r5 / folds,
        .t2i_r10 = t2i.r10 / folds,
        .t2i_medr = t2i.medr / folds,
        .t2i_meanr = t2i.meanr / folds,
        .i2t_ties = i2t.ties,
        .t2i_ties = t2i.ties,
        .images = ranks->images,
        .captions = ranks->captions,
        .folds = ranks->folds,
    };
    out->rsum = out->i2t_r1 + out->i2t_r5 + out->i2t_r10 + out->t2i_r1 + out->t2i_r5 + out->t2i_r10;
    return SW_OK;
}

int sw_metrics_of_matrix(struct sw_metrics *out, struct sw_ranks *ranks, const float *S,
                         size_t images, size_t per_image, size_t folds, struct sw_error *error)
{
    struct sw_ranks kept;
    int status = sw_ranks_new(&kept, images, per_image, folds, error);
    if (ranks)
        *ranks = kept;
    if (status)
        return status;
    float *own = malloc(kept.captions * sizeof *own);
    if (!own)
        status =
            sw_fail(error, SW_FAILED, "metrics: out of memory for %zu captions", kept.captions);
    for (size_t i = 0; !status && folds > 1 && i < images; i++)
        status = sw_refuse_nan(S + i * kept.captions, 0, kept.captions, i, error);
    for (size_t c = 0; !status && c < kept.captions; c++)
        own[c] = S[c / per_image * kept.captions + c];
    if (!status)
        status = sw_ranks_rows(&kept, own, S, kept.captions, 0, images, error);
    if (!status)
        status = sw_metrics_of(out, &kept, error);
    free(own);
    if (status && ranks)
        *ranks = (struct sw_ranks){0};
    if (status || !ranks)
        sw_ranks_free(&kept);
    return status;
}
