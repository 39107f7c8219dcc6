/* mean_max -- a pooling: the fragments of an image or of a caption become one vector.
 *
 *   p = mean * mean_f x_f + (1 - mean) * max_f x_f, the maximum number by number */
#include <stepwise/plugin.h>

/* What the pooling takes in a script, with defaults; checked and listed by the program. */
enum { MEAN };

static const struct sw_option options[] = {
    {"mean", SW_NUMBER, "0.5", NULL, 0, 1, "weight of the mean beside the maximum"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What the pooling keeps as long as the model lives. */
struct mean_max {
    float mean;
};

/* Once per model and side: keep the options. Parameters would be declared here; *out is the width
 * of the result, which starts as that of x. */
static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct mean_max *s = self;
    (void)host, (void)model, (void)side, (void)width, (void)out;
    s->mean = (float)values[MEAN].number;
    return 0;
}

/* f * x of the operation `op` over the fragments of each group: (N,D) -> (G,D) */
static struct sw_tensor *pooled(struct sw_encode *e, const char *op, struct sw_tensor *x, float f)
{
    struct sw_args groups = {.p = e->fragments}, scale = {.f = {f, 0}};
    struct sw_tensor *y = e->host->apply(e->graph, op, &x, 1, &groups);
    return e->host->apply(e->graph, "affine", &y, 1, &scale);
}

/* x (N,D), one row per fragment -> (G,D), one row per image or caption */
static struct sw_tensor *pool(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct mean_max *s = self;
    struct sw_tensor *both[2] = {pooled(e, "group_mean", x, s->mean),
                                 pooled(e, "group_max", x, 1 - s->mean)};
    return e->host->apply(e->graph, "add", both, 2, NULL);
}

static const struct sw_pool mean_max = {
    .name = "mean_max",
    .doc = "a weighted mean of the fragments' mean and their maximum",
    .options = options,
    .self_size = sizeof(struct mean_max),
    .init = init,
    .pool = pool,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "mean_max",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a pooling to start from",
    .pools = (const struct sw_pool *const[]){&mean_max, NULL},
};
