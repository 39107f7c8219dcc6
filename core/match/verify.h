/* verify.h -- whether a model does what every part of one must, tried on random numbers: a stage,
 * an encoder or a loss that somebody writes is held to it before it trains. */
#ifndef SW_MATCH_VERIFY_H
#define SW_MATCH_VERIFY_H

#include "match/model.h"

enum { SW_MOST_FINDINGS = 16 };

struct sw_finding {
    const char *what; /* what has to hold, as "sparse = dense" */
    double worst;     /* how far it is off, relative to the largest number */
    double most;      /* what is allowed; 0: the bits must be equal */
    char where[160];  /* the parameter at fault, or "" */
};

/* S (images, captions) by tiles that mix captions of several lengths, as the backward of a step
 * has: there the word mask is not NULL. */
int sw_score_mixed_tiles(struct sw_model *model, struct sw_graph *graph,
                         const struct sw_examples *examples, float *scores, struct sw_error *error);

/* plans: twice the same, of a small model, which is built for one thread and for two. Fills out[];
 * *count of them. A finding with worst > most (or worst not a number) is a fault. Errors: the model
 * cannot be built or run at all. */
int sw_model_verify(const struct sw_model_plan *const plans[2], const struct sw_host *host,
                    const struct sw_ops *ops, struct sw_finding out[SW_MOST_FINDINGS], int *count,
                    struct sw_error *error);

#endif
