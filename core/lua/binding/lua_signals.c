/* lua_signals.c -- signals: those that ask the program to end, noted so that work can be saved
 * first, and the limits that would end it without a word. */
#include "lua/binding/program.h"

#include "lua/binding/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no other place to write to. */
static atomic_int interrupted_by;

/* Noted. The second of a terminal's or a scheduler's own (SIGINT, SIGTERM) ends the process; the
 * others may come several times for one reason: SIGHUP from the shell and the kernel, SIGXCPU every
 * second. */
static const struct {
    int number, once;
} noted[] = {{SIGINT, 1}, {SIGTERM, 1}, {SIGHUP, 0}, {SIGUSR1, 0}, {SIGPIPE, 0}, {SIGXCPU, 0}};
enum { NOTED = sizeof noted / sizeof *noted };

static void on_signal(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&interrupted_by, &none, number);
}

/* The process that started this one is gone. It may come more than once: one for each of its
 * threads. A process that has not ended after a while -- a plugin may loop -- is ended. */
static void on_orphaned(int number)
{
    enum { SECONDS = 300 };
    (void)number;
    if (!atomic_load(&interrupted_by))
        alarm(SECONDS);
    on_signal(SIGTERM);
}

/* catch_interrupts(): from now on a signal that asks the process to end is only noted. One that is
 * ignored (nohup) stays so, but for SIGINT, which shells ignore for what runs in the background.
 * SIGUSR2 is what end_with asks for. */
static int catch_interrupts(lua_State *L)
{
    (void)L;
    atomic_store(&interrupted_by, 0);
    for (int i = 0; i < NOTED; i++) {
        struct sigaction action = {.sa_handler = on_signal}, before;
        sigemptyset(&action.sa_mask);
        action.sa_flags = noted[i].once ? (int)SA_RESETHAND : 0;
        sigaction(noted[i].number, NULL, &before);
        if (before.sa_handler != SIG_IGN || noted[i].once)
            sigaction(noted[i].number, &action, NULL);
    }
    struct sigaction orphaned = {.sa_handler = on_orphaned};
    sigemptyset(&orphaned.sa_mask);
    sigaction(SIGUSR2, &orphaned, NULL);
    return 0;
}

/* release_interrupts(): nothing is left to be saved; the next signal ends the process. */
static int release_interrupts(lua_State *L)
{
    (void)L;
    for (int i = 0; i < NOTED; i++) {
        struct sigaction now;
        sigaction(noted[i].number, NULL, &now);
        if (now.sa_handler == on_signal)
            signal(noted[i].number, SIG_DFL);
    }
    signal(SIGUSR2, SIG_DFL);
    return 0;
}

int sw_lua_interrupted(void)
{
    return atomic_load(&interrupted_by);
}

/* interrupted(): the number of the first signal that was noted, or nil. */
static int interrupted(lua_State *L)
{
    int number = sw_lua_interrupted();
    if (number)
        lua_pushinteger(L, number);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- faults and limits: only what a signal handler may call ------------------------------------
 */

static void say(const char *text)
{
    ssize_t written = write(2, text, strlen(text));
    (void)written;
}

/* The file mapped at `at`, from the kernel's list: "from-to rights offset device inode  PATH". */
static const char *mapped_file(uintptr_t at, char *line, size_t size)
{
    char bytes[512];
    size_t used = 0;
    ssize_t count;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (count = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < count; i++) {
            if (bytes[i] != '\n') {
                line[used] = bytes[i];
                used += used + 1 < size;
                continue;
            }
            char *end;
            line[used] = 0;
            used = 0;
            uintptr_t from = (uintptr_t)strtoull(line, &end, 16);
            uintptr_t to = *end == '-' ? (uintptr_t)strtoull(end + 1, NULL, 16) : 0;
            if (at >= from && at < to) {
                close(fd);
                return strchr(line, '/');
            }
        }
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* A mapped file was cut short, or its disk failed. Anything else is left to the system. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    char line[4200];
    const char *path = mapped_file((uintptr_t)info->si_addr, line, sizeof line);
    (void)context;
    signal(number, SIG_DFL);
    if (!path)
        return;
    say("stepwise: ");
    say(path);
    say(": the file was cut short or became unreadable while it was being read; what was saved "
        "before stays\n");
    _exit(1);
}

/* A write beyond the limit of a file's size (ulimit -f) then fails with a reason, as on a full
 * disk. Not SIG_IGN, which the programs started from here would inherit. */
static void on_file_limit(int number)
{
    (void)number;
}

void sw_lua_catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    action = (struct sigaction){.sa_handler = on_file_limit};
    sigemptyset(&action.sa_mask);
    sigaction(SIGXFSZ, &action, NULL);
}

void sw_lua_open_signals(lua_State *L)
{
    static const luaL_Reg functions[] = {{"catch_interrupts", catch_interrupts},
                                         {"release_interrupts", release_interrupts},
                                         {"interrupted", interrupted},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
