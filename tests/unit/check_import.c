/* check_import.c -- what an import reads and writes in pieces: base64, long lines, lists of JSON,
 * rows of .npy files. */
#include "unit.h"

#include "data/base64.h"
#include "data/fields.h"
#include "data/json_items.h"
#include "data/npy_rows.h"

#include <math.h>

static char *folder, *file;

static void set_up(void)
{
    folder = unit_folder();
    file = unit_path(folder, "x");
}

static void tear_down(void)
{
    free(file);
    unit_remove_folder(folder);
}

/* The examples of RFC 4648, and what is none. */
START_TEST(base64)
{
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""},
                {"Zg==", "f"},
                {"Zm8=", "fo"},
                {"Zm9v", "foo"},
                {"Zm9vYg==", "foob"},
                {"Zm9vYmE=", "fooba"},
                {"Zm9vYmFy", "foobar"}};
    static const struct {
        const char *text, *says;
    } bad[] = {{"Zg=", "expected a multiple of 4"}, {"Z===", "character 2 is 0x3d"},
               {"Zm=v", "character 3 is 0x3d"},     {"Zm9v\nYm9", "character 5 is 0x0a"},
               {"Zm9-", "character 4 is 0x2d"},     {"====", "character 1 is 0x3d"}};
    unsigned char out[16];
    size_t count;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct sw_error error = {0};
        size_t length = strlen(good[i].text);
        ck_assert_int_eq(sw_base64_decode(good[i].text, length, out, &count, &error), SW_OK);
        ck_assert_uint_eq(count, strlen(good[i].bytes));
        ck_assert_uint_le(count, sw_base64_room(length));
        ck_assert_int_eq(memcmp(out, good[i].bytes, count), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sw_error error = {0};
        ck_assert_int_eq(sw_base64_decode(bad[i].text, strlen(bad[i].text), out, &count, &error),
                         SW_FAILED);
        ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "'%s': %s", bad[i].text, error.text);
    }
}
END_TEST

/* Each float16 comes back as itself, what lies between two goes to the nearer, ties to even. */
START_TEST(float16)
{
    float x, next;
    uint16_t back;
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const uint16_t halves[] = {(uint16_t)bits, (uint16_t)(bits + 1)};
        struct sw_npy npy = {.dtype = SW_FLOAT16, .ndim = 1, .shape = {2, 1, 1, 1}, .data = halves};
        ck_assert_int_eq(sw_npy_floats(&npy, 0, 1, &x), SW_OK);
        ck_assert_int_eq(sw_npy_floats(&npy, 1, 1, &next), SW_OK);
        ck_assert(sw_npy_from_floats(SW_FLOAT16, &x, 1, &back));
        ck_assert_uint_eq(back, bits);
        x = -x;
        ck_assert(sw_npy_from_floats(SW_FLOAT16, &x, 1, &back));
        ck_assert_uint_eq(back, bits | 0x8000);
        if (bits == 0x7bff)
            continue;
        float middle = 0.5f * (-x + next);
        ck_assert(sw_npy_from_floats(SW_FLOAT16, &middle, 1, &back));
        ck_assert_uint_eq(back, bits + (bits & 1));
        middle = nextafterf(middle, INFINITY);
        ck_assert(sw_npy_from_floats(SW_FLOAT16, &middle, 1, &back) && back == bits + 1);
    }
    static const float large[] = {65520.0f, 1e30f, INFINITY, NAN};
    for (size_t i = 0; i < 4; i++)
        ck_assert(!sw_npy_from_floats(SW_FLOAT16, large + i, 1, &back));
    x = 65519.0f;
    ck_assert(sw_npy_from_floats(SW_FLOAT16, &x, 1, &back) && back == 0x7bff);
}
END_TEST

