/* oracle_unit.h -- files of others' numbers, and a model of ours that is filled from them. */
#ifndef SW_TESTS_ORACLE_UNIT_H
#define SW_TESTS_ORACLE_UNIT_H

#include "oracle.h"
#include "models.h"
#include "unit.h"

#include "data/safetensors.h"
#include "match/internal.h"
#include "plugin/compose.h"

#include <jansson.h>
#include <math.h>

enum { D = 64, FEATURES = 80, VOCABULARY = 50, WORD_DIM = 20, TRAINED = 4, MOST_CAPTIONS = 8 };

/* ---- files ---- */

static inline char *oracle_path(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "oracle/%s", name);
    return unit_shared(relative);
}

/* 0 when the file is not there. */
static inline int open_file(struct sw_safetensors *file, const char *name)
{
    struct sw_error error = {0};
    char *path = oracle_path(name);
    if (path)
        ck_assert_msg(sw_safetensors_open(file, path, &error) == SW_OK, "%s", error.text);
    free(path);
    return path != NULL;
}

static inline double number(const struct sw_safetensors_entry *entry, size_t at)
{
    double wide;
    float narrow;
    int64_t integer;
    const char *data = entry->data;
    if (strcmp(entry->dtype, "F64") == 0)
        return memcpy(&wide, data + at * sizeof wide, sizeof wide), wide;
    if (strcmp(entry->dtype, "I64") == 0)
        return memcpy(&integer, data + at * sizeof integer, sizeof integer), (double)integer;
    ck_assert_str_eq(entry->dtype, "F32");
    return memcpy(&narrow, data + at * sizeof narrow, sizeof narrow), narrow;
}

static inline const struct sw_safetensors_entry *require(const struct sw_safetensors *file,
                                                         const char *name)
{
    const struct sw_safetensors_entry *entry = sw_safetensors_find(file, name);
    ck_assert_msg(entry != NULL, "%s has no tensor '%s'", file->path, name);
    return entry;
}

/* "ours" under its name there; NULL: the list has none. */
static inline const char *their_name(const struct oracle_name *names, const char *ours,
                                     char room[256])
{
    for (; names && names->ours; names++)
        if (strncmp(ours, names->ours, strlen(names->ours)) == 0) {
            snprintf(room, 256, "%s%s", names->theirs, ours + strlen(names->ours));
            return room;
        }
    return NULL;
}

/* ---- a model ---- */

struct trial {
    struct sw_compute *compute;
    struct sw_ops *ops;
    struct sw_plugins *plugins;
    struct sw_composition *composition;
    struct sw_model *model;
    struct sw_graph *graph;
    struct sw_safetensors given;
    /* what is encoded */
    int images, k, captions;
    float *features;
    int region_count[16], caption_start[MOST_CAPTIONS + 1];
    int32_t ids[256];
};

static inline json_t *model_of(const char *text)
{
    char json[1024];
    snprintf(json, sizeof json, "%s", text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t where;
    json_t *model = json_loads(json, 0, &where);
    ck_assert_msg(model != NULL, "%s: %s", json, where.text);
    json_object_set_new(model, "dim", json_integer(D));
    if (!json_object_get(model, "embedding"))
        json_object_set_new(model, "embedding",
                            json_pack("{s:s,s:i}", "plugin", "random", "word_dim", WORD_DIM));
    return model;
}

/* Fills our parameters and buffers from the files' tensors. 0 when a file is not there. */
static inline int load_weights(struct trial *t, const char *const *weights,
                               const struct oracle_name *names, int encoded)
{
    struct sw_safetensors file[ORACLE_FILES] = {{0}};
    int files = 0;
    for (; files < ORACLE_FILES && weights[files]; files++)
        if (!open_file(&file[files], weights[files]))
            return 0;
    for (int i = 0; i < sw_model_parameters(t->model); i++) {
        const struct sw_parameter *ours = sw_model_parameter(t->model, i);
        const struct sw_safetensors_entry *theirs = NULL;
        char room[256];
        const char *name = their_name(names, ours->name, room);
        for (int f = 0; f < files && name && !theirs; f++)
            theirs = sw_safetensors_find(&file[f], name);
        /* without numbers a buffer keeps its first value, which an option may say */
        ck_assert_msg(theirs || !encoded || !ours->tensor->grad, "no numbers for '%s'", ours->name);
        if (!theirs)
            continue;
        size_t count = sw_tensor_count(ours->tensor);
        ck_assert_msg(theirs->elements == count, "'%s': expected %zu numbers, found %zu",
                      ours->name, count, theirs->elements);
        for (size_t j = 0; j < count; j++)
            ours->tensor->data[j] = (float)number(theirs, j);
    }
    for (int f = 0; f < files; f++)
        sw_safetensors_close(&file[f]);
    return 1;
}

static inline void build(struct trial *t, const char *model, int vocabulary, int threads)
{
    struct sw_error error = {0};
    *t = (struct trial){.compute = sw_compute_new(threads, &error), .ops = sw_ops_new(&error)};
    ck_assert_msg(t->compute && t->ops, "%s", error.text);
    ck_assert_msg(sw_plugins_load(&t->plugins, NULL, t->ops, &error) == SW_OK, "%s", error.text);
    json_t *given = model_of(model);
    models_complete(given);
    ck_assert_msg(sw_compose(&t->composition, t->plugins, given, &error) == SW_OK, "%s",
                  error.text);
    json_decref(given);
    struct sw_model_plan *plan = sw_composition_plan(t->composition);
    plan->features = FEATURES;
    plan->vocabulary = vocabulary;
    plan->seed = 1;
    ck_assert_msg(sw_model_new(&t->model, plan, sw_host_table(), t->compute, t->ops, &error) ==
                      SW_OK,
                  "%s", error.text);
    t->graph = sw_graph_new(sw_host_table(), t->compute, t->ops, &error);
    ck_assert_ptr_nonnull(t->graph);
}

static inline void end(struct trial *t)
{
    sw_safetensors_close(&t->given);
    sw_graph_free(t->graph);
    sw_model_free(t->model);
    sw_composition_free(t->composition);
    sw_plugins_free(t->plugins);
    sw_ops_free(t->ops);
    sw_compute_free(t->compute);
    free(t->features);
}

#endif
