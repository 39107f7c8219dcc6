/* dataset.h -- one split of a data folder in the field's precomputed layout.
 *
 *   {split}_ims.npy         (rows,k,F) region features: float32, float16 or uint8 (value / 255)
 *   {split}_caps.txt        one caption per line
 *   {split}_ids.txt         optional: an image's name per line, for each image, row or caption
 *   {split}_ims_bbx.npy     optional: (rows or images,k,4), x1 y1 x2 y2 in pixels
 *   {split}_ims_counts.npy  optional: (rows) int32 or int64, how many of a row's k regions are real
 *   {split}_precaps.txt     optional: per line a caption's word ids, comma-separated
 *   {split}_NAME.npy        a second set of fragments, where it is asked for (fragment_file.h)
 *
 * Captions = q x rows: each row is an image, and caption j belongs to image j / q, q any whole
 * number. Captions = rows: where images come in runs of equal rows, all of one length (five, in the
 * field's files), each run is an image with a row per caption; otherwise each row is an image with
 * one caption. core/data/README.md has the rules. Features stay in the mapped file: a split may be
 * larger than memory. Names and boxes are read only when asked for. */
#ifndef SW_DATA_DATASET_H
#define SW_DATA_DATASET_H

#include "base/error.h"
#include "data/coverage.h"
#include "data/fragment_file.h"
#include "data/lines.h"
#include "data/npy.h"
#include "data/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest caption of the field's data sets has some 80 words; one of thousands is a lost line
 * end, and a batch with it would need gigabytes. */
enum { SW_LONGEST_CAPTION = 1000 };
struct sw_compute;

struct sw_dataset_options {
    size_t images;     /* only the first N images, when there are more; 0: all */
    bool all_captions; /* the split "dev" is not held to its first 1000 images */
    bool or_none;      /* a split without captions opens, with images only */
    bool precaps;      /* word ids come from {split}_precaps.txt when that is there */
    size_t longest; /* most words of a caption, without <start> and <end>; 0: SW_LONGEST_CAPTION */
    const char *second[2]; /* names of second sets, per image and per caption; NULL: none */
    int second_width[2];   /* numbers per fragment of these */
    bool sequential;       /* rows will be read in order (evaluation), not at random (training) */
};

struct sw_dataset {
    size_t images, regions, features;    /* I, k, F: what is in use */
    size_t captions;                     /* C; 0: the split has none */
    size_t div;                          /* q: captions per row of the features file */
    size_t stride;                       /* rows per image: 1, unless each caption has its own */
    size_t longest;                      /* words of the longest caption */
    size_t *offsets;                     /* (C + 1): where each caption begins in ids */
    int32_t *ids;                        /* <start> w.. <end> of all captions, end to end */
    struct sw_word_use words;            /* how often these captions have each word */
    bool has_text, has_boxes, has_names; /* the last two after sw_dataset_open_side_files */
    struct sw_fragment_file second[2];   /* per image and per caption, as asked for */
    struct sw_error boxes_error, names_error; /* why a file that is there is not in use */
    /* the files */
    struct sw_npy file, boxes, counts;
    struct sw_lines text, names, precaps;
    char *path; /* of the features file, for messages */
};

/* Opens `split` of folder `dir`. `vocabulary` may be NULL: then captions have no ids. `options` may
 * be NULL. Errors name the file: no such split (and which there are), a wrong dtype or shape, a
 * number of captions that is no multiple of the rows, rows of which only some are repeated, a
 * caption that is not UTF-8 (with its line), a word id beyond the vocabulary. On failure *out may
 * be closed. */
int sw_dataset_open(const char *dir, const char *split, const struct sw_vocabulary *vocabulary,
                    const struct sw_dataset_options *options, struct sw_dataset *out,
                    struct sw_error *error);
void sw_dataset_close(struct sw_dataset *data);

