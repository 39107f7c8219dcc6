/* ops_group_attention.c -- self-attention among the fragments of each image or caption, as in a
 * transformer's layer; and each fragment beside its neighbours, as a convolution sees them. */
#include "tensor/tape/ops.h"
#include "tensor/ops/groups.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <string.h>

/* ---- group_attention ---- */

enum { Q, K, V };

static int attention_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *q = call->in[Q];
    const struct sw_fragments *groups = call->args->p;
    int heads = call->args->i[0], step;
    float rate = call->args->f[0];
    if (q->ndim != 2 || !sw_groups_fit(groups, q->dim[0]) || heads < 1 || q->dim[1] < 1 ||
        q->dim[1] % heads != 0 || !(rate >= 0 && rate < 1))
        return -1;
    for (int i = K; i <= V; i++)
        if (call->in[i]->ndim != 2 || call->in[i]->dim[0] != q->dim[0] ||
            call->in[i]->dim[1] != q->dim[1])
            return -1;
    /* a row's step as the matrix products take it */
    if (__builtin_mul_overflow(groups->stride, q->dim[1], &step) ||
        __builtin_mul_overflow(groups->most, groups->most, &step))
        return -1;
    return sw_shape_2(out_dim, q->dim[0], q->dim[1]);
}

static size_t squares(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    return (size_t)groups->most * (size_t)groups->most;
}

/* saved: each group's and head's weights (count,count), those that were dropped with a minus; then
 * two such matrices for each thread. */
static size_t attention_saved_size(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    size_t kept = (size_t)groups->groups * (size_t)call->args->i[0];
    return (kept + 2 * (size_t)sw_compute_threads(call->compute)) * squares(call) * sizeof(float);
}

/* One head of one group; where its matrices begin, and the step from row to row. */
struct head {
    const struct sw_call *call;
    int count, width, step;
    size_t at;         /* of q, k, v, out and their gradients */
    float *weights;    /* (count,count) */
    float *room[2];    /* (count,count) */
    float scale, rate; /* 1 / sqrt(width); of what is dropped */
    int group, index;
};

static struct head head_of(const struct sw_call *call, int group, int index, int worker)
{
    const struct sw_fragments *groups = call->args->p;
    int heads = call->args->i[0], D = call->out->dim[1];
    size_t square = squares(call), kept = (size_t)groups->groups * (size_t)heads;
    float *saved = call->saved, *room = saved + (kept + 2 * (size_t)worker) * square;
    struct head head = {
        .call = call,
        .count = groups->count[group],
        .width = D / heads,
        .step = groups->stride * D,
        .at = (size_t)groups->first[group] * (size_t)D + (size_t)index * (size_t)(D / heads),
        .weights = saved + ((size_t)group * (size_t)heads + (size_t)index) * square,
        .room = {room, room + square},
        .rate = call->args->f[0],
        .group = group,
        .index = index,
    };
    head.scale = 1 / sqrtf((float)head.width);
    return head;
}

/* Each row of the (count,count) logits becomes its softmax. */
static void softmax_rows(const struct head *h)
{
    const struct sw_kernels *kernels = sw_kernels_of(h->call);
    size_t count = (size_t)h->count;
    for (size_t i = 0; i < count; i++) {
        float *x = h->weights + i * count, most = x[0], sum = 0;
        for (size_t j = 1; j < count; j++)
            most = x[j] > most ? x[j] : most;
        kernels->affine(count, 1, -most, x, x);
        kernels->exp(count, x, x);
        for (size_t j = 0; j < count; j++)
            sum += x[j];
        kernels->affine(count, 1 / sum, 0, x, x);
    }
}

