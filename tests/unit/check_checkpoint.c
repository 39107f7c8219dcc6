/* check_checkpoint.c -- models and training states in files. */
#include "configs.h"
#include "unit.h"

#include "data/vocabulary.h"
#include "train/state.h"

#include <math.h>

enum { D = 6, F = 5, V = 9, W = 4 };

static struct sw_session *session;
static json_t *config;
static struct sw_matcher *matcher;
static char *folder, *path;

static void begin(void)
{
    static const char *const set[] = {"dim=6", "word_dim=4", "dir=/a/folder", "threads=3",
                                      "name=mine"};
    struct sw_error error = {0};
    ck_assert_msg(sw_session_new(&session, 1, NULL, &error) == SW_OK, "%s", error.text);
    config = configs_default();
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        configs_set(config, set[i]);
    models_complete_config(config);
    float glove[V * W];
    for (int i = 0; i < V * W; i++)
        glove[i] = (float)i / 7;
    struct sw_matcher_inputs inputs = {.features = F, .vocabulary = V, .seed = 1, .glove = glove};
    ck_assert_msg(sw_matcher_new(&matcher, session, config, &inputs, &error) == SW_OK, "%s",
                  error.text);
    folder = unit_folder();
    path = unit_path(folder, "a.safetensors");
}

static void end(void)
{
    free(path);
    unit_remove_folder(folder);
    sw_matcher_free(matcher);
    json_decref(config);
    sw_session_free(session);
}

static void save(void)
{
    struct sw_error error = {0};
    ck_assert_msg(configs_save(path, matcher->model, config, NULL, &error) == SW_OK, "%s",
                  error.text);
}

