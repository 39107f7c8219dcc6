/* explain.h -- where a trained model looks: the attention weights of one image and one sentence. */
#ifndef SW_TRAIN_EXPLAIN_H
#define SW_TRAIN_EXPLAIN_H

#include "train/query.h"

struct sw_explain_request {
    struct sw_query_source source;
    const char *image; /* a name or a number (sw_query_image); NULL: image number `index` */
    size_t index;
    const char *text; /* a sentence of the user's; NULL: caption number `caption` of the image */
    size_t length;    /* of text, in bytes */
    size_t caption;   /* 0 .. q - 1 where an image has q */
};

/* A new reference, or NULL with an error:
 *
 *   {"image": number, "id": name or null, "caption": number of the image's own or null,
 *    "text": the sentence, "words": [n words with <start> and <end>], "unknown": [words],
 *    "regions": k, "boxes": null or [k of [x1, y1, x2, y2] or null], "score": S,
 *    "maps": [{"name", "kind", "rows", "columns", "weights": [rows of numbers]}],
 *    "warnings": [why names or boxes beside the data are not in use]}
 *
 * A map is what a stage shows (sw_host.show), in the order of the stages. What its sides are is
 * told by their sizes, whatever the name; where n = k, by the sizes without the last region: "word"
 * (n,k)  where each word looks "context"        (1,k)  where one vector looks among the regions
 *   "region"         (k,n)  which words each region looks at
 *   "context_words"  (1,n)  where one vector looks among the words
 *   "other"          all else
 * A box is null when it is not finite or has no area. A weight that is not finite is an error. */
json_t *sw_explain(const struct sw_session *session, const struct sw_explain_request *request,
                   struct sw_error *error);

#endif
