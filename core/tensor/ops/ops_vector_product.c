/* ops_vector_product.c -- matrix products between lane tensors and explicit vectors.
 *
 * mix and vec_dots are two faces of one product. With W (R,K,L) and Y (K,Ly,D), X (R,L,D):
 *     mix: X_l = W_l Y_l,    vec_dots: W_l = X_l Y_l^T
 * where Y_l is the same for all pairs when Ly = 1. A lane tensor has its pairs innermost, so W is
 * repacked beside the call: as (R,L,K) when Y is shared, which makes one product of all pairs, and
 * as (L,R,K) when each pair multiplies by a Y of its own. */
#include "tensor/tape/ops.h"

/* The sizes of such a product. */
struct product {
    struct sw_compute *compute;
    int R, K, D, shared;
};

static struct product product_of(const struct sw_call *call, const struct sw_tensor *w,
                                 const struct sw_tensor *y)
{
    return (struct product){call->compute, w->dim[0], w->dim[1], y->dim[2], y->dim[1] == 1};
}

static size_t packed_count(const struct product *p)
{
    return (size_t)p->R * (size_t)p->K * SW_LANES;
}

static float *packed_row(const struct product *p, float *packed, int r, int l)
{
    const size_t row =
        p->shared ? (size_t)r * SW_LANES + (size_t)l : (size_t)l * (size_t)p->R + (size_t)r;
    return packed + row * (size_t)p->K;
}

static void pack(const struct product *p, const float *w, float *packed)
{
    for (int r = 0; r < p->R; r++)
        for (int l = 0; l < SW_LANES; l++) {
            const float *from = w + (size_t)r * (size_t)p->K * SW_LANES + l;
            float *to = packed_row(p, packed, r, l);
            for (int k = 0; k < p->K; k++)
                to[k] = from[k * SW_LANES];
        }
}

static void unpack(const struct product *p, float *packed, float *w, int accumulate)
{
    for (int r = 0; r < p->R; r++)
        for (int l = 0; l < SW_LANES; l++) {
            const float *from = packed_row(p, packed, r, l);
            float *to = w + (size_t)r * (size_t)p->K * SW_LANES + l;
            for (int k = 0; k < p->K; k++)
                to[k * SW_LANES] = (accumulate ? to[k * SW_LANES] : 0) + from[k];
        }
}

/* How a product is called: once over R L rows, or once per lane with steps of L D between rows. */
struct calls {
    int count, rows, step;
};

static struct calls calls_of(const struct product *p)
{
    if (p->shared)
        return (struct calls){1, p->R * SW_LANES, p->D};
    return (struct calls){SW_LANES, p->R, SW_LANES * p->D};
}

/* X = W Y + beta X */
static void times(const struct product *p, const float *packed, const float *y, float beta,
                  float *x)
{
    const struct calls c = calls_of(p);
    for (int i = 0; i < c.count; i++)
        sw_gemm_one(p->compute, 0, 0, c.rows, p->D, p->K, 1,
                    packed + (size_t)i * (size_t)p->R * (size_t)p->K, p->K,
                    y + (size_t)i * (size_t)p->D, c.step, beta, x + (size_t)i * (size_t)p->D,
                    c.step);
}

/* W = X Y^T */
static void dots(const struct product *p, const float *x, const float *y, float *packed)
{
    const struct calls c = calls_of(p);
    for (int i = 0; i < c.count; i++)
        sw_gemm_one(p->compute, 0, 1, c.rows, p->K, p->D, 1, x + (size_t)i * (size_t)p->D, c.step,
                    y + (size_t)i * (size_t)p->D, c.step, 0,
                    packed + (size_t)i * (size_t)p->R * (size_t)p->K, p->K);
}

/* Y += W^T X */
static void add_transposed(const struct product *p, const float *packed, const float *x, float *y)
{
    const struct calls c = calls_of(p);
    for (int i = 0; i < c.count; i++)
        sw_gemm_one(p->compute, 1, 0, p->K, p->D, c.rows, 1,
                    packed + (size_t)i * (size_t)p->R * (size_t)p->K, p->K,
                    x + (size_t)i * (size_t)p->D, c.step, 1, y + (size_t)i * (size_t)p->D, c.step);
}

/* ---- mix ---- */

