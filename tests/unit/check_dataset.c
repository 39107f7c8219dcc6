/* check_dataset.c -- one split of a data folder. */
#include "unit.h"

#include "data/dataset.h"
#include "tensor/threads/compute.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

static char *folder;
static struct sw_vocabulary vocabulary;

/* <pad> 0, <start> 1, <end> 2, <unk> 3, a 4, dog 5, runs 6, . 7 */
static void set_up(void)
{
    folder = unit_folder();
    static const char *const words[] = {"<pad>", "<start>", "<end>", "<unk>",
                                        "a",     "dog",     "runs",  "."};
    vocabulary = (struct sw_vocabulary){.pad = 0, .start = 1, .end = 2, .unk = 3};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_int_eq(sw_words_add(&vocabulary.words, words[i], strlen(words[i])), (int)i);
}

static void tear_down(void)
{
    sw_vocabulary_free(&vocabulary);
    unit_remove_folder(folder);
}

static void write_text(const char *name, const char *text)
{
    char *path = unit_path(folder, name);
    unit_write(path, text, strlen(text));
    free(path);
}

static void write_array(const char *name, enum sw_dtype dtype, const void *data, int ndim,
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
static void write_rows(const char *name, const int *image, size_t rows, size_t regions,
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

static void write_features(const char *name, size_t rows, size_t regions, size_t features)
{
    write_rows(name, NULL, rows, regions, features);
}

/* Each of `images` images in `times` equal rows, one region of one feature. */
static void write_repeated(const char *name, size_t images, size_t times)
{
    int *image = malloc(images * times * sizeof *image);
    for (size_t r = 0; r < images * times; r++)
        image[r] = (int)(r / times);
    write_rows(name, image, images * times, 1, 1);
    free(image);
}

static void write_captions(const char *name, size_t count)
{
    char *text = malloc(count * 16 + 1), *at = text;
    *at = 0;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "a dog c%zu\n", i);
    write_text(name, text);
    free(text);
}

static void open_good(struct sw_dataset *out, const char *split,
                      const struct sw_dataset_options *options)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_dataset_open(folder, split, &vocabulary, options, out, &error) == SW_OK, "%s",
                  error.text);
}

static void expect_refused_with(const char *split, const struct sw_dataset_options *options,
                                const char *says)
{
    struct sw_error error = {0};
    struct sw_dataset data;
    ck_assert_msg(sw_dataset_open(folder, split, &vocabulary, options, &data, &error) == SW_FAILED,
                  "opened, but: %s", says);
    ck_assert_msg(strstr(error.text, says) != NULL, "expected '%s', found '%s'", says, error.text);
    sw_dataset_close(&data);
}

static void expect_refused(const char *split, const char *says)
{
    expect_refused_with(split, NULL, says);
}

static void expect_ids(const struct sw_dataset *data, size_t caption, size_t count, ...)
{
    va_list ids;
    va_start(ids, count);
    ck_assert_uint_eq(data->offsets[caption + 1] - data->offsets[caption], count);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(data->ids[data->offsets[caption] + i], va_arg(ids, int));
    va_end(ids);
}

/* A caption would be trained with another image's regions, or with other words. */
START_TEST(five_a_row)
{
    write_features("train_ims.npy", 3, 2, 4);
    write_captions("train_caps.txt", 15);
    write_text("train_ids.txt", "x.jpg\ny.jpg\r\nz.jpg\n");
    struct sw_dataset data;
    open_good(&data, "train", NULL);
    ck_assert(data.images == 3 && data.regions == 2 && data.features == 4);
    ck_assert(data.captions == 15 && data.div == 5 && data.stride == 1 && data.longest == 5);
    expect_ids(&data, 7, 5, 1, 4, 5, 3, 2);
    ck_assert_uint_eq(data.offsets[15], 75);
    ck_assert_uint_eq(sw_dataset_image(&data, 7), 1);
    ck_assert_uint_eq(sw_dataset_caption_row(&data, 7), 1);
    ck_assert_uint_eq(sw_dataset_image_row(&data, 2), 2);
    ck_assert_uint_eq(sw_dataset_region_count(&data, 2), 2);
    float out[8];
    struct sw_error error = {0};
    sw_dataset_prefetch(&data, 2);
    sw_dataset_prefetch(&data, 99);
    ck_assert_int_eq(sw_dataset_regions(&data, 2, out, &error), SW_OK);
    ck_assert(out[0] == 200 && out[3] == 203 && out[4] == 210 && out[7] == 213);
    ck_assert_int_eq(sw_dataset_regions(&data, 3, out, &error), SW_MISUSE);
    size_t length;
    const char *text = sw_dataset_caption(&data, 14, &length);
    ck_assert(length == 9 && !memcmp(text, "a dog c14", 9));
    sw_dataset_open_side_files(&data);
    text = sw_dataset_name(&data, 1, &length);
    ck_assert(length == 5 && !memcmp(text, "y.jpg", 5));
    ck_assert(!data.has_boxes);
    ck_assert_int_eq(sw_dataset_boxes(&data, 0, out, &error), SW_MISUSE);
    sw_dataset_close(&data);

    open_good(&data, "train", &(struct sw_dataset_options){.images = 2, .sequential = true});
    ck_assert(data.images == 2 && data.captions == 10 && data.offsets[10] == 50);
    sw_dataset_close(&data);
    open_good(&data, "train", &(struct sw_dataset_options){.images = 9});
    ck_assert_uint_eq(data.images, 3);
    sw_dataset_close(&data);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_dataset_open(folder, "train", NULL, NULL, &data, &error), SW_OK);
    ck_assert(data.captions == 15 && !data.ids && !data.offsets);
    sw_dataset_close(&data);
}
END_TEST

