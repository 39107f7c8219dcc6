/* check_safetensors.c -- what is written comes back, and a damaged file is refused by name. */
#include "unit.h"
#include "data/safetensors.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

static const float weight[6] = {1, -2.5f, 3e-20f, 4e20f, -0.0f, 6};
static const float steps[2] = {3, 16777216};
static const float scalar = 7;

static const struct sw_safetensors_entry three[] = {
    {.name = "l2l.text_key.weight", .ndim = 2, .shape = {2, 3}, .data = weight},
    {.name = "loss", .data = &scalar},
    {.name = "adam.steps", .ndim = 1, .shape = {2}, .data = steps},
};

static void write_three(const char *path)
{
    struct sw_error error = {0};
    json_t *metadata = json_pack("{s:s, s:s}", "stepwise", "{\"model\": {}}", "note", "\xc3\xa9");
    ck_assert_msg(!sw_safetensors_write(path, three, 3, metadata, &error), "%s", error.text);
    json_decref(metadata);
}

/* The bytes of a file, in memory of exactly that size, so that a sanitizer sees a step outside. */
static unsigned char *bytes_of(const char *path, size_t *size)
{
    struct sw_mapping file;
    ck_assert(!sw_map(&file, path, NULL));
    unsigned char *bytes = malloc(file.size);
    memcpy(bytes, file.data, file.size);
    *size = file.size;
    sw_unmap(&file);
    return bytes;
}

/* A checkpoint that came back with another value, shape, order or config would be another model. */
START_TEST(round_trip)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    write_three(path);
    struct sw_safetensors file;
    struct sw_error error = {0};
    ck_assert_msg(!sw_safetensors_open(&file, path, &error), "%s", error.text);
    ck_assert_uint_eq(file.count, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(file.entries[i].name, three[i].name);
    ck_assert_str_eq(sw_safetensors_string(&file, "stepwise"), "{\"model\": {}}");
    ck_assert_str_eq(sw_safetensors_string(&file, "note"), "\xc3\xa9");
    ck_assert_ptr_null(sw_safetensors_string(&file, "nothing"));
    ck_assert_ptr_null(sw_safetensors_find(&file, "nothing"));
    float got[6], one = 0;
    size_t two_three[] = {2, 3}, two[] = {2};
    ck_assert(!sw_safetensors_floats(&file, "l2l.text_key.weight", 2, two_three, got, &error));
    ck_assert_mem_eq(got, weight, sizeof weight);
    ck_assert(!sw_safetensors_floats(&file, "loss", 0, NULL, &one, &error));
    ck_assert(one == scalar);
    ck_assert(!sw_safetensors_floats(&file, "adam.steps", 1, two, got, &error));
    ck_assert_mem_eq(got, steps, sizeof steps);
    sw_safetensors_close(&file);
    sw_safetensors_close(&file);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* The layout other programs expect: length, header to a multiple of eight, tensors in order; and
 * the same bytes each time, or two equal runs would leave unequal checkpoints. */
START_TEST(layout)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    size_t size, again;
    write_three(path);
    unsigned char *bytes = bytes_of(path, &size);
    write_three(path);
    unsigned char *second = bytes_of(path, &again);
    ck_assert_uint_eq(size, again);
    ck_assert_mem_eq(bytes, second, size);
    static const char header[] =
        "{\"__metadata__\":{\"stepwise\":\"{\\\"model\\\": {}}\",\"note\":\"\xc3\xa9\"},"
        "\"l2l.text_key.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"loss\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]},"
        "\"adam.steps\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[28,36]}}";
    size_t used = sizeof header - 1, padded = (used + 7) / 8 * 8;
    ck_assert_uint_ne(used, padded);
    ck_assert_uint_eq(size, 8 + padded + 36);
    ck_assert_uint_eq(bytes[0] + 256u * bytes[1], padded);
    ck_assert_mem_eq(bytes + 8, header, used);
    for (size_t i = used; i < padded; i++)
        ck_assert_int_eq(bytes[8 + i], ' ');
    ck_assert_mem_eq(bytes + 8 + padded, weight, 24);
    ck_assert_mem_eq(bytes + 8 + padded + 28, steps, 8);
    free(bytes);
    free(second);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* Asking for what the file does not hold must say what it does hold, not hand out other numbers. */
