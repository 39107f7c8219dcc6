/* trial.h -- runs what may crash, exit or never return in a process of its own. */
#ifndef SW_BASE_TRIAL_H
#define SW_BASE_TRIAL_H

#include "base/error.h"

#include <stddef.h>

enum sw_trial_end {
    SW_TRIAL_DONE,    /* work() returned; *error holds what it reported */
    SW_TRIAL_CRASHED, /* a signal ended it, as that for too much CPU time */
    SW_TRIAL_EXITED,  /* it ended its process */
    SW_TRIAL_LATE,    /* it did not return in time */
    SW_TRIAL_NONE,    /* no process could be started: errno says why */
};

struct sw_trial {
    /* Called in a fork of this process, where it must use no other thread's state. What it changes
     * is lost, except for the error and *step, which may tell how far it came. */
    void (*work)(void *data, volatile int *step, struct sw_error *error);
    void *data;
    unsigned seconds;     /* until it is ended */
    unsigned cpu_seconds; /* 0: no limit of its own */
    size_t bytes;         /* of memory beyond what this process has; 0: no limit of its own */
    int step, signal;     /* out: how far it came; what crashed it, or 0 */
};

/* The child inherits no open file and no handler of signals; whatever it started is ended with it
 * when it is late. *error is left as it is unless the trial is done. */
enum sw_trial_end sw_trial(struct sw_trial *trial, struct sw_error *error);

#endif