/* Test splits often repeat each image five times: it would be ranked against its own copies. */
START_TEST(a_row_a_caption)
{
    write_repeated("test_ims.npy", 2, 5);
    write_captions("test_caps.txt", 10);
    write_text("test_ids.txt", "p\np\np\np\np\nq\nq\nq\nq\nq\n");
    struct sw_dataset data;
    size_t length;
    open_good(&data, "test", NULL);
    ck_assert(data.images == 2 && data.captions == 10 && data.div == 1 && data.stride == 5);
    ck_assert_uint_eq(sw_dataset_image(&data, 7), 1);
    ck_assert_uint_eq(sw_dataset_caption_row(&data, 7), 7);
    ck_assert_uint_eq(sw_dataset_image_row(&data, 1), 5);
    sw_dataset_open_side_files(&data);
    ck_assert_int_eq(*sw_dataset_name(&data, 1, &length), 'q');
    sw_dataset_close(&data);
    open_good(&data, "test", &(struct sw_dataset_options){.images = 1});
    ck_assert(data.images == 1 && data.captions == 5);
    sw_dataset_close(&data);

    /* names per caption beside five captions per row */
    write_features("dev_ims.npy", 2, 1, 1);
    write_captions("dev_caps.txt", 10);
    write_text("dev_ids.txt", "p\np\np\np\np\nq\nq\nq\nq\nq\n");
    open_good(&data, "dev", NULL);
    sw_dataset_open_side_files(&data);
    ck_assert_int_eq(*sw_dataset_name(&data, 1, &length), 'q');
    sw_dataset_close(&data);
}
END_TEST

/* Twenty images with a caption each would be ranked as four images with five. */
START_TEST(captions_per_image)
{
    static const size_t every[] = {1, 2, 5, 7, 10};
    struct sw_dataset data;
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        size_t q = every[i];
        write_features("test_ims.npy", 20, 2, 3);
        write_captions("test_caps.txt", 20 * q);
        open_good(&data, "test", NULL);
        ck_assert(data.images == 20 && data.captions == 20 * q && data.div == q);
        ck_assert_uint_eq(data.stride, 1);
        for (size_t j = 0; j < data.captions; j++) {
            ck_assert_uint_eq(sw_dataset_image(&data, j), j / q);
            ck_assert_uint_eq(sw_dataset_caption_row(&data, j), j / q);
        }
        ck_assert_uint_eq(sw_dataset_image_row(&data, 19), 19);
        sw_dataset_close(&data);
        /* a row per caption: one of a single image is no repeat */
        if (q == 1)
            continue;
        write_repeated("test_ims.npy", 4, q);
        write_captions("test_caps.txt", 4 * q);
        open_good(&data, "test", NULL);
        ck_assert(data.images == 4 && data.captions == 4 * q && data.div == 1);
        ck_assert_uint_eq(data.stride, q);
        ck_assert_uint_eq(sw_dataset_image(&data, 3 * q - 1), 2);
        ck_assert_uint_eq(sw_dataset_caption_row(&data, 3 * q - 1), 3 * q - 1);
        ck_assert_uint_eq(sw_dataset_image_row(&data, 3), 3 * q);
        sw_dataset_close(&data);
    }
}
END_TEST

/* Repeats that are not whole are neither one form nor the other; equal pictures by chance are no
 * repeats. */