/* An error, with the splits there are, unless the folder has features of this split. */
int sw_dataset_require(const char *dir, const char *split, struct sw_error *error);

/* Whether the folder has neither features nor captions of this split. */
bool sw_dataset_is_absent(const char *dir, const char *split);

/* Opens names and boxes where they are. What cannot be used is left out, and its error says why:
 * nothing is computed from them. */
void sw_dataset_open_side_files(struct sw_dataset *data);

/* The image (0 .. I-1) of a caption: equal for the captions of one image. */
size_t sw_dataset_image(const struct sw_dataset *data, size_t caption);
/* The row of the features file that goes with a caption, and the first one of an image. */
size_t sw_dataset_caption_row(const struct sw_dataset *data, size_t caption);
size_t sw_dataset_image_row(const struct sw_dataset *data, size_t image);

/* How many regions of a row are real: 1 .. k. */
size_t sw_dataset_region_count(const struct sw_dataset *data, size_t row);

/* The regions of a row into out (k,F); those beyond its count become zeros. A value that is not
 * finite is an error that names file, row, region and feature. May be called by several threads at
 * once. */
int sw_dataset_regions(const struct sw_dataset *data, size_t row, float *out,
                       struct sw_error *error);

/* Reads all values of the images in use once, on all threads; the first that is not finite is the
 * error of sw_dataset_regions. */
int sw_dataset_check_values(const struct sw_dataset *data, struct sw_compute *compute,
                            struct sw_error *error);

/* The boxes of an image into out (k,4), when has_boxes. */
int sw_dataset_boxes(const struct sw_dataset *data, size_t image, float *out,
                     struct sw_error *error);

/* The row of its second set (second[0]) that goes with a row of the features file. A caption's is
 * its own number. */
size_t sw_dataset_second_row(const struct sw_dataset *data, size_t row);

/* Tells the system that the row will soon be read. */
void sw_dataset_prefetch(const struct sw_dataset *data, size_t row);

/* The words of caption j are ids[offsets[j] .. offsets[j+1]). Its text as it is in the file, not
 * ended by a NUL, when has_text; else NULL. */
const char *sw_dataset_caption(const struct sw_dataset *data, size_t caption, size_t *length);

/* The name of an image, not ended by a NUL; NULL unless has_names. */
const char *sw_dataset_name(const struct sw_dataset *data, size_t image, size_t *length);

/* Whether README.txt in `dir` says that Stepwise generated the data there. */
bool sw_dataset_is_generated(const char *dir);

/* XXH3 of what the files hold: sizes, header and evenly spread pages of the features, and captions
 * and region counts whole; of second sets as of the features. It does not depend on the options
 * that choose a subset. The own one is of a split without its second sets. */
uint64_t sw_dataset_fingerprint(const struct sw_dataset *data);
uint64_t sw_dataset_own_fingerprint(const struct sw_dataset *data);

/* Another one, which also changes with the times of files of features and the number of images in
 * use: what sw_dataset_check_values found for it holds as long as it stays. */
uint64_t sw_dataset_stamp(const struct sw_dataset *data);

/* ---- inside dataset ---- */

/* Whether float32 numbers, perhaps not aligned, are neither infinite nor NaN. */
bool sw_all_finite(const void *x, size_t count);

/* XXH3 over `so_far` of a file's size and of 64 pages spread over it, or of all of a small one. */
uint64_t sw_fingerprint_sampled(uint64_t so_far, const struct sw_mapping *file);

/* Fills offsets, ids, words and longest for the first data->captions captions, from data->text by
 * the tokeniser, or from data->precaps when that has lines. `path` is of the file that is read.
 * longest: most words of a caption, or 0 for SW_LONGEST_CAPTION. A line of text that is empty, or
 * that begins with a picture's name, is an error. */
int sw_dataset_read_captions(struct sw_dataset *data, const struct sw_vocabulary *vocabulary,
                             size_t longest, const char *path, struct sw_error *error);

#endif
