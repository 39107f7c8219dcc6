/* check_pickle.c -- pickles, as Python, NumPy and PyTorch write them, and what must be refused. */
#include "unit.h"

#include "base/file.h"
#include "data/pickle.h"

static struct sw_mapping seed;

/* Reads tests/fuzz/corpus/pickle/NAME, from byte `at` on; returns the status. */
static int read_seed(struct sw_pickle *out, const char *name, size_t at, struct sw_error *error)
{
    char path[4096];
    const char *source = getenv("STEPWISE_SOURCE");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/pickle/%s", source ? source : ".", name);
    ck_assert_int_eq(sw_map(&seed, path, error), SW_OK);
    return sw_pickle_read(out, seed.data + at, seed.size - at, name, error);
}

static void close_seed(struct sw_pickle *pickle)
{
    sw_pickle_close(pickle);
    sw_unmap(&seed);
}

static const struct sw_pickle_value *field(const struct sw_pickle *pickle, const char *key)
{
    const struct sw_pickle_value *value = sw_pickle_find(pickle->value, key);
    ck_assert_msg(value != NULL, "no key %s", key);
    return value;
}

static void expect_text(const struct sw_pickle_value *value, enum sw_pickle_kind kind,
                        const char *bytes, size_t length)
{
    ck_assert_int_eq(value->kind, kind);
    ck_assert_uint_eq(value->length, length);
    ck_assert_int_eq(memcmp(value->bytes, bytes, length), 0);
}

static void expect_floats(const struct sw_pickle_value *value, size_t count)
{
    ck_assert_int_eq(value->kind, SW_PICKLE_ARRAY);
    ck_assert_int_eq(value->array->dtype, SW_FLOAT32);
    ck_assert_uint_eq(value->array->bytes, 4 * count);
    for (size_t i = 0; i < count; i++) {
        float x;
        memcpy(&x, (const char *)value->array->data + 4 * i, sizeof x);
        ck_assert_float_eq(x, (float)i);
    }
}

/* A record of region features would read differently from one protocol to another. */
START_TEST(protocols)
{
    char name[16];
    struct sw_pickle pickle;
    struct sw_error error = {0};
    snprintf(name, sizeof name, "record_%d", _i);
    ck_assert_msg(read_seed(&pickle, name, 0, &error) == SW_OK, "%s", error.text);
    ck_assert_uint_eq(pickle.used, seed.size);
    ck_assert_int_eq(field(&pickle, "image_id")->integer, 42);
    expect_floats(field(&pickle, "boxes"), 8);
    ck_assert_int_eq(field(&pickle, "boxes")->array->ndim, 2);
    ck_assert_uint_eq(field(&pickle, "boxes")->array->shape[1], 4);
    expect_text(field(&pickle, "features"), SW_PICKLE_TEXT, "AACAPw==", 8);
    expect_text(field(&pickle, "raw"), SW_PICKLE_BYTES, "\0\xff\x80", 3);
    ck_assert_double_eq(field(&pickle, "score")->real, 0.5);
    ck_assert_double_eq(field(&pickle, "conf")->real, 0.25);
    ck_assert_int_eq(field(&pickle, "n")->integer, -3);
    ck_assert_double_eq(field(&pickle, "big")->real, 0x1p70);
    const struct sw_pickle_value *tags = field(&pickle, "tags");
    ck_assert_uint_eq(tags->count, 3);
    expect_text(tags->items[1], SW_PICKLE_TEXT, "b", 1);
    ck_assert_int_eq(tags->items[2]->kind, SW_PICKLE_TUPLE);
    ck_assert_int_eq(tags->items[2]->items[1]->kind, SW_PICKLE_NONE);
    ck_assert_int_eq(tags->items[2]->items[2]->kind, SW_PICKLE_BOOL);
    ck_assert_ptr_null(sw_pickle_find(pickle.value, "nothing"));
    close_seed(&pickle);
}
END_TEST

/* Texts of Python 2, with their escapes, and numbers as text. */
START_TEST(python2)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    ck_assert_msg(read_seed(&pickle, "python2", 0, &error) == SW_OK, "%s", error.text);
    const struct sw_pickle_value *list = field(&pickle, "path\nA'");
    ck_assert_uint_eq(list->count, 3);
    ck_assert_int_eq(list->items[0]->kind, SW_PICKLE_BOOL);
    ck_assert_double_eq(list->items[1]->real, 1.5);
    ck_assert_int_eq(list->items[2]->integer, 12);
    close_seed(&pickle);
}
END_TEST

/* NumPy's arrays: of Python 2, of objects, and of a dtype that is named and not read. */
START_TEST(arrays)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    float x[2];
    ck_assert_msg(read_seed(&pickle, "python2_array", 0, &error) == SW_OK, "%s", error.text);
    ck_assert_uint_eq(pickle.value->array->bytes, sizeof x);
    memcpy(x, pickle.value->array->data, sizeof x);
    ck_assert_float_eq(x[1], 2);
    close_seed(&pickle);

    ck_assert_int_eq(read_seed(&pickle, "objects", 0, &error), SW_OK);
    ck_assert_ptr_null(pickle.value->array->data);
    ck_assert_int_eq(pickle.value->items[1]->items[1]->integer, 333);
    close_seed(&pickle);

    static const struct {
        const char *seed, *descr;
    } named[] = {{"big_endian", ">f4"}, {"strings", "<U2"}, {"bool_array", "|b1"}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(read_seed(&pickle, named[i].seed, 0, &error) == SW_OK, "%s", error.text);
        ck_assert_int_eq(pickle.value->array->dtype, 0);
        ck_assert_str_eq(pickle.value->array->descr, named[i].descr);
        close_seed(&pickle);
    }
}
END_TEST

