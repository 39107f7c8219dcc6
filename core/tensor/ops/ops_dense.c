/* ops_dense.c -- operations over a batch's rows: linear, l2norm, embedding, concat. */
#include "tensor/tape/ops.h"
#include "tensor/ops/rows.h"

#include <math.h>
#include <string.h>

/* What a chunk of rows works on. */
struct rows_of {
    const struct sw_call *call;
    const struct sw_kernels *kernels;
};

static void over_rows(const struct sw_call *call, int rows, int columns,
                      void (*work)(const void *data, int from, int to))
{
    struct rows_of data = {call, sw_compute_kernels(call->compute)};
    sw_over_rows(call->compute, rows, columns, work, &data);
}

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

/* ---- linear -----------------------------------------------------------------------------------
 */

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

/* At once, unless both add to one gradient: x x^T has the same input twice. */
static void multiply(struct sw_compute *compute, const struct sw_product_of *list, int count)
{
    int apart = count == 2 && list[0].C == list[1].C;
    sw_gemm_all(compute, list, apart ? 1 : count);
    if (apart)
        sw_gemm_all(compute, list + 1, 1);
}

/* dx += dout w;  dw += dout^T x;  db += column sums of dout */
static void linear_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    const struct sw_tensor *b = call->inputs > 2 ? call->in[2] : NULL;
    int N = rows_in(x), F = width_of(x), D = w->dim[0];
    const float *dout = call->out->grad;
    struct sw_product_of list[2];
    int count = 0;
    if (w->grad)
        list[count++] = (struct sw_product_of){.transpose_a = 1,
                                               .M = D,
                                               .N = F,
                                               .K = N,
                                               .A = dout,
                                               .lda = D,
                                               .B = x->data,
                                               .ldb = F,
                                               .beta = 1,
                                               .C = w->grad,
                                               .ldc = F};
    if (x->grad)
        list[count++] = (struct sw_product_of){.M = N,
                                               .N = F,
                                               .K = D,
                                               .A = dout,
                                               .lda = D,
                                               .B = w->data,
                                               .ldb = F,
                                               .beta = 1,
                                               .C = x->grad,
                                               .ldc = F};
    multiply(call->compute, list, count);
    if (b && b->grad)
        sw_add_column_sums(call->compute, N, D, dout, (size_t)D, b->grad);
}

static const struct sw_sample linear_samples[] = {
    {3, {{2, {5, 4}, -1, 1, 0}, {2, {3, 4}, -1, 1, 0}, {1, {3}, -1, 1, 0}}, {{0}, {0}, NULL}},
    {2, {{2, {70, 3}, -1, 1, 0}, {2, {2, 3}, -1, 1, 0}}, {{0}, {0}, NULL}},
    {3, {{3, {2, 3, 4}, -1, 1, 0}, {2, {5, 4}, -1, 1, 0}, {1, {5}, -1, 1, 0}}, {{0}, {0}, NULL}},
};

static const struct sw_op linear = {
    .name = "linear",
    .shapes = "(..,F),(D,F)[,(D)]->(..,D)",
    .doc = "x w^T + b for each row of x, its last dimension",
    .least_inputs = 2,
    .most_inputs = 3,
    .shape = linear_shape,
    .forward = linear_forward,
    .backward = linear_backward,
    .samples = linear_samples,
    .sample_count = sizeof linear_samples / sizeof *linear_samples,
};

/* ---- linear_back ------------------------------------------------------------------------------
 */

static int linear_back_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    if (x->ndim != 2 || w->ndim != 2 || x->dim[1] != w->dim[0])
        return -1;
    out_dim[0] = x->dim[0];
    out_dim[1] = w->dim[1];
    return 2;
}

/* out = x w */
static void linear_back_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    int N = x->dim[0], D = w->dim[0], F = w->dim[1];
    sw_gemm(call->compute, 0, 0, N, F, D, 1, x->data, D, w->data, F, 0, call->out->data, F);
}

/* dx += dout w^T;  dw += x^T dout */
static void linear_back_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    int N = x->dim[0], D = w->dim[0], F = w->dim[1];
    const float *dout = call->out->grad;
    struct sw_product_of list[2];
    int count = 0;
    if (w->grad)
        list[count++] = (struct sw_product_of){.transpose_a = 1,
                                               .M = D,
                                               .N = F,
                                               .K = N,
                                               .A = x->data,
                                               .lda = D,
                                               .B = dout,
                                               .ldb = F,
                                               .beta = 1,
                                               .C = w->grad,
                                               .ldc = F};
    if (x->grad)
        list[count++] = (struct sw_product_of){.transpose_b = 1,
                                               .M = N,
                                               .N = D,
                                               .K = F,
                                               .A = dout,
                                               .lda = F,
                                               .B = w->data,
                                               .ldb = F,
                                               .beta = 1,
                                               .C = x->grad,
                                               .ldc = D};
    multiply(call->compute, list, count);
}

