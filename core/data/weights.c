/* weights.c -- see weights.h. */
#include "data/weights.h"

#include "base/values.h"
#include "data/pickle.h"
#include "data/safetensors.h"
#include "data/zip.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sw_weights_source {
    struct sw_mapping mapping;
    struct sw_safetensors safetensors;
    struct sw_zip zip;
    struct sw_pickle pickle;
    unsigned char *pickled; /* the archive's member with the pickle */
};

static const size_t most_bytes = (size_t)1 << 32; /* of a member: a small archive may hold much */

/* Bytes of an element; of a type that is not read, as far as PyTorch has such. */
static size_t element_size(const struct sw_weight *weight)
{
    if (weight->type)
        return sw_dtype_size(weight->type);
    return weight->is_bfloat16 || !strcmp(weight->dtype, "ShortStorage") ? 2 : 1;
}

/* ---- a list that grows ----------------------------------------------------------------------- */

/* The next one of the list, with its name and shape; NULL after an error. */
static struct sw_weight *add(struct sw_weights *w, const char *name, const char *dtype, int ndim,
                             const size_t *shape, struct sw_error *error)
{
    struct sw_weight *grown = w->list;
    if ((w->count & (w->count + 1)) == 0) /* full at 0, 1, 3, 7, .. */
        grown = realloc(w->list, (2 * w->count + 1) * sizeof *grown);
    char *kept = grown ? strdup(name) : NULL;
    if (grown)
        w->list = grown;
    if (!kept) {
        sw_fail(error, SW_FAILED, "%s: out of memory for its tensors", w->path);
        return NULL;
    }
    struct sw_weight *weight = &w->list[w->count++];
    *weight = (struct sw_weight){.name = kept, .ndim = ndim, .elements = 1};
    snprintf(weight->dtype, sizeof weight->dtype, "%s", dtype);
    if (ndim > SW_WEIGHT_DIMS) {
        sw_fail(error, SW_FAILED, "%s: tensor '%s': expected at most %d dimensions, found %d",
                w->path, name, SW_WEIGHT_DIMS, ndim);
        return NULL;
    }
    for (int d = ndim; d-- > 0;) {
        weight->shape[d] = shape[d];
        weight->strides[d] = weight->elements;
        if (shape[d] == 0 ||
            __builtin_mul_overflow(weight->elements, shape[d], &weight->elements) ||
            weight->elements > SIZE_MAX / 16) {
            sw_fail(error, SW_FAILED, "%s: tensor '%s': its shape is empty or too large", w->path,
                    name);
            return NULL;
        }
    }
    return weight;
}

/* ---- safetensors and NumPy ------------------------------------------------------------------- */

static int list_safetensors(struct sw_weights *w, struct sw_error *error)
{
    static const struct {
        const char *name;
        enum sw_dtype type;
    } types[] = {{"F32", SW_FLOAT32}, {"F16", SW_FLOAT16}, {"F64", SW_FLOAT64}};
    const struct sw_safetensors *file = &w->source->safetensors;
    for (size_t i = 0; i < file->count; i++) {
        const struct sw_safetensors_entry *entry = &file->entries[i];
        struct sw_weight *weight =
            add(w, entry->name, entry->dtype, entry->ndim, entry->shape, error);
        if (!weight)
            return SW_FAILED;
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            if (!strcmp(entry->dtype, types[t].name))
                weight->type = types[t].type;
        weight->is_bfloat16 = !strcmp(entry->dtype, "BF16");
        weight->data = entry->data;
        weight->bytes = SIZE_MAX; /* the reader has checked them */
    }
    return SW_OK;
}

static int read_member(const struct sw_weights *w, const struct sw_zip_entry *entry,
                       unsigned char **out, struct sw_error *error)
{
    return sw_zip_extract(&w->source->zip, entry, most_bytes, out, error);
}