START_TEST(wrong_requests)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    write_three(path);
    struct sw_safetensors file;
    ck_assert(!sw_safetensors_open(&file, path, NULL));
    size_t shape[] = {3, 2};
    float got[6];
    struct sw_error error = {0};
    ck_assert(sw_safetensors_floats(&file, "l2l.text_key.wieght", 2, shape, got, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "did you mean 'l2l.text_key.weight'?"));
    error = (struct sw_error){0};
    ck_assert(sw_safetensors_floats(&file, "l2l.text_key.weight", 2, shape, got, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "expected shape 3 x 2, found 2 x 3"));
    error = (struct sw_error){0};
    shape[0] = 2;
    ck_assert(sw_safetensors_floats(&file, "l2l.text_key.weight", 1, shape, got, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "expected shape 2, found 2 x 3"));
    sw_safetensors_close(&file);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

#define TENSOR(name, dtype, shape, begin, end)                                                     \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end \
    "]}"

/* A header, the number of tensor bytes after it, and what the refusal must say; NULL: accepted. */
static const struct attack {
    const char *header;
    size_t bytes;
    const char *reason;
} attacks[] = {
    {"{" TENSOR("a", "F32", "[2]", 0, 8) "}", 8, NULL},
    {"{}", 0, NULL},
    {"{" TENSOR("a", "F32", "[]", 0, 4) "}   ", 4, NULL},
    {"{" TENSOR("b", "U8", "[3]", 4, 7) "," TENSOR("a", "F32", "[1]", 0, 4) "}", 7, NULL},
    {"{" TENSOR("a", "F16", "[2]", 0, 4) "," TENSOR("b", "BF16", "[2]", 4, 8) "," TENSOR(
         "c", "F64", "[1]", 8, 16) "," TENSOR("d", "I32", "[1]", 16, 20) "}",
     20, NULL},
    {"{\"a\"", 0, "not valid JSON"},
    {" {}", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {"{}{}", 0, "not valid JSON"},
    {"{\"\xff\":{}}", 0, "not valid JSON"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("a", "F32", "[1]", 4, 8) "}", 8,
     "duplicate object key"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "duplicate object key"},
    {"{" TENSOR("", "F32", "[1]", 0, 4) "}", 4, "empty name"},
    {"{" TENSOR("a\\u0000b", "F32", "[1]", 0, 4) "}", 4, "not valid JSON"},
    {"{\"a\":7}", 0, "expected an object of dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "expected an object of dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "expected an object of dtype"},
    {"{" TENSOR("a", "F31", "[1]", 0, 4) "}", 4, "unknown dtype 'F31'"},
    {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype"},
    {"{" TENSOR("a", "F32", "4", 0, 4) "}", 4, "expected a list as its shape"},
    {"{" TENSOR("a", "F32", "[1,1,1,1,1]", 0, 4) "}", 4, "at most 4 dimensions, found 5"},
    {"{" TENSOR("a", "F32", "[-1]", 0, 4) "}", 4, "expected a whole number above 0"},
    {"{" TENSOR("a", "F32", "[1.0]", 0, 4) "}", 4, "expected a whole number above 0"},
    {"{" TENSOR("a", "F32", "[0]", 0, 0) "}", 0, "expected a whole number above 0"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("b", "F32", "[0,9]", 4, 4) "}", 4,
     "expected a whole number above 0"},
    {"{" TENSOR("a", "F32", "[4294967296,4294967296]", 0, 0) "}", 0, "more elements than 64 bits"},
    {"{" TENSOR("a", "F32", "[4611686018427387904,1]", 0, 0) "}", 0, "does not fill its range"},
    {"{" TENSOR("a", "F32", "[99999999999999999999]", 0, 4) "}", 4, "not valid JSON"},
    {"{" TENSOR("a", "F32", "[1]", 4, 0) "}", 4, "before they begin"},
    {"{" TENSOR("a", "F32", "[1]", -4, 0) "}", 4, "expected a whole number, 0 or more, as begin"},
    {"{" TENSOR("a", "F32", "[1]", 0, -4) "}", 4, "expected a whole number, 0 or more, as end"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4.0) "}", 4, "as end"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "expected [begin, end]"},
    {"{" TENSOR("a", "F32", "[2]", 0, 8) "}", 4, "past the end of the file"},
    {"{" TENSOR("a", "F32", "[1]", 9223372036854775803, 9223372036854775807) "}", 4,
     "past the end"},
    {"{" TENSOR("a", "F32", "[3]", 0, 8) "}", 8, "3 of F32 does not fill its range of 8 bytes"},
    {"{" TENSOR("a", "F64", "[1,2]", 0, 8) "}", 8, "1 x 2 of F64 does not fill"},
    {"{" TENSOR("a", "F32", "[1]", 4, 8) "}", 8, "leave a gap"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("b", "F32", "[1]", 8, 12) "}", 12,
     "leave a gap"},
    {"{" TENSOR("a", "F32", "[2]", 0, 8) "," TENSOR("b", "F32", "[1]", 4, 8) "}", 8,
     "overlap another tensor's"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("b", "F32", "[1]", 0, 4) "}", 4,
     "overlap another tensor's"},
    {"{" TENSOR("a", "F32", "[1]", 0, 4) "}", 5, "1 bytes follow the last tensor"},
    {"{}", 4, "4 bytes follow the last tensor"},
    {"{\"__metadata__\":{\"a\":\"b\"}}", 0, NULL},
    {"{\"__metadata__\":[]}", 0, "expected an object of strings"},
    {"{\"__metadata__\":null}", 0, "expected an object of strings"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "expected a string as 'a'"},
};

/* Each of these headers has broken a reader somewhere: a crash, or a tensor of other memory. */
START_TEST(known_attacks)
{
    const struct attack *attack = &attacks[_i];
    uint64_t length = strlen(attack->header);
    size_t size = 8 + length + attack->bytes;
    unsigned char *bytes = calloc(1, size);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, attack->header, length);
    struct sw_safetensors file;
    struct sw_error error = {0};
    int status = sw_safetensors_parse(&file, bytes, size, "x.safetensors", &error);
    if (attack->reason) {
        ck_assert_msg(status == SW_FAILED, "accepted: %s", attack->header);
        ck_assert_msg(strstr(error.text, attack->reason) != NULL, "%s", error.text);
        ck_assert_msg(!strncmp(error.text, "x.safetensors: ", 15), "%s", error.text);
        ck_assert_uint_eq(file.count, 0);
    } else {
        ck_assert_msg(status == SW_OK, "%s", error.text);
    }
    sw_safetensors_close(&file);
    free(bytes);
}
END_TEST

