/* inputs.c -- see inputs.h. */
#include "train/inputs.h"

#include "data/glove.h"
#include "match/metrics.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { LEAST_SEEN = 4 };
static const char built[] = "built from the captions";

/* The vocabulary: a file that was named, DIR/vocab.json, or the field's rule over the captions. */
static int open_vocabulary(struct sw_inputs *in, const struct sw_settings *s, const char *vocab,
                           struct sw_error *error)
{
    char *path = NULL;
    int named = vocab || *s->vocab;
    if (named)
        path = strdup(vocab ? vocab : s->vocab);
    else if (asprintf(&path, "%s/vocab.json", s->dir) < 0)
        path = NULL;
    if (!path)
        return sw_fail(error, SW_FAILED, "out of memory for a vocabulary");
    int status;
    if (named || access(path, F_OK) == 0) {
        status = sw_vocabulary_load(&in->vocabulary, path, error);
        in->vocabulary_from = path;
    } else {
        const char *splits[2] = {s->train_split, s->dev_split};
        free(path);
        status = sw_vocabulary_from_folder(&in->vocabulary, s->dir, splits, *s->dev_split ? 2 : 1,
                                           LEAST_SEEN, error);
        in->vocabulary_from = strdup(built);
    }
    in->has_vocabulary = status == SW_OK;
    return status;
}

enum use { TRAIN, EVALUATE };

/* Opens a split that is to have features as wide as those of the train split. */
static int open_split(struct sw_dataset *out, int *has, struct sw_fingerprints *fingerprint,
                      const struct sw_inputs *in, const struct sw_settings *s, const char *split,
                      int images, enum use use, struct sw_error *error)
{
    struct sw_dataset_options options = {
        .images = (size_t)images,
        .all_captions = use == TRAIN || s->all_dev_captions,
        .precaps = s->precaps,
        .longest = (size_t)s->longest_caption,
        .sequential = use == EVALUATE,
        .second = {s->second[0], s->second[1]},
        .second_width = {s->second_width[0], s->second_width[1]},
    };
    int status = sw_dataset_open(s->dir, split, &in->vocabulary, &options, out, error);
    *has = status == SW_OK;
    if (status != SW_OK)
        return status;
    fingerprint->all = sw_dataset_fingerprint(out);
    fingerprint->own = sw_dataset_own_fingerprint(out);
    if (in->train.features != out->features)
        return sw_fail(error, SW_FAILED,
                       "%s: expected %zu features per region as %s has, found %zu", out->path,
                       in->train.features, in->train.path, out->features);
    return SW_OK;
}

/* Coverage of the train captions by `has` (NULL: by the vocabulary); none is an error. */
static int cover(const struct sw_inputs *in, const struct sw_settings *s, const bool *has,
                 const char *what, struct sw_coverage *out, struct sw_error *error)
{
    char captions[512];
    snprintf(captions, sizeof captions, "%s/%s_caps.txt", s->dir, s->train_split);
    sw_coverage(&in->train.words, &in->vocabulary, has, out);
    return sw_coverage_check(out, what, captions, error);
}

/* Data sets without a test split are common, and no run asks for the default one by its name. */
static int is_wanted(const struct sw_settings *s, const struct sw_test_set *set)
{
    return *set->name || strcmp(set->split, "test") != 0 || !sw_dataset_is_absent(s->dir, "test");
}

static void within_test(const struct sw_test_set *set, int status, struct sw_error *error)
{
    if (status != SW_OK && *set->name)
        sw_error_within(error, "test set '%s'", set->name);
}

static int require_splits(const struct sw_settings *s, const struct sw_test_set *sets, size_t count,
                          struct sw_error *error)
{
    int status = sw_dataset_require(s->dir, s->train_split, error);
    if (status == SW_OK && *s->dev_split)
        status = sw_dataset_require(s->dir, s->dev_split, error);
    for (size_t i = 0; i < count && status == SW_OK; i++) {
        if (is_wanted(s, &sets[i]))
            status = sw_dataset_require(s->dir, sets[i].split, error);
        within_test(&sets[i], status, error);
    }
    return status;
}

static void add(uint64_t *to, uint64_t one, bool is_first)
{
    *to = is_first ? one : XXH3_64bits_withSeed(&one, sizeof one, *to);
}

static int open_tests(struct sw_inputs *out, const struct sw_settings *s,
                      const struct sw_test_set *sets, size_t count, struct sw_error *error)
{
    int has, status = SW_OK;
    out->tests = calloc(count + 1, sizeof *out->tests);
    if (!out->tests)
        return sw_fail(error, SW_FAILED, "out of memory for %zu test sets", count);
    for (size_t i = 0; i < count && status == SW_OK; i++) {
        if (!is_wanted(s, &sets[i]))
            continue;
        struct sw_test *test = &out->tests[out->test_count++];
        struct sw_fingerprints one = {0};
        test->folds = sets[i].folds;
        status = open_split(&test->data, &has, &one, out, s, sets[i].split, (int)sets[i].images,
                            EVALUATE, error);
        if (status == SW_OK)
            status = sw_check_folds(test->data.images, test->folds, test->data.path, error);
        within_test(&sets[i], status, error);
        add(&out->test_fingerprint.all, one.all, i == 0);
        add(&out->test_fingerprint.own, one.own, i == 0);
    }
    return status;
}

