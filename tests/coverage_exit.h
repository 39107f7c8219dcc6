/* coverage_exit.h -- included first in every file of a build that counts lines: a process that ends
 * by _exit(), as a fork or a signal handler does, writes its counts too. */
#ifndef SW_TESTS_COVERAGE_EXIT_H
#define SW_TESTS_COVERAGE_EXIT_H

#include <unistd.h>

void __gcov_dump(void);
void fail_no_more(void) __attribute__((weak)); /* of tests/faults/fail.c, where it is preloaded */

static inline _Noreturn void sw_coverage_exit(int status)
{
    if (fail_no_more)
        fail_no_more();
    __gcov_dump();
    _exit(status);
}
#define _exit sw_coverage_exit

#endif
