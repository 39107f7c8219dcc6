/* residual_mlp.c -- the region encoder of VSE-infinity (Chen et al., CVPR 2021) and ESA: a linear
 * layer and a small network beside it, added.
 *
 *   v_i = W o_i + b + W2 relu(norm(W1 o_i + b1)) + b2,  W1 (D/2,F), W2 (D,D/2)
 *
 * `norm` is a batch norm over the regions of a step that are there; evaluation takes the running
 * values, which a step moves a tenth of the way. */
#include <stepwise/plugin.h>

#include <math.h>

static const float epsilon = 1e-5f, momentum = 0.1f;

struct residual_mlp {
    struct sw_tensor *weight, *bias;             /* (D,F), (D) */
    struct sw_tensor *weight1, *bias1;           /* (D/2,F), (D/2) */
    struct sw_tensor *weight2, *bias2;           /* (D,D/2), (D) */
    struct sw_tensor *gain, *shift, *running[2]; /* (D/2): mean, variance */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct residual_mlp *s = self;
    int D = *out = host->dim(model), H = D / 2;
    int shape[2] = {D, width}, shape1[2] = {H, width}, shape2[2] = {D, H};
    struct sw_init xavier = {.kind = SW_INIT_XAVIER}, zero = {.kind = SW_INIT_ZERO};
    struct sw_init one = {.kind = SW_INIT_CONSTANT, .bound = 1},
                   uniform = {.kind = SW_INIT_UNIFORM};
    (void)side, (void)values;
    if (D < 2)
        return host->fail_model(model, SW_PLUGIN_MISUSE, "expected dim of at least 2, found %d", D);
    s->weight = host->parameter(model, "fc.weight", 2, shape, xavier);
    s->bias = host->parameter(model, "fc.bias", 1, shape, zero);
    uniform.bound = 1 / sqrtf((float)width);
    s->weight1 = host->parameter(model, "mlp.layers.0.weight", 2, shape1, uniform);
    s->bias1 = host->parameter(model, "mlp.layers.0.bias", 1, shape1, uniform);
    uniform.bound = 1 / sqrtf((float)H);
    s->weight2 = host->parameter(model, "mlp.layers.1.weight", 2, shape2, uniform);
    s->bias2 = host->parameter(model, "mlp.layers.1.bias", 1, shape2, uniform);
    s->gain = host->parameter(model, "mlp.bns.0.weight", 1, shape1, one);
    s->shift = host->parameter(model, "mlp.bns.0.bias", 1, shape1, zero);
    s->running[0] = host->buffer(model, "mlp.bns.0.running_mean", 1, shape1, 0);
    s->running[1] = host->buffer(model, "mlp.bns.0.running_var", 1, shape1, 1);
    return s->running[1] ? 0 : SW_PLUGIN_FAILED;
}

static struct sw_tensor *linear(struct sw_encode *e, struct sw_tensor *x, struct sw_tensor *weight,
                                struct sw_tensor *bias)
{
    struct sw_tensor *in[3] = {x, weight, bias};
    return e->host->apply(e->graph, "linear", in, 3, NULL);
}

static struct sw_tensor *norm(struct sw_encode *e, const struct residual_mlp *s,
                              struct sw_tensor *x)
{
    struct sw_args args = {.f = {epsilon}, .p = e->fragments};
    struct sw_tensor *in[5] = {x, s->gain, s->shift, s->running[0], s->running[1]};
    for (int i = 0; i < 2 && e->training; i++) {
        struct sw_args moments = {{0, i}, {momentum}, e->fragments};
        struct sw_tensor *both[2] = {x, s->running[i]};
        e->host->update(e->graph, s->running[i],
                        e->host->apply(e->graph, "row_moments", both, 2, &moments));
    }
    return e->host->apply(e->graph, "batch_norm", in, e->training ? 3 : 5, &args);
}

static struct sw_tensor *encode(struct sw_encode *e, const void *self, struct sw_tensor *x)
{
    const struct residual_mlp *s = self;
    struct sw_tensor *hidden = norm(e, s, linear(e, x, s->weight1, s->bias1));
    hidden = e->host->apply(e->graph, "relu", &hidden, 1, NULL);
    struct sw_tensor *both[2] = {linear(e, x, s->weight, s->bias),
                                 linear(e, hidden, s->weight2, s->bias2)};
    return e->host->apply(e->graph, "add", both, 2, NULL);
}

static const struct sw_block residual_mlp = {
    .name = "residual_mlp",
    .doc = "VSE-infinity: a linear layer plus a two-layer network with batch norm, to D numbers",
    .self_size = sizeof(struct residual_mlp),
    .init = init,
    .encode = encode,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "residual_mlp",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the region encoder of VSE-infinity",
    .blocks = (const struct sw_block *const[]){&residual_mlp, NULL},
};
