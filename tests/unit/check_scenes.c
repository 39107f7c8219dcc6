/* check_scenes.c -- the folder of the generated data set: repeatable, labelled, readable. */
#include "unit.h"
#include "base/file.h"
#include "data/npy.h"
#include "data/scenes.h"

#include <math.h>
#include <sys/stat.h>

static const char *const files[] = {
    "train_ims.npy",   "train_ims_bbx.npy", "train_caps.txt",   "train_ids.txt", "dev_ims.npy",
    "dev_ims_bbx.npy", "dev_caps.txt",      "dev_ids.txt",      "test_ims.npy",  "test_ims_bbx.npy",
    "test_caps.txt",   "test_ids.txt",      "scenes.glove.txt", "README.txt",
};
enum { FILES = sizeof files / sizeof *files };

static struct sw_scenes_options small(void)
{
    struct sw_scenes_options options = sw_scenes_defaults();
    options.train_images = 160;
    options.dev_images = 10;
    options.test_images = 17;
    return options;
}

static void write_or_fail(const char *dir, const struct sw_scenes_options *options)
{
    struct sw_error error = {0};
    ck_assert_msg(!sw_scenes_write(dir, options, &error), "%s", error.text);
}

static struct sw_mapping map(const char *folder, const char *name)
{
    struct sw_mapping file;
    struct sw_error error = {0};
    char *path = unit_path(folder, name);
    ck_assert_msg(!sw_map(&file, path, &error), "%s", error.text);
    free(path);
    return file;
}

static int same_file(const char *one, const char *two, const char *name)
{
    struct sw_mapping a = map(one, name), b = map(two, name);
    int same = a.size == b.size && !memcmp(a.data, b.data, a.size);
    sw_unmap(&a);
    sw_unmap(&b);
    return same;
}

/* Two people with one seed must have one data set, and another seed must be another one. */
START_TEST(same_seed_same_bytes)
{
    char *one = unit_folder(), *two = unit_folder(), *other = unit_folder();
    struct sw_scenes_options options = small();
    write_or_fail(one, &options);
    write_or_fail(two, &options);
    write_or_fail(two, &options); /* over what was generated before */
    options.seed = 1;
    write_or_fail(other, &options);
    for (int i = 0; i < FILES; i++) {
        ck_assert_msg(same_file(one, two, files[i]), "%s differs", files[i]);
        if (!strstr(files[i], "ids"))
            ck_assert_msg(!same_file(one, other, files[i]), "%s ignores the seed", files[i]);
    }
    unit_remove_folder(one);
    unit_remove_folder(two);
    unit_remove_folder(other);
}
END_TEST

/* A larger training split must leave dev and test alone, or results could not be compared. */
START_TEST(splits_are_independent)
{
    char *one = unit_folder(), *two = unit_folder();
    struct sw_scenes_options options = small();
    write_or_fail(one, &options);
    options.train_images = 200;
    write_or_fail(two, &options);
    for (int i = 4; i < 13; i++) /* all of dev and test, and the word vectors */
        ck_assert_msg(same_file(one, two, files[i]), "%s differs", files[i]);
    ck_assert(!same_file(one, two, "train_caps.txt"));
    struct sw_mapping few = map(one, "train_ims.npy"), many = map(two, "train_ims.npy");
    ck_assert_mem_eq(few.data + 128, many.data + 128, few.size - 128);
    sw_unmap(&few);
    sw_unmap(&many);
    unit_remove_folder(one);
    unit_remove_folder(two);
}
END_TEST

/* The reader of real data must read this: shapes, five captions an image, one id an image. */
START_TEST(layout)
{
    char *folder = unit_folder();
    struct sw_scenes_options options = small();
    options.regions = 9;
    options.features = 20;
    write_or_fail(folder, &options);
    const size_t images[] = {160, 10, 17};
    for (int s = 0; s < 3; s++) {
        size_t widths[] = {20, 4};
        for (int array = 0; array < 2; array++) {
            char *path = unit_path(folder, files[4 * s + array]);
            struct sw_npy npy;
            struct sw_error error = {0};
            ck_assert_msg(!sw_npy_open(&npy, path, &error), "%s", error.text);
            ck_assert_int_eq(npy.dtype, SW_FLOAT32);
            ck_assert_int_eq(npy.ndim, 3);
            ck_assert_uint_eq(npy.shape[0], images[s]);
            ck_assert_uint_eq(npy.shape[1], 9);
            ck_assert_uint_eq(npy.shape[2], widths[array]);
            size_t row = 9 * widths[array];
            float *numbers = malloc(images[s] * row * sizeof *numbers);
            ck_assert(!sw_npy_floats(&npy, 0, images[s], numbers));
            for (size_t i = 0; i < images[s] * row; i++)
                ck_assert(isfinite(numbers[i]));
            for (size_t i = 0; array && i < images[s] * 9; i++) {
                const float *box = numbers + 4 * i;
                ck_assert(box[0] >= 0 && box[1] >= 0 && box[2] <= 640 && box[3] <= 480);
                ck_assert(box[0] < box[2] && box[1] < box[3]);
            }
            free(numbers);
            sw_npy_close(&npy);
            free(path);
        }
        for (int text = 2; text < 4; text++) {
            struct sw_mapping file = map(folder, files[4 * s + text]);
            size_t lines = 0;
            for (size_t i = 0; i < file.size; i++)
                lines += file.data[i] == '\n';
            ck_assert_uint_eq(lines, images[s] * (text == 2 ? 5 : 1));
            ck_assert_int_eq(file.data[file.size - 1], '\n');
            sw_unmap(&file);
        }
    }
    unit_remove_folder(folder);
}
END_TEST

