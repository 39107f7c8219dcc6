/* inputs.h -- what a run reads: vocabulary, train and dev split, test sets, word vectors. */
#ifndef SW_TRAIN_INPUTS_H
#define SW_TRAIN_INPUTS_H

#include "base/error.h"
#include "data/dataset.h"
#include "data/glove.h"
#include "data/vocabulary.h"
#include "train/config.h"
#include "train/session.h"

/* What a run's best model is evaluated on at its end. */
struct sw_test_set {
    const char *name; /* "": the one of data.test_split */
    const char *split;
    size_t images, folds; /* images 0: all */
};

struct sw_test {
    size_t folds;
    struct sw_dataset data;
};

/* Of a split, or of all test sets, the last of all; own: without second sets. */
struct sw_fingerprints {
    uint64_t all, own;
};

struct sw_inputs {
    struct sw_vocabulary vocabulary;
    char *vocabulary_from; /* a file, or "built from the captions" */
    struct sw_dataset train, dev;
    struct sw_test *tests; /* (test_count) */
    size_t test_count;
    int has_vocabulary, has_train, has_dev;
    int generated;  /* the data are scenes */
    int has_second; /* second sets of fragments */
    struct sw_fingerprints train_fingerprint, dev_fingerprint, test_fingerprint;
    /* of the GloVe file, once sw_inputs_read_glove has read it */
    size_t glove_lines, glove_found;
    uint64_t glove_hash;                   /* XXH3 of the rows in use */
    struct sw_coverage known, with_vector; /* of the train captions' words */
};

/* Opens all splits, so that what is wrong with one is found before the first step: they must be
 * there and have features of one width, and the test sets sets[0..count) divide into their folds.
 * Only a test split of the default name may be missing, without a test set's name. vocab: NULL, or
 * a vocabulary that goes before the settings' own (that of a run that is resumed). Fails when the
 * vocabulary has none of the train captions' words. */
int sw_inputs_open(struct sw_inputs *out, const struct sw_settings *settings, const char *vocab,
                   const struct sw_test_set *sets, size_t count, struct sw_error *error);
void sw_inputs_close(struct sw_inputs *inputs);

/* Reads settings->glove for the vocabulary; width as in sw_glove_read. Fails when it has none of
 * the captions' words. */
int sw_inputs_read_glove(struct sw_inputs *inputs, const struct sw_settings *settings, int width,
                         struct sw_glove *out, struct sw_error *error);

/* The splits, test sets first, then dev where there is one, and train; NULL behind the last. */
const struct sw_dataset *sw_inputs_split(const struct sw_inputs *inputs, size_t index);

/* Builds the model for these inputs; reads the GloVe file when its embedding needs one and the
 * values do not follow from elsewhere. */
int sw_inputs_matcher(struct sw_inputs *inputs, struct sw_matcher **out,
                      const struct sw_session *session, const json_t *config, int values_follow,
                      struct sw_error *error);

#endif
