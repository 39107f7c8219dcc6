/* check_kernels.c -- kernels over plain arrays, of every set, against plain loops in double. */
#include "kernel_sets.h"

/* ---- choosing ---- */

/* A name that selects another set, or a CPU that is asked for what it lacks, ends in a crash or in
 * numbers nobody asked for. */
START_TEST(sets_are_found_by_name)
{
    ck_assert_ptr_null(sw_kernels_select("avx1024"));
    ck_assert_ptr_null(sw_kernels_select(""));
    ck_assert_ptr_nonnull(sw_kernels_select("baseline"));
    const struct sw_kernels *best = sw_kernels_select(NULL), *last = NULL;
    for (int i = 0; i < SETS; i++) {
        const struct sw_kernels *kernels = sw_kernels_select(set_names[i]);
        if (!kernels)
            continue;
        ck_assert_str_eq(kernels->name, set_names[i]);
        last = kernels;
        void *const *entry = (void *const *)kernels;
        for (size_t j = 0; j < offsetof(struct sw_kernels, product) / sizeof *entry; j++)
            ck_assert_ptr_nonnull(entry[j]);
        ck_assert_uint_gt(kernels->product_room, 0);
    }
    ck_assert_ptr_eq(best, last);
}
END_TEST

/* ---- exp, sigmoid, tanh ---- */

typedef void array_kernel(size_t count, const float *x, float *out);

/* The largest relative error over [low, high], about 5 million points, near 0 on all scales. */
static double sweep(array_kernel *kernel, double (*exact)(double), double low, double high)
{
    enum { BATCH = 1000 };
    static float x[BATCH], y[BATCH];
    const int batches = 5000;
    double worst = 0;
    for (int b = 0; b < batches; b++) {
        for (int i = 0; i < BATCH; i++) {
            double t = ((double)b * BATCH + i) / ((double)batches * BATCH);
            x[i] = (float)(low + (high - low) * t);
            if (b % 5 == 0 && low < 0) /* 1e-30 .. 1, both signs */
                x[i] = (float)((i % 2 ? 1 : -1) * pow(10, -30 * t));
        }
        kernel(BATCH, x, y);
        for (int i = 0; i < BATCH; i++) {
            double want = exact(x[i]), error = fabs(y[i] - want) / fabs(want);
            if (want != 0 && !(error <= worst))
                worst = error;
        }
    }
    return worst;
}

static double exact_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Attention weights and gates are made of these; a wrong bound would pass for a better model. */
START_TEST(exp_sigmoid_tanh_keep_their_bounds)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    double e = sweep(kernels->exp, exp, -87.29, 88.7),
           s = sweep(kernels->sigmoid, exact_sigmoid, -87, 90),
           t = sweep(kernels->tanh, tanh, -12, 12);
    if (getenv("STEPWISE_TEST_VERBOSE"))
        fprintf(stderr, "%-8s exp %.2e sigmoid %.2e tanh %.2e\n", kernels->name, e, s, t);
    ck_assert_double_le(e, 2e-7);
    ck_assert_double_le(s, 4e-7);
    ck_assert_double_le(t, 4e-7);
}
END_TEST

/* Infinities and NaN: a NaN that turns into a number would hide a broken run. */
START_TEST(exp_sigmoid_tanh_at_their_ends)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    const float x[8] = {-INFINITY, INFINITY, NAN, 0, -0.0f, -100, 100, -88};
    float y[8];
    kernels->exp(8, x, y);
    ck_assert_float_eq(y[0], 0);
    ck_assert(y[1] > 3.2e38f);
    ck_assert(isnan(y[2]));
    ck_assert_float_eq(y[3], 1);
    ck_assert_float_eq(y[4], 1);
    ck_assert_float_eq(y[5], 0);
    ck_assert(y[6] > 3.2e38f);
    ck_assert_float_eq(y[7], 0);
    kernels->sigmoid(8, x, y);
    ck_assert(y[0] >= 0 && y[0] < 1e-37f);
    ck_assert_float_eq(y[1], 1);
    ck_assert(isnan(y[2]));
    ck_assert_float_eq(y[3], 0.5f);
    ck_assert(y[5] >= 0 && y[5] < 1e-37f);
    ck_assert_float_eq(y[6], 1);
    kernels->tanh(8, x, y);
    ck_assert_float_eq(y[0], -1);
    ck_assert_float_eq(y[1], 1);
    ck_assert(isnan(y[2]));
    ck_assert(y[3] == 0 && !signbit(y[3]));
    ck_assert(y[4] == 0 && signbit(y[4]));
    ck_assert_float_eq(y[5], -1);
    ck_assert_float_eq(y[6], 1);
}
END_TEST