START_TEST(uint8)
{
    uint8_t bytes[256], back[256];
    float floats[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    struct sw_npy npy = {.dtype = SW_UINT8, .ndim = 1, .shape = {256, 1, 1, 1}, .data = bytes};
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 256, floats), SW_OK);
    ck_assert(sw_npy_from_floats(SW_UINT8, floats, 256, back));
    ck_assert_int_eq(memcmp(bytes, back, 256), 0);
    static const float beyond[] = {-0.01f, 1.01f, NAN};
    for (size_t i = 0; i < 3; i++)
        ck_assert(!sw_npy_from_floats(SW_UINT8, beyond + i, 1, back));
}
END_TEST

/* Rows put in any order, and again after the file was closed, are those that are read. */
START_TEST(rows)
{
    const size_t shape[] = {4, 2, 3};
    struct sw_error error = {0};
    struct sw_row_file out;
    struct sw_row_reader in;
    float row[6];
    for (int pass = 0; pass < 2; pass++) {
        ck_assert_msg(sw_row_file_open(&out, file, SW_FLOAT32, 3, shape, &error) == SW_OK, "%s",
                      error.text);
        for (size_t r = 4 - 2 * (size_t)pass; r-- > 2 - 2 * (size_t)pass;) {
            for (int i = 0; i < 6; i++)
                row[i] = (float)(10 * r) + (float)i;
            ck_assert_int_eq(sw_row_file_put(&out, r, row, &error), SW_OK);
        }
        ck_assert_int_eq(sw_row_file_sync(&out, &error), SW_OK);
        sw_row_file_close(&out);
    }
    ck_assert_msg(sw_row_reader_open(&in, file, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(in.npy.ndim, 3);
    ck_assert_uint_eq(in.bytes, sizeof row);
    for (size_t r = 0; r < 4; r++) {
        if (r == 1) {
            ck_assert_int_eq(sw_row_reader_skip(&in, 1, &error), SW_OK);
            continue;
        }
        ck_assert_int_eq(sw_row_reader_next(&in, &error), SW_OK);
        memcpy(row, in.row, sizeof row);
        for (int i = 0; i < 6; i++)
            ck_assert_float_eq(row[i], (float)(10 * r) + (float)i);
    }
    ck_assert_int_eq(sw_row_reader_next(&in, &error), SW_MISUSE);
    sw_row_reader_close(&in);

    /* another shape, of as many bytes, begins anew */
    const size_t other[] = {4, 3, 2};
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_row_file_open(&out, file, SW_FLOAT32, 3, other, &error), SW_OK);
    sw_row_file_close(&out);
    ck_assert_int_eq(sw_row_reader_open(&in, file, &error), SW_OK);
    ck_assert_uint_eq(in.npy.shape[1], 3);
    ck_assert_int_eq(sw_row_reader_next(&in, &error), SW_OK);
    memcpy(row, in.row, sizeof row);
    ck_assert_float_eq(row[5], 0);
    sw_row_reader_close(&in);
}
END_TEST

/* A file that is cut, or longer than its header says, would be read. */
START_TEST(cut_rows)
{
    const float data[6] = {1, 2, 3, 4, 5, 6};
    const size_t shape[] = {3, 2};
    struct sw_error error = {0};
    struct sw_row_reader in;
    ck_assert_int_eq(sw_npy_write(file, data, 2, shape, &error), SW_OK);
    for (long size = 0; size < 152; size += 7) {
        struct sw_error bad = {0};
        ck_assert_int_eq(truncate(file, size), 0);
        ck_assert_int_eq(sw_row_reader_open(&in, file, &bad), SW_FAILED);
        ck_assert_msg(strstr(bad.text, file) != NULL, "no file in '%s'", bad.text);
        ck_assert_int_eq(sw_npy_write(file, data, 2, shape, &error), SW_OK);
    }
}
END_TEST

static void expect_field(const struct sw_fields *in, size_t i, const char *text)
{
    ck_assert_uint_eq(in->lengths[i], strlen(text));
    ck_assert_int_eq(memcmp(in->fields[i], text, strlen(text)), 0);
}

/* Lines longer than the buffer, an end without a newline, and a jump to a line. */
START_TEST(fields)
{
    enum { LONG = 3 << 20 };
    struct sw_error error = {0};
    struct sw_fields in;
    char *text = malloc(LONG + 64);
    size_t size = (size_t)sprintf(text, "a\tb\r\n\n1\t");
    memset(text + size, 'x', LONG);
    size += LONG;
    size += (size_t)sprintf(text + size, "\t3\nlast");
    unit_write(file, text, size);
    ck_assert_int_eq(sw_fields_open(&in, file, &error), SW_OK);
    ck_assert_int_eq(sw_fields_next(&in, &error), SW_OK);
    ck_assert_uint_eq(in.count, 2);
    expect_field(&in, 1, "b");
    ck_assert_int_eq(sw_fields_next(&in, &error), SW_OK);
    ck_assert_uint_eq(in.count, 1);
    expect_field(&in, 0, "");
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(sw_fields_next(&in, &error), SW_OK);
        ck_assert_uint_eq(in.count, 3);
        ck_assert_uint_eq(in.line, 3);
        ck_assert_uint_eq(in.offset, 6);
        ck_assert_uint_eq(in.lengths[1], LONG);
        expect_field(&in, 2, "3");
        ck_assert_int_eq(sw_fields_next(&in, &error), SW_OK);
        expect_field(&in, 0, "last");
        ck_assert_int_eq(sw_fields_next(&in, &error), SW_OK);
        ck_assert_uint_eq(in.count, 0);
        ck_assert_int_eq(sw_fields_seek(&in, 6, 3, &error), SW_OK);
    }
    sw_fields_close(&in);
    free(text);
}
END_TEST

