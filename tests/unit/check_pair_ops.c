/* check_pair_ops.c -- what the operations on pairs compute, against their definitions in double.
 *
 * The gradient check of check_ops.c holds backward against forward; it cannot see a forward that is
 * consistently something else, as one that reads a transposed input straight. */
#include "unit.h"

#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <math.h>

enum { L = SW_LANES };

struct bench {
    struct sw_compute *compute;
    struct sw_ops *ops;
    struct sw_graph *graph;
};

static struct bench start(int threads)
{
    struct sw_error error = {0};
    struct bench b = {.compute = sw_compute_new(threads, &error), .ops = sw_ops_new(&error)};
    ck_assert_msg(b.compute && b.ops, "%s", error.text);
    b.graph = sw_graph_new(NULL, b.compute, b.ops, &error);
    ck_assert_ptr_nonnull(b.graph);
    sw_graph_reset(b.graph, 1);
    return b;
}

static void finish(struct bench *b)
{
    sw_graph_free(b->graph);
    sw_ops_free(b->ops);
    sw_compute_free(b->compute);
}

/* A tensor of random numbers in (-1, 1); a dimension of 0 ends the shape. */
static struct sw_tensor *random_tensor(struct bench *b, uint32_t index, int d0, int d1, int d2)
{
    const int dim[3] = {d0, d1, d2};
    struct sw_random random = sw_random_stream(3, SW_FOR_TESTS, 0, index);
    struct sw_tensor *x = sw_graph_tensor(b->graph, d2 ? 3 : d1 ? 2 : 1, dim, NULL, 1);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < sw_tensor_count(x); i++)
        x->data[i] = 2 * sw_random_uniform(&random) - 1;
    return x;
}

static struct sw_tensor *run(struct bench *b, const char *op, struct sw_tensor *x,
                             struct sw_tensor *y, struct sw_tensor *z, struct sw_args args)
{
    struct sw_tensor *in[3] = {x, y, z};
    struct sw_tensor *out = sw_graph_apply_named(b->graph, op, in, z ? 3 : y ? 2 : 1, &args);
    ck_assert_msg(out != NULL, "%s", sw_graph_error(b->graph)->text);
    return out;
}

static double at(const struct sw_tensor *x, int i, int j, int l)
{
    return x->data[((size_t)i * (size_t)x->dim[1] + (size_t)j) * (size_t)x->dim[2] + (size_t)l];
}

/* Number d of row r of pair l, where rows or lanes may be shared. */
static double of_pair(const struct sw_tensor *x, int r, int l, int d)
{
    return at(x, x->dim[0] > 1 ? r : 0, x->dim[1] > 1 ? l : 0, d);
}

static void assert_near(double found, double expected, const char *what)
{
    ck_assert_msg(fabs(found - expected) <= 3e-6, "%s: expected %.9g, found %.9g", what, expected,
                  found);
}

static void assert_shape(const struct sw_tensor *x, int d0, int d1, int d2)
{
    ck_assert_int_eq(x->ndim, 3);
    ck_assert_int_eq(x->dim[0], d0);
    ck_assert_int_eq(x->dim[1], d1);
    ck_assert_int_eq(x->dim[2], d2);
}

static const struct sw_args none = {{0}, {0}, NULL};

/* ---- lane tensors ---- */

enum { R = 5, K = 3, M = 4 };

