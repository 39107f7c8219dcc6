/* dataset.c -- see dataset.h. */
#include "data/dataset.h"

#include "data/dataset_captions.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { CAPTIONS_AN_IMAGE = 5, DEV_CAPTIONS = 5000 };

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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folder has no such split: which has it? */
static int no_split(const struct opening *o)
{
    static const char ending[] = "_ims.npy";
    enum { MOST = 32 };
    char *names[MOST], near[512] = "; there is none";
    size_t count = 0;
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
            snprintf(near, sizeof near, "; it is in %s/%s", o->dir, entry->d_name);
        free(deeper);
    }
    closedir(folder);
    qsort(names, count, sizeof *names, by_name);
    if (count)
        sw_suggest(near, sizeof near, o->split, (const char *const *)names, count);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return sw_fail(o->error, SW_FAILED, "%s: expected the split '%s' (%s%s), found no such file%s",
                   o->dir, o->split, o->split, ending, near);
}

static int open_features(struct opening *o)
{
    struct sw_dataset *d = o->data;
    if (!(d->path = file_path(o, "_ims.npy")))
        return SW_FAILED;
    if (!is_there(d->path))
        return no_split(o);
    int status = sw_npy_open(&d->file, d->path, o->error);
    if (status)
        return status;
    const size_t *shape = d->file.shape;
    if (d->file.dtype != SW_FLOAT32 && d->file.dtype != SW_FLOAT16 && d->file.dtype != SW_UINT8)
        return sw_fail(o->error, SW_FAILED, "%s: expected float32, float16 or uint8, found %s",
                       d->path, sw_dtype_name(d->file.dtype));
    if (d->file.ndim != 3 || !shape[0] || !shape[1] || !shape[2])
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected a shape (images, regions, features), found %d dimensions: "
                       "%zu, %zu, %zu, %zu",
                       d->path, d->file.ndim, shape[0], shape[1], shape[2], shape[3]);
    d->regions = shape[1];
    d->features = shape[2];
    madvise((void *)(size_t)d->file.mapping.data, d->file.mapping.size,
            o->options.sequential ? MADV_SEQUENTIAL : MADV_RANDOM);
    return SW_OK;
}

/* How many captions go with a row, and how many of all are in use. */
static int divide(struct opening *o, const char *path)
{
    struct sw_dataset *d = o->data;
    size_t rows = d->file.shape[0];
    if (o->lines == 0)
        return sw_fail(o->error, SW_FAILED, "%s: expected captions, found an empty file", path);
    if (o->lines / CAPTIONS_AN_IMAGE == rows && o->lines % CAPTIONS_AN_IMAGE == 0)
        d->div = CAPTIONS_AN_IMAGE;
    else if (o->lines == rows)
        d->div = 1;
    else
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected five captions a row of %s_ims.npy, which has %zu, or one; "
                       "found %zu captions",
                       path, o->split, rows, o->lines);
    d->stride = d->div == 1 && rows % CAPTIONS_AN_IMAGE == 0 ? CAPTIONS_AN_IMAGE : 1;

    size_t an_image = d->div * d->stride;
    d->images = o->lines / an_image;
    if (!strcmp(o->split, "dev") && !o->options.all_captions && d->images > DEV_CAPTIONS / an_image)
        d->images = DEV_CAPTIONS / an_image;
    if (o->options.images && o->options.images < d->images)
        d->images = o->options.images;
    d->captions = d->images * an_image;
    return SW_OK;
}

static int open_captions(struct opening *o, const struct sw_vocabulary *vocabulary)
{
    struct sw_dataset *d = o->data;
    char *text = file_path(o, "_caps.txt"), *ids = file_path(o, "_precaps.txt");
    bool precaps = o->options.precaps && ids && is_there(ids);
    int status = text && ids ? SW_OK : SW_FAILED;
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
        status = sw_dataset_read_captions(d, vocabulary, precaps ? ids : text, o->error);
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
                       "%s: expected %zu numbers of int32 or int64, one a row of %s, found %d "
                       "dimensions, the first %zu, of %s",
                       path, rows, o->data->path, counts->ndim, counts->shape[0],
                       sw_dtype_name(counts->dtype));
    for (size_t i = 0; i < rows; i++) {
        int64_t n = sw_npy_integer(counts, i);
        if (n < 1 || (uint64_t)n > o->data->regions)
            return sw_fail(o->error, SW_FAILED,
                           "%s: row %zu: expected 1 to %zu regions, found %lld", path, i,
                           o->data->regions, (long long)n);
    }
    return SW_OK;
}