START_TEST(equal_rows_by_chance)
{
    static const struct {
        int image[20];
        size_t stride; /* 0: refused */
        const char *says;
    } cases[] = {
        /* two neighbours of one-caption data are copies */
        {{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, 1, NULL},
        {{0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 16}, 1, NULL},
        /* two images of repeated data are copies */
        {{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2}, 5, NULL},
        /* nothing but copies */
        {{0}, 5, NULL},
        /* a row of a repeated image was changed: of a later one, or of the first */
        {{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 9, 2, 2, 3, 3, 3, 3, 3},
         0,
         "found 5 equal from row 0 on and 2 from row 10 on"},
        {{0, 9, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3},
         0,
         "found 3 equal from row 2 on and 1 from row 0 on"},
        /* as many rows as an image has captions, which differ */
        {{0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4},
         0,
         "found 6 equal from row 1 on and 1 from row 0 on"},
        {{0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
         0,
         "found 5 equal from row 0 on and 1 from row 5 on"},
    };
    write_captions("test_caps.txt", 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sw_dataset data;
        write_rows("test_ims.npy", cases[i].image, 20, 2, 3);
        if (!cases[i].stride) {
            expect_refused("test", cases[i].says);
            continue;
        }
        open_good(&data, "test", NULL);
        ck_assert_msg(data.stride == cases[i].stride && data.images == 20 / data.stride, "case %zu",
                      i);
        sw_dataset_close(&data);
    }
    /* one region more in a copy: another image, whatever the padding hides */
    int32_t counts[10] = {2, 2, 2, 1, 2, 2, 2, 2, 2, 2};
    static const int image[10] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
    write_rows("train_ims.npy", image, 10, 2, 3);
    write_captions("train_caps.txt", 10);
    write_array("train_ims_counts.npy", SW_INT32, counts, 1, (const size_t[]){10});
    expect_refused("train", "row 3: expected 2 regions as in row 0 of the same image, found 1");
}
END_TEST

/* A run would be stopped by files that it never reads; what can be read of them is. */
START_TEST(side_files)
{
    struct sw_dataset data;
    size_t length;
    float box[8];
    double boxes[2 * 2 * 4];
    int64_t whole[2 * 2 * 4];
    for (int i = 0; i < 16; i++) {
        boxes[i] = i + .5;
        whole[i] = 3 * i;
    }
    static const int image[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
    write_rows("test_ims.npy", image, 10, 2, 3);
    write_captions("test_caps.txt", 10);
    write_array("test_ims_bbx.npy", SW_FLOAT64, boxes, 3, (const size_t[]){2, 2, 4});
    write_text("test_ids.txt", "p.jpg\nq.jpg\n\n \n");
    open_good(&data, "test", NULL);
    ck_assert(!data.has_boxes && !data.has_names);
    sw_dataset_open_side_files(&data);
    ck_assert(data.has_boxes && data.has_names && !data.boxes_error.status);
    ck_assert_int_eq(sw_dataset_boxes(&data, 1, box, NULL), SW_OK);
    ck_assert(box[0] == 8.5f && box[7] == 15.5f);
    ck_assert_int_eq(*sw_dataset_name(&data, 1, &length), 'q');
    sw_dataset_close(&data);
    write_array("test_ims_bbx.npy", SW_INT64, whole, 3, (const size_t[]){2, 2, 4});
    open_good(&data, "test", NULL);
    sw_dataset_open_side_files(&data);
    ck_assert_int_eq(sw_dataset_boxes(&data, 1, box, NULL), SW_OK);
    ck_assert(box[0] == 24 && box[7] == 45);
    sw_dataset_close(&data);

    write_text("test_ids.txt", "x\ny\nz\n");
    write_array("test_ims_bbx.npy", SW_FLOAT64, boxes, 3, (const size_t[]){2, 4, 2});
    open_good(&data, "test", NULL);
    sw_dataset_open_side_files(&data);
    ck_assert(!data.has_boxes && !data.has_names && !sw_dataset_name(&data, 0, &length));
    ck_assert_ptr_nonnull(strstr(data.names_error.text, "test_ids.txt: expected a name for each of "
                                                        "2 images or 10 captions, found 3"));
    ck_assert_ptr_nonnull(strstr(data.boxes_error.text,
                                 "test_ims_bbx.npy: expected the shape (10,2,4), found 3 "
                                 "dimensions: 2, 4, 2"));
    sw_dataset_close(&data);
    write_text("test_ims_bbx.npy", "no array");
    open_good(&data, "test", NULL);
    sw_dataset_open_side_files(&data);
    ck_assert_ptr_nonnull(strstr(data.boxes_error.text, "test_ims_bbx.npy: expected a .npy file"));
    sw_dataset_close(&data);
}
END_TEST

/* What is found in the last row of test is found before the first step. */
START_TEST(all_values)
{
    enum { IMAGES = 2500, WIDE = 6 };
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(3, &error);
    struct sw_dataset data;
    float *x = malloc(IMAGES * WIDE * sizeof *x);
    uint16_t *half = malloc(IMAGES * WIDE * sizeof *half);
    int32_t *counts = malloc(IMAGES * sizeof *counts);
    const size_t shape[] = {IMAGES, 2, 3};
    for (int i = 0; i < IMAGES * WIDE; i++) {
        x[i] = (float)i;
        half[i] = (uint16_t)(i & 0x3fff);
    }
    for (int i = 0; i < IMAGES; i++)
        counts[i] = 2;
    write_captions("test_caps.txt", IMAGES);
    write_array("test_ims.npy", SW_FLOAT32, x, 3, shape);
    open_good(&data, "test", NULL);
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, &error), SW_OK);
    sw_dataset_close(&data);

    x[IMAGES * WIDE - 1] = INFINITY;
    x[2100 * WIDE + 4] = NAN;
    write_array("test_ims.npy", SW_FLOAT32, x, 3, shape);
    open_good(&data, "test", NULL);
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "test_ims.npy: row 2100, region 1, feature 1: expected a "
                                     "finite number, found nan") != NULL,
                  "%s", error.text);
    sw_dataset_close(&data);
    /* only what is in use */
    open_good(&data, "test", &(struct sw_dataset_options){.images = 2100});
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, NULL), SW_OK);
    sw_dataset_close(&data);
    open_good(&data, "test", &(struct sw_dataset_options){.images = 2101});
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, NULL), SW_FAILED);
    sw_dataset_close(&data);
    /* behind a row's own regions there may be anything */
    counts[2100] = 1;
    write_array("test_ims_counts.npy", SW_INT32, counts, 1, shape);
    open_good(&data, "test", NULL);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "row 2499, region 1, feature 2"));
    sw_dataset_close(&data);

    half[WIDE + 1] = 0x7c00;
    write_array("test_ims.npy", SW_FLOAT16, half, 3, shape);
    open_good(&data, "test", NULL);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "row 1, region 0, feature 1"));
    sw_dataset_close(&data);
    write_array("test_ims.npy", SW_UINT8, half, 3, shape);
    open_good(&data, "test", NULL);
    ck_assert_int_eq(sw_dataset_check_values(&data, compute, NULL), SW_OK);
    sw_dataset_close(&data);
    free(counts);
    free(half);
    free(x);
    sw_compute_free(compute);
}
END_TEST

