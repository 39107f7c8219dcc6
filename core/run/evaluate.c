/* evaluate.c -- see evaluate.h. */
#include "run/evaluate.h"

#include "data/dataset.h"
#include "data/npy.h"
#include "data/vocabulary.h"
#include "run/checkpoint.h"
#include "run/gather.h"

#include <stdlib.h>

/* Images are read and encoded in parts, and scored in chunks: a chunk's encoded regions and the
 * captions' words are what is held. */
enum { FOLDS = 5, FOLD_IMAGES = 1000, PART = 64, CHUNK = 512 };

struct evaluation {
    const struct sw_session *session;
    const struct sw_view *views;
    int count;
    const struct sw_evaluate_options *options;
    size_t images, captions, per_image, folds; /* in use */
    float *S;                                  /* (images, captions) */
    float *block;                              /* (CHUNK, captions of a fold) */
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
                           "%s: expected %d features a region as the model has them, found %zu",
                           data->path, features, data->features);
    }
    e->per_image = first->captions / first->images;
    e->images = first->images;
    if (e->options->images && e->options->images < e->images)
        e->images = e->options->images;
    e->folds = 1;
    if (e->options->fold5) {
        e->folds = FOLDS;
        if (e->images > (size_t)FOLDS * FOLD_IMAGES)
            e->images = (size_t)FOLDS * FOLD_IMAGES;
        if (e->images % FOLDS)
            return sw_fail(error, SW_FAILED,
                           "%s: five folds need a multiple of five images, found %zu", first->path,
                           e->images);
    }
    e->captions = e->images * e->per_image;
    return SW_OK;
}

/* S is kept whole: ranks need each row and each column. Pages that no fold writes cost nothing. */
static int make_room(struct evaluation *e, struct sw_error *error)
{
    size_t all, block;
    if (__builtin_mul_overflow(e->images, e->captions, &all) ||
        __builtin_mul_overflow((size_t)CHUNK, e->captions, &block) ||
        all > SIZE_MAX / sizeof(float) || block > SIZE_MAX / sizeof(float))
        return sw_fail(error, SW_FAILED, "%zu x %zu similarities are too many", e->images,
                       e->captions);
    e->S = calloc(all, sizeof *e->S);
    e->block = malloc(block * sizeof *e->block);
    if (!e->S || !e->block)
        return sw_fail(error, SW_FAILED, "out of memory for %zu x %zu similarities", e->images,
                       e->captions);
    return SW_OK;
}

static int encode_images(struct sw_model *model, struct sw_gather *gather, size_t first,
                         size_t count, struct sw_encoded *out, struct sw_error *error)
{
    int status = SW_OK;
    for (size_t at = 0; at < count && status == SW_OK; at += PART) {
        int part = (int)(count - at < PART ? count - at : PART);
        status = sw_gather_images(gather, first + at, part, error);
        if (status == SW_OK)
            status = sw_encode_images(model, &gather->examples, out, error);
    }
    return status;
}

static int encode_captions(struct sw_model *model, struct sw_gather *gather, size_t first,
                           size_t count, struct sw_encoded *out, struct sw_error *error)
{
    int status = SW_OK;
    for (size_t at = 0; at < count && status == SW_OK; at += CHUNK) {
        int part = (int)(count - at < CHUNK ? count - at : CHUNK);
        sw_gather_captions(gather, first + at, part);
        status = sw_encode_captions(model, &gather->examples, out, error);
    }
    return status;
}

/* Adds one model's scores of images [image, image + images) with captions [caption, ..) to S. */
static int score_part(struct evaluation *e, const struct sw_view *view, size_t image, size_t images,
                      size_t caption, size_t captions, struct sw_error *error)
{
    struct sw_encoded words = {0};
    struct sw_gather gather;
    int status = sw_gather_new(&gather, view->data, e->session->compute, PART, CHUNK, error);
    if (status != SW_OK)
        return status;
    status = encode_captions(view->model, &gather, caption, captions, &words, error);
    for (size_t at = 0; at < images && status == SW_OK; at += CHUNK) {
        size_t part = images - at < CHUNK ? images - at : CHUNK;
        struct sw_encoded regions = {0};
        status = encode_images(view->model, &gather, image + at, part, &regions, error);
        if (status == SW_OK)
            status = sw_score_block(view->model, &regions, &words, 0, (int)part, e->block,
                                    &e->options->pairs, error);
        sw_encoded_free(&regions);
        for (size_t i = 0; i < part && status == SW_OK; i++) {
            float *row = e->S + (image + at + i) * e->captions + caption;
            for (size_t c = 0; c < captions; c++)
                row[c] += e->block[i * captions + c];
        }
    }
    sw_encoded_free(&words);
    sw_gather_free(&gather);
    return status;
}

