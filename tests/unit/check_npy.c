/* check_npy.c -- .npy files. */
#include "unit.h"

#include "data/npy.h"

#include <math.h>
#include <stdint.h>

static char *folder, *file;

static void set_up(void)
{
    folder = unit_folder();
    file = unit_path(folder, "x.npy");
}

static void tear_down(void)
{
    free(file);
    unit_remove_folder(folder);
}

/* A file of the given version: header text as it is, then data. */
static void make(int version, const char *header, const void *data, size_t size)
{
    size_t length = strlen(header), at = version == 1 ? 10 : 12;
    unsigned char *bytes = calloc(1, at + length + size);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[8] = length & 255;
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + at, header, length);
    if (size)
        memcpy(bytes + at + length, data, size);
    unit_write(file, bytes, at + length + size);
    free(bytes);
}

static void expect_refused(const char *says)
{
    struct sw_error error = {0};
    struct sw_npy npy;
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_FAILED, "opened, but: %s", says);
    ck_assert_msg(strstr(error.text, says) != NULL, "expected '%s', found '%s'", says, error.text);
    ck_assert_msg(strstr(error.text, "x.npy") != NULL, "no file in '%s'", error.text);
    sw_npy_close(&npy);
}

/* What is written would not come back, or not open in NumPy: magic, version, padding, order. */
START_TEST(round_trip)
{
    float data[24], back[24];
    for (int i = 0; i < 24; i++)
        data[i] = (float)i * 0.37f - 3;
    const size_t shape[] = {2, 3, 4};
    struct sw_error error = {0};
    ck_assert_msg(sw_npy_write(file, data, 3, shape, &error) == SW_OK, "%s", error.text);
    struct sw_npy npy;
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    static const char head[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (2, 3, 4), }";
    ck_assert_int_eq(memcmp(npy.mapping.data, head, sizeof head - 1), 0);
    ck_assert_uint_eq((size_t)((const unsigned char *)npy.data - npy.mapping.data), 128);
    ck_assert_int_eq(npy.mapping.data[127], '\n');
    ck_assert_int_eq(npy.ndim, 3);
    ck_assert_int_eq(npy.dtype, SW_FLOAT32);
    ck_assert_uint_eq(npy.shape[0], 2);
    ck_assert_uint_eq(npy.shape[1], 3);
    ck_assert_uint_eq(npy.shape[2], 4);
    ck_assert_uint_eq(npy.shape[3], 1);
    ck_assert_uint_eq(sw_npy_row(&npy), 12);
    ck_assert_int_eq(sw_npy_floats(&npy, 1, 1, back), SW_OK);
    ck_assert_int_eq(memcmp(back, data + 12, 12 * sizeof *data), 0);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 2, back), SW_OK);
    ck_assert_int_eq(memcmp(back, data, sizeof data), 0);
    ck_assert_int_eq(sw_npy_floats(&npy, 2, 1, back), SW_MISUSE);
    ck_assert_int_eq(sw_npy_floats(&npy, 1, 2, back), SW_MISUSE);
    ck_assert_int_eq(sw_npy_floats(&npy, 1, SIZE_MAX, back), SW_MISUSE);
    sw_npy_close(&npy);
}
END_TEST

/* A file that NumPy wrote, in one of its many ways, would be refused or misread. */
START_TEST(forms_of_header)
{
    static const struct {
        int version;
        const char *header;
        int ndim;
        size_t shape[2];
    } good[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n", 2, {2, 1}},
        {2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 2, {2, 1}},
        {3, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 2, {2, 1}},
        {1, "{'shape': (2,), 'descr': '<f4', 'fortran_order': False}\n", 1, {2, 1}},
        {1, "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(1,2)}", 2, {1, 2}},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }\n", 2, {2, 1}},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 1), }\n", 4, {1, 2}},
    };
    const float data[] = {1.5f, -2.25f};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        make(good[i].version, good[i].header, data, sizeof data);
        struct sw_error error = {0};
        struct sw_npy npy;
        float back[2] = {0};
        ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%zu: %s", i, error.text);
        ck_assert_int_eq(npy.ndim, good[i].ndim);
        ck_assert_uint_eq(npy.shape[0], good[i].shape[0]);
        ck_assert_uint_eq(npy.shape[1], good[i].shape[1]);
        ck_assert_int_eq(sw_npy_floats(&npy, 0, npy.shape[0], back), SW_OK);
        ck_assert(back[0] == 1.5f && back[1] == -2.25f);
        sw_npy_close(&npy);
    }
    /* one number without dimensions, and an array without rows */
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", data, 4);
    struct sw_error error = {0};
    struct sw_npy npy;
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(npy.ndim, 0);
    sw_npy_close(&npy);
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", data, 0);
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 0, NULL), SW_OK);
    sw_npy_close(&npy);
}
END_TEST

