/* scenes_parts.h -- what the files of the generated data set share. */
#ifndef SW_DATA_SCENES_PARTS_H
#define SW_DATA_SCENES_PARTS_H

#include "tensor/random.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SW_SCENE_CLASSES = 12,
    SW_SCENE_COLOURS = 8,
    SW_SCENE_SIZES = 3, /* small, medium, large */
    SW_SCENE_COUNTS = 4,
    SW_SCENE_PLACES = 6,
    SW_SCENE_OBJECTS = 3,
    SW_SCENE_GROUP = 8,
    SW_SCENE_CAPTIONS = 5,
};

enum sw_scene_relation { SW_LEFT_OF, SW_RIGHT_OF, SW_ABOVE, SW_BELOW, SW_ON, SW_SCENE_RELATIONS };

/* What sets a scene apart from the first of its group; each of the eight sums occurs once. */
enum { SW_OTHER_COLOURS = 1, SW_OTHER_RELATION = 2, SW_OTHER_COUNT = 4 };

/* `count` things of one sort around (x, y); lengths are fractions of the picture, y downwards. */
struct sw_scene_object {
    int class, colour, size, count; /* count from 1; the others from 0 */
    float x, y, width, height;
};

/* The first object stands in `relation` to the second. */
struct sw_scene {
    struct sw_scene_object objects[SW_SCENE_OBJECTS];
    int object_count;
    int relation, place;
};

/* Random streams of the data set: the `step` of purpose SW_FOR_SCENES; splits add 0, 1 or 2. */
enum {
    SW_SCENE_CODES = 0,
    SW_SCENE_WORDS = 1,
    SW_SCENE_GROUPS = 10,
    SW_SCENE_IMAGES = 20,
    SW_SCENE_TEXTS = 30
};

/* ---- scenes_draw.c: what is there, and how it looks ---- */

/* The scenes of a group; scene i differs from the first as the bits of i say. */
void sw_scene_group(struct sw_scene group[SW_SCENE_GROUP], struct sw_random *random);

/* Fixed random directions for all that a region can show, each (F); one block from `class` on. */
struct sw_scene_codes {
    size_t features;
    float *class, *colour, *size, *count, *place, *across, *down;
};
/* -1: out of memory. */
int sw_scene_codes_new(struct sw_scene_codes *out, uint64_t seed, size_t features);
void sw_scene_codes_free(struct sw_scene_codes *codes);

/* The regions of one picture of `scene`: features (k,F) and boxes (k,4), x1 y1 x2 y2 in pixels. */
void sw_scene_regions(const struct sw_scene *scene, const struct sw_scene_codes *codes,
                      size_t regions, float noise, float *features, float *boxes,
                      struct sw_random *random);

/* ---- scenes_text.c: how it is told ---- */

enum { SW_SCENE_LONGEST_CAPTION = 256 };

/* One caption of 5 to 18 lower-case words. */
void sw_scene_caption(char out[SW_SCENE_LONGEST_CAPTION], const struct sw_scene *scene,
                      struct sw_random *random);

/* A vector of `dim` numbers for each word of the captions but a few, as GloVe text. Synonyms and
 * plurals lie near each other, words of a kind (colours, sizes) less near. */
void sw_scene_word_vectors(FILE *out, uint64_t seed, size_t dim);

#endif