static uint64_t stamp_of(size_t images)
{
    struct sw_dataset data;
    open_good(&data, "train", &(struct sw_dataset_options){.images = images});
    uint64_t stamp = sw_dataset_stamp(&data);
    sw_dataset_close(&data);
    return stamp;
}

/* Values would count as checked that were changed since, or never looked at. */
START_TEST(stamps)
{
    char *path = unit_path(folder, "train_ims.npy");
    struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000, .tv_nsec = 5000}};
    write_features("train_ims.npy", 4, 2, 3);
    write_captions("train_caps.txt", 20);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    uint64_t first = stamp_of(0);
    ck_assert_uint_eq(stamp_of(0), first);
    ck_assert_uint_eq(stamp_of(9), first);
    ck_assert_uint_ne(stamp_of(3), first);
    times[1].tv_nsec++;
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    ck_assert_uint_ne(stamp_of(0), first);
    free(path);
}
END_TEST

/* A folder without a test split is not one whose test split is half there. */
START_TEST(absent)
{
    ck_assert(sw_dataset_is_absent(folder, "test"));
    write_captions("test_caps.txt", 5);
    ck_assert(!sw_dataset_is_absent(folder, "test"));
    expect_refused("test",
                   "expected features beside the captions of 'test', found no test_ims.npy");
    write_features("dev_ims.npy", 1, 1, 1);
    write_features("testall_ims.npy", 1, 1, 1);
    ck_assert(!sw_dataset_is_absent(folder, "dev"));
    expect_refused("test_all", "there are dev, testall; did you mean 'testall'?");
}
END_TEST