static int mix_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *w = call->in[0], *y = call->in[1];
    if (!sw_is_lanes(w) || !sw_is_vectors(y) || w->dim[1] != y->dim[0] ||
        w->dim[0] > INT_MAX / SW_LANES)
        return -1;
    return sw_shape_3(dim, w->dim[0], SW_LANES, y->dim[2]);
}

/* The packed weights, and backward's packed gradient of them. */
static size_t mix_saved_size(const struct sw_call *call)
{
    const struct product p = product_of(call, call->in[0], call->in[1]);
    return 2 * packed_count(&p) * sizeof(float);
}

static void mix_forward(const struct sw_call *call)
{
    const struct product p = product_of(call, call->in[0], call->in[1]);
    pack(&p, call->in[0]->data, call->saved);
    times(&p, call->saved, call->in[1]->data, 0, call->out->data);
}

/* dW = dX Y^T and dY = W^T dX */
static void mix_backward(const struct sw_call *call)
{
    const struct product p = product_of(call, call->in[0], call->in[1]);
    float *weights = call->saved, *gradient = weights + packed_count(&p);
    if (call->in[0]->grad) {
        dots(&p, call->out->grad, call->in[1]->data, gradient);
        unpack(&p, gradient, call->in[0]->grad, 1);
    }
    if (call->in[1]->grad)
        add_transposed(&p, weights, call->out->grad, call->in[1]->grad);
}

static void mix_products(const struct sw_call *call, struct sw_product_list *out)
{
    const struct product p = product_of(call, call->in[0], call->in[1]);
    if (p.R > 1)
        out->add(out, (struct sw_product){.M = p.R, .N = p.D, .K = p.K});
}

static const struct sw_sample mix_samples[] = {
    {2, {SW_IN(-1, 1, 3, 4, 16), SW_IN(-1, 1, 4, 1, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 4, 16), SW_IN(-1, 1, 4, 16, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 3, 16), SW_IN(-1, 1, 3, 1, 2)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 1, 16), SW_IN(-1, 1, 1, 16, 3)}, SW_NO_ARGS},
};

const struct sw_op sw_op_mix = {
    SW_OP(mix, "mix", 2, 2, "(R,K,L),(K,L or 1,D)->(R,L,D)", "sum_k w_rk y_k for each pair"),
    .saved_size = mix_saved_size,
    .products = mix_products,
};

/* ---- vec_dots ---- */

static int dots_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *y = call->in[1];
    if (!sw_is_vectors(x) || !sw_is_vectors(y) || x->dim[1] != SW_LANES || x->dim[2] != y->dim[2])
        return -1;
    return sw_lanes_shape(dim, x->dim[0], y->dim[0]);
}

static size_t dots_saved_size(const struct sw_call *call)
{
    const struct product p = product_of(call, call->out, call->in[1]);
    return packed_count(&p) * sizeof(float);
}

static void dots_forward(const struct sw_call *call)
{
    const struct product p = product_of(call, call->out, call->in[1]);
    dots(&p, call->in[0]->data, call->in[1]->data, call->saved);
    unpack(&p, call->saved, call->out->data, 0);
}

/* dX = dW Y and dY = dW^T X */
static void dots_backward(const struct sw_call *call)
{
    const struct product p = product_of(call, call->out, call->in[1]);
    pack(&p, call->out->grad, call->saved);
    if (call->in[0]->grad)
        times(&p, call->saved, call->in[1]->data, 1, call->in[0]->grad);
    if (call->in[1]->grad)
        add_transposed(&p, call->saved, call->in[0]->data, call->in[1]->grad);
}

static void dots_products(const struct sw_call *call, struct sw_product_list *out)
{
    const struct product p = product_of(call, call->out, call->in[1]);
    if (p.R > 1)
        out->add(out, (struct sw_product){.transpose_b = 1, .M = p.R, .N = p.K, .K = p.D});
}

static const struct sw_sample dots_samples[] = {
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 4, 1, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 16, 5), SW_IN(-1, 1, 4, 16, 5)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 1, 16, 2), SW_IN(-1, 1, 3, 1, 2)}, SW_NO_ARGS},
    {2, {SW_IN(-1, 1, 3, 16, 1), SW_IN(-1, 1, 1, 16, 1)}, SW_NO_ARGS},
};

const struct sw_op sw_op_vec_dots = {
    SW_OP(dots, "vec_dots", 2, 2, "(R,L,D),(K,L or 1,D)->(R,K,L)", "x_r . y_k for each pair"),
    .saved_size = dots_saved_size,
    .products = dots_products,
};
