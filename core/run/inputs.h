/* inputs.h -- what a run reads: vocabulary, train and dev split, test sets, word vectors. */
#ifndef SW_RUN_INPUTS_H
#define SW_RUN_INPUTS_H

#include "base/error.h"
#include "data/dataset.h"
#include "data/vocabulary.h"
#include "run/config.h"
#include "run/session.h"
#include "run/test_sets.h"

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
    /* of the GloVe file, once sw_inputs_glove has read it */
    size_t glove_lines, glove_found;
    uint64_t glove_hash; /* XXH3 of the rows in use */
};

/* Opens all splits, so that what is wrong with one is found before the first step: they must be
 * there and have features of one width, and test sets divide into their folds. Only a test split of
 * the default name may be missing. vocab: NULL, or a vocabulary that goes before the settings' own
 * (that of a run to go on with). */
int sw_inputs_open(struct sw_inputs *out, const struct sw_settings *settings, const char *vocab,
                   struct sw_error *error);
void sw_inputs_close(struct sw_inputs *inputs);

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