/* What is dropped is drawn from a stream of its own for each group and head. */
static void drop(const struct head *h)
{
    struct sw_random random =
        sw_random_keyed(h->call->args->i + 1, (uint32_t)h->group, (uint32_t)h->index);
    size_t count = (size_t)h->count * (size_t)h->count;
    unsigned char *keep = (unsigned char *)h->room[1];
    sw_random_keep(&random, h->rate, count, keep);
    for (size_t j = 0; j < count; j++)
        h->weights[j] = keep[j] ? h->weights[j] : -h->weights[j];
}

/* The weights that count: what is kept, larger by what is dropped. */
static const float *kept_weights(const struct head *h)
{
    if (h->rate == 0)
        return h->weights;
    float scale = 1 / (1 - h->rate);
    for (size_t j = 0; j < (size_t)h->count * (size_t)h->count; j++)
        h->room[0][j] = h->weights[j] <= 0 ? 0 : h->weights[j] * scale;
    return h->room[0];
}

static void attend(void *data, int group, int worker)
{
    const struct sw_call *call = data;
    for (int i = 0; i < call->args->i[0]; i++) {
        struct head h = head_of(call, group, i, worker);
        if (h.count == 0)
            return;
        sw_gemm_one(call->compute, 0, 1, h.count, h.count, h.width, h.scale,
                    call->in[Q]->data + h.at, h.step, call->in[K]->data + h.at, h.step, 0,
                    h.weights, h.count);
        softmax_rows(&h);
        if (h.rate > 0)
            drop(&h);
        sw_gemm_one(call->compute, 0, 0, h.count, h.width, h.count, 1, kept_weights(&h), h.count,
                    call->in[V]->data + h.at, h.step, 0, call->out->data + h.at, h.step);
    }
}

/* For each head, a share of the columns: out = softmax(q k^T / sqrt(width)) v over the group. */
static void attention_forward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    sw_clear_padded(call, call->out->data, call->out->dim[1]);
    sw_parallel(call->compute, groups->groups, attend, (void *)call);
}

/* room[1] = dweights, then dlogits = w (dw - sum dw w) scale, where dropped weights have no dw */
static void logits_backward(const struct head *h)
{
    size_t count = (size_t)h->count;
    float kept = 1 / (1 - h->rate);
    for (size_t i = 0; i < count; i++) {
        const float *w = h->weights + i * count;
        float *d = h->room[1] + i * count, sum = 0;
        for (size_t j = 0; j < count; j++) {
            d[j] = w[j] <= 0 ? 0 : d[j] * kept;
            sum += d[j] * w[j];
        }
        for (size_t j = 0; j < count; j++)
            d[j] = fabsf(w[j]) * (d[j] - sum) * h->scale;
    }
}

static void attend_backward(void *data, int group, int worker)
{
    const struct sw_call *call = data;
    const struct sw_tensor *q = call->in[Q], *k = call->in[K], *v = call->in[V];
    for (int i = 0; i < call->args->i[0]; i++) {
        struct head h = head_of(call, group, i, worker);
        const float *dout = call->out->grad + h.at;
        if (h.count == 0)
            return;
        if (v->grad)
            sw_gemm_one(call->compute, 1, 0, h.count, h.width, h.count, 1, kept_weights(&h),
                        h.count, dout, h.step, 1, v->grad + h.at, h.step);
        if (!q->grad && !k->grad)
            continue;
        sw_gemm_one(call->compute, 0, 1, h.count, h.count, h.width, 1, dout, h.step, v->data + h.at,
                    h.step, 0, h.room[1], h.count);
        logits_backward(&h);
        if (q->grad)
            sw_gemm_one(call->compute, 0, 0, h.count, h.width, h.count, 1, h.room[1], h.count,
                        k->data + h.at, h.step, 1, q->grad + h.at, h.step);
        if (k->grad)
            sw_gemm_one(call->compute, 1, 0, h.count, h.width, h.count, 1, h.room[1], h.count,
                        q->data + h.at, h.step, 1, k->grad + h.at, h.step);
    }
}

