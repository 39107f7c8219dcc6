/* check_oracle.c -- scores and gradients against those that the methods' published code computed.
 *
 * The numbers lie outside the tree (STEPWISE_SHARED); without them each row is skipped. The tables
 * are in oracle_*.c. */
#include "oracle.h"
#include "unit.h"

#include "data/npy.h"
#include "data/safetensors.h"
#include "plugin/compose.h"

#include <jansson.h>
#include <math.h>

enum { D = 64, FEATURES = 80, VOCABULARY = 50, WORD_DIM = 20, TRAINED = 4 };

/* ---- files ---- */

static char *oracle_path(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "oracle/%s", name);
    return unit_shared(relative);
}

/* 0 when the file is not there. */
static int open_file(struct sw_safetensors *file, const char *name)
{
    struct sw_error error = {0};
    char *path = oracle_path(name);
    if (path)
        ck_assert_msg(sw_safetensors_open(file, path, &error) == SW_OK, "%s", error.text);
    free(path);
    return path != NULL;
}

static double number(const struct sw_safetensors_entry *entry, size_t at)
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

static const struct sw_safetensors_entry *require(const struct sw_safetensors *file,
                                                  const char *name)
{
    const struct sw_safetensors_entry *entry = sw_safetensors_find(file, name);
    ck_assert_msg(entry != NULL, "%s has no tensor '%s'", file->path, name);
    return entry;
}

/* "ours" under its name there; NULL: the list has none. */
static const char *their_name(const struct oracle_name *names, const char *ours, char room[256])
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
    /* of encoders/inputs */
    float *features;
    int caption_start[16];
    int32_t ids[256];
};

