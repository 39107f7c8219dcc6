/* gradcheck.c -- holds an operation's backward against finite differences of its forward. */
#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INPUTS = 10 };

/* An input outlives resets of the graph, so its numbers are held here. */
struct input {
    size_t count;
    float *data, *copy, *grad; /* (count) each; copy: as it was filled */
    double *analytic;          /* (count) */
    struct sw_tensor tensor;
};

struct check {
    struct sw_graph *graph;
    const struct sw_op *op;
    const struct sw_sample *sample;
    int index;              /* of the sample */
    struct sw_arena *arena; /* of one sample */
    struct input in[MOST_INPUTS];
    size_t outputs;
    float *weight, *first; /* (outputs) each: of the loss; the first forward's result */
    double worst;
    struct sw_error *error;
};

#define REFUSE(check, ...)                                                           \
    (sw_fail((check)->error, SW_FAILED, __VA_ARGS__),                                \
     sw_error_within((check)->error, "operation '%s', sample %d", (check)->op->name, \
                     (check)->index + 1),                                            \
     SW_FAILED)

static int no_memory(struct check *check)
{
    return REFUSE(check, "out of memory");
}

/* ---- running the operation --------------------------------------------------------------------
 */

/* Fills what the next reset leaves free with `byte`, so that what an operation forgets to write is
 * not by chance what it wrote the last time. 0xff bytes are NaN as floats. Twice, since the first
 * reset may put a new block in place of several. */
static void soil(struct check *check, int byte)
{
    size_t bytes = 1 << 16;
    for (int i = 0; i < check->sample->inputs; i++)
        bytes += 16 * check->in[i].count;
    bytes += 16 * check->outputs;
    for (int round = 0; round < 2; round++) {
        sw_graph_reset(check->graph, 0);
        void *at = sw_graph_scratch(check->graph, bytes);
        if (at)
            memset(at, byte, bytes);
    }
}

static struct sw_tensor *forward(struct check *check, int record)
{
    struct sw_tensor *in[MOST_INPUTS];
    for (int i = 0; i < check->sample->inputs; i++)
        in[i] = &check->in[i].tensor;
    sw_graph_reset(check->graph, record);
    return sw_graph_apply(check->graph, check->op, in, check->sample->inputs, &check->sample->args);
}

static int forward_failed(struct check *check)
{
    return REFUSE(check, "%s", sw_graph_error(check->graph)->text);
}

static int inputs_unchanged(struct check *check)
{
    for (int i = 0; i < check->sample->inputs; i++)
        if (memcmp(check->in[i].data, check->in[i].copy, check->in[i].count * sizeof(float)) != 0)
            return REFUSE(check, "input %d was written to", i + 1);
    return SW_OK;
}

/* Runs forward, and backward `times` times, with a gradient for the inputs that `wanted` has bits
 * for; the gradients start from zero. */
static int run(struct check *check, unsigned wanted, int times)
{
    for (int i = 0; i < check->sample->inputs; i++) {
        struct input *in = &check->in[i];
        in->tensor.grad = wanted >> i & 1 ? in->grad : NULL;
        memset(in->grad, 0, in->count * sizeof *in->grad);
    }
    soil(check, 0xff);
    struct sw_tensor *out = forward(check, 1);
    if (!out)
        return forward_failed(check);
    if (!out->grad)
        return REFUSE(check, "backward was not recorded");
    memcpy(out->grad, check->weight, check->outputs * sizeof *out->grad);
    for (int i = 0; i < times; i++)
        sw_graph_backward(check->graph);
    if (memcmp(out->grad, check->weight, check->outputs * sizeof *out->grad) != 0)
        return REFUSE(check, "backward wrote to the gradient of its result");
    return inputs_unchanged(check);
}

static int loss(struct check *check, double *sum)
{
    struct sw_tensor *out = forward(check, 0);
    if (!out)
        return forward_failed(check);
    *sum = 0;
    for (size_t j = 0; j < check->outputs; j++)
        *sum += (double)check->weight[j] * out->data[j];
    return SW_OK;
}

/* ---- one sample -------------------------------------------------------------------------------
 */

/* The widest stencil reaches 2 * 0.03 of the range to either side: a margin is left for it. */
static const double steps[] = {1e-2, 3e-3, 3e-2};
static const float margin = 0.07f;

