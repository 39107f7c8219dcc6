/* dataset.c -- see dataset.h. */
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { FIVE = 5, DEV_IMAGES = 1000 };

/* -- opening ----------------------------------------------------------------------------------- */

struct opening {
    const char *dir, *split;
    struct sw_dataset_options options;
    struct sw_dataset *data;
    size_t lines; /* captions in the file, also those that are not in use */
    struct sw_error *error;
};

/* dir/{split}{ending}, to be freed; NULL after an error. */
static char *file_path(const struct opening *o, const char *ending)
{
    char *path;
    if (asprintf(&path, "%s/%s%s", o->dir, o->split, ending) >= 0)
        return path;
    sw_fail(o->error, SW_FAILED, "out of memory for a path in %s", o->dir);
    return NULL;
}

/* Also when it is a link to nothing: opening it says so. */
static bool is_there(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

bool sw_dataset_is_absent(const char *dir, const char *split)
{
    static const char *const endings[] = {"_ims.npy", "_caps.txt", "_precaps.txt"};
    struct opening o = {.dir = dir, .split = split};
    bool absent = true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && absent; i++) {
        char *path = file_path(&o, endings[i]);
        absent = path && !is_there(path);
        free(path);
    }
    return absent;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folder has no such split: which has it? */
static int no_split(const struct opening *o)
{
    static const char ending[] = "_ims.npy";
    enum { MOST = 32 };
    char *names[MOST], known[512] = "; there is none", elsewhere[512] = "";
    size_t count = 0;
    if (!sw_dataset_is_absent(o->dir, o->split))
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected features beside the captions of '%s', found no %s_ims.npy",
                       o->dir, o->split, o->split);
    DIR *folder = opendir(o->dir);
    if (!folder)
        return sw_fail(o->error, SW_FAILED, "cannot open the data folder %s: %s", o->dir,
                       strerror(errno));
    for (struct dirent *entry; count < MOST && (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name), tail = sizeof ending - 1;
        if (length > tail && !strcmp(entry->d_name + length - tail, ending))
            if ((names[count] = strndup(entry->d_name, length - tail)))
                count++;
        char *deeper = NULL; /* as precomp/ in what some projects publish */
        if (*entry->d_name != '.' &&
            asprintf(&deeper, "%s/%s/%s%s", o->dir, entry->d_name, o->split, ending) < 0)
            deeper = NULL;
        if (deeper && is_there(deeper))
            snprintf(elsewhere, sizeof elsewhere, "; it is in %s/%s", o->dir, entry->d_name);
        free(deeper);
    }
    closedir(folder);
    qsort(names, count, sizeof *names, by_name);
    if (count)
        sw_suggest(known, sizeof known, "", (const char *const *)names, count);
    const char *near = sw_near_miss(o->split, (const char *const *)names, count);
    int status = sw_fail(o->error, SW_FAILED,
                         "%s: expected the split '%s' (%s%s), found no such file%s%s%s%s%s", o->dir,
                         o->split, o->split, ending, elsewhere, known,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return status;
}

int sw_dataset_require(const char *dir, const char *split, struct sw_error *error)
{
    struct opening o = {.dir = dir, .split = split, .error = error};
    char *path = file_path(&o, "_ims.npy");
    if (!path)
        return SW_FAILED;
    int status = is_there(path) ? SW_OK : no_split(&o);
    free(path);
    return status;
}

static int open_features(struct opening *o)
{
    struct sw_dataset *d = o->data;
    if (sw_dataset_require(o->dir, o->split, o->error))
        return SW_FAILED;
    if (!(d->path = file_path(o, "_ims.npy")))
        return SW_FAILED;
    int status = sw_npy_open(&d->file, d->path, o->error);
    if (status)
        return status;
    const size_t *shape = d->file.shape;
    if (d->file.dtype != SW_FLOAT32 && d->file.dtype != SW_FLOAT16 && d->file.dtype != SW_UINT8)
        return sw_fail(o->error, SW_FAILED, "%s: expected float32, float16 or uint8, found %s%s",
                       d->path, sw_dtype_name(d->file.dtype),
                       d->file.dtype == SW_FLOAT64 ? "; save it as float32" : "");
    if (d->file.ndim != 3 || !shape[0] || !shape[1] || !shape[2])
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected a shape (images, regions, features), found %d dimensions: "
                       "%zu, %zu, %zu, %zu",
                       d->path, d->file.ndim, shape[0], shape[1], shape[2], shape[3]);
    d->regions = shape[1];
    d->features = shape[2];
    return SW_OK;
}

