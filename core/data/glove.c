/* glove.c -- see glove.h. */
#include "data/glove.h"

#include "base/file.h"
#include "data/lines.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct reader {
    const char *path;
    const struct sw_vocabulary *vocabulary;
    struct sw_glove *out;
    size_t width;   /* W */
    double *values; /* (W): of the current line */
    double *sums;   /* (W): of all lines */
    struct sw_error *error;
};

/* A line without its end. */
struct line {
    const char *begin, *end;
    size_t number;
};

static const char *next_space(const char *at, const char *end)
{
    const char *space = memchr(at, ' ', (size_t)(end - at));
    return space ? space : end;
}

static bool is_number(const char *begin, const char *end)
{
    double value;
    return sw_parse_number(begin, end, &value) == end;
}

/* Exactly W numbers from `at` to the end of the line into values, one space before each. */
static bool read_values(const struct reader *r, const struct line *line, const char *at)
{
    for (size_t i = 0; i < r->width; i++) {
        if (at == line->end || *at != ' ')
            return false;
        at = sw_parse_number(at + 1, line->end, &r->values[i]);
        if (!at)
            return false;
    }
    return at == line->end;
}

static int found_tab(const struct reader *r, const struct line *line)
{
    return sw_fail(r->error, SW_FAILED,
                   "%s: line %zu: expected single spaces between the word and its numbers, found a "
                   "tab; convert it with \"tr '\\t' ' '\"",
                   r->path, line->number);
}

/* What is wrong with the fields after the word. */
static int explain(const struct reader *r, const struct line *line, const char *word_end)
{
    size_t found = 0;
    if (memchr(line->begin, '\t', (size_t)(line->end - line->begin)))
        return found_tab(r, line);
    for (const char *at = word_end, *next; at < line->end; at = next, found++) {
        next = next_space(at + 1, line->end);
        long length = next - at - 1;
        if (!is_number(at + 1, next))
            return sw_fail(r->error, SW_FAILED,
                           "%s: line %zu: expected a finite number of float32, found '%.*s'",
                           r->path, line->number, length > 40 ? 40 : (int)length, at + 1);
    }
    return sw_fail(r->error, SW_FAILED, "%s: line %zu: expected a word and %zu numbers, found %zu",
                   r->path, line->number, r->width, found);
}

/* Values of the line, and where its word ends. Mostly that is at the first space. When there are
 * more fields, the word has spaces; but a word of which the last part is a number is taken for a
 * line with too many of them. */
static int read_line(const struct reader *r, const struct line *line, const char **word_end)
{
    const char *first = next_space(line->begin, line->end);
    *word_end = first;
    if (read_values(r, line, first))
        return SW_OK;
    size_t fields = 1;
    for (const char *at = first; at < line->end; at = next_space(at + 1, line->end))
        fields++;
    if (fields <= r->width + 1)
        return explain(r, line, first);
    const char *last = line->begin;
    for (size_t i = r->width + 1; i < fields; i++) {
        last = *word_end + 1;
        *word_end = next_space(last, line->end);
    }
    if (is_number(last, *word_end))
        return explain(r, line, first);
    return read_values(r, line, *word_end) ? SW_OK : explain(r, line, *word_end);
}

/* W of the first line: the numbers that it ends with. Its first field is the word, whatever it
 * looks like. */
static int find_width(struct reader *r, const struct line *line)
{
    size_t found = 0;
    if (memchr(line->begin, '\t', (size_t)(line->end - line->begin)))
        return found_tab(r, line);
    bool whole = true; /* word2vec's files begin with two counts */
    for (const char *c = line->begin; c < line->end; c++)
        whole = whole && ((*c >= '0' && *c <= '9') || *c == ' ');
    for (const char *end = line->end; end > line->begin; found++) {
        const char *space = memrchr(line->begin, ' ', (size_t)(end - line->begin));
        if (!space || !is_number(space + 1, end))
            break;
        end = space;
    }
    if (whole && found == 1)
        return sw_fail(r->error, SW_FAILED,
                       "%s: line 1: expected a word and its numbers, found two counts as in "
                       "word2vec's files; remove that line",
                       r->path);
    if (found == 0 || found > INT_MAX)
        return sw_fail(r->error, SW_FAILED, "%s: line 1: expected a word and its numbers, found %s",
                       r->path, found ? "too many" : "none");
    if (r->width && found != r->width)
        return sw_fail(r->error, SW_FAILED,
                       "%s: line 1: expected a word and %zu numbers, found %zu", r->path, r->width,
                       found);
    r->width = found;
    return SW_OK;
}

