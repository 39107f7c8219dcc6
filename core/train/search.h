/* search.h -- the images that go with a sentence, and the captions that go with an image. */
#ifndef SW_TRAIN_SEARCH_H
#define SW_TRAIN_SEARCH_H

#include "train/query.h"

struct sw_search_request {
    struct sw_query_source source;
    const char *text;  /* ranks images for this sentence; NULL: ranks captions for an image */
    size_t length;     /* of text, in bytes */
    const char *image; /* a name or a number (sw_query_image); NULL: image number `index` */
    size_t index;
    size_t top;          /* how many of the best are told; at least 1 */
    size_t first, count; /* only images first .. first + count - 1 and their captions are ranked, as
                          * within a fold; count 0: all from `first` on */
};

/* A new reference, or NULL with an error:
 *
 *   {"ranks": "images" or "captions", "among": how many were ranked,
 *    "text": the sentence, "words": [..], "unknown": [words that count as <unk>]   (of a sentence)
 *    "image": number, "id": name or null                                         (of an image)
 *    "results": [{"rank": from 1, "score", "image", "id", "caption": number of the image's own,
 *                 "index": of the image or of the caption in the split, "text", "own"}],
 *    "own": [{"rank", "image", "id" ..}],
 *    "warnings": [why names beside the data are not in use]}
 *
 * "own" says what the data hold to belong together: for a sentence that is a caption of the split,
 * byte for byte but for space at its ends, the images that have it; for an image its own captions.
 * The list holds them all, best first, wherever they rank. Equal scores: the higher index first, as
 * in evaluation. Memory: one chunk of the split, and a score for each of its members. A score that
 * is not finite is an error. */
json_t *sw_search(const struct sw_session *session, const struct sw_search_request *request,
                  struct sw_error *error);

#endif
