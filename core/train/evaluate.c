/* evaluate.c -- see evaluate.h. */
#include "train/evaluate.h"

#include "data/dataset.h"
#include "data/npy.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Images are read and encoded in parts of PART, captions of CHUNK; pairs are scored and ranked in
 * chunks of images. What is held: all encoded fragments, a chunk's rows of S, and of each chunk the
 * scores with its own images' captions. */
enum { PART = SW_SPLIT_IMAGES, CHUNK = SW_SPLIT_CAPTIONS };

struct evaluation {
    const struct sw_session *session;
    const struct sw_view *views;
    int count;
    const struct sw_evaluate_options *options;
    size_t images, captions, per_image, folds; /* in use */
    struct sw_encoded *regions, *words;        /* (count): of the part at hand */
    float *own;                                /* (captions): S[c / per_image][c] */
    float *diagonal;                 /* (images of a part, CHUNK * per_image), see score_own */
    float *rows;                     /* (CHUNK, captions) */
    float *more;                     /* the same, for the second model and on */
    struct sw_duplicates duplicates; /* of the part at hand */
    struct sw_npy_writer writer;
};

static int check_views(struct evaluation *e, struct sw_error *error)
{
    const struct sw_dataset *first = e->views[0].data;
    if (first->images == 0 || first->captions % first->images)
        return sw_fail(error, SW_FAILED,
                       "%s: expected as many captions for each of %zu images, "
                       "found %zu",
                       first->path, first->images, first->captions);
    for (int v = 0; v < e->count; v++) {
        const struct sw_dataset *data = e->views[v].data;
        int features = sw_model_plan_of(e->views[v].model)->features;
        if (data->images != first->images || data->captions != first->captions)
            return sw_fail(error, SW_FAILED, "%s: the models see %zu and %zu images", data->path,
                           first->images, data->images);
        if (data->features != (size_t)features)
            return sw_fail(error, SW_FAILED,
                           "%s: expected %d features per region as the model has them, found %zu",
                           data->path, features, data->features);
    }
    e->per_image = first->captions / first->images;
    e->images = first->images;
    e->folds = e->options->folds ? e->options->folds : 1;
    e->captions = e->images * e->per_image;
    return sw_check_folds(e->images, e->folds, first->path, error);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The whole of S is only worth its time when it is asked for. */
static size_t parts_of(const struct evaluation *e)
{
    return e->options->sims ? 1 : e->folds;
}

static int make_room(struct evaluation *e, struct sw_error *error)
{
    size_t chunk, diagonal, images = e->images / parts_of(e);
    if (__builtin_mul_overflow(least(CHUNK, e->images), e->captions, &chunk) ||
        __builtin_mul_overflow(images, CHUNK * e->per_image, &diagonal) ||
        chunk > SIZE_MAX / sizeof(float) || diagonal > SIZE_MAX / sizeof(float) ||
        e->captions > INT_MAX)
        return sw_fail(error, SW_FAILED, "%zu x %zu similarities are too many", e->images,
                       e->captions);
    e->regions = calloc((size_t)e->count, sizeof *e->regions);
    e->words = calloc((size_t)e->count, sizeof *e->words);
    e->own = calloc(e->captions, sizeof *e->own);
    e->diagonal = malloc(diagonal * sizeof *e->diagonal);
    e->rows = malloc(chunk * sizeof *e->rows);
    e->more = e->count > 1 ? malloc(chunk * sizeof *e->more) : e->rows;
    if (!e->regions || !e->words || !e->own || !e->diagonal || !e->rows || !e->more)
        return sw_fail(error, SW_FAILED, "out of memory for scores of %zu images and %zu captions",
                       e->images, e->captions);
    return SW_OK;
}

static void release(struct evaluation *e)
{
    free(e->regions);
    free(e->words);
    free(e->own);
    free(e->diagonal);
    if (e->more != e->rows)
        free(e->more);
    free(e->rows);
}

int sw_encode_split_images(struct sw_model *model, struct sw_gather *gather, size_t first,
                           size_t count, struct sw_duplicates *duplicates, size_t index,
                           struct sw_encoded *out, struct sw_error *error)
{
    const struct sw_model_plan *plan = sw_model_plan_of(model);
    int status = SW_OK;
    size_t room = (size_t)gather->images;
    for (size_t at = 0; at < count && status == SW_OK; at += room) {
        status = sw_gather_images(gather, first + at, (int)least(room, count - at), error);
        if (status == SW_OK)
            status = sw_encode_images(model, &gather->examples, out, error);
        if (status == SW_OK && duplicates)
            sw_duplicates_images(duplicates, index + at, &gather->examples, plan->features,
                                 plan->second[SW_REGIONS].width);
    }
    return status;
}

int sw_encode_split_captions(struct sw_model *model, struct sw_gather *gather, size_t first,
                             size_t count, struct sw_duplicates *duplicates, size_t index,
                             struct sw_encoded *out, struct sw_error *error)
{
    int status = SW_OK;
    size_t room = (size_t)gather->captions;
    for (size_t at = 0; at < count && status == SW_OK; at += room) {
        status = sw_gather_captions(gather, first + at, (int)least(room, count - at), error);
        if (status == SW_OK && duplicates)
            sw_duplicates_captions(duplicates, index + at, &gather->examples,
                                   sw_model_plan_of(model)->second[SW_WORDS].width);
        if (status == SW_OK)
            status = sw_encode_captions(model, &gather->examples, out, error);
    }
    return status;
}

/* Images [image, image + images) and their captions as one model sees them. */
static int encode_part(struct evaluation *e, int view, size_t image, size_t images,
                       struct sw_error *error)
{
    const struct sw_dataset *data = e->views[view].data;
    struct sw_model *model = e->views[view].model;
    size_t caption = image * e->per_image, captions = images * e->per_image;
    int dim = sw_model_plan_of(model)->dim;
    struct sw_gather gather;
    int status = sw_gather_new(&gather, data, e->session->compute, PART, CHUNK, error);
    if (status != SW_OK)
        return status;
    status = sw_encoded_reserve(
        &e->words[view], data->offsets[caption + captions] - data->offsets[caption], dim, error);
    if (status == SW_OK)
        status = sw_encoded_reserve(&e->regions[view],
                                    (images + SW_LANES - 1) / SW_LANES * SW_LANES * data->regions,
                                    dim, error);
    if (status == SW_OK)
        status = sw_encode_split_captions(model, &gather, caption, captions, &e->duplicates, 0,
                                          &e->words[view], error);
    if (status == SW_OK)
        status = sw_encode_split_images(model, &gather, image, images, &e->duplicates, 0,
                                        &e->regions[view], error);
    sw_gather_free(&gather);
    return status;
}

/* out (images, captions), rows `stride` apart: the mean of the models' scores of a rectangle of the
 * part at hand. */
static int score(struct evaluation *e, size_t image, size_t images, size_t caption, size_t captions,
                 float *out, size_t stride, struct sw_error *error)
{
    for (int v = 0; v < e->count && captions; v++) {
        float *to = v ? e->more : out;
        size_t step = v ? captions : stride;
        int status = sw_score_rectangle(e->views[v].model, &e->regions[v], &e->words[v], (int)image,
                                        (int)images, (int)caption, (int)captions, to, step,
                                        &e->options->pairs, error);
        if (status != SW_OK)
            return status;
        for (size_t i = 0; v && i < images; i++)
            for (size_t c = 0; c < captions; c++)
                out[i * stride + c] += e->more[i * captions + c];
    }
    for (size_t i = 0; e->count > 1 && i < images; i++)
        for (size_t c = 0; c < captions; c++)
            out[i * stride + c] /= (float)e->count;
    return SW_OK;
}

/* A rank needs the score of the right pair before any other, so each chunk's images are scored with
 * their own captions first; these scores are kept, and every pair is scored once. */
static int score_own(struct evaluation *e, size_t first, size_t images, struct sw_error *error)
{
    for (size_t at = 0; at < images; at += CHUNK) {
        size_t part = least(CHUNK, images - at), captions = part * e->per_image;
        float *kept = e->diagonal + at * CHUNK * e->per_image;
        int status =
            score(e, at, part, at * e->per_image, captions, kept, CHUNK * e->per_image, error);
        if (status != SW_OK)
            return status;
        for (size_t c = 0; c < captions; c++)
            e->own[(first + at) * e->per_image + c] =
                kept[c / e->per_image * CHUNK * e->per_image + c];
    }
    return SW_OK;
}

/* The rows of one chunk: what is kept, and the captions before and behind. Columns of other parts
 * are left as they are; nobody reads them. */
static int score_chunk(struct evaluation *e, size_t first, size_t images, size_t at, size_t part,
                       struct sw_error *error)
{
    size_t begin = at * e->per_image, end = (at + part) * e->per_image;
    size_t captions = images * e->per_image, kept_stride = CHUNK * e->per_image;
    float *rows = e->rows + first * e->per_image;
    const float *kept = e->diagonal + at * kept_stride;
    for (size_t i = 0; i < part; i++)
        memcpy(rows + i * e->captions + begin, kept + i * kept_stride,
               (end - begin) * sizeof *rows);
    int status = score(e, at, part, 0, begin, rows, e->captions, error);
    if (status == SW_OK)
        status = score(e, at, part, end, captions - end, rows + end, e->captions, error);
    return status;
}

static int write_rows(struct evaluation *e, size_t first, size_t count, struct sw_error *error)
{
    int status = SW_OK;
    for (size_t i = 0; i < count && status == SW_OK; i++)
        status = sw_refuse_nan(e->rows + i * e->captions, 0, e->captions, first + i, error);
    return status == SW_OK ? sw_npy_append(&e->writer, e->rows, count, error) : status;
}

static int rank_part(struct evaluation *e, size_t first, size_t images, struct sw_ranks *ranks,
                     struct sw_error *error)
{
    int status =
        sw_duplicates_new(&e->duplicates, images, images * e->per_image, e->per_image, error);
    for (int v = 0; v < e->count && status == SW_OK; v++)
        status = encode_part(e, v, first, images, error);
    if (status == SW_OK)
        status = sw_duplicates_find(&e->duplicates, error);
    if (status == SW_OK)
        status = score_own(e, first, images, error);
    if (status == SW_OK)
        status = sw_duplicates_own(&e->duplicates, e->own + first * e->per_image, error);
    for (size_t at = 0; at < images && status == SW_OK; at += CHUNK) {
        size_t part = least(CHUNK, images - at);
        status = score_chunk(e, first, images, at, part, error);
        if (status == SW_OK) {
            sw_duplicates_rows(&e->duplicates, at, part, e->rows + first * e->per_image,
                               e->captions);
            status = sw_ranks_rows(ranks, e->own, e->rows, e->captions, first + at, part, error);
        }
        if (status == SW_OK && e->options->sims)
            status = write_rows(e, first + at, part, error);
    }
    sw_duplicates_free(&e->duplicates);
    for (int v = 0; v < e->count; v++) {
        sw_encoded_free(&e->regions[v]);
        sw_encoded_free(&e->words[v]);
    }
    return status;
}

static int rank_all(struct evaluation *e, struct sw_ranks *ranks, struct sw_error *error)
{
    size_t parts = parts_of(e), images = e->images / parts, shape[2] = {e->images, e->captions};
    int status = SW_OK;
    if (e->options->sims)
        status = sw_npy_begin(&e->writer, e->options->sims, SW_FLOAT32, 2, shape, error);
    for (size_t p = 0; p < parts && status == SW_OK; p++)
        status = rank_part(e, p * images, images, ranks, error);
    if (e->options->sims) {
        if (status == SW_OK)
            status = sw_npy_commit(&e->writer, error);
        sw_npy_discard(&e->writer);
    }
    return status;
}

int sw_evaluate(const struct sw_session *session, const struct sw_view *views, int count,
                const struct sw_evaluate_options *options, struct sw_metrics *out,
                struct sw_ranks *ranks, struct sw_error *error)
{
    static const struct sw_evaluate_options ordinary;
    struct evaluation e = {.session = session,
                           .views = views,
                           .count = count,
                           .options = options ? options : &ordinary};
    if (count < 1)
        return sw_fail(error, SW_MISUSE, "expected a model to evaluate, found none");
    struct sw_ranks all = {0};
    int status = check_views(&e, error);
    if (status == SW_OK)
        status = sw_ranks_new(&all, e.images, e.per_image, e.folds, error);
    if (status == SW_OK)
        status = make_room(&e, error);
    if (status == SW_OK)
        status = rank_all(&e, &all, error);
    if (status == SW_OK)
        status = sw_metrics_of(out, &all, error);
    release(&e);
    if (ranks && status == SW_OK)
        *ranks = all;
    else
        sw_ranks_free(&all);
    return status;
}