/* Numbers on dev would not compare with published ones, which stop at 1000 images. */
START_TEST(dev_limit)
{
    write_features("dev_ims.npy", 1014, 1, 1);
    write_captions("dev_caps.txt", 5070);
    struct sw_dataset data;
    open_good(&data, "dev", NULL);
    ck_assert(data.images == 1000 && data.captions == 5000);
    sw_dataset_close(&data);
    open_good(&data, "dev", &(struct sw_dataset_options){.all_captions = true});
    ck_assert(data.images == 1014 && data.captions == 5070);
    sw_dataset_close(&data);
    write_repeated("dev_ims.npy", 1014, 5);
    open_good(&data, "dev", NULL);
    ck_assert(data.images == 1000 && data.captions == 5000 && data.stride == 5);
    sw_dataset_close(&data);
    write_features("dev_ims.npy", 5070, 1, 1);
    open_good(&data, "dev", NULL);
    ck_assert(data.images == 1000 && data.captions == 1000);
    sw_dataset_close(&data);
    write_features("dev_ims.npy", 1014, 1, 1);
    write_captions("dev_caps.txt", 10140);
    open_good(&data, "dev", NULL);
    ck_assert(data.images == 1000 && data.captions == 10000);
    sw_dataset_close(&data);
    write_features("test_ims.npy", 1014, 1, 1);
    write_captions("test_caps.txt", 5070);
    open_good(&data, "test", NULL);
    ck_assert_uint_eq(data.images, 1014);
    sw_dataset_close(&data);
}
END_TEST

/* Padding would take part in attention, or its rubbish would stop the run. */
START_TEST(region_counts)
{
    write_features("train_ims.npy", 2, 3, 2);
    write_captions("train_caps.txt", 10);
    const int32_t counts[] = {3, 1};
    const int64_t large[] = {2, 3};
    write_array("train_ims_counts.npy", SW_INT32, counts, 1, (const size_t[]){2});
    struct sw_dataset data;
    struct sw_error error = {0};
    float out[6];
    open_good(&data, "train", NULL);
    ck_assert_uint_eq(sw_dataset_region_count(&data, 0), 3);
    ck_assert_uint_eq(sw_dataset_region_count(&data, 1), 1);
    ck_assert_int_eq(sw_dataset_regions(&data, 1, out, &error), SW_OK);
    ck_assert(out[0] == 100 && out[1] == 101);
    for (int i = 2; i < 6; i++)
        ck_assert(out[i] == 0);
    sw_dataset_close(&data);
    write_array("train_ims_counts.npy", SW_INT64, large, 1, (const size_t[]){2});
    open_good(&data, "train", NULL);
    ck_assert_uint_eq(sw_dataset_region_count(&data, 0), 2);
    sw_dataset_close(&data);

    const int32_t zero[] = {3, 0}, many[] = {4, 1};
    write_array("train_ims_counts.npy", SW_INT32, zero, 1, (const size_t[]){2});
    expect_refused("train", "train_ims_counts.npy: row 1: expected 1 to 3 regions, found 0");
    write_array("train_ims_counts.npy", SW_INT32, many, 1, (const size_t[]){2});
    expect_refused("train", "row 0: expected 1 to 3 regions, found 4");
    write_array("train_ims_counts.npy", SW_INT32, zero, 1, (const size_t[]){1});
    expect_refused("train", "expected 2 numbers of int32 or int64");
    write_array("train_ims_counts.npy", SW_UINT8, zero, 1, (const size_t[]){2});
    expect_refused("train", "of uint8");
}
END_TEST

/* One NaN in 33 GB would turn every parameter into NaN hours later. */
START_TEST(not_finite)
{
    float x[12];
    for (int i = 0; i < 12; i++)
        x[i] = (float)i;
    x[9] = NAN; /* row 1, region 1, feature 1 */
    const int32_t counts[] = {2, 1};
    const size_t shape[] = {2, 2, 2}, wide[] = {2, 2, 3};
    struct sw_dataset data;
    struct sw_error error = {0};
    float out[6];
    write_captions("train_caps.txt", 10);
    write_array("train_ims.npy", SW_FLOAT32, x, 3, wide);
    open_good(&data, "train", NULL);
    ck_assert_int_eq(sw_dataset_regions(&data, 0, out, &error), SW_OK);
    ck_assert_int_eq(sw_dataset_regions(&data, 1, out, &error), SW_FAILED);
    ck_assert_msg(
        strstr(error.text, "train_ims.npy: row 1, region 1, feature 0: expected a finite"), "%s",
        error.text);
    sw_dataset_close(&data);
    write_array("train_ims_counts.npy", SW_INT32, counts, 1, (const size_t[]){2});
    error = (struct sw_error){0};
    open_good(&data, "train", NULL);
    ck_assert_int_eq(sw_dataset_regions(&data, 1, out, &error), SW_OK); /* it is padding */
    ck_assert(out[2] == 8 && out[3] == 0);
    sw_dataset_close(&data);

    const uint16_t halves[] = {0x3c00, 0, 0, 0, 0, 0, 0xfc00, 0};
    write_array("dev_ims.npy", SW_FLOAT16, halves, 3, shape);
    write_captions("dev_caps.txt", 10);
    open_good(&data, "dev", NULL);
    ck_assert_int_eq(sw_dataset_regions(&data, 0, out, &error), SW_OK);
    ck_assert(out[0] == 1);
    ck_assert_int_eq(sw_dataset_regions(&data, 1, out, &error), SW_FAILED);
    ck_assert_msg(
        strstr(error.text, "row 1, region 1, feature 0: expected a finite number, found -inf"),
        "%s", error.text);
    sw_dataset_close(&data);

    const unsigned char bytes[] = {255, 0, 51, 1, 2, 3, 4, 5};
    write_array("test_ims.npy", SW_UINT8, bytes, 3, shape);
    write_captions("test_caps.txt", 10);
    open_good(&data, "test", NULL);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_dataset_regions(&data, 0, out, &error), SW_OK);
    ck_assert(out[0] == 255 * (1.0f / 255.0f) && out[2] == 51 * (1.0f / 255.0f));
    sw_dataset_close(&data);
}
END_TEST

