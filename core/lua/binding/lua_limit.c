/* lua_limit.c -- ends the program when a script takes too long inside one call of a C function,
 * where no hook of Lua can stop it. */
#include "lua/binding/binding.h"

#include "lua/binding/program.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* What the handler writes: a handler takes no argument. Changed only while the timer is off. */
static char message[512];

static void on_timer(int number)
{
    (void)number;
    if (write(STDERR_FILENO, message, strlen(message)) < 0)
        _exit(2);
    _exit(2);
}

/* limit_time(seconds, text): after so many seconds of CPU time the program writes "stepwise: text"
 * and exits with 2. limit_time(): no longer. Does nothing in a host that is not the program. */
static int limit_time(lua_State *L)
{
    int is_on = !lua_isnoneornil(L, 1);
    if (lua_getfield(L, LUA_REGISTRYINDEX, SW_LUA_IS_PROGRAM) != LUA_TBOOLEAN)
        return 0;
    struct itimerval timer = {0};
    setitimer(ITIMER_PROF, &timer, NULL);
    if (is_on) {
        timer.it_value.tv_sec = luaL_checkinteger(L, 1);
        snprintf(message, sizeof message - 1, "stepwise: %.400s", luaL_checkstring(L, 2));
        for (char *at = message; *at; at++)
            if ((unsigned char)*at < ' ' || *at == 127)
                *at = ' ';
        strcat(message, "\n");
    }
    struct sigaction action = {.sa_handler = is_on ? on_timer : SIG_DFL};
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &timer, NULL);
    return 0;
}

void sw_lua_open_limit(lua_State *L)
{
    static const luaL_Reg functions[] = {{"limit_time", limit_time}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
