/* main.c -- the command line; all of its commands are in core/lua. */
#include "lua/program.h"

int main(int argc, char **argv)
{
    sw_lua_catch_faults();
    return sw_lua_main(argc, argv);
}