/* Integers of another program must not be read as floats. */
START_TEST(other_dtype)
{
    static const char header[] = "{" TENSOR("a", "I64", "[1]", 0, 8) "}";
    uint64_t length = sizeof header - 1;
    unsigned char bytes[8 + sizeof header - 1 + 8] = {0};
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, sizeof header - 1);
    struct sw_safetensors file;
    struct sw_error error = {0};
    ck_assert_msg(!sw_safetensors_parse(&file, bytes, sizeof bytes, "x", &error), "%s", error.text);
    size_t one[] = {1};
    float got[2];
    ck_assert(sw_safetensors_floats(&file, "a", 1, one, got, &error));
    ck_assert_str_eq(error.text, "x: tensor 'a': expected dtype F32, found I64");
    sw_safetensors_close(&file);
}
END_TEST

/* A length field must not send the reader outside the file or into a huge allocation. */
START_TEST(header_lengths)
{
    static const uint64_t lengths[] = {9, 100000000, 100000001, UINT64_MAX, UINT64_MAX - 7, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char *bytes = malloc(16);
        memcpy(bytes, &lengths[i], 8);
        memcpy(bytes + 8, "{}      ", 8);
        struct sw_safetensors file;
        struct sw_error error = {0};
        ck_assert(sw_safetensors_parse(&file, bytes, 16, "x", &error) == SW_FAILED);
        const char *reason = lengths[i] > 100000000 ? "at most 100000000"
                             : lengths[i]           ? "cut short"
                                                    : "does not begin";
        ck_assert_msg(strstr(error.text, reason) != NULL, "%s", error.text);
        free(bytes);
    }
}
END_TEST

/* A copy that stopped half way must never load as a shorter model. */
START_TEST(every_truncation)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    write_three(path);
    size_t size;
    unsigned char *bytes = bytes_of(path, &size);
    for (size_t left = 0; left < size; left++) {
        unsigned char *part = malloc(left + !left);
        memcpy(part, bytes, left);
        struct sw_safetensors file;
        struct sw_error error = {0};
        ck_assert(sw_safetensors_parse(&file, part, left, "x", &error) == SW_FAILED);
        ck_assert(error.text[0]);
        free(part);
    }
    free(bytes);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* No changed byte may crash the reader, or make it hand out bytes that are not the file's. */
START_TEST(every_byte_changed)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    write_three(path);
    size_t size, accepted = 0;
    unsigned char *bytes = bytes_of(path, &size);
    size_t header_end = size - 36;
    for (size_t at = 0; at < header_end; at++) {
        unsigned char kept = bytes[at];
        for (int value = 0; value < 256; value++) {
            bytes[at] = (unsigned char)value;
            struct sw_safetensors file;
            if (sw_safetensors_parse(&file, bytes, size, "x", NULL))
                continue;
            accepted++;
            for (size_t i = 0; i < file.count; i++) {
                const unsigned char *data = file.entries[i].data;
                ck_assert(data >= bytes + header_end && data < bytes + size);
                ck_assert(file.entries[i].elements * 4 <= (size_t)(bytes + size - data));
            }
            sw_safetensors_close(&file);
        }
        bytes[at] = kept;
    }
    ck_assert_uint_gt(accepted, header_end); /* the unchanged byte each time, letters of names */
    free(bytes);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* A tensor that cannot be read back must be refused when it is written, and leave no file. */
