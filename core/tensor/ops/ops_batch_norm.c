/* ops_batch_norm.c -- batch norm over the fragments of a batch, and what its running values become.
 *
 * A channel is a column or, with i0 = 1, a slot: fragment f of every group, all columns. Only rows
 * of a group count; padding rows are zero in the result. Threads share out channels; sums are in
 * double and in the order of the groups. */
#include "tensor/tape/ops.h"
#include "tensor/ops/groups.h"

#include <math.h>
#include <string.h>

enum { X, GAIN, SHIFT, MEAN, VARIANCE };

static const struct sw_fragments *groups_of(const struct sw_call *call)
{
    return call->args->p;
}

static int by_slot(const struct sw_call *call)
{
    return call->args->i[0];
}

static int channels(const struct sw_call *call)
{
    return by_slot(call) ? groups_of(call)->most : call->in[X]->dim[1];
}

/* x (N,D), all other inputs one number per channel; the result is like input `like`. */
static int shape_like(const struct sw_call *call, int like, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[X];
    if (x->ndim != 2 || x->dim[1] < 1 || !sw_groups_fit(groups_of(call), x->dim[0]) ||
        (by_slot(call) != 0 && by_slot(call) != 1) || channels(call) < 1)
        return -1;
    for (int i = 1; i < call->inputs; i++)
        if (call->in[i]->ndim != 1 || call->in[i]->dim[0] != channels(call))
            return -1;
    memcpy(out_dim, call->in[like]->dim, sizeof call->in[like]->dim);
    return call->in[like]->ndim;
}

/* ---- sums over the channels of a chunk ---- */

enum { COLUMNS = 64 };

/* What one chunk works on: a slot, all columns, with one number in each array; or some columns. */
struct part {
    const struct sw_call *call;
    int slot;           /* -1: columns */
    int first, count;   /* channels */
    size_t from, width; /* columns */
    double numbers[COLUMNS], mean[COLUMNS], inverse[COLUMNS], one[COLUMNS], two[COLUMNS];
};

typedef void row_work(struct part *part, size_t row);

static int chunks_of(const struct sw_call *call)
{
    return by_slot(call) ? channels(call) : (channels(call) - 1) / COLUMNS + 1;
}

static void over_rows(struct part *part, row_work *work)
{
    const struct sw_fragments *groups = groups_of(part->call);
    memset(part->one, 0, sizeof part->one);
    memset(part->two, 0, sizeof part->two);
    for (int g = 0; g < groups->groups; g++)
        if (part->slot < 0)
            for (int f = 0; f < groups->count[g]; f++)
                work(part, sw_group_row(groups, g, f));
        else if (part->slot < groups->count[g])
            work(part, sw_group_row(groups, g, part->slot));
}

static void count_row(struct part *part, size_t row)
{
    (void)row;
    for (int c = 0; c < part->count; c++)
        part->one[c] += part->slot < 0 ? 1 : (double)part->width;
}

static size_t at(const struct part *part, size_t row)
{
    return row * (size_t)part->call->in[X]->dim[1] + part->from;
}

static void add_row(struct part *part, size_t row)
{
    const float *x = part->call->in[X]->data + at(part, row);
    for (size_t c = 0; c < part->width; c++)
        part->one[part->slot < 0 ? c : 0] += x[c];
}

static void add_square(struct part *part, size_t row)
{
    const float *x = part->call->in[X]->data + at(part, row);
    for (size_t c = 0; c < part->width; c++) {
        size_t channel = part->slot < 0 ? c : 0;
        double d = x[c] - part->mean[channel];
        part->one[channel] += d * d;
    }
}

static struct part part_of(const struct sw_call *call, int chunk)
{
    struct part part = {.call = call, .slot = -1};
    size_t D = (size_t)call->in[X]->dim[1];
    if (by_slot(call)) {
        part.slot = part.first = chunk;
        part.count = 1;
        part.width = D;
    } else {
        part.first = chunk * COLUMNS;
        part.from = (size_t)part.first;
        part.width = D - part.from < COLUMNS ? D - part.from : COLUMNS;
        part.count = (int)part.width;
    }
    over_rows(&part, count_row);
    memcpy(part.numbers, part.one, sizeof part.one);
    return part;
}

