/* random.c -- one table that starts at U(-0.1, 0.1) and is trained. */
#include <stepwise/plugin.h>

struct embedding {
    struct sw_tensor *random; /* (V,W) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, int word_dim,
                const struct sw_value *values)
{
    (void)values;
    struct embedding *s = self;
    int table[2] = {host->vocabulary(model), word_dim};
    s->random = host->parameter(model, "random.weight", 2, table,
                                (struct sw_init){.kind = SW_INIT_UNIFORM, .bound = 0.1f});
    return s->random ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *embed(const struct sw_host *host, struct sw_graph *graph, const void *self,
                               const struct sw_word_ids *words)
{
    const struct embedding *s = self;
    struct sw_args args = {.p = words};
    struct sw_tensor *table = s->random;
    return host->apply(graph, "embedding", &table, 1, &args);
}

static const struct sw_embedding random = {
    .name = "random",
    .doc = "trained vectors that start at random",
    .self_size = sizeof(struct embedding),
    .tables = 1,
    .init = init,
    .embed = embed,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "random",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "trained vectors that start at random",
    .embeddings = (const struct sw_embedding *const[]){&random, NULL},
};
