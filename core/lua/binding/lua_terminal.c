/* lua_terminal.c -- the terminal and the clock. */
#include "lua/binding/binding.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

static void push_size(lua_State *L, int size)
{
    if (size > 0)
        lua_pushinteger(L, size);
    else
        lua_pushnil(L);
}

/* terminal_size(descriptor): columns and lines, each nil where it is not known. */
static int terminal_size(lua_State *L)
{
    struct winsize size = {0};
    if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    push_size(L, size.ws_col);
    push_size(L, size.ws_row);
    return 2;
}

/* seconds(): of a clock that never goes back. */
static int seconds(lua_State *L)
{
    lua_pushnumber(L, sw_seconds());
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
    static const luaL_Reg functions[] = {{"is_terminal", is_terminal},
                                         {"terminal_size", terminal_size},
                                         {"seconds", seconds},
                                         {"sleep", sleep_for},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
