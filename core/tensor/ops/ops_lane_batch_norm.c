/* ops_lane_batch_norm.c -- batch norm with one channel over the numbers of a tile, and its moments.
 *
 * The batch is what a tile holds: SW_LANES images with one caption, and the rows that the mask
 * keeps. Sums are in double, row by row and in the order of the lanes. */
#include "tensor/tape/ops.h"

#include <math.h>

enum { L = SW_LANES };
enum { X, GAIN, SHIFT, MEAN, VARIANCE };

/* The mask, if any, comes behind the `without` inputs that are always there. */
static const float *mask_of(const struct sw_call *call, int without)
{
    return call->inputs > without ? call->in[call->inputs - 1]->data : NULL;
}

struct moments {
    double count, mean, variance; /* by count */
};

static struct moments moments_of(const struct sw_tensor *x, const float *mask)
{
    struct moments m = {0, 0, 0};
    const int numbers = x->dim[1] * L;
    for (int i = 0; i < numbers; i++)
        if (!mask || mask[i] > 0.5f) {
            m.count++;
            m.mean += (double)x->data[i];
        }
    m.mean /= m.count > 0 ? m.count : 1;
    for (int i = 0; i < numbers; i++)
        if (!mask || mask[i] > 0.5f)
            m.variance += ((double)x->data[i] - m.mean) * ((double)x->data[i] - m.mean);
    m.variance /= m.count > 0 ? m.count : 1;
    return m;
}

/* ---- lane_batch_norm ---- */

/* Inputs: x, gain, shift[, mean, variance][, mask]. */
static int has_moments(const struct sw_call *call)
{
    return call->inputs > VARIANCE;
}

static const float *norm_mask(const struct sw_call *call)
{
    return mask_of(call, has_moments(call) ? VARIANCE + 1 : SHIFT + 1);
}

static int norm_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[X];
    const int numbers = has_moments(call) ? VARIANCE + 1 : SHIFT + 1;
    if (!sw_is_lanes(x) || x->dim[0] != 1)
        return -1;
    for (int i = GAIN; i < numbers; i++)
        if (call->in[i]->ndim != 1 || call->in[i]->dim[0] != 1)
            return -1;
    if (call->inputs > numbers && !sw_is_lanes_of(call->in[numbers], 1, x->dim[1]))
        return -1;
    return sw_lanes_shape(dim, 1, x->dim[1]);
}

/* What backward needs of forward. */
struct norm {
    double count, mean, inverse;
};

static size_t norm_saved_size(const struct sw_call *call)
{
    (void)call;
    return sizeof(struct norm);
}

/* y = gain (x - mean) / sqrt(variance + f0) + shift, 0 where the mask keeps nothing */
static void norm_forward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[X];
    const float *mask = norm_mask(call);
    const double gain = (double)call->in[GAIN]->data[0], shift = (double)call->in[SHIFT]->data[0];
    struct norm *norm = call->saved;
    struct moments m;
    if (has_moments(call))
        m = (struct moments){0, (double)call->in[MEAN]->data[0],
                             (double)call->in[VARIANCE]->data[0]};
    else
        m = moments_of(x, mask);
    *norm = (struct norm){m.count, m.mean, 1 / sqrt(m.variance + (double)call->args->f[0])};
    for (int i = 0; i < x->dim[1] * L; i++)
        call->out->data[i] =
            !mask || mask[i] > 0.5f
                ? (float)(gain * ((double)x->data[i] - norm->mean) * norm->inverse + shift)
                : 0;
}

/* With n = (x - mean) inverse: dshift = sum dy, dgain = sum dy n, and dx = gain inverse (dy - (sum
 * dy + n sum dy n) / count), without the second term where the moments are given. */
