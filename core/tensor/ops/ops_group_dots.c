/* ops_group_dots.c -- each fragment with a vector of its own image or caption. */
#include "tensor/tape/graph.h"
#include "tensor/tape/ops.h"
#include "tensor/ops/groups.h"

#include <string.h>

enum { X, GROUP, WEIGHT };

static int dots_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_fragments *groups = call->args->p;
    const struct sw_tensor *x = call->in[X], *y = call->in[GROUP], *w = call->in[WEIGHT];
    if (x->ndim != 2 || y->ndim != 2 || w->ndim != 2 || !sw_groups_fit(groups, x->dim[0]) ||
        y->dim[0] != sw_group_rows(groups) || y->dim[1] != x->dim[1] || w->dim[0] != 1 ||
        w->dim[1] != x->dim[1])
        return -1;
    return sw_shape_2(out_dim, x->dim[0], 1);
}

/* w y_g, and behind all of these, in backward, sum_f d_f x_f: (2,G,D) */
static size_t dots_saved_size(const struct sw_call *call)
{
    return 2 * sizeof(float) * sw_tensor_count(call->in[GROUP]);
}

static void dots_some(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const size_t D = (size_t)call->in[X]->dim[1];
    for (int g = from; g < to; g++) {
        float *weighted = (float *)call->saved + (size_t)g * D;
        kernels->mul(D, call->in[GROUP]->data + (size_t)g * D, call->in[WEIGHT]->data, weighted);
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            const size_t row = sw_group_row(groups, g, f);
            call->out->data[row] = kernels->dot(D, call->in[X]->data + row * D, weighted);
        }
    }
}

/* out_f = sum_d w_d x_fd y_gd */
static void dots_forward(const struct sw_call *call)
{
    sw_clear_padded(call, call->out->data, 1);
    sw_over_groups(call, call->in[X]->dim[1], dots_some);
}

static void dots_some_backward(const void *data, int from, int to)
{
    const struct sw_call *call = data;
    const struct sw_fragments *groups = call->args->p;
    const struct sw_kernels *kernels = sw_kernels_of(call);
    const struct sw_tensor *x = call->in[X], *y = call->in[GROUP];
    const size_t D = (size_t)x->dim[1];
    for (int g = from; g < to; g++) {
        const float *weighted = (const float *)call->saved + (size_t)g * D;
        float *sum = (float *)call->saved + sw_tensor_count(y) + (size_t)g * D;
        memset(sum, 0, D * sizeof *sum);
        for (int f = 0; f < sw_group_size(groups, g); f++) {
            const size_t row = sw_group_row(groups, g, f);
            if (x->grad)
                kernels->axpy(D, call->out->grad[row], weighted, x->grad + row * D);
            kernels->axpy(D, call->out->grad[row], x->data + row * D, sum);
        }
        if (y->grad)
            kernels->mul_add(D, 1, call->in[WEIGHT]->data, sum, y->grad + (size_t)g * D);
    }
}

/* dx_f = d_f w y_g; with z_g = sum_f d_f x_f: dy_g = w z_g, and dw = sum_g y_g z_g in the order of
 * the groups */
static void dots_backward(const struct sw_call *call)
{
    const struct sw_tensor *y = call->in[GROUP], *w = call->in[WEIGHT];
    const size_t D = (size_t)y->dim[1];
    sw_over_groups(call, y->dim[1], dots_some_backward);
    for (size_t g = 0; w->grad && g < (size_t)y->dim[0]; g++)
        sw_kernels_of(call)->mul_add(D, 1, y->data + g * D,
                                     (const float *)call->saved + sw_tensor_count(y) + g * D,
                                     w->grad);
}

static const struct sw_sample dots_samples[] = {
    {3, {SW_IN(-1, 1, 48, 3), SW_IN(-1, 1, 16, 3), SW_IN(-1, 1, 1, 3)}, {.p = &sw_sample_regions}},
    {3, {SW_IN(-1, 1, 6, 5), SW_IN(-1, 1, 3, 5), SW_IN(-1, 1, 1, 5)}, {.p = &sw_sample_words}},
};

const struct sw_op sw_op_group_dots = {
    SW_OP(dots, "group_dots", 3, 3, "(N,D),(G,D),(1,D)->(N,1)",
          "sum_d w_d x_fd y_gd of each fragment with its group's row; zero in padding rows; p: "
          "sw_fragments"),
    .saved_size = dots_saved_size,
};