/* Files that do not belong together would train without a word about it. */
START_TEST(refused)
{
    expect_refused("train",
                   "expected the split 'train' (train_ims.npy), found no such file; there is none");
    write_features("train_ims.npy", 2, 3, 2);
    expect_refused("trian", "did you mean 'train'?");
    expect_refused("train", "train_caps.txt");
    write_text("train_caps.txt", "");
    expect_refused("train", "train_caps.txt: expected captions, found an empty file");
    write_captions("train_caps.txt", 9);
    expect_refused("train", "each of the 2 rows of train_ims.npy, found 9 captions");
    write_captions("train_caps.txt", 11);
    expect_refused("train", "found 11 captions");
    write_text("train_caps.txt", "a\nb\nc\nd\ne\nf\ng\n\xe9t\xe9\ni\nj\n");
    expect_refused("train", "train_caps.txt: line 8: expected UTF-8, found byte 0xe9 at offset 0");
    write_captions("train_caps.txt", 10);

    const float boxes[48] = {0};
    struct sw_dataset data;
    write_array("train_ims.npy", SW_INT32, boxes, 3, (const size_t[]){2, 3, 2});
    expect_refused("train", "train_ims.npy: expected float32, float16 or uint8, found int32");
    write_array("train_ims.npy", SW_FLOAT64, boxes, 3, (const size_t[]){2, 3, 2});
    expect_refused("train", "found float64; save it as float32");
    write_array("train_ims.npy", SW_FLOAT32, boxes, 2, (const size_t[]){2, 3});
    expect_refused("train", "expected a shape (images, regions, features), found 2 dimensions");
    write_array("train_ims.npy", SW_FLOAT32, boxes, 3, (const size_t[]){2, 0, 2});
    expect_refused("train", "found 3 dimensions: 2, 0, 2");
    char *path = unit_path(folder, "train_ims.npy");
    write_features("train_ims.npy", 2, 3, 2);
    ck_assert_int_eq(truncate(path, 128 + 47), 0);
    expect_refused("train", "expected 48 bytes of data");
    free(path);
    char *link = unit_path(folder, "train_ims_counts.npy");
    write_features("train_ims.npy", 2, 3, 2);
    ck_assert_int_eq(symlink("nowhere", link), 0);
    expect_refused("train", "train_ims_counts.npy");
    free(link);
    struct sw_error error = {0};
    ck_assert_int_eq(sw_dataset_open("/no/such/folder", "train", &vocabulary, NULL, &data, &error),
                     SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot open the data folder /no/such/folder"));
}
END_TEST

/* Captions of other systems and editors: line ends, a byte order mark, tabs, blank lines at the
 * end. */
START_TEST(kinds_of_lines)
{
    write_features("train_ims.npy", 1, 1, 1);
    write_text("train_caps.txt", "\xef\xbb\xbf"
                                 "A dog.\r\na\tdog\r\nrun\n  a  dog\nRUNS\n\n \t\r\n");
    struct sw_dataset data;
    open_good(&data, "train", NULL);
    expect_ids(&data, 0, 5, 1, 4, 5, 7, 2);
    expect_ids(&data, 1, 4, 1, 4, 5, 2);
    expect_ids(&data, 2, 3, 1, 3, 2);
    expect_ids(&data, 3, 4, 1, 4, 5, 2);
    expect_ids(&data, 4, 3, 1, 6, 2);
    size_t length;
    ck_assert_int_eq(*sw_dataset_caption(&data, 0, &length), 'A');
    ck_assert_uint_eq(length, 6);
    ck_assert_int_eq(*sw_dataset_caption(&data, 3, &length), 'a');
    sw_dataset_close(&data);
}
END_TEST

/* Lines that are no captions would be learnt as words, or shift the captions against the images. */
START_TEST(no_captions)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"a\na\n\na\na\n", "train_caps.txt: line 3: expected a caption, found an empty line"},
        {"a\n0.jpg#0\ta dog\na\na\na\n", "train_caps.txt: line 2: expected a caption, found a "
                                         "picture's name before it, '0.jpg#0'; bring the lines"},
        {"a\n0.jpg#0\ta dog\na\na\na\n", "keep the captions with 'cut -f2-'"},
        {"a\na\nX_9.JPEG\ta dog\na\na\n", "line 3: expected a caption, found a picture's name"},
        {"a\na\na\n9.png,a dog\na\n", "found a picture's name before it, '9.png'"},
        {"a\na\na\n9.png,a dog\na\n", "'cut -d, -f2-'"},
    };
    static const char good[] = "#1\ta dog\n.jpg, a dog\na 0.jpg#0\tdog\n3,a\na dog.jpg\tdog\n";
    struct sw_dataset data;
    write_features("train_ims.npy", 1, 1, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("train_caps.txt", bad[i].text);
        expect_refused("train", bad[i].says);
    }
    write_text("train_caps.txt", good);
    open_good(&data, "train", NULL);
    sw_dataset_close(&data);
}
END_TEST

