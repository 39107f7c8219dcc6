/* clock.h -- seconds for measuring how long something takes; no time of day. */
#ifndef SW_BASE_CLOCK_H
#define SW_BASE_CLOCK_H

#include <time.h>

/* Of a clock that never goes back. */
static inline double sw_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
