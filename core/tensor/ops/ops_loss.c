/* ops_loss.c -- eq. 17: the hinge with hardest, or all, negatives of the batch. */
#include "tensor/tape/ops.h"
#include "tensor/ops/loss.h"

#include <math.h>

static int hinge_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *s = call->in[0];
    const struct sw_pair_images *batch = call->args->p;
    int negatives = call->args->i[0], same_image = call->args->i[1];
    if (s->ndim != 2 || s->dim[0] != s->dim[1] || negatives < 0 || negatives > SW_ALL_NEGATIVES ||
        same_image < 0 || same_image > SW_SAME_IMAGE_EXCLUDED)
        return -1;
    if (same_image == SW_SAME_IMAGE_EXCLUDED && (!batch || batch->n != s->dim[0]))
        return -1;
    out_dim[0] = 1;
    return 1;
}

/* saved: the hardest negative's index for each row, then for each column; -1 where none counts */
static size_t hinge_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)call->in[0]->dim[0] * sizeof(int32_t);
}

static int is_negative(const struct sw_call *call, int i, int j)
{
    const struct sw_pair_images *batch = call->args->p;
    return i != j &&
           (call->args->i[1] == SW_SAME_IMAGE_NEGATIVE || batch->image[i] != batch->image[j]);
}

/* margin + S_ij - S_pp, in the order of the reference: what pair p has too little over (i, j). */
static float violation(const struct sw_call *call, int i, int j, int p)
{
    const float *s = call->in[0]->data;
    size_t n = (size_t)call->in[0]->dim[0];
    return call->args->f[0] + s[(size_t)i * n + (size_t)j] - s[(size_t)p * (n + 1)];
}

/* Entry `other` of row p (side 0: captions that are wrong for image p) or of column p (side 1). */
static float violation_of(const struct sw_call *call, int side, int p, int other)
{
    return side == 0 ? violation(call, p, other, p) : violation(call, other, p, p);
}

/* NaN anywhere makes the sum NaN. */
static double hardest(const struct sw_call *call, int side, int p, int32_t *which)
{
    float most = 0;
    *which = -1;
    for (int other = 0; other < call->in[0]->dim[0] && !isnan(most); other++) {
        float v = is_negative(call, p, other) ? violation_of(call, side, p, other) : 0;
        if (!(v <= most)) {
            most = v;
            *which = other;
        }
    }
    return most;
}

static double sum_of_all(const struct sw_call *call, int side, int p)
{
    double sum = 0;
    for (int other = 0; other < call->in[0]->dim[0]; other++) {
        float v = is_negative(call, p, other) ? violation_of(call, side, p, other) : 0;
        if (!(v <= 0))
            sum += v;
    }
    return sum;
}

/* out = sum_i max_j [m + S_ij - S_ii]+ + sum_j max_i [m + S_ij - S_jj]+ over the negatives, pairs
 * off the diagonal; with all negatives, a sum instead of the max. */
static void hinge_forward(const struct sw_call *call)
{
    int n = call->in[0]->dim[0];
    int32_t *which = call->saved;
    double sum = 0;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++)
            sum += call->args->i[0] == SW_ALL_NEGATIVES
                       ? sum_of_all(call, side, p)
                       : hardest(call, side, p, &which[side * n + p]);
    call->out->data[0] = (float)sum;
}

/* Where pair p's hinge over `other` is active: dS_other += dout, dS_pp -= dout. */
static void push(const struct sw_call *call, int side, int p, int other)
{
    size_t n = (size_t)call->in[0]->dim[0], i = (size_t)(side == 0 ? p : other),
           j = (size_t)(side == 0 ? other : p);
    call->in[0]->grad[i * n + j] += call->out->grad[0];
    call->in[0]->grad[(size_t)p * (n + 1)] -= call->out->grad[0];
}

/* A hinge that is exactly 0 passes nothing on. Of equal hardest negatives the first alone gets the
 * gradient, as with PyTorch's max along a dimension on a CPU. */
static void hinge_backward(const struct sw_call *call)
{
    int n = call->in[0]->dim[0];
    const int32_t *which = call->saved;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++) {
            if (call->args->i[0] == SW_HARDEST_NEGATIVE) {
                int other = which[side * n + p];
                if (other >= 0)
                    push(call, side, p, other);
                continue;
            }
            for (int other = 0; other < n; other++)
                if (is_negative(call, p, other) && !(violation_of(call, side, p, other) <= 0))
                    push(call, side, p, other);
        }
}

/* ---- samples ---- */

/* Five pairs: with other counts the numbers that the check draws lie too near to a tie. */
static const int32_t sample_images[] = {4, 7, 4, 9, 1};
static const struct sw_pair_images sample_batch = {5, sample_images};

static const struct sw_sample hinge_samples[] = {
    {1, {{2, {5, 5}, -1, 1, 0}}, {{SW_HARDEST_NEGATIVE, 0}, {0.2f}, NULL}},
    {1, {{2, {5, 5}, -1, 1, 0}}, {{SW_HARDEST_NEGATIVE, 1}, {0.2f}, &sample_batch}},
    {1, {{2, {5, 5}, -1, 1, 0}}, {{SW_ALL_NEGATIVES, 0}, {0.2f}, NULL}},
    {1, {{2, {5, 5}, -1, 1, 0}}, {{SW_ALL_NEGATIVES, 1}, {0.2f}, &sample_batch}},
};

const struct sw_op sw_op_hinge = {
    SW_OP(hinge, "hinge", 1, 1, "(I,I)->(1)",
          "eq. 17; f: margin; i: 0 hardest or 1 all negatives, 1 to leave out pairs of the same "
          "image; p: sw_pair_images of I pairs"),
    .saved_size = hinge_saved_size,
};
