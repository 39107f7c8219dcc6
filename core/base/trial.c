/* trial.c -- see trial.h. The child reports through a page that both processes share. It does not
 * run another program, because the Lua module has none of its own to run. */
#include "base/trial.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    volatile int done, step;
    struct sw_error error;
};

/* ---- the child ------------------------------------------------------------------------------- */

static void end_here(void)
{
    _exit(1);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > most)) {
        now.rlim_cur = most;
        setrlimit(resource, &now);
    }
}

static void limit_memory(size_t more)
{
    unsigned long pages = 0;
    FILE *sizes = fopen("/proc/self/statm", "re");
    if (sizes && fscanf(sizes, "%lu", &pages) == 1)
        limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more);
    if (sizes)
        fclose(sizes);
}

/* Signals as in a fresh process, so that a crash is one; no file of the parent's can be written to,
 * by exit() neither. */
static void isolate(const struct sw_trial *trial)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(nothing, fd);
    closefrom(3);
    limit(RLIMIT_CORE, 0);
    if (trial->cpu_seconds)
        limit(RLIMIT_CPU, trial->cpu_seconds);
    if (trial->bytes)
        limit_memory(trial->bytes);
    atexit(end_here); /* the last that is registered is the first that is called */
}

static _Noreturn void work_in_child(const struct sw_trial *trial, struct report *report)
{
    isolate(trial);
    trial->work(trial->data, &report->step, &report->error);
    report->done = 1;
    _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Waits for the child, and ends it after `seconds`. 0 when that was needed; where the host ignores
 * SIGCHLD there is no status, and *status stays 0. */
static int wait_for(pid_t child, double seconds, int *status)
{
    double until = sw_seconds() + seconds;
    struct timespec nap = {0, 100000};
    for (;;) {
        pid_t ended = waitpid(child, status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR))
            return 1;
        if (sw_seconds() > until) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            while (waitpid(child, status, 0) < 0 && errno == EINTR)
                ;
            return 0;
        }
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 10000000)
            nap.tv_nsec *= 2;
    }
}

enum sw_trial_end sw_trial(struct sw_trial *trial, struct sw_error *error)
{
    struct report *report =
        mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return SW_TRIAL_NONE;
    enum sw_trial_end end = SW_TRIAL_NONE;
    pid_t child = fork();
    if (child == 0)
        work_in_child(trial, report);
    if (child > 0) {
        int status = 0, in_time = wait_for(child, trial->seconds, &status);
        trial->step = report->step;
        trial->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end = report->done    ? SW_TRIAL_DONE
              : !in_time      ? SW_TRIAL_LATE
              : trial->signal ? SW_TRIAL_CRASHED
                              : SW_TRIAL_EXITED;
    }
    if (end == SW_TRIAL_DONE && report->error.status != SW_OK)
        sw_fail(error, report->error.status, "%s", report->error.text);
    int why = errno;
    munmap(report, sizeof *report);
    errno = why;
    return end;
}
