/* rows_unit.h -- a graph of the core's operations over rows, and random matrices for it. */
#ifndef SW_ROWS_UNIT_H
#define SW_ROWS_UNIT_H

#include "unit.h"

#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <math.h>

static struct sw_compute *compute;
static struct sw_ops *ops;
static struct sw_graph *graph;

static void open_graph(int threads)
{
    struct sw_error error = {0};
    compute = sw_compute_new(threads, &error);
    ops = sw_ops_new(&error);
    graph = sw_graph_new(NULL, compute, ops, &error);
    ck_assert_msg(graph != NULL, "%s", error.text);
    /* Memory that is not zero by chance; the first round only brings it into one block. */
    for (int round = 0; round < 2; round++) {
        void *at = sw_graph_scratch(graph, 1 << 23);
        memset(at, 0xff, 1 << 23);
        sw_graph_reset(graph, 1);
    }
}

static void close_graph(void)
{
    sw_graph_free(graph);
    sw_ops_free(ops);
    sw_compute_free(compute);
}

static void fill(float *x, size_t count, uint32_t stream)
{
    struct sw_random random = sw_random_stream(5, SW_FOR_TESTS, 0, stream);
    for (size_t j = 0; j < count; j++)
        x[j] = 2 * sw_random_uniform(&random) - 1;
}

/* A tensor of random numbers with a gradient; columns 0: one dimension. */
static struct sw_tensor *matrix(int rows, int columns, uint32_t stream)
{
    struct sw_tensor *x = sw_graph_tensor(graph, columns ? 2 : 1, (int[]){rows, columns}, NULL, 1);
    fill(x->data, sw_tensor_count(x), stream);
    return x;
}

static struct sw_tensor *apply(const char *op, struct sw_tensor *const *in, int inputs,
                               const void *p)
{
    struct sw_args args = {.p = p};
    return sw_graph_apply_named(graph, op, in, inputs, &args);
}

static void backward(struct sw_tensor *out)
{
    ck_assert_msg(out != NULL, "%s", sw_graph_error(graph)->text);
    fill(out->grad, sw_tensor_count(out), 99);
    ck_assert_int_eq(sw_graph_backward(graph), SW_OK);
}

enum { ROWS = 1030 };

/* Regions of 64 images as the runtime lays them out, 16 regions a image, 16 images side by side;
 * 6 rows at the end belong to nobody. */
static struct sw_fragments *regions(void)
{
    static int first[64], count[64];
    static struct sw_fragments fragments = {64, ROWS, 16, SW_LANES, first, count};
    for (int g = 0; g < 64; g++) {
        first[g] = g / SW_LANES * 16 * SW_LANES + g % SW_LANES;
        count[g] = 16 - g % 3;
    }
    return &fragments;
}

static double product(const float *x, size_t x_step, const float *y, size_t y_step, int count)
{
    double sum = 0;
    for (int k = 0; k < count; k++)
        sum += (double)x[(size_t)k * x_step] * y[(size_t)k * y_step];
    return sum;
}

#endif
