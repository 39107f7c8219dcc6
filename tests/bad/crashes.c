/* crashes.c -- a plugin that loads and checks well, and takes its process down when it is used. */
#include <stepwise/plugin.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEGFAULT, EXIT, LOOP };

#ifndef CRASHES_PRESET
#define CRASHES_PRESET "segfault"
#endif

struct crashes {
    int how;
};

static const struct sw_option options[] = {
    {"how", SW_CHOICE, CRASHES_PRESET, "segfault exit loop", 0, 0, "what happens"},
    {0},
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct crashes *s = self;
    (void)host, (void)model;
    s->how = (int)values[0].number;
    return 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct crashes *s = self;
    (void)tile, (void)prepared;
    if (s->how == SEGFAULT) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer has a handler of its own */
        raise(SIGSEGV);
    }
    if (s->how == EXIT)
        _exit(0);
    for (;;)
        pause();
}

static const struct sw_stage crashes = {
    .name = "crashes",
    .doc = "ends the process",
    .options = options,
    .self_size = sizeof(struct crashes),
    .init = init,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "crashes",
    .version = "1",
    .license = "MIT",
    .doc = "crashes on purpose",
    .stages = (const struct sw_stage *const[]){&crashes, NULL},
};
