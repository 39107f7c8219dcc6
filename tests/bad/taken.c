/* taken.c -- a plugin whose stage has the name of one that is there. */
#include <stepwise/plugin.h>

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

static const struct sw_stage l2l = {
    .name = "l2l", .doc = "not the real one", .init = init, .score = score};

static const struct sw_stage first = {
    .name = "first_of_taken", .doc = "must not be registered either", .init = init, .score = score};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "taken",
    .version = "1",
    .license = "MIT",
    .doc = "takes a name that is taken",
    .stages = (const struct sw_stage *const[]){&first, &l2l, NULL},
};
