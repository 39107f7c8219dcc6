/* ops_dense.c -- operations over a batch's rows: linear, l2norm, embedding, concat, columns. */
#include "tensor/tape/ops.h"
#include "tensor/ops/live_rows.h"
#include "tensor/ops/rows.h"

#include <math.h>
#include <string.h>

/* Of tensors whose last dimension is the row, as the explicit vectors of pairs, (R,L,D). */
static int width_of(const struct sw_tensor *x)
{
    return x->dim[x->ndim - 1];
}

static int rows_in(const struct sw_tensor *x)
{
    int rows = 1;
    for (int d = 0; d < x->ndim - 1; d++)
        rows *= x->dim[d];
    return rows;
}

/* Over the rows of the call's output, from the call itself as data. */
static void over_rows(const struct sw_call *call, void (*work)(const void *data, int from, int to))
{
    sw_over_rows(call->compute, rows_in(call->out), width_of(call->out), work, call);
}

/* At once, unless both add to one gradient: x x^T has the same input twice. */
static void multiply(struct sw_compute *compute, const struct sw_product_of *list, int count)
{
    int apart = count == 2 && list[0].C == list[1].C;
    sw_gemm_all(compute, list, apart ? 1 : count);
    if (apart)
        sw_gemm_all(compute, list + 1, 1);
}

/* ---- linear ---- */

static int linear_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    if (x->ndim < 2 || w->ndim != 2 || width_of(x) != w->dim[1])
        return -1;
    if (call->inputs > 2 && (call->in[2]->ndim != 1 || call->in[2]->dim[0] != w->dim[0]))
        return -1;
    memcpy(out_dim, x->dim, sizeof x->dim);
    out_dim[x->ndim - 1] = w->dim[0];
    return x->ndim;
}

/* out = x w^T + b */
static void linear_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    const struct sw_tensor *b = call->inputs > 2 ? call->in[2] : NULL;
    int N = rows_in(x), F = width_of(x), D = w->dim[0];
    if (b)
        sw_fill_rows(call->compute, N, D, b->data, call->out->data, (size_t)D);
    sw_gemm(call->compute, 0, 1, N, D, F, 1, x->data, F, w->data, F, b ? 1 : 0, call->out->data, D);
}

static void linear_rows_backward(const struct sw_call *call, struct sw_live_rows r)
{
    const struct sw_tensor *w = call->in[1], *b = call->inputs > 2 ? call->in[2] : NULL;
    int N = r.rows, F = w->dim[1], D = w->dim[0];
    struct sw_product_of list[2];
    int count = 0;
    if (w->grad)
        list[count++] = sw_product_of(1, 0, D, F, N, r.dout, D, r.x, F, 1, w->grad, F);
    if (r.dx)
        list[count++] = sw_product_of(0, 0, N, F, D, r.dout, D, w->data, F, 1, r.dx, F);
    multiply(call->compute, list, count);
    if (b && b->grad)
        sw_add_column_sums(call->compute, N, D, r.dout, (size_t)D, b->grad);
}

/* dx += dout w;  dw += dout^T x;  db += column sums of dout */
static void linear_backward(const struct sw_call *call)
{
    sw_live_backward(call, linear_rows_backward);
}

static void linear_products(const struct sw_call *call, struct sw_product_list *out)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    int N = x->dim[0], F = width_of(x), D = w->dim[0];
    if (D == 1)
        return;
    out->add(out, (struct sw_product){.transpose_b = 1, .M = N, .N = D, .K = F});
    if (x->grad)
        out->add(out, (struct sw_product){.backward = 1, .M = N, .N = F, .K = D});
    if (w->grad)
        out->add(out, (struct sw_product){.backward = 1, .transpose_a = 1, .M = D, .N = F, .K = N});
}

