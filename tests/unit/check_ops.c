/* check_ops.c -- every operation against finite differences and misuse; the registry.
 *
 * A new operation needs no test of its own here: once it is registered with samples, it is walked.
 */
#include "unit.h"

#include "plugin/plugins.h"
#include "tensor/tape/graph.h"
#include "tensor/kernels/kernels.h"

#include <math.h>

/* The core's operations and those that the plugins bring, whose code stays loaded. */
static struct sw_ops *all_ops(void)
{
    struct sw_error error = {0};
    struct sw_ops *ops = sw_ops_new(&error);
    struct sw_plugins *plugins = NULL;
    if (!ops || sw_plugins_load(&plugins, NULL, ops, &error) != SW_OK)
        fprintf(stderr, "%s\n", error.text);
    sw_plugins_free(plugins);
    return ops;
}

struct fixture {
    struct sw_ops *ops;
    struct sw_compute *compute;
    struct sw_graph *graph;
};

static struct fixture begin(void)
{
    struct sw_error error = {0};
    struct fixture f = {.ops = all_ops(), .compute = sw_compute_new(2, &error)};
    ck_assert_msg(f.compute != NULL, "%s", error.text);
    f.graph = sw_graph_new(sw_host_table(), f.compute, f.ops, &error);
    ck_assert_ptr_nonnull(f.graph);
    return f;
}

static void end(struct fixture f)
{
    sw_graph_free(f.graph);
    sw_compute_free(f.compute);
    sw_ops_free(f.ops);
}

/* A wrong derivative does not crash and does not show: training is only a little worse. Each set of
 * kernels has a backward of its own. */
START_TEST(gradient_of_each_operation)
{
    static const char *const sets[] = {"baseline", "avx2", "avx512", "amx"};
    for (int i = 0; i < 4; i++) {
        if (!sw_kernels_select(sets[i]))
            continue;
        setenv("STEPWISE_CPU", sets[i], 1);
        struct fixture f = begin();
        const struct sw_op *op = sw_ops_at(f.ops, _i);
        struct sw_error error = {0};
        double worst = 0;
        int status = sw_gradcheck(f.graph, op, &worst, &error);
        ck_assert_msg(status == SW_OK, "%s: %s", sets[i], error.text);
        ck_assert_double_le(worst, 1e-3);
        if (getenv("STEPWISE_TEST_VERBOSE"))
            fprintf(stderr, "%-8s %-20s worst %.1e\n", sets[i], op->name, worst);
        end(f);
    }
}
END_TEST

/* ---- misuse -----------------------------------------------------------------------------------
 */

enum { MOST_INPUTS = 10 };

/* Inputs as the sample has them, but for `changed`: its dimension `d` differs by `by`, or with
 * d < 0 it has one dimension less (two where it had one). 0 when there is no such dimension. */
static int make_inputs(struct sw_graph *graph, const struct sw_sample *sample, int changed, int d,
                       int by, struct sw_tensor **in)
{
    if (d >= sample->in[changed].ndim)
        return 0;
    for (int i = 0; i < sample->inputs; i++) {
        int dim[SW_MAX_DIM], ndim = sample->in[i].ndim;
        memcpy(dim, sample->in[i].dim, sizeof dim);
        if (i == changed && d >= 0) {
            dim[d] += by;
        } else if (i == changed && ndim > 1) {
            ndim--;
        } else if (i == changed) {
            ndim = 2;
            dim[1] = 1;
        }
        in[i] = sw_graph_tensor(graph, ndim, dim, NULL, !sample->in[i].constant);
        ck_assert_ptr_nonnull(in[i]);
        for (size_t j = 0; j < sw_tensor_count(in[i]); j++)
            in[i]->data[j] = sample->in[i].high;
    }
    return 1;
}

static void try_changed(struct sw_graph *graph, const struct sw_op *op,
                        const struct sw_sample *sample, int changed, int d, int by)
{
    struct sw_tensor *in[MOST_INPUTS];
    sw_graph_reset(graph, 1);
    if (!make_inputs(graph, sample, changed, d, by, in))
        return;
    struct sw_tensor *out = sw_graph_apply(graph, op, in, sample->inputs, &sample->args);
    if (out)
        ck_assert_int_eq(sw_graph_backward(graph), SW_OK);
    else
        ck_assert_ptr_nonnull(strstr(sw_graph_error(graph)->text, op->name));
}

/* A size that does not fit is said, or the result is computed within what was allocated (a build
 * with --enable-sanitizers sees if not); a stage that mixes up two tensors must not crash the run.
 */
