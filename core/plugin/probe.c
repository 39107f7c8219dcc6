/* probe.c -- see probe.h. The child tells its result through a page that both share. It is forked
 * and does not run another program, because the Lua module has none of its own to run. */
#include "plugin/probe.h"

#include "base/clock.h"
#include "plugin/descriptor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MOST_CPU_SECONDS = 2,
    MOST_SECONDS = 10, /* of a constructor that sleeps, or waits for a slow disk */
};
static const size_t most_bytes = (size_t)2 << 30; /* beyond what the process has already */

const struct sw_plugin *sw_plugin_open(const char *file, void **library, struct sw_error *error)
{
    char whole[PATH_MAX];
    *library = realpath(file, whole) ? dlopen(whole, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!*library) {
        const char *why = dlerror();
        size_t length = strlen(whole);
        if (why && strncmp(why, whole, length) == 0 && strncmp(why + length, ": ", 2) == 0)
            why += length + 2;
        sw_fail(error, SW_FAILED, "it cannot be loaded: %s", why ? why : "no such file");
        return NULL;
    }
    const struct sw_plugin *plugin = dlsym(*library, "sw_plugin");
    if (!plugin)
        sw_fail(error, SW_FAILED, "it has no symbol 'sw_plugin', so it is no Stepwise plugin");
    if (plugin && sw_descriptor_check(plugin, error) == SW_OK)
        return plugin;
    dlclose(*library);
    *library = NULL;
    return NULL;
}

/* ---- the child ------------------------------------------------------------------------------- */

enum step { LOADING, CLOSING, DONE };

struct report {
    volatile enum step step;
    struct sw_error error;
};

static const char *const step_names[] = {"was loaded", "was closed"};

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

static void limit_memory(void)
{
    unsigned long pages = 0;
    FILE *sizes = fopen("/proc/self/statm", "re");
    if (sizes && fscanf(sizes, "%lu", &pages) == 1)
        limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + most_bytes);
    if (sizes)
        fclose(sizes);
}

/* Signals as in a fresh process, so that a crash is one; no file of the parent's can be written to,
 * by exit() neither. */
static void isolate(void)
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
    limit(RLIMIT_CPU, MOST_CPU_SECONDS);
    limit_memory();
    atexit(end_here); /* the last that is registered is the first that is called */
}

static _Noreturn void try_in_child(const char *file, struct report *report)
{
    void *library;
    isolate();
    if (sw_plugin_open(file, &library, &report->error)) {
        report->step = CLOSING;
        dlclose(library);
    }
    report->step = DONE;
    _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Waits for the child, and ends it after MOST_SECONDS. 0 when that was needed; where the host
 * ignores SIGCHLD there is no status, and *status stays 0. */
static int wait_for(pid_t child, int *status)
{
    double until = sw_seconds() + MOST_SECONDS;
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

static int judge(const struct report *report, int in_time, int status, struct sw_error *error)
{
    if (report->step == DONE)
        return report->error.status == SW_OK
                   ? SW_OK
                   : sw_fail(error, report->error.status, "%s", report->error.text);
    const char *when = step_names[report->step];
    if (!in_time || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
        return sw_fail(error, SW_FAILED, "it did not return within %d s when it %s",
                       in_time ? MOST_CPU_SECONDS : MOST_SECONDS, when);
    if (WIFSIGNALED(status))
        return sw_fail(error, SW_FAILED, "it crashed when it %s (%s)", when,
                       strsignal(WTERMSIG(status)));
    return sw_fail(error, SW_FAILED, "it ended the process when it %s", when);
}

int sw_plugin_probe(const char *file, struct sw_error *error)
{
    struct report *report =
        mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return sw_fail(error, SW_FAILED, "out of memory for a trial of it");
    pid_t child = fork();
    if (child == 0)
        try_in_child(file, report);
    int status = 0, result;
    if (child < 0) {
        result = sw_fail(error, SW_FAILED, "no process for a trial of it: %s", strerror(errno));
    } else {
        int in_time = wait_for(child, &status);
        result = judge(report, in_time, status, error);
    }
    munmap(report, sizeof *report);
    return result;
}