static int open_boxes(struct opening *o, const char *path)
{
    struct sw_npy *boxes = &o->data->boxes;
    size_t rows = o->data->file.shape[0];
    int status = sw_npy_open(boxes, path, o->error);
    if (status)
        return status;
    if (boxes->ndim != 3 || boxes->shape[0] != rows || boxes->shape[1] != o->data->regions ||
        boxes->shape[2] != 4 || (boxes->dtype != SW_FLOAT32 && boxes->dtype != SW_FLOAT16))
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected float32 of shape (%zu,%zu,4), found %s of %d dimensions: "
                       "%zu, %zu, %zu",
                       path, rows, o->data->regions, sw_dtype_name(boxes->dtype), boxes->ndim,
                       boxes->shape[0], boxes->shape[1], boxes->shape[2]);
    o->data->has_boxes = true;
    return SW_OK;
}

static int open_names(struct opening *o, const char *path)
{
    size_t rows = o->data->file.shape[0];
    int status = sw_lines_open(&o->data->names, path, o->error);
    size_t found = o->data->names.count;
    if (!status && found != rows && found != o->lines)
        return sw_fail(o->error, SW_FAILED,
                       "%s: expected a name for each of %zu rows or %zu captions, found %zu", path,
                       rows, o->lines, found);
    return status;
}

static int open_if_there(struct opening *o, const char *ending,
                         int (*open_it)(struct opening *, const char *))
{
    char *path = file_path(o, ending);
    if (!path)
        return SW_FAILED;
    int status = is_there(path) ? open_it(o, path) : SW_OK;
    free(path);
    return status;
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
    if (!status)
        status = open_if_there(&o, "_ims_counts.npy", open_counts);
    if (!status)
        status = open_if_there(&o, "_ims_bbx.npy", open_boxes);
    if (!status)
        status = open_if_there(&o, "_ids.txt", open_names);
    if (status)
        sw_dataset_close(out);
    return status;
}

void sw_dataset_close(struct sw_dataset *data)
{
    sw_npy_close(&data->file);
    sw_npy_close(&data->boxes);
    sw_npy_close(&data->counts);
    sw_lines_close(&data->text);
    sw_lines_close(&data->names);
    sw_lines_close(&data->precaps);
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

static bool all_finite(const float *x, size_t count)
{
    uint32_t endless = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        endless |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !endless;
}

int sw_dataset_regions(const struct sw_dataset *data, size_t row, float *out,
                       struct sw_error *error)
{
    sw_dataset_prefetch(data, row); /* else a row is read page by page */
    if (sw_npy_floats(&data->file, row, 1, out))
        return sw_fail(error, SW_MISUSE, "%s: expected a row below %zu, found %zu", data->path,
                       data->file.shape[0], row);
    size_t real = sw_dataset_region_count(data, row) * data->features;
    size_t all = data->regions * data->features;
    memset(out + real, 0, (all - real) * sizeof *out);
    if (data->file.dtype == SW_UINT8 || all_finite(out, real))
        return SW_OK;
    size_t i = 0;
    while (all_finite(out + i, 1))
        i++;
    return sw_fail(error, SW_FAILED,
                   "%s: row %zu, region %zu, feature %zu: expected a finite number, found %g",
                   data->path, row, i / data->features, i % data->features, (double)out[i]);
}

int sw_dataset_boxes(const struct sw_dataset *data, size_t row, float *out, struct sw_error *error)
{
    if (!data->has_boxes)
        return sw_fail(error, SW_MISUSE, "%s: there are no boxes beside it", data->path);
    if (sw_npy_floats(&data->boxes, row, 1, out))
        return sw_fail(error, SW_MISUSE, "%s: boxes: expected a row below %zu, found %zu",
                       data->path, data->boxes.shape[0], row);
    return SW_OK;
}

const char *sw_dataset_caption(const struct sw_dataset *data, size_t caption, size_t *length)
{
    return data->has_text ? sw_line(&data->text, caption, length) : NULL;
}

const char *sw_dataset_name(const struct sw_dataset *data, size_t image, size_t *length)
{
    if (!data->names.count)
        return NULL;
    bool a_row = data->names.count == data->file.shape[0];
    return sw_line(&data->names, image * data->stride * (a_row ? 1 : data->div), length);
}

/* -- fingerprint ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t so_far, const struct sw_mapping *file)
{
    uint64_t size = file->size;
    so_far = XXH3_64bits_withSeed(&size, sizeof size, so_far);
    return XXH3_64bits_withSeed(file->data, file->size, so_far);
}

uint64_t sw_dataset_fingerprint(const struct sw_dataset *data)
{
    enum { PAGES = 64, PAGE = 4096 };
    const struct sw_mapping *file = &data->file.mapping;
    uint64_t size = file->size, so_far = XXH3_64bits(&size, sizeof size);
    size_t step = file->size / PAGES;
    if (step <= PAGE) {
        so_far = mix(so_far, file);
    } else {
        for (size_t i = 0; i < PAGES; i++) /* the first one has the header */
            so_far = XXH3_64bits_withSeed(file->data + i * step, PAGE, so_far);
        so_far = XXH3_64bits_withSeed(file->data + file->size - PAGE, PAGE, so_far);
    }
    so_far = mix(so_far, &data->text.mapping);
    so_far = mix(so_far, &data->precaps.mapping);
    return mix(so_far, &data->counts.mapping);
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
