/* lua_process.c -- other programs, started without a shell. */
#include "lua/binding/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_ARGUMENTS = 4096, MOST_COMPLAINTS = 1 << 16 };

/* The strings of the list at `index` as argv, in a userdata that is pushed; the list keeps them. */
static char **arguments_of(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    luaL_argcheck(L, count > 0 && count <= MOST_ARGUMENTS, index, "expected a command");
    char **argv = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *argv, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, index, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            sw_lua_fail(L, SW_MISUSE, "argument %lld of a command is a %s; expected a string",
                        (long long)i + 1, luaL_typename(L, -1));
        argv[i] = (char *)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    argv[count] = NULL;
    return argv;
}

/* spawn({program, arguments..} [, {output =, append =}]): starts it with nothing to read; output:
 * the file that takes what it writes. The program is found in PATH. Gives its process number, or
 * nil, the reason, and whether it is the program that is missing. */
static int spawn(lua_State *L)
{
    char **argv = arguments_of(L, 1);
    const char *output = NULL;
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (lua_istable(L, 2)) {
        output = sw_lua_text_field(L, 2, "output", NULL);
        if (sw_lua_switch_field(L, 2, "append", 0))
            flags = O_WRONLY | O_CREAT | O_APPEND;
    }
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    pid_t process = 0;
    int fault = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!fault && output)
        fault = posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0666);
    if (!fault && output)
        fault = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!fault)
        fault = posix_spawnp(&process, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (fault) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", argv[0], strerror(fault));
        lua_pushboolean(L, fault == ENOENT);
        return 3;
    }
    lua_pushinteger(L, process);
    return 1;
}

/* Pushes "exit", status or "signal", name. */
static int push_end(lua_State *L, int status)
{
    if (WIFSIGNALED(status)) {
        lua_pushliteral(L, "signal");
        lua_pushstring(L, strsignal(WTERMSIG(status)));
    } else {
        lua_pushliteral(L, "exit");
        lua_pushinteger(L, WEXITSTATUS(status));
    }
    return 2;
}

/* wait(process [, no_hang]): how it ended: "exit", status or "signal", name. nil while it runs,
 * with no_hang or when a signal came in between. */
static int wait_for(lua_State *L)
{
    pid_t process = (pid_t)luaL_checkinteger(L, 1);
    luaL_argcheck(L, process > 0, 1, "expected a process id");
    int status = 0;
    pid_t ended = waitpid(process, &status, lua_toboolean(L, 2) ? WNOHANG : 0);
    if (ended < 0 && errno != EINTR)
        return sw_lua_fail(L, SW_FAILED, "process %d: %s", (int)process, strerror(errno));
    if (ended <= 0) {
        lua_pushnil(L);
        return 1;
    }
    return push_end(L, status);
}

static int send(lua_State *L, int signal)
{
    pid_t process = (pid_t)luaL_checkinteger(L, 1);
    luaL_argcheck(L, process > 0, 1, "expected a process id");
    lua_pushboolean(L, kill(process, signal) == 0);
    return 1;
}

/* stop(process): asks it to end. */
static int stop(lua_State *L)
{
    return send(L, SIGTERM);
}

/* kill(process): ends it. */
static int end(lua_State *L)
{
    return send(L, SIGKILL);
}

/* end_with(parent): when the process that started this one is gone, this one is asked to end, by
 * SIGUSR2; false when it is gone already. */
static int end_with(lua_State *L)
{
    lua_Integer parent = luaL_checkinteger(L, 1);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    lua_pushboolean(L, (lua_Integer)getppid() == parent);
    return 1;
}

/* process_number(): of this process. */
static int process_number(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/* program_path(): of the running program; nil where the system does not say. */
static int program_path(lua_State *L)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length > 0 && (size_t)length < sizeof path)
        lua_pushlstring(L, path, (size_t)length);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- gnuplot ------------------------------------------------------------------------------------
 */

