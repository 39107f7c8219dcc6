/* claim.h -- who works on a thing that several processes see, on one machine or on many.
 *
 * A claim is a file that names its owner, is locked by it (fcntl, F_OFD_SETLK) and is touched by it
 * every few seconds. It is gone once it is released. What the owner's death looks like depends on
 * where the watcher is:
 *   - where both see the same lock, on one kernel and one mounted file system, the lock ends with
 *     the process, and the claim can be taken at once;
 *   - elsewhere (another machine, or another mount of a shared folder) the lock may not be seen.
 * The claim can be taken once the watcher has seen no touch for as long as it waits, by its own
 *     clock. A lock that is seen after all keeps the claim its owner's, however long it is silent.
 * Files are made by link(), so that of several processes one makes it, on NFS too. */
#ifndef SW_TRAIN_CLAIM_H
#define SW_TRAIN_CLAIM_H

#include "base/error.h"

#include <stdint.h>

struct sw_claim;

/* A claim can be taken when it is neither locked nor elsewhere. */
struct sw_claim_state {
    int locked;      /* its owner lives: the kernel says so */
    int elsewhere;   /* its owner's lock may not be seen here, so only its touches tell */
    uint64_t beat;   /* the time of the last touch, ns; 0: there is no file */
    char owner[320]; /* "process 12 on HOST"; "": there is no file */
};

/* Who has the claim now; nothing is taken or changed. */
int sw_claim_look(struct sw_claim_state *out, const char *path, struct sw_error *error);

/* Takes the claim. *out = NULL with SW_OK: another process has it; *seen tells who. expired: a beat
 * that the caller has watched for long enough, or 0: an owner elsewhere whose last touch it is
 * counts as dead. Taking the claim of such an owner lasts some seconds. The folder of `path` must
 * be there. Whatever was true before the claim was taken may have changed: look again. */
int sw_claim_take(struct sw_claim **out, const char *path, uint64_t expired,
                  struct sw_claim_state *seen, struct sw_error *error);

/* Whether another process took it over, because this one gave no sign of life. */
int sw_claim_lost(const struct sw_claim *claim);

void sw_claim_release(struct sw_claim *claim); /* NULL is fine */

#endif
