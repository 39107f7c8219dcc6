/* query.c -- see query.h. */
#include "train/query.h"

#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

static int open_all(struct sw_query *q, const struct sw_query_source *source, int images,
                    int captions, struct sw_error *error)
{
    int status =
        sw_checkpoint_load(&q->matcher, q->session, source->checkpoint, source->config, error);
    if (status != SW_OK)
        return status;
    const struct sw_model_plan *plan = sw_model_plan_of(q->matcher->model);
    status = sw_checkpoint_vocabulary(&q->vocabulary, source->checkpoint, source->vocab,
                                      plan->vocabulary, error);
    q->has_vocabulary = status == SW_OK;
    if (status != SW_OK)
        return status;
    struct sw_dataset_options how = {.images = source->images,
                                     .all_captions = true,
                                     .precaps = source->precaps,
                                     .sequential = images > 1};
    status = sw_dataset_open(source->dir, source->split, captions ? &q->vocabulary : NULL, &how,
                             &q->data, error);
    q->has_data = status == SW_OK;
    if (status != SW_OK)
        return status;
    sw_dataset_open_side_files(&q->data);
    if (q->data.features != (size_t)plan->features)
        return sw_fail(error, SW_FAILED,
                       "%s: expected %d features a region as the model has them, found %zu",
                       q->data.path, plan->features, q->data.features);
    status = sw_gather_new(&q->gather, &q->data, q->session->compute, images, captions, error);
    q->has_gather = status == SW_OK;
    return status;
}

int sw_query_open(struct sw_query *out, const struct sw_session *session,
                  const struct sw_query_source *source, int images, int captions,
                  struct sw_error *error)
{
    *out = (struct sw_query){.session = session, .precaps = source->precaps};
    int status = open_all(out, source, images, captions, error);
    if (status != SW_OK)
        sw_query_close(out);
    return status;
}

void sw_query_close(struct sw_query *query)
{
    if (query->has_gather)
        sw_gather_free(&query->gather);
    if (query->has_data)
        sw_dataset_close(&query->data);
    if (query->has_vocabulary)
        sw_vocabulary_free(&query->vocabulary);
    sw_matcher_free(query->matcher);
    *query = (struct sw_query){0};
}

/* ---- images ---------------------------------------------------------------------------------- */

/* The length of a file's name without the ending of a picture. */
static size_t stem(const char *name, size_t length)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i]);
        if (length > tail && strncasecmp(name + length - tail, endings[i], tail) == 0)
            return length - tail;
    }
    return length;
}

static int no_image(const struct sw_query *q, const char *name, struct sw_error *error)
{
    size_t count = 0, length;
    const char *near = NULL;
    char *wanted = strndup(name, stem(name, strlen(name)));
    char **names = calloc(q->data.images, sizeof *names);
    for (size_t i = 0; names && i < q->data.images; i++) {
        const char *at = sw_dataset_name(&q->data, i, &length);
        if (at && (names[count] = strndup(at, stem(at, length))))
            count++;
    }
    if (wanted && count)
        near = sw_near_miss(wanted, (const char *const *)names, count);
    int status = sw_fail(error, SW_FAILED,
                         "%s: expected the name of an image or a number below %zu, "
                         "found '%.200s'%s%.200s%s",
                         q->data.path, q->data.images, name, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'?" : "");
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(wanted);
    return status;
}

int sw_query_image(const struct sw_query *query, const char *name, size_t *image,
                   struct sw_error *error)
{
    size_t wanted = strlen(name), length, number = 0;
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 0; i < query->data.images; i++) {
            const char *at = sw_dataset_name(&query->data, i, &length);
            if (!at)
                break;
            size_t a = exact ? length : stem(at, length), b = exact ? wanted : stem(name, wanted);
            if (a == b && memcmp(at, name, a) == 0) {
                *image = i;
                return SW_OK;
            }
        }
    for (const char *c = name; *c; c++) {
        if (*c < '0' || *c > '9')
            return no_image(query, name, error);
        number = number * 10 + (size_t)(*c - '0');
        if (number >= query->data.images)
            return no_image(query, name, error);
    }
    if (!*name)
        return no_image(query, name, error);
    *image = number;
    return SW_OK;
}

/* The bytes as they are: a name need not be UTF-8. */
static json_t *line(const char *text, size_t length)
{
    return text ? json_stringn_nocheck(text, length) : json_null();
}

json_t *sw_query_name(const struct sw_query *query, size_t image)
{
    size_t length = 0;
    const char *name = sw_dataset_name(&query->data, image, &length);
    return line(name, length);
}

json_t *sw_query_warnings(const struct sw_query *query)
{
    const struct sw_error *errors[] = {&query->data.names_error, &query->data.boxes_error};
    json_t *list = json_array();
    for (size_t i = 0; list && i < sizeof errors / sizeof *errors; i++)
        if (errors[i]->status != SW_OK)
            json_array_append_new(list,
                                  json_stringn_nocheck(errors[i]->text, strlen(errors[i]->text)));
    return list;
}

json_t *sw_query_caption(const struct sw_query *query, size_t caption)
{
    size_t length = 0;
    const char *text = sw_dataset_caption(&query->data, caption, &length);
    return line(text, length);
}

/* ---- sentences ------------------------------------------------------------------------------- */