static void release_stream(void *value)
{
    fclose(value);
}

/* What gnuplot gets of the environment: how programs, libraries and fonts are found. The rest would
 * change what it draws, or keep it from starting: GNUTERM, GNUPLOT_LIB, GDFONTPATH, a locale. */
static void environment_of_gnuplot(char *environment[], size_t count)
{
    static const char *const kept[] = {
        "PATH",           "HOME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "FONTCONFIG_FILE",
        "FONTCONFIG_PATH"};
    size_t used = 0;
    environment[used++] = "LC_ALL=C.UTF-8";
    for (char **entry = environ; *entry; entry++)
        for (size_t i = 0; i < sizeof kept / sizeof *kept && used + 1 < count; i++) {
            size_t length = strlen(kept[i]);
            if (strncmp(*entry, kept[i], length) == 0 && (*entry)[length] == '=')
                environment[used++] = *entry;
        }
    environment[used] = NULL;
}

/* Runs `gnuplot -d` with `input` as its script; its complaints go to `complaints`. */
static int gnuplot(FILE *input, FILE *complaints, int *status)
{
    char *argv[] = {"gnuplot", "-d", "-", NULL}, *environment[16];
    environment_of_gnuplot(environment, sizeof environment / sizeof *environment);
    posix_spawn_file_actions_t actions;
    pid_t process = 0;
    int fault = posix_spawn_file_actions_init(&actions);
    if (fault)
        return fault;
    fault = posix_spawn_file_actions_adddup2(&actions, fileno(input), 0);
    if (!fault)
        fault = posix_spawn_file_actions_adddup2(&actions, fileno(complaints), 1);
    if (!fault)
        fault = posix_spawn_file_actions_adddup2(&actions, fileno(complaints), 2);
    if (!fault)
        fault = posix_spawnp(&process, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (fault)
        return fault;
    while (waitpid(process, status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* run_gnuplot(script): true and what it said, or nil, the reason, and whether gnuplot is missing.
 */
static int run_gnuplot(lua_State *L)
{
    size_t size, read;
    const char *script = luaL_checklstring(L, 1, &size);
    struct sw_lua_box *input = sw_lua_box(L, release_stream);
    struct sw_lua_box *complaints = sw_lua_box(L, release_stream);
    input->value = tmpfile();
    complaints->value = tmpfile();
    if (!input->value || !complaints->value || fwrite(script, 1, size, input->value) != size ||
        fflush(input->value) != 0)
        return sw_lua_fail(L, SW_FAILED, "a temporary file for gnuplot: %s", strerror(errno));
    rewind(input->value);
    int status = 0, fault = gnuplot(input->value, complaints->value, &status);
    if (fault == ENOENT) {
        lua_pushnil(L);
        lua_pushliteral(L, "gnuplot is missing; on Debian: apt-get install gnuplot-nox");
        lua_pushboolean(L, 1);
        return 3;
    }
    if (fault)
        return sw_lua_fail(L, SW_FAILED, "gnuplot: %s", strerror(fault));
    luaL_Buffer said;
    rewind(complaints->value);
    char *bytes = luaL_buffinitsize(L, &said, MOST_COMPLAINTS);
    read = fread(bytes, 1, MOST_COMPLAINTS, complaints->value);
    luaL_pushresultsize(&said, read);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        lua_pushboolean(L, 1);
        lua_insert(L, -2);
        return 2;
    }
    lua_pushnil(L);
    lua_pushliteral(L, "gnuplot failed: ");
    lua_rotate(L, -3, 2);
    lua_concat(L, 2);
    return 2;
}

void sw_lua_open_processes(lua_State *L)
{
    static const luaL_Reg functions[] = {{"spawn", spawn},
                                         {"wait", wait_for},
                                         {"stop", stop},
                                         {"kill", end},
                                         {"end_with", end_with},
                                         {"process_number", process_number},
                                         {"program_path", program_path},
                                         {"run_gnuplot", run_gnuplot},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