static double ratio(double sum, double count)
{
    return count > 0 ? sum / count : 0;
}

/* Sets the mean; `one` becomes the sums of squared differences from it. */
static void take_moments(struct part *part)
{
    over_rows(part, add_row);
    for (int c = 0; c < part->count; c++)
        part->mean[c] = ratio(part->one[c], part->numbers[c]);
    over_rows(part, add_square);
}

/* ---- batch_norm ---- */

static int norm_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    if (call->inputs == MEAN + 1 || !(call->args->f[0] >= 0))
        return -1;
    return shape_like(call, X, out_dim);
}

/* saved: mean and 1 / deviation of each channel */
static size_t norm_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)channels(call) * sizeof(double);
}

static void normalise(struct part *part, size_t row)
{
    const struct sw_call *call = part->call;
    const float *x = call->in[X]->data + at(part, row);
    const float *gain = call->in[GAIN]->data + part->first;
    const float *shift = call->in[SHIFT]->data + part->first;
    float *out = call->out->data + at(part, row);
    for (size_t c = 0; c < part->width; c++) {
        size_t channel = part->slot < 0 ? c : 0;
        out[c] = (float)((x[c] - part->mean[channel]) * part->inverse[channel]) * gain[channel] +
                 shift[channel];
    }
}

static void norm_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    struct part part = part_of(call, chunk);
    double *kept = (double *)call->saved + 2 * (size_t)part.first;
    if (call->inputs <= MEAN)
        take_moments(&part);
    for (int c = 0; c < part.count; c++) {
        double variance = ratio(part.one[c], part.numbers[c]);
        if (call->inputs > MEAN) {
            part.mean[c] = call->in[MEAN]->data[part.first + c];
            variance = call->in[VARIANCE]->data[part.first + c];
        }
        part.inverse[c] = 1 / sqrt(variance + (double)call->args->f[0]);
        kept[2 * c] = part.mean[c];
        kept[2 * c + 1] = part.inverse[c];
    }
    over_rows(&part, normalise);
}

/* out = gain (x - mean) / sqrt(variance + eps) + shift, with the batch's moments or those given */
static void norm_forward(const struct sw_call *call)
{
    sw_clear_padded(call, call->out->data, call->out->dim[1]);
    sw_parallel(call->compute, chunks_of(call), norm_chunk, (void *)call);
}

static void add_gradients(struct part *part, size_t row)
{
    const float *x = part->call->in[X]->data + at(part, row);
    const float *dy = part->call->out->grad + at(part, row);
    for (size_t c = 0; c < part->width; c++) {
        size_t channel = part->slot < 0 ? c : 0;
        part->one[channel] += dy[c];
        part->two[channel] += dy[c] * (x[c] - part->mean[channel]) * part->inverse[channel];
    }
}

/* In mean and inverse of `part`, as before; in numbers, what the sums are divided by; in one and
 * two, which over_rows clears, nothing: the means of dy and dy normed are kept behind them. */
struct back {
    struct part part;
    double mean[COLUMNS], slope[COLUMNS];
};

static void push_row(struct part *part, size_t row)
{
    const struct back *back = (const struct back *)part;
    const float *x = part->call->in[X]->data + at(part, row);
    const float *dy = part->call->out->grad + at(part, row);
    const float *gain = part->call->in[GAIN]->data + part->first;
    float *dx = part->call->in[X]->grad + at(part, row);
    for (size_t c = 0; c < part->width; c++) {
        size_t i = part->slot < 0 ? c : 0;
        double normed = (x[c] - part->mean[i]) * part->inverse[i];
        dx[c] +=
            (float)(gain[i] * part->inverse[i] * (dy[c] - back->mean[i] - normed * back->slope[i]));
    }
}

