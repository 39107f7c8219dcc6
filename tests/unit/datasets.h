/* datasets.h -- a small data folder, written file by file, for the tests of data sets. */
#ifndef SW_TESTS_UNIT_DATASETS_H
#define SW_TESTS_UNIT_DATASETS_H

#include "unit.h"

#include "data/dataset.h"

#include <stdarg.h>

static char *folder;
static struct sw_vocabulary vocabulary;

/* <pad> 0, <start> 1, <end> 2, <unk> 3, a 4, dog 5, runs 6, . 7 */
static inline void set_up(void)
{
    folder = unit_folder();
    static const char *const words[] = {"<pad>", "<start>", "<end>", "<unk>",
                                        "a",     "dog",     "runs",  "."};
    vocabulary = (struct sw_vocabulary){.pad = 0, .start = 1, .end = 2, .unk = 3};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_int_eq(sw_words_add(&vocabulary.words, words[i], strlen(words[i])), (int)i);
}

static inline void tear_down(void)
{
    sw_vocabulary_free(&vocabulary);
    unit_remove_folder(folder);
}

static inline void write_text(const char *name, const char *text)
{
    char *path = unit_path(folder, name);
    unit_write(path, text, strlen(text));
    free(path);
}

static inline void write_array(const char *name, enum sw_dtype dtype, const void *data, int ndim,
                               const size_t *shape)
{
    struct sw_error error = {0};
    struct sw_npy_writer writer;
    char *path = unit_path(folder, name);
    ck_assert_msg(sw_npy_begin(&writer, path, dtype, ndim, shape, &error) == SW_OK, "%s",
                  error.text);
    ck_assert_int_eq(sw_npy_append(&writer, data, shape[0], &error), SW_OK);
    ck_assert_msg(sw_npy_commit(&writer, &error) == SW_OK, "%s", error.text);
    free(path);
}

/* Row r, region i, feature f of a float32 file is 100 m + 10 i + f, where m = image[r], or r. */
static inline void write_rows(const char *name, const int *image, size_t rows, size_t regions,
                              size_t features)
{
    float *data = malloc(rows * regions * features * sizeof *data), *at = data;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < regions; i++)
            for (size_t f = 0; f < features; f++)
                *at++ = 100 * (image ? (float)image[r] : (float)r) + (float)(10 * i + f);
    write_array(name, SW_FLOAT32, data, 3, (const size_t[]){rows, regions, features});
    free(data);
}

static inline void write_features(const char *name, size_t rows, size_t regions, size_t features)
{
    write_rows(name, NULL, rows, regions, features);
}

/* Each of `images` images in `times` equal rows, one region of one feature. */
static inline void write_repeated(const char *name, size_t images, size_t times)
{
    int *image = malloc(images * times * sizeof *image);
    for (size_t r = 0; r < images * times; r++)
        image[r] = (int)(r / times);
    write_rows(name, image, images * times, 1, 1);
    free(image);
}

static inline void write_captions(const char *name, size_t count)
{
    char *text = malloc(count * 16 + 1), *at = text;
    *at = 0;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "a dog c%zu\n", i);
    write_text(name, text);
    free(text);
}

static inline void open_good(struct sw_dataset *out, const char *split,
                             const struct sw_dataset_options *options)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_dataset_open(folder, split, &vocabulary, options, out, &error) == SW_OK, "%s",
                  error.text);
}

static inline void expect_refused_with(const char *split, const struct sw_dataset_options *options,
                                       const char *says)
{
    struct sw_error error = {0};
    struct sw_dataset data;
    ck_assert_msg(sw_dataset_open(folder, split, &vocabulary, options, &data, &error) == SW_FAILED,
                  "opened, but: %s", says);
    ck_assert_msg(strstr(error.text, says) != NULL, "expected '%s', found '%s'", says, error.text);
    sw_dataset_close(&data);
}

static inline void expect_refused(const char *split, const char *says)
{
    expect_refused_with(split, NULL, says);
}

static inline void expect_ids(const struct sw_dataset *data, size_t caption, size_t count, ...)
{
    va_list ids;
    va_start(ids, count);
    ck_assert_uint_eq(data->offsets[caption + 1] - data->offsets[caption], count);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(data->ids[data->offsets[caption] + i], va_arg(ids, int));
    va_end(ids);
}

#endif
