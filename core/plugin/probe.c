/* probe.c -- see probe.h. */
#include "plugin/probe.h"
#include "base/trial.h"
#include "plugin/descriptor.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const struct sw_plugin *sw_plugin_open(const char *file, void **library, struct sw_error *error)
{
    char whole[PATH_MAX] = "";
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
        sw_fail(error, SW_FAILED, "it has no symbol 'sw_plugin', so it is not a Stepwise plugin");
    if (plugin && sw_descriptor_check(plugin, error) == SW_OK)
        return plugin;
    dlclose(*library);
    *library = NULL;
    return NULL;
}

enum step { LOADING, CLOSING };

static void open_and_close(void *data, volatile int *step, struct sw_error *error)
{
    void *library;
    if (!sw_plugin_open(data, &library, error))
        return;
    *step = CLOSING;
    dlclose(library);
}

int sw_plugin_probe(const char *file, struct sw_error *error)
{
    static const char *const steps[] = {[LOADING] = "was loaded", [CLOSING] = "was closed"};
    struct sw_error own = {0};
    struct sw_trial trial = {
        .work = open_and_close,
        .data = (char *)(size_t)file,
        .seconds = 10, /* of a constructor that sleeps, or waits for a slow disk */
        .cpu_seconds = 2,
        .bytes = (size_t)2 << 30,
    };
    enum sw_trial_end end = sw_trial(&trial, &own);
    int is_slow = end == SW_TRIAL_CRASHED && trial.signal == SIGXCPU;
    const char *when = steps[trial.step == CLOSING];
    if (end == SW_TRIAL_DONE)
        return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
    if (end == SW_TRIAL_NONE)
        return sw_fail(error, SW_FAILED, "cannot start a process to try it: %s", strerror(errno));
    if (end == SW_TRIAL_LATE || is_slow)
        return sw_fail(error, SW_FAILED, "it did not return within %u s when it %s",
                       is_slow ? trial.cpu_seconds : trial.seconds, when);
    if (end == SW_TRIAL_CRASHED)
        return sw_fail(error, SW_FAILED, "it crashed when it %s (%s)", when,
                       strsignal(trial.signal));
    return sw_fail(error, SW_FAILED, "it ended the process when it %s", when);
}
