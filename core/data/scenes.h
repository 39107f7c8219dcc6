/* scenes.h -- the generated data set, for everyone who has no other at hand.
 *
 * A scene is two or three objects with class, colour, size, count and place, and a relation between
 * the first two. Scenes come in groups of eight that share all their objects and differ in whose
 * colour is which, who stands where, and one count, in every combination. Telling these apart takes
 * words matched to regions; a bag of words and the mean of the regions cannot. */
#ifndef SW_DATA_SCENES_H
#define SW_DATA_SCENES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sw_scenes_options {
    uint64_t seed;
    size_t train_images, dev_images, test_images; /* 1 to 1000000 each, five captions an image */
    size_t regions;                               /* k, 4 to 36 */
    size_t features;                              /* F, 16 to 4096 */
    size_t word_dim;                              /* W of the word vectors, 4 to 1024 */
    float noise; /* of a feature, against a deviation of 1 for what stands for the class */
};

struct sw_scenes_options sw_scenes_defaults(void);

/* Writes {train,dev,test}_ims.npy (N,k,F) and _ims_bbx.npy (N,k,4) as float32, _caps.txt, _ids.txt,
 * the word vectors scenes.glove.txt and README.txt, which says that all of it is generated, to the
 * folder `dir`; makes the folder when only its parent is there. The same options give the same
 * bytes. Errors: an option out of range; `dir` holds files of these names that Stepwise did not
 * generate; the file system's. */
int sw_scenes_write(const char *dir, const struct sw_scenes_options *options,
                    struct sw_error *error);

/* Whether README.txt in `dir` says that Stepwise generated the data there. */
bool sw_scenes_are_generated(const char *dir);

#endif