/* A wrong file would train on noise: each refusal names what was expected and what was found. */
START_TEST(refused)
{
    static const struct {
        const char *header, *says;
    } bad[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", "found >f4 (big-endian)"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "Python objects"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "several fields"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "found Fortran order"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", "True or False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,2), }", "at most 4"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "found '-2,), }'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", "one dimension"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 1), }", "',' or ')'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "found 'x'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "found its end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shap': (2,), }", "did you mean 'shape'?"},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (2,), }", "comes twice"},
        {"{'descr': '<f4', 'shape': (2,), }", "the key 'fortran_order', found none"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
         "expected 12 bytes of data for float32 of shape (3), found 8: the file is cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
         "expected 4 bytes of data for float32 of shape (1), found 8: the file is too long"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967298), }",
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967298), }",
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
         "fits in memory"},
        {"", "'{'"},
    };
    const float data[2] = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make(1, bad[i].header, data, sizeof data);
        expect_refused(bad[i].says);
    }
    make(1, "{'descr': '<f4', 'fortran_order': ", "False", 5);
    expect_refused("expected True or False after fortran_order, found its end");
    make(4, bad[0].header, data, sizeof data);
    expect_refused("found 4.0");
    unit_write(file, "PK\3\4 and so on", 13);
    expect_refused("expected a .npy file, found 13 bytes");
    unit_write(file, "", 0);
    expect_refused("found 0 bytes");
    struct sw_error error = {0};
    struct sw_npy npy;
    ck_assert_int_eq(sw_npy_open(&npy, folder, &error), SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "folder"));
}
END_TEST

/* A download that stopped, or bytes that flipped, would be read beyond the end. */
START_TEST(broken_anywhere)
{
    const float data[2] = {1, 2};
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", data, sizeof data);
    struct sw_npy npy;
    struct sw_error error = {0};
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    size_t size = npy.mapping.size;
    unsigned char *whole = malloc(size), *bytes = malloc(size);
    memcpy(whole, npy.mapping.data, size);
    sw_npy_close(&npy);
    for (size_t length = 0; length < size; length++) {
        unit_write(file, whole, length);
        error = (struct sw_error){0};
        ck_assert_int_eq(sw_npy_open(&npy, file, &error), SW_FAILED);
    }
    uint32_t state = 1;
    for (int i = 0; i < 3000; i++) {
        memcpy(bytes, whole, size);
        for (int j = 0; j < 3; j++) {
            state = state * 1664525u + 1013904223u;
            bytes[(state >> 8) % (size - sizeof data)] = (unsigned char)(state >> 24);
        }
        unit_write(file, bytes, size);
        error = (struct sw_error){0};
        if (sw_npy_open(&npy, file, &error) == SW_OK) {
            float out[8];
            ck_assert_uint_le(npy.shape[0] * sw_npy_row(&npy), 8);
            if (npy.dtype != SW_INT32 && npy.dtype != SW_INT64 && npy.ndim)
                ck_assert_int_eq(sw_npy_floats(&npy, 0, npy.shape[0], out), SW_OK);
            sw_npy_close(&npy);
        }
    }
    free(whole);
    free(bytes);
}
END_TEST

static void open_numbers(struct sw_npy *npy, const char *descr, size_t count, const void *data,
                         size_t size, int pad)
{
    char header[200];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu,), }%*s",
             descr, count, pad, "");
    make(1, header, data, size);
    struct sw_error error = {0};
    ck_assert_msg(sw_npy_open(npy, file, &error) == SW_OK, "%s", error.text);
}

/* Features in float16 would be wrong somewhere: all of them, at each alignment, by arithmetic. */
START_TEST(half_precision)
{
    static uint16_t halves[65536];
    static float out[65536];
    for (int i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    for (int pad = 0; pad < 2; pad++) {
        struct sw_npy npy;
        open_numbers(&npy, "<f2", 65536, halves, sizeof halves, pad);
        ck_assert_int_eq(sw_npy_floats(&npy, 0, 65536, out), SW_OK);
        for (int i = 0; i < 65536; i++) {
            int exponent = i >> 10 & 31, mantissa = i & 1023;
            double value = exponent == 0    ? ldexp(mantissa, -24)
                           : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                            : ldexp(1024 + mantissa, exponent - 25);
            if (i & 0x8000)
                value = -value;
            if (isnan(value))
                ck_assert_msg(isnan(out[i]), "0x%04x: %g", (unsigned)i, (double)out[i]);
            else
                ck_assert_msg(out[i] == (float)value && !signbit(out[i]) == !signbit(value),
                              "0x%04x: expected %g, found %g", (unsigned)i, value, (double)out[i]);
        }
        /* a part that begins and ends anywhere */
        ck_assert_int_eq(sw_npy_floats(&npy, 0x3c01, 13, out), SW_OK);
        ck_assert(out[0] == 1 + 0x1p-10f && out[12] == 1 + 13 * 0x1p-10f);
        sw_npy_close(&npy);
    }
}
END_TEST

/* Features in uint8 would be scaled in another way than by the programs that share the files. */
START_TEST(bytes)
{
    unsigned char data[256];
    float out[256];
    for (int i = 0; i < 256; i++)
        data[i] = (unsigned char)i;
    struct sw_npy npy;
    open_numbers(&npy, "|u1", 256, data, sizeof data, 0);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 256, out), SW_OK);
    for (int i = 0; i < 256; i++)
        ck_assert(out[i] == (float)i * (1.0f / 255.0f));
    ck_assert_int_eq(sw_npy_integer(&npy, 200), 200);
    sw_npy_close(&npy);
}
END_TEST