/* All four ways to store the factors: swapped, attention would run over the wrong axis. */
START_TEST(lane_products_by_definition)
{
    struct bench b = start(1);
    for (int way = 0; way < 4; way++) {
        const int tx = way & 1, ty = way >> 1;
        struct sw_tensor *x = tx ? random_tensor(&b, 1, M, R, L) : random_tensor(&b, 1, R, M, L);
        struct sw_tensor *y = ty ? random_tensor(&b, 2, K, M, L) : random_tensor(&b, 2, M, K, L);
        struct sw_tensor *z = random_tensor(&b, 3, R, M, L);
        struct sw_args args = {.i = {tx, ty}};
        struct sw_tensor *product = run(&b, "lane_matmul", x, y, NULL, args);
        struct sw_tensor *dots = run(&b, "lane_rowdot", x, z, NULL, args);
        assert_shape(product, R, K, L);
        assert_shape(dots, 1, R, L);
        for (int l = 0; l < L; l++)
            for (int r = 0; r < R; r++) {
                double dot = 0;
                for (int m = 0; m < M; m++)
                    dot += (tx ? at(x, m, r, l) : at(x, r, m, l)) * at(z, r, m, l);
                assert_near(at(dots, 0, r, l), dot, "lane_rowdot");
                for (int k = 0; k < K; k++) {
                    double sum = 0;
                    for (int m = 0; m < M; m++)
                        sum += (tx ? at(x, m, r, l) : at(x, r, m, l)) *
                               (ty ? at(y, k, m, l) : at(y, m, k, l));
                    assert_near(at(product, r, k, l), sum, "lane_matmul");
                }
            }
    }
    finish(&b);
}
END_TEST

START_TEST(lane_quadratic_diag_and_scale_by_definition)
{
    struct bench b = start(1);
    struct sw_tensor *x = random_tensor(&b, 1, R, K, L), *g = random_tensor(&b, 2, K, K, L),
                     *s = random_tensor(&b, 3, 1, R, L);
    struct sw_tensor *form = run(&b, "lane_quadratic", x, g, NULL, none),
                     *diag = run(&b, "lane_diag", g, NULL, NULL, none),
                     *scaled = run(&b, "lane_scale", x, s, NULL, none);
    assert_shape(form, 1, R, L);
    assert_shape(diag, 1, K, L);
    assert_shape(scaled, R, K, L);
    for (int l = 0; l < L; l++) {
        for (int r = 0; r < R; r++) {
            double sum = 0;
            for (int k = 0; k < K; k++) {
                for (int j = 0; j < K; j++)
                    sum += at(x, r, k, l) * at(g, k, j, l) * at(x, r, j, l);
                assert_near(at(scaled, r, k, l), at(s, 0, r, l) * at(x, r, k, l), "lane_scale");
            }
            assert_near(at(form, 0, r, l), sum, "lane_quadratic");
        }
        for (int k = 0; k < K; k++)
            assert_near(at(diag, 0, k, l), at(g, k, k, l), "lane_diag");
    }
    finish(&b);
}
END_TEST

/* Both ways to store x, with a mask that keeps some, all or none of a lane's columns. */
START_TEST(lane_softmax_and_l2norm_by_definition)
{
    struct bench b = start(1);
    for (int transposed = 0; transposed < 2; transposed++) {
        struct sw_tensor *x = transposed ? random_tensor(&b, 1, M, R, L)
                                         : random_tensor(&b, 1, R, M, L),
                         *mask = random_tensor(&b, 2, 1, M, L);
        for (int i = 0; i < M * L; i++)
            mask->data[i] = i % L == 2 ? 0 : i % L == 3 ? 1 : mask->data[i] > 0;
        struct sw_tensor *y =
            run(&b, "lane_softmax", x, mask, NULL, (struct sw_args){.i = {transposed}, .f = {3}});
        /* reduced over M, which is the rows of a transposed x */
        struct sw_tensor *z =
            run(&b, "lane_l2norm", x, mask, NULL, (struct sw_args){.i = {!transposed}});
        assert_shape(y, R, M, L);
        for (int l = 0; l < L; l++)
            for (int r = 0; r < R; r++) {
                double sum = 0, square = 0;
                for (int m = 0; m < M; m++) {
                    double v = transposed ? at(x, m, r, l) : at(x, r, m, l);
                    sum += at(mask, 0, m, l) * exp(3 * v);
                    square += at(mask, 0, m, l) * v * v;
                }
                for (int m = 0; m < M; m++) {
                    double v = transposed ? at(x, m, r, l) : at(x, r, m, l),
                           keep = at(mask, 0, m, l);
                    assert_near(at(y, r, m, l), keep > 0 ? exp(3 * v) / sum : 0, "lane_softmax");
                    assert_near(transposed ? at(z, m, r, l) : at(z, r, m, l),
                                keep > 0 ? v / sqrt(square) : 0, "lane_l2norm");
                }
            }
    }
    finish(&b);
}
END_TEST

