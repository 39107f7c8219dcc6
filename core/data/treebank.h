/* treebank.h -- the Penn Treebank rules on one sentence, as NLTK's NLTKWordTokenizer has them. */
#ifndef SW_DATA_TREEBANK_H
#define SW_DATA_TREEBANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from {0}, use it for any number of sentences, free it once. */
struct sw_treebank {
    uint32_t *at;
    size_t n; /* at[0..n) is the sentence */
    uint32_t *next;
    size_t m;         /* next[0..m) is what this pass has written */
    int line;         /* which scratch array holds the sentence */
    uint64_t seen[2]; /* which ASCII characters the sentence has had so far */
    bool beyond;      /* whether it has others */
    bool failed;      /* out of memory: the passes do nothing more */
    uint32_t *scratch[2];
    size_t room; /* of each, without the guards */
};

/* Puts the sentence with white space around each of its tokens into t->at[0 .. t->n). It is in
 * lower case. False: out of memory. */
bool sw_treebank(struct sw_treebank *t, const uint32_t *sentence, size_t n);
void sw_treebank_free(struct sw_treebank *t);

#endif