/* A lost line end makes one caption of a file: gigabytes and minutes, and no word of which it is.
 */
START_TEST(long_caption)
{
    enum { WORDS = SW_LONGEST_CAPTION + 1 };
    char text[8 + 4 * WORDS] = "a\na\n", *at = text + 4;
    const struct sw_dataset_options lifted = {.longest = WORDS}, short_ones = {.longest = 2};
    struct sw_dataset data;
    write_features("train_ims.npy", 3, 1, 1);
    for (int i = 0; i < WORDS; i++)
        at = stpcpy(at, "dog ");
    write_text("train_caps.txt", text);
    expect_refused("train",
                   "train_caps.txt: line 3: expected a caption of at most 1000 words, found "
                   "1001");
    open_good(&data, "train", &lifted);
    ck_assert_uint_eq(data.longest, WORDS + 2);
    sw_dataset_close(&data);
    write_text("train_caps.txt", "a dog\na dog runs\na\n");
    expect_refused_with(
        "train", &short_ones,
        "line 2: expected a caption of at most 2 words, found 3; is a line end lost? "
        "(data.longest_caption=N sets the limit)");
}
END_TEST

/* What a vocabulary lacks would be told of other captions than those in use. */
START_TEST(words_are_counted)
{
    const struct sw_dataset_options precaps = {.precaps = true};
    struct sw_dataset data;
    struct sw_coverage c;
    write_features("train_ims.npy", 3, 1, 1);
    write_text("train_caps.txt", "A cat runs.\na big, big cat\na dog\n");
    open_good(&data, "train", NULL);
    sw_coverage(&data.words, &vocabulary, NULL, &c);
    ck_assert(c.tokens == 11 && c.types == 7 && c.tokens_covered == 6 && c.types_covered == 4);
    ck_assert_uint_eq(c.missing_count, 3);
    ck_assert_str_eq(c.missing[0].word, "cat");
    ck_assert_str_eq(c.missing[1].word, "big");
    ck_assert_uint_eq(c.missing[1].seen, 2);
    sw_dataset_close(&data);
    write_text("train_precaps.txt", "1,4,3,2\n4\n5\n");
    open_good(&data, "train", &precaps);
    sw_coverage(&data.words, &vocabulary, NULL, &c);
    ck_assert(c.tokens == 4 && c.tokens_covered == 3 && c.missing_count == 1);
    ck_assert_str_eq(c.missing[0].word, "<unk>");
    sw_dataset_close(&data);
}
END_TEST

