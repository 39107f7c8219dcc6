/* peers.h -- the processes that train one model together, on one machine or several.
 *
 * All of them hold the same data, parameters and tape and do the same in the same order. Where work
 * is cut into chunks that write to places of their own (tensor/threads/compute.h), each process
 * does some of the chunks, and all exchange what they wrote. A chunk's bits do not depend on who
 * does it and nothing is added up across processes, so a run has the same bits at any number of
 * them. Process 0 alone writes files and lines.
 *
 * No call waits without end: while it waits, a process sees its own signals and hears of those that
 * stopped. Who stops -- a signal, a failure -- tells all others; from then on every exchange fails
 * with SW_INTERRUPTED. For one thread. */
#ifndef SW_PEERS_PEERS_H
#define SW_PEERS_PEERS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct sw_peers;

/* As one of how many processes this one was started, by mpirun or by srun; 0: none said so. */
int sw_peers_expected(void);

/* Joins the `expected` processes. Errors: no module for it (a build without MPI); they cannot be
 * reached. */
int sw_peers_open(struct sw_peers **out, int expected, struct sw_error *error);
/* The same over a transport that is there. */
struct sw_transport;
int sw_peers_join(struct sw_peers **out, const struct sw_transport *transport, int expected,
                  struct sw_error *error);
/* Leaves. Waits a little for those that have not ended yet, unless they are gone. NULL is fine. */
void sw_peers_close(struct sw_peers *peers);

int sw_peers_rank(const struct sw_peers *peers); /* from 0 */
int sw_peers_count(const struct sw_peers *peers);
/* Sent and received by this process in exchanges. */
uint64_t sw_peers_bytes(const struct sw_peers *peers);

/* What is asked while it waits: other than 0 stops. NULL, as at the start: never. */
void sw_peers_watch(struct sw_peers *peers, int (*interrupted)(void));

/* Tells all others that this process goes no further: SW_INTERRUPTED by `signal`, or SW_FAILED with
 * a reason. The first reason sticks, one's own or another's. */
void sw_peers_stop(struct sw_peers *peers, int status, int signal, const char *reason);
/* The same where `interrupted` says why. */
void sw_peers_interrupt(struct sw_peers *peers);
/* Whether one of them, or this one, has stopped. */
int sw_peers_stopped(const struct sw_peers *peers);
/* The signal that stopped them; 0: none. */
int sw_peers_signal(const struct sw_peers *peers);
/* Why: SW_OK while all go on; SW_FAILED with the reason, which names the process where it was
 * another; SW_INTERRUPTED. */
int sw_peers_status(const struct sw_peers *peers, struct sw_error *error);

/* Takes the places that one process writes, in any number: `rows` of `bytes`, `step` bytes apart.
 */
struct sw_slices {
    void (*take)(struct sw_slices *slices, void *at, size_t rows, size_t bytes, size_t step);
};

static inline void sw_slice(struct sw_slices *slices, void *at, size_t bytes)
{
    slices->take(slices, at, 1, bytes, bytes);
}

/* list(data, rank, slices) names what process `rank` has written; the same list in all of them.
 * Afterwards all processes have all of it. SW_OK, or SW_INTERRUPTED: they stopped. */
int sw_peers_exchange(struct sw_peers *peers,
                      void (*list)(const void *data, int rank, struct sw_slices *slices),
                      const void *data);

/* From process 0 to all others. */
int sw_peers_broadcast(struct sw_peers *peers, void *at, size_t bytes);

/* The chunks [*from, *to) that process `rank` does. */
void sw_peers_share(const struct sw_peers *peers, int chunks, int rank, int *from, int *to);

/* Whether all have the same `bytes` at `at`: each 64 at most. SW_FAILED names who differs. */
int sw_peers_agree(struct sw_peers *peers, const void *at, size_t bytes, struct sw_error *error);

#endif
