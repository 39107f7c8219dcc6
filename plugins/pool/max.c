/* max.c -- the largest numbers of each dimension among an image's regions or a caption's words: the
 * largest, or the mean of the k largest (k-max pooling, with which VSE-infinity compares, Chen et
 * al., CVPR 2021). */
#include <stepwise/plugin.h>

static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    struct sw_args args = {.p = e->fragments};
    (void)self;
    return e->host->apply(e->graph, "group_max", &x, 1, &args);
}

static const struct sw_option options[] = {
    {"k", SW_INTEGER, "2", NULL, 1, 1 << 16, "how many; all of a group that has fewer"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct kmax {
    int k;
};

static int init_kmax(const struct sw_host *host, struct sw_model *model, void *self,
                     enum sw_side side, int width, int *out, const struct sw_value *values)
{
    (void)host, (void)model, (void)side, (void)width, (void)out;
    ((struct kmax *)self)->k = (int)values[0].number;
    return 0;
}

/* Of each group's sorted rows, the first k. */
static struct sw_tensor *pool_kmax(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct sw_fragments *f = e->fragments;
    struct sw_args args = {.p = f};
    struct sw_tensor *in[2] = {e->host->constant(e->graph, 2, (int[]){f->rows, 1}, 0),
                               e->host->apply(e->graph, "group_sort", &x, 1, &args)};
    for (int g = 0; in[0] && g < f->groups; g++) {
        int k = ((const struct kmax *)self)->k, most = f->count[g] < k ? f->count[g] : k;
        for (int i = 0; i < most; i++)
            in[0]->data[f->first[g] + i * f->stride] = 1 / (float)most;
    }
    return e->host->apply(e->graph, "group_mix", in, 2, &args);
}

static const struct sw_pool max = {
    .name = "max",
    .doc = "largest number of each dimension among an image's regions or a caption's words",
    .pool = pool,
};

static const struct sw_pool kmax = {
    .name = "kmax",
    .doc = "mean of the k largest numbers of each dimension among an image's regions or a "
           "caption's words",
    .options = options,
    .self_size = sizeof(struct kmax),
    .init = init_kmax,
    .pool = pool_kmax,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "max",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "max and k-max pooling",
    .pools = (const struct sw_pool *const[]){&max, &kmax, NULL},
};
