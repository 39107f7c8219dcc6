/* check_dataset_values.c -- the numbers of a split: read, checked, stamped. */
#include "datasets.h"

#include "tensor/threads/compute.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* kB of mapped files that this process holds; -1: the kernel does not say */
static long mapped_kb(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kb = -1;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssFile: %ld kB", &kb) == 1)
            break;
    if (status)
        fclose(status);
    return kb;
}

/* A data set may be larger than memory: what the check has read does not stay mapped. */
START_TEST(a_large_file_does_not_fill_memory)
{
    enum { IMAGES = 2048, HEADER = 128, BYTES = 8 * 4096 * 4 }; /* 268 MB, sparse */
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(2, &error);
    struct sw_dataset data;
    char header[HEADER];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\0v\0", 10);
    const char about[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2048, 8, 4096), }";
    memcpy(header + 10, about, sizeof about - 1);
    header[HEADER - 1] = '\n';
    char *path = unit_path(folder, "test_ims.npy");
    FILE *file = fopen(path, "wb");
    ck_assert(file && fwrite(header, 1, HEADER, file) == HEADER);
    ck_assert_int_eq(fflush(file), 0);
    ck_assert_int_eq(ftruncate(fileno(file), HEADER + (off_t)IMAGES * BYTES), 0);
    fclose(file);
    free(path);
    write_captions("test_caps.txt", 5 * IMAGES);
    open_good(&data, "test", NULL);
    long before = mapped_kb();
    ck_assert_msg(sw_dataset_check_values(&data, compute, &error) == SW_OK, "%s", error.text);
    if (before >= 0)
        ck_assert_int_lt(mapped_kb() - before, IMAGES / 2 * (BYTES / 1024));
    sw_dataset_close(&data);
    sw_compute_free(compute);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, all_values);
    tcase_add_test(tests, stamps);
    tcase_add_test(tests, region_counts);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, a_large_file_does_not_fill_memory);
}

UNIT_MAIN("dataset_values", add_tests)
