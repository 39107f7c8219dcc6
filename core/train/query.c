/* query.c -- see query.h. */
#include "train/query.h"

#include "train/checkpoint.h"
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

int sw_query_open(struct sw_query *out, const struct sw_session *session,
                  const struct sw_query_source *source, struct sw_error *error)
{
    struct sw_query *q = out;
    *q = (struct sw_query){.session = session};
    int status =
        sw_checkpoint_load(&q->matcher, session, source->checkpoint, source->config, error);
    const struct sw_model_plan *plan = status == SW_OK ? sw_model_plan_of(q->matcher->model) : NULL;
    if (status == SW_OK)
        status = sw_checkpoint_vocabulary(&q->vocabulary, source->checkpoint, source->vocab,
                                          plan->vocabulary, error);
    struct sw_dataset_options options = source->data;
    for (int side = 0; plan && side < 2; side++) {
        options.second[side] = plan->second[side].file;
        options.second_width[side] = plan->second[side].width;
    }
    if (status == SW_OK)
        status =
            sw_dataset_open(source->dir, source->split, source->captions ? &q->vocabulary : NULL,
                            &options, &q->data, error);
    if (status == SW_OK)
        sw_dataset_open_side_files(&q->data);
    if (status == SW_OK && q->data.features != (size_t)plan->features)
        status = sw_fail(error, SW_FAILED,
                         "%s: expected %d features per region as the model has them, found %zu",
                         q->data.path, plan->features, q->data.features);
    if (status != SW_OK)
        sw_query_close(q);
    return status;
}

void sw_query_close(struct sw_query *query)
{
    sw_dataset_close(&query->data);
    sw_vocabulary_free(&query->vocabulary);
    sw_matcher_free(query->matcher);
    *query = (struct sw_query){0};
}

static int encode_image(const struct sw_query *q, size_t image, struct sw_encoded *out,
                        struct sw_error *error)
{
    struct sw_gather gather;
    int status = sw_gather_new(&gather, &q->data, q->session->compute, 1, 0, error);
    if (status != SW_OK)
        return status;
    status = sw_encode_split_images(q->matcher->model, &gather, image, 1, NULL, 0, out, error);
    sw_gather_free(&gather);
    return status;
}

static int encode_sentence(const struct sw_query *q, struct sw_sentence sentence,
                           struct sw_encoded *out, struct sw_error *error)
{
    const struct sw_fragment_file *file = &q->data.second[SW_WORDS];
    int start[2] = {0, sentence.count}, count = 0, status = SW_OK;
    struct sw_examples examples = {.captions = 1, .caption_start = start, .ids = sentence.ids};
    float *second = NULL;
    if (file->path && sentence.caption >= 0) {
        size_t row = (size_t)sentence.caption;
        second = malloc(sizeof *second * (file->most * file->width + 1));
        status = second ? sw_fragment_file_read(file, row, second, error)
                        : sw_fail(error, SW_FAILED, "out of memory for a caption");
        count = (int)sw_fragment_file_count(file, row);
        examples.second[SW_WORDS] = (struct sw_second){second, &count, (int)file->most};
    }
    if (status == SW_OK)
        status = sw_encode_captions(q->matcher->model, &examples, out, error);
    free(second);
    return status;
}

static int check_score(const struct sw_query *q, float score, const char *what, size_t number,
                       struct sw_error *error)
{
    return isfinite(score)
               ? SW_OK
               : sw_fail(error, SW_FAILED, "%s: expected a finite score, found %g for %s %zu",
                         q->data.path, (double)score, what, number);
}

/* ---- one against many ------------------------------------------------------------------------ */

