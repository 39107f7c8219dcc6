/* trial.c -- see trial.h. The child reports through a page that both processes share. */
#include "base/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    volatile int done;
    struct sw_error error;
};

/* Signals as in a fresh process, so that a crash or the alarm ends it, and nothing to write to. */
static void isolate(unsigned seconds)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(nothing, fd);
    alarm(seconds);
}

enum sw_trial_end sw_trial(void (*work)(void *data, struct sw_error *error), void *data,
                           unsigned seconds, struct sw_error *error)
{
    struct report *report =
        mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return SW_TRIAL_NONE;
    pid_t child = fork();
    if (child == 0) {
        isolate(seconds);
        work(data, &report->error);
        report->done = 1;
        _exit(0);
    }
    int status;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    enum sw_trial_end end = report->done ? SW_TRIAL_DONE
                            : child < 0  ? SW_TRIAL_NONE
                                         : SW_TRIAL_ENDED;
    if (end == SW_TRIAL_DONE && report->error.status != SW_OK)
        sw_fail(error, report->error.status, "%s", report->error.text);
    munmap(report, sizeof *report);
    return end;
}