static double exact_phi(double x)
{
    return erfc(-x / sqrt(2)) / 2;
}

/* A transformer's layer is no closer to the published one than this. */
START_TEST(gelu_keeps_its_bounds)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    const float ends[4] = {-INFINITY, INFINITY, NAN, 100};
    float x, y, at_ends[4];
    for (int i = -120000; i <= 120000; i++) {
        x = (float)i * 1e-4f;
        kernels->gelu(1, &x, &y);
        ck_assert_double_le(fabs(y - x * exact_phi(x)), 1.5e-7 * fabs(x) + 1e-7);
    }
    kernels->gelu(4, ends, at_ends);
    ck_assert(isinf(at_ends[1]) && isnan(at_ends[2]) && at_ends[3] == 100);
}
END_TEST

/* ---- arrays ---- */

enum { MOST = 70, GUARD = 16 };

/* What each array kernel must give for one number; `old` is what was there. */
static double expected_number(int kernel, double x, double y, double old)
{
    switch (kernel) {
    case 0:
        return exp(x);
    case 1:
        return exact_sigmoid(x);
    case 2:
        return tanh(x);
    case 3:
        return x + y;
    case 4:
        return x - y;
    case 5:
        return x * y;
    case 6:
        return 1.5 * x - 0.25;
    case 7:
        return old + 1.5 * x;
    case 8:
        return old + 1.5 * x * y;
    case 9:
        return x > 0 ? x : 0.125 * x;
    case 10:
        return old + (x > 0 ? y : 0.125 * y);
    case 11:
        return old + y * x * (1 - x);
    case 13:
        return x * exact_phi(x);
    case 14:
        return old + y * (exact_phi(x) + x * exp(-x * x / 2) / sqrt(2 * M_PI));
    default:
        return old + y * (1 - x * x);
    }
}

static void call_array(const struct sw_kernels *kernels, int kernel, size_t n, const float *x,
                       const float *y, float *out)
{
    switch (kernel) {
    case 0:
        kernels->exp(n, x, out);
        break;
    case 1:
        kernels->sigmoid(n, x, out);
        break;
    case 2:
        kernels->tanh(n, x, out);
        break;
    case 3:
        kernels->add(n, x, y, out);
        break;
    case 4:
        kernels->sub(n, x, y, out);
        break;
    case 5:
        kernels->mul(n, x, y, out);
        break;
    case 6:
        kernels->affine(n, 1.5f, -0.25f, x, out);
        break;
    case 7:
        kernels->axpy(n, 1.5f, x, out);
        break;
    case 8:
        kernels->mul_add(n, 1.5f, x, y, out);
        break;
    case 9:
        kernels->leaky_relu(n, 0.125f, x, out);
        break;
    case 10:
        kernels->leaky_relu_backward(n, 0.125f, x, y, out);
        break;
    case 11:
        kernels->sigmoid_backward(n, x, y, out);
        break;
    case 13:
        kernels->gelu(n, x, out);
        break;
    case 14:
        kernels->gelu_backward(n, x, y, out);
        break;
    default:
        kernels->tanh_backward(n, x, y, out);
    }
}

/* Any length and any alignment, with nothing written outside: the last words of a caption and the
 * odd widths of a model end in a part of a vector. */
START_TEST(arrays_of_any_length)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    float *x = filled(MOST + GUARD, 1, -2, 2), *y = filled(MOST + GUARD, 2, -2, 2),
          *old = filled(MOST + 2 * GUARD, 3, -2, 2), *out = filled(MOST + 2 * GUARD, 4, 0, 0);
    for (int kernel = 0; kernel < 15; kernel++)
        for (size_t n = 0; n <= MOST; n++) {
            const size_t shift = n % 3;
            memcpy(out, old, (MOST + 2 * GUARD) * sizeof *out);
            call_array(kernels, kernel, n, x + shift, y + 1, out + GUARD - shift);
            for (size_t i = 0; i < MOST + 2 * GUARD; i++) {
                const size_t j = i - (GUARD - shift);
                if (i < GUARD - shift || j >= n)
                    ck_assert_float_eq(out[i], old[i]);
                else
                    assert_near(out[i], expected_number(kernel, x[shift + j], y[1 + j], old[i]),
                                4e-6, "array kernel");
            }
        }
    free(x), free(y), free(old), free(out);
}
END_TEST

