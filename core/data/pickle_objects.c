/* pickle_objects.c -- what the names that a pickle may use stand for. See pickle.h. */
#include "data/pickle_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

struct known {
    const char *module, *name;
    enum sw_pickle_global what;
    enum sw_dtype dtype; /* of a storage; 0: none of ours */
};

static const struct known known[] = {
    {"numpy", "ndarray", SW_GLOBAL_ARRAY, 0},
    {"numpy", "dtype", SW_GLOBAL_DTYPE, 0},
    {"numpy.core.multiarray", "_reconstruct", SW_GLOBAL_RECONSTRUCT, 0},
    {"numpy._core.multiarray", "_reconstruct", SW_GLOBAL_RECONSTRUCT, 0},
    {"numpy.core.multiarray", "scalar", SW_GLOBAL_SCALAR, 0},
    {"numpy._core.multiarray", "scalar", SW_GLOBAL_SCALAR, 0},
    {"numpy.core.numeric", "_frombuffer", SW_GLOBAL_FROMBUFFER, 0},
    {"numpy._core.numeric", "_frombuffer", SW_GLOBAL_FROMBUFFER, 0},
    {"_codecs", "encode", SW_GLOBAL_ENCODE, 0},
    {"collections", "OrderedDict", SW_GLOBAL_DICT, 0},
    {"collections", "defaultdict", SW_GLOBAL_DICT, 0},
    {"builtins", "dict", SW_GLOBAL_DICT, 0},
    {"__builtin__", "dict", SW_GLOBAL_DICT, 0},
    {"argparse", "Namespace", SW_GLOBAL_OBJECT, 0},
    {"builtins", "list", SW_GLOBAL_LIST, 0},
    {"builtins", "set", SW_GLOBAL_LIST, 0},
    {"builtins", "frozenset", SW_GLOBAL_LIST, 0},
    {"__builtin__", "list", SW_GLOBAL_LIST, 0},
    {"__builtin__", "set", SW_GLOBAL_LIST, 0},
    {"__builtin__", "frozenset", SW_GLOBAL_LIST, 0},
    {"torch", "Size", SW_GLOBAL_LIST, 0},
    {"builtins", "bytearray", SW_GLOBAL_BYTES, 0},
    {"__builtin__", "bytearray", SW_GLOBAL_BYTES, 0},
    {"torch._utils", "_rebuild_tensor", SW_GLOBAL_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", SW_GLOBAL_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", SW_GLOBAL_PARAMETER, 0},
    {"torch", "FloatStorage", SW_GLOBAL_STORAGE, SW_FLOAT32},
    {"torch", "HalfStorage", SW_GLOBAL_STORAGE, SW_FLOAT16},
    {"torch", "DoubleStorage", SW_GLOBAL_STORAGE, SW_FLOAT64},
    {"torch", "LongStorage", SW_GLOBAL_STORAGE, SW_INT64},
    {"torch", "IntStorage", SW_GLOBAL_STORAGE, SW_INT32},
    {"torch", "ByteStorage", SW_GLOBAL_STORAGE, SW_UINT8},
    {"torch", "CharStorage", SW_GLOBAL_STORAGE, 0},
    {"torch", "ShortStorage", SW_GLOBAL_STORAGE, 0},
    {"torch", "BoolStorage", SW_GLOBAL_STORAGE, 0},
    {"torch", "BFloat16Storage", SW_GLOBAL_STORAGE, 0},
};

static bool is(const char *text, size_t length, const char *what)
{
    return strlen(what) == length && memcmp(text, what, length) == 0;
}

static struct sw_pickle_value *new_array(struct sw_pickle_reader *r, enum sw_pickle_kind kind)
{
    struct sw_pickle_value *value = sw_pickle_new(r, kind);
    if (value && (value->array = sw_pickle_room(r, sizeof *value->array)))
        *value->array = (struct sw_pickle_array){.ndim = -1};
    return value && value->array ? value : NULL;
}