/* Images (or captions) [first, first + count) with the one caption (or image) in `one`. */
static int score_chunks(const struct sw_query *q, int images, const struct sw_encoded *one,
                        struct sw_duplicates *equal, size_t first, size_t count, float *scores,
                        struct sw_error *error)
{
    enum { CHUNK = SW_SPLIT_CAPTIONS };
    struct sw_model *model = q->matcher->model;
    struct sw_gather gather;
    int status = sw_gather_new(&gather, &q->data, q->session->compute, images ? SW_SPLIT_IMAGES : 0,
                               images ? 0 : CHUNK, error);
    if (status != SW_OK)
        return status;
    for (size_t at = 0; at < count && status == SW_OK; at += CHUNK) {
        size_t some = count - at < CHUNK ? count - at : CHUNK;
        struct sw_encoded many = {0};
        status = (images ? sw_encode_split_images : sw_encode_split_captions)(
            model, &gather, first + at, some, equal, at, &many, error);
        if (status == SW_OK)
            status = sw_score_block(model, images ? &many : one, images ? one : &many, 0,
                                    images ? (int)some : 1, scores + at, NULL, error);
        sw_encoded_free(&many);
    }
    sw_gather_free(&gather);
    return status;
}

static int score(const struct sw_query *q, int images, const struct sw_encoded *one, size_t first,
                 size_t count, float *scores, struct sw_error *error)
{
    struct sw_duplicates equal;
    int status = sw_duplicates_new(&equal, images ? count : 0, images ? 0 : count, 0, error);
    if (status != SW_OK)
        return status;
    status = score_chunks(q, images, one, &equal, first, count, scores, error);
    if (status == SW_OK)
        status = sw_duplicates_find(&equal, error);
    if (status == SW_OK)
        (images ? sw_duplicates_of_images : sw_duplicates_of_captions)(&equal, scores);
    sw_duplicates_free(&equal);
    for (size_t i = 0; i < count && status == SW_OK; i++)
        status = check_score(q, scores[i], images ? "image" : "caption", first + i, error);
    return status;
}

int sw_query_score_images(const struct sw_query *query, struct sw_sentence sentence, size_t first,
                          size_t count, float *scores, struct sw_error *error)
{
    struct sw_encoded words = {0};
    int status = encode_sentence(query, sentence, &words, error);
    if (status == SW_OK)
        status = score(query, 1, &words, first, count, scores, error);
    sw_encoded_free(&words);
    return status;
}

int sw_query_score_captions(const struct sw_query *query, size_t image, size_t first, size_t count,
                            float *scores, struct sw_error *error)
{
    struct sw_encoded regions = {0};
    int status = encode_image(query, image, &regions, error);
    if (status == SW_OK)
        status = score(query, 0, &regions, first, count, scores, error);
    sw_encoded_free(&regions);
    return status;
}

/* ---- one pair -------------------------------------------------------------------------------- */

static int check_weights(const struct sw_shown *shown, struct sw_error *error)
{
    for (int i = 0; i < shown->rows * shown->columns; i++)
        if (!isfinite(shown->weights[i]))
            return sw_fail(
                error, SW_FAILED, "%s: expected finite weights, found %g in row %d, column %d",
                shown->name, (double)shown->weights[i], i / shown->columns, i % shown->columns);
    return SW_OK;
}

int sw_query_show(const struct sw_query *query, size_t image, struct sw_sentence sentence,
                  float *score, struct sw_attention *out, struct sw_error *error)
{
    struct sw_encoded regions = {0}, words = {0};
    struct sw_model *model = query->matcher->model;
    int status = encode_image(query, image, &regions, error);
    if (status == SW_OK)
        status = encode_sentence(query, sentence, &words, error);
    if (status == SW_OK)
        status = sw_score_block(model, &regions, &words, 0, 1, score, NULL, error);
    if (status == SW_OK)
        status = check_score(query, *score, "image", image, error);
    if (status == SW_OK)
        status = sw_show_pair(model, &regions, &words, 0, 0, out, error);
    for (int i = 0; status == SW_OK && i < out->count; i++)
        status = check_weights(&out->list[i], error);
    sw_encoded_free(&regions);
    sw_encoded_free(&words);
    return status;
}