/* Ids of other projects would miss <start> and <end>, or have them twice. */
START_TEST(ids_from_file)
{
    const struct sw_dataset_options precaps = {.precaps = true};
    write_features("train_ims.npy", 1, 1, 1);
    write_text("train_precaps.txt", "1,4,5,2\n4, 5\n\n1,6\n2\r\n");
    struct sw_dataset data;
    size_t length;
    expect_refused("train", "train_caps.txt");
    open_good(&data, "train", &precaps);
    expect_ids(&data, 0, 4, 1, 4, 5, 2);
    expect_ids(&data, 1, 4, 1, 4, 5, 2);
    expect_ids(&data, 2, 2, 1, 2);
    expect_ids(&data, 3, 3, 1, 6, 2);
    expect_ids(&data, 4, 2, 1, 2);
    ck_assert_ptr_null(sw_dataset_caption(&data, 0, &length));
    sw_dataset_close(&data);
    write_captions("train_caps.txt", 5);
    open_good(&data, "train", &precaps);
    expect_ids(&data, 3, 3, 1, 6, 2);
    ck_assert_ptr_nonnull(sw_dataset_caption(&data, 0, &length));
    sw_dataset_close(&data);
    open_good(&data, "train", NULL);
    expect_ids(&data, 3, 5, 1, 4, 5, 3, 2);
    sw_dataset_close(&data);

    write_captions("train_caps.txt", 6);
    expect_refused_with("train", &precaps, "train_precaps.txt: expected 6 lines");
    write_captions("train_caps.txt", 5);
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"1\n1\n1,8,2\n1\n1\n", "line 3: expected word ids below 8"},
        {"1\n1\n1,18446744073709551620,2\n1\n1\n", "line 3: expected word ids below 8"},
        {"1\n1,,2\n1\n1\n1\n", "line 2: expected word ids with commas between, found '1,,2'"},
        {"1\n1,2,\n1\n1\n1\n", "line 2: expected word ids"},
        {"1\n1\n1\n1\n-1\n", "line 5: expected word ids"},
        {"a dog\n1\n1\n1\n1\n", "line 1: expected word ids"},
        {"1 2\n1\n1\n1\n1\n", "line 1: expected word ids"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_text("train_precaps.txt", bad[i].text);
        expect_refused_with("train", &precaps, bad[i].says);
    }
}
END_TEST

/* Results of changed data would be taken for results of the same data, or the other way round. */
START_TEST(fingerprint)
{
    struct sw_dataset data;
    write_features("train_ims.npy", 40, 50, 50);
    write_captions("train_caps.txt", 200);
    open_good(&data, "train", NULL);
    uint64_t first = sw_dataset_fingerprint(&data);
    sw_dataset_close(&data);
    open_good(&data, "train", &(struct sw_dataset_options){.images = 3, .sequential = true});
    ck_assert_uint_eq(sw_dataset_fingerprint(&data), first);
    sw_dataset_close(&data);

    char *path = unit_path(folder, "train_ims.npy");
    FILE *file = fopen(path, "r+b"); /* the last byte: samples reach the end */
    ck_assert_int_eq(fseek(file, -1, SEEK_END), 0);
    fputc(0x40, file);
    fclose(file);
    free(path);
    open_good(&data, "train", NULL);
    uint64_t second = sw_dataset_fingerprint(&data);
    sw_dataset_close(&data);
    ck_assert_uint_ne(first, second);

    char *captions = unit_path(folder, "train_caps.txt");
    file = fopen(captions, "r+b");
    ck_assert_int_eq(fseek(file, 2, SEEK_SET), 0);
    fputc('z', file);
    fclose(file);
    free(captions);
    open_good(&data, "train", NULL);
    uint64_t third = sw_dataset_fingerprint(&data);
    sw_dataset_close(&data);
    ck_assert_uint_ne(second, third);

    int32_t counts[40];
    for (int i = 0; i < 40; i++)
        counts[i] = 50;
    write_array("train_ims_counts.npy", SW_INT32, counts, 1, (const size_t[]){40});
    open_good(&data, "train", NULL);
    ck_assert_uint_ne(sw_dataset_fingerprint(&data), third);
    sw_dataset_close(&data);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, five_a_row);
    tcase_add_test(tests, a_row_a_caption);
    tcase_add_test(tests, captions_per_image);
    tcase_add_test(tests, equal_rows_by_chance);
    tcase_add_test(tests, side_files);
    tcase_add_test(tests, all_values);
    tcase_add_test(tests, stamps);
    tcase_add_test(tests, absent);
    tcase_add_test(tests, dev_limit);
    tcase_add_test(tests, region_counts);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, kinds_of_lines);
    tcase_add_test(tests, no_captions);
    tcase_add_test(tests, long_caption);
    tcase_add_test(tests, words_are_counted);
    tcase_add_test(tests, ids_from_file);
    tcase_add_test(tests, fingerprint);
}

UNIT_MAIN("dataset", add_tests)