/* The kinds of a storage carry their dtype in an array. */
struct sw_pickle_value *sw_pickle_global(struct sw_pickle_reader *r, const char *module,
                                         size_t module_length, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!is(module, module_length, known[i].module) || !is(name, length, known[i].name))
            continue;
        struct sw_pickle_value *value = new_array(r, SW_PICKLE_GLOBAL);
        if (value) {
            value->integer = known[i].what;
            value->array->dtype = known[i].dtype;
            snprintf(value->array->descr, sizeof value->array->descr, "%s", known[i].name);
        }
        return value;
    }
    sw_pickle_fail(r,
                   "it asks for %.*s.%.*s, which is refused: only plain containers, NumPy's arrays "
                   "and PyTorch's tensors are read",
                   module_length < 100 ? (int)module_length : 100, module,
                   length < 100 ? (int)length : 100, name);
    return NULL;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Argument i of the kind; NULL after an error, which names what they are for. */
static struct sw_pickle_value *argument(struct sw_pickle_reader *r,
                                        const struct sw_pickle_value *tuple, size_t i,
                                        enum sw_pickle_kind kind, const char *of)
{
    if (i < tuple->count && tuple->items[i]->kind == kind)
        return tuple->items[i];
    sw_pickle_fail(r, "the arguments of %s are not as they should be", of);
    return NULL;
}

/* A text or bytes: Python 2 makes no difference. NULL after an error. */
static struct sw_pickle_value *text_argument(struct sw_pickle_reader *r,
                                             const struct sw_pickle_value *tuple, size_t i,
                                             const char *of)
{
    enum sw_pickle_kind kind = SW_PICKLE_BYTES;
    if (i < tuple->count && tuple->items[i]->kind == SW_PICKLE_TEXT)
        kind = SW_PICKLE_TEXT;
    return argument(r, tuple, i, kind, of);
}

/* The sizes of a tuple into out; -1 after an error. */
static int sizes(struct sw_pickle_reader *r, const struct sw_pickle_value *tuple, size_t i,
                 size_t *out, const char *of)
{
    const struct sw_pickle_value *list = i < tuple->count ? tuple->items[i] : NULL;
    if (!list || (list->kind != SW_PICKLE_TUPLE && list->kind != SW_PICKLE_LIST) ||
        list->count > SW_PICKLE_DIMS) {
        sw_pickle_fail(r, "%s: expected a shape of at most %d dimensions", of, SW_PICKLE_DIMS);
        return -1;
    }
    for (size_t d = 0; d < list->count; d++) {
        if (list->items[d]->kind != SW_PICKLE_INT || list->items[d]->integer < 0) {
            sw_pickle_fail(r, "%s: expected sizes that are whole numbers", of);
            return -1;
        }
        out[d] = (size_t)list->items[d]->integer;
    }
    return (int)list->count;
}

/* ---- NumPy ----------------------------------------------------------------------------------- */

/* Bytes of an element of the type "f4", "U12"; 0: objects, or none that is known. */
static size_t element_size(const char *type)
{
    size_t n = 0;
    if (!*type || !strchr("biufcSVU", *type))
        return 0;
    for (const char *c = type + 1; *c; c++) {
        if (*c < '0' || *c > '9' || n > 1u << 20)
            return 0;
        n = n * 10 + (size_t)(*c - '0');
    }
    return *type == 'U' ? 4 * n : n;
}

static struct sw_pickle_value *make_dtype(struct sw_pickle_reader *r,
                                          const struct sw_pickle_value *arguments)
{
    const struct sw_pickle_value *type = text_argument(r, arguments, 0, "numpy.dtype");
    struct sw_pickle_value *value = type ? new_array(r, SW_PICKLE_DTYPE) : NULL;
    if (!value)
        return NULL;
    char *descr = value->array->descr;
    if (type->length > 16 || type->length < 1) {
        sw_pickle_fail(r, "expected the name of a dtype, found %zu bytes", type->length);
        return NULL;
    }
    snprintf(descr, sizeof value->array->descr, "%c%.*s", *type->bytes == 'O' ? '|' : '<',
             (int)type->length, type->bytes);
    if (element_size(descr + 1) == 1)
        *descr = '|';
    value->array->dtype = sw_dtype_find(descr);
    return value;
}

