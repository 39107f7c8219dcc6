/* infonce.c -- the contrastive loss of van den Oord et al. (2018), as CLIP has it: each image has
 * to find its caption among all of the batch, and each caption its image.
 *
 *   sum_i -log softmax_j(S_ij / temperature)_i + sum_j -log softmax_i(S_ij / temperature)_j
 *
 * All pairs of the batch have a gradient. */
#include <stepwise/plugin.h>

#include <math.h>

/* ---- the operation: (B,B) -> (1); f0: 1 / temperature ---- */

static int nce_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *s = call->in[0];
    out_dim[0] = 1;
    return s->ndim == 2 && s->dim[0] == s->dim[1] ? 1 : -1;
}

static float score(const struct sw_call *call, int side, int p, int other)
{
    size_t n = (size_t)call->in[0]->dim[0];
    size_t at = side == 0 ? (size_t)p * n + (size_t)other : (size_t)other * n + (size_t)p;
    return call->args->f[0] * call->in[0]->data[at];
}

/* saved: log of the sum of exponentials of each row, then of each column */
static size_t nce_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)call->in[0]->dim[0] * sizeof(double);
}

static void nce_forward(const struct sw_call *call)
{
    double *lse = call->saved, loss = 0;
    int n = call->in[0]->dim[0];
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++) {
            double most = score(call, side, p, p), sum = 0;
            for (int other = 0; other < n; other++)
                most = fmax(most, score(call, side, p, other));
            for (int other = 0; other < n; other++)
                sum += exp(score(call, side, p, other) - most);
            lse[side * n + p] = most + log(sum);
            loss += lse[side * n + p] - score(call, side, p, p);
        }
    call->out->data[0] = (float)loss;
}

/* dS_ij += (softmax along the row + softmax along the column - 2 [i = j]) dout / temperature */
static void nce_backward(const struct sw_call *call)
{
    const double *lse = call->saved;
    int n = call->in[0]->dim[0];
    float d = call->out->grad[0] * call->args->f[0];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double s = score(call, 0, i, j);
            double share = exp(s - lse[i]) + exp(s - lse[n + j]) - 2 * (i == j);
            call->in[0]->grad[(size_t)i * (size_t)n + (size_t)j] += d * (float)share;
        }
}

static const struct sw_sample nce_samples[] = {
    {1, {{2, {4, 4}, -1, 1, 0}}, {.f = {3}}},
    {1, {{2, {7, 7}, -1, 1, 0}}, {.f = {1}}},
};

static const struct sw_op nce_op = {
    .name = "infonce",
    .shapes = "(B,B)->(1)",
    .doc = "-log softmax of f0 S at the diagonal, along rows and along columns, summed",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = nce_shape,
    .saved_size = nce_saved_size,
    .forward = nce_forward,
    .backward = nce_backward,
    .samples = nce_samples,
    .sample_count = 2,
};

/* ---- the loss ---- */

static const struct sw_option options[] = {
    {"temperature", SW_NUMBER, "0.05", NULL, 1e-6, 1e6, "what scores are divided by"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct infonce {
    float sharpness;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct infonce *s = self;
    (void)host, (void)model;
    s->sharpness = (float)(1 / values[0].number);
    return 0;
}

static struct sw_tensor *loss(struct sw_loss_batch *batch, const void *self)
{
    const struct infonce *s = self;
    struct sw_args args = {.f = {s->sharpness}};
    return batch->host->apply(batch->graph, "infonce", &batch->scores, 1, &args);
}

static const struct sw_loss infonce = {
    .name = "infonce",
    .doc = "cross-entropy of the right pair among all of the batch, in both directions",
    .options = options,
    .self_size = sizeof(struct infonce),
    .init = init,
    .loss = loss,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "infonce",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the contrastive loss of CLIP",
    .losses = (const struct sw_loss *const[]){&infonce, NULL},
    .ops = (const struct sw_op *const[]){&nce_op, NULL},
};
