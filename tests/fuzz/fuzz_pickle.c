/* fuzz_pickle.c -- pickles: what is read can be walked to its last byte, and is not deep. */
#include "fuzz.h"

#include "data/pickle.h"

static void walk(const struct sw_pickle_value *value, int depth)
{
    fuzz_require(depth <= SW_PICKLE_DEPTH, "a value is too deep");
    fuzz_require(value->kind <= SW_PICKLE_TENSOR, "a value is no data");
    const struct sw_pickle_array *array = value->array;
    switch (value->kind) {
    case SW_PICKLE_TEXT:
    case SW_PICKLE_BYTES:
        fuzz_touch(value->bytes, value->length);
        return;
    case SW_PICKLE_TENSOR:
        fuzz_require(array->ndim >= 0 && array->storage->kind == SW_PICKLE_TEXT, "no tensor");
        return;
    case SW_PICKLE_ARRAY:
        fuzz_require(array->ndim >= 0, "an array has no shape");
        if (array->data) {
            fuzz_touch(array->data, array->bytes);
            return;
        }
        break;
    case SW_PICKLE_LIST:
    case SW_PICKLE_TUPLE:
    case SW_PICKLE_DICT:
        break;
    default:
        return;
    }
    for (size_t i = 0; i < value->count; i++)
        walk(value->items[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_pickle pickle;
    struct sw_error error = {0};
    if (fuzz_succeeded(sw_pickle_read(&pickle, data, size, "input", &error), &error)) {
        fuzz_require(pickle.used <= size, "more was read than there is");
        walk(pickle.value, 0);
        sw_pickle_find(pickle.value, "a");
    }
    sw_pickle_close(&pickle);
    return 0;
}