static json_t *model_of(const char *text)
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
static int load_weights(struct trial *t, const char *const *weights,
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
        ck_assert_msg(theirs || (!encoded && !name), "no numbers for '%s'", ours->name);
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

static void build(struct trial *t, const char *model, int threads)
{
    struct sw_error error = {0};
    *t = (struct trial){.compute = sw_compute_new(threads, &error), .ops = sw_ops_new(&error)};
    ck_assert_msg(t->compute && t->ops, "%s", error.text);
    ck_assert_msg(sw_plugins_load(&t->plugins, NULL, t->ops, &error) == SW_OK, "%s", error.text);
    json_t *given = model_of(model);
    ck_assert_msg(sw_compose(&t->composition, t->plugins, given, NULL, &error) == SW_OK, "%s",
                  error.text);
    json_decref(given);
    struct sw_model_plan *plan = sw_composition_plan(t->composition);
    plan->features = FEATURES;
    plan->vocabulary = VOCABULARY;
    plan->seed = 1;
    ck_assert_msg(sw_model_new(&t->model, plan, sw_host_table(), t->compute, t->ops, &error) ==
                      SW_OK,
                  "%s", error.text);
    t->graph = sw_graph_new(sw_host_table(), t->compute, t->ops, &error);
    ck_assert_ptr_nonnull(t->graph);
}

static void end(struct trial *t)
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

/* ---- what is scored ---- */

static void counts_of(const struct sw_safetensors *file, const char *name, int most, int *count,
                      int groups)
{
    const struct sw_safetensors_entry *entry = name ? require(file, name) : NULL;
    for (int g = 0; g < groups; g++)
        count[g] = entry ? (int)number(entry, (size_t)g) : most;
}

/* (groups, most, D) to rows where `fragments` says. */
static struct sw_tensor *laid_out(struct sw_graph *graph, const struct sw_safetensors_entry *from,
                                  const struct sw_fragments *to)
{
    struct sw_tensor *x = sw_graph_tensor(graph, 2, (int[]){to->rows, D}, NULL, 1);
    ck_assert_ptr_nonnull(x);
    memset(x->data, 0, sw_tensor_count(x) * sizeof *x->data);
    for (int g = 0; g < to->groups; g++)
        for (int f = 0; f < to->count[g]; f++)
            for (int d = 0; d < D; d++)
                x->data[(to->first[g] + f * to->stride) * D + d] =
                    (float)number(from, ((size_t)g * from->shape[1] + (size_t)f) * D + (size_t)d);
    return x;
}

/* Fragments of a file as an encoding; the first `captions` captions, or all with 0. */
static void give(struct trial *t, const struct oracle *row, int captions,
                 struct sw_encoding *encoding)
{
    static int first[2][64], count[2][64];
    const struct sw_safetensors_entry *v = require(&t->given, row->regions),
                                      *w = require(&t->given, row->words);
    ck_assert_uint_eq(v->shape[2], D);
    int images = (int)v->shape[0], k = (int)v->shape[1], words = 0;
    captions = captions ? captions : (int)w->shape[0];
    counts_of(&t->given, row->region_counts, k, count[0], images);
    counts_of(&t->given, row->word_counts ? row->word_counts : "lens", 0, count[1], captions);
    for (int i = 0; i < images; i++)
        first[0][i] = sw_region_row(k, i, 0);
    for (int c = 0, at = 0; c < captions; at += count[1][c++]) {
        first[1][c] = at;
        words = count[1][c] > words ? count[1][c] : words;
    }
    int all = first[1][captions - 1] + count[1][captions - 1];
    *encoding = (struct sw_encoding){
        .region_rows = {images, sw_region_rows(images, k), k, SW_LANES, first[0], count[0]},
        .word_rows = {captions, all, words, 1, first[1], count[1]}};
    encoding->regions = laid_out(t->graph, v, &encoding->region_rows);
    encoding->words = laid_out(t->graph, w, &encoding->word_rows);
}

/* Images and captions of encoders/inputs. 0 when the file is not there. */
static int load_inputs(struct trial *t)
{
    struct sw_safetensors file = {0};
    if (!open_file(&file, "encoders/inputs.safetensors"))
        return 0;
    const struct sw_safetensors_entry *images = require(&file, "images"),
                                      *ids = require(&file, "ids"), *lens = require(&file, "lens");
    int count = (int)images->shape[0], k = (int)images->shape[1];
    t->features = calloc((size_t)sw_region_rows(count, k) * FEATURES, sizeof *t->features);
    for (int i = 0; i < count; i++)
        for (int r = 0; r < k; r++)
            for (int f = 0; f < FEATURES; f++)
                t->features[sw_region_row(k, i, r) * FEATURES + f] =
                    (float)number(images, (size_t)((i * k + r) * FEATURES + f));
    int start = 0, captions = (int)lens->elements;
    for (int c = 0; c < captions; c++) {
        int words = (int)number(lens, (size_t)c);
        for (int w = 0; w < words; w++)
            t->ids[start + w] = (int32_t)number(ids, (size_t)c * ids->shape[1] + (size_t)w);
        t->caption_start[c + 1] = start += words;
    }
    sw_safetensors_close(&file);
    return 1;
}

static void encode(struct trial *t, int captions, int training, struct sw_encoding *encoding)
{
    struct sw_examples examples = {.images = 4,
                                   .k = 36,
                                   .features = t->features,
                                   .captions = captions ? captions : 6,
                                   .caption_start = t->caption_start,
                                   .ids = t->ids,
                                   .training = training};
    ck_assert_msg(sw_model_encode(t->model, t->graph, &examples, encoding) == SW_OK, "%s",
                  sw_graph_error(t->graph)->text);
}

/* ---- a row ---- */

static struct sw_tensor *scores_of(struct trial *t, const struct oracle *row, int captions,
                                   struct sw_encoding *encoding)
{
    int training = row->gradients != NULL;
    sw_graph_reset(t->graph, training);
    if (row->given)
        give(t, row, captions, encoding);
    else
        encode(t, captions, training, encoding);
    encoding->training = training;
    struct sw_tensor *S = sw_model_score(t->model, t->graph, encoding, NULL);
    ck_assert_msg(S && sw_graph_error(t->graph)->status == SW_OK, "%s: %s", row->name,
                  sw_graph_error(t->graph)->text);
    return S;
}

/* 0 when what it needs is not there. */
static int start(struct trial *t, const struct oracle *row)
{
    build(t, row->model, 2);
    return (!row->given || open_file(&t->given, row->given)) && (row->given || load_inputs(t)) &&
           load_weights(t, row->weights, row->names, !row->given);
}

static const struct oracle *row_named(const struct oracle *rows, const char *name)
{
    while (rows->name && strcmp(rows->name, name) != 0)
        rows++;
    ck_assert_msg(rows->name != NULL, "no row '%s'", name);
    return rows;
}

static void check_scores(const struct oracle *rows, const struct oracle *row)
{
    struct sw_safetensors file = {0};
    struct trial t, other;
    struct sw_encoding encoding, second;
    double worst = 0, bound = row->tolerance > 0 ? row->tolerance : 1e-5;
    if (start(&t, row) && open_file(&file, row->file)) {
        const struct sw_safetensors_entry *theirs = require(&file, row->scores);
        struct sw_tensor *S = scores_of(&t, row, 0, &encoding), *more = NULL;
        int I = S->dim[0], C = S->dim[1];
        const struct oracle *also = row->also ? row_named(rows, row->also) : NULL;
        if (also && start(&other, also))
            more = scores_of(&other, also, 0, &second);
        ck_assert_uint_eq(theirs->elements, (size_t)(I * C));
        for (int i = 0; i < I; i++)
            for (int c = 0; c < C; c++) {
                double ours = S->data[i * C + c] + (more ? more->data[i * C + c] : 0);
                double gap =
                    fabs(ours - number(theirs, (size_t)(row->transposed ? c * I + i : i * C + c)));
                worst = gap <= worst ? worst : gap; /* a NaN becomes the worst */
            }
        if (also)
            end(&other);
        printf("%s: scores within %.1e\n", row->name, worst);
        ck_assert_msg(worst <= bound, "%s: scores differ by %g, expected at most %g", row->name,
                      worst, bound);
    }
    sw_safetensors_close(&file);
    end(&t);
}

/* The largest difference between a gradient of ours and theirs, and their largest number. */
struct gap {
    double worst, most;
};

static struct gap gap_of(const float *ours, const struct sw_safetensors_entry *theirs)
{
    struct gap gap = {0, 0};
    for (size_t i = 0; i < theirs->elements; i++) {
        double size = fabs(number(theirs, i)), off = fabs(ours[i] - number(theirs, i));
        gap.most = size <= gap.most ? gap.most : size;
        gap.worst = off <= gap.worst ? gap.worst : off;
    }
    return gap;
}

/* Of given fragments, whose rows lie elsewhere in our tensors. */
static struct gap gap_of_rows(const struct sw_tensor *ours, const struct sw_fragments *at,
                              const struct sw_safetensors_entry *theirs)
{
    struct gap gap = {0, 0};
    for (int g = 0; g < at->groups; g++)
        for (int f = 0; f < at->count[g]; f++)
            for (int d = 0; d < D; d++) {
                double x =
                    number(theirs, ((size_t)g * theirs->shape[1] + (size_t)f) * D + (size_t)d);
                double off = fabs(ours->grad[(at->first[g] + f * at->stride) * D + d] - x);
                gap.most = fabs(x) <= gap.most ? gap.most : fabs(x);
                gap.worst = off <= gap.worst ? gap.worst : off;
            }
    return gap;
}

/* A gradient that is zero but for rounding is measured against the largest of all. */
static void compare(const struct oracle *row, const char *name, struct gap gap, double largest,
                    double *worst)
{
    double scale = gap.most > 1e-3 * largest ? gap.most : 1e-3 * largest;
    double bound = row->tolerance > 0 ? row->tolerance : 1e-4, off = gap.worst / scale;
    *worst = off <= *worst ? *worst : off;
    ck_assert_msg(off <= bound, "%s: the gradient of %s differs by %g of its largest, %g",
                  row->name, name, off, gap.most);
}

static void check_gradients(const struct oracle *row)
{
    struct sw_safetensors file = {0};
    struct trial t;
    struct sw_encoding encoding;
    if (start(&t, row) && open_file(&file, row->gradients)) {
        struct sw_tensor *S = scores_of(&t, row, TRAINED, &encoding);
        static const int32_t image_of[TRAINED] = {0, 1, 2, 3};
        struct sw_pair_images pairs = {.n = TRAINED, .image = image_of};
        struct sw_tensor *loss = sw_model_loss(t.model, t.graph, &encoding, S, &pairs, 0);
        ck_assert_msg(loss != NULL, "%s: %s", row->name, sw_graph_error(t.graph)->text);
        double theirs = number(require(&file, "loss"), 0), largest = 0, worst = 0;
        ck_assert_msg(fabs(loss->data[0] - theirs) <= 1e-5 * (1 + fabs(theirs)),
                      "%s: loss %.8g, expected %.8g", row->name, (double)loss->data[0], theirs);
        loss->grad[0] = 1;
        ck_assert_msg(sw_graph_backward(t.graph) == SW_OK, "%s: %s", row->name,
                      sw_graph_error(t.graph)->text);
        for (size_t e = 0; e < file.count; e++)
            for (size_t i = 0;
                 strncmp(file.entries[e].name, "scores", 6) != 0 &&
                 strcmp(file.entries[e].name, "loss") != 0 && i < file.entries[e].elements;
                 i++)
                largest = fmax(largest, fabs(number(&file.entries[e], i)));
        int compared = 0;
        for (int i = 0; i < sw_model_parameters(t.model); i++) {
            const struct sw_parameter *ours = sw_model_parameter(t.model, i);
            char room[256];
            const char *name = their_name(row->gradient_names ? row->gradient_names : row->names,
                                          ours->name, room);
            if (!ours->tensor->grad || !name)
                continue;
            const struct sw_safetensors_entry *entry = require(&file, name);
            ck_assert_uint_eq(entry->elements, sw_tensor_count(ours->tensor));
            compare(row, ours->name, gap_of(ours->tensor->grad, entry), largest, &worst);
            compared++;
        }
        if (row->given) {
            compare(row, "regions",
                    gap_of_rows(encoding.regions, &encoding.region_rows, require(&file, "regions")),
                    largest, &worst);
            compare(row, "words",
                    gap_of_rows(encoding.words, &encoding.word_rows, require(&file, "words")),
                    largest, &worst);
        }
        ck_assert_int_gt(compared + 2 * (row->given != NULL), 0);
        printf("%s: gradients of %d parameters within %.1e\n", row->name, compared, worst);
    }
    sw_safetensors_close(&file);
    end(&t);
}

/* A table of results says "SCAN" beside a number: it must be SCAN that was computed. */
static void check_row(const struct oracle *rows, int index)
{
    for (int i = 0; rows[i].name; i++)
        if (i == index && rows[i].gradients)
            check_gradients(&rows[i]);
        else if (i == index && rows[i].scores)
            check_scores(rows, &rows[i]);
}

static int count_of(const struct oracle *rows)
{
    int count = 0;
    while (rows[count].name)
        count++;
    return count;
}

START_TEST(alignment_stages)
{
    check_row(oracle_align, _i);
}
END_TEST

/* ---- from files, by the program ---- */

/* The checkpoint that the row describes, in `path`. */
static void write_checkpoint(struct trial *t, const struct oracle_folder *row, const char *path)
{
    struct sw_safetensors_entry entries[64];
    int count = sw_model_parameters(t->model);
    ck_assert_int_le(count, 64);
    for (int i = 0; i < count; i++) {
        const struct sw_parameter *p = sw_model_parameter(t->model, i);
        entries[i] = (struct sw_safetensors_entry){
            .name = p->name, .ndim = p->tensor->ndim, .data = p->tensor->data};
        for (int d = 0; d < p->tensor->ndim; d++)
            entries[i].shape[d] = (size_t)p->tensor->dim[d];
    }
    json_t *config = json_pack("{s:o}", "model", model_of(row->model));
    char *text = json_dumps(config, JSON_COMPACT);
    json_t *metadata = json_pack("{s:s}", "stepwise", text);
    struct sw_error error = {0};
    ck_assert_msg(sw_safetensors_write(path, entries, (size_t)count, metadata, &error) == SW_OK,
                  "%s", error.text);
    json_decref(config);
    json_decref(metadata);
    free(text);
}

static void check_folder(const struct oracle_folder *row)
{
    const char *program = getenv("STEPWISE");
    char *theirs_path = oracle_path(row->scores), *folder = unit_folder(), command[2048];
    struct trial t;
    struct sw_error error = {0};
    struct sw_npy ours = {0}, theirs = {0};
    build(&t, row->model, 1);
    if (theirs_path && load_weights(&t, row->weights, row->names, 1)) {
        ck_assert_msg(program != NULL, "STEPWISE is not set");
        char *checkpoint = unit_path(folder, "checkpoint.safetensors"),
             *sims = unit_path(folder, "sims.npy"), *data = oracle_path("folder/data/vocab.json");
        write_checkpoint(&t, row, checkpoint);
        snprintf(command, sizeof command,
                 "'%s' eval '%s' --data '%.*s' --split test --vocab '%s' --sims '%s' >'%s/log' "
                 "2>&1 || { cat '%s/log'; exit 1; }",
                 program, checkpoint, (int)(strlen(data) - strlen("/vocab.json")), data, data, sims,
                 folder, folder);
        ck_assert_msg(system(command) == 0, "%s: %s", row->name, command);
        ck_assert_msg(sw_npy_open(&ours, sims, &error) == SW_OK, "%s", error.text);
        ck_assert_msg(sw_npy_open(&theirs, theirs_path, &error) == SW_OK, "%s", error.text);
        ck_assert_uint_eq(ours.shape[0], theirs.shape[0]);
        ck_assert_uint_eq(ours.shape[1], theirs.shape[1]);
        double worst = 0;
        for (size_t r = 0; r < ours.shape[0]; r++) {
            float a[64], b[64];
            ck_assert_int_eq(sw_npy_floats(&ours, r, 1, a), SW_OK);
            ck_assert_int_eq(sw_npy_floats(&theirs, r, 1, b), SW_OK);
            for (size_t c = 0; c < ours.shape[1]; c++)
                worst = fabs((double)a[c] - (double)b[c]) <= worst
                            ? worst
                            : fabs((double)a[c] - (double)b[c]);
        }
        printf("%s: scores within %.1e\n", row->name, worst);
        ck_assert_msg(worst <= 1e-5, "%s: scores differ by %g", row->name, worst);
        sw_npy_close(&ours);
        sw_npy_close(&theirs);
        free(checkpoint);
        free(sims);
        free(data);
    }
    end(&t);
    unit_remove_folder(folder);
    free(theirs_path);
}

START_TEST(from_files_to_scores)
{
    for (int i = 0; oracle_folder_align[i].name; i++)
        if (i == _i)
            check_folder(&oracle_folder_align[i]);
}
END_TEST

static void add_tests(TCase *tests)
{
    int folders = 0;
    while (oracle_folder_align[folders].name)
        folders++;
    tcase_add_loop_test(tests, alignment_stages, 0, count_of(oracle_align));
    tcase_add_loop_test(tests, from_files_to_scores, 0, folders);
}

UNIT_MAIN("oracle", add_tests)