static bool equals_next(const struct sw_npy *file, size_t row)
{
    size_t bytes = sw_npy_row(file) * sw_dtype_size(file->dtype);
    const char *at = (const char *)file->data + row * bytes;
    return !memcmp(at, at + bytes, bytes);
}

/* How many rows from `row` on are equal, itself included. */
static size_t equal_rows(const struct sw_npy *file, size_t row, size_t end)
{
    size_t first = row;
    while (row + 1 < end && equals_next(file, row))
        row++;
    return row + 1 - first;
}

static size_t common_divisor(size_t a, size_t b)
{
    while (b) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int repeated_unevenly(const struct opening *o, size_t a, size_t at_a, size_t b, size_t at_b)
{
    return sw_fail(
        o->error, SW_FAILED,
        "%s: as many captions as rows: expected every image repeated in the same number "
        "of equal rows, or none; found %zu equal from row %zu on and %zu from row %zu on",
        o->data->path, a, at_a, b, at_b);
}

/* Each caption has a row: the rows of an image are the length that all runs of equal rows share.
 * Two images that happen to be equal make a run of twice the length, which changes nothing, and a
 * few duplicates do not make a data set of repeated images. Most files end at their first two rows.
 */
static int find_repeats(struct opening *o)
{
    const struct sw_npy *file = &o->data->file;
    size_t rows = file->shape[0], shared = 0, first = equal_rows(file, 0, rows);
    o->data->stride = 1;
    for (size_t row = 0, run = first; row < rows; row += run) {
        run = row ? equal_rows(file, row, rows) : first;
        size_t now = common_divisor(shared, run);
        if (now == 1 && row >= FIVE)
            return repeated_unevenly(o, shared, 0, run, row);
        shared = now;
        if (shared == 1)
            break;
    }
    if (shared == rows)
        shared = rows % FIVE ? 1 : FIVE;
    if (shared > 1) {
        o->data->stride = shared;
        return SW_OK;
    }
    /* The first image may be the exception: compare neighbours all over the file. */
    enum { LOOKS = 64, FEW = 2 * FIVE };
    size_t looks = rows <= LOOKS ? rows - 1 : LOOKS, equal = 0, at = 0;
    for (size_t i = looks; i-- > 0;) {
        size_t row = i * (rows - 1) / looks;
        if (equals_next(file, row)) {
            at = row;
            equal++;
        }
    }
    return rows >= FEW && equal * 3 >= looks
               ? repeated_unevenly(o, equal_rows(file, at, rows), at, first, 0)
               : SW_OK;
}

/* How many of `images` are in use. */
static void limit_images(const struct opening *o, size_t images)
{
    if (!strcmp(o->split, "dev") && !o->options.all_captions && images > DEV_IMAGES)
        images = DEV_IMAGES;
    if (o->options.images && o->options.images < images)
        images = o->options.images;
    o->data->images = images;
}

/* How many captions go with a row, and how many of all are in use. */
static int divide(struct opening *o, const char *path)
{
    struct sw_dataset *d = o->data;
    size_t rows = d->file.shape[0];
    if (o->lines == 0)
        return sw_fail(o->error, SW_FAILED, "%s: expected captions, found an empty file", path);
    if (o->lines % rows)
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected the same number of captions for each of the %zu rows of "
                       "%s_ims.npy, found %zu captions",
                       path, rows, o->split, o->lines);
    d->div = o->lines / rows;
    d->stride = 1;
    if (d->div == 1 && find_repeats(o))
        return SW_FAILED;

    limit_images(o, rows / d->stride);
    d->captions = d->images * d->div * d->stride;
    return SW_OK;
}

