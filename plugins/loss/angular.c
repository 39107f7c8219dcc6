/* angular.c -- the angular loss that SAEM (Wu et al., ACM MM 2019) adds to the hinge, on pooled
 * vectors of length 1, at 45 degrees: of an anchor a, its partner p and the hardest other n,
 *
 *   log(1 + exp(max_n 4 (a + p) . n - 4 a . p)),
 *
 * summed over the pairs, once with captions and once with images for n. */
#include <stepwise/plugin.h>

#include <math.h>

/* ---- the operation: products of (images, captions), (captions, captions), (images, images) ----
 */

enum { CROSS, CAPTIONS, IMAGES };

/* Rows of images may be more than pairs: those behind are no images. */
static int angular_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *s = call->in[CROSS], *t = call->in[CAPTIONS], *v = call->in[IMAGES];
    if (s->ndim != 2 || t->ndim != 2 || v->ndim != 2 || s->dim[0] < s->dim[1] ||
        t->dim[0] != s->dim[1] || t->dim[1] != s->dim[1] || v->dim[0] != s->dim[0] ||
        v->dim[1] != s->dim[0])
        return -1;
    out_dim[0] = 1;
    return 1;
}

/* saved: each pair's hardest other caption, then image; -1 without any */
static size_t angular_saved_size(const struct sw_call *call)
{
    return 2 * (size_t)call->in[CROSS]->dim[1] * sizeof(int32_t);
}

static size_t at(const struct sw_tensor *x, int row, int column)
{
    return (size_t)row * (size_t)x->dim[1] + (size_t)column;
}

/* Where the two products with the other n stand: a . n or p . n across, the other within a side. */
static void places(const struct sw_call *call, int side, int p, int n, size_t *across,
                   size_t *within)
{
    *across = side == 0 ? at(call->in[CROSS], p, n) : at(call->in[CROSS], n, p);
    *within = at(call->in[CAPTIONS + side], p, n);
}

static double exponent(const struct sw_call *call, int side, int p, int n)
{
    size_t across, within;
    places(call, side, p, n, &across, &within);
    const float *s = call->in[CROSS]->data;
    return 4.0 * s[across] + 4.0 * call->in[CAPTIONS + side]->data[within] -
           4.0 * s[at(call->in[CROSS], p, p)];
}

static void angular_forward(const struct sw_call *call)
{
    int B = call->in[CROSS]->dim[1];
    int32_t *which = call->saved;
    double sum = 0;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < B; p++) {
            double most = -INFINITY;
            which[side * B + p] = -1;
            for (int n = 0; n < B; n++)
                if (n != p && !(exponent(call, side, p, n) <= most) && !isnan(most)) {
                    most = exponent(call, side, p, n);
                    which[side * B + p] = n;
                }
            sum += most > 30 ? most : log1p(exp(most));
        }
    call->out->data[0] = (float)sum;
}

/* The hardest takes 4 sigmoid(exponent) dout, the right pair as much off. */
static void angular_backward(const struct sw_call *call)
{
    int B = call->in[CROSS]->dim[1];
    const int32_t *which = call->saved;
    for (int side = 0; side < 2; side++)
        for (int p = 0; p < B; p++) {
            int n = which[side * B + p];
            size_t across, within;
            if (n < 0)
                continue;
            float d = (float)(4 / (1 + exp(-exponent(call, side, p, n)))) * call->out->grad[0];
            places(call, side, p, n, &across, &within);
            if (call->in[CROSS]->grad) {
                call->in[CROSS]->grad[across] += d;
                call->in[CROSS]->grad[at(call->in[CROSS], p, p)] -= d;
            }
            if (call->in[CAPTIONS + side]->grad)
                call->in[CAPTIONS + side]->grad[within] += d;
        }
}

static const struct sw_sample angular_samples[] = {
    {3, {{2, {4, 4}, -1, 1, 0}, {2, {4, 4}, -1, 1, 0}, {2, {4, 4}, -1, 1, 0}}, {.i = {0}}},
    {3, {{2, {5, 3}, -1, 1, 0}, {2, {3, 3}, -1, 1, 0}, {2, {5, 5}, -1, 1, 0}}, {.i = {0}}},
};

static const struct sw_op angular_op = {
    .name = "angular",
    .shapes = "(G,B),(B,B),(G,G)->(1)",
    .doc =
        "sum of log(1 + exp(max_n 4 (S_pn + T_pn - S_pp))) over rows p with captions' T and over "
        "columns with images' T",
    .least_inputs = 3,
    .most_inputs = 3,
    .shape = angular_shape,
    .saved_size = angular_saved_size,
    .forward = angular_forward,
    .backward = angular_backward,
    .samples = angular_samples,
    .sample_count = 2,
};

/* ---- the loss ---- */

enum { DECAY, DECAY_EVERY, EPOCHS };

static const struct sw_option options[] = {
    {"decay", SW_NUMBER, "0.1", NULL, 0, 1, "factor of the weight .."},
    {"decay_every", SW_INTEGER, "5", NULL, 1, 1000000, ".. every so many epochs"},
    {"epochs", SW_INTEGER, "20", NULL, 0, 1000000, "first epochs that have this loss at all"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct angular {
    double decay;
    int decay_every, epochs;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct angular *s = self;
    (void)host, (void)model;
    s->decay = values[DECAY].number;
    s->decay_every = (int)values[DECAY_EVERY].number;
    s->epochs = (int)values[EPOCHS].number;
    return 0;
}

static struct sw_tensor *products(struct sw_loss_batch *b, struct sw_tensor *x, struct sw_tensor *y)
{
    struct sw_tensor *in[2] = {x, y};
    return b->host->apply(b->graph, "linear", in, 2, NULL);
}

static struct sw_tensor *loss(struct sw_loss_batch *b, const void *self)
{
    const struct angular *s = self;
    double weight = b->epoch < s->epochs ? pow(s->decay, b->epoch / s->decay_every) : 0;
    struct sw_args scale = {.f = {(float)weight}};
    struct sw_tensor *v = b->host->apply(b->graph, "l2norm", &b->image, 1, NULL);
    struct sw_tensor *t = b->host->apply(b->graph, "l2norm", &b->text, 1, NULL);
    struct sw_tensor *in[3] = {products(b, v, t), products(b, t, t), products(b, v, v)};
    struct sw_tensor *sum = b->host->apply(b->graph, "angular", in, 3, NULL);
    return b->host->apply(b->graph, "affine", &sum, 1, &scale);
}

static const struct sw_loss angular = {
    .name = "angular",
    .doc = "SAEM: the angle at the hardest other pair; on pooled vectors",
    .options = options,
    .self_size = sizeof(struct angular),
    .init = init,
    .loss = loss,
    .flags = SW_LOSS_NEEDS_POOLED,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "angular",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "the angular loss of SAEM",
    .losses = (const struct sw_loss *const[]){&angular, NULL},
    .ops = (const struct sw_op *const[]){&angular_op, NULL},
};
