/* search.c -- see search.h. */
#include "train/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images are read and encoded in parts, and scored in chunks, as in evaluation. */
enum { PART = 64, CHUNK = 512 };

struct work {
    const struct sw_search_request *request;
    struct sw_query query;
    struct sw_sentence sentence;
    size_t image; /* of a request with an image */
    size_t first; /* of what is ranked: images or captions of the split */
    size_t count;
    size_t each;   /* captions an image */
    float *scores; /* (count): of first, first + 1, .. */
    size_t *order; /* (count): places in scores, the best first */
};

/* ---- scores ---------------------------------------------------------------------------------- */

static int score_images(struct work *w, struct sw_error *error)
{
    struct sw_model *model = w->query.matcher->model;
    struct sw_encoded words = {0};
    struct sw_duplicates equal;
    int status = sw_duplicates_new(&equal, w->count, 0, 0, error);
    if (status == SW_OK)
        status = sw_query_encode_sentence(&w->query, &w->sentence, &words, error);
    w->query.duplicates = &equal;
    w->query.duplicates_from = w->first;
    for (size_t at = 0; at < w->count && status == SW_OK; at += CHUNK) {
        size_t part = w->count - at < CHUNK ? w->count - at : CHUNK;
        struct sw_encoded regions = {0};
        status = sw_query_encode_images(&w->query, w->first + at, part, &regions, error);
        if (status == SW_OK)
            status =
                sw_score_block(model, &regions, &words, 0, (int)part, w->scores + at, NULL, error);
        sw_encoded_free(&regions);
    }
    if (status == SW_OK)
        status = sw_duplicates_find(&equal, error);
    if (status == SW_OK)
        sw_duplicates_of_images(&equal, w->scores);
    w->query.duplicates = NULL;
    sw_duplicates_free(&equal);
    sw_encoded_free(&words);
    return status;
}

static int score_captions(struct work *w, struct sw_error *error)
{
    struct sw_model *model = w->query.matcher->model;
    struct sw_encoded regions = {0};
    struct sw_duplicates equal;
    int status = sw_duplicates_new(&equal, 0, w->count, 0, error);
    if (status == SW_OK)
        status = sw_query_encode_images(&w->query, w->image, 1, &regions, error);
    for (size_t at = 0; at < w->count && status == SW_OK; at += CHUNK) {
        int part = w->count - at < CHUNK ? (int)(w->count - at) : CHUNK;
        struct sw_encoded words = {0};
        sw_gather_captions(&w->query.gather, w->first + at, part);
        sw_duplicates_captions(&equal, at, &w->query.gather.examples);
        status = sw_encode_captions(model, &w->query.gather.examples, &words, error);
        if (status == SW_OK)
            status = sw_score_block(model, &regions, &words, 0, 1, w->scores + at, NULL, error);
        sw_encoded_free(&words);
    }
    if (status == SW_OK)
        status = sw_duplicates_find(&equal, error);
    if (status == SW_OK)
        sw_duplicates_of_captions(&equal, w->scores);
    sw_duplicates_free(&equal);
    sw_encoded_free(&regions);
    return status;
}

static int by_score(const void *a, const void *b, void *data)
{
    const float *scores = data;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (scores[i] != scores[j])
        return scores[i] < scores[j] ? 1 : -1;
    return i < j ? 1 : -1;
}

static int rank(struct work *w, struct sw_error *error)
{
    for (size_t i = 0; i < w->count; i++) {
        if (!isfinite(w->scores[i]))
            return sw_fail(error, SW_FAILED, "%s: expected a finite score, found %g for %s %zu",
                           w->query.data.path, (double)w->scores[i],
                           w->request->text ? "image" : "caption", w->first + i);
        w->order[i] = i;
    }
    qsort_r(w->order, w->count, sizeof *w->order, by_score, w->scores);
    return SW_OK;
}

/* ---- what belongs together ------------------------------------------------------------------- */

static void trim(const char **text, size_t *length)
{
    static const char space[] = " \t\r\n\f\v";
    while (*length && memchr(space, **text, sizeof space - 1))
        ++*text, --*length;
    while (*length && memchr(space, (*text)[*length - 1], sizeof space - 1))
        --*length;
}