START_TEST(each_operation_bears_other_shapes)
{
    struct fixture f = begin();
    const struct sw_op *op = sw_ops_at(f.ops, _i);
    for (int s = 0; s < op->sample_count; s++)
        for (int i = 0; i < op->samples[s].inputs; i++)
            for (int d = -1; d < SW_MAX_DIM; d++) {
                try_changed(f.graph, op, &op->samples[s], i, d, 1);
                try_changed(f.graph, op, &op->samples[s], i, d, -1);
            }
    end(f);
}
END_TEST

/* An operation reads as many inputs as it says; one fewer must not reach it. */
START_TEST(each_operation_refuses_too_few_and_too_many_inputs)
{
    struct fixture f = begin();
    const struct sw_op *op = sw_ops_at(f.ops, _i);
    for (int inputs = 0; inputs <= MOST_INPUTS + 1; inputs++) {
        if (inputs >= op->least_inputs && inputs <= op->most_inputs)
            continue;
        sw_graph_reset(f.graph, 0);
        struct sw_tensor *in[MOST_INPUTS + 1];
        for (int i = 0; i <= MOST_INPUTS; i++)
            in[i] = sw_graph_tensor(f.graph, 1, (int[]){1}, NULL, 0);
        ck_assert_ptr_null(sw_graph_apply(f.graph, op, in, inputs, &op->samples[0].args));
        ck_assert_ptr_nonnull(strstr(sw_graph_error(f.graph)->text, "takes"));
    }
    end(f);
}
END_TEST

/* ---- the registry -------------------------------------------------------------------------------
 */

/* No op, no model: two of the core's own with one name, or one without a sample, would stop it. */
START_TEST(operations_are_all_there)
{
    struct sw_ops *ops = all_ops();
    ck_assert_ptr_nonnull(ops);
    ck_assert_ptr_nonnull(sw_ops_find(ops, "linear"));
    ck_assert_msg(sw_ops_find(ops, "gate_blend") != NULL, "the plugins' operations are missing");
    ck_assert_int_gt(sw_ops_count(ops), 0);
    for (int i = 0; i < sw_ops_count(ops); i++) {
        ck_assert_ptr_eq(sw_ops_find(ops, sw_ops_at(ops, i)->name), sw_ops_at(ops, i));
        ck_assert(i == 0 || strcmp(sw_ops_at(ops, i - 1)->name, sw_ops_at(ops, i)->name) < 0);
    }
    ck_assert_ptr_null(sw_ops_find(ops, "no_such_operation"));
    ck_assert_ptr_null(sw_ops_find(ops, ""));
    ck_assert_ptr_null(sw_ops_find(ops, NULL));
    ck_assert_ptr_null(sw_ops_at(ops, -1));
    ck_assert_ptr_null(sw_ops_at(ops, sw_ops_count(ops)));
    sw_ops_free(ops);
}
END_TEST

/* An operation that the registry takes: one of the core's under another name. */
static struct sw_op good_op(const struct sw_ops *ops)
{
    struct sw_op op = *sw_ops_find(ops, "add");
    op.name = "test_op";
    return op;
}

/* Plugins bring operations by the dozen; each must be found, whatever the order they came in. */
START_TEST(many_operations_are_found)
{
    enum { MANY = 300 };
    static char names[MANY][32];
    static struct sw_op op[MANY];
    struct sw_ops *ops = all_ops();
    int before = sw_ops_count(ops);
    for (int i = 0; i < MANY; i++) {
        struct sw_error error = {0};
        snprintf(names[i], sizeof names[i], "test_%d", i * 7919 % MANY);
        op[i] = good_op(ops);
        op[i].name = names[i];
        ck_assert_int_eq(sw_ops_would_add(ops, &op[i], &error), 1);
        ck_assert_msg(sw_ops_add(ops, &op[i], &error) == SW_OK, "%s", error.text);
        ck_assert_int_eq(sw_ops_would_add(ops, &op[i], NULL), 0);
    }
    ck_assert_int_eq(sw_ops_count(ops), before + MANY);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(sw_ops_find(ops, names[i]), &op[i]);
    for (int i = 1; i < sw_ops_count(ops); i++)
        ck_assert_int_lt(strcmp(sw_ops_at(ops, i - 1)->name, sw_ops_at(ops, i)->name), 0);
    sw_ops_free(ops);
}
END_TEST