/* Loading `path` must fail and say `message`. */
static void refused(const char *message)
{
    struct sw_error error = {0};
    struct sw_matcher *loaded;
    json_t *read;
    ck_assert_int_eq(configs_load(&loaded, &read, session, path, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s\nexpected: %s", error.text, message);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    ck_assert_ptr_null(loaded);
    ck_assert_ptr_null(read);
}

/* The saved model once more, after `change` has seen its entries and metadata. */
static void rewrite(size_t (*change)(struct sw_safetensors_entry *entries, size_t count),
                    const char *text)
{
    struct sw_safetensors file;
    struct sw_error error = {0};
    save();
    ck_assert_msg(sw_safetensors_open(&file, path, &error) == SW_OK, "%s", error.text);
    struct sw_safetensors_entry entries[64];
    size_t count = file.count;
    ck_assert_uint_lt(count, 60);
    memcpy(entries, file.entries, count * sizeof *entries);
    if (change)
        count = change(entries, count);
    if (!text)
        text = sw_safetensors_string(&file, "stepwise");
    json_t *metadata = *text ? json_pack("{s:s}", "stepwise", text) : NULL;
    ck_assert_msg(sw_safetensors_write(path, entries, count, metadata, &error) == SW_OK, "%s",
                  error.text);
    json_decref(metadata);
    sw_safetensors_close(&file);
}

static void same_numbers(const struct sw_model *a, const struct sw_model *b)
{
    ck_assert_int_eq(sw_model_parameters(a), sw_model_parameters(b));
    for (int i = 0; i < sw_model_parameters(a); i++) {
        const struct sw_parameter *p = sw_model_parameter(a, i);
        const struct sw_parameter *q = sw_model_find_parameter(b, p->name);
        ck_assert_ptr_nonnull(q);
        ck_assert_mem_eq(p->tensor->data, q->tensor->data,
                         sizeof(float) * sw_tensor_count(p->tensor));
    }
}

/* The names and shapes are a contract: PyTorch and other tools load these files by them. */
START_TEST(names_and_shapes)
{
    static const struct {
        const char *name;
        int ndim;
        size_t shape[2];
    } expected[] = {
        {"image.fc.weight", 2, {D, F}},
        {"image.fc.bias", 1, {D}},
        {"embedding.glove.weight", 2, {V, W}},
        {"embedding.random.weight", 2, {V, W}},
        {"text.gru.weight_ih_l0", 2, {3 * D, 2 * W}},
        {"text.gru.weight_hh_l0", 2, {3 * D, D}},
        {"text.gru.bias_ih_l0", 1, {3 * D}},
        {"text.gru.bias_hh_l0", 1, {3 * D}},
        {"text.gru.weight_ih_l0_reverse", 2, {3 * D, 2 * W}},
        {"text.gru.weight_hh_l0_reverse", 2, {3 * D, D}},
        {"text.gru.bias_ih_l0_reverse", 1, {3 * D}},
        {"text.gru.bias_hh_l0_reverse", 1, {3 * D}},
        {"l2l.image_key.weight", 2, {D, D}},
        {"l2l.text_key.weight", 2, {D, D}},
        {"g2l.fusion.image.weight", 2, {1, 2 * D}},
        {"g2l.fusion.image.bias", 1, {1}},
        {"g2l.fusion.text.weight", 2, {1, 2 * D}},
        {"g2l.fusion.text.bias", 1, {1}},
        {"g2l.pool.image.weight", 2, {1, D}},
        {"g2l.pool.text.weight", 2, {1, D}},
    };
    const size_t count = sizeof expected / sizeof *expected;
    struct sw_safetensors file;
    save();
    ck_assert_int_eq(sw_safetensors_open(&file, path, NULL), SW_OK);
    ck_assert_uint_eq(file.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct sw_safetensors_entry *e = sw_safetensors_find(&file, expected[i].name);
        ck_assert_msg(e != NULL, "no %s", expected[i].name);
        ck_assert_str_eq(e->dtype, "F32");
        ck_assert_int_eq(e->ndim, expected[i].ndim);
        for (int d = 0; d < e->ndim; d++)
            ck_assert_uint_eq(e->shape[d], expected[i].shape[d]);
    }
    sw_safetensors_close(&file);
}
END_TEST

/* What was trained is what is evaluated, to the bit; and a model file says nothing of the machine.
 */
START_TEST(round_trip)
{
    struct sw_matcher *loaded;
    json_t *read;
    struct sw_error error = {0};
    save();
    ck_assert_msg(configs_load(&loaded, &read, session, path, &error) == SW_OK, "%s", error.text);
    same_numbers(matcher->model, loaded->model);
    json_t *portable = configs_portable(config);
    ck_assert(json_equal(portable, read));
    json_decref(portable);
    const struct sw_model_plan *plan = sw_model_plan_of(loaded->model);
    ck_assert_int_eq(plan->features, F);
    ck_assert_int_eq(plan->vocabulary, V);
    ck_assert_ptr_null(
        sw_model_find_parameter(loaded->model, "embedding.glove.weight")->tensor->grad);
    char *text = json_dumps(read, 0);
    ck_assert_ptr_null(strstr(text, "/a/folder"));
    ck_assert_ptr_null(strstr(text, "mine"));
    free(text);
    json_decref(read);
    sw_matcher_free(loaded);
}
END_TEST

/* Sizes are asked of the model's own parts: no tensor has to be there by its name. */
static const char *const encoders[][2] = {{"linear", "linear"},
                                          {"residual_mlp", "gru"},
                                          {"self_attention", "bigru"},
                                          {"drop_regions,l2norm", "linear,self_attention"},
                                          {"dropout,linear", "drop_words,gru"}};

static json_t *names(const char *list)
{
    json_t *out = json_array();
    char *copy = strdup(list), *rest = copy, *name;
    while ((name = strsep(&rest, ",")))
        json_array_append_new(out, json_string(name));
    free(copy);
    return out;
}

START_TEST(any_encoders_are_read)
{
    int features = strstr(encoders[_i][0], "l2norm") || strstr(encoders[_i][0], "self") ? 16 : F;
    struct sw_matcher *own, *loaded;
    json_t *read, *model = json_object_get(config, "model");
    struct sw_error error = {0};
    struct sw_matcher_inputs inputs = {.features = features, .vocabulary = V, .seed = 1};
    configs_set(config, "dim=16");
    configs_set(config, "embedding=random");
    configs_set(config, "stages=l2l");
    json_object_set_new(model, "image", names(encoders[_i][0]));
    json_object_set_new(model, "text", names(encoders[_i][1]));
    ck_assert_msg(sw_matcher_new(&own, session, config, &inputs, &error) == SW_OK, "%s",
                  error.text);
    ck_assert_msg(configs_save(path, own->model, config, NULL, &error) == SW_OK, "%s", error.text);
    ck_assert_msg(configs_load(&loaded, &read, session, path, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(sw_model_plan_of(loaded->model)->features, features);
    ck_assert_int_eq(sw_model_plan_of(loaded->model)->vocabulary, V);
    same_numbers(own->model, loaded->model);
    json_decref(read);
    sw_matcher_free(loaded);
    sw_matcher_free(own);
}
END_TEST

static size_t drop_last(struct sw_safetensors_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, "g2l.pool.text.weight") == 0)
            entries[i] = entries[count - 1];
    return count - 1;
}

static size_t misname(struct sw_safetensors_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, "l2l.text_key.weight") == 0)
            entries[i].name = "l2l.txt_key.weight";
    return count;
}