/* Both ways to store x; a lane without any column, one with all, the largest at every place. */
START_TEST(lane_max_and_lse_by_definition)
{
    struct bench b = start(1);
    for (int transposed = 0; transposed < 2; transposed++) {
        struct sw_tensor *x = transposed ? random_tensor(&b, 1, M, R, L)
                                         : random_tensor(&b, 1, R, M, L),
                         *mask = random_tensor(&b, 2, 1, M, L);
        for (int i = 0; i < M * L; i++)
            mask->data[i] = i % L == 2 ? 0 : i % L == 3 ? 1 : mask->data[i] > 0;
        struct sw_args args = {.i = {transposed}, .f = {4}};
        struct sw_tensor *max = run(&b, "lane_max", x, mask, NULL, args),
                         *lse = run(&b, "lane_lse", x, mask, NULL, args);
        assert_shape(max, 1, R, L);
        assert_shape(lse, 1, R, L);
        for (int i = 0; i < R * L; i++)
            max->grad[i] = (float)(i + 1);
        ck_assert_int_eq(sw_graph_backward(b.graph), SW_OK);
        for (int l = 0; l < L; l++)
            for (int r = 0; r < R; r++) {
                double most = 0, sum = 0;
                int at_most = -1;
                for (int m = 0; m < M; m++) {
                    double v = transposed ? at(x, m, r, l) : at(x, r, m, l);
                    if (at(mask, 0, m, l) == 0)
                        continue;
                    if (at_most < 0 || v > most) {
                        most = v;
                        at_most = m;
                    }
                    sum += exp(4 * v);
                }
                assert_near(at(max, 0, r, l), most, "lane_max");
                assert_near(at(lse, 0, r, l), sum > 0 ? log(sum) / 4 : 0, "lane_lse");
                for (int m = 0; m < M; m++)
                    assert_near(x->grad[(transposed ? m * R + r : r * M + m) * L + l],
                                m == at_most ? r * L + l + 1 : 0, "lane_max's gradient");
            }
        sw_graph_reset(b.graph, 1);
    }
    finish(&b);
}
END_TEST

START_TEST(lane_mean_and_cosine_by_definition)
{
    struct bench b = start(1);
    struct sw_tensor *x = random_tensor(&b, 1, 1, R, L), *mask = random_tensor(&b, 2, 1, R, L),
                     *xx = random_tensor(&b, 3, 1, R, L), *yy = random_tensor(&b, 4, 1, 1, L);
    for (int i = 0; i < R * L; i++) {
        mask->data[i] = i % L == 2 ? 0 : i % L == 3 ? 1 : mask->data[i] > 0;
        xx->data[i] = 0.1f + fabsf(xx->data[i]);
    }
    for (int l = 0; l < L; l++)
        yy->data[l] = 0.1f + fabsf(yy->data[l]);
    for (int i = 0; i < R * L; i++)
        if (mask->data[i] == 0)
            x->data[i] = NAN;
    struct sw_tensor *mean = run(&b, "lane_mean", x, mask, NULL, none),
                     *sum = run(&b, "lane_mean", x, mask, NULL, (struct sw_args){.i = {1}});
    assert_shape(mean, 1, 1, L);
    for (int l = 0; l < L; l++) {
        double total = 0, count = 0;
        for (int r = 0; r < R; r++)
            if (at(mask, 0, r, l) > 0)
                total += at(x, 0, r, l), count++;
        assert_near(at(sum, 0, 0, l), total, "sum");
        assert_near(at(mean, 0, 0, l), count > 0 ? total / count : 0, "mean");
    }
    x = random_tensor(&b, 1, 1, R, L);
    struct sw_tensor *one = run(&b, "lane_cosine", x, xx, yy, none),
                     *other = run(&b, "lane_cosine", x, yy, xx, none);
    assert_shape(one, 1, R, L);
    for (int l = 0; l < L; l++)
        for (int r = 0; r < R; r++) {
            double c = at(x, 0, r, l) / sqrt(at(xx, 0, r, l) * at(yy, 0, 0, l));
            assert_near(at(one, 0, r, l), c, "lane_cosine");
            assert_near(at(other, 0, r, l), c, "lane_cosine");
        }
    finish(&b);
}
END_TEST