static int open_captions(struct opening *o, const struct sw_vocabulary *vocabulary)
{
    struct sw_dataset *d = o->data;
    char *text = file_path(o, "_caps.txt"), *ids = file_path(o, "_precaps.txt");
    bool precaps = o->options.precaps && ids && is_there(ids);
    int status = text && ids ? SW_OK : SW_FAILED;
    if (!status && o->options.or_none && !is_there(text) && !is_there(ids)) {
        d->div = d->stride = 1;
        limit_images(o, d->file.shape[0]);
        free(text);
        free(ids);
        return SW_OK;
    }
    if (!status && (!precaps || is_there(text))) {
        status = sw_lines_open(&d->text, text, o->error);
        o->lines = d->text.count;
        d->has_text = !status;
    }
    if (!status && precaps) {
        status = sw_lines_open(&d->precaps, ids, o->error);
        if (!status && d->has_text && d->precaps.count != d->text.count)
            status = sw_fail(o->error, SW_FAILED, "%s: expected %zu lines as in %s, found %zu", ids,
                             d->text.count, text, d->precaps.count);
        o->lines = d->precaps.count;
    }
    if (!status)
        status = divide(o, precaps ? ids : text);
    if (!status && vocabulary)
        status = sw_dataset_read_captions(d, vocabulary, o->options.longest, precaps ? ids : text,
                                          o->error);
    free(text);
    free(ids);
    return status;
}

static int open_counts(struct opening *o, const char *path)
{
    struct sw_npy *counts = &o->data->counts;
    size_t rows = o->data->file.shape[0];
    int status = sw_npy_open(counts, path, o->error);
    if (status)
        return status;
    if (counts->ndim != 1 || counts->shape[0] != rows ||
        (counts->dtype != SW_INT32 && counts->dtype != SW_INT64))
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected %zu numbers of int32 or int64, one per row of %s, found %d "
                       "dimensions, the first %zu, of %s",
                       path, rows, o->data->path, counts->ndim, counts->shape[0],
                       sw_dtype_name(counts->dtype));
    for (size_t i = 0; i < rows; i++) {
        int64_t n = sw_npy_integer(counts, i);
        if (n < 1 || (uint64_t)n > o->data->regions)
            return sw_fail(o->error, SW_FAILED,
                           "%s: row %zu: expected 1 to %zu regions, found %lld", path, i,
                           o->data->regions, (long long)n);
        size_t first = i - i % o->data->stride;
        if (n != sw_npy_integer(counts, first))
            return sw_fail(o->error, SW_FAILED,
                           "%s: row %zu: expected %lld regions as in row %zu of the same image, "
                           "found %lld",
                           path, i, (long long)sw_npy_integer(counts, first), first, (long long)n);
    }
    return SW_OK;
}

/* The second sets that are asked for: of images a row of the features file or an image each. */
static int open_second(struct opening *o)
{
    static const char *const of[2] = {"image", "caption"};
    struct sw_dataset *d = o->data;
    size_t rows[2] = {d->file.shape[0], d->file.shape[0] * d->div};
    size_t or_rows[2] = {rows[0] / d->stride, rows[1]};
    for (int side = 0; side < 2; side++) {
        const char *name = o->options.second[side];
        struct sw_fragment_file *file = &d->second[side];
        if (!name || (side == 1 && o->lines == 0))
            continue;
        if (sw_fragment_file_open(file, o->dir, o->split, name, rows[side], or_rows[side], of[side],
                                  o->error) != SW_OK)
            return SW_FAILED;
        if (file->width != (size_t)o->options.second_width[side])
            return sw_fail(o->error, SW_FAILED,
                           "%s: expected %d numbers per fragment as the model has them, found %zu",
                           file->path, o->options.second_width[side], file->width);
    }
    return SW_OK;
}

int sw_dataset_open(const char *dir, const char *split, const struct sw_vocabulary *vocabulary,
                    const struct sw_dataset_options *options, struct sw_dataset *out,
                    struct sw_error *error)
{
    *out = (struct sw_dataset){0};
    struct opening o = {.dir = dir, .split = split, .data = out, .error = error};
    if (options)
        o.options = *options;
    int status = open_features(&o);
    if (!status)
        status = open_captions(&o, vocabulary);
    char *counts = status ? NULL : file_path(&o, "_ims_counts.npy");
    if (!status && !counts)
        status = SW_FAILED;
    if (!status && is_there(counts))
        status = open_counts(&o, counts);
    free(counts);
    if (!status)
        status = open_second(&o);
    if (status)
        sw_dataset_close(out);
    else
        madvise((void *)(size_t)out->file.mapping.data, out->file.mapping.size,
                o.options.sequential ? MADV_SEQUENTIAL : MADV_RANDOM);
    return status;
}

