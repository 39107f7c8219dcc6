/* explain.c -- see explain.h. */
#include "train/explain.h"

#include <math.h>
#include <stdlib.h>

/* ---- what the stages show -------------------------------------------------------------------- */

struct seen {
    int words, regions; /* n, k of this look */
    json_t *maps;       /* what is filled in */
    size_t next;        /* which map comes, when `again` */
    int again;          /* only the kinds: a second look with other sizes */
    struct sw_error *error;
};

static const char *kind_of(int rows, int columns, int words, int regions)
{
    if (rows == 1 && columns == regions)
        return "context";
    if (rows == 1 && columns == words)
        return "context_words";
    if (rows == words && columns == regions)
        return "word";
    if (rows == regions && columns == words)
        return "region";
    return "other";
}

static json_t *numbers(const float *x, int count)
{
    json_t *list = json_array();
    for (int i = 0; list && i < count; i++)
        if (json_array_append_new(list, json_real((double)x[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static int check_finite(struct seen *seen, const char *name, int rows, int columns,
                        const float *weights)
{
    for (int i = 0; i < rows * columns; i++)
        if (!isfinite(weights[i]))
            return sw_fail(seen->error, SW_FAILED,
                           "%s: expected finite weights, found %g in row %d, column %d", name,
                           (double)weights[i], i / columns, i % columns);
    return SW_OK;
}

static void keep(void *data, const char *name, int rows, int columns, const float *weights)
{
    struct seen *seen = data;
    const char *kind = kind_of(rows, columns, seen->words, seen->regions);
    if (seen->error->status != SW_OK)
        return;
    if (seen->again) {
        json_object_set_new(json_array_get(seen->maps, seen->next++), "kind", json_string(kind));
        return;
    }
    if (check_finite(seen, name, rows, columns, weights) != SW_OK)
        return;
    json_t *table = json_array();
    for (int r = 0; table && r < rows; r++)
        if (json_array_append_new(table, numbers(weights + (size_t)r * columns, columns)) != 0) {
            json_decref(table);
            table = NULL;
        }
    json_t *map = table ? json_pack("{s:s, s:s, s:i, s:i, s:o}", "name", name, "kind", kind, "rows",
                                    rows, "columns", columns, "weights", table)
                        : NULL;
    if (json_array_append_new(seen->maps, map) != 0)
        sw_fail(seen->error, SW_FAILED, "out of memory for the weights of %s", name);
}

static json_t *maps_of(struct sw_model *model, struct sw_encoded *image,
                       const struct sw_encoded *sentence, struct sw_error *error)
{
    struct seen seen = {.words = sentence->count[0],
                        .regions = image->count[0],
                        .maps = json_array(),
                        .error = error};
    int status = seen.maps ? sw_show_pair(model, image, sentence, 0, 0, keep, &seen, error)
                           : sw_fail(error, SW_FAILED, "out of memory for weights");
    if (status == SW_OK && seen.words == seen.regions && seen.regions > 1) {
        seen.again = 1;
        seen.regions = --image->count[0];
        status = sw_show_pair(model, image, sentence, 0, 0, keep, &seen, error);
        image->count[0]++;
    }
    if (status == SW_OK && error->status == SW_OK)
        return seen.maps;
    json_decref(seen.maps);
    return NULL;
}

/* ---- the pair -------------------------------------------------------------------------------- */

struct work {
    struct sw_query query;
    struct sw_sentence sentence;
    struct sw_encoded regions, words;
    size_t image, caption; /* of the split */
    json_t *out;
};

/* k boxes, or null. */
static json_t *boxes_of(const struct work *w, int regions, struct sw_error *error)
{
    const struct sw_dataset *data = &w->query.data;
    if (!data->has_boxes)
        return json_null();
    json_t *list = json_array();
    float *box = malloc((data->regions * 4 + 1) * sizeof *box);
    int status = list && box ? sw_dataset_boxes(data, w->image, box, error)
                             : sw_fail(error, SW_FAILED, "out of memory for boxes");
    for (int i = 0; i < regions && status == SW_OK; i++) {
        const float *b = box + 4 * (size_t)i;
        int good = isfinite(b[0]) && isfinite(b[1]) && isfinite(b[2]) && isfinite(b[3]) &&
                   b[2] > b[0] && b[3] > b[1];
        if (json_array_append_new(list, good ? numbers(b, 4) : json_null()) != 0)
            status = sw_fail(error, SW_FAILED, "out of memory for boxes");
    }
    free(box);
    if (status == SW_OK)
        return list;
    json_decref(list);
    return NULL;
}

static int choose(struct work *w, const struct sw_explain_request *r, struct sw_error *error)
{
    const struct sw_dataset *data = &w->query.data;
    size_t each = data->captions / data->images;
    w->image = r->index;
    if (r->image && sw_query_image(&w->query, r->image, &w->image, error) != SW_OK)
        return error->status;
    if (w->image >= data->images)
        return sw_fail(error, SW_FAILED, "%s: expected an image below %zu, found %zu", data->path,
                       data->images, w->image);
    if (r->text)
        return sw_query_sentence(&w->query, r->text, r->length, &w->sentence, error);
    if (r->caption >= each)
        return sw_fail(error, SW_FAILED,
                       "%s: expected a caption of the image's own, 0 to %zu, found %zu", data->path,
                       each - 1, r->caption);
    w->caption = w->image * each + r->caption;
    return sw_query_sentence_of(&w->query, w->caption, &w->sentence, error);
}

static int explain(struct work *w, const struct sw_explain_request *r, struct sw_error *error)
{
    struct sw_model *model = w->query.matcher->model;
    float score = 0;
    int status = choose(w, r, error);
    if (status == SW_OK)
        status = sw_query_encode_images(&w->query, w->image, 1, &w->regions, error);
    if (status == SW_OK)
        status = sw_query_encode_sentence(&w->query, &w->sentence, &w->words, error);
    if (status == SW_OK)
        status = sw_score_block(model, &w->regions, &w->words, 0, 1, &score, NULL, error);
    if (status == SW_OK && !isfinite(score))
        status = sw_fail(error, SW_FAILED, "%s: expected a finite score, found %g for image %zu",
                         w->query.data.path, (double)score, w->image);
    if (status != SW_OK)
        return status;
    json_t *boxes = boxes_of(w, w->regions.count[0], error);
    json_t *maps = boxes ? maps_of(model, &w->regions, &w->words, error) : NULL;
    if (!maps) {
        json_decref(boxes);
        return error->status;
    }
    json_t *text = r->text ? json_stringn_nocheck(r->text, r->length)
                           : sw_query_caption(&w->query, w->caption);
    w->out = json_pack("{s:I, s:o, s:o, s:o, s:O, s:O, s:i, s:o, s:f, s:o, s:o}", "image",
                       (json_int_t)w->image, "id", sw_query_name(&w->query, w->image), "caption",
                       r->text ? json_null() : json_integer((json_int_t)r->caption), "text", text,
                       "words", w->sentence.words, "unknown", w->sentence.unknown, "regions",
                       w->regions.count[0], "boxes", boxes, "score", (double)score, "maps", maps,
                       "warnings", sw_query_warnings(&w->query));
    return w->out ? SW_OK : sw_fail(error, SW_FAILED, "out of memory for an explanation");
}

json_t *sw_explain(const struct sw_session *session, const struct sw_explain_request *request,
                   struct sw_error *error)
{
    struct sw_error own = {0};
    struct work w = {0};
    int ids = !request->text && request->source.precaps; /* of the split's captions */
    int status = sw_query_open(&w.query, session, &request->source, 1, ids, &own);
    if (status == SW_OK) {
        explain(&w, request, &own);
        sw_encoded_free(&w.regions);
        sw_encoded_free(&w.words);
        sw_sentence_free(&w.sentence);
        sw_query_close(&w.query);
    }
    if (own.status != SW_OK)
        sw_fail(error, own.status, "%s", own.text);
    return w.out;
}