static int belongs(const struct work *w, size_t index)
{
    if (!w->request->text)
        return index / w->each == w->image;
    const char *asked = w->request->text, *text;
    size_t length = w->request->length, found;
    trim(&asked, &length);
    for (size_t c = index * w->each; c < (index + 1) * w->each; c++) {
        if (!(text = sw_dataset_caption(&w->query.data, c, &found)))
            return 0;
        if (found == length && memcmp(text, asked, length) == 0)
            return 1;
    }
    return 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static json_t *one(const struct work *w, size_t place, int truth)
{
    size_t index = w->first + w->order[place];
    size_t image = w->request->text ? index : index / w->each;
    json_t *entry =
        json_pack("{s:I, s:f, s:I, s:I, s:o, s:b}", "rank", (json_int_t)place + 1, "score",
                  (double)w->scores[w->order[place]], "index", (json_int_t)index, "image",
                  (json_int_t)image, "id", sw_query_name(&w->query, image), "own", truth);
    if (entry && !w->request->text &&
        (json_object_set_new(entry, "caption", json_integer((json_int_t)(index % w->each))) ||
         json_object_set_new(entry, "text", sw_query_caption(&w->query, index)))) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

static json_t *answer(const struct work *w, struct sw_error *error)
{
    const struct sw_search_request *r = w->request;
    json_t *results = json_array(), *truths = json_array();
    int lost = !results || !truths;
    for (size_t place = 0; place < w->count && !lost; place++) {
        int truth = belongs(w, w->first + w->order[place]);
        if (place < r->top)
            lost |= json_array_append_new(results, one(w, place, truth));
        if (truth)
            lost |= json_array_append_new(truths, one(w, place, truth));
    }
    json_t *out = lost
                      ? NULL
                      : json_pack("{s:s, s:I, s:O, s:O}", "ranks", r->text ? "images" : "captions",
                                  "among", (json_int_t)w->count, "results", results, "own", truths);
    if (out && r->text)
        lost = json_object_set_new(out, "text", json_stringn_nocheck(r->text, r->length)) ||
               json_object_set(out, "words", w->sentence.words) ||
               json_object_set(out, "unknown", w->sentence.unknown);
    else if (out)
        lost = json_object_set_new(out, "image", json_integer((json_int_t)w->image)) ||
               json_object_set_new(out, "id", sw_query_name(&w->query, w->image));
    lost = lost || json_object_set_new(out, "warnings", sw_query_warnings(&w->query));
    json_decref(results);
    json_decref(truths);
    if (out && !lost)
        return out;
    json_decref(out);
    sw_fail(error, SW_FAILED, "out of memory for the answer to a search");
    return NULL;
}

static int prepare(struct work *w, struct sw_error *error)
{
    const struct sw_search_request *r = w->request;
    const struct sw_dataset *data = &w->query.data;
    int status = SW_OK;
    w->each = data->captions / data->images;
    if (r->first >= data->images || r->count > data->images - r->first)
        return sw_fail(error, SW_MISUSE,
                       "%s: expected images to rank among %zu, found %zu from number %zu on",
                       data->path, data->images, r->count, r->first);
    size_t unit = r->text ? 1 : w->each;
    w->first = r->first * unit;
    w->count = (r->count ? r->count : data->images - r->first) * unit;
    w->image = r->index;
    if (r->text)
        status = sw_query_sentence(&w->query, r->text, r->length, &w->sentence, error);
    else if (r->image)
        status = sw_query_image(&w->query, r->image, &w->image, error);
    if (status == SW_OK && !r->text && w->image >= data->images)
        status = sw_fail(error, SW_FAILED, "%s: expected an image below %zu, found %zu", data->path,
                         data->images, w->image);
    if (status != SW_OK)
        return status;
    w->scores = calloc(w->count, sizeof *w->scores);
    w->order = calloc(w->count, sizeof *w->order);
    return w->scores && w->order
               ? SW_OK
               : sw_fail(error, SW_FAILED, "out of memory for %zu scores", w->count);
}

json_t *sw_search(const struct sw_session *session, const struct sw_search_request *request,
                  struct sw_error *error)
{
    struct sw_error own = {0};
    struct work w = {.request = request};
    json_t *out = NULL;
    int images = request->text ? PART : 1, captions = request->text ? 0 : CHUNK;
    if (request->top < 1) {
        sw_fail(error, SW_MISUSE, "a search tells at least the best one, not 0");
        return NULL;
    }
    int status = sw_query_open(&w.query, session, &request->source, images, captions, &own);
    if (status == SW_OK) {
        status = prepare(&w, &own);
        if (status == SW_OK)
            status = request->text ? score_images(&w, &own) : score_captions(&w, &own);
        if (status == SW_OK)
            status = rank(&w, &own);
        if (status == SW_OK)
            out = answer(&w, &own);
        sw_sentence_free(&w.sentence);
        sw_query_close(&w.query);
    }
    free(w.scores);
    free(w.order);
    if (own.status != SW_OK)
        sw_fail(error, own.status, "%s", own.text);
    return out;
}