/* NAME.npy for each array, as numpy.savez writes them. */
static int list_npz(struct sw_weights *w, struct sw_error *error)
{
    const struct sw_zip *zip = &w->source->zip;
    int status = SW_OK;
    for (size_t i = 0; i < zip->count && status == SW_OK; i++) {
        const struct sw_zip_entry *entry = &zip->entries[i];
        unsigned char *bytes;
        struct sw_npy npy;
        char *name = NULL;
        status = read_member(w, entry, &bytes, error);
        if (status != SW_OK)
            break;
        status = sw_npy_parse(&npy, bytes, entry->size, error);
        if (status != SW_OK)
            sw_error_within(error, "%s: member %s", w->path, entry->name);
        else if (!(name = strndup(entry->name, strlen(entry->name) - strlen(".npy"))))
            status = sw_fail(error, SW_FAILED, "%s: out of memory", w->path);
        struct sw_weight *weight =
            name ? add(w, name, sw_dtype_name(npy.dtype), npy.ndim, npy.shape, error) : NULL;
        if (weight) {
            weight->type = npy.dtype;
            weight->member = entry;
            weight->bytes = entry->size;
            weight->head = (size_t)((const unsigned char *)npy.data - bytes);
        } else {
            status = SW_FAILED;
        }
        free(name);
        free(bytes);
    }
    return status;
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

/* Whether the text is a name without what a message could not show. */
static bool is_name(const struct sw_pickle_value *text)
{
    for (size_t i = 0; i < text->length; i++)
        if ((unsigned char)text->bytes[i] < ' ')
            return false;
    return text->length > 0 && text->length < 512;
}

/* Adds the tensor of a pickle. */
static int add_pickled(struct sw_weights *w, const char *name, const struct sw_pickle_array *array,
                       struct sw_error *error)
{
    const char *dtype = array->dtype ? sw_dtype_name(array->dtype) : array->descr;
    struct sw_weight *weight = add(w, name, dtype, array->ndim, array->shape, error);
    if (!weight)
        return SW_FAILED;
    weight->type = array->dtype;
    weight->is_bfloat16 = !array->dtype && strstr(array->descr, "BFloat16") != NULL;
    weight->offset = array->offset;
    for (int d = 0; d < array->ndim; d++)
        weight->strides[d] = array->strides[d];
    weight->data = array->storage; /* its key, until the storages are found */
    return SW_OK;
}

/* Adds all tensors below `value`. What has no name that can be said, and objects of other classes,
 * hold no weights. */
static int add_below(struct sw_weights *w, const char *prefix, const struct sw_pickle_value *value,
                     struct sw_error *error)
{
    bool is_dict = value->kind == SW_PICKLE_DICT && !value->is_object;
    int status = SW_OK;
    if (value->kind == SW_PICKLE_TENSOR)
        return add_pickled(w, prefix, value->array, error);
    if (!is_dict && value->kind != SW_PICKLE_LIST && value->kind != SW_PICKLE_TUPLE)
        return SW_OK;
    for (size_t i = 0; i < value->count && status == SW_OK; i += 1 + is_dict) {
        const struct sw_pickle_value *key = is_dict ? value->items[i] : NULL;
        char *name = NULL;
        int length = 0;
        const char *dot = *prefix ? "." : "";
        if (!key)
            length = asprintf(&name, "%s%s%zu", prefix, dot, i);
        else if (key->kind == SW_PICKLE_INT)
            length = asprintf(&name, "%s%s%" PRId64, prefix, dot, key->integer);
        else if (key->kind == SW_PICKLE_TEXT && is_name(key))
            length = asprintf(&name, "%s%s%.*s", prefix, dot, (int)key->length, key->bytes);
        else
            continue;
        status = length < 0 ? sw_fail(error, SW_FAILED, "%s: out of memory", w->path)
                            : add_below(w, name, value->items[i + is_dict], error);
        free(length < 0 ? NULL : name);
    }
    return status;
}

/* PREFIX/data.pkl, and PREFIX/data/KEY for each storage. */
static int list_torch(struct sw_weights *w, const struct sw_zip_entry *pickled,
                      struct sw_error *error)
{
    struct sw_weights_source *source = w->source;
    int status = read_member(w, pickled, &source->pickled, error);
    if (status == SW_OK)
        status = sw_pickle_read(&source->pickle, source->pickled, pickled->size, w->path, error);
    if (status == SW_OK)
        status = add_below(w, "", source->pickle.value, error);
    for (size_t i = 0; i < w->count && status == SW_OK; i++) {
        const struct sw_pickle_value *key = w->list[i].data;
        char *name;
        int folder = (int)(strlen(pickled->name) - strlen("data.pkl"));
        if (asprintf(&name, "%.*sdata/%.*s", folder, pickled->name, (int)key->length, key->bytes) <
            0)
            return sw_fail(error, SW_FAILED, "%s: out of memory", w->path);
        w->list[i].data = NULL;
        w->list[i].member = sw_zip_find(&source->zip, name);
        if (w->list[i].member)
            w->list[i].bytes = w->list[i].member->size;
        else
            status =
                sw_fail(error, SW_FAILED, "%s: tensor '%s': expected the member %s, found none",
                        w->path, w->list[i].name, name);
        free(name);
    }
    return status;
}

/* Reads the next pickle of the file at *at. */
static int next_pickle(const struct sw_weights *w, size_t *at, struct sw_pickle *out,
                       struct sw_error *error)
{
    const struct sw_mapping *mapping = &w->source->mapping;
    int status = sw_pickle_read(out, mapping->data + *at, mapping->size - *at, w->path, error);
    if (status == SW_OK)
        *at += out->used;
    return status;
}

/* The bytes of the storages follow the pickles: for each key of the list, how many numbers there
 * are (int64), and the numbers. */
static int find_storages(struct sw_weights *w, const struct sw_pickle_value *keys, size_t at,
                         struct sw_error *error)
{
    const struct sw_mapping *mapping = &w->source->mapping;
    for (size_t k = 0; k < keys->count; k++) {
        const struct sw_pickle_value *key = keys->items[k];
        size_t element = 0, bytes;
        int64_t count;
        for (size_t i = 0; i < w->count; i++) {
            const struct sw_pickle_value *wanted = w->list[i].data;
            if (!w->list[i].bytes && key->kind == SW_PICKLE_TEXT && wanted->length == key->length &&
                !memcmp(wanted->bytes, key->bytes, key->length))
                element = element_size(&w->list[i]);
        }
        if (mapping->size - at < sizeof count)
            break;
        memcpy(&count, mapping->data + at, sizeof count);
        at += sizeof count;
        if (!element || count < 0 || __builtin_mul_overflow((size_t)count, element, &bytes) ||
            bytes > mapping->size - at)
            return sw_fail(error, SW_FAILED,
                           "%s: storage %zu of %zu does not fit into the file, or no tensor has it",
                           w->path, k + 1, keys->count);
        for (size_t i = 0; i < w->count; i++) {
            const struct sw_pickle_value *wanted = w->list[i].data;
            if (!w->list[i].bytes && wanted->length == key->length &&
                !memcmp(wanted->bytes, key->bytes, key->length)) {
                w->list[i].data = mapping->data + at;
                w->list[i].bytes = bytes;
            }
        }
        at += bytes;
    }
    for (size_t i = 0; i < w->count; i++)
        if (!w->list[i].bytes)
            return sw_fail(error, SW_FAILED,
                           "%s: cut short: the numbers of tensor '%s' are missing", w->path,
                           w->list[i].name);
    return SW_OK;
}

/* PyTorch before 1.6: a magic number, a version, sizes of C types, the object and the storages'
 * keys, each a pickle. */
static int list_first_torch(struct sw_weights *w, struct sw_error *error)
{
    size_t at = 0;
    int status = SW_OK;
    for (int i = 0; i < 3 && status == SW_OK; i++) {
        struct sw_pickle head = {0};
        status = next_pickle(w, &at, &head, error);
        sw_pickle_close(&head);
    }
    struct sw_pickle keys = {0};
    if (status == SW_OK)
        status = next_pickle(w, &at, &w->source->pickle, error);
    if (status == SW_OK)
        status = add_below(w, "", w->source->pickle.value, error);
    if (status == SW_OK)
        status = next_pickle(w, &at, &keys, error);
    if (status == SW_OK && keys.value->kind != SW_PICKLE_LIST)
        status = sw_fail(error, SW_FAILED, "%s: expected the list of storages behind the tensors",
                         w->path);
    if (status == SW_OK)
        status = find_storages(w, keys.value, at, error);
    sw_pickle_close(&keys);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int list_zip(struct sw_weights *w, struct sw_error *error)
{
    const struct sw_zip *zip = &w->source->zip;
    bool arrays = zip->count > 0;
    for (size_t i = 0; i < zip->count; i++) {
        const char *name = zip->entries[i].name;
        size_t length = strlen(name);
        if (length >= 9 && !strcmp(name + length - 9, "/data.pkl"))
            return list_torch(w, &zip->entries[i], error);
        arrays = arrays && length > 4 && !strcmp(name + length - 4, ".npy");
    }
    if (arrays)
        return list_npz(w, error);
    return sw_fail(error, SW_FAILED,
                   "%s: a zip archive without data.pkl (PyTorch) and not of .npy files (NumPy)",
                   w->path);
}

int sw_weights_open(struct sw_weights *out, const char *path, struct sw_error *error)
{
    static const unsigned char first_torch[] = {0x80, 0x02, 0x8a, 0x0a}; /* a long number */
    *out = (struct sw_weights){.path = strdup(path), .source = calloc(1, sizeof *out->source)};
    if (!out->path || !out->source)
        return sw_fail(error, SW_FAILED, "out of memory for %s", path);
    struct sw_weights_source *source = out->source;
    const struct sw_mapping *file = &source->mapping;
    int status = sw_map(&source->mapping, path, error);
    if (status != SW_OK)
        return status;
    if (file->size == 0)
        return sw_fail(
            error, SW_FAILED,
            "%s: the file is empty; expected .safetensors, .npz or what torch.save wrote", path);
    if (sw_zip_is(file->data, file->size)) {
        status = sw_zip_parse(&source->zip, file->data, file->size, path, error);
        return status == SW_OK ? list_zip(out, error) : status;
    }
    if (file->size > sizeof first_torch && !memcmp(file->data, first_torch, sizeof first_torch))
        return list_first_torch(out, error);
    status = sw_safetensors_parse(&source->safetensors, file->data, file->size, path, error);
    return status == SW_OK ? list_safetensors(out, error) : status;
}

void sw_weights_close(struct sw_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++)
        free(weights->list[i].name);
    free(weights->list);
    free(weights->path);
    if (weights->source) {
        sw_safetensors_close(&weights->source->safetensors);
        sw_zip_close(&weights->source->zip);
        sw_pickle_close(&weights->source->pickle);
        sw_unmap(&weights->source->mapping);
        free(weights->source->pickled);
    }
    free(weights->source);
    *weights = (struct sw_weights){0};
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The upper half of a float32 is a bfloat16. */
static float from_bfloat16(const unsigned char *in)
{
    uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 24;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

/* Elements behind the first one, by its place in the tensor, row-major. */
static size_t place(const struct sw_weight *weight, size_t i)
{
    size_t at = 0;
    for (int d = weight->ndim; d-- > 0; i /= weight->shape[d])
        at += i % weight->shape[d] * weight->strides[d];
    return at;
}

static bool is_row_major(const struct sw_weight *weight)
{
    size_t step = 1;
    for (int d = weight->ndim; d-- > 0; step *= weight->shape[d])
        if (weight->shape[d] > 1 && weight->strides[d] != step)
            return false;
    return true;
}

/* From `data`, where the tensor's first element stands. */
static void convert(const struct sw_weight *weight, const unsigned char *data, float *out)
{
    struct sw_npy all = {
        .dtype = weight->type, .ndim = 1, .shape = {weight->elements, 1, 1, 1}, .data = data};
    if (weight->type && is_row_major(weight)) {
        sw_npy_floats(&all, 0, weight->elements, out);
        return;
    }
    size_t element = element_size(weight);
    all.shape[0] = 1;
    for (size_t i = 0; i < weight->elements; i++) {
        const unsigned char *at = data + place(weight, i) * element;
        all.data = at;
        if (weight->is_bfloat16)
            out[i] = from_bfloat16(at);
        else
            sw_npy_floats(&all, 0, 1, &out[i]);
    }
}

int sw_weights_floats(const struct sw_weights *weights, const struct sw_weight *weight, float *out,
                      struct sw_error *error)
{
    const char *path = weights->path;
    bool is_float = weight->type == SW_FLOAT32 || weight->type == SW_FLOAT16 ||
                    weight->type == SW_FLOAT64 || weight->is_bfloat16;
    if (!is_float)
        return sw_fail(error, SW_FAILED,
                       "%s: tensor '%s': expected floating point numbers, found %s", path,
                       weight->name, weight->dtype);
    size_t element = element_size(weight), last = place(weight, weight->elements - 1);
    unsigned char *extracted = NULL;
    int status = weight->member ? read_member(weights, weight->member, &extracted, error) : SW_OK;
    if (status != SW_OK)
        return status;
    size_t there = weight->bytes < weight->head ? 0 : (weight->bytes - weight->head) / element;
    const unsigned char *data = extracted ? extracted : weight->data;
    if (there <= weight->offset || there - weight->offset <= last)
        status =
            sw_fail(error, SW_FAILED, "%s: tensor '%s': expected its %zu numbers, found %zu bytes",
                    path, weight->name, weight->elements, weight->bytes);
    else
        convert(weight, data + weight->head + weight->offset * element, out);
    free(extracted);
    for (size_t i = 0; i < weight->elements && status == SW_OK; i++)
        if (!isfinite(out[i]))
            status = sw_fail(error, SW_FAILED,
                             "%s: tensor '%s': number %zu of %zu is %s in float32; expected finite "
                             "numbers",
                             path, weight->name, i, weight->elements,
                             isnan(out[i]) ? "a NaN" : "an infinity");
    return status;
}