static const struct sw_sample linear_back_samples[] = {
    {2, {{2, {5, 3}, -1, 1, 0}, {2, {3, 4}, -1, 1, 0}}, {{0}, {0}, NULL}},
    {2, {{2, {70, 2}, -1, 1, 0}, {2, {2, 3}, -1, 1, 0}}, {{0}, {0}, NULL}},
};

static const struct sw_op linear_back = {
    .name = "linear_back",
    .shapes = "(N,D),(D,F)->(N,F)",
    .doc = "x w for each row of x: what linear's weight does from its other side",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = linear_back_shape,
    .forward = linear_back_forward,
    .backward = linear_back_backward,
    .samples = linear_back_samples,
    .sample_count = sizeof linear_back_samples / sizeof *linear_back_samples,
};

/* ---- l2norm -----------------------------------------------------------------------------------
 */

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
    const struct rows_of *r = data;
    size_t D = (size_t)width_of(r->call->out);
    double *length = r->call->saved;
    for (int i = from; i < to; i++) {
        const float *x = r->call->in[0]->data + (size_t)i * D;
        length[i] = sqrt(r->kernels->sum_squares(D, x));
        r->kernels->affine(D, (float)(1 / (length[i] + epsilon)), 0, x,
                           r->call->out->data + (size_t)i * D);
    }
}

/* out = x / (|x| + 1e-8), eq. 1 */
static void l2norm_forward(const struct sw_call *call)
{
    over_rows(call, rows_in(call->out), width_of(call->out), normalise_some);
}

static void normalise_some_backward(const void *data, int from, int to)
{
    const struct rows_of *r = data;
    size_t D = (size_t)width_of(r->call->out);
    const double *length = r->call->saved;
    for (int i = from; i < to; i++) {
        if (!(length[i] > 0) && !isnan(length[i]))
            continue;
        const float *y = r->call->out->data + (size_t)i * D;
        const float *dy = r->call->out->grad + (size_t)i * D;
        float *dx = r->call->in[0]->grad + (size_t)i * D;
        r->kernels->axpy(D, (float)(1 / (length[i] + epsilon)), dy, dx);
        r->kernels->axpy(D, (float)(-(double)r->kernels->dot(D, dy, y) / length[i]), y, dx);
    }
}

/* dx += dout / (|x| + 1e-8) - out (out . dout) / |x|. A row of zeros has no direction: its gradient
 * is defined as zero, since dout / 1e-8 would send a hundred million times dout into the weights.
 */
static void l2norm_backward(const struct sw_call *call)
{
    over_rows(call, rows_in(call->out), width_of(call->out), normalise_some_backward);
}

static const struct sw_sample l2norm_samples[] = {
    {1, {{2, {5, 7}, -1, 1, 0}}, {{0}, {0}, NULL}},
    {1, {{2, {3, 1}, 1, 2, 0}}, {{0}, {0}, NULL}},
    {1, {{3, {3, 2, 4}, -1, 1, 0}}, {{0}, {0}, NULL}},
};

static const struct sw_op l2norm = {
    .name = "l2norm",
    .shapes = "(..,D)->(..,D)",
    .doc =
        "x / (|x| + 1e-8) for each row of x, its last dimension, eq. 1; a row of zeros stays and "
        "takes no gradient",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = l2norm_shape,
    .saved_size = l2norm_saved_size,
    .forward = l2norm_forward,
    .backward = l2norm_backward,
    .samples = l2norm_samples,
    .sample_count = sizeof l2norm_samples / sizeof *l2norm_samples,
};

/* ---- embedding --------------------------------------------------------------------------------
 */

static int embedding_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *table = call->in[0];
    const struct sw_word_ids *words = call->args->p;
    if (table->ndim != 2 || !words || words->count < 0)
        return -1;
    for (int j = 0; j < words->count; j++)
        if (words->id[j] < 0 || words->id[j] >= table->dim[0])
            return -1;
    out_dim[0] = words->count;
    out_dim[1] = table->dim[1];
    return 2;
}

static void look_up_some(const void *data, int from, int to)
{
    const struct rows_of *r = data;
    const struct sw_word_ids *words = r->call->args->p;
    size_t W = (size_t)r->call->out->dim[1];
    for (int j = from; j < to; j++)
        memcpy(r->call->out->data + (size_t)j * W, r->call->in[0]->data + (size_t)words->id[j] * W,
               W * sizeof(float));
}

