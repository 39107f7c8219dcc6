/* check_trial.c -- work in a process of its own: however it ends, this process goes on and knows.
 */
#include "unit.h"

#include "base/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum how { RETURN, FAIL, EXIT, END, CRASH, HANG, EAT, SPIN, WRITE };

static int descriptor;
static int touched;

static void work(void *data, volatile int *step, struct sw_error *error)
{
    touched = 1;
    *step = 7;
    switch (*(enum how *)data) {
    case RETURN:
        return;
    case FAIL:
        sw_fail(error, SW_MISUSE, "it says no");
        return;
    case EXIT:
        exit(0);
    case END:
        _exit(0);
    case CRASH:
        raise(SIGSEGV);
        return;
    case HANG:
        for (;;)
            pause();
    case EAT:
        if (!malloc((size_t)2 << 30))
            sw_fail(error, SW_FAILED, "no memory");
        return;
    case SPIN:
        for (volatile int i = 0;; i = !i)
            ;
    case WRITE:
        if (write(descriptor, "x", 1) < 0)
            sw_fail(error, SW_FAILED, "%s", strerror(errno));
        return;
    }
}

START_TEST(each_end_is_told)
{
    static const struct {
        enum how how;
        enum sw_trial_end end;
        int signal;
        const char *error;
    } ends[] = {{RETURN, SW_TRIAL_DONE, 0, ""},
                {FAIL, SW_TRIAL_DONE, 0, "it says no"},
                {EXIT, SW_TRIAL_EXITED, 0, ""},
                {END, SW_TRIAL_EXITED, 0, ""},
                {CRASH, SW_TRIAL_CRASHED, SIGSEGV, ""},
                {HANG, SW_TRIAL_LATE, SIGKILL, ""},
                {SPIN, SW_TRIAL_CRASHED, SIGXCPU, ""},
                {EAT, SW_TRIAL_DONE, 0, "no memory"},
                {WRITE, SW_TRIAL_DONE, 0, "Bad file descriptor"}};
    enum how how = ends[_i].how;
    struct sw_error error = {0};
    struct sw_trial trial = {.work = work,
                             .data = &how,
                             .seconds = how == HANG ? 1 : 600,
                             .cpu_seconds = how == SPIN,
                             .bytes = how == EAT ? (size_t)1 << 30 : 0};
    descriptor = open("/dev/null", O_WRONLY);
    ck_assert_int_gt(descriptor, 2);
    touched = 0;
    ck_assert_int_eq(sw_trial(&trial, &error), ends[_i].end);
    ck_assert_int_eq(trial.step, 7);
    ck_assert_int_eq(trial.signal, ends[_i].signal);
    ck_assert_str_eq(error.text, ends[_i].error);
    ck_assert_int_eq(error.status, how == FAIL ? SW_MISUSE : *error.text ? SW_FAILED : SW_OK);
    ck_assert_int_eq(touched, 0);
    ck_assert_int_eq(write(descriptor, "x", 1), 1);
    close(descriptor);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, each_end_is_told, 0, 9);
}

UNIT_MAIN("trial", add_tests)
