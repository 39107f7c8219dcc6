/* inputs.h -- what a run reads: vocabulary, train and dev split, test sets, word vectors. */
#ifndef SW_TRAIN_INPUTS_H
#define SW_TRAIN_INPUTS_H

#include "base/error.h"
#include "data/dataset.h"
#include "data/glove.h"
#include "data/vocabulary.h"
#include "train/config.h"
#include "train/session.h"
#include "train/test_sets.h"

struct sw_test {
    struct sw_test_set set;
    struct sw_dataset data;
};

struct sw_inputs {
    struct sw_vocabulary vocabulary;
    char *vocabulary_from; /* a file, or "built from the captions" */
    struct sw_dataset train, dev;
    struct sw_test *tests; /* (test_count) */
    size_t test_count;
    int has_vocabulary, has_train, has_dev;
    int generated;                                                 /* the data are scenes */
    uint64_t train_fingerprint, dev_fingerprint, test_fingerprint; /* the last of all test sets */
    /* of the GloVe file, once sw_inputs_read_glove has read it */
    size_t glove_lines, glove_found;
    uint64_t glove_hash;                   /* XXH3 of the rows in use */
    struct sw_coverage known, with_vector; /* of the train captions' words */
};

/* Opens all splits, so that what is wrong with one is found before the first step: they must be
 * there and have features of one width, and test sets divide into their folds. Only a test split of
 * the default name may be missing. vocab: NULL, or a vocabulary that goes before the settings' own
 * (that of a run that is resumed). Fails when the vocabulary has none of the train captions' words.
 */
int sw_inputs_open(struct sw_inputs *out, const struct sw_settings *settings, const char *vocab,
                   struct sw_error *error);
void sw_inputs_close(struct sw_inputs *inputs);

/* Reads settings->glove for the vocabulary; width as in sw_glove_read. Fails when it has none of
 * the captions' words. */
int sw_inputs_read_glove(struct sw_inputs *inputs, const struct sw_settings *settings, int width,
                         struct sw_glove *out, struct sw_error *error);

/* What is known of the words: {"vocabulary": {"from", "words", "fingerprint", "coverage"}, "glove":
 * {"file", "vectors", "words found", "rows", "coverage"}, where one was read}, coverage of the
 * train captions as in sw_coverage_json. A new reference or NULL. */
json_t *sw_inputs_words(const struct sw_inputs *inputs, const struct sw_settings *settings);

/* Reads all values of all splits once (sw_dataset_check_values), but of those whose stamp is among
 * the strings of `known`, which may be NULL. *stamps: a new array of the splits' stamps, or NULL
 * after an error. */
int sw_inputs_check(const struct sw_inputs *inputs, struct sw_compute *compute, const json_t *known,
                    json_t **stamps, struct sw_error *error);

/* *needs: whether a parameter of this config's model starts from a GloVe file. */
int sw_inputs_need_glove(const struct sw_session *session, const json_t *config, int *needs,
                         struct sw_error *error);

/* Builds the model for these inputs; reads the GloVe file when its embedding needs one and the
 * values do not follow from elsewhere. */
int sw_inputs_matcher(struct sw_inputs *inputs, struct sw_matcher **out,
                      const struct sw_session *session, const json_t *config, int values_follow,
                      struct sw_error *error);

#endif
