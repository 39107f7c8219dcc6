/* transport.h -- what carries bytes between the processes that train one model: a module of its
 * own, loaded only where the program was started as one of several (peers.h).
 *
 * All functions are called from one thread. */
#ifndef SW_PEERS_TRANSPORT_H
#define SW_PEERS_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

enum { SW_TRANSPORT_VERSION = 1 };

/* A message on its way; opaque. */
struct sw_request {
    uint64_t handle;
};

struct sw_transport {
    int version; /* SW_TRANSPORT_VERSION */
    /* Finds the others: this process's rank, and how many there are. 0, or -1 where it fails. */
    int (*start)(int *rank, int *count);
    /* Begin to send or to receive; `at` stays until it is done. Messages of one tag from one
     * process to another arrive in the order in which they were sent. 0, or -1. */
    int (*send)(int to, int tag, const void *at, size_t bytes, struct sw_request *out);
    int (*receive)(int from, int tag, void *at, size_t bytes, struct sw_request *out);
    /* 1: done; 0: not yet; -1: failed. Never blocks. */
    int (*test)(struct sw_request *request);
    /* Whether a message of this tag has come, and from whom. Never blocks. */
    int (*probe)(int tag, int *from);
    /* Takes part in the orderly end, for which it waits for all others. */
    void (*finish)(void);
};

/* The module's one symbol. */
#define SW_TRANSPORT_SYMBOL "sw_transport"

#endif