static size_t add_one(struct sw_safetensors_entry *entries, size_t count)
{
    entries[count] = entries[0];
    entries[count].name = "image.fc.wieght";
    return count + 1;
}

static size_t transpose(struct sw_safetensors_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, "g2l.pool.text.weight") == 0)
            entries[i].shape[0] = D, entries[i].shape[1] = 1;
    return count;
}

static float poison[3 * D * D];

static size_t add_nan(struct sw_safetensors_entry *entries, size_t count)
{
    poison[7] = NAN;
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, "text.gru.weight_hh_l0") == 0)
            entries[i].data = poison;
    return count;
}

static size_t add_infinity(struct sw_safetensors_entry *entries, size_t count)
{
    poison[7] = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, "text.gru.weight_hh_l0") == 0)
            entries[i].data = poison;
    return count;
}

static size_t no_table(struct sw_safetensors_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(entries[i].name, "embedding.", 10) == 0)
            entries[i--] = entries[--count];
    return count;
}

static const struct {
    size_t (*change)(struct sw_safetensors_entry *entries, size_t count);
    const char *message;
} changes[] = {
    {drop_last, "'g2l.pool.text.weight'"},
    {misname, "'l2l.text_key.weight'; did you mean 'l2l.txt_key.weight'?"},
    {add_one, "tensor 'image.fc.wieght' is not a parameter of its model; did you mean "
              "'image.fc.weight'?"},
    {transpose, "g2l.pool.text.weight"},
    {add_nan, "text.gru.weight_hh_l0: number 7 of 108 is a NaN"},
    {add_infinity, "text.gru.weight_hh_l0: number 7 of 108 is an infinity"},
    {no_table, "no tensor 'embedding.glove.weight'"},
};

/* PyTorch's strict=True, both ways: a model must never be scored with a tensor left at random. */
START_TEST(wrong_tensors)
{
    rewrite(changes[_i].change, NULL);
    refused(changes[_i].message);
}
END_TEST

/* Nothing as large as a config says is made before the file has shown that it holds it. */
START_TEST(a_config_cannot_ask_for_memory)
{
    json_t *large = configs_portable(config);
    for (int i = 0; i < 2; i++) {
        json_object_set_new(json_object_get(large, "model"), "dim",
                            json_integer(i ? 2000000000 : 1 << 16));
        char *text = json_dumps(large, 0);
        rewrite(NULL, text);
        refused(i ? "its config's dim, 2000000000, is above"
                  : "tensor 'image.fc.weight': expected shape 65536 x 5, found 6 x 5");
        free(text);
    }
    json_decref(large);
}
END_TEST