static void not_added(struct sw_ops *ops, const struct sw_op *op, const char *why)
{
    struct sw_error error = {0}, again = {0};
    int before = sw_ops_count(ops);
    ck_assert_int_eq(sw_ops_would_add(ops, op, &error), 0);
    ck_assert_msg(strstr(error.text, why) != NULL, "found \"%s\", expected \"%s\"", error.text,
                  why);
    ck_assert_int_eq(sw_ops_add(ops, op, &again), SW_FAILED);
    ck_assert_str_eq(error.text, again.text);
    ck_assert_int_eq(sw_ops_count(ops), before);
}

/* A plugin's author learns from this line what is missing. */
START_TEST(incomplete_operations_are_not_added)
{
    struct sw_ops *ops = all_ops();
    struct sw_op op = good_op(ops);
    not_added(ops, NULL, "has no name");
    op.name = NULL;
    not_added(ops, &op, "has no name");
    static const char *const names[] = {
        "",
        "2d",
        "a-b",
        "a b",
        "a\n",
        "\xc3\xa9t\xc3\xa9",
        "a123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        op.name = names[i];
        not_added(ops, &op, "expected a name of at most 63 letters");
    }
    op = good_op(ops);
    op.doc = NULL;
    not_added(ops, &op, "'test_op' has no doc");
    op = good_op(ops);
    op.shapes = "";
    not_added(ops, &op, "'test_op' has no shapes");
    op = good_op(ops);
    op.shape = NULL;
    not_added(ops, &op, "'test_op' has no shape()");
    op = good_op(ops);
    op.forward = NULL;
    not_added(ops, &op, "'test_op' has no forward()");
    op = good_op(ops);
    op.sample_count = 0;
    not_added(ops, &op, "'test_op' has no samples");
    op = good_op(ops);
    op.samples = NULL;
    not_added(ops, &op, "'test_op' has no samples");
    op = good_op(ops);
    op.most_inputs = 11;
    not_added(ops, &op, "takes 2 to 11 inputs");
    op.most_inputs = 1;
    not_added(ops, &op, "takes 2 to 1 inputs");
    op = good_op(ops);
    op.name = sw_ops_count(ops) ? sw_ops_at(ops, 0)->name : "";
    not_added(ops, &op, "is already registered");
    sw_ops_free(ops);
}
END_TEST

/* Samples are what an operation is judged by; wrong ones would judge nothing, or crash the judge.
 */
START_TEST(bad_samples_are_not_added)
{
    static const struct sw_sample smooth[] = {
        {.inputs = 2, .in = {{1, {3}, -1, 1, 0}, {1, {3}, 0.5f, 2, 0}}},
        {.inputs = 2, .in = {{2, {2, 5}, -1, 1, 0}, {2, {2, 5}, 0.5f, 2, 0}}},
    };
    struct sw_ops *ops = all_ops();
    struct sw_op op = good_op(ops);
    struct sw_sample sample[2] = {smooth[0], smooth[1]};
    op.samples = sample;
    op.sample_count = 2;
    sample[1].inputs = 3;
    not_added(ops, &op, "'test_op', sample 2: has 3 inputs, takes 2 to 2");
    sample[1] = smooth[1];
    sample[1].in[1].ndim = 5;
    not_added(ops, &op, "'test_op', sample 2, input 2: expected 1 to 4 dimensions, found 5");
    sample[1] = smooth[1];
    sample[1].in[0].dim[1] = 0;
    not_added(ops, &op, "sample 2, input 1: expected 1 to 2^20 numbers");
    sample[1].in[0].dim[0] = sample[1].in[0].dim[1] = 1 << 30;
    not_added(ops, &op, "sample 2, input 1: expected 1 to 2^20 numbers");
    sample[1] = smooth[1];
    sample[1].in[0].low = 2;
    not_added(ops, &op, "low 2 is above high 1");
    sample[1].in[0].low = NAN;
    not_added(ops, &op, "sample 2, input 1");
    sw_ops_free(ops);
}
END_TEST

static void add_tests(TCase *tests)
{
    struct sw_ops *ops = all_ops();
    int count = ops ? sw_ops_count(ops) : 0;
    sw_ops_free(ops);
    tcase_add_test(tests, operations_are_all_there);
    tcase_add_test(tests, many_operations_are_found);
    tcase_add_test(tests, incomplete_operations_are_not_added);
    tcase_add_test(tests, bad_samples_are_not_added);
    tcase_add_loop_test(tests, gradient_of_each_operation, 0, count);
    tcase_add_loop_test(tests, each_operation_bears_other_shapes, 0, count);
    tcase_add_loop_test(tests, each_operation_refuses_too_few_and_too_many_inputs, 0, count);
}

UNIT_MAIN("ops", add_tests)
