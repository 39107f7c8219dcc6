/* bce.c -- the loss of CAMP (Wang et al., "CAMP: Cross-Modal Adaptive Message Passing for
 * Text-Image Retrieval", ICCV 2019): scores as probabilities, and of the wrong pairs the hardest of
 * the batch.
 *
 *   -(2 sum_i log S_ii + sum_i log(1 - max_j S_ij) + sum_j log(1 - max_i S_ij)),  j, i wrong pairs,
 *
 * with S held between 1e-6 and 1 - 1e-6. Only stages whose score is a probability suit it. */
#include <stepwise/plugin.h>

#include <math.h>

static const float epsilon = 1e-6f;

/* ---- the operation: (B,B) -> (1) ---- */

static int bce_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *s = call->in[0];
    out_dim[0] = 1;
    return s->ndim == 2 && s->dim[0] == s->dim[1] ? 1 : -1;
}

/* saved: of each row, then of each column, the hardest wrong pair; -1 without any */
static size_t bce_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)call->in[0]->dim[0] * sizeof(int32_t);
}

static size_t place(int n, int side, int p, int other)
{
    return side == 0 ? (size_t)p * (size_t)n + (size_t)other
                     : (size_t)other * (size_t)n + (size_t)p;
}

static float held(float s)
{
    return s < epsilon ? epsilon : s > 1 - epsilon ? 1 - epsilon : s;
}

static void bce_forward(const struct sw_call *call)
{
    const float *s = call->in[0]->data;
    int n = call->in[0]->dim[0];
    int32_t *which = call->saved;
    double sum = 0;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++) {
            int32_t *hardest = &which[side * n + p];
            *hardest = -1;
            for (int other = 0; other < n; other++) {
                float most = *hardest < 0 ? -INFINITY : s[place(n, side, p, *hardest)];
                if (other != p && !(s[place(n, side, p, other)] <= most) && !isnan(most))
                    *hardest = other;
            }
            sum -= log(held(s[place(n, 0, p, p)]));
            if (*hardest >= 0)
                sum -= log1p(-held(s[place(n, side, p, *hardest)]));
        }
    call->out->data[0] = (float)sum;
}

/* dS_pp -= dout / S_pp, dS_hardest += dout / (1 - S_hardest); none where S is held */
static void bce_backward(const struct sw_call *call)
{
    const float *s = call->in[0]->data, d = call->out->grad[0];
    float *ds = call->in[0]->grad;
    int n = call->in[0]->dim[0];
    const int32_t *which = call->saved;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++) {
            size_t right = place(n, 0, p, p);
            if (held(s[right]) == s[right])
                ds[right] -= d / s[right];
            if (which[side * n + p] < 0)
                continue;
            size_t wrong = place(n, side, p, which[side * n + p]);
            if (held(s[wrong]) == s[wrong])
                ds[wrong] += d / (1 - s[wrong]);
        }
}

static const struct sw_sample bce_samples[] = {
    {1, {{2, {5, 5}, 0.1f, 0.9f, 0}}, {{0}, {0}, NULL}},
    {1, {{2, {1, 1}, 0.1f, 0.9f, 0}}, {{0}, {0}, NULL}},
};

static const struct sw_op bce_op = {
    .name = "bce",
    .shapes = "(B,B)->(1)",
    .doc = "binary cross-entropy of right pairs, on the diagonal, and of each row's and column's "
           "largest other number",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = bce_shape,
    .saved_size = bce_saved_size,
    .forward = bce_forward,
    .backward = bce_backward,
    .samples = bce_samples,
    .sample_count = 2,
};

/* ---- the loss ---- */

static struct sw_tensor *loss(struct sw_loss_batch *batch, const void *self)
{
    (void)self;
    return batch->host->apply(batch->graph, "bce", &batch->scores, 1, NULL);
}

static const struct sw_loss bce = {
    .name = "bce",
    .doc = "CAMP: binary cross-entropy with the hardest negatives; for scores between 0 and 1",
    .loss = loss,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "bce",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the loss of CAMP",
    .losses = (const struct sw_loss *const[]){&bce, NULL},
    .ops = (const struct sw_op *const[]){&bce_op, NULL},
};