/* A vocabulary of another size reads every word as another word. */
START_TEST(vocabulary_must_fit)
{
    static const char text[] =
        "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"dog\": 4}}";
    struct sw_vocabulary vocabulary;
    struct sw_error error = {0};
    char *file = unit_path(folder, "vocab.json");
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, path, NULL, 5, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "--vocab FILE") && strstr(error.text, file), "%s", error.text);
    unit_write(file, text, sizeof text - 1);
    error = (struct sw_error){0};
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, path, NULL, 9, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "expected 9 words") && strstr(error.text, "found 5"), "%s",
                  error.text);
    save();
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, path, file, 5, NULL), SW_OK);
    ck_assert_int_eq(sw_vocabulary_find(&vocabulary, "dog", 3), 4);
    sw_vocabulary_free(&vocabulary);
    free(file);
}
END_TEST

#define WORDS(a, b)                                                                                \
    "{\"word2idx\": {\"<pad>\": 0, \"<start>\": 1, \"<end>\": 2, \"<unk>\": 3, \"" a "\": 4, \"" b \
    "\": 5}}"

static void vocabulary_refused(const char *vocab, const char *message)
{
    struct sw_vocabulary vocabulary;
    struct sw_error error = {0};
    ck_assert_int_eq(sw_checkpoint_vocabulary(&vocabulary, path, vocab, 6, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, message) != NULL, "expected '%s', found '%s'", message,
                  error.text);
}

/* The same words under other ids read every word as another word, and the size does not tell. */
START_TEST(vocabulary_must_be_the_same)
{
    static const char right[] = WORDS("cat", "dog"), wrong[] = WORDS("dog", "cat");
    struct sw_vocabulary vocabulary;
    struct sw_error error = {0};
    char *beside = unit_path(folder, "vocab.json"), *other = unit_path(folder, "other.json");
    unit_write(beside, right, strlen(right));
    unit_write(other, wrong, strlen(wrong));
    ck_assert_int_eq(sw_vocabulary_load(&vocabulary, beside, NULL), SW_OK);
    ck_assert_int_eq(configs_save(path, matcher->model, config, &vocabulary, NULL), SW_OK);
    sw_vocabulary_free(&vocabulary);
    ck_assert_msg(sw_checkpoint_vocabulary(&vocabulary, path, NULL, 6, &error) == SW_OK, "%s",
                  error.text);
    sw_vocabulary_free(&vocabulary);
    vocabulary_refused(other, "other.json: its word ids differ from those of the vocabulary that ");
    vocabulary_refused(other, "; id 4 is 'dog', and 'cat' in ");
    unit_write(beside, wrong, strlen(wrong));
    vocabulary_refused(NULL, "vocab.json: its word ids differ from those of the vocabulary that ");

    /* a checkpoint of an older version has no fingerprint: the vocabulary beside it decides */
    save();
    ck_assert_msg(sw_checkpoint_vocabulary(&vocabulary, path, NULL, 6, &error) == SW_OK, "%s",
                  error.text);
    sw_vocabulary_free(&vocabulary);
    unit_write(other, right, strlen(right));
    vocabulary_refused(other, "; id 4 is 'cat', and 'dog' in ");
    unlink(beside);
    ck_assert_msg(sw_checkpoint_vocabulary(&vocabulary, path, other, 6, &error) == SW_OK, "%s",
                  error.text);
    sw_vocabulary_free(&vocabulary);
    free(beside);
    free(other);
}
END_TEST

/* ---- training state ----------------------------------------------------------------------------
 */

static float *moments(float start)
{
    float *values, *gradients;
    size_t count;
    sw_model_trained(matcher->model, &values, &gradients, &count);
    float *out = calloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = start + (float)i;
    return out;
}

static const char reached[] = "{\"step\": 1234567890123}";

static void save_state(const float *first, const float *second)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_state_save(path, matcher->model, first, second, reached, "key", &error) ==
                      SW_OK,
                  "%s", error.text);
}

