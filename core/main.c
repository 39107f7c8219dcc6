/* main.c -- the command line; all of its commands are in core/lua. */
#include "lua/binding/program.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    sw_lua_catch_faults();
    int status = sw_lua_main(argc, argv);
    /* Under a limit of address space a thread that OpenBLAS started before main may look for its
     * buffer for ever, and exit() would wait for it. */
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
        fflush(NULL);
        _exit(status);
    }
    return status;
}
