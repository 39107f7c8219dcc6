/* check_zip.c -- zip archives, as Python's zipfile, NumPy and PyTorch write them. */
#include "unit.h"

#include "data/zip.h"

/* Opens tests/fuzz/corpus/zip/NAME; returns the status. */
static int open_seed(struct sw_zip *zip, const char *name, struct sw_error *error)
{
    char path[4096];
    const char *source = getenv("STEPWISE_SOURCE");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/zip/%s", source ? source : ".", name);
    return sw_zip_open(zip, path, error);
}

static void expect_member(const char *seed, const char *name, const char *content, size_t size)
{
    struct sw_zip zip;
    struct sw_error error = {0};
    unsigned char *bytes;
    ck_assert_msg(open_seed(&zip, seed, &error) == SW_OK, "%s", error.text);
    const struct sw_zip_entry *entry = sw_zip_find(&zip, name);
    ck_assert_msg(entry != NULL, "%s: no member %s", seed, name);
    ck_assert_uint_eq(entry->size, size);
    ck_assert_msg(sw_zip_extract(&zip, entry, size, &bytes, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(memcmp(bytes, content, size), 0);
    free(bytes);
    if (size) /* a limit that is met is no error, one byte less is */
        ck_assert_int_eq(sw_zip_extract(&zip, entry, size - 1, &bytes, &error), SW_FAILED);
    sw_zip_close(&zip);
}

/* Members would not be found, or not have their bytes: stored, deflated, of zip64. */
START_TEST(members)
{
    char deflated[901] = "";
    for (int i = 0; i < 100; i++)
        strcat(deflated, "deflated ");
    expect_member("stored", "b.txt", "stored", 6);
    expect_member("comment", "b.txt", "stored", 6);
    expect_member("deflated", "a.txt", deflated, 900);
    expect_member("deflated", "empty", "", 0);
    expect_member("zip64", "x", "sixty-four bits", 15);
    expect_member("zip64_local", "large", "sixty-four", 10);
    struct sw_zip zip;
    struct sw_error error = {0};
    ck_assert_int_eq(open_seed(&zip, "npz", &error), SW_OK);
    ck_assert_uint_eq(zip.count, 2);
    ck_assert_ptr_null(sw_zip_find(&zip, "y.npy"));
    sw_zip_close(&zip);
    ck_assert_int_eq(open_seed(&zip, "none", &error), SW_OK);
    ck_assert_uint_eq(zip.count, 0);
    ck_assert_ptr_null(sw_zip_find(&zip, "x"));
    sw_zip_close(&zip);
}
END_TEST

/* A stream would lose or repeat bytes between two reads. */
START_TEST(streams)
{
    struct sw_zip zip;
    struct sw_error error = {0};
    struct sw_zip_stream stream;
    char text[901] = "";
    size_t count, all = 0;
    ck_assert_int_eq(open_seed(&zip, "deflated", &error), SW_OK);
    ck_assert_int_eq(sw_zip_begin(&stream, &zip, sw_zip_find(&zip, "a.txt"), &error), SW_OK);
    do {
        ck_assert_msg(sw_zip_read(&stream, text + all, 7, &count, &error) == SW_OK, "%s",
                      error.text);
        all += count;
    } while (count);
    sw_zip_end(&stream);
    ck_assert_uint_eq(all, 900);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(memcmp(text + 9 * i, "deflated ", 9), 0);
    sw_zip_close(&zip);
}
END_TEST

static const struct {
    const char *seed, *says;
} hostile[] = {
    {"hostile_text", "expected a zip archive"},
    {"empty", "expected a zip archive, found 0 bytes"},
    {"hostile_count", "expected a directory of"},
    {"hostile_name", "holds a zero byte"},
    {"hostile_twice", "the member a is there twice"},
    {"hostile_outside", "member b.txt: expected 6 bytes at 2147483647"},
    {"hostile_checksum", "checksum"},
    {"hostile_method", "expected stored or deflated, found method 12"},
    {"hostile_encrypted", "it is encrypted"},
    {"hostile_longer", "it is longer than the archive says"},
    {"hostile_shorter", "it is shorter than the archive says"},
    {"hostile_bomb", "its two sizes do not fit each other"},
    {"hostile_header", "its header is not where the directory says"},
    {"hostile_deflate", "its deflated bytes are damaged"},
};

/* An archive that lies would be read, or end the program. */
START_TEST(refused)
{
    struct sw_zip zip;
    struct sw_error error = {0};
    unsigned char *bytes;
    int status = open_seed(&zip, hostile[_i].seed, &error);
    for (size_t i = 0; status == SW_OK && i < zip.count; i++) {
        status = sw_zip_extract(&zip, &zip.entries[i], SIZE_MAX, &bytes, &error);
        if (status == SW_OK)
            free(bytes);
    }
    ck_assert_msg(status == SW_FAILED, "read, but: %s", hostile[_i].says);
    ck_assert_msg(strstr(error.text, hostile[_i].says) != NULL, "expected '%s', found '%s'",
                  hostile[_i].says, error.text);
    ck_assert_msg(strstr(error.text, hostile[_i].seed) != NULL, "no file in '%s'", error.text);
    sw_zip_close(&zip);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, members);
    tcase_add_test(tests, streams);
    tcase_add_loop_test(tests, refused, 0, sizeof hostile / sizeof *hostile);
}

UNIT_MAIN("zip", add_tests)
