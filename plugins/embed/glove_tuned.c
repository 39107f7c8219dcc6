/* glove_tuned.c -- one table that starts from GloVe and is trained. */
#include <stepwise/plugin.h>

struct embedding {
    struct sw_tensor *glove; /* (V,W) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, int word_dim,
                const struct sw_value *values)
{
    (void)values;
    struct embedding *s = self;
    int table[2] = {host->vocabulary(model), word_dim};
    s->glove = host->parameter(model, "glove.weight", 2, table,
                               (struct sw_init){.kind = SW_INIT_GLOVE, .frozen = 0});
    return s->glove ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *embed(const struct sw_host *host, struct sw_graph *graph, const void *self,
                               const struct sw_word_ids *words)
{
    const struct embedding *s = self;
    struct sw_args args = {.p = words};
    struct sw_tensor *table = s->glove;
    return host->apply(graph, "embedding", &table, 1, &args);
}

static const struct sw_embedding glove_tuned = {
    .name = "glove_tuned",
    .doc = "trained vectors that start from GloVe",
    .self_size = sizeof(struct embedding),
    .tables = 1,
    .init = init,
    .embed = embed,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "glove_tuned",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "trained vectors that start from GloVe",
    .embeddings = (const struct sw_embedding *const[]){&glove_tuned, NULL},
};