static const struct sw_sample linear_samples[] = {
    {3, {{2, {5, 4}, -1, 1, 0}, {2, {3, 4}, -1, 1, 0}, {1, {3}, -1, 1, 0}}, SW_NO_ARGS},
    {2, {{2, {70, 3}, -1, 1, 0}, {2, {2, 3}, -1, 1, 0}}, SW_NO_ARGS},
    {3, {{3, {2, 3, 4}, -1, 1, 0}, {2, {5, 4}, -1, 1, 0}, {1, {5}, -1, 1, 0}}, SW_NO_ARGS},
};

static const struct sw_op linear = {
    SW_OP(linear, "linear", 2, 3, "(..,F),(D,F)[,(D)]->(..,D)",
          "x w^T + b for each row of x, its last dimension"),
    .saved_size = sw_live_size,
    .products = linear_products,
};

/* ---- linear_back ---- */

static int linear_back_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    if (x->ndim != 2 || w->ndim != 2 || x->dim[1] != w->dim[0])
        return -1;
    return sw_shape_2(out_dim, x->dim[0], w->dim[1]);
}

/* out = x w */
static void linear_back_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    int N = x->dim[0], D = w->dim[0], F = w->dim[1];
    sw_gemm(call->compute, 0, 0, N, F, D, 1, x->data, D, w->data, F, 0, call->out->data, F);
}

static void linear_back_rows_backward(const struct sw_call *call, struct sw_live_rows r)
{
    const struct sw_tensor *w = call->in[1];
    int N = r.rows, D = w->dim[0], F = w->dim[1];
    struct sw_product_of list[2];
    int count = 0;
    if (w->grad)
        list[count++] = sw_product_of(1, 0, D, F, N, r.x, D, r.dout, F, 1, w->grad, F);
    if (r.dx)
        list[count++] = sw_product_of(0, 1, N, D, F, r.dout, F, w->data, F, 1, r.dx, D);
    multiply(call->compute, list, count);
}

/* dx += dout w^T;  dw += x^T dout */
static void linear_back_backward(const struct sw_call *call)
{
    sw_live_backward(call, linear_back_rows_backward);
}

static void linear_back_products(const struct sw_call *call, struct sw_product_list *out)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    int N = x->dim[0], D = w->dim[0], F = w->dim[1];
    out->add(out, (struct sw_product){.M = N, .N = F, .K = D});
    if (x->grad)
        out->add(out, (struct sw_product){.backward = 1, .transpose_b = 1, .M = N, .N = D, .K = F});
    if (w->grad)
        out->add(out, (struct sw_product){.backward = 1, .transpose_a = 1, .M = D, .N = F, .K = N});
}

static const struct sw_sample linear_back_samples[] = {
    {2, {{2, {5, 3}, -1, 1, 0}, {2, {3, 4}, -1, 1, 0}}, SW_NO_ARGS},
    {2, {{2, {70, 2}, -1, 1, 0}, {2, {2, 3}, -1, 1, 0}}, SW_NO_ARGS},
};

static const struct sw_op linear_back = {
    SW_OP(linear_back, "linear_back", 2, 2, "(N,D),(D,F)->(N,F)",
          "x w for each row of x: what linear's weight does from its other side"),
    .saved_size = sw_live_size,
    .products = linear_back_products,
};

/* ---- l2norm ---- */

static const double epsilon = 1e-8;

static int l2norm_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    memcpy(out_dim, x->dim, sizeof x->dim);
    return x->ndim < 2 ? -1 : x->ndim;
}

/* saved: the length of each row */
static size_t l2norm_saved_size(const struct sw_call *call)
{
    return (size_t)rows_in(call->in[0]) * sizeof(double);
}

static void normalise_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t D = (size_t)width_of(call->out);
    double *length = call->saved;
    for (int i = from; i < to; i++) {
        const float *x = call->in[0]->data + (size_t)i * D;
        length[i] = sqrt(kernels->sum_squares(D, x));
        kernels->affine(D, (float)(1 / (length[i] + epsilon)), 0, x,
                        call->out->data + (size_t)i * D);
    }
}

