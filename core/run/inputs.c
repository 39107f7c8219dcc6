/* inputs.c -- see inputs.h. */
#include "run/inputs.h"

#include "data/glove.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { LEAST_SEEN = 4 };

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
        in->vocabulary_from = strdup("built from the captions");
    }
    in->has_vocabulary = status == SW_OK;
    return status;
}

static int open_split(struct sw_dataset *out, int *has, const struct sw_inputs *in,
                      const struct sw_settings *s, const char *split, int images, int train,
                      struct sw_error *error)
{
    struct sw_dataset_options options = {
        .images = (size_t)images,
        .all_captions = train || s->all_dev_captions,
        .precaps = s->precaps,
        .sequential = !train,
    };
    int status = sw_dataset_open(s->dir, split, &in->vocabulary, &options, out, error);
    if (status != SW_OK)
        sw_dataset_close(out);
    *has = status == SW_OK;
    return status;
}

int sw_inputs_open(struct sw_inputs *out, const struct sw_settings *settings, const char *vocab,
                   struct sw_error *error)
{
    *out = (struct sw_inputs){0};
    if (!*settings->dir)
        return sw_fail(error, SW_MISUSE, "no data folder is given: name one with --data DIR");
    int status = open_vocabulary(out, settings, vocab, error);
    if (status == SW_OK)
        status = open_split(&out->train, &out->has_train, out, settings, settings->train_split,
                            settings->train_images, 1, error);
    if (status == SW_OK && *settings->dev_split)
        status = open_split(&out->dev, &out->has_dev, out, settings, settings->dev_split,
                            settings->dev_images, 0, error);
    if (status == SW_OK && (out->train.captions < 2 || out->train.captions > INT32_MAX))
        status = sw_fail(error, SW_FAILED, "%s: expected 2 to %d captions to train on, found %zu",
                         out->train.path, INT32_MAX, out->train.captions);
    if (status == SW_OK && out->has_dev && out->dev.features != out->train.features)
        status =
            sw_fail(error, SW_FAILED, "%s: expected %zu features a region as %s has, found %zu",
                    out->dev.path, out->train.features, out->train.path, out->dev.features);
    if (status == SW_OK && (out->train.features > INT_MAX || out->vocabulary.words.count > INT_MAX))
        status = sw_fail(error, SW_FAILED, "%s: %zu features a region are too many",
                         out->train.path, out->train.features);
    if (status != SW_OK) {
        sw_inputs_close(out);
        return status;
    }
    out->generated = sw_dataset_is_generated(settings->dir);
    out->train_fingerprint = sw_dataset_fingerprint(&out->train);
    out->dev_fingerprint = out->has_dev ? sw_dataset_fingerprint(&out->dev) : 0;
    return SW_OK;
}

void sw_inputs_close(struct sw_inputs *inputs)
{
    if (inputs->has_train)
        sw_dataset_close(&inputs->train);
    if (inputs->has_dev)
        sw_dataset_close(&inputs->dev);
    if (inputs->has_vocabulary)
        sw_vocabulary_free(&inputs->vocabulary);
    free(inputs->vocabulary_from);
    *inputs = (struct sw_inputs){0};
}

/* Found out with a model of one feature and four words. */
int sw_inputs_need_glove(const struct sw_session *session, const json_t *config, int *needs,
                         struct sw_error *error)
{
    struct sw_matcher_inputs least = {.features = 1, .vocabulary = 4, .values_follow = 1};
    struct sw_matcher *matcher;
    int status = sw_matcher_new(&matcher, session, config, &least, error);
    if (status != SW_OK)
        return status;
    *needs = 0;
    for (int i = 0; i < sw_model_parameters(matcher->model); i++)
        *needs |= sw_model_parameter(matcher->model, i)->init.kind == SW_INIT_GLOVE;
    sw_matcher_free(matcher);
    return SW_OK;
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
        status = sw_inputs_need_glove(session, config, &needs, error);
    if (status == SW_OK && needs && !*s.glove)
        status = sw_fail(error, SW_MISUSE,
                         "embedding '%s' starts from GloVe vectors, and no file of them is given: "
                         "name one with --glove FILE, or choose another with embedding=NAME",
                         s.embedding);
    if (status == SW_OK && needs) {
        status = sw_glove_read(s.glove, &inputs->vocabulary, s.word_dim, &glove, error);
        if (status != SW_OK)
            return status;
        inputs->glove_lines = glove.lines;
        inputs->glove_found = glove.found;
        inputs->glove_hash = XXH3_64bits(
            glove.rows, sizeof(float) * inputs->vocabulary.words.count * (size_t)glove.width);
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
