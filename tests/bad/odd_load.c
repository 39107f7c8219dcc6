/* odd_load.c -- a plugin that is in order but for what it does when it is loaded. The name of its
 * file says what that is: crashes.so, exits.so, .. */
#include <stepwise/plugin.h>

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)host, (void)model, (void)self, (void)values;
    return 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)tile, (void)self, (void)prepared;
    return NULL;
}

static const struct sw_stage odd = {
    .name = "odd", .doc = "never loaded", .init = init, .score = score};

__attribute__((constructor)) static void at_load(void)
{
    Dl_info about;
    if (!dladdr((void *)(size_t)at_load, &about))
        return;
    if (strstr(about.dli_fname, "/exits.so"))
        exit(0);
    if (strstr(about.dli_fname, "/crashes.so"))
        raise(SIGSEGV);
    while (strstr(about.dli_fname, "/eats.so"))
        if (!malloc(1 << 20))
            abort();
    for (volatile int i = 0; strstr(about.dli_fname, "/loops.so"); i = !i)
        ;
    while (strstr(about.dli_fname, "/sleeps.so"))
        pause();
    _exit(0);
}

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "odd_load",
    .version = "1",
    .license = "MIT",
    .doc = "does something when it is loaded",
    .stages = (const struct sw_stage *const[]){&odd, NULL},
};
