/* gate_vector.c -- a gate for every component (eq. 8 read with W_g (D,2D)).
 *
 *   g = sigmoid(W_g [x; x*] + b_g),  fused = g o x + (1 - g) o x*
 *
 * The product is not closed in the span of the fragments, but it is linear before the sigmoid:
 * W_g [x; x*] = W_1 x + sum_j alpha_j (W_2 t_j), so W_1 and W_2 are applied once a fragment and
 * mixed for each pair. */
#include "both_sides.h"

enum { L = SW_LANES };

/* ---- the fused operation ------------------------------------------------------------------------
 */

/* in: own (R,Lx,D), attended (R,L,D), their logits (R,Lx,D), (R,L,D), bias (D); Lx is 1 or L */
static int blend_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *own = call->in[0], *attended = call->in[1];
    for (int i = 0; i < 4; i++) {
        const struct sw_tensor *x = call->in[i];
        int lanes_fit = i % 2 == 0 ? x->dim[1] == 1 || x->dim[1] == attended->dim[1]
                                   : x->dim[1] == attended->dim[1];
        if (x->ndim != 3 || x->dim[0] != own->dim[0] || x->dim[2] != own->dim[2] || !lanes_fit)
            return -1;
    }
    if (own->dim[1] != call->in[2]->dim[1] || call->in[4]->ndim != 1 ||
        call->in[4]->dim[0] != own->dim[2])
        return -1;
    for (int d = 0; d < 3; d++)
        out_dim[d] = attended->dim[d];
    return 3;
}

static size_t blend_saved(const struct sw_call *call)
{
    const int *dim = call->out->dim;
    return sizeof(float) * (size_t)dim[0] * (size_t)dim[1] * (size_t)dim[2];
}

/* Where row r of lane l begins in x, whose lanes may be one for all. */
static size_t at(const struct sw_tensor *x, int r, int l)
{
    return ((size_t)r * (size_t)x->dim[1] + (size_t)(x->dim[1] == 1 ? 0 : l)) * (size_t)x->dim[2];
}

static void blend_forward(const struct sw_call *call)
{
    const struct sw_tensor *own = call->in[0], *attended = call->in[1], *out = call->out;
    const float *bias = call->in[4]->data;
    float *gates = call->saved;
    int D = out->dim[2];
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < out->dim[1]; l++) {
            const float *x = own->data + at(own, r, l), *y = attended->data + at(attended, r, l);
            const float *zx = call->in[2]->data + at(own, r, l);
            const float *zy = call->in[3]->data + at(attended, r, l);
            float *g = gates + at(out, r, l), *o = out->data + at(out, r, l);
            for (int d = 0; d < D; d++)
                g[d] = zx[d] + zy[d] + bias[d];
            call->host->sigmoid(call->compute, (size_t)D, g, g);
            for (int d = 0; d < D; d++)
                o[d] = y[d] + g[d] * (x[d] - y[d]);
        }
}

/* dx += do g; dy += do (1 - g); dz = do (x - y) g (1 - g) goes to both logits and the bias */
static void blend_backward(const struct sw_call *call)
{
    const struct sw_tensor *own = call->in[0], *attended = call->in[1], *out = call->out;
    const float *gates = call->saved;
    int D = out->dim[2];
    for (int r = 0; r < out->dim[0]; r++)
        for (int l = 0; l < out->dim[1]; l++) {
            size_t own_at = at(own, r, l), attended_at = at(attended, r, l);
            const float *x = own->data + own_at, *y = attended->data + attended_at;
            const float *g = gates + at(out, r, l), *dout = out->grad + at(out, r, l);
            float *dx = own->grad ? own->grad + own_at : NULL;
            float *dy = attended->grad ? attended->grad + attended_at : NULL;
            float *dzx = call->in[2]->grad ? call->in[2]->grad + own_at : NULL;
            float *dzy = call->in[3]->grad ? call->in[3]->grad + attended_at : NULL;
            float *db = call->in[4]->grad;
            for (int d = 0; d < D; d++) {
                float dz = dout[d] * (x[d] - y[d]) * g[d] * (1 - g[d]);
                if (dx)
                    dx[d] += dout[d] * g[d];
                if (dy)
                    dy[d] += dout[d] * (1 - g[d]);
                if (dzx)
                    dzx[d] += dz;
                if (dzy)
                    dzy[d] += dz;
                if (db)
                    db[d] += dz;
            }
        }
}

static const struct sw_sample blend_samples[] = {
    {.inputs = 5,
     .in = {{3, {2, L, 3}, -1, 1, 0},
            {3, {2, L, 3}, -1, 1, 0},
            {3, {2, L, 3}, -1, 1, 0},
            {3, {2, L, 3}, -1, 1, 0},
            {1, {3}, -1, 1, 0}}},
    {.inputs = 5,
     .in = {{3, {3, 1, 5}, -1, 1, 0},
            {3, {3, L, 5}, -1, 1, 0},
            {3, {3, 1, 5}, -1, 1, 0},
            {3, {3, L, 5}, -1, 1, 0},
            {1, {5}, -1, 1, 0}}},
};

static const struct sw_op blend = {
    .name = "gate_blend",
    .shapes = "(R,Lx,D),(R,L,D),(R,Lx,D),(R,L,D),(D)->(R,L,D)",
    .doc = "g o x + (1 - g) o y, g = sigmoid(zx + zy + b)",
    .least_inputs = 5,
    .most_inputs = 5,
    .shape = blend_shape,
    .saved_size = blend_saved,
    .forward = blend_forward,
    .backward = blend_backward,
    .samples = blend_samples,
    .sample_count = 2,
};

/* ---- the fusion ------------------------------------------------------------------------------ */

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)values;
    return both_declare(host, model, self, host->dim(model));
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    both_prepare_maps(batch, self, prepared);
}

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    (void)self;
    const struct both_prepared *p = prepared;
    const struct sw_host *host = tile->host;
    struct sw_tensor *in[5] = {host->numbers(tile, own), host->numbers(tile, attended),
                               host->mapped(tile, own, p->own[side]),
                               host->mapped(tile, attended, p->attended[side]),
                               sw_read(tile, p->bias[side])};
    struct sw_args none = {{0}, {0}, NULL};
    return host->explicit_vectors(tile, host->apply(tile->graph, "gate_blend", in, 5, &none));
}

static const struct sw_fusion gate_vector = {
    .name = "gate_vector",
    .doc = "a gate a component: g o x + (1 - g) o x*, g = sigmoid(W_g [x; x*] + b_g), W_g (D,2D)",
    .self_size = sizeof(struct both_sides),
    .prepared_size = sizeof(struct both_prepared),
    .init = init,
    .prepare = prepare,
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "gate_vector",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "gated fusion, a number a component",
    .fusions = (const struct sw_fusion *const[]){&gate_vector, NULL},
    .ops = (const struct sw_op *const[]){&blend, NULL},
};
