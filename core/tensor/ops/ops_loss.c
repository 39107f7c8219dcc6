/* ops_loss.c -- eq. 17: the hinge with hardest, or all, negatives of the batch; of samples that
 * come in several views, ESA's: the worst of an image's or a caption's own scores is the right
 * pair's. */
#include "tensor/tape/ops.h"
#include "tensor/ops/loss.h"

#include <math.h>

static int hinge_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *s = call->in[0];
    const struct sw_pair_images *batch = call->args->p;
    int negatives = call->args->i[0], same_image = call->args->i[1], views = call->args->i[2];
    if (s->ndim != 2 || s->dim[0] != s->dim[1] || negatives < 0 || negatives > SW_ALL_NEGATIVES ||
        same_image < 0 || same_image > SW_SAME_IMAGE_EXCLUDED)
        return -1;
    if (same_image == SW_SAME_IMAGE_EXCLUDED && (!batch || batch->n != s->dim[0]))
        return -1;
    if (views < 0 || (views > 1 && s->dim[0] % views != 0))
        return -1;
    out_dim[0] = 1;
    return 1;
}

/* saved: the hardest negative's index for each row, then for each column; -1 where none counts */
static size_t hinge_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)call->in[0]->dim[0] * sizeof(int32_t);
}

static int views_of(const struct sw_call *call)
{
    return call->args->i[2] > 1 ? call->args->i[2] : 1;
}

static int is_negative(const struct sw_call *call, int i, int j)
{
    const struct sw_pair_images *batch = call->args->p;
    int views = views_of(call);
    return i / views != j / views &&
           (call->args->i[1] == SW_SAME_IMAGE_NEGATIVE || batch->image[i] != batch->image[j]);
}

/* Where entry `other` of row p (side 0: the captions of image p) or of column p (side 1) lies. */
static size_t entry(const struct sw_call *call, int side, int p, int other)
{
    size_t n = (size_t)call->in[0]->dim[0];
    return side == 0 ? (size_t)p * n + (size_t)other : (size_t)other * n + (size_t)p;
}

/* The worst of row or column p's right pairs, those of its own sample: with one view (p, p). The
 * first of equal ones; NaN is worse than any number. */
static int worst_right(const struct sw_call *call, int side, int p)
{
    const float *s = call->in[0]->data;
    int views = views_of(call), first = p / views * views, worst = first;
    for (int own = first + 1; own < first + views && !isnan(s[entry(call, side, p, worst)]); own++)
        if (!(s[entry(call, side, p, own)] >= s[entry(call, side, p, worst)]))
            worst = own;
    return worst;
}

/* margin + S_other - S_right, in the order of the reference: what the right pair has too little
 * over entry `other` of row or column p. */
static float violation_of(const struct sw_call *call, int side, int p, int other, int right)
{
    const float *s = call->in[0]->data;
    return call->args->f[0] + s[entry(call, side, p, other)] - s[entry(call, side, p, right)];
}

/* NaN anywhere makes the sum NaN. */
static double hardest(const struct sw_call *call, int side, int p, int32_t *which)
{
    int right = worst_right(call, side, p);
    float most = 0;
    *which = -1;
    for (int other = 0; other < call->in[0]->dim[0] && !isnan(most); other++) {
        float v = is_negative(call, p, other) ? violation_of(call, side, p, other, right) : 0;
        if (!(v <= most)) {
            most = v;
            *which = other;
        }
    }
    return most;
}

static double sum_of_all(const struct sw_call *call, int side, int p)
{
    int right = worst_right(call, side, p);
    double sum = 0;
    for (int other = 0; other < call->in[0]->dim[0]; other++) {
        float v = is_negative(call, p, other) ? violation_of(call, side, p, other, right) : 0;
        if (!(v <= 0))
            sum += v;
    }
    return sum;
}

/* out = sum_i max_j [m + S_ij - S_ii]+ + sum_j max_i [m + S_ij - S_jj]+ over the negatives, pairs
 * off the diagonal; with all negatives, a sum instead of the max; with several views, blocks in the
 * place of the diagonal, and for S_ii and S_jj the least of the row or column in its block. */
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

/* Where row or column p's hinge over `other` is active: dS_other += dout, dS_right -= dout. */
static void push(const struct sw_call *call, int side, int p, int other, int right)
{
    call->in[0]->grad[entry(call, side, p, other)] += call->out->grad[0];
    call->in[0]->grad[entry(call, side, p, right)] -= call->out->grad[0];
}

/* A hinge that is exactly 0 passes nothing on. Of equal hardest negatives the first alone gets the
 * gradient, as with PyTorch's max along a dimension on a CPU. */
static void hinge_backward(const struct sw_call *call)
{
    int n = call->in[0]->dim[0];
    const int32_t *which = call->saved;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < n; p++) {
            int right = worst_right(call, side, p);
            if (call->args->i[0] == SW_HARDEST_NEGATIVE) {
                int other = which[side * n + p];
                if (other >= 0)
                    push(call, side, p, other, right);
                continue;
            }
            for (int other = 0; other < n; other++)
                if (is_negative(call, p, other) &&
                    !(violation_of(call, side, p, other, right) <= 0))
                    push(call, side, p, other, right);
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
    {1, {{2, {6, 6}, -1, 1, 0}}, {{SW_HARDEST_NEGATIVE, 0, 2}, {0.2f}, NULL}},
    {1, {{2, {6, 6}, -1, 1, 0}}, {{SW_ALL_NEGATIVES, 0, 3}, {0.2f}, NULL}},
};

const struct sw_op sw_op_hinge = {
    SW_OP(hinge, "hinge", 1, 1, "(I,I)->(1)",
          "eq. 17; f: margin; i: 0 hardest or 1 all negatives, 1 to leave out pairs of the same "
          "image, so many pairs in succession are views of one sample; p: sw_pair_images of I "
          "pairs"),
    .saved_size = hinge_saved_size,
};