/* dv += w^T dout;  dq += dlogits k;  dk += dlogits^T q */
static void attention_backward(const struct sw_call *call)
{
    const struct sw_fragments *groups = call->args->p;
    sw_parallel(call->compute, groups->groups, attend_backward, (void *)call);
}

static const struct sw_sample attention_samples[] = {
    {3,
     {SW_IN(-1, 1, 48, 4), SW_IN(-1, 1, 48, 4), SW_IN(-1, 1, 48, 4)},
     {{2}, {0}, &sw_sample_regions}},
    {3, {SW_IN(-1, 1, 6, 3), SW_IN(-1, 1, 6, 3), SW_IN(-1, 1, 6, 3)}, {{1}, {0}, &sw_sample_words}},
    {3,
     {SW_IN(-1, 1, 6, 6), SW_IN(-1, 1, 6, 6), SW_IN(-1, 1, 6, 6)},
     {{3, 17, 4}, {0.4f}, &sw_sample_words}},
};

const struct sw_op sw_op_group_attention = {
    SW_OP(attention, "group_attention", 3, 3, "(N,D),(N,D),(N,D)->(N,D)",
          "softmax(q k^T / sqrt(D / i0)) v within each group for each of i0 heads; f0 of the "
          "weights are dropped, key i1, i2; zero in padding rows; p: sw_fragments"),
    .saved_size = attention_saved_size,
};

/* ---- group_windows ---- */

static int windows_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    int width = call->args->i[0], before = call->args->i[1];
    if (x->ndim != 2 || !sw_groups_fit(call->args->p, x->dim[0]) || width < 1 || before < 0 ||
        before >= width)
        return -1;
    out_dim[0] = x->dim[0];
    return __builtin_mul_overflow(x->dim[1], width, &out_dim[1]) ? -1 : 2;
}

static void windows_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_tensor *x = call->in[0];
    size_t W = (size_t)x->dim[1], all = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++)
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            float *out = call->out->data + sw_group_row(groups, g, f) * all;
            for (int j = 0; j < call->args->i[0]; j++, out += W) {
                int at = f + j - call->args->i[1];
                if (at < 0 || at >= groups->count[g])
                    memset(out, 0, W * sizeof *out);
                else
                    memcpy(out, x->data + sw_group_row(groups, g, at) * W, W * sizeof *out);
            }
        }
}

/* out_f = [x_{f-i1}; ..; x_{f-i1+i0-1}], zeros beyond the group's ends */
static void windows_forward(const struct sw_call *call)
{
    sw_clear_padded(call, call->out->data, call->out->dim[1]);
    sw_over_groups(call, call->out->dim[1], windows_some);
}

static void windows_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    size_t W = (size_t)call->in[0]->dim[1], all = (size_t)call->out->dim[1];
    for (int g = from; g < to; g++)
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            const float *dout = call->out->grad + sw_group_row(groups, g, f) * all;
            for (int j = 0; j < call->args->i[0]; j++, dout += W) {
                int at = f + j - call->args->i[1];
                if (at < 0 || at >= groups->count[g])
                    continue;
                float *dx = call->in[0]->grad + sw_group_row(groups, g, at) * W;
                sw_kernels_of(call)->add(W, dx, dout, dx);
            }
        }
}

/* dx_f += the places of each window that x_f stands in */
static void windows_backward(const struct sw_call *call)
{
    sw_over_groups(call, call->out->dim[1], windows_some_backward);
}

static const struct sw_sample windows_samples[] = {
    {1, {SW_IN(-1, 1, 48, 2)}, {.i = {2}, .p = &sw_sample_regions}},
    {1, {SW_IN(-1, 1, 6, 3)}, {.i = {3, 1}, .p = &sw_sample_words}},
};

const struct sw_op sw_op_group_windows = {
    SW_OP(windows, "group_windows", 1, 1, "(N,W)->(N,i0 W)",
          "i0 neighbours end to end, from the i1-th before each fragment on, zeros beyond its "
          "group; zero in padding rows; p: sw_fragments"),
};