/* ---- explicit vectors ---- */

enum { D = 6 };

/* With rows that all pairs share and with rows of each pair's own: the two take different ways. */
START_TEST(vector_products_by_definition)
{
    struct bench b = start(1);
    for (int lanes = 1; lanes <= L; lanes += L - 1) {
        struct sw_tensor *w = random_tensor(&b, 1, R, K, L), *y = random_tensor(&b, 2, K, lanes, D),
                         *x = random_tensor(&b, 3, R, L, D);
        struct sw_tensor *mixed = run(&b, "mix", w, y, NULL, none),
                         *dots = run(&b, "vec_dots", x, y, NULL, none);
        assert_shape(mixed, R, L, D);
        assert_shape(dots, R, K, L);
        for (int r = 0; r < R; r++)
            for (int l = 0; l < L; l++) {
                for (int d = 0; d < D; d++) {
                    double sum = 0;
                    for (int k = 0; k < K; k++)
                        sum += at(w, r, k, l) * of_pair(y, k, l, d);
                    assert_near(at(mixed, r, l, d), sum, "mix");
                }
                for (int k = 0; k < K; k++) {
                    double sum = 0;
                    for (int d = 0; d < D; d++)
                        sum += at(x, r, l, d) * of_pair(y, k, l, d);
                    assert_near(at(dots, r, k, l), sum, "vec_dots");
                }
            }
    }
    finish(&b);
}
END_TEST

/* The last dimension is the row, whatever stands before it. */
START_TEST(linear_and_l2norm_of_vectors_by_definition)
{
    struct bench b = start(1);
    struct sw_tensor *x = random_tensor(&b, 1, R, L, D), *w = random_tensor(&b, 2, K, D, 0),
                     *c = random_tensor(&b, 3, K, 0, 0);
    struct sw_tensor *y = run(&b, "linear", x, w, c, none),
                     *unit = run(&b, "l2norm", x, NULL, NULL, none);
    assert_shape(y, R, L, K);
    assert_shape(unit, R, L, D);
    for (int r = 0; r < R; r++)
        for (int l = 0; l < L; l++) {
            double square = 0;
            for (int d = 0; d < D; d++)
                square += at(x, r, l, d) * at(x, r, l, d);
            for (int d = 0; d < D; d++)
                assert_near(at(unit, r, l, d), at(x, r, l, d) / sqrt(square), "l2norm");
            for (int k = 0; k < K; k++) {
                double sum = c->data[k];
                for (int d = 0; d < D; d++)
                    sum += w->data[k * D + d] * at(x, r, l, d);
                assert_near(at(y, r, l, k), sum, "linear");
            }
        }
    finish(&b);
}
END_TEST

START_TEST(vec_memory_by_definition)
{
    struct bench b = start(1);
    for (int lanes = 1; lanes <= L; lanes += L - 1) {
        struct sw_tensor *j = random_tensor(&b, 1, R, L, 2 * D),
                         *x = random_tensor(&b, 2, R, lanes, D);
        struct sw_tensor *y = run(&b, "vec_memory", j, x, NULL, none);
        assert_shape(y, R, L, D);
        for (int r = 0; r < R; r++)
            for (int l = 0; l < L; l++)
                for (int d = 0; d < D; d++) {
                    double h = tanh(at(j, r, l, d)), g = 1 / (1 + exp(-at(j, r, l, D + d)));
                    assert_near(at(y, r, l, d), g * of_pair(x, r, l, d) + (1 - g) * h,
                                "vec_memory");
                }
    }
    finish(&b);
}
END_TEST

