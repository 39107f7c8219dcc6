/* gru_peers.c -- see gru_peers.h. */
#include "tensor/ops/gru_peers.h"

#include "base/values.h"

/* The captions of a part that process `rank` walks forward: those where its share of all words
 * begins and ends. */
static void span_of(const struct sw_gru_span *span, const struct sw_gru_part *part, int rank,
                    int *first, int *last)
{
    const struct sw_peers *peers = sw_compute_peers(span->compute);
    int from, to, words = 0, i = 0;
    sw_peers_share(peers, part->rows, rank, &from, &to);
    for (; i < part->captions && words < from; i++)
        words += span->gru->words->count[part->caption[i]];
    *first = i;
    for (; i < part->captions && words < to; i++)
        words += span->gru->words->count[part->caption[i]];
    *last = rank + 1 == sw_peers_count(peers) ? part->captions : i;
}

/* The same among the live captions. */
static void live_span_of(const struct sw_gru_span *span, int rank, int *first, int *last)
{
    const struct sw_gru *gru = span->gru;
    int from, to, i = 0;
    span_of(span, span->whole, rank, &from, &to);
    while (i < span->part->captions && gru->place[i] < from)
        i++;
    *first = i;
    while (i < span->part->captions && gru->place[i] < to)
        i++;
    *last = i;
}

struct sw_gru_span sw_gru_span(struct sw_compute *compute, const struct sw_gru *gru,
                               const struct sw_gru_part *part, const struct sw_gru_part *whole)
{
    const struct sw_peers *peers = sw_compute_peers(compute);
    struct sw_gru_span span = {compute, gru, part, whole, 0, part->captions, peers != NULL};
    if (peers && whole)
        live_span_of(&span, sw_peers_rank(peers), &span.first, &span.last);
    else if (peers)
        span_of(&span, part, sw_peers_rank(peers), &span.first, &span.last);
    return span;
}

static void take_rows(struct sw_slices *slices, float *at, size_t row, int rows, int width)
{
    if (rows > 0)
        sw_slice(slices, at + row * (size_t)width, sizeof(float) * (size_t)rows * (size_t)width);
}

/* States that a later step starts from, then the last ones. */
static void list_states(const void *data, int rank, struct sw_slices *slices)
{
    const struct sw_gru_span *span = data;
    const struct sw_gru_part *part = span->part;
    int first, last, D = span->gru->dim;
    span_of(span, part, rank, &first, &last);
    for (int side = 0; side < span->gru->sides; side++) {
        float *h = span->gru->h[side];
        for (int t = 0; t < part->steps; t++) {
            int rows = sw_min(part->running[t + 1], last) - first;
            take_rows(slices, h, rows > 0 ? sw_gru_state(part, t, first) : 0, rows, D);
        }
        take_rows(slices, h, part->at + (size_t)(part->rows + first - part->running[0]),
                  sw_min(part->running[0], last) - first, D);
    }
}

static void list_dgates(const void *data, int rank, struct sw_slices *slices)
{
    const struct sw_gru_span *span = data;
    const struct sw_gru_part *part = span->part;
    int first, last;
    live_span_of(span, rank, &first, &last);
    for (int side = 0; side < span->gru->sides; side++)
        for (int t = 0; t < part->steps; t++)
            take_rows(slices, span->gru->dgates[side], (size_t)(part->start[t] + first),
                      sw_min(part->running[t], last) - first, SW_GRU_SLOTS * span->gru->dim);
}

void sw_gru_exchange_states(const struct sw_gru_span *span)
{
    if (span->is_shared)
        sw_compute_exchange(span->compute, list_states, span);
}

void sw_gru_exchange_dgates(const struct sw_gru_span *span)
{
    if (span->is_shared)
        sw_compute_exchange(span->compute, list_dgates, span);
}