static int fill(struct check *check)
{
    struct sw_random random = sw_random_stream(1, SW_FOR_TESTS, 0, (uint32_t)check->index);
    for (int i = 0; i < check->sample->inputs; i++) {
        struct input *in = &check->in[i];
        *in = (struct input){.tensor.ndim = check->sample->in[i].ndim};
        memcpy(in->tensor.dim, check->sample->in[i].dim, sizeof in->tensor.dim);
        in->count = sw_tensor_count(&in->tensor);
        in->data = sw_arena_alloc(check->arena, in->count * sizeof *in->data);
        in->copy = sw_arena_alloc(check->arena, in->count * sizeof *in->copy);
        in->grad = sw_arena_alloc(check->arena, in->count * sizeof *in->grad);
        in->analytic = sw_arena_alloc(check->arena, in->count * sizeof *in->analytic);
        if (!in->data || !in->copy || !in->grad || !in->analytic)
            return no_memory(check);
        in->tensor.data = in->data;
        float low = check->sample->in[i].low, range = check->sample->in[i].high - low;
        for (size_t j = 0; j < in->count; j++)
            in->data[j] = low + range * (margin + (1 - 2 * margin) * sw_random_uniform(&random));
        memcpy(in->copy, in->data, in->count * sizeof *in->data);
    }
    return SW_OK;
}

static int check_forward(struct check *check)
{
    check->outputs = 0;
    soil(check, 0xff);
    struct sw_tensor *out = forward(check, 0);
    if (!out)
        return forward_failed(check);
    check->outputs = sw_tensor_count(out);
    size_t bytes = check->outputs * sizeof(float);
    check->weight = sw_arena_alloc(check->arena, bytes);
    check->first = sw_arena_alloc(check->arena, bytes);
    if (!check->weight || !check->first)
        return no_memory(check);
    for (size_t j = 0; j < check->outputs; j++)
        check->weight[j] = (float)sin(1.7 * (double)(j + 1));

    soil(check, 0xff);
    if (!(out = forward(check, 0)))
        return forward_failed(check);
    for (size_t j = 0; j < check->outputs; j++)
        if (!isfinite(out->data[j]))
            return REFUSE(check, "forward left number %zu of its result unwritten or not finite",
                          j);
    memcpy(check->first, out->data, bytes);

    soil(check, 0x3e);
    if (!(out = forward(check, 0)))
        return forward_failed(check);
    if (memcmp(check->first, out->data, bytes) != 0)
        return REFUSE(check, "two forwards on the same inputs differ");
    return SW_OK;
}

static double largest(const double *x, size_t count)
{
    double most = 0;
    for (size_t j = 0; j < count; j++)
        most = fabs(x[j]) > most ? fabs(x[j]) : most;
    return most;
}

/* Backward once, twice, and with one input at a time wanting a gradient. */
static int check_accumulation(struct check *check, unsigned wanted)
{
    int status = run(check, wanted, 1);
    if (status != SW_OK)
        return status;
    for (int i = 0; i < check->sample->inputs; i++)
        for (size_t j = 0; j < check->in[i].count; j++) {
            check->in[i].analytic[j] = check->in[i].grad[j];
            if (!isfinite(check->in[i].grad[j]))
                return REFUSE(check, "the gradient of input %d is not finite", i + 1);
        }
    status = run(check, wanted, 2);
    for (int i = 0; i < check->sample->inputs && status == SW_OK; i++) {
        const struct input *in = &check->in[i];
        double scale = largest(in->analytic, in->count);
        for (size_t j = 0; j < in->count; j++)
            if (!(fabs(in->grad[j] - 2 * in->analytic[j]) <= 1e-4 * scale))
                return REFUSE(check,
                              "backward does not add to the gradient of input %d: %g after one "
                              "call, %g after two",
                              i + 1, in->analytic[j], (double)in->grad[j]);
    }
    for (int i = 0; i < check->sample->inputs && status == SW_OK; i++) {
        if (!(wanted >> i & 1) || wanted == 1u << i)
            continue;
        status = run(check, 1u << i, 1);
        const struct input *in = &check->in[i];
        double scale = largest(in->analytic, in->count);
        for (size_t j = 0; j < in->count && status == SW_OK; j++)
            if (!(fabs(in->grad[j] - in->analytic[j]) <= 1e-4 * scale))
                return REFUSE(check,
                              "the gradient of input %d is %g alone, %g when others have one too",
                              i + 1, (double)in->grad[j], in->analytic[j]);
    }
    return status;
}