void sw_dataset_close(struct sw_dataset *data)
{
    sw_npy_close(&data->file);
    sw_npy_close(&data->boxes);
    sw_npy_close(&data->counts);
    sw_fragment_file_close(&data->second[0]);
    sw_fragment_file_close(&data->second[1]);
    sw_lines_close(&data->text);
    sw_lines_close(&data->names);
    sw_lines_close(&data->precaps);
    sw_word_use_free(&data->words);
    free(data->offsets);
    free(data->ids);
    free(data->path);
    *data = (struct sw_dataset){0};
}

/* -- asking ------------------------------------------------------------------------------------ */

size_t sw_dataset_image(const struct sw_dataset *data, size_t caption)
{
    return caption / (data->div * data->stride);
}

size_t sw_dataset_caption_row(const struct sw_dataset *data, size_t caption)
{
    return caption / data->div;
}

size_t sw_dataset_image_row(const struct sw_dataset *data, size_t image)
{
    return image * data->stride;
}

size_t sw_dataset_region_count(const struct sw_dataset *data, size_t row)
{
    return data->counts.data ? (size_t)sw_npy_integer(&data->counts, row) : data->regions;
}

size_t sw_dataset_second_row(const struct sw_dataset *data, size_t row)
{
    return data->second[0].file.shape[0] == data->file.shape[0] ? row : row / data->stride;
}

void sw_dataset_prefetch(const struct sw_dataset *data, size_t row)
{
    size_t bytes = sw_npy_row(&data->file) * sw_dtype_size(data->file.dtype);
    if (row >= data->file.shape[0])
        return;
    uintptr_t begin = (uintptr_t)data->file.data + row * bytes, end = begin + bytes;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    begin -= begin % page;
    madvise((void *)begin, end - begin, MADV_WILLNEED);
}

const char *sw_dataset_caption(const struct sw_dataset *data, size_t caption, size_t *length)
{
    return data->has_text ? sw_line(&data->text, caption, length) : NULL;
}

/* -- fingerprint ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t so_far, const struct sw_mapping *file)
{
    uint64_t size = file->size;
    so_far = XXH3_64bits_withSeed(&size, sizeof size, so_far);
    return XXH3_64bits_withSeed(file->data, file->size, so_far);
}

uint64_t sw_fingerprint_sampled(uint64_t so_far, const struct sw_mapping *file)
{
    enum { PAGES = 64, PAGE = 4096 };
    uint64_t size = file->size;
    size_t step = file->size / PAGES;
    so_far = XXH3_64bits_withSeed(&size, sizeof size, so_far);
    if (step <= PAGE)
        return mix(so_far, file);
    for (size_t i = 0; i < PAGES; i++) /* the first one has the header */
        so_far = XXH3_64bits_withSeed(file->data + i * step, PAGE, so_far);
    return XXH3_64bits_withSeed(file->data + file->size - PAGE, PAGE, so_far);
}

static uint64_t fingerprint(const struct sw_dataset *data, bool has_second)
{
    uint64_t so_far = sw_fingerprint_sampled(0, &data->file.mapping);
    so_far = mix(so_far, &data->text.mapping);
    so_far = mix(so_far, &data->precaps.mapping);
    so_far = mix(so_far, &data->counts.mapping);
    for (int side = 0; side < 2; side++)
        if (has_second && data->second[side].path)
            so_far = sw_fragment_file_fingerprint(&data->second[side], so_far);
    /* Results of data with one caption per image, which earlier versions read otherwise, are not
     * taken for those of this one. */
    bool one = data->div * data->stride == 1;
    return one ? XXH3_64bits_withSeed(&one, sizeof one, so_far) : so_far;
}

uint64_t sw_dataset_fingerprint(const struct sw_dataset *data)
{
    return fingerprint(data, true);
}

uint64_t sw_dataset_own_fingerprint(const struct sw_dataset *data)
{
    return fingerprint(data, false);
}

bool sw_dataset_is_generated(const char *dir)
{
    static const char label[] = "This data set was generated by Stepwise.";
    char first[sizeof label] = "", *path = NULL;
    FILE *file = asprintf(&path, "%s/README.txt", dir) > 0 ? fopen(path, "r") : NULL;
    free(path);
    size_t got = file ? fread(first, 1, sizeof label - 1, file) : 0;
    if (file)
        fclose(file);
    return got == sizeof label - 1 && memcmp(first, label, sizeof label - 1) == 0;
}
