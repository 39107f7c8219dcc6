/* dataset_captions.c -- captions as word ids; see dataset.h. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct packer {
    struct sw_dataset *data;
    const struct sw_vocabulary *vocabulary;
    size_t used, room; /* of data->ids */
    size_t longest;
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

static int put_word(struct packer *p, const char *word, size_t length)
{
    int32_t id = sw_words_find(&p->vocabulary->words, word, length);
    if (id == SW_NO_WORD) {
        int status = sw_word_counts_add_word(&p->data->words.unknown, word, length, p->error);
        return status ? status : put(p, p->vocabulary->unk);
    }
    p->data->words.seen[id]++;
    return put(p, id);
}

/* Where the name of an image ends that a tab or a comma parts from a caption, as in other files of
 * the field ("1000268201.jpg#0", a tab, the caption); NULL when the line is a caption alone. */
static const char *name_end(const char *line, size_t length)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    size_t n = 0, digits = 0;
    while (n < length && line[n] != '\t' && line[n] != ',' && line[n] != ' ')
        n++;
    if (n == length || line[n] == ' ')
        return NULL;
    const char *end = line + n;
    while (digits < n && end[-1 - (ptrdiff_t)digits] >= '0' && end[-1 - (ptrdiff_t)digits] <= '9')
        digits++;
    if (digits && digits < n && end[-1 - (ptrdiff_t)digits] == '#')
        n -= digits + 1;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i]);
        if (n > size && !strncasecmp(line + n - size, endings[i], size))
            return end;
    }
    return NULL;
}

static int put_text(struct packer *p, struct sw_tokens *tokens, const char *line, size_t length)
{
    const char *name = name_end(line, length);
    if (name)
        return sw_fail(p->error, SW_FAILED,
                       "expected a caption, found an image's name before it, '%.*s'; sort the "
                       "lines by image, then keep only the captions with '%s'",
                       name - line > 60 ? 60 : (int)(name - line), line,
                       *name == ',' ? "cut -d, -f2-" : "cut -f2-");
    int status = sw_tokenize(line, length, tokens, p->error);
    if (!status && tokens->count == 0)
        status = sw_fail(p->error, SW_FAILED,
                         "expected a caption, found an empty line; remove such lines");
    if (!status)
        status = put(p, p->vocabulary->start);
    for (size_t i = 0; !status && i < tokens->count; i++) {
        const char *word = sw_token(tokens, i, &length);
        status = put_word(p, word, length);
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
        if ((int32_t)id != p->vocabulary->start && (int32_t)id != p->vocabulary->end)
            p->data->words.seen[id]++;
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
                             size_t longest, const char *path, struct sw_error *error)
{
    struct packer p = {.data = data,
                       .vocabulary = vocabulary,
                       .longest = longest ? longest : SW_LONGEST_CAPTION,
                       .error = error};
    struct sw_tokens tokens = {0};
    const struct sw_lines *from = data->precaps.count ? &data->precaps : &data->text;
    int status = sw_word_use_begin(&data->words, vocabulary, error);
    if (status)
        return status;
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
        size_t words = p.used - data->offsets[j]; /* <start> and <end>, too */
        if (words > data->longest)
            data->longest = words;
        if (!status && words > p.longest + 2)
            status = sw_fail(error, SW_FAILED,
                             "expected a caption of at most %zu words, found %zu; is a line "
                             "break missing?%s",
                             p.longest, words - 2,
                             longest ? " (data.longest_caption=N sets the limit)" : "");
        if (status)
            sw_error_within(error, "%s: line %zu", path, j + 1);
    }
    data->offsets[data->captions] = p.used;
    sw_tokens_free(&tokens);
    return status;
}