/* The tensors of a checkpoint would be looked for in the wrong place, or under a wrong name. */
START_TEST(tensors)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    ck_assert_msg(read_seed(&pickle, "torch", 0, &error) == SW_OK, "%s", error.text);
    const struct sw_pickle_value *models = field(&pickle, "model");
    const struct sw_pickle_value *weight = sw_pickle_find(models->items[0], "weight");
    ck_assert_ptr_nonnull(weight);
    ck_assert_uint_eq(models->items[0]->count, 4); /* its _metadata is none of its items */
    ck_assert_int_eq(weight->kind, SW_PICKLE_TENSOR);
    ck_assert_int_eq(weight->array->dtype, SW_FLOAT32);
    ck_assert_uint_eq(weight->array->shape[0], 2);
    ck_assert_uint_eq(weight->array->shape[1], 3);
    ck_assert_uint_eq(weight->array->strides[0], 3);
    ck_assert_uint_eq(weight->array->elements, 6);
    expect_text(weight->array->storage, SW_PICKLE_TEXT, "0", 1);
    const struct sw_pickle_value *turned = sw_pickle_find(models->items[1], "t");
    ck_assert_uint_eq(turned->array->shape[0], 3);
    ck_assert_uint_eq(turned->array->strides[0], 1);
    ck_assert_int_eq(sw_pickle_find(models->items[1], "h")->array->dtype, SW_FLOAT16);
    ck_assert_str_eq(sw_pickle_find(models->items[1], "b")->array->descr, "BFloat16Storage");
    ck_assert_int_eq(sw_pickle_find(field(&pickle, "opt"), "a")->integer, 1);
    ck_assert_int_eq(field(&pickle, "p")->kind, SW_PICKLE_TENSOR);
    close_seed(&pickle);
}
END_TEST

START_TEST(containers)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    static const int64_t longs[] = {1ll << 40, -(1ll << 40), -1, 255, 65535, INT64_MIN, INT64_MAX};
    ck_assert_int_eq(read_seed(&pickle, "long", 0, &error), SW_OK);
    for (size_t i = 0; i < 7; i++)
        ck_assert_int_eq(pickle.value->items[i]->integer, longs[i]);
    ck_assert_double_eq(pickle.value->items[7]->real, 0x1p63);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "ordered", 0, &error), SW_OK);
    ck_assert_int_eq(field(&pickle, "b")->integer, 2);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "namespace", 0, &error), SW_OK);
    ck_assert_int_eq(field(&pickle, "dim")->integer, 1024);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "set", 0, &error), SW_OK);
    ck_assert_uint_eq(pickle.value->count, 3);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "frozenset", 0, &error), SW_OK);
    ck_assert_uint_eq(pickle.value->count, 2);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "default", 0, &error), SW_OK);
    ck_assert_int_eq(field(&pickle, "a")->items[0]->integer, 1);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "bytearray", 0, &error), SW_OK);
    expect_text(pickle.value, SW_PICKLE_BYTES, "\1\x80", 2);
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "two", 0, &error), SW_OK);
    size_t used = pickle.used;
    close_seed(&pickle);
    ck_assert_int_eq(read_seed(&pickle, "two", used, &error), SW_OK);
    expect_text(pickle.value, SW_PICKLE_TEXT, "second", 6);
    close_seed(&pickle);
}
END_TEST

static const struct {
    const char *seed, *says;
} hostile[] = {
    {"empty", "expected an opcode, found its end"},
    {"hostile_system", "it asks for os.system, which is refused"},
    {"hostile_reduce", "it asks for posix.system, which is refused"},
    {"hostile_getattr", "it asks for builtins.getattr, which is refused"},
    {"hostile_class", "it asks for collections.Counter, which is refused"},
    {"hostile_inst", "the opcode 0x69 is refused"},
    {"hostile_circle", "a list or dict holds itself"},
    {"hostile_deep", "nested more than 64 deep"},
    {"hostile_laughs", "its notes repeat too many values"},
    {"hostile_memo", "the note number 2147483647 is too large"},
    {"hostile_length", "more bytes, found 4"},
    {"hostile_protocol", "expected protocol 0 to 5, found 9"},
    {"hostile_pop", "its stack is empty"},
    {"hostile_mark", "expected a value on its stack"},
    {"hostile_no_mark", "expected a mark on its stack"},
    {"hostile_append", "expected a value on its stack"},
    {"hostile_odd", "a key without a value"},
    {"hostile_class_value", "expected data, found the name of a class"},
    {"hostile_short_array", "expected 5 elements of <f4, found 16 bytes"},
    {"hostile_fortran", "expected C order, found Fortran order"},
    {"hostile_shape", "its shape is too large"},
    {"hostile_tensor", "its elements are not all in its storage"},
    {"hostile_persistent", "expected a tuple that names a storage"},
};

/* Something would be called, or memory or the stack run out. */
START_TEST(refused)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    ck_assert_msg(read_seed(&pickle, hostile[_i].seed, 0, &error) == SW_FAILED, "read, but: %s",
                  hostile[_i].says);
    ck_assert_msg(strstr(error.text, hostile[_i].says) != NULL, "expected '%s', found '%s'",
                  hostile[_i].says, error.text);
    close_seed(&pickle);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, protocols, 0, 6);
    tcase_add_test(tests, python2);
    tcase_add_test(tests, arrays);
    tcase_add_test(tests, tensors);
    tcase_add_test(tests, containers);
    tcase_add_loop_test(tests, refused, 0, sizeof hostile / sizeof *hostile);
}

UNIT_MAIN("pickle", add_tests)
