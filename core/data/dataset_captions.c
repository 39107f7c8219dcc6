/* dataset_captions.c -- see dataset_captions.h. */
#include "data/dataset_captions.h"

#include <stdlib.h>

struct packer {
    struct sw_dataset *data;
    const struct sw_vocabulary *vocabulary;
    size_t used, room; /* of data->ids */
    struct sw_error *error;
};

static int put(struct packer *p, int32_t id)
{
    if (p->used == p->room) {
        size_t room = p->room ? p->room * 2 : 16 * p->data->captions + 16;
        int32_t *ids =
            room > SIZE_MAX / sizeof *ids ? NULL : realloc(p->data->ids, room * sizeof *ids);
        if (!ids)
            return sw_fail(p->error, SW_FAILED, "out of memory for %zu word ids", room);
        p->data->ids = ids;
        p->room = room;
    }
    p->data->ids[p->used++] = id;
    return SW_OK;
}

static int put_text(struct packer *p, struct sw_tokens *tokens, const char *line, size_t length)
{
    int status = sw_tokenize(line, length, tokens, p->error);
    if (!status)
        status = put(p, p->vocabulary->start);
    for (size_t i = 0; !status && i < tokens->count; i++) {
        const char *word = sw_token(tokens, i, &length);
        status = put(p, sw_vocabulary_find(p->vocabulary, word, length));
    }
    return status ? status : put(p, p->vocabulary->end);
}

/* Ids with commas between. Files of this kind come with <start> and <end> and without: what is
 * missing is put there. */
static int put_ids(struct packer *p, const char *line, size_t length)
{
    size_t begin = p->used, words = p->vocabulary->words.count;
    int status = SW_OK;
    for (size_t i = 0; !status && i < length;) {
        size_t id = 0, digits = 0;
        for (; i < length && line[i] == ' '; i++)
            ;
        for (; i < length && line[i] >= '0' && line[i] <= '9'; i++, digits++)
            id = id > words ? id : id * 10 + (size_t)(line[i] - '0');
        for (; i < length && line[i] == ' '; i++)
            ;
        if (digits == 0 || (i < length && (line[i] != ',' || i + 1 == length)))
            return sw_fail(p->error, SW_FAILED,
                           "expected word ids with commas between, found '%.*s'",
                           length > 40 ? 40 : (int)length, line);
        i++;
        if (id >= words)
            return sw_fail(p->error, SW_FAILED,
                           "expected word ids below %zu, the size of the vocabulary, found '%.*s'",
                           words, length > 40 ? 40 : (int)length, line);
        if (p->used == begin && (int32_t)id != p->vocabulary->start)
            status = put(p, p->vocabulary->start);
        if (!status)
            status = put(p, (int32_t)id);
    }
    if (!status && p->used == begin)
        status = put(p, p->vocabulary->start);
    if (!status && p->data->ids[p->used - 1] != p->vocabulary->end)
        status = put(p, p->vocabulary->end);
    return status;
}

int sw_dataset_read_captions(struct sw_dataset *data, const struct sw_vocabulary *vocabulary,
                             const char *path, struct sw_error *error)
{
    struct packer p = {.data = data, .vocabulary = vocabulary, .error = error};
    struct sw_tokens tokens = {0};
    const struct sw_lines *from = data->precaps.count ? &data->precaps : &data->text;
    int status = SW_OK;
    data->offsets = malloc((data->captions + 1) * sizeof *data->offsets);
    if (!data->offsets)
        return sw_fail(error, SW_FAILED, "%s: out of memory for %zu captions", path,
                       data->captions);
    for (size_t j = 0; !status && j < data->captions; j++) {
        size_t length;
        const char *line = sw_line(from, j, &length);
        data->offsets[j] = p.used;
        status =
            data->precaps.count ? put_ids(&p, line, length) : put_text(&p, &tokens, line, length);
        if (p.used - data->offsets[j] > data->longest)
            data->longest = p.used - data->offsets[j];
        if (status)
            sw_error_within(error, "%s: line %zu", path, j + 1);
    }
    data->offsets[data->captions] = p.used;
    sw_tokens_free(&tokens);
    return status;
}
