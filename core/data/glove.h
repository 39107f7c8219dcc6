/* glove.h -- word vectors from a GloVe text file. */
#ifndef SW_DATA_GLOVE_H
#define SW_DATA_GLOVE_H

#include "base/error.h"
#include "data/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>

struct sw_glove {
    float *rows;  /* (V,W) */
    bool *has;    /* (V): whether the file has the word; the four special ones count as not */
    int width;    /* W */
    size_t found; /* words of the vocabulary that the file has, the four special ones not counted */
    size_t lines; /* vectors in the file */
};

/* Reads `path`, lines of "word v1 .. vW", once and from front to back; it is mapped, never held in
 * memory. The word is what stands before the last W fields, so it may hold any bytes, spaces too
 * (but no tab on the first line: such files have tabs for spaces). W is that of the first line, and
 * must be `width` unless that is 0. A word with several lines gets the last one. Words that the
 * file lacks, and <unk>, get the mean of all lines; <pad>, <start> and <end> get zeros. Errors name
 * the file and the line: too few or too many numbers, a number that is malformed, NaN or too large
 * for float32, an empty file. On failure *out may be freed. */
int sw_glove_read(const char *path, const struct sw_vocabulary *vocabulary, int width,
                  struct sw_glove *out, struct sw_error *error);
void sw_glove_free(struct sw_glove *glove);

/* *width: W of a GloVe file, from its first line only. Errors as those of sw_glove_read. */
int sw_glove_width(const char *path, int *width, struct sw_error *error);

#endif