/* Region counts would be misread, and boxes in whole or in double numbers refused. */
START_TEST(integers)
{
    const int32_t small[] = {1, -2, INT32_MAX};
    const int64_t large[] = {1, -2, INT64_MAX};
    float out[3];
    struct sw_npy npy;
    open_numbers(&npy, "<i4", 3, small, sizeof small, 1);
    ck_assert_int_eq(sw_npy_integer(&npy, 1), -2);
    ck_assert_int_eq(sw_npy_integer(&npy, 2), INT32_MAX);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 3, out), SW_OK);
    ck_assert(out[0] == 1 && out[1] == -2);
    sw_npy_close(&npy);
    open_numbers(&npy, "<i8", 3, large, sizeof large, 3);
    ck_assert(sw_npy_integer(&npy, 1) == -2 && sw_npy_integer(&npy, 2) == INT64_MAX);
    ck_assert_int_eq(sw_npy_floats(&npy, 1, 1, out), SW_OK);
    ck_assert(out[0] == -2);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 4, out), SW_MISUSE);
    sw_npy_close(&npy);
    const double wide[] = {1, -2.5, 1e300};
    open_numbers(&npy, "<f8", 3, wide, sizeof wide, 2);
    ck_assert_int_eq(sw_npy_floats(&npy, 0, 3, out), SW_OK);
    ck_assert(out[0] == 1 && out[1] == -2.5f && isinf(out[2]));
    sw_npy_close(&npy);
}
END_TEST

/* A writer that was stopped would leave half a file under the name of a whole one. */
START_TEST(row_by_row)
{
    struct sw_error error = {0};
    struct sw_npy_writer writer;
    struct sw_npy npy;
    const size_t shape[] = {3, 2};
    const float rows[] = {1, 2, 3, 4, 5, 6};
    ck_assert_int_eq(sw_npy_begin(&writer, file, SW_FLOAT32, 2, shape, &error), SW_OK);
    ck_assert_int_eq(sw_npy_append(&writer, rows, 1, &error), SW_OK);
    ck_assert_int_ne(access(file, F_OK), 0);
    ck_assert_int_eq(sw_npy_commit(&writer, &error), SW_MISUSE);
    ck_assert_ptr_nonnull(strstr(error.text, "expected 3 rows, found 1"));
    ck_assert_int_ne(access(file, F_OK), 0);

    error = (struct sw_error){0};
    ck_assert_int_eq(sw_npy_begin(&writer, file, SW_FLOAT32, 2, shape, &error), SW_OK);
    ck_assert_int_eq(sw_npy_append(&writer, rows, 1, &error), SW_OK);
    ck_assert_int_eq(sw_npy_append(&writer, rows + 2, 2, &error), SW_OK);
    ck_assert_int_eq(sw_npy_append(&writer, rows, 1, &error), SW_MISUSE);
    error = (struct sw_error){0};
    ck_assert_msg(sw_npy_commit(&writer, &error) == SW_OK, "%s", error.text);
    sw_npy_discard(&writer);
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(memcmp(npy.data, rows, sizeof rows), 0);
    sw_npy_close(&npy);

    const size_t one[] = {2}, huge[] = {SIZE_MAX / 2, 3};
    const unsigned char bytes_[] = {7, 9};
    ck_assert_int_eq(sw_npy_begin(&writer, file, SW_UINT8, 1, one, &error), SW_OK);
    ck_assert_int_eq(sw_npy_append(&writer, bytes_, 2, &error), SW_OK);
    ck_assert_int_eq(sw_npy_commit(&writer, &error), SW_OK);
    ck_assert_msg(sw_npy_open(&npy, file, &error) == SW_OK, "%s", error.text);
    ck_assert(npy.dtype == SW_UINT8 && sw_npy_integer(&npy, 1) == 9);
    sw_npy_close(&npy);
    ck_assert_int_eq(sw_npy_begin(&writer, file, SW_UINT8, 2, huge, &error), SW_MISUSE);
    sw_npy_discard(&writer);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_npy_begin(&writer, "/nowhere/at/all.npy", SW_UINT8, 1, one, &error),
                     SW_FAILED);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, forms_of_header);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, broken_anywhere);
    tcase_add_test(tests, half_precision);
    tcase_add_test(tests, bytes);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, row_by_row);
}

UNIT_MAIN("npy", add_tests)
