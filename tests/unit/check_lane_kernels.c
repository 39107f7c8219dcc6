/* check_lane_kernels.c -- kernels over lane tensors, of every set, against plain loops in double.
 */
#include "kernel_sets.h"

/* ---- products of lane tensors ---- */

/* Element (r, c) of lane l, by steps. */
static double element(const float *x, ptrdiff_t row, ptrdiff_t column, int r, int c, int l)
{
    return x[(r * row + c * column) * L + l];
}

static void check_matmul(const struct sw_kernels *kernels, int R, int K, int M, int tx, int ty)
{
    float *x = lanes(R, M, 1), *y = lanes(M, K, 2), *out = lanes(R, K, 3), *old = lanes(R, K, 3);
    const ptrdiff_t xr = tx ? 1 : M, xm = tx ? R : 1, ym = ty ? 1 : K, yk = ty ? M : 1;
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        memcpy(out, old, sizeof *out * (size_t)(R * K * L));
        kernels->lane_matmul(R, K, M, x, xr, xm, y, ym, yk, out, accumulate);
        for (int r = 0; r < R; r++)
            for (int k = 0; k < K; k++)
                for (int l = 0; l < L; l++) {
                    double sum = accumulate ? element(old, K, 1, r, k, l) : 0;
                    for (int m = 0; m < M; m++)
                        sum += element(x, xr, xm, r, m, l) * element(y, ym, yk, m, k, l);
                    assert_near(element(out, K, 1, r, k, l), sum, 2e-7 * (M + 4), "lane_matmul");
                }
    }
    free(x), free(y), free(out), free(old);
}

/* Every size of a block and of what is left over, both ways of storing each input. */
START_TEST(matmul_of_any_size)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int R = 1; R <= 14; R++)
        for (int K = 1; K <= 9; K++)
            for (int t = 0; t < 4; t++)
                check_matmul(kernels, R, K, 1 + (R + K) % 6, t & 1, t >> 1);
    check_matmul(kernels, 36, 36, 14, 0, 1);
}
END_TEST

static void check_quadratic(const struct sw_kernels *kernels, int R, int K)
{
    float *x = lanes(R, K, 1), *g = lanes(K, K, 2), *d = lanes(1, R, 3), *out = lanes(1, R, 4),
          *dx = lanes(R, K, 5), *dx0 = lanes(R, K, 5), *dg = lanes(K, K, 6), *dg0 = lanes(K, K, 6);
    const double close = 4e-7 * (K + 4);
    kernels->lane_quadratic(R, K, x, g, out);
    kernels->lane_quadratic_backward(R, K, x, g, d, dx, dg);
    for (int l = 0; l < L; l++) {
        for (int r = 0; r < R; r++) {
            double sum = 0;
            for (int k = 0; k < K; k++) {
                double both = 0;
                for (int j = 0; j < K; j++) {
                    sum += element(x, K, 1, r, k, l) * element(g, K, 1, k, j, l) *
                           element(x, K, 1, r, j, l);
                    both += (element(g, K, 1, k, j, l) + element(g, K, 1, j, k, l)) *
                            element(x, K, 1, r, j, l);
                }
                assert_near(element(dx, K, 1, r, k, l),
                            element(dx0, K, 1, r, k, l) + d[r * L + l] * both, close, "dx");
            }
            assert_near(out[r * L + l], sum, close * sqrt((double)K), "lane_quadratic");
        }
        for (int k = 0; k < K; k++)
            for (int j = 0; j < K; j++) {
                double sum = element(dg0, K, 1, k, j, l);
                for (int r = 0; r < R; r++)
                    sum += (double)d[r * L + l] * element(x, K, 1, r, k, l) *
                           element(x, K, 1, r, j, l);
                assert_near(element(dg, K, 1, k, j, l), sum, 4e-7 * (R + 4), "dg");
            }
    }
    kernels->lane_quadratic_backward(R, K, x, g, d, NULL, NULL);
    free(x), free(g), free(d), free(out), free(dx), free(dx0), free(dg), free(dg0);
}

/* The squared lengths of all attended vectors; G is not symmetric here, and K goes past the strip
 * that is kept at a time. */
START_TEST(quadratic_forms_of_any_size)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int R = 1; R <= 13; R += 2)
        for (int K = 1; K <= 10; K++)
            check_quadratic(kernels, R, K);
    check_quadratic(kernels, 36, 14);
    check_quadratic(kernels, 14, 36);
    check_quadratic(kernels, 3, 64);
    check_quadratic(kernels, 2, 65);
    check_quadratic(kernels, 1, 131);
}
END_TEST