static int set_byte_order(struct sw_pickle_reader *r, struct sw_pickle_value *dtype,
                          const struct sw_pickle_value *state)
{
    const struct sw_pickle_value *order =
        state->kind == SW_PICKLE_TUPLE ? text_argument(r, state, 1, "numpy.dtype") : NULL;
    if (!order || order->length != 1 || !strchr("<>|=", *order->bytes))
        return sw_pickle_fail(r, "expected the byte order of a dtype");
    char *descr = dtype->array->descr;
    if (*order->bytes == '>' && *descr == '<')
        *descr = '>';
    dtype->array->dtype = sw_dtype_find(descr);
    return SW_OK;
}

/* Fills an array: shape is value `at` of the tuple, its dtype and order and data those after. */
static int fill_array(struct sw_pickle_reader *r, struct sw_pickle_value *out,
                      const struct sw_pickle_value *tuple, size_t at)
{
    static const char of[] = "numpy.ndarray";
    struct sw_pickle_array *array = out->array;
    const struct sw_pickle_value *dtype = argument(r, tuple, at + 1, SW_PICKLE_DTYPE, of);
    size_t shape[SW_PICKLE_DIMS] = {0};
    int ndim = dtype ? sizes(r, tuple, at, shape, of) : -1;
    if (ndim < 0 || tuple->count < at + 4)
        return ndim < 0 ? SW_FAILED : sw_pickle_fail(r, "%s: its state is cut", of);
    size_t elements = 1;
    for (int d = 0; d < ndim; d++)
        if (__builtin_mul_overflow(elements, shape[d], &elements))
            return sw_pickle_fail(r, "%s: its shape is too large", of);
    const struct sw_pickle_value *order = tuple->items[at + 2], *data = tuple->items[at + 3];
    if (ndim > 1 && order->kind == SW_PICKLE_BOOL && order->integer)
        return sw_pickle_fail(r, "%s: expected C order, found Fortran order", of);
    const char *descr = dtype->array->descr;
    size_t size = element_size(descr + 1), bytes;
    if (size && (data->kind == SW_PICKLE_BYTES || data->kind == SW_PICKLE_TEXT)) {
        if (__builtin_mul_overflow(elements, size, &bytes) || bytes != data->length)
            return sw_pickle_fail(r, "%s: expected %zu elements of %s, found %zu bytes", of,
                                  elements, descr, data->length);
        array->data = data->bytes;
        array->bytes = bytes;
    } else if (data->kind == SW_PICKLE_LIST && descr[1] == 'O') {
        if (data->count != elements)
            return sw_pickle_fail(r, "%s: expected %zu objects, found %zu", of, elements,
                                  data->count);
        out->items = data->items;
        out->count = data->count;
        out->room = data->count;
    } else {
        return sw_pickle_fail(r, "%s: no content that fits its dtype %s", of, descr);
    }
    array->dtype = dtype->array->dtype;
    memcpy(array->descr, descr, sizeof array->descr);
    memcpy(array->shape, shape, sizeof shape);
    array->ndim = ndim;
    return SW_OK;
}

