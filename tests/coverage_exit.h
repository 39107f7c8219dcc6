/* coverage_exit.h -- included first in every file of a build that counts lines: a process that ends
 * by _exit(), as a fork or a signal handler does, writes its counts too. */
#ifndef SW_TESTS_COVERAGE_EXIT_H
#define SW_TESTS_COVERAGE_EXIT_H

#include <unistd.h>

void __gcov_dump(void);

static inline _Noreturn void sw_coverage_exit(int status)
{
    __gcov_dump();
    _exit(status);
}
#define _exit sw_coverage_exit

#endif