/* out = x / (|x| + 1e-8), eq. 1 */
static void l2norm_forward(const struct sw_call *call)
{
    over_rows(call, normalise_some);
}

static void normalise_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t D = (size_t)width_of(call->out);
    const double *length = call->saved;
    for (int i = from; i < to; i++) {
        if (!(length[i] > 0) && !isnan(length[i]))
            continue;
        const float *y = call->out->data + (size_t)i * D;
        const float *dy = call->out->grad + (size_t)i * D;
        float *dx = call->in[0]->grad + (size_t)i * D;
        kernels->axpy(D, (float)(1 / (length[i] + epsilon)), dy, dx);
        kernels->axpy(D, (float)(-(double)kernels->dot(D, dy, y) / length[i]), y, dx);
    }
}

/* dx += dout / (|x| + 1e-8) - out (out . dout) / |x|. A row of zeros has no direction: its gradient
 * is defined as zero, since dout / 1e-8 would send a hundred million times dout into the weights.
 */
static void l2norm_backward(const struct sw_call *call)
{
    over_rows(call, normalise_some_backward);
}

static const struct sw_sample l2norm_samples[] = {
    {1, {{2, {5, 7}, -1, 1, 0}}, SW_NO_ARGS},
    {1, {{2, {3, 1}, 1, 2, 0}}, SW_NO_ARGS},
    {1, {{3, {3, 2, 4}, -1, 1, 0}}, SW_NO_ARGS},
};

static const struct sw_op l2norm = {
    SW_OP(l2norm, "l2norm", 1, 1, "(..,D)->(..,D)",
          "x / (|x| + 1e-8) for each row of x, its last dimension, eq. 1; a row of zeros stays and "
          "takes no gradient"),
    .saved_size = l2norm_saved_size,
};

/* ---- embedding ---- */

static int embedding_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *table = call->in[0];
    const struct sw_word_ids *words = call->args->p;
    if (table->ndim != 2 || !words || words->count < 0)
        return -1;
    for (int j = 0; j < words->count; j++)
        if (words->id[j] < 0 || words->id[j] >= table->dim[0])
            return -1;
    return sw_shape_2(out_dim, words->count, table->dim[1]);
}

static void look_up_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_word_ids *words = call->args->p;
    size_t W = (size_t)call->out->dim[1];
    for (int j = from; j < to; j++)
        memcpy(call->out->data + (size_t)j * W, call->in[0]->data + (size_t)words->id[j] * W,
               W * sizeof(float));
}

/* out_j = table[id_j] */
static void embedding_forward(const struct sw_call *call)
{
    over_rows(call, look_up_some);
}

/* Columns of the table that one chunk adds to. A word that comes twice is added in the order of the
 * words, so the chunks share no number and the sum is the same on any number of threads. */
enum { TABLE_COLUMNS = 64 };

static void add_columns(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_word_ids *words = call->args->p;
    size_t W = (size_t)call->out->dim[1], from = (size_t)chunk * TABLE_COLUMNS;
    size_t columns = W - from < TABLE_COLUMNS ? W - from : TABLE_COLUMNS;
    for (int j = 0; j < words->count; j++) {
        float *row = call->in[0]->grad + (size_t)words->id[j] * W + from;
        kernels->add(columns, row, call->out->grad + (size_t)j * W + from, row);
    }
}

/* dtable[id_j] += dout_j */
static void embedding_backward(const struct sw_call *call)
{
    int W = call->out->dim[1];
    if (W > 0)
        sw_parallel(call->compute, (W - 1) / TABLE_COLUMNS + 1, add_columns, (void *)call);
}

static const int32_t sample_ids[] = {3, 0, 3, 2, 3};
static const struct sw_word_ids sample_words = {5, sample_ids};
static const struct sw_sample embedding_samples[] = {
    {1, {{2, {4, 3}, -1, 1, 0}}, {{0}, {0}, &sample_words}},
    {1, {{2, {4, 70}, -1, 1, 0}}, {{0}, {0}, &sample_words}},
};

