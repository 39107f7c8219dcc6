/* processor_clock.c -- for LD_PRELOAD: the monotonic clock tells the processor time of the process,
 * so that the benches can be read on a machine with other work. For programs of one thread. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    return (int)syscall(SYS_clock_gettime,
                        clock == CLOCK_MONOTONIC ? CLOCK_PROCESS_CPUTIME_ID : clock, now);
}