static int score_all(struct evaluation *e, struct sw_error *error)
{
    /* The whole of S is only worth its time when it is asked for. */
    size_t parts = e->options->sims ? 1 : e->folds, images = e->images / parts;
    size_t captions = images * e->per_image;
    for (int v = 0; v < e->count; v++)
        for (size_t p = 0; p < parts; p++) {
            int status =
                score_part(e, &e->views[v], p * images, images, p * captions, captions, error);
            if (status != SW_OK)
                return status;
        }
    if (e->count > 1)
        for (size_t i = 0; i < e->images * e->captions; i++)
            e->S[i] /= (float)e->count;
    return SW_OK;
}

static int write_scores(const struct evaluation *e, struct sw_error *error)
{
    struct sw_npy_writer writer;
    size_t shape[2] = {e->images, e->captions};
    int status = sw_npy_begin(&writer, e->options->sims, SW_FLOAT32, 2, shape, error);
    if (status == SW_OK)
        status = sw_npy_append(&writer, e->S, e->images, error);
    if (status == SW_OK)
        status = sw_npy_commit(&writer, error);
    sw_npy_discard(&writer);
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
    int status = check_views(&e, error);
    if (status == SW_OK)
        status = make_room(&e, error);
    if (status == SW_OK)
        status = score_all(&e, error);
    if (status == SW_OK)
        status = sw_metrics_of_matrix(out, ranks, e.S, e.images, e.per_image, e.folds, error);
    if (status == SW_OK && e.options->sims) {
        status = write_scores(&e, error);
        if (status != SW_OK && ranks)
            sw_ranks_free(ranks);
    }
    free(e.S);
    free(e.block);
    return status;
}

/* ---- from files ------------------------------------------------------------------------------ */

struct opened {
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset data;
    int has_vocabulary, has_data;
};

static int open_one(struct opened *o, const struct sw_session *session, const char *checkpoint,
                    const char *dir, const char *split, const char *vocab,
                    const struct sw_evaluate_options *options, struct sw_error *error)
{
    int status = sw_checkpoint_load(&o->matcher, NULL, session, checkpoint, error);
    if (status != SW_OK)
        return status;
    int words = sw_model_plan_of(o->matcher->model)->vocabulary;
    status = sw_checkpoint_vocabulary(&o->vocabulary, checkpoint, vocab, words, error);
    o->has_vocabulary = status == SW_OK;
    if (status != SW_OK)
        return status;
    struct sw_dataset_options how = {
        .images = options->images,
        .all_captions = options->all_dev_captions,
        .precaps = options->precaps,
        .sequential = true,
    };
    status = sw_dataset_open(dir, split, &o->vocabulary, &how, &o->data, error);
    o->has_data = status == SW_OK;
    if (status != SW_OK)
        sw_dataset_close(&o->data);
    return status;
}

int sw_evaluate_files(const struct sw_session *session, const char *const *checkpoints, int count,
                      const char *dir, const char *split, const char *vocab,
                      const struct sw_evaluate_options *options, struct sw_metrics *out,
                      struct sw_ranks *ranks, struct sw_error *error)
{
    static const struct sw_evaluate_options ordinary;
    if (!options)
        options = &ordinary;
    if (count < 1)
        return sw_fail(error, SW_MISUSE, "expected a checkpoint to evaluate, found none");
    struct opened *opened = calloc((size_t)count, sizeof *opened);
    struct sw_view *views = calloc((size_t)count, sizeof *views);
    int status =
        opened && views ? SW_OK : sw_fail(error, SW_FAILED, "out of memory for %d models", count);
    for (int i = 0; i < count && status == SW_OK; i++) {
        status = open_one(&opened[i], session, checkpoints[i], dir, split, vocab, options, error);
        if (status == SW_OK)
            views[i] = (struct sw_view){opened[i].matcher->model, &opened[i].data};
    }
    if (status == SW_OK)
        status = sw_evaluate(session, views, count, options, out, ranks, error);
    for (int i = 0; opened && i < count; i++) {
        if (opened[i].has_data)
            sw_dataset_close(&opened[i].data);
        if (opened[i].has_vocabulary)
            sw_vocabulary_free(&opened[i].vocabulary);
        sw_matcher_free(opened[i].matcher);
    }
    free(opened);
    free(views);
    return status;
}
