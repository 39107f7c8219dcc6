/* weight_norms.c -- the penalty of SAEM (Wu et al., ACM MM 2019): the sum of the lengths of
 * weights, each taken as one vector (not their squares). SAEM adds 0.01 of it over the image
 * encoder's, without biases and norms. */
#include <stepwise/plugin.h>

#include <math.h>
#include <string.h>

/* ---- the operation: (..) -> (1) ---- */

static size_t count_of(const struct sw_tensor *x)
{
    size_t count = 1;
    for (int d = 0; d < x->ndim; d++)
        count *= (size_t)x->dim[d];
    return count;
}

static int length_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    (void)call;
    out_dim[0] = 1;
    return 1;
}

static void length_forward(const struct sw_call *call)
{
    const float *x = call->in[0]->data;
    double sum = 0;
    for (size_t j = 0; j < count_of(call->in[0]); j++)
        sum += (double)x[j] * x[j];
    call->out->data[0] = (float)sqrt(sum);
}

/* dx += dout x / |x|; zeros have no direction */
static void length_backward(const struct sw_call *call)
{
    float length = call->out->data[0];
    if (length == 0)
        return;
    for (size_t j = 0; j < count_of(call->in[0]); j++)
        call->in[0]->grad[j] += call->out->grad[0] / length * call->in[0]->data[j];
}

static const struct sw_sample length_samples[] = {
    {1, {{2, {3, 5}, -1, 1, 0}}, {.i = {0}}},
    {1, {{1, {1}, 1, 2, 0}}, {.i = {0}}},
};

static const struct sw_op length_op = {
    .name = "length",
    .shapes = "(..)->(1)",
    .doc = "the square root of the sum of all squares",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = length_shape,
    .forward = length_forward,
    .backward = length_backward,
    .samples = length_samples,
    .sample_count = 2,
};

/* ---- the loss ---- */

enum { IMAGE, TEXT, ALL };
enum { MOST = 256 };

static const struct sw_option options[] = {
    {"of", SW_CHOICE, "image", "image text all", 0, 0,
     "whose weights: an encoder's, or the model's"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct weight_norms {
    int count;
    struct sw_tensor *weight[MOST];
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct weight_norms *s = self;
    int of = (int)values[0].number;
    const char *name, *prefix = of == IMAGE ? "image." : of == TEXT ? "text." : "";
    struct sw_tensor *parameter;
    for (int i = 0; (parameter = host->parameter_at(model, i, &name)); i++) {
        if (parameter->ndim < 2 || strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        if (s->count == MOST)
            return host->fail_model(model, SW_PLUGIN_FAILED, "expected at most %d weights", MOST);
        s->weight[s->count++] = parameter;
    }
    if (!s->count)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "of: there are no weights whose names "
                                "begin with %s",
                                prefix);
    return 0;
}

/* Frozen ones have no gradient and add what they are. */
static struct sw_tensor *loss(struct sw_loss_batch *b, const void *self)
{
    const struct weight_norms *s = self;
    struct sw_tensor *sum = NULL;
    for (int i = 0; i < s->count; i++) {
        struct sw_tensor *weight = s->weight[i];
        struct sw_tensor *both[2] = {sum, b->host->apply(b->graph, "length", &weight, 1, NULL)};
        sum = i ? b->host->apply(b->graph, "add", both, 2, NULL) : both[1];
    }
    return sum;
}

static const struct sw_loss weight_norms = {
    .name = "weight_norms",
    .doc = "SAEM: sum of the lengths of weight matrices",
    .options = options,
    .self_size = sizeof(struct weight_norms),
    .init = init,
    .loss = loss,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "weight_norms",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the penalty of SAEM",
    .losses = (const struct sw_loss *const[]){&weight_norms, NULL},
    .ops = (const struct sw_op *const[]){&length_op, NULL},
};