static const struct sw_op embedding = {
    SW_OP(embedding, "embedding", 1, 1, "(V,W)->(N,W)",
          "rows of a table; p: the N words, with ids in [0,V)"),
};

/* ---- concat ---- */

static int concat_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
    if (x->ndim != 2 || y->ndim != 2 || x->dim[0] != y->dim[0])
        return -1;
    out_dim[0] = x->dim[0];
    return __builtin_add_overflow(x->dim[1], y->dim[1], &out_dim[1]) ? -1 : 2;
}

static void join_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    size_t both = (size_t)call->out->dim[1], at = 0;
    for (int part = 0; part < 2; part++) {
        const struct sw_tensor *in = call->in[part];
        size_t own = (size_t)in->dim[1];
        for (int i = from; i < to; i++)
            memcpy(call->out->data + (size_t)i * both + at, in->data + (size_t)i * own,
                   own * sizeof(float));
        at += own;
    }
}

/* out = [x; y], row by row */
static void concat_forward(const struct sw_call *call)
{
    over_rows(call, join_some);
}

static void split_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    size_t both = (size_t)call->out->dim[1], at = 0;
    for (int part = 0; part < 2; part++) {
        const struct sw_tensor *in = call->in[part];
        size_t own = (size_t)in->dim[1];
        for (int i = from; in->grad && i < to; i++) {
            float *row = in->grad + (size_t)i * own;
            kernels->add(own, row, call->out->grad + (size_t)i * both + at, row);
        }
        at += own;
    }
}

/* dx += the first columns of dout;  dy += the others */
static void concat_backward(const struct sw_call *call)
{
    over_rows(call, split_some);
}

static const struct sw_sample concat_samples[] = {
    {2, {{2, {3, 2}, -1, 1, 0}, {2, {3, 5}, -1, 1, 0}}, SW_NO_ARGS},
};

static const struct sw_op concat = {
    SW_OP(concat, "concat", 2, 2, "(N,A),(N,B)->(N,A+B)", "[x; y], row by row"),
};

/* ---- columns: y = x[:, first : first + count]
 * ------------------------------------------------------ */

static int columns_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    int first = call->args->i[0], count = call->args->i[1];
    if (x->ndim != 2 || first < 0 || count < 1 || count > x->dim[1] - first)
        return -1;
    return sw_shape_2(out_dim, x->dim[0], count);
}

static void columns_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *y = call->out;
    size_t width = (size_t)x->dim[1], count = (size_t)y->dim[1];
    for (int r = 0; r < x->dim[0]; r++)
        memcpy(y->data + (size_t)r * count, x->data + (size_t)r * width + call->args->i[0],
               count * sizeof(float));
}

static void columns_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *y = call->out;
    size_t width = (size_t)x->dim[1], count = (size_t)y->dim[1];
    for (int r = 0; x->grad && r < x->dim[0]; r++) {
        float *out = x->grad + (size_t)r * width + call->args->i[0];
        sw_kernels_of(call)->add(count, out, y->grad + (size_t)r * count, out);
    }
}

static const struct sw_sample columns_samples[] = {
    {.inputs = 1, .in = {{2, {3, 5}, -1, 1, 0}}, .args = {.i = {0, 2}}},
    {.inputs = 1, .in = {{2, {4, 6}, -1, 1, 0}}, .args = {.i = {3, 3}}},
};

static const struct sw_op columns = {
    SW_OP(columns, "columns", 1, 1, "(N,A)->(N,i1)", "y = x[:, i0 : i0 + i1]"),
};

const struct sw_op *const sw_ops_dense[] = {
    &linear,     &linear_back, &l2norm,    &embedding,   &concat,        &columns, &sw_op_row_dots,
    &sw_op_gram, &sw_op_bigru, &sw_op_gru, &sw_op_hinge, &sw_op_rows_at, NULL,
};