START_TEST(unwritable)
{
    static const struct {
        struct sw_safetensors_entry entry;
        const char *reason;
    } cases[] = {
        {{.name = "", .ndim = 1, .shape = {1}}, "is empty"},
        {{.name = NULL, .ndim = 1, .shape = {1}}, "is empty"},
        {{.name = "first", .ndim = 1, .shape = {1}}, "'first' is taken"},
        {{.name = "__metadata__", .ndim = 1, .shape = {1}}, "is taken"},
        {{.name = "a\xff", .ndim = 1, .shape = {1}}, "not UTF-8"},
        {{.name = "a", .ndim = 5, .shape = {1, 1, 1, 1}}, "expected 0 to 4 dimensions, found 5"},
        {{.name = "a", .ndim = -1}, "expected 0 to 4 dimensions"},
        {{.name = "a", .ndim = 2, .shape = {3, 0}}, "3 x 0 is empty or too large"},
        {{.name = "a", .ndim = 2, .shape = {SIZE_MAX, 2}}, "empty or too large"},
        {{.name = "a", .ndim = 1, .shape = {SIZE_MAX / 8}}, "empty or too large"},
    };
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sw_safetensors_entry two[2] = {{.name = "first", .data = &scalar}, cases[i].entry};
        two[1].data = weight;
        struct sw_error error = {0};
        ck_assert(sw_safetensors_write(path, two, 2, NULL, &error) == SW_FAILED);
        ck_assert_msg(strstr(error.text, cases[i].reason) != NULL, "%s", error.text);
        ck_assert_msg(!strncmp(error.text, "cannot write ", 13) && strstr(error.text, path), "%s",
                      error.text);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    json_t *metadata = json_pack("{s:i}", "step", 3);
    struct sw_error error = {0};
    ck_assert(sw_safetensors_write(path, three, 3, metadata, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "expected a string as 'step'"));
    json_decref(metadata);
    error = (struct sw_error){0};
    ck_assert(sw_safetensors_write("/nowhere/at/all", three, 3, NULL, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/at/all"));
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* A save that the disk cuts off must say so and keep the checkpoint that was there. */
START_TEST(disk_takes_no_more)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    write_three(path);
    size_t size, again, large[] = {1 << 16};
    unsigned char *before = bytes_of(path, &size);
    float *numbers = calloc(large[0], sizeof *numbers);
    struct sw_safetensors_entry entry = {.name = "a", .ndim = 1, .shape = {large[0]}};
    entry.data = numbers;
    struct rlimit old, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct sw_error error = {0};
    int status = sw_safetensors_write(path, &entry, 1, NULL, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(status, SW_FAILED);
    ck_assert_msg(strstr(error.text, "cannot write") && strstr(error.text, "File too large"), "%s",
                  error.text);
    unsigned char *after = bytes_of(path, &again);
    ck_assert_uint_eq(size, again);
    ck_assert_mem_eq(before, after, size);
    struct dirent **names;
    int count = scandir(folder, &names, NULL, NULL);
    ck_assert_int_eq(count, 3); /* ".", ".." and the checkpoint */
    while (count--)
        free(names[count]);
    free(names);
    free(numbers);
    free(before);
    free(after);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

/* A path that is no file must be told from a damaged one. */
START_TEST(not_a_file)
{
    char *folder = unit_folder(), *path = unit_path(folder, "a.safetensors");
    struct sw_error error = {0};
    struct sw_safetensors file;
    ck_assert(sw_safetensors_open(&file, folder, &error) == SW_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "folder"));
    sw_safetensors_close(&file);
    ck_assert(sw_safetensors_open(&file, path, NULL) == SW_FAILED);
    sw_safetensors_close(&file);
    free(path);
    unit_remove_folder(folder);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, layout);
    tcase_add_test(tests, wrong_requests);
    tcase_add_loop_test(tests, known_attacks, 0, sizeof attacks / sizeof *attacks);
    tcase_add_test(tests, other_dtype);
    tcase_add_test(tests, header_lengths);
    tcase_add_test(tests, every_truncation);
    tcase_add_test(tests, every_byte_changed);
    tcase_add_test(tests, unwritable);
    tcase_add_test(tests, disk_takes_no_more);
    tcase_add_test(tests, not_a_file);
}

UNIT_MAIN("safetensors", add_tests)
