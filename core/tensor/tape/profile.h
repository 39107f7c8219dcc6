/* profile.h -- where the time goes: seconds of every thread in every part of the work.
 *
 * A part is an operation of a tape, forward or backward, or what a caller names with sw_part_begin;
 * in each part, matrix products are counted apart. Nested parts do not count twice. A profile is
 * attached to a sw_compute while measuring; without one, the begin and end of a part cost a look at
 * one pointer. Names are kept by their address and outlive the profile.
 */
#ifndef SW_TENSOR_PROFILE_H
#define SW_TENSOR_PROFILE_H

#include "base/error.h"

struct sw_profile;

struct sw_profile *sw_profile_new(int threads, struct sw_error *error);
void sw_profile_free(struct sw_profile *profile); /* NULL is fine */

struct sw_profile_part {
    const char *name;
    int backward;
    double products, rest; /* seconds, summed over the threads */
    double waiting;        /* for each other, in jobs of this part */
};

/* The parts of all threads, the longest first, in *out (release with free); their number, or -1
 * without memory. No thread may be in a part. */
int sw_profile_parts(const struct sw_profile *profile, struct sw_profile_part **out);

/* Where a worker's clock runs: 0 is nowhere. */
struct sw_place {
    const char *name;
    int backward, product;
};

/* The worker's clock goes on in `to`; returns where it ran. One thread at a time is a worker. A
 * profile keeps 128 parts of a worker; the time of others counts to the last. */
struct sw_place sw_profile_switch(struct sw_profile *profile, int worker, struct sw_place to);
struct sw_place sw_profile_place(const struct sw_profile *profile, int worker);

/* Around a job that worker 0 calls from `place`, when no other worker is in a part: what the
 * threads spent in no part from one to the other is that part's waiting. */
struct sw_profile_job {
    double began, busy;
};
struct sw_profile_job sw_profile_job_begin(const struct sw_profile *profile);
void sw_profile_job_end(struct sw_profile *profile, struct sw_profile_job job,
                        struct sw_place place);

#endif
