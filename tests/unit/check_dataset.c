/* check_dataset.c -- one split of a data folder: its files, and which belong together. */
#include "datasets.h"

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
    tcase_add_test(tests, absent);
    tcase_add_test(tests, dev_limit);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, fingerprint);
}

UNIT_MAIN("dataset", add_tests)
