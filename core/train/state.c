/* state.c -- see state.h. */
#include "train/state.h"

#include "data/safetensors.h"
#include "tensor/tape/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { KINDS = 3 };
static const char *const kinds[KINDS] = {"model.", "first.", "second."};

/* The tensors of a state: names, shapes and where their numbers are. */
struct parts {
    struct sw_safetensors_entry *entries;
    float **data; /* (count) */
    char *names;
    size_t count;
};

static void parts_free(struct parts *parts)
{
    free(parts->entries);
    free(parts->data);
    free(parts->names);
}

static void add_part(struct parts *parts, char **name, const char *kind,
                     const struct sw_parameter *parameter, float *data)
{
    struct sw_safetensors_entry *entry = &parts->entries[parts->count];
    const struct sw_tensor *t = parameter->tensor;
    entry->name = *name;
    *name += sprintf(*name, "%s%s", kind, parameter->name) + 1;
    entry->ndim = t->ndim;
    for (int i = 0; i < t->ndim; i++)
        entry->shape[i] = (size_t)t->dim[i];
    entry->elements = sw_tensor_count(t);
    entry->data = data;
    parts->data[parts->count++] = data;
}

/* All parameters, then both moments of the trained ones. */
static int collect(struct parts *parts, const struct sw_model *model, float *first, float *second,
                   struct sw_error *error)
{
    float *values, *gradients;
    size_t trained, bytes = 1;
    int count = sw_model_parameters(model);
    sw_model_trained(model, &values, &gradients, &trained);
    for (int i = 0; i < count; i++)
        bytes += KINDS * (strlen(sw_model_parameter(model, i)->name) + 16);
    *parts = (struct parts){
        .entries = calloc((size_t)count * KINDS + 1, sizeof *parts->entries),
        .data = calloc((size_t)count * KINDS + 1, sizeof *parts->data),
        .names = malloc(bytes),
    };
    if (!parts->entries || !parts->data || !parts->names)
        return sw_fail(error, SW_FAILED, "out of memory for a training state");
    char *name = parts->names;
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < count; i++) {
            const struct sw_parameter *parameter = sw_model_parameter(model, i);
            float *data = parameter->tensor->data;
            if (kind && !parameter->tensor->grad)
                continue;
            if (kind)
                data = (kind == 1 ? first : second) + (data - values);
            add_part(parts, &name, kinds[kind], parameter, data);
        }
    return SW_OK;
}

/* A flipped bit in a moment would train on, unseen, to other numbers. */
static int checksum(const struct parts *parts, const char *text, char out[33])
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return 0;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, text, strlen(text) + 1);
    for (size_t i = 0; i < parts->count; i++)
        XXH3_128bits_update(state, parts->entries[i].data,
                            parts->entries[i].elements * sizeof(float));
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    return 1;
}

int sw_state_save(const char *path, const struct sw_model *model, const float *first,
                  const float *second, const char *progress, const char *key,
                  struct sw_error *error)
{
    struct parts parts;
    char sum[33];
    /* Only read here; loading writes through the same list. */
    int status = collect(&parts, model, (float *)(size_t)first, (float *)(size_t)second, error);
    json_t *metadata = NULL;
    if (status == SW_OK && checksum(&parts, progress, sum))
        metadata = json_pack("{s:s, s:s, s:s}", "progress", progress, "key", key, "checksum", sum);
    if (status == SW_OK && !metadata)
        status = sw_fail(error, SW_FAILED, "out of memory for saving %s", path);
    if (status == SW_OK)
        status = sw_safetensors_write(path, parts.entries, parts.count, metadata, error);
    json_decref(metadata);
    parts_free(&parts);
    return status;
}

static int is_one_of(const char *key, const char *const *keys)
{
    while (*keys && strcmp(*keys, key) != 0)
        keys++;
    return *keys != NULL;
}

static int load_into(const struct sw_safetensors *file, struct parts *parts, char **progress,
                     const char *const *keys, struct sw_error *error)
{
    const char *text = sw_safetensors_string(file, "progress");
    const char *made_by = sw_safetensors_string(file, "key");
    const char *sum = sw_safetensors_string(file, "checksum");
    char found[33];
    if (!text || !made_by || !sum)
        return sw_fail(
            error, SW_FAILED,
            "%s: expected progress, key and checksum in __metadata__; it is not a training "
            "state",
            file->path);
    if (!is_one_of(made_by, keys))
        return sw_fail(error, SW_FAILED,
                       "%s: it belongs to another run: expected key %s (config, data and plugins), "
                       "found %.40s",
                       file->path, keys[0], made_by);
    if (file->count != parts->count)
        return sw_fail(error, SW_FAILED, "%s: expected %zu tensors, found %zu", file->path,
                       parts->count, file->count);
    for (size_t i = 0; i < parts->count; i++) {
        const struct sw_safetensors_entry *e = &parts->entries[i];
        int status = sw_safetensors_floats(file, e->name, e->ndim, e->shape, parts->data[i], error);
        if (status != SW_OK)
            return status;
    }
    if (!checksum(parts, text, found))
        return sw_fail(error, SW_FAILED, "out of memory for reading %s", file->path);
    if (strcmp(found, sum) != 0)
        return sw_fail(error, SW_FAILED, "%s: it is damaged: expected checksum %.40s, found %s",
                       file->path, sum, found);
    *progress = strdup(text);
    return *progress ? SW_OK
                     : sw_fail(error, SW_FAILED, "out of memory for reading %s", file->path);
}

int sw_state_load(const char *path, struct sw_model *model, float *first, float *second,
                  char **progress, const char *const *keys, struct sw_error *error)
{
    struct sw_safetensors file;
    struct parts parts;
    *progress = NULL;
    int status = sw_safetensors_open(&file, path, error);
    if (status != SW_OK)
        return status;
    status = collect(&parts, model, first, second, error);
    if (status == SW_OK)
        status = load_into(&file, &parts, progress, keys, error);
    parts_free(&parts);
    sw_safetensors_close(&file);
    return status;
}