/* The loss's derivative by number j of an input, with step h. */
static int derivative(struct check *check, struct input *in, size_t j, double h, double *out)
{
    const double offset[4] = {1, -1, 2, -2}, factor[4] = {8, -8, -1, 1};
    double sum = 0;
    for (int p = 0; p < 4; p++) {
        double f = 0;
        in->data[j] = (float)(in->copy[j] + offset[p] * h);
        int status = loss(check, &f);
        in->data[j] = in->copy[j];
        if (status != SW_OK)
            return status;
        sum += factor[p] * f;
    }
    *out = sum / (12 * h);
    return SW_OK;
}

/* The largest difference over an input with one step, relative to the largest gradient there. What
 * rounding of the forward's floats does to the stencil counts as no difference. */
static int compare(struct check *check, int i, double h, double *difference, size_t *where,
                   double *numeric_there)
{
    struct input *in = &check->in[i];
    double most = 0, scale = largest(in->analytic, in->count), square = 0;
    for (size_t j = 0; j < in->count; j++) {
        double numeric;
        int status = derivative(check, in, j, h, &numeric);
        if (status != SW_OK)
            return status;
        scale = fabs(numeric) > scale ? fabs(numeric) : scale;
        double gap = fabs(numeric - in->analytic[j]);
        if (!(gap <= most)) {
            most = gap;
            *where = j;
            *numeric_there = numeric;
        }
    }
    for (size_t j = 0; j < check->outputs; j++)
        square += pow((double)check->weight[j] * check->first[j], 2);
    double rounding = 1.2e-7 * sqrt(square) / h;
    *difference = most <= rounding && most > 1e-3 * scale ? 0 : scale > 0 ? most / scale : 0;
    return SW_OK;
}

/* Small steps suffer from rounding, large ones from the function's bends: the best of three. */
static int check_gradient(struct check *check, int i)
{
    const double tolerance = 1e-3;
    double range = (double)check->sample->in[i].high - check->sample->in[i].low;
    if (!(range > 0))
        range = fmax(fabs((double)check->sample->in[i].low), 1);
    double best = INFINITY, numeric = 0;
    size_t where = 0;
    for (size_t s = 0; s < sizeof steps / sizeof *steps && !(best <= tolerance); s++) {
        double difference, numeric_there = 0;
        size_t at = 0;
        int status = compare(check, i, steps[s] * range, &difference, &at, &numeric_there);
        if (status != SW_OK)
            return status;
        if (difference < best) {
            best = difference;
            where = at;
            numeric = numeric_there;
        }
    }
    check->worst = best > check->worst ? best : check->worst;
    if (best <= tolerance)
        return SW_OK;
    return REFUSE(check,
                  "the gradient of input %d is wrong by %.2g of its largest: at number %zu "
                  "backward gives %g, finite differences %g",
                  i + 1, best, where, check->in[i].analytic[where], numeric);
}

static int check_sample(struct check *check)
{
    int status = fill(check);
    if (status == SW_OK)
        status = check_forward(check);
    if (status == SW_OK)
        status = inputs_unchanged(check);
    if (status != SW_OK || !check->op->backward)
        return status;
    unsigned wanted = 0;
    for (int i = 0; i < check->sample->inputs; i++)
        if (!check->sample->in[i].constant)
            wanted |= 1u << i;
    if (!wanted)
        return REFUSE(check, "has a backward, yet the sample asks for no gradient");
    status = check_accumulation(check, wanted);
    for (int i = 0; i < check->sample->inputs && status == SW_OK; i++)
        if (wanted >> i & 1)
            status = check_gradient(check, i);
    return status;
}

int sw_gradcheck(struct sw_graph *graph, const struct sw_op *op, double *worst,
                 struct sw_error *error)
{
    struct check check = {.graph = graph, .op = op, .error = error};
    if (!op->samples || op->sample_count < 1)
        return sw_fail(error, SW_FAILED,
                       "operation '%s' has no samples, so its gradient cannot be checked",
                       op->name);
    check.arena = sw_arena_new();
    if (!check.arena)
        return no_memory(&check);
    int status = SW_OK;
    for (int i = 0; i < op->sample_count && status == SW_OK; i++) {
        check.index = i;
        check.sample = &op->samples[i];
        if (check.sample->inputs < 0 || check.sample->inputs > MOST_INPUTS)
            status =
                REFUSE(&check, "has %d inputs, at most %d fit", check.sample->inputs, MOST_INPUTS);
        else
            status = check_sample(&check);
        sw_arena_reset(check.arena);
    }
    sw_arena_free(check.arena);
    sw_graph_reset(graph, 0);
    if (worst)
        *worst = check.worst;
    return status;
}