/* ---- the label ----------------------------------------------------------------------------- */

/* A number from generated data must never pass for one from photographs. */
START_TEST(labelled)
{
    char *folder = unit_folder(), *dir = unit_path(folder, "made");
    struct sw_scenes_options options = small();
    options.seed = 12345678901;
    ck_assert(!sw_scenes_are_generated(dir));
    write_or_fail(dir, &options);
    ck_assert(sw_scenes_are_generated(dir));
    struct sw_mapping file = map(dir, "README.txt");
    char *text = strndup((const char *)file.data, file.size);
    sw_unmap(&file);
    ck_assert_ptr_nonnull(strstr(text, "generated by Stepwise"));
    ck_assert_ptr_nonnull(strstr(text, "seed: 12345678901"));
    ck_assert_ptr_nonnull(strstr(text, "160 train, 10 dev, 17 test"));
    ck_assert_ptr_nonnull(strstr(text, "12 an image, 96 features"));
    free(text);
    char *readme = unit_path(dir, "README.txt");
    unit_write(readme, "This data set", 13);
    ck_assert(!sw_scenes_are_generated(dir));
    free(readme);
    free(dir);
    unit_remove_folder(folder);
}
END_TEST

/* A slip of the hand must not put generated features over somebody's real ones. */
START_TEST(real_data_is_kept)
{
    struct sw_scenes_options options = small();
    for (int i = 0; i < FILES; i++) {
        char *folder = unit_folder(), *path = unit_path(folder, files[i]);
        unit_write(path, "mine", 4);
        struct sw_error error = {0};
        ck_assert(sw_scenes_write(folder, &options, &error) == SW_FAILED);
        ck_assert_msg(strstr(error.text, files[i]) != NULL, "%s", error.text);
        struct sw_mapping file = map(folder, files[i]);
        ck_assert_uint_eq(file.size, 4);
        ck_assert_mem_eq(file.data, "mine", 4);
        sw_unmap(&file);
        free(path);
        unit_remove_folder(folder);
    }
}
END_TEST

/* An option out of range must be named, and nothing written. */
START_TEST(refused_options)
{
    struct {
        struct sw_scenes_options options;
        const char *reason;
    } cases[8];
    for (int i = 0; i < 8; i++)
        cases[i].options = small();
    cases[0].options.train_images = 0, cases[0].reason = "train_images from 1 to 1000000, found 0";
    cases[1].options.dev_images = 1000001, cases[1].reason = "dev_images from 1";
    cases[2].options.test_images = SIZE_MAX, cases[2].reason = "test_images from 1";
    cases[3].options.regions = 37, cases[3].reason = "regions from 4 to 36, found 37";
    cases[4].options.regions = 3, cases[4].reason = "regions from 4 to 36, found 3";
    cases[5].options.features = 15, cases[5].reason = "features from 16 to 4096";
    cases[6].options.word_dim = 0, cases[6].reason = "word_dim from 4 to 1024";
    cases[7].options.noise = NAN, cases[7].reason = "noise from 0 to 100, found nan";
    char *folder = unit_folder(), *dir = unit_path(folder, "made");
    for (int i = 0; i < 8; i++) {
        struct sw_error error = {0};
        ck_assert(sw_scenes_write(dir, &cases[i].options, &error) == SW_MISUSE);
        ck_assert_msg(strstr(error.text, cases[i].reason) != NULL, "%s", error.text);
        ck_assert_int_ne(access(dir, F_OK), 0);
    }
    struct sw_scenes_options options = small();
    struct sw_error error = {0};
    unit_write(dir, "", 0);
    ck_assert(sw_scenes_write(dir, &options, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "expected a folder"));
    error = (struct sw_error){0};
    ck_assert(sw_scenes_write("/nowhere/at/all", &options, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/at/all"));
    free(dir);
    unit_remove_folder(folder);
}
END_TEST

/* The ends of the ranges must work, not only the middle. */
START_TEST(extreme_options)
{
    static const size_t ends[][3] = {{4, 16, 4}, {36, 4096, 1024}};
    for (int i = 0; i < 2; i++) {
        char *folder = unit_folder();
        struct sw_scenes_options options = small();
        options.train_images = 9, options.dev_images = options.test_images = 1;
        options.regions = ends[i][0];
        options.features = ends[i][1];
        options.word_dim = ends[i][2];
        options.noise = i ? 100 : 0;
        write_or_fail(folder, &options);
        unit_remove_folder(folder);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, same_seed_same_bytes);
    tcase_add_test(tests, splits_are_independent);
    tcase_add_test(tests, layout);
    tcase_add_test(tests, labelled);
    tcase_add_test(tests, real_data_is_kept);
    tcase_add_test(tests, refused_options);
    tcase_add_test(tests, extreme_options);
}

UNIT_MAIN("scenes", add_tests)
