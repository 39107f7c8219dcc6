/* claim.h -- who works on a thing that several processes see, on one machine or on many.
 *
 * A claim PATH is the file PATH.N with the highest N. It is taken by linking PATH.N+1, which only
 * one process can do, on NFS too; a lower N is history and goes. Its owner touches it every few
 * seconds. It is free once its owner said so, or when its owner is dead: a process of this machine
 * that is gone (its number may have been given again: the start time is compared), or one that a
 * watcher saw give no sign of life for as long as the watcher waits. The watcher's own clock
 * counts, so clocks that differ do no harm. */
#ifndef SW_TRAIN_CLAIM_H
#define SW_TRAIN_CLAIM_H

#include "base/error.h"

#include <stdint.h>

struct sw_claim;

enum sw_claim_kind { SW_CLAIM_FREE, SW_CLAIM_HELD, SW_CLAIM_DEAD };

struct sw_claim_state {
    enum sw_claim_kind kind;
    uint64_t generation; /* N; 0: nobody ever had it */
    uint64_t beat;       /* the time of the last sign of life, ns */
    int elsewhere;       /* HELD: on another machine, so that only time can tell that it died */
    char owner[320];     /* "process 12 on HOST", or "" */
};

/* Who has the claim now. Errors: the folder of PATH cannot be read. */
int sw_claim_look(struct sw_claim_state *out, const char *path, struct sw_error *error);

/* Takes the claim. *out = NULL with SW_OK: another process has it, or was faster; *seen (may be
 * NULL) tells who. expired (may be NULL): a state that the caller has watched for long enough
 * without a sign of life, which then counts as dead. The folder of PATH must be there. */
int sw_claim_take(struct sw_claim **out, const char *path, const struct sw_claim_state *expired,
                  struct sw_claim_state *seen, struct sw_error *error);

/* Whether another process took it over, because this one gave no sign of life. */
int sw_claim_lost(const struct sw_claim *claim);

/* Lets go. `forget`: its files go, too; only for a thing that is done, or is gone itself: a process
 * that takes a forgotten claim has to look whether there is still something to do. NULL is fine. */
void sw_claim_release(struct sw_claim *claim, int forget);

#endif