/* Row by row, straight and transposed. */
START_TEST(rows_of_any_size)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int R = 1; R <= 9; R++)
        for (int K = 1; K <= 6; K++) {
            float *x = lanes(R, K, 1), *y = lanes(R, K, 2), *s = lanes(1, R, 3),
                  *dot = lanes(1, R, 4), *dot0 = lanes(1, R, 4), *out = lanes(R, K, 5),
                  *out0 = lanes(R, K, 5);
            for (int accumulate = 0; accumulate < 2; accumulate++) {
                kernels->lane_rowdot(R, K, x, K, 1, y, 1, R, dot, accumulate);
                kernels->lane_scale(R, K, s, x, 1, R, out, K, 1, accumulate);
                for (int l = 0; l < L; l++)
                    for (int r = 0; r < R; r++) {
                        double sum = accumulate ? dot0[r * L + l] : 0;
                        for (int k = 0; k < K; k++) {
                            sum += element(x, K, 1, r, k, l) * element(y, 1, R, r, k, l);
                            double old = accumulate ? element(out0, K, 1, r, k, l) : 0;
                            assert_near(element(out, K, 1, r, k, l),
                                        old + (double)s[r * L + l] * element(x, 1, R, r, k, l),
                                        2e-7, "lane_scale");
                        }
                        assert_near(dot[r * L + l], sum, 1e-6, "lane_rowdot");
                    }
                memcpy(dot, dot0, sizeof *dot * (size_t)(R * L));
                memcpy(out, out0, sizeof *out * (size_t)(R * K * L));
            }
            free(x), free(y), free(s), free(dot), free(dot0), free(out), free(out0);
        }
}
END_TEST

/* ---- softmax ---- */

static void check_softmax(const struct sw_kernels *kernels, int R, int K, int transposed,
                          int masked)
{
    float *x = lanes(R, K, 1), *mask = lanes(1, K, 2), *y = lanes(R, K, 3);
    const ptrdiff_t row = transposed ? 1 : K, column = transposed ? R : 1;
    for (int i = 0; i < K * L; i++)
        mask[i] = mask[i] > -0.2f; /* a fifth of the lanes of small K has none */
    for (int r = 0; r < R; r++)
        for (int i = 0; i < K * L; i++)
            if (masked && mask[i] == 0)
                x[(r * row + i / L * column) * L + i % L] = i % 2 ? NAN : INFINITY;
    kernels->lane_softmax(R, K, 15, x, row, column, masked ? mask : NULL, y);
    for (int r = 0; r < R; r++)
        for (int l = 0; l < L; l++) {
            double most = -INFINITY, sum = 0;
            for (int k = 0; k < K; k++)
                if (!masked || mask[k * L + l] != 0)
                    most = fmax(most, 15 * element(x, row, column, r, k, l));
            for (int k = 0; k < K; k++)
                if (!masked || mask[k * L + l] != 0)
                    sum += exp(15 * element(x, row, column, r, k, l) - most);
            for (int k = 0; k < K; k++) {
                double found = element(y, K, 1, r, k, l);
                if (masked && mask[k * L + l] == 0)
                    ck_assert_double_eq(found, 0);
                else
                    assert_near(found, exp(15 * element(x, row, column, r, k, l) - most) / sum,
                                3e-6, "lane_softmax");
            }
        }
    free(x), free(mask), free(y);
}

/* Padding never leaks: not even a NaN behind the mask, and a pair without words gives zeros. */
START_TEST(softmax_with_and_without_a_mask)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    for (int K = 1; K <= 11; K++)
        for (int way = 0; way < 4; way++)
            check_softmax(kernels, 3, K, way & 1, way >> 1);
    check_softmax(kernels, 36, 14, 1, 0);
}
END_TEST

/* Large affinities: no overflow, and a NaN among what counts stays visible in its lane alone. */
START_TEST(softmax_of_extremes)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    enum { K = 5 };
    float *x = lanes(1, K, 1), *y = lanes(1, K, 2);
    for (int l = 0; l < L; l++)
        for (int k = 0; k < K; k++)
            x[k * L + l] = l % 2 ? -1e30f : 1e6f * (float)(k + l);
    x[2 * L + 4] = NAN;
    kernels->lane_softmax(1, K, 15, x, K, 1, NULL, y);
    for (int l = 0; l < L; l++)
        for (int k = 0; k < K; k++)
            if (l == 4)
                ck_assert(isnan(y[k * L + l]));
            else
                assert_near(y[k * L + l], l % 2 ? 1.0 / K : k == K - 1, 1e-6, "lane_softmax");
    free(x), free(y);
}
END_TEST

/* ---- cosine and l2 norm ---- */

