/* gru_peers.h -- a GRU on several processes: each walks some of a part's captions, forward and
 * back, and all exchange what comes of it. A caption's numbers do not depend on the others beside
 * it. */
#ifndef SW_TENSOR_GRU_PEERS_H
#define SW_TENSOR_GRU_PEERS_H

#include "tensor/ops/gru_plan.h"
#include "tensor/threads/compute.h"

/* Captions [first, last) of `part` are this process's. On the way back `part` has the live captions
 * of `whole`, and who walked one forward, and so has its gates, walks it back; else NULL. */
struct sw_gru_span {
    struct sw_compute *compute;
    const struct sw_gru *gru;
    const struct sw_gru_part *part, *whole;
    int first, last;
    int is_shared; /* there are peers; else first and last are the whole part */
};

struct sw_gru_span sw_gru_span(struct sw_compute *compute, const struct sw_gru *gru,
                               const struct sw_gru_part *part, const struct sw_gru_part *whole);

/* Of what was walked, all states, and going back the gates' gradients; nothing when alone. */
void sw_gru_exchange_states(const struct sw_gru_span *span);
void sw_gru_exchange_dgates(const struct sw_gru_span *span);

#endif
