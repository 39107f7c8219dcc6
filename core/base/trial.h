/* trial.h -- runs what may crash, exit or never return in a process of its own. */
#ifndef SW_BASE_TRIAL_H
#define SW_BASE_TRIAL_H

#include "base/error.h"

enum sw_trial_end {
    SW_TRIAL_DONE,  /* work() returned; *error holds what it reported */
    SW_TRIAL_ENDED, /* it crashed, exited or did not return in time; *error is untouched */
    SW_TRIAL_NONE,  /* no process could be started; *error is untouched */
};

/* Calls work(data, error) in a fork of this process, which must use no other thread's state, and
 * ends it after `seconds`. What work() changes is lost, except for the error. */
enum sw_trial_end sw_trial(void (*work)(void *data, struct sw_error *error), void *data,
                           unsigned seconds, struct sw_error *error);

#endif
