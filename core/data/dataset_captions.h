/* dataset_captions.h -- inside dataset: captions as word ids. */
#ifndef SW_DATA_DATASET_CAPTIONS_H
#define SW_DATA_DATASET_CAPTIONS_H

#include "data/dataset.h"

/* Fills offsets, ids, words and longest for the first data->captions captions, from data->text by
 * the tokeniser, or from data->precaps when that has lines. `path` is of the file that is read.
 * longest: most words of a caption, or 0 for SW_LONGEST_CAPTION. A line of text that is empty, or
 * that begins with a picture's name, is an error. */
int sw_dataset_read_captions(struct sw_dataset *data, const struct sw_vocabulary *vocabulary,
                             size_t longest, const char *path, struct sw_error *error);

#endif