/* A number from (dtype, bytes). */
static struct sw_pickle_value *make_scalar(struct sw_pickle_reader *r,
                                           const struct sw_pickle_value *arguments)
{
    static const char of[] = "numpy's scalar";
    const struct sw_pickle_value *dtype = argument(r, arguments, 0, SW_PICKLE_DTYPE, of);
    const struct sw_pickle_value *data = dtype ? text_argument(r, arguments, 1, of) : NULL;
    if (!data)
        return NULL;
    const char *descr = dtype->array->descr;
    size_t size = element_size(descr + 1);
    if (data->length != size || size > 8 || *descr == '>' || !strchr("biuf", descr[1])) {
        sw_pickle_fail(r, "%s: %zu bytes of %s are not read", of, data->length, descr);
        return NULL;
    }
    bool real = descr[1] == 'f', negative = descr[1] == 'i' && data->bytes[size - 1] & 0x80;
    struct sw_pickle_value *value = sw_pickle_new(r, real ? SW_PICKLE_FLOAT : SW_PICKLE_INT);
    if (!value)
        return NULL;
    if (real) {
        float out;
        struct sw_npy one = {
            .dtype = dtype->array->dtype, .ndim = 1, .shape = {1, 1, 1, 1}, .data = data->bytes};
        if (size == 8)
            memcpy(&value->real, data->bytes, size);
        else if (one.dtype && sw_npy_floats(&one, 0, 1, &out) == SW_OK)
            value->real = out;
        return value;
    }
    uint64_t bits = negative ? UINT64_MAX : 0;
    for (size_t i = size; i--;)
        bits = bits << 8 | (unsigned char)data->bytes[i];
    value->integer = (int64_t)bits;
    return value;
}

/* Bytes that Python 3 writes as text in protocol 2: each character is a byte. */
static struct sw_pickle_value *encode(struct sw_pickle_reader *r,
                                      const struct sw_pickle_value *arguments)
{
    const struct sw_pickle_value *text = argument(r, arguments, 0, SW_PICKLE_TEXT, "encode");
    const struct sw_pickle_value *code =
        text ? argument(r, arguments, 1, SW_PICKLE_TEXT, "encode") : NULL;
    if (!code)
        return NULL;
    if (!is(code->bytes, code->length, "latin1") && !is(code->bytes, code->length, "latin-1")) {
        sw_pickle_fail(r, "expected the encoding latin1, found another one");
        return NULL;
    }
    struct sw_pickle_value *value = sw_pickle_new(r, SW_PICKLE_BYTES);
    char *out = sw_pickle_room(r, text->length + 1);
    if (!value || !out)
        return NULL;
    size_t n = 0;
    const unsigned char *at = (const unsigned char *)text->bytes, *end = at + text->length;
    while (at < end) {
        if (*at < 0x80) {
            out[n++] = (char)*at++;
        } else if ((*at == 0xc2 || *at == 0xc3) && end - at > 1 && (at[1] & 0xc0) == 0x80) {
            out[n++] = (char)((*at & 3) << 6 | (at[1] & 0x3f));
            at += 2;
        } else {
            sw_pickle_fail(r, "bytes as text hold a character that is none of latin1");
            return NULL;
        }
    }
    value->bytes = out;
    value->length = n;
    return value;
}

/* ---- containers ------------------------------------------------------------------------------ */

static struct sw_pickle_value *make_list(struct sw_pickle_reader *r,
                                         const struct sw_pickle_value *arguments)
{
    struct sw_pickle_value *list = sw_pickle_new(r, SW_PICKLE_LIST);
    const struct sw_pickle_value *from = arguments->count ? arguments->items[0] : NULL;
    if (from && from->kind != SW_PICKLE_LIST && from->kind != SW_PICKLE_TUPLE) {
        sw_pickle_fail(r, "expected a list to copy");
        return NULL;
    }
    for (size_t i = 0; list && from && i < from->count; i++)
        if (sw_pickle_append(r, list, from->items[i]))
            return NULL;
    return list;
}

