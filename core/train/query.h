/* query.h -- a trained model and a split that it is asked about: what eval, explain and search
 * share. Its answers are numbers; names, texts and files are for Lua (core/lua/results/query.lua).
 */
#ifndef SW_TRAIN_QUERY_H
#define SW_TRAIN_QUERY_H

#include "base/error.h"
#include "data/dataset.h"
#include "data/vocabulary.h"
#include "train/session.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct sw_query_source {
    const char *checkpoint, *dir, *split;
    const json_t *config; /* of the checkpoint, resolved */
    const char *vocab;    /* NULL: vocab.json beside the checkpoint */
    int captions;         /* whether the split's captions get word ids */
    struct sw_dataset_options data;
};

struct sw_query {
    const struct sw_session *session;
    struct sw_matcher *matcher;
    struct sw_vocabulary vocabulary;
    struct sw_dataset data;
};

/* Opens checkpoint, vocabulary and split, with names and boxes where the folder has them. On
 * failure *out is empty. Errors are those of the files, and features that are not the model's. */
int sw_query_open(struct sw_query *out, const struct sw_session *session,
                  const struct sw_query_source *source, struct sw_error *error);
void sw_query_close(struct sw_query *query);

/* <start> w.. <end> as the model reads it: ids of the query's vocabulary. */
struct sw_sentence {
    const int32_t *ids;
    int count;       /* at least 1 */
    int64_t caption; /* of the split, whose second set of fragments it has; -1: it has none */
};

/* The scores of images [first, first + count) with a sentence, and of an image with captions
 * [first, first + count), which need word ids; in range. Equal images, and equal captions, get
 * equal scores. Memory: a chunk of the split. Errors: a score that is not finite, the data's. */
int sw_query_score_images(const struct sw_query *query, struct sw_sentence sentence, size_t first,
                          size_t count, float *scores, struct sw_error *error);
int sw_query_score_captions(const struct sw_query *query, size_t image, size_t first, size_t count,
                            float *scores, struct sw_error *error);

/* The score of one pair, and what the stages show of it. Errors: a score or a weight that is not
 * finite, the data's. */
int sw_query_show(const struct sw_query *query, size_t image, struct sw_sentence sentence,
                  float *score, struct sw_attention *out, struct sw_error *error);

#endif
