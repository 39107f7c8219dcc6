/* query.h -- a trained model that is asked about one image or one sentence: what explain and search
 * share. */
#ifndef SW_TRAIN_QUERY_H
#define SW_TRAIN_QUERY_H

#include "base/error.h"
#include "data/dataset.h"
#include "data/vocabulary.h"
#include "train/gather.h"
#include "train/duplicates.h"
#include "train/session.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_MOST_QUERY_WORDS = 1000 };

/* Where a question is put. */
struct sw_query_source {
    const char *checkpoint, *dir, *split;
    const json_t *config; /* of the checkpoint, resolved */
    const char *vocab;    /* NULL: vocab.json beside the checkpoint */
    int precaps;          /* word ids of the split's captions from {split}_precaps.txt */
    size_t images;        /* only the first N images of the split; 0: all */
};

struct sw_query {
    const struct sw_session *session;
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset data; /* the source's images */
    struct sw_gather gather;
    int precaps;
    int has_vocabulary, has_data, has_gather;
    struct sw_duplicates *duplicates; /* NULL, or told of the images that are encoded */
    size_t duplicates_from;           /* the image that is its first */
};

/* Opens checkpoint, vocabulary and split; images and captions (or 0) say how many of them one batch
 * of the gather may hold; without captions the split's captions have no word ids. On failure *out
 * is empty. Errors are those of the files, and features that are not the model's. */
int sw_query_open(struct sw_query *out, const struct sw_session *session,
                  const struct sw_query_source *source, int images, int captions,
                  struct sw_error *error);
void sw_query_close(struct sw_query *query);

/* The image of this name, with or without the ending of a picture's file; where none has it and it
 * is a number, the image of that number. An error has the near miss. */
int sw_query_image(const struct sw_query *query, const char *name, size_t *image,
                   struct sw_error *error);

/* The name of an image as JSON; null when the folder has no names. A new reference or NULL. */
json_t *sw_query_name(const struct sw_query *query, size_t image);

/* Why names or boxes that are there are not in use: a list of lines. A new reference or NULL. */
json_t *sw_query_warnings(const struct sw_query *query);

/* The text of a caption as JSON; null when the folder has none. A new reference or NULL. */
json_t *sw_query_caption(const struct sw_query *query, size_t caption);

/* <start> w.. <end>, as the model reads it. Start from {0}. */
struct sw_sentence {
    int32_t *ids; /* (count) */
    size_t count;
    json_t *words;   /* (count) strings; a word the vocabulary lacks as it was written */
    json_t *unknown; /* those that count as <unk>, each once, in the order of the sentence */
};
void sw_sentence_free(struct sw_sentence *sentence);

/* A sentence of the user's: UTF-8, with 1 to SW_MOST_QUERY_WORDS words, else misuse. */
int sw_query_sentence(const struct sw_query *query, const char *text, size_t length,
                      struct sw_sentence *out, struct sw_error *error);

/* A caption of the split; with precaps, of a query that was opened with captions. */
int sw_query_sentence_of(const struct sw_query *query, size_t caption, struct sw_sentence *out,
                         struct sw_error *error);

/* Encodes the sentence as the only caption of *out, which starts zeroed. */
int sw_query_encode_sentence(const struct sw_query *query, const struct sw_sentence *sentence,
                             struct sw_encoded *out, struct sw_error *error);

/* Encodes images [first, first + count) of the split into *out, which starts zeroed. */
int sw_query_encode_images(struct sw_query *query, size_t first, size_t count,
                           struct sw_encoded *out, struct sw_error *error);

#endif