/* out_j = table[id_j] */
static void embedding_forward(const struct sw_call *call)
{
    over_rows(call, call->out->dim[0], call->out->dim[1], look_up_some);
}

/* Columns of the table that one chunk adds to. A word that comes twice is added in the order of the
 * words, so the chunks share no number and the sum is the same on any number of threads. */
enum { TABLE_COLUMNS = 64 };

static void add_columns(void *data, int chunk, int worker)
{
    (void)worker;
    const struct rows_of *r = data;
    const struct sw_word_ids *words = r->call->args->p;
    size_t W = (size_t)r->call->out->dim[1], from = (size_t)chunk * TABLE_COLUMNS;
    size_t columns = W - from < TABLE_COLUMNS ? W - from : TABLE_COLUMNS;
    for (int j = 0; j < words->count; j++) {
        float *row = r->call->in[0]->grad + (size_t)words->id[j] * W + from;
        r->kernels->add(columns, row, r->call->out->grad + (size_t)j * W + from, row);
    }
}

/* dtable[id_j] += dout_j */
static void embedding_backward(const struct sw_call *call)
{
    int W = call->out->dim[1];
    struct rows_of data = {call, sw_compute_kernels(call->compute)};
    if (W > 0)
        sw_parallel(call->compute, (W - 1) / TABLE_COLUMNS + 1, add_columns, &data);
}

static const int32_t sample_ids[] = {3, 0, 3, 2, 3};
static const struct sw_word_ids sample_words = {5, sample_ids};
static const struct sw_sample embedding_samples[] = {
    {1, {{2, {4, 3}, -1, 1, 0}}, {{0}, {0}, &sample_words}},
    {1, {{2, {4, 70}, -1, 1, 0}}, {{0}, {0}, &sample_words}},
};

static const struct sw_op embedding = {
    .name = "embedding",
    .shapes = "(V,W)->(N,W)",
    .doc = "rows of a table; p: the N words, with ids in [0,V)",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = embedding_shape,
    .forward = embedding_forward,
    .backward = embedding_backward,
    .samples = embedding_samples,
    .sample_count = sizeof embedding_samples / sizeof *embedding_samples,
};

/* ---- concat -----------------------------------------------------------------------------------
 */

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
    const struct rows_of *r = data;
    size_t both = (size_t)r->call->out->dim[1], at = 0;
    for (int part = 0; part < 2; part++) {
        const struct sw_tensor *in = r->call->in[part];
        size_t own = (size_t)in->dim[1];
        for (int i = from; i < to; i++)
            memcpy(r->call->out->data + (size_t)i * both + at, in->data + (size_t)i * own,
                   own * sizeof(float));
        at += own;
    }
}

/* out = [x; y], row by row */
static void concat_forward(const struct sw_call *call)
{
    over_rows(call, call->out->dim[0], call->out->dim[1], join_some);
}

static void split_some(const void *data, int from, int to)
{
    const struct rows_of *r = data;
    size_t both = (size_t)r->call->out->dim[1], at = 0;
    for (int part = 0; part < 2; part++) {
        const struct sw_tensor *in = r->call->in[part];
        size_t own = (size_t)in->dim[1];
        for (int i = from; in->grad && i < to; i++) {
            float *row = in->grad + (size_t)i * own;
            r->kernels->add(own, row, r->call->out->grad + (size_t)i * both + at, row);
        }
        at += own;
    }
}

/* dx += the first columns of dout;  dy += the others */
static void concat_backward(const struct sw_call *call)
{
    over_rows(call, call->out->dim[0], call->out->dim[1], split_some);
}

static const struct sw_sample concat_samples[] = {
    {2, {{2, {3, 2}, -1, 1, 0}, {2, {3, 5}, -1, 1, 0}}, {{0}, {0}, NULL}},
};

static const struct sw_op concat = {
    .name = "concat",
    .shapes = "(N,A),(N,B)->(N,A+B)",
    .doc = "[x; y], row by row",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = concat_shape,
    .forward = concat_forward,
    .backward = concat_backward,
    .samples = concat_samples,
    .sample_count = sizeof concat_samples / sizeof *concat_samples,
};

const struct sw_op *const sw_ops_dense[] = {
    &linear,     &linear_back, &l2norm,    &embedding,   &concat, &sw_op_row_dots,
    &sw_op_gram, &sw_op_bigru, &sw_op_gru, &sw_op_hinge, NULL,
};