START_TEST(vector_rows_by_definition)
{
    struct bench b = start(1);
    for (int way = 0; way < 8; way++) {
        const int x_lanes = way & 1 ? 1 : L, y_lanes = way & 2 ? 1 : L, y_rows = way & 4 ? 1 : R;
        struct sw_tensor *x = random_tensor(&b, 1, R, x_lanes, D),
                         *y = random_tensor(&b, 2, y_rows, y_lanes, D),
                         *s = random_tensor(&b, 3, 1, R, L), *w = random_tensor(&b, 4, 1, D, 0);
        struct sw_tensor *dot = run(&b, "vec_rowdot", x, y, NULL, none),
                         *value = run(&b, "vec_functional", x, w, NULL, none),
                         *scaled = run(&b, "vec_scale", x, s, NULL, none),
                         *pooled = run(&b, "vec_pool", x, s, NULL, none),
                         *sum = run(&b, "vec_add", x, y, NULL, none),
                         *turned = run(&b, "vec_add", y, x, NULL, none),
                         *less = run(&b, "vec_sub", x, y, NULL, none),
                         *times = run(&b, "vec_mul", y, x, NULL, none),
                         *stack = run(&b, "vec_stack", x, y, NULL, none);
        assert_shape(dot, 1, R, L);
        assert_shape(value, 1, R, L);
        assert_shape(scaled, R, L, D);
        assert_shape(pooled, 1, L, D);
        assert_shape(sum, R, L, D);
        assert_shape(stack, R + y_rows, x_lanes > y_lanes ? x_lanes : y_lanes, D);
        for (int l = 0; l < L; l++) {
            for (int d = 0; d < D; d++) {
                double total = 0;
                for (int r = 0; r < R; r++)
                    total += at(s, 0, r, l) * of_pair(x, r, l, d);
                assert_near(at(pooled, 0, l, d), total, "vec_pool");
            }
            for (int r = 0; r < R; r++) {
                double xy = 0, wx = 0;
                for (int d = 0; d < D; d++) {
                    const double u = of_pair(x, r, l, d), v = of_pair(y, r, l, d);
                    xy += u * v;
                    wx += w->data[d] * u;
                    assert_near(at(scaled, r, l, d), at(s, 0, r, l) * u, "vec_scale");
                    assert_near(at(sum, r, l, d), u + v, "vec_add");
                    assert_near(at(turned, r, l, d), u + v, "vec_add");
                    assert_near(at(less, r, l, d), u - v, "vec_sub");
                    assert_near(at(times, r, l, d), u * v, "vec_mul");
                    assert_near(of_pair(stack, r, l, d), u, "vec_stack");
                    if (r < y_rows)
                        assert_near(of_pair(stack, R + r, l, d), v, "vec_stack");
                }
                assert_near(at(dot, 0, r, l), xy, "vec_rowdot");
                assert_near(at(value, 0, r, l), wx, "vec_functional");
            }
        }
    }
    finish(&b);
}
END_TEST

/* ---- number by number ---- */

static const struct {
    const char *name;
    int inputs;
} each[] = {{"add", 2},     {"sub", 2},  {"mul", 2},           {"affine", 1},     {"square", 1},
            {"sigmoid", 1}, {"tanh", 1}, {"relu", 1},          {"leaky_relu", 1}, {"exp", 1},
            {"log", 1},     {"sqrt", 1}, {"inverse_length", 1}};