void sw_sentence_free(struct sw_sentence *sentence)
{
    free(sentence->ids);
    json_decref(sentence->words);
    json_decref(sentence->unknown);
    *sentence = (struct sw_sentence){0};
}

static int make_room(struct sw_sentence *s, size_t words, struct sw_error *error)
{
    s->ids = malloc((words + 2) * sizeof *s->ids);
    s->words = json_array();
    s->unknown = json_array();
    return s->ids && s->words && s->unknown
               ? SW_OK
               : sw_fail(error, SW_FAILED, "out of memory for a sentence of %zu words", words);
}

static int put(struct sw_sentence *s, int32_t id, const char *word, size_t length,
               struct sw_error *error)
{
    s->ids[s->count++] = id;
    return json_array_append_new(s->words, json_stringn_nocheck(word, length))
               ? sw_fail(error, SW_FAILED, "out of memory for the words of a sentence")
               : SW_OK;
}

static int put_unknown(struct sw_sentence *s, const char *word, size_t length,
                       struct sw_error *error)
{
    for (size_t i = 0; i < json_array_size(s->unknown); i++)
        if (strcmp(json_string_value(json_array_get(s->unknown, i)), word) == 0)
            return SW_OK;
    return json_array_append_new(s->unknown, json_stringn_nocheck(word, length))
               ? sw_fail(error, SW_FAILED, "out of memory for the words of a sentence")
               : SW_OK;
}

static int put_id(const struct sw_query *q, struct sw_sentence *s, int32_t id,
                  struct sw_error *error)
{
    const char *word = sw_vocabulary_word(&q->vocabulary, id);
    return put(s, id, word, strlen(word), error);
}

/* The words between <start> and <end>. */
static int put_tokens(const struct sw_query *q, struct sw_sentence *s,
                      const struct sw_tokens *tokens, struct sw_error *error)
{
    int status = make_room(s, tokens->count, error);
    if (status == SW_OK)
        status = put_id(q, s, q->vocabulary.start, error);
    for (size_t i = 0; i < tokens->count && status == SW_OK; i++) {
        size_t length;
        const char *word = sw_token(tokens, i, &length);
        int32_t id = sw_vocabulary_find(&q->vocabulary, word, length);
        status = put(s, id, word, length, error);
        if (status == SW_OK && id == q->vocabulary.unk)
            status = put_unknown(s, word, length, error);
    }
    return status == SW_OK ? put_id(q, s, q->vocabulary.end, error) : status;
}

int sw_query_sentence(const struct sw_query *query, const char *text, size_t length,
                      struct sw_sentence *out, struct sw_error *error)
{
    struct sw_tokens tokens = {0};
    int status = sw_tokenize(text, length, &tokens, error);
    if (status != SW_OK)
        sw_error_within(error, "the sentence");
    else if (tokens.count < 1 || tokens.count > SW_MOST_QUERY_WORDS)
        status = sw_fail(error, SW_MISUSE, "the sentence: expected 1 to %d words, found %zu",
                         SW_MOST_QUERY_WORDS, tokens.count);
    if (status == SW_OK)
        status = put_tokens(query, out, &tokens, error);
    sw_tokens_free(&tokens);
    return status;
}

int sw_query_sentence_of(const struct sw_query *query, size_t caption, struct sw_sentence *out,
                         struct sw_error *error)
{
    struct sw_tokens tokens = {0};
    size_t length = 0;
    const char *text = query->precaps ? NULL : sw_dataset_caption(&query->data, caption, &length);
    int status = SW_OK;
    if (text) {
        status = sw_tokenize(text, length, &tokens, error);
        if (status == SW_OK)
            status = put_tokens(query, out, &tokens, error);
    } else {
        const int32_t *ids = query->data.ids + query->data.offsets[caption];
        size_t count = query->data.offsets[caption + 1] - query->data.offsets[caption];
        status = make_room(out, count, error);
        for (size_t i = 0; i < count && status == SW_OK; i++)
            status = put_id(query, out, ids[i], error);
    }
    if (status != SW_OK)
        sw_error_within(error, "%s: caption %zu", query->data.path, caption);
    sw_tokens_free(&tokens);
    return status;
}

/* ---- encoding -------------------------------------------------------------------------------- */

int sw_query_encode_sentence(const struct sw_query *query, const struct sw_sentence *sentence,
                             struct sw_encoded *out, struct sw_error *error)
{
    int start[2] = {0, (int)sentence->count};
    struct sw_examples examples = {.captions = 1, .caption_start = start, .ids = sentence->ids};
    return sw_encode_captions(query->matcher->model, &examples, out, error);
}

int sw_query_encode_images(struct sw_query *query, size_t first, size_t count,
                           struct sw_encoded *out, struct sw_error *error)
{
    int status = SW_OK, room = query->gather.images;
    for (size_t at = 0; at < count && status == SW_OK; at += (size_t)room) {
        int part = count - at < (size_t)room ? (int)(count - at) : room;
        status = sw_gather_images(&query->gather, first + at, part, error);
        if (status == SW_OK)
            status = sw_encode_images(query->matcher->model, &query->gather.examples, out, error);
        if (status == SW_OK && query->duplicates)
            sw_duplicates_images(query->duplicates, first + at - query->duplicates_from,
                                 &query->gather.examples, (int)query->data.features);
    }
    return status;
}
