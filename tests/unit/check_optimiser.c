/* check_optimiser.c -- Adam and the clipped norm, against numbers from PyTorch. */
#include "unit.h"

#include "train/optimiser.h"
#include "tensor/tape/random.h"

#include <math.h>

static struct sw_compute *new_compute(int threads)
{
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(threads, &error);
    ck_assert_msg(compute != NULL, "%s", error.text);
    return compute;
}

/* ---- PyTorch ----------------------------------------------------------------------------------
 */

enum { GOLDEN_COUNT = 7, GOLDEN_STEPS = 6 };

/* One step of tests/golden/adam.tsv, or of AdamW in adamw.tsv: what goes in and what PyTorch has
 * afterwards. */
struct golden {
    double rate, norm;
    float gradient[GOLDEN_COUNT], parameter[GOLDEN_COUNT], m[GOLDEN_COUNT], v[GOLDEN_COUNT];
};

static void read_golden(const char *name, struct golden golden[GOLDEN_STEPS + 1])
{
    const char *source = getenv("STEPWISE_SOURCE");
    char *path = unit_path(source ? source : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is missing; STEPWISE_SOURCE names the source folder", path);
    char line[512];
    int rows = 0;
    while (fgets(line, sizeof line, file)) {
        int step, number;
        struct golden row;
        if (sscanf(line, "%d\t%d\t%lf\t%lf\t%f\t%f\t%f\t%f", &step, &number, &row.rate, &row.norm,
                   row.gradient, row.parameter, row.m, row.v) != 8)
            continue;
        ck_assert(step >= 0 && step <= GOLDEN_STEPS && number >= 0 && number < GOLDEN_COUNT);
        golden[step].rate = row.rate;
        golden[step].norm = row.norm;
        golden[step].gradient[number] = row.gradient[0];
        golden[step].parameter[number] = row.parameter[0];
        golden[step].m[number] = row.m[0];
        golden[step].v[number] = row.v[0];
        rows++;
    }
    ck_assert_int_eq(rows, (GOLDEN_STEPS + 1) * GOLDEN_COUNT);
    fclose(file);
    free(path);
}

static void near(double found, double expected, double least, const char *what, int step)
{
    ck_assert_msg(fabs(found - expected) <= 1e-6 * fabs(expected) + least,
                  "%s at step %d: %.9g, expected %.9g", what, step, found, expected);
}

/* Steps that are not PyTorch's: a learning rate from the paper would mean something else here. */
START_TEST(equals_pytorch)
{
    struct golden golden[GOLDEN_STEPS + 1];
    read_golden(_i ? "tests/golden/adamw.tsv" : "tests/golden/adam.tsv", golden);
    struct sw_compute *compute = new_compute(1);
    float m[GOLDEN_COUNT] = {0}, v[GOLDEN_COUNT] = {0}, parameters[GOLDEN_COUNT];
    memcpy(parameters, golden[0].parameter, sizeof parameters);
    struct sw_adam adam = sw_adam_new(m, v, GOLDEN_COUNT, 0);
    adam.decay = _i ? 0.5 : 0;
    for (int step = 1; step <= GOLDEN_STEPS; step++) {
        const struct golden *g = &golden[step];
        float before[GOLDEN_COUNT];
        memcpy(before, parameters, sizeof before);
        double norm;
        struct sw_error error = {0};
        ck_assert_int_eq(
            sw_adam_update(compute, &adam, parameters, g->gradient, g->rate, 2.0, &norm, &error),
            SW_OK);
        ck_assert_uint_eq(adam.step, (unsigned)step);
        near(norm, g->norm, 0, "norm", step);
        for (int i = 0; i < GOLDEN_COUNT; i++) {
            near(m[i], g->m[i], 1e-16, "m", step);
            near(v[i], g->v[i], 1e-24, "v", step);
            /* The update itself, to the last bit of the parameter, which is far larger. */
            near(parameters[i] - before[i], g->parameter[i] - golden[step - 1].parameter[i],
                 (_i ? 2.4e-7 : 1.2e-7) * fabs(g->parameter[i]), "update", step);
        }
    }
    sw_compute_free(compute);
}
END_TEST

/* ---- properties -------------------------------------------------------------------------------
 */

enum { COUNT = 100003 }; /* several chunks, and a last one that is no multiple of anything */

struct state {
    float *parameters, *gradients, *m, *v;
    struct sw_adam adam;
};

static struct state new_state(void)
{
    struct state s;
    s.parameters = malloc(COUNT * sizeof(float));
    s.gradients = malloc(COUNT * sizeof(float));
    s.m = calloc(COUNT, sizeof(float));
    s.v = calloc(COUNT, sizeof(float));
    struct sw_random random = sw_random_stream(3, SW_FOR_TESTS, 0, 0);
    for (int i = 0; i < COUNT; i++) {
        s.parameters[i] = sw_random_normal(&random);
        s.gradients[i] = sw_random_normal(&random);
    }
    s.adam = sw_adam_new(s.m, s.v, COUNT, 0);
    return s;
}

static void free_state(struct state *s)
{
    free(s->parameters);
    free(s->gradients);
    free(s->m);
    free(s->v);
}

static double update(struct state *s, struct sw_compute *compute, double clip)
{
    double norm;
    struct sw_error error = {0};
    ck_assert_int_eq(
        sw_adam_update(compute, &s->adam, s->parameters, s->gradients, 1e-3, clip, &norm, &error),
        SW_OK);
    return norm;
}

static void same_state(const struct state *a, const struct state *b)
{
    ck_assert_mem_eq(a->parameters, b->parameters, COUNT * sizeof(float));
    ck_assert_mem_eq(a->m, b->m, COUNT * sizeof(float));
    ck_assert_mem_eq(a->v, b->v, COUNT * sizeof(float));
    ck_assert_uint_eq(a->adam.step, b->adam.step);
}

/* A norm that depends on how many threads summed it makes two runs of one seed drift apart. */
START_TEST(same_bits_at_any_number_of_threads)
{
    struct state first = new_state();
    struct sw_compute *one = new_compute(1);
    double norm = 0;
    for (int step = 0; step < 3; step++)
        norm = update(&first, one, 2.0);
    sw_compute_free(one);
    for (int threads = 2; threads <= 3; threads++) {
        struct state s = new_state();
        struct sw_compute *compute = new_compute(threads);
        double again = 0;
        for (int step = 0; step < 3; step++)
            again = update(&s, compute, 2.0);
        ck_assert(again == norm);
        same_state(&first, &s);
        sw_compute_free(compute);
        free_state(&s);
    }
    free_state(&first);
}
END_TEST

/* Parts of the range that are left out, or counted twice, where it is cut. */
START_TEST(covers_the_whole_range_once)
{
    struct sw_compute *compute = new_compute(2);
    struct state s = new_state();
    double sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += (double)s.gradients[i] * s.gradients[i];
    ck_assert_double_eq_tol(sw_norm(compute, s.gradients, COUNT), sqrt(sum), 1e-9 * sqrt(sum));
    ck_assert(sw_norm(compute, s.gradients, 0) == 0);
    float *before = memcpy(malloc(COUNT * sizeof(float)), s.parameters, COUNT * sizeof(float));
    update(&s, compute, 0); /* without clipping the first step moves each by the rate */
    for (int i = 0; i < COUNT; i++) {
        float by = s.gradients[i] > 0 ? -1e-3f : 1e-3f;
        if (fabsf(s.gradients[i]) > 1e-4f)
            ck_assert_float_eq_tol(s.parameters[i] - before[i], by, 2e-6f);
        ck_assert_float_eq_tol(s.m[i], 0.1f * s.gradients[i], 1e-6f);
    }
    free(before);
    free_state(&s);
    sw_compute_free(compute);
}
END_TEST

/* A clip that does not clip, or that also scales what is short enough. */
START_TEST(clips_long_gradients_only)
{
    struct sw_compute *compute = new_compute(1);
    struct state s = new_state();
    double norm = update(&s, compute, 2.0);
    ck_assert_double_gt(norm, 2.0);
    for (int i = 0; i < COUNT; i += 997)
        ck_assert_float_eq_tol(s.m[i], (float)(0.1 * s.gradients[i] * 2 / norm), 1e-8f);
    free_state(&s);
    s = new_state();
    update(&s, compute, 2 * norm);
    for (int i = 0; i < COUNT; i += 997)
        ck_assert_float_eq_tol(s.m[i], 0.1f * s.gradients[i], 1e-6f);
    free_state(&s);
    sw_compute_free(compute);
}
END_TEST

/* A resumed run that is not the run that was interrupted. */
START_TEST(continues_from_kept_moments)
{
    struct sw_compute *compute = new_compute(2);
    struct state whole = new_state(), cut = new_state();
    for (int step = 0; step < 4; step++)
        update(&whole, compute, 2.0);
    update(&cut, compute, 2.0);
    update(&cut, compute, 2.0);
    cut.adam = sw_adam_new(cut.m, cut.v, COUNT, cut.adam.step);
    update(&cut, compute, 2.0);
    update(&cut, compute, 2.0);
    same_state(&whole, &cut);
    free_state(&whole);
    free_state(&cut);
    sw_compute_free(compute);
}
END_TEST

/* One bad number would make every parameter NaN, and the run would go on for hours. */
START_TEST(refuses_a_gradient_that_is_not_finite)
{
    struct sw_compute *compute = new_compute(2);
    struct state s = new_state(), untouched = new_state();
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const char *shown[] = {"nan", "inf", "-inf"};
    for (int i = 0; i < 3; i++) {
        struct sw_error error = {0};
        double norm = 0;
        char expected[64];
        s.gradients[70001] = bad[i];
        s.gradients[90001] = NAN;
        ck_assert_int_eq(
            sw_adam_update(compute, &s.adam, s.parameters, s.gradients, 1e-3, 2.0, &norm, &error),
            SW_FAILED);
        ck_assert(!isfinite(norm));
        snprintf(expected, sizeof expected, "number 70001 of 100003 trained parameters has %s",
                 shown[i]);
        ck_assert_msg(strstr(error.text, expected) != NULL, "%s", error.text);
        same_state(&s, &untouched);
    }
    free_state(&s);
    free_state(&untouched);
    sw_compute_free(compute);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, equals_pytorch, 0, 2);
    tcase_add_test(tests, same_bits_at_any_number_of_threads);
    tcase_add_test(tests, covers_the_whole_range_once);
    tcase_add_test(tests, clips_long_gradients_only);
    tcase_add_test(tests, continues_from_kept_moments);
    tcase_add_test(tests, refuses_a_gradient_that_is_not_finite);
}

UNIT_MAIN("optimiser", add_tests)