static void norm_chunk_backward(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    struct back back = {.part = part_of(call, chunk)};
    struct part *part = &back.part;
    const double *kept = (const double *)call->saved + 2 * (size_t)part->first;
    for (int c = 0; c < part->count; c++) {
        part->mean[c] = kept[2 * c];
        part->inverse[c] = kept[2 * c + 1];
    }
    over_rows(part, add_gradients);
    for (int c = 0; c < part->count; c++) {
        if (call->in[GAIN]->grad)
            call->in[GAIN]->grad[part->first + c] += (float)part->two[c];
        if (call->in[SHIFT]->grad)
            call->in[SHIFT]->grad[part->first + c] += (float)part->one[c];
        if (call->inputs > MEAN) /* moments that do not come from x */
            continue;
        back.mean[c] = ratio(part->one[c], part->numbers[c]);
        back.slope[c] = ratio(part->two[c], part->numbers[c]);
    }
    if (call->in[X]->grad)
        over_rows(part, push_row);
}

/* dx += gain / deviation (dy - mean dy - normed mean(dy normed)), without the means where the
 * moments are given; dgain += dy normed, dshift += dy, over the channel. */
static void norm_backward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), norm_chunk_backward, (void *)call);
}

static const struct sw_sample norm_samples[] = {
    {3,
     {SW_IN(-1, 1, 48, 3), SW_IN(-1, 1, 3), SW_IN(-1, 1, 3)},
     {.f = {1e-5f}, .p = &sw_sample_regions}},
    {3,
     {SW_IN(-1, 1, 6, 66), SW_IN(-1, 1, 66), SW_IN(-1, 1, 66)},
     {.f = {0.1f}, .p = &sw_sample_words}},
    {3, {SW_IN(-1, 1, 48, 5), SW_IN(-1, 1, 3), SW_IN(-1, 1, 3)}, {{1}, {0.5f}, &sw_sample_regions}},
    {5,
     {SW_IN(-1, 1, 48, 3), SW_IN(-1, 1, 3), SW_IN(-1, 1, 3), SW_CONSTANT_IN(-1, 1, 3),
      SW_CONSTANT_IN(0.5f, 2, 3)},
     {.f = {1e-5f}, .p = &sw_sample_regions}},
};

const struct sw_op sw_op_batch_norm = {
    SW_OP(norm, "batch_norm", 3, 5, "(N,D),(C),(C)[,(C),(C)]->(N,D)",
          "gain (x - mean) / sqrt(variance + f0) + shift per channel; moments of the batch, or "
          "given; i0: C is 0 columns, 1 slots of a group; zero in padding rows; p: sw_fragments"),
    .saved_size = norm_saved_size,
};

/* ---- row_moments ---- */

static int moments_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    float share = call->args->f[0];
    return share >= 0 && share <= 1 ? shape_like(call, 1, out_dim) : -1;
}

static void moments_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sw_call *call = data;
    struct part part = part_of(call, chunk);
    const float *running = call->in[1]->data + part.first, share = call->args->f[0];
    take_moments(&part);
    for (int c = 0; c < part.count; c++) {
        double variance = ratio(part.one[c], part.numbers[c] > 1 ? part.numbers[c] - 1 : 1);
        double moment = call->args->i[1] ? variance : part.mean[c];
        call->out->data[part.first + c] =
            (float)((1 - (double)share) * running[c] + (double)share * moment);
    }
}

/* out = (1 - share) running + share moment */
static void moments_forward(const struct sw_call *call)
{
    sw_parallel(call->compute, chunks_of(call), moments_chunk, (void *)call);
}

static const struct sw_sample moments_samples[] = {
    {2, {SW_IN(-1, 1, 48, 3), SW_IN(-1, 1, 3)}, {.f = {0.1f}, .p = &sw_sample_regions}},
    {2, {SW_IN(-1, 1, 6, 5), SW_IN(-1, 1, 5)}, {{0, 1}, {0.1f}, &sw_sample_words}},
};

const struct sw_op sw_op_row_moments = {
    .name = "row_moments",
    .shapes = "(N,D),(C)->(C)",
    .doc = "(1 - f0) running + f0 moment per channel, the mean or with i1 = 1 the variance by "
           "count - 1; i0 and p as for batch_norm; without gradient",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = moments_shape,
    .forward = moments_forward,
    SW_SAMPLES(moments_samples),
};