static void norm_backward(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[X];
    const float *mask = norm_mask(call), *dy = call->out->grad;
    const struct norm *norm = call->saved;
    const int numbers = x->dim[1] * L;
    double sum = 0, inner = 0;
    for (int i = 0; i < numbers; i++)
        if (!mask || mask[i] > 0.5f) {
            sum += (double)dy[i];
            inner += (double)dy[i] * ((double)x->data[i] - norm->mean) * norm->inverse;
        }
    if (call->in[GAIN]->grad)
        call->in[GAIN]->grad[0] += (float)inner;
    if (call->in[SHIFT]->grad)
        call->in[SHIFT]->grad[0] += (float)sum;
    const double by = (double)call->in[GAIN]->data[0] * norm->inverse;
    const double share = norm->count > 0 ? 1 / norm->count : 0;
    for (int i = 0; x->grad && i < numbers; i++)
        if (!mask || mask[i] > 0.5f) {
            const double n = ((double)x->data[i] - norm->mean) * norm->inverse;
            x->grad[i] += (float)(by * ((double)dy[i] - share * (sum + n * inner)));
        }
}

static const struct sw_sample norm_samples[] = {
    {3, {SW_IN(-1, 1, 1, 3, 16), SW_IN(0.5f, 1, 1), SW_IN(-1, 1, 1)}, {.f = {1e-5f}}},
    {4,
     {SW_IN(-1, 1, 1, 3, 16), SW_IN(0.5f, 1, 1), SW_IN(-1, 1, 1), SW_CONSTANT_IN(0, 1, 1, 3, 16)},
     {.f = {0.1f}}},
    {5,
     {SW_IN(-1, 1, 1, 3, 16), SW_IN(0.5f, 1, 1), SW_IN(-1, 1, 1), SW_CONSTANT_IN(-1, 1, 1),
      SW_CONSTANT_IN(0.5f, 2, 1)},
     {.f = {1e-5f}}},
    {6,
     {SW_IN(-1, 1, 1, 2, 16), SW_IN(0.5f, 1, 1), SW_IN(-1, 1, 1), SW_CONSTANT_IN(-1, 1, 1),
      SW_CONSTANT_IN(0.5f, 2, 1), SW_CONSTANT_IN(0, 1, 1, 2, 16)},
     {.f = {1e-5f}}},
};

const struct sw_op sw_op_lane_batch_norm = {
    SW_OP(norm, "lane_batch_norm", 3, 6, "(1,R,L),(1),(1)[,(1),(1)][,(1,R,L)]->(1,R,L)",
          "gain (x - mean) / sqrt(variance + f0) + shift over what the mask keeps, 0 elsewhere; "
          "moments of the tile, or given"),
    .saved_size = norm_saved_size,
};

/* ---- lane_moment ---- */

static int moment_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[X];
    if (!sw_is_lanes(x) || x->dim[0] != 1 ||
        (call->inputs == 2 && !sw_is_lanes_of(call->in[1], 1, x->dim[1])))
        return -1;
    dim[0] = 1;
    return 1;
}

static void moment_forward(const struct sw_call *call)
{
    struct moments m = moments_of(call->in[X], mask_of(call, 1));
    if (call->args->i[0])
        call->out->data[0] = (float)(m.variance * m.count / (m.count > 1 ? m.count - 1 : 1));
    else
        call->out->data[0] = (float)m.mean;
}

static const struct sw_sample moment_samples[] = {
    {1, {SW_IN(-1, 1, 1, 3, 16)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_CONSTANT_IN(0, 1, 1, 3, 16)}, {.i = {1}}},
};

const struct sw_op sw_op_lane_moment = {
    .name = "lane_moment",
    .shapes = "(1,R,L)[,(1,R,L)]->(1)",
    .doc = "the mean of what the mask keeps, or with i0 = 1 its variance by count - 1; without "
           "gradient",
    .least_inputs = 1,
    .most_inputs = 2,
    .shape = moment_shape,
    .forward = moment_forward,
    SW_SAMPLES(moment_samples),
};