/* In place, where the header allows it. */
START_TEST(arrays_in_place)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int kernel = 0; kernel <= 6; kernel++) {
        float *x = filled(MOST, 1, -2, 2), *same = filled(MOST, 1, -2, 2),
              *y = filled(MOST, 2, -2, 2), *out = filled(MOST, 3, 0, 0);
        call_array(kernels, kernel, MOST, x, y, out);
        call_array(kernels, kernel, MOST, same, y, same);
        ck_assert_mem_eq(out, same, MOST * sizeof *out);
        free(x), free(same), free(y), free(out);
    }
}
END_TEST

/* The gradient norm: one number from all sets, and exact to double's rounding. */
START_TEST(sums_of_arrays)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    float *x = filled(1000, 1, -1, 1), *y = filled(1000, 2, -1, 1);
    for (size_t n = 0; n < 300; n++) {
        double square = 0, dot = 0;
        for (size_t i = 0; i < n; i++) {
            square += (double)x[i + 1] * x[i + 1];
            dot += (double)x[i + 1] * y[i];
        }
        double found = kernels->sum_squares(n, x + 1);
        assert_near(found, square, 1e-13 * (1 + square), "sum of squares");
        ck_assert_double_eq(found, sw_kernels_select("baseline")->sum_squares(n, x + 1));
        assert_near(kernels->dot(n, x + 1, y), dot, 1e-6 * sqrt((double)n + 1), "dot");
    }
    const float huge[3] = {1e30f, 1e-30f, 2e30f};
    assert_near(kernels->sum_squares(3, huge) / 5e60, 1, 1e-6, "sum of squares beyond a float");
    free(x), free(y);
}
END_TEST

/* Region features that are stored as bytes. */
START_TEST(bytes_become_numbers)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    uint8_t bytes[256 + 1];
    float out[256 + GUARD];
    for (int i = 0; i <= 256; i++)
        bytes[i] = (uint8_t)(i - 1);
    for (size_t n = 0; n <= 256; n++) {
        for (int i = 0; i < 256 + GUARD; i++)
            out[i] = -1;
        kernels->from_u8(n, 1.0f / 255, bytes + 1, out);
        for (size_t i = 0; i < 256 + GUARD; i++)
            ck_assert_float_eq(out[i], i < n ? (float)i * (1.0f / 255) : -1);
    }
}
END_TEST

/* Two numbers at one place, or one beyond the last row, and a sorted column loses one of its own.
 */
START_TEST(ranks_of_columns)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    enum { ROWS = 7, COLUMNS = 77, STEP = 80 };
    float *x = filled(ROWS * STEP, 1, -2, 2);
    for (int c = 0; c < ROWS * STEP; c++)
        x[c] = c % STEP % 5 == 4 && c / STEP == 3 ? NAN : roundf(x[c] * 2);
    for (int f = 0; f < ROWS; f++) {
        int32_t rank[COLUMNS + 1];
        rank[COLUMNS] = -7;
        kernels->column_ranks(ROWS, f, COLUMNS, x, STEP, rank);
        ck_assert_int_eq(rank[COLUMNS], -7);
        for (int c = 0; c < COLUMNS; c++) {
            int before = 0;
            for (int g = 0; g < ROWS; g++)
                before += g < f ? !(x[g * STEP + c] < x[f * STEP + c])
                                : x[g * STEP + c] > x[f * STEP + c];
            ck_assert_int_eq(rank[c], before);
        }
    }
    free(x);
}
END_TEST

/* ---- Adam and the GRU ---- */

