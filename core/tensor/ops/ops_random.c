/* ops_random.c -- what is drawn: random numbers, and numbers dropped at random. A key names the
 * draw; each chunk of numbers has a stream of its own, so that threads do not matter. */
#include "tensor/tape/ops.h"
#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <stdint.h>
#include <string.h>

/* Numbers of a chunk. */
enum { CHUNK = 1 << 14 };

static int chunks_of(const struct sw_call *call)
{
    return (int)((sw_tensor_count(call->out) + CHUNK - 1) / CHUNK);
}

static int same_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    memcpy(out_dim, call->in[0]->dim, sizeof call->in[0]->dim);
    return call->in[0]->ndim;
}

/* ---- dropout ---- */

static int dropout_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    float rate = call->args->f[0];
    return rate >= 0 && rate < 1 ? same_shape(call, out_dim) : -1;
}

/* saved: 1 for each number that stays */
static size_t dropout_saved_size(const struct sw_call *call)
{
    return sw_tensor_count(call->out);
}

static void drop_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    size_t from = (size_t)chunk * CHUNK, left = sw_tensor_count(call->out) - from;
    size_t count = left < CHUNK ? left : CHUNK;
    struct sw_random random = sw_random_keyed(call->args->i, (uint32_t)chunk, 0);
    unsigned char *kept = (unsigned char *)call->saved + from;
    const float *x = call->in[0]->data + from;
    float *out = call->out->data + from, scale = 1 / (1 - call->args->f[0]);
    sw_random_keep(&random, call->args->f[0], count, kept);
    for (size_t j = 0; j < count; j++)
        out[j] = kept[j] ? x[j] * scale : 0;
}

/* out = x / (1 - rate) where it stays, else 0 */
static void dropout_forward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), drop_chunk, (void *)call);
}

static void drop_chunk_backward(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    size_t from = (size_t)chunk * CHUNK, left = sw_tensor_count(call->out) - from;
    const unsigned char *kept = (const unsigned char *)call->saved + from;
    const float *dout = call->out->grad + from;
    float *dx = call->in[0]->grad + from, scale = 1 / (1 - call->args->f[0]);
    for (size_t j = 0; j < (left < CHUNK ? left : CHUNK); j++)
        dx[j] += kept[j] ? dout[j] * scale : 0;
}

static void dropout_backward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), drop_chunk_backward, (void *)call);
}

static const struct sw_sample dropout_samples[] = {
    {1, {SW_IN(-1, 1, 5, 7)}, {{1, 2}, {0.3f}, NULL}},
    {1, {SW_IN(-1, 1, 3, 2, 4)}, SW_NO_ARGS},
};

const struct sw_op sw_op_dropout = {
    SW_OP(dropout, "dropout", 1, 1, "(..)->(..)",
          "x / (1 - f0), or 0 with probability f0; key i0, i1"),
    .saved_size = dropout_saved_size,
};

/* ---- uniform ---- */

static void draw_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    size_t from = (size_t)chunk * CHUNK, left = sw_tensor_count(call->out) - from;
    struct sw_random random = sw_random_keyed(call->args->i, (uint32_t)chunk, 0);
    for (size_t j = 0; j < (left < CHUNK ? left : CHUNK); j++)
        call->out->data[from + j] = sw_random_uniform(&random);
}

static void uniform_forward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), draw_chunk, (void *)call);
}

static const struct sw_sample uniform_samples[] = {
    {1, {SW_IN(0, 0, 5, 7)}, {{1, 2}, {0}, NULL}},
};

const struct sw_op sw_op_uniform = {
    .name = "uniform",
    .shapes = "(..)->(..)",
    .doc = "random numbers in [0,1), as many as x has; key i0, i1; without gradient",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = same_shape,
    .forward = uniform_forward,
    SW_SAMPLES(uniform_samples),
};