/* Whatever does not come back to the bit makes a resumed run another run. */
START_TEST(state_round_trip)
{
    float *first = moments(1), *second = moments(1000), *a = moments(0), *b = moments(0);
    float *values, *gradients;
    size_t count;
    char *progress;
    struct sw_error error = {0};
    sw_model_trained(matcher->model, &values, &gradients, &count);
    float *kept = malloc(count * sizeof *kept);
    memcpy(kept, values, count * sizeof *kept);
    save_state(first, second);
    struct sw_tensor *table =
        sw_model_find_parameter(matcher->model, "embedding.glove.weight")->tensor;
    memset(values, 0, count * sizeof *values);
    table->data[3] = 99;
    ck_assert_msg(sw_state_load(path, matcher->model, a, b, &progress,
                                (const char *[]){"other", "key", NULL}, &error) == SW_OK,
                  "%s", error.text);
    ck_assert_float_eq(table->data[3], 3.0f / 7);
    ck_assert_str_eq(progress, reached);
    free(progress);
    for (int p = 0; p < sw_model_parameters(matcher->model); p++) {
        const struct sw_tensor *t = sw_model_parameter(matcher->model, p)->tensor;
        if (!t->grad)
            continue;
        size_t at = (size_t)(t->data - values), bytes = sw_tensor_count(t) * sizeof(float);
        ck_assert_mem_eq(values + at, kept + at, bytes);
        ck_assert_mem_eq(a + at, first + at, bytes);
        ck_assert_mem_eq(b + at, second + at, bytes);
    }
    float *all[] = {first, second, a, b, kept};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}
END_TEST

static void state_refused(const char *key, const char *message)
{
    float *a = moments(0), *b = moments(0);
    char *progress;
    struct sw_error error = {0};
    ck_assert_int_eq(
        sw_state_load(path, matcher->model, a, b, &progress, (const char *[]){key, NULL}, &error),
        SW_FAILED);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s", error.text);
    ck_assert_ptr_null(progress);
    free(a);
    free(b);
}

/* Another run's moments, a model file, a file that the disk has changed or cut: training must not
 * go on from any of them. */
START_TEST(wrong_states)
{
    float *first = moments(1), *second = moments(1000);
    save_state(first, second);
    state_refused("other", "it belongs to another run");
    struct sw_mapping file;
    ck_assert_int_eq(sw_map(&file, path, NULL), SW_OK);
    size_t size = file.size, refusals = 0;
    unsigned char *bytes = malloc(size);
    memcpy(bytes, file.data, size);
    sw_unmap(&file);
    size_t header = 8 + (bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16);
    for (size_t i = header; i < size; i += 13, refusals++) {
        bytes[i] ^= 1;
        unit_write(path, bytes, size);
        state_refused("key", "it is damaged");
        bytes[i] ^= 1;
    }
    ck_assert_uint_gt(refusals, 100);
    for (size_t cut = 0; cut < size; cut += size / 40) {
        unit_write(path, bytes, cut);
        state_refused("key", path);
    }
    unsigned char *step = memmem(bytes, header, "1234567890123", 13);
    ck_assert_ptr_nonnull(step);
    step[0] = '3';
    unit_write(path, bytes, size);
    state_refused("key", "it is damaged");
    save();
    state_refused("key", "it is not a training state");
    free(bytes);
    free(first);
    free(second);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, names_and_shapes);
    tcase_add_test(tests, round_trip);
    tcase_add_loop_test(tests, any_encoders_are_read, 0, sizeof encoders / sizeof *encoders);
    tcase_add_loop_test(tests, wrong_tensors, 0, sizeof changes / sizeof *changes);
    tcase_add_test(tests, a_config_cannot_ask_for_memory);
    tcase_add_test(tests, vocabulary_must_fit);
    tcase_add_test(tests, vocabulary_must_be_the_same);
    tcase_add_test(tests, state_round_trip);
    tcase_add_test(tests, wrong_states);
}

UNIT_MAIN("checkpoint", add_tests)