/* Three steps of PyTorch's formula in double; a slip here trains, only worse. */
START_TEST(adam_is_pytorchs)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (size_t n = 1; n <= 37; n += 4) {
        float *p = filled(n, 1, -1, 1), *m = filled(n, 2, 0, 0), *v = filled(n, 3, 0, 0);
        double *q = calloc(3 * n, sizeof *q), *qm = q + n, *qv = qm + n;
        for (size_t i = 0; i < n; i++)
            q[i] = p[i];
        for (int t = 1; t <= 3; t++) {
            float *g = filled(n, 10 + (uint32_t)t, -1, 1);
            struct sw_adam_step step = {1e-2, 0.9, 0.999, 1e-8, 1 - pow(0.9, t), 1 - pow(0.999, t),
                                        0.5};
            kernels->adam(n, p, g, m, v, &step);
            for (size_t i = 0; i < n; i++) {
                double d = 0.5 * g[i];
                qm[i] = 0.9 * qm[i] + 0.1 * d;
                qv[i] = 0.999 * qv[i] + 0.001 * d * d;
                q[i] -= 1e-2 / (1 - pow(0.9, t)) * qm[i] /
                        (sqrt(qv[i]) / sqrt(1 - pow(0.999, t)) + 1e-8);
                assert_near(p[i], q[i], 4e-7, "parameter");
                assert_near(m[i], qm[i], 1e-7, "first moment");
                assert_near(v[i] / qv[i], 1, 1e-6, "second moment");
            }
            free(g);
        }
        free(p), free(m), free(v), free(q);
    }
}
END_TEST

/* h of one cell in double, from what its slots hold: n, r, z, a. */
static double gru_cell(const double x[4], double h)
{
    double r = exact_sigmoid(x[1]), z = exact_sigmoid(x[2]), n = tanh(x[0] + r * x[3]);
    return (1 - z) * n + z * h;
}

/* The cell and its derivatives by each of its five inputs, for widths that end inside a vector. */
START_TEST(gru_cell_and_its_gradient)
{
    enum { SLOTS = 4 };
    const float share = 0.5f;
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int D = 1; D <= 35; D += 2) {
        const size_t d = (size_t)D, step = d + 3; /* slots need not touch */
        float *x = filled(SLOTS * step, 1, -2, 2), *gates = filled(SLOTS * step, 1, -2, 2),
              *h_prev = filled(d, 3, -1, 1), *later = filled(d, 4, -1, 1),
              *dh = filled(d, 4, -1, 1), *dout = filled(d, 5, -1, 1), *h = filled(d, 6, 0, 0),
              *dgates = filled(SLOTS * step, 7, 9, 9);
        kernels->gru_forward(D, gates, step, h_prev, h);
        kernels->gru_backward(D, gates, dgates, step, h_prev, share, dout, dh);
        for (size_t i = 0; i < d; i++) {
            const double e = 1e-5, whole = later[i] + share * dout[i];
            double at[SLOTS];
            for (size_t j = 0; j < SLOTS; j++)
                at[j] = x[j * step + i];
            assert_near(h[i], gru_cell(at, h_prev[i]), 1e-6, "h");
            for (size_t j = 0; j < SLOTS; j++) {
                double up[SLOTS], down[SLOTS];
                memcpy(up, at, sizeof at), memcpy(down, at, sizeof at);
                up[j] += e, down[j] -= e;
                double slope = (gru_cell(up, h_prev[i]) - gru_cell(down, h_prev[i])) / (2 * e);
                assert_near(dgates[j * step + i], whole * slope, 2e-6, "dgates");
            }
            double slope = (gru_cell(at, h_prev[i] + e) - gru_cell(at, h_prev[i] - e)) / (2 * e);
            assert_near(dh[i], whole * slope, 2e-6, "dh");
        }
        for (size_t j = 0; j < SLOTS; j++) /* between the slots nothing is written */
            for (size_t i = d; i < step; i++)
                ck_assert(gates[j * step + i] == x[j * step + i] && dgates[j * step + i] == 9);
        free(x), free(gates), free(h_prev), free(later), free(dh), free(dout), free(h),
            free(dgates);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, sets_are_found_by_name);
    tcase_add_loop_test(tests, exp_sigmoid_tanh_keep_their_bounds, 0, SETS);
    tcase_add_loop_test(tests, exp_sigmoid_tanh_at_their_ends, 0, SETS);
    tcase_add_loop_test(tests, gelu_keeps_its_bounds, 0, SETS);
    tcase_add_loop_test(tests, arrays_of_any_length, 0, SETS);
    tcase_add_loop_test(tests, ranks_of_columns, 0, SETS);
    tcase_add_loop_test(tests, arrays_in_place, 0, SETS);
    tcase_add_loop_test(tests, sums_of_arrays, 0, SETS);
    tcase_add_loop_test(tests, bytes_become_numbers, 0, SETS);
    tcase_add_loop_test(tests, adam_is_pytorchs, 0, SETS);
    tcase_add_loop_test(tests, gru_cell_and_its_gradient, 0, SETS);
}

UNIT_MAIN("kernels", add_tests)