static int make_room(struct reader *r)
{
    size_t words = r->vocabulary->words.count, elements;
    bool fits = !__builtin_mul_overflow(words, r->width, &elements);
    r->values = malloc(r->width * sizeof *r->values);
    r->sums = calloc(r->width, sizeof *r->sums);
    r->out->has = calloc(words + 1, sizeof *r->out->has);
    r->out->rows = fits ? calloc(elements + 1, sizeof *r->out->rows) : NULL;
    if (!r->values || !r->sums || !r->out->has || !r->out->rows)
        return sw_fail(r->error, SW_FAILED, "%s: out of memory for %zu words of %zu numbers",
                       r->path, words, r->width);
    return SW_OK;
}

static bool is_special(const struct sw_vocabulary *v, int32_t id)
{
    return id == v->pad || id == v->start || id == v->end || id == v->unk;
}

static void keep_line(struct reader *r, const struct line *line, const char *word_end)
{
    for (size_t i = 0; i < r->width; i++)
        r->sums[i] += r->values[i];
    int32_t id =
        sw_words_find(&r->vocabulary->words, line->begin, (size_t)(word_end - line->begin));
    if (id == SW_NO_WORD || is_special(r->vocabulary, id))
        return;
    r->out->found += !r->out->has[id];
    r->out->has[id] = true;
    float *row = r->out->rows + (size_t)id * r->width;
    for (size_t i = 0; i < r->width; i++)
        row[i] = (float)r->values[i];
}

static void fill_missing(const struct reader *r)
{
    const struct sw_vocabulary *v = r->vocabulary;
    for (size_t id = 0; id < v->words.count; id++) {
        if (r->out->has[id] || ((int32_t)id != v->unk && is_special(v, (int32_t)id)))
            continue;
        for (size_t i = 0; i < r->width; i++)
            r->out->rows[id * r->width + i] = (float)(r->sums[i] / (double)r->out->lines);
    }
}

/* The line at *at, which then is at the next one. */
static struct line next_line(const char **at, const char *stop, size_t number)
{
    const char *end = memchr(*at, '\n', (size_t)(stop - *at));
    struct line line = {*at, end ? end : stop, number};
    *at = end ? end + 1 : stop;
    while (line.end > line.begin && (line.end[-1] == ' ' || line.end[-1] == '\r'))
        line.end--;
    return line;
}

/* Opens r->path, whose text begins at *at and ends at *stop, and finds W. */
static int open_file(struct reader *r, struct sw_mapping *file, const char **at, const char **stop)
{
    size_t begin;
    int status = sw_map_text(file, &begin, r->path, r->error);
    if (status)
        return status;
    *at = (const char *)file->data + begin;
    *stop = (const char *)file->data + file->size;
    const char *first = *at;
    struct line line = next_line(&first, *stop, 1);
    status = *at < *stop ? find_width(r, &line)
                         : sw_fail(r->error, SW_FAILED,
                                   "%s: expected lines of a word and its numbers, found an empty "
                                   "file",
                                   r->path);
    if (status)
        sw_unmap(file);
    return status;
}

static int read_lines(struct reader *r, const char *at, const char *stop)
{
    int status = make_room(r);
    while (!status && at < stop) {
        const char *word_end;
        struct line line = next_line(&at, stop, ++r->out->lines);
        status = read_line(r, &line, &word_end);
        if (!status)
            keep_line(r, &line, word_end);
    }
    if (!status)
        fill_missing(r);
    return status;
}

int sw_glove_read(const char *path, const struct sw_vocabulary *vocabulary, int width,
                  struct sw_glove *out, struct sw_error *error)
{
    *out = (struct sw_glove){0};
    struct reader r = {.path = path,
                       .vocabulary = vocabulary,
                       .out = out,
                       .width = width > 0 ? (size_t)width : 0,
                       .error = error};
    struct sw_mapping file;
    const char *at, *stop;
    int status = open_file(&r, &file, &at, &stop);
    if (status)
        return status;
    madvise((void *)(size_t)file.data, file.size, MADV_SEQUENTIAL);
    status = read_lines(&r, at, stop);
    sw_unmap(&file);
    free(r.values);
    free(r.sums);
    out->width = (int)r.width;
    if (status)
        sw_glove_free(out);
    return status;
}

int sw_glove_width(const char *path, int *width, struct sw_error *error)
{
    struct reader r = {.path = path, .error = error};
    struct sw_mapping file;
    const char *at, *stop;
    int status = open_file(&r, &file, &at, &stop);
    if (status)
        return status;
    sw_unmap(&file);
    *width = (int)r.width;
    return SW_OK;
}

void sw_glove_free(struct sw_glove *glove)
{
    free(glove->rows);
    free(glove->has);
    *glove = (struct sw_glove){0};
}
