/* lua_terminal.c -- the terminal, the clock, and the keyboard's Ctrl-C. */
#include "lua/binding.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A signal handler has no other place to write to. */
static volatile sig_atomic_t interrupted_by;

static void on_signal(int number)
{
    interrupted_by = number;
}

/* The process that started this one is gone. It may come more than once: one for each of its
 * threads. Who has not ended after a while -- a plugin may loop -- is ended. */
static void on_orphaned(int number)
{
    enum { SECONDS = 300 };
    (void)number;
    if (!interrupted_by)
        alarm(SECONDS);
    interrupted_by = SIGTERM;
}

/* catch_interrupts(): from now on the first SIGINT or SIGTERM is only noted; the next one ends the
 * process as if nothing had been caught. SIGUSR2 is what end_with asks for. */
static int catch_interrupts(lua_State *L)
{
    (void)L;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    interrupted_by = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_orphaned;
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    return 0;
}

/* interrupted(): the number of the signal that was noted, or nil. */
static int interrupted(lua_State *L)
{
    if (interrupted_by)
        lua_pushinteger(L, interrupted_by);
    else
        lua_pushnil(L);
    return 1;
}

static int is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* terminal_width(descriptor): columns, or nil when it is no terminal. */
static int terminal_width(lua_State *L)
{
    struct winsize size = {0};
    if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        lua_pushinteger(L, size.ws_col);
    else
        lua_pushnil(L);
    return 1;
}

/* seconds(): of a clock that never goes back. */
static int seconds(lua_State *L)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec * 1e-9);
    return 1;
}

/* sleep(seconds); a signal ends it early. */
static int sleep_for(lua_State *L)
{
    lua_Number wanted = luaL_checknumber(L, 1);
    luaL_argcheck(L, wanted >= 0 && wanted < 1e6, 1, "expected seconds");
    struct timespec pause = {.tv_sec = (time_t)wanted};
    pause.tv_nsec = (long)((wanted - (lua_Number)pause.tv_sec) * 1e9);
    nanosleep(&pause, NULL);
    return 0;
}

void sw_lua_open_terminal(lua_State *L)
{
    static const luaL_Reg functions[] = {{"catch_interrupts", catch_interrupts},
                                         {"interrupted", interrupted},
                                         {"is_terminal", is_terminal},
                                         {"terminal_width", terminal_width},
                                         {"seconds", seconds},
                                         {"sleep", sleep_for},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