/* Those that are defined above 0 only are tried there. */
static int is_of_positive(const char *name)
{
    return strcmp(name, "log") == 0 || strcmp(name, "sqrt") == 0 ||
           strcmp(name, "inverse_length") == 0;
}

/* The value, and the slope by each input, with f0 = 0.125 and f1 = 2. */
static double value(const char *name, double x, double y, double slope[2])
{
    double s = 1 / (1 + exp(-x)), t = tanh(x);
    slope[0] = slope[1] = 1;
    if (strcmp(name, "add") == 0)
        return x + y;
    if (strcmp(name, "sub") == 0)
        return slope[1] = -1, x - y;
    if (strcmp(name, "mul") == 0)
        return slope[0] = y, slope[1] = x, x * y;
    if (strcmp(name, "affine") == 0)
        return slope[0] = 0.125, 0.125 * x + 2;
    if (strcmp(name, "square") == 0)
        return slope[0] = 2 * x, x * x;
    if (strcmp(name, "sigmoid") == 0)
        return slope[0] = s * (1 - s), s;
    if (strcmp(name, "tanh") == 0)
        return slope[0] = 1 - t * t, t;
    if (strcmp(name, "relu") == 0)
        return slope[0] = x > 0, x > 0 ? x : 0;
    if (strcmp(name, "exp") == 0)
        return slope[0] = exp(x);
    if (strcmp(name, "log") == 0)
        return slope[0] = 1 / x, log(x);
    if (strcmp(name, "sqrt") == 0)
        return slope[0] = 0.5 / sqrt(x), sqrt(x);
    if (strcmp(name, "inverse_length") == 0)
        return slope[0] = -0.5 / (x * sqrt(x)), 1 / sqrt(x);
    return slope[0] = x > 0 ? 1 : 0.125, x > 0 ? x : 0.125 * x;
}

/* Small tensors on one thread and large ones, which are cut for three: every number once, and the
 * gradient of each added once. */
START_TEST(elementwise_by_definition)
{
    for (int large = 0; large < 2; large++) {
        struct bench b = start(3);
        struct sw_tensor *x = random_tensor(&b, 1, large ? 100003 : 37, 0, 0),
                         *y = each[_i].inputs > 1 ? random_tensor(&b, 2, x->dim[0], 0, 0) : NULL,
                         *d = random_tensor(&b, 3, x->dim[0], 0, 0);
        for (int i = 0; is_of_positive(each[_i].name) && i < x->dim[0]; i++)
            x->data[i] = 1.5f + x->data[i];
        struct sw_tensor *out =
            run(&b, each[_i].name, x, y, NULL, (struct sw_args){.f = {0.125f, 2}});
        memcpy(out->grad, d->data, sizeof *d->data * (size_t)x->dim[0]);
        ck_assert_int_eq(sw_graph_backward(b.graph), SW_OK);
        for (int i = 0; i < x->dim[0]; i++) {
            double slope[2];
            assert_near(out->data[i], value(each[_i].name, x->data[i], y ? y->data[i] : 0, slope),
                        each[_i].name);
            assert_near(x->grad[i], d->data[i] * slope[0], each[_i].name);
            if (y)
                assert_near(y->grad[i], d->data[i] * slope[1], each[_i].name);
        }
        finish(&b);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, lane_products_by_definition);
    tcase_add_test(tests, lane_quadratic_diag_and_scale_by_definition);
    tcase_add_test(tests, lane_softmax_and_l2norm_by_definition);
    tcase_add_test(tests, lane_max_and_lse_by_definition);
    tcase_add_test(tests, lane_mean_and_cosine_by_definition);
    tcase_add_test(tests, vector_products_by_definition);
    tcase_add_test(tests, linear_and_l2norm_of_vectors_by_definition);
    tcase_add_test(tests, vec_memory_by_definition);
    tcase_add_test(tests, vector_rows_by_definition);
    tcase_add_loop_test(tests, elementwise_by_definition, 0, sizeof each / sizeof *each);
}

UNIT_MAIN("pair operations", add_tests)
