/* bfan.c -- BFAN, bidirectional focal attention (Liu et al., ACM MM 2019).
 *
 *   a = SCAN's attention of a fragment over the other side
 *   kept: a_i with sum_j (a_i - a_j) g_j > 0, where g_j = 1 (equal) or sqrt(a_j) (prob)
 *   a'_i = a_i / sum of what is kept,  c = sum_i a'_i f_i
 *   S = mean_j cos(t_j, c_j) + mean_i cos(v_i, c_i), or one of them */
#include "attention.h"

#include <math.h>

enum { L = SW_LANES };

/* ---- focal attention: an operation of our own ---- */

static int focus_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *a = call->in[0];
    if (a->ndim != 3 || a->dim[2] != L)
        return -1;
    if (call->inputs == 2) {
        const struct sw_tensor *mask = call->in[1];
        if (mask->ndim != 3 || mask->dim[0] != 1 || mask->dim[1] != a->dim[1] || mask->dim[2] != L)
            return -1;
    }
    for (int d = 0; d < 3; d++)
        out_dim[d] = a->dim[d];
    return 3;
}

/* One over the sum of what is kept: (R,L). */
static size_t focus_saved_size(const struct sw_call *call)
{
    return sizeof(float) * L * (size_t)call->in[0]->dim[0];
}

static int is_there(const float *mask, int at)
{
    return !mask || mask[at] > 0.5f;
}

/* Where all weights are equal but for rounding, none is above the others: then all are kept. */
static void focus_row(const float *a, const float *mask, int K, int prob, float *out, float *by)
{
    float g[L] = {0}, h[L] = {0}, sum[L] = {0}, all[L] = {0};
    for (int k = 0; k < K; k++)
        for (int l = 0; l < L; l++) {
            const int at = k * L + l;
            const float x = is_there(mask, at) ? a[at] : 0;
            const float confidence = is_there(mask, at) ? (prob ? sqrtf(x) : 1) : 0;
            g[l] += confidence;
            h[l] += confidence * x * (1 + 1e-6f);
            all[l] += x;
        }
    for (int k = 0; k < K; k++)
        for (int l = 0; l < L; l++) {
            const float x = a[k * L + l];
            sum[l] += is_there(mask, k * L + l) && x * g[l] > h[l] ? x : 0;
        }
    for (int l = 0; l < L; l++) {
        by[l] = sum[l] > 0 ? 1 / sum[l] : all[l] > 0 ? 1 / all[l] : 0;
        h[l] = sum[l] > 0 ? h[l] : -1;
    }
    for (int k = 0; k < K; k++)
        for (int l = 0; l < L; l++) {
            const float x = a[k * L + l];
            out[k * L + l] = is_there(mask, k * L + l) && x * g[l] > h[l] ? x * by[l] : 0;
        }
}

static void focus_forward(const struct sw_call *call)
{
    const struct sw_tensor *a = call->in[0];
    const size_t row = (size_t)a->dim[1] * L;
    for (int r = 0; r < a->dim[0]; r++)
        focus_row(a->data + (size_t)r * row, call->inputs == 2 ? call->in[1]->data : NULL,
                  a->dim[1], call->args->i[0], call->out->data + (size_t)r * row,
                  (float *)call->saved + (size_t)r * L);
}

/* Of what is kept: da = (dy - sum dy y) / sum; what is kept takes no part in the gradient. */
static void focus_backward(const struct sw_call *call)
{
    const struct sw_tensor *a = call->in[0];
    const int K = a->dim[1];
    const size_t row = (size_t)K * L;
    for (int r = 0; a->grad && r < a->dim[0]; r++) {
        const float *y = call->out->data + (size_t)r * row, *dy = call->out->grad + (size_t)r * row;
        const float *by = (const float *)call->saved + (size_t)r * L;
        float *da = a->grad + (size_t)r * row, inner[L] = {0};
        for (int k = 0; k < K; k++)
            for (int l = 0; l < L; l++)
                inner[l] += y[k * L + l] * dy[k * L + l];
        for (int k = 0; k < K; k++)
            for (int l = 0; l < L; l++)
                da[k * L + l] += y[k * L + l] > 0 ? (dy[k * L + l] - inner[l]) * by[l] : 0;
    }
}

/* Few, so that none is as near to the bound as the step of a finite difference. */
static const struct sw_sample focus_samples[] = {
    {.inputs = 1, .in = {{3, {1, 3, L}, 0.1f, 1, 0}}},
    {.inputs = 1, .in = {{3, {1, 3, L}, 0.1f, 1, 0}}, .args = {.i = {1}}},
    {.inputs = 2, .in = {{3, {1, 3, L}, 0.1f, 1, 0}, {3, {1, 3, L}, 0, 1, 1}}},
};

static const struct sw_op focus = {
    .name = "bfan_focus",
    .shapes = "(R,K,L)[,(1,K,L)]->(R,K,L)",
    .doc = "a_rk where sum_j (a_rk - a_rj) g_j > 0, else 0, divided by their sum; g_j is 1, with "
           "i0 sqrt(a_rj); over what the mask keeps; which are kept has no gradient",
    .least_inputs = 1,
    .most_inputs = 2,
    .shape = focus_shape,
    .saved_size = focus_saved_size,
    .forward = focus_forward,
    .backward = focus_backward,
    .samples = focus_samples,
    .sample_count = sizeof focus_samples / sizeof *focus_samples,
};

/* ---- the stage ---- */

enum { LAMBDA, FOCUS };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "20", NULL, 0, 1000, "sharpness of the attention (inverse temperature)"},
    {"focus", SW_CHOICE, "equal", "equal prob", 0, 0,
     "how much a fragment counts in the comparison: equal: all alike; prob: by the root of its "
     "weight"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct bfan {
    float lambda;
    int prob;
};

struct prepared {
    struct sw_input similarity;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct bfan *s = self;
    (void)host, (void)model;
    s->lambda = (float)values[LAMBDA].number;
    s->prob = (int)values[FOCUS].number;
    return 0;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    struct prepared *p = prepared;
    (void)self;
    p->similarity = batch->host->input_product(batch, batch->regions, batch->words);
}

static struct sw_tensor *one_way(struct sw_tile *tile, const struct bfan *s, struct similarities c,
                                 enum sw_side queries)
{
    struct sw_tensor *a = attention(tile, c, queries, s->lambda);
    a = sw_masked(tile, "bfan_focus", a, other_side(queries), (struct sw_args){.i = {s->prob}});
    struct sw_vectors *attended = attend(tile, a, queries);
    struct sw_vectors *own = tile->host->fragments(tile, queries);
    return sw_mean(tile, sw_cosine(tile, own, attended), queries);
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct bfan *s = self;
    struct similarities c = product_of(tile, ((const struct prepared *)prepared)->similarity);
    if (tile->direction == SW_T2I)
        return one_way(tile, s, c, SW_WORDS);
    if (tile->direction == SW_I2T)
        return one_way(tile, s, c, SW_REGIONS);
    return sw_plus(tile, one_way(tile, s, c, SW_WORDS), one_way(tile, s, c, SW_REGIONS));
}

static const struct sw_stage bfan = {
    .name = "bfan",
    .doc = "BFAN: SCAN's attention without the fragments below average (Liu et al. 2019)",
    .options = options,
    .self_size = sizeof(struct bfan),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
    .flags = SW_JUMPS,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "bfan",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "BFAN's bidirectional focal attention",
    .stages = (const struct sw_stage *const[]){&bfan, NULL},
    .ops = (const struct sw_op *const[]){&focus, NULL},
};