/* From nothing, from a factory (defaultdict) or from a list of pairs (OrderedDict of Python 2). */
static struct sw_pickle_value *make_dict(struct sw_pickle_reader *r,
                                         const struct sw_pickle_value *arguments, bool is_object)
{
    struct sw_pickle_value *dict = sw_pickle_new(r, SW_PICKLE_DICT);
    const struct sw_pickle_value *from = arguments->count ? arguments->items[0] : NULL;
    if (!dict)
        return NULL;
    dict->is_object = is_object;
    if (!from || from->kind == SW_PICKLE_GLOBAL || from->kind == SW_PICKLE_NONE)
        return dict;
    bool fits = from->kind == SW_PICKLE_LIST || from->kind == SW_PICKLE_TUPLE;
    for (size_t i = 0; fits && i < from->count; i++) {
        const struct sw_pickle_value *pair = from->items[i];
        fits = (pair->kind == SW_PICKLE_LIST || pair->kind == SW_PICKLE_TUPLE) && pair->count == 2;
        if (fits && (sw_pickle_append(r, dict, pair->items[0]) ||
                     sw_pickle_append(r, dict, pair->items[1])))
            return NULL;
    }
    if (fits)
        return dict;
    sw_pickle_fail(r, "expected a list of pairs for a dict");
    return NULL;
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

struct sw_pickle_value *sw_pickle_storage(struct sw_pickle_reader *r, struct sw_pickle_value *id)
{
    static const char of[] = "a storage";
    if (id->kind != SW_PICKLE_TUPLE) {
        sw_pickle_fail(r, "expected a tuple that names a storage");
        return NULL;
    }
    const struct sw_pickle_value *word = argument(r, id, 0, SW_PICKLE_TEXT, of);
    const struct sw_pickle_value *kind = word ? argument(r, id, 1, SW_PICKLE_GLOBAL, of) : NULL;
    struct sw_pickle_value *key = kind ? argument(r, id, 2, SW_PICKLE_TEXT, of) : NULL;
    const struct sw_pickle_value *count = key ? argument(r, id, 4, SW_PICKLE_INT, of) : NULL;
    if (!count)
        return NULL;
    if (!is(word->bytes, word->length, "storage") || kind->integer != SW_GLOBAL_STORAGE ||
        count->integer < 0) {
        sw_pickle_fail(r, "a persistent id is no storage of PyTorch");
        return NULL;
    }
    struct sw_pickle_value *value = new_array(r, SW_PICKLE_STORAGE);
    if (value) {
        *value->array = *kind->array;
        value->array->storage = key;
        value->array->elements = (size_t)count->integer;
    }
    return value;
}

static struct sw_pickle_value *make_tensor(struct sw_pickle_reader *r,
                                           const struct sw_pickle_value *arguments)
{
    static const char of[] = "a tensor";
    const struct sw_pickle_value *storage = argument(r, arguments, 0, SW_PICKLE_STORAGE, of);
    const struct sw_pickle_value *offset =
        storage ? argument(r, arguments, 1, SW_PICKLE_INT, of) : NULL;
    struct sw_pickle_value *value = offset ? new_array(r, SW_PICKLE_TENSOR) : NULL;
    if (!value)
        return NULL;
    struct sw_pickle_array *array = value->array;
    *array = *storage->array;
    array->ndim = sizes(r, arguments, 2, array->shape, of);
    if (array->ndim < 0 || sizes(r, arguments, 3, array->strides, of) != array->ndim ||
        offset->integer < 0) {
        sw_pickle_fail(r, "%s: shape, strides and offset do not fit each other", of);
        return NULL;
    }
    array->offset = (size_t)offset->integer;
    size_t last = array->offset, step, elements = 1;
    bool fits = true;
    for (int d = 0; d < array->ndim; d++) {
        fits = fits && !__builtin_mul_overflow(elements, array->shape[d], &elements);
        fits = fits && (!array->shape[d] ||
                        (!__builtin_mul_overflow(array->shape[d] - 1, array->strides[d], &step) &&
                         !__builtin_add_overflow(last, step, &last)));
    }
    if (!fits || (elements && last >= array->elements)) {
        sw_pickle_fail(r, "%s: its elements are not all in its storage of %zu", of,
                       array->elements);
        return NULL;
    }
    return value;
}

/* ---- calls and states ------------------------------------------------------------------------ */

struct sw_pickle_value *sw_pickle_reduce(struct sw_pickle_reader *r, struct sw_pickle_value *what,
                                         struct sw_pickle_value *arguments)
{
    struct sw_pickle_value *value;
    switch ((enum sw_pickle_global)what->integer) {
    case SW_GLOBAL_RECONSTRUCT:
        return new_array(r, SW_PICKLE_ARRAY);
    case SW_GLOBAL_FROMBUFFER: {
        /* (data, dtype, shape, order) as (shape, dtype, is Fortran order, data) */
        struct sw_pickle_value *state = sw_pickle_new(r, SW_PICKLE_TUPLE);
        struct sw_pickle_value *is_fortran = sw_pickle_new(r, SW_PICKLE_BOOL);
        value = new_array(r, SW_PICKLE_ARRAY);
        if (!state || !is_fortran || !value)
            return NULL;
        const struct sw_pickle_value *order = text_argument(r, arguments, 3, "_frombuffer");
        if (!order)
            return NULL;
        is_fortran->integer = is(order->bytes, order->length, "F");
        if (sw_pickle_append(r, state, arguments->items[2]) ||
            sw_pickle_append(r, state, arguments->items[1]) ||
            sw_pickle_append(r, state, is_fortran) ||
            sw_pickle_append(r, state, arguments->items[0]) || fill_array(r, value, state, 0))
            return NULL;
        return value;
    }
    case SW_GLOBAL_SCALAR:
        return make_scalar(r, arguments);
    case SW_GLOBAL_DTYPE:
        return make_dtype(r, arguments);
    case SW_GLOBAL_ENCODE:
        return encode(r, arguments);
    case SW_GLOBAL_DICT:
    case SW_GLOBAL_OBJECT:
        return make_dict(r, arguments, what->integer == SW_GLOBAL_OBJECT);
    case SW_GLOBAL_LIST:
        return make_list(r, arguments);
    case SW_GLOBAL_BYTES:
        if (arguments->count == 0)
            return sw_pickle_new(r, SW_PICKLE_BYTES);
        return arguments->count > 1 ? encode(r, arguments)
                                    : argument(r, arguments, 0, SW_PICKLE_BYTES, "bytearray");
    case SW_GLOBAL_TENSOR:
        return make_tensor(r, arguments);
    case SW_GLOBAL_PARAMETER:
        return argument(r, arguments, 0, SW_PICKLE_TENSOR, "a parameter");
    case SW_GLOBAL_ARRAY:
    case SW_GLOBAL_STORAGE:
        break;
    }
    sw_pickle_fail(r, "%s is refused as a call", what->array->descr);
    return NULL;
}

int sw_pickle_build(struct sw_pickle_reader *r, struct sw_pickle_value *value,
                    struct sw_pickle_value *state)
{
    switch (value->kind) {
    case SW_PICKLE_ARRAY:
        if (value->array->ndim >= 0 || state->kind != SW_PICKLE_TUPLE || !state->count)
            return sw_pickle_fail(r, "the state of an array is not as it should be");
        return fill_array(r, value, state, state->items[0]->kind == SW_PICKLE_INT ? 1 : 0);
    case SW_PICKLE_DTYPE:
        return set_byte_order(r, value, state);
    case SW_PICKLE_DICT:
        if (state->kind != SW_PICKLE_DICT)
            return sw_pickle_fail(r, "expected the attributes of an object");
        /* those of an OrderedDict, as _metadata, are none of its items */
        for (size_t i = 0; value->is_object && value != state && i < state->count; i++)
            if (sw_pickle_append(r, value, state->items[i]))
                return SW_FAILED;
        return SW_OK;
    default:
        return sw_pickle_fail(r, "a state for what takes none");
    }
}
