/* residual -- a block of an encoder: fragments in, fragments out.
 *
 *   y = x + scale * relu(W x + b) */
#include <stepwise/plugin.h>

/* What the block takes in a script, with defaults; checked and listed by the program. */
enum { SCALE };

static const struct sw_option options[] = {
    {"scale", SW_NUMBER, "1", NULL, 0, 100, "weight of the new layer beside its input"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What the block keeps as long as the model lives. */
struct residual {
    float scale;
    struct sw_tensor *weight, *bias; /* (width,width), (width) */
};

/* Once per model and place in a chain: keep the options, declare the parameters. `width` is that of
 * x; *out that of the result, which starts as `width`. What the last block of a side gives has
 * host->dim(model) numbers. */
static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct residual *s = self;
    int square[2] = {width, width};
    (void)side, (void)out;
    s->scale = (float)values[SCALE].number;
    s->weight = host->parameter(model, "residual.weight", 2, square,
                                (struct sw_init){.kind = SW_INIT_XAVIER});
    s->bias =
        host->parameter(model, "residual.bias", 1, &width, (struct sw_init){.kind = SW_INIT_ZERO});
    return s->weight && s->bias ? 0 : SW_PLUGIN_FAILED;
}

/* x (N,width) -> (N,out). Rows are in the runtime's own order, with padding rows between: use
 * operations that treat each row alike, or such that take e->fragments ("group_mean", ..). */
static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct residual *s = self;
    struct sw_tensor *in[3] = {x, s->weight, s->bias};
    struct sw_args scale = {.f = {s->scale, 0}};
    struct sw_tensor *y = e->host->apply(e->graph, "linear", in, 3, NULL);
    y = e->host->apply(e->graph, "relu", &y, 1, NULL);
    struct sw_tensor *sum[2] = {x, e->host->apply(e->graph, "affine", &y, 1, &scale)};
    return e->host->apply(e->graph, "add", sum, 2, NULL);
}

static const struct sw_block residual = {
    .name = "residual",
    .doc = "a layer with ReLU beside its input",
    .options = options,
    .self_size = sizeof(struct residual),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "residual",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "an encoder block to start from",
    .blocks = (const struct sw_block *const[]){&residual, NULL},
};