/* Vectors of no length: 0, never NaN, and a gradient that is finite. */
START_TEST(cosine_without_length)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    enum { R = 3 };
    float *dot = lanes(1, R, 1), *xx = lanes(1, R, 2), *yy = lanes(1, 1, 3), *out = lanes(1, R, 4),
          *d = lanes(1, R, 5), *ddot = lanes(1, R, 6), *dxx = lanes(1, R, 7), *dyy = lanes(1, 1, 8);
    const size_t bytes = R * L * sizeof(float);
    for (int i = 0; i < R * L; i++) {
        xx[i] = i < L ? 0 : i < 2 * L ? -1e-9f : 0.5f + fabsf(xx[i]);
        dot[i] = i < 2 * L ? 0 : dot[i];
    }
    for (int l = 0; l < L; l++)
        yy[l] = 0.5f + fabsf(yy[l]);
    memset(ddot, 0, bytes), memset(dxx, 0, bytes), memset(dyy, 0, bytes / R);
    kernels->lane_cosine(R, dot, xx, 1, yy, 0, out);
    kernels->lane_cosine_backward(R, dot, xx, 1, yy, 0, d, ddot, dxx, dyy);
    for (int l = 0; l < L; l++) {
        for (int r = 0; r < 2; r++) {
            ck_assert_float_eq(out[r * L + l], 0);
            ck_assert_float_eq(dxx[r * L + l], 0);
            assert_near(ddot[r * L + l], 1e8 * d[r * L + l], 100, "ddot, clamped");
        }
        const int i = 2 * L + l;
        double length = sqrt((double)xx[i] * yy[l]), c = dot[i] / length;
        assert_near(out[i], c, 4e-7, "lane_cosine");
        assert_near(ddot[i], d[i] / length, 1e-6, "ddot");
        assert_near(dxx[i], -d[i] * c / (2 * xx[i]), 2e-6, "dxx");
        assert_near(dyy[l], -d[i] * c / (2 * yy[l]), 2e-6, "dyy");
    }
    kernels->lane_cosine_backward(R, dot, xx, 1, yy, 0, d, NULL, NULL, NULL);
    free(dot), free(xx), free(yy), free(out), free(d), free(ddot), free(dxx), free(dyy);
}
END_TEST

/* Along either axis; a group that is all zero or all masked gives zeros and no NaN in its gradient.
 */
START_TEST(l2norm_of_groups)
{
    const struct sw_kernels *kernels = set(_i);
    if (!kernels)
        return;
    enum { R = 5, K = 4 };
    for (int axis = 0; axis < 2; axis++) {
        const int groups = axis ? R : K, entries = axis ? K : R;
        const ptrdiff_t group = axis ? K : 1, entry = axis ? 1 : K;
        float *x = lanes(R, K, 1), *mask = lanes(1, entries, 2), *y = lanes(R, K, 3),
              *dy = lanes(R, K, 4), *dx = lanes(R, K, 5);
        memset(dx, 0, sizeof *dx * R * K * L);
        for (int j = 0; j < entries; j++)
            for (int l = 0; l < L; l++) {
                mask[j * L + l] = l == 3 ? 0 : l == 4 ? 1 : mask[j * L + l] > -0.3f;
                for (int i = 0; i < groups; i++)
                    if (mask[j * L + l] == 0)
                        x[(i * group + j * entry) * L + l] = NAN;
                x[(1 * group + j * entry) * L + 4] = 0;
            }
        kernels->lane_l2norm(groups, entries, x, group, entry, mask, y);
        kernels->lane_l2norm_backward(groups, entries, x, dy, group, entry, mask, dx);
        for (int i = 0; i < groups; i++)
            for (int l = 0; l < L; l++) {
                double square = 0, inner = 0;
                for (int j = 0; j < entries; j++)
                    if (mask[j * L + l] != 0) {
                        square += pow(element(x, group, entry, i, j, l), 2);
                        inner +=
                            element(x, group, entry, i, j, l) * element(dy, group, entry, i, j, l);
                    }
                double s = sqrt(square), by = 1 / (s + 1e-8);
                for (int j = 0; j < entries; j++) {
                    double want = 0, slope = 0, v = element(x, group, entry, i, j, l);
                    if (mask[j * L + l] != 0) {
                        want = v * by;
                        slope = element(dy, group, entry, i, j, l) * by -
                                (s > 0 ? v * inner / s * by * by : 0);
                    }
                    assert_near(element(y, group, entry, i, j, l), want, 4e-7, "lane_l2norm");
                    assert_near(element(dx, group, entry, i, j, l), slope,
                                4e-6 * (1 + fabs(slope) + by), "lane_l2norm backward");
                }
            }
        free(x), free(mask), free(y), free(dy), free(dx);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, matmul_of_any_size, 0, SETS);
    tcase_add_loop_test(tests, quadratic_forms_of_any_size, 0, SETS);
    tcase_add_loop_test(tests, rows_of_any_size, 0, SETS);
    tcase_add_loop_test(tests, softmax_with_and_without_a_mask, 0, SETS);
    tcase_add_loop_test(tests, softmax_of_extremes, 0, SETS);
    tcase_add_loop_test(tests, cosine_without_length, 0, SETS);
    tcase_add_loop_test(tests, l2norm_of_groups, 0, SETS);
}

UNIT_MAIN("lane kernels", add_tests)
