/* glove_random.c -- a fixed GloVe table and a trained one from U(-0.1, 0.1), side by side. */
#include <stepwise/plugin.h>

struct embedding {
    struct sw_tensor *glove, *random; /* (V,W) each */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, int word_dim,
                const struct sw_value *values)
{
    (void)values;
    struct embedding *s = self;
    int table[2] = {host->vocabulary(model), word_dim};
    s->glove = host->parameter(model, "glove.weight", 2, table,
                               (struct sw_init){.kind = SW_INIT_GLOVE, .frozen = 1});
    s->random = host->parameter(model, "random.weight", 2, table,
                                (struct sw_init){.kind = SW_INIT_UNIFORM, .bound = 0.1f});
    return s->glove && s->random ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *embed(const struct sw_host *host, struct sw_graph *graph, const void *self,
                               const struct sw_word_ids *words)
{
    const struct embedding *s = self;
    struct sw_args args = {.p = words}, none = {.i = {0}};
    struct sw_tensor *tables[2] = {s->glove, s->random};
    struct sw_tensor *both[2] = {host->apply(graph, "embedding", &tables[0], 1, &args),
                                 host->apply(graph, "embedding", &tables[1], 1, &args)};
    return host->apply(graph, "concat", both, 2, &none);
}

static const struct sw_embedding glove_random = {
    .name = "glove_random",
    .doc = "fixed GloVe vectors beside trained random ones",
    .self_size = sizeof(struct embedding),
    .tables = 2,
    .init = init,
    .embed = embed,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "glove_random",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "fixed GloVe vectors beside trained random ones",
    .embeddings = (const struct sw_embedding *const[]){&glove_random, NULL},
};
