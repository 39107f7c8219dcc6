/* test_sets.h -- what a run's best model is evaluated on at its end.
 *
 * data.tests of a config is a list of {"name", "split", "images", "folds"}, where a member that is
 * not given is data.test_split, data.test_images or data.folds; an empty list stands for one set of
 * those, without a name. */
#ifndef SW_TRAIN_TEST_SETS_H
#define SW_TRAIN_TEST_SETS_H

#include "base/error.h"
#include "train/config.h"

#include <jansson.h>
#include <stddef.h>

struct sw_test_set {
    const char *name; /* belongs to the config; "": the one of data.test_split */
    const char *split;
    size_t images, folds; /* images 0: all */
    char file[64];        /* "test" or the name as it stands in names of files: a-z, 0-9, '-' */
};

/* How many sets the settings of a resolved config have: 0 with an empty test_split and no list. */
size_t sw_test_sets(const struct sw_settings *settings);
struct sw_test_set sw_test_set_at(const struct sw_settings *settings, size_t index);

#endif