static int items_of(const char *text, const char *key, size_t *count, struct sw_error *error)
{
    struct sw_json_items in;
    const char *item;
    size_t length;
    unit_write(file, text, strlen(text));
    *count = 0;
    int status = sw_json_items_open(&in, file, key, error);
    while (!status && !(status = sw_json_items_next(&in, &item, &length, error)) && item) {
        ck_assert_uint_gt(length, 0);
        ++*count;
    }
    sw_json_items_close(&in);
    return status;
}

/* The right list would not be found behind others, or its elements not be told apart. */
START_TEST(json)
{
    struct sw_error error = {0};
    size_t count;
    static const char text[] =
        "{\"a\": {\"images\": [1]}, \"b\": \"\\\"]}\", \"images\" :\n [ {\"x\": "
        "\"],[\\\\\"} ,\t2.5, \"s,\" , [[], {}], null ] , \"c\": 1}";
    ck_assert_msg(items_of(text, "images", &count, &error) == SW_OK, "%s", error.text);
    ck_assert_uint_eq(count, 5);
    ck_assert_int_eq(items_of("{\"images\": []}", "images", &count, &error), SW_OK);
    ck_assert_uint_eq(count, 0);
    static const char *const bad[] = {
        "",
        "[1]",
        "{\"a\": 1}",
        "{\"images\": 1}",
        "{\"images\"",
        "{\"images\": [1",
        "{\"images\": [1 2]",
        "{\"images\": [{\"a\": 1]",
        "{\"images\": [\"a",
        "{\"images\": [1,",
        "{\"a\": }",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sw_error why = {0};
        ck_assert_msg(items_of(bad[i], "images", &count, &why) == SW_FAILED, "%s", bad[i]);
        ck_assert_msg(strstr(why.text, file) != NULL, "no file in '%s'", why.text);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, base64);
    tcase_add_test(tests, float16);
    tcase_add_test(tests, uint8);
    tcase_add_test(tests, rows);
    tcase_add_test(tests, cut_rows);
    tcase_add_test(tests, fields);
    tcase_add_test(tests, json);
}

UNIT_MAIN("import", add_tests)