int sw_inputs_open(struct sw_inputs *out, const struct sw_settings *settings, const char *vocab,
                   const struct sw_test_set *sets, size_t count, struct sw_error *error)
{
    *out = (struct sw_inputs){0};
    if (!*settings->dir)
        return sw_fail(error, SW_MISUSE, "no data folder is given: name one with --data DIR");
    int status = require_splits(settings, sets, count, error);
    if (status == SW_OK)
        status = open_vocabulary(out, settings, vocab, error);
    if (status == SW_OK)
        status = open_split(&out->train, &out->has_train, &out->train_fingerprint, out, settings,
                            settings->train_split, settings->train_images, TRAIN, error);
    if (status == SW_OK)
        status = cover(out, settings, NULL,
                       strcmp(out->vocabulary_from, built)
                           ? out->vocabulary_from
                           : "the vocabulary of words that are seen at least 4 times",
                       &out->known, error);
    if (status == SW_OK && *settings->dev_split)
        status = open_split(&out->dev, &out->has_dev, &out->dev_fingerprint, out, settings,
                            settings->dev_split, settings->dev_images, EVALUATE, error);
    if (status == SW_OK)
        status = open_tests(out, settings, sets, count, error);
    if (status == SW_OK && (out->train.captions < 2 || out->train.captions > INT32_MAX))
        status = sw_fail(error, SW_FAILED, "%s: expected 2 to %d captions to train on, found %zu",
                         out->train.path, INT32_MAX, out->train.captions);
    if (status == SW_OK && (out->train.features > INT_MAX || out->vocabulary.words.count > INT_MAX))
        status = sw_fail(error, SW_FAILED, "%s: %zu features per region are too many",
                         out->train.path, out->train.features);
    if (status != SW_OK) {
        sw_inputs_close(out);
        return status;
    }
    out->generated = sw_dataset_is_generated(settings->dir);
    out->has_second = out->train.second[0].path || out->train.second[1].path;
    return SW_OK;
}

void sw_inputs_close(struct sw_inputs *inputs)
{
    if (inputs->has_train)
        sw_dataset_close(&inputs->train);
    if (inputs->has_dev)
        sw_dataset_close(&inputs->dev);
    for (size_t i = 0; i < inputs->test_count; i++)
        sw_dataset_close(&inputs->tests[i].data);
    free(inputs->tests);
    if (inputs->has_vocabulary)
        sw_vocabulary_free(&inputs->vocabulary);
    free(inputs->vocabulary_from);
    *inputs = (struct sw_inputs){0};
}

const struct sw_dataset *sw_inputs_split(const struct sw_inputs *in, size_t index)
{
    if (index < in->test_count)
        return &in->tests[index].data;
    index -= in->test_count;
    if (in->has_dev && index-- == 0)
        return &in->dev;
    return index == 0 ? &in->train : NULL;
}

int sw_inputs_read_glove(struct sw_inputs *in, const struct sw_settings *s, int width,
                         struct sw_glove *out, struct sw_error *error)
{
    int status = sw_glove_read(s->glove, &in->vocabulary, width, out, error);
    if (status != SW_OK)
        return status;
    in->glove_lines = out->lines;
    in->glove_found = out->found;
    in->glove_hash =
        XXH3_64bits(out->rows, sizeof(float) * in->vocabulary.words.count * (size_t)out->width);
    status = cover(in, s, out->has, s->glove, &in->with_vector, error);
    if (status != SW_OK)
        sw_glove_free(out);
    return status;
}

int sw_inputs_matcher(struct sw_inputs *inputs, struct sw_matcher **out,
                      const struct sw_session *session, const json_t *config, int values_follow,
                      struct sw_error *error)
{
    struct sw_settings s;
    struct sw_glove glove = {0};
    int needs = 0, status = SW_OK;
    *out = NULL;
    sw_config_settings(config, &s);
    if (!values_follow)
        status = sw_matcher_needs_glove(session, config, &needs, error);
    if (status == SW_OK && needs && !*s.glove)
        status = sw_fail(error, SW_MISUSE,
                         "embedding '%s' starts from GloVe vectors, and no file of them is given: "
                         "name one with --glove FILE, or choose another with embedding=NAME",
                         s.embedding);
    if (status == SW_OK && needs) {
        status = sw_inputs_read_glove(inputs, &s, s.word_dim, &glove, error);
        if (status != SW_OK)
            return status;
    }
    struct sw_matcher_inputs sizes = {
        .features = (int)inputs->train.features,
        .vocabulary = (int)inputs->vocabulary.words.count,
        .seed = s.seed,
        .glove = glove.rows,
        .values_follow = values_follow,
    };
    if (status == SW_OK)
        status = sw_matcher_new(out, session, config, &sizes, error);
    if (status == SW_OK)
        status = sw_matcher_try(*out, session, error);
    if (status != SW_OK) {
        sw_matcher_free(*out);
        *out = NULL;
    } else { /* the rows are copied; the plan must not point at them any longer */
        sw_composition_plan((*out)->composition)->glove = NULL;
    }
    sw_glove_free(&glove);
    return status;
}
