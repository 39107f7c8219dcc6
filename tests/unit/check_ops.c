/* check_ops.c -- every operation against finite differences, and the check against bad operations.
 *
 * A new operation needs no test of its own here: once it is registered with samples, it is walked. */
#include "unit.h"

#include "tensor/gradcheck.h"
#include "tensor/graph.h"

#include <math.h>

static struct sw_ops *core_ops(void)
{
    struct sw_error error = {0};
    struct sw_ops *ops = sw_ops_new(&error);
    if (!ops)
        fprintf(stderr, "%s\n", error.text);
    return ops;
}

/* sw_gradcheck on a graph of its own. */
static int check_op(const struct sw_op *op, double *worst, struct sw_error *error)
{
    struct sw_ops *ops = core_ops();
    struct sw_compute *compute = sw_compute_new(2, error);
    ck_assert_msg(compute != NULL, "%s", error->text);
    struct sw_graph *graph = sw_graph_new(NULL, compute, ops, error);
    int status = sw_gradcheck(graph, op, worst, error);
    sw_graph_free(graph);
    sw_compute_free(compute);
    sw_ops_free(ops);
    return status;
}

/* A wrong derivative does not crash and does not show: training is only a little worse. */
START_TEST(gradient_of_each_operation)
{
    struct sw_ops *ops = core_ops();
    const struct sw_op *op = sw_ops_at(ops, _i);
    struct sw_error error = {0};
    double worst = 0;
    ck_assert_msg(check_op(op, &worst, &error) == SW_OK, "%s", error.text);
    ck_assert_int_eq(error.status, SW_OK);
    ck_assert_double_le(worst, 1e-3);
    if (getenv("STEPWISE_TEST_VERBOSE"))
        fprintf(stderr, "%-28s %2d samples, worst %.1e\n", op->name, op->sample_count, worst);
    sw_ops_free(ops);
}
END_TEST

/* Too few inputs, too many, or of other shapes: said, not read past the end. */
START_TEST(each_operation_refuses_what_does_not_fit)
{
    struct sw_ops *ops = core_ops();
    const struct sw_op *op = sw_ops_at(ops, _i);
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(1, &error);
    struct sw_graph *graph = sw_graph_new(NULL, compute, ops, &error);
    for (int s = 0; s < op->sample_count; s++) {
        const struct sw_sample *sample = &op->samples[s];
        for (int inputs = 0; inputs <= 11; inputs++) {
            if (inputs >= op->least_inputs && inputs <= op->most_inputs)
                continue;
            sw_graph_reset(graph, 0);
            struct sw_tensor *in[11], *one = sw_graph_tensor(graph, 1, (int[]){1}, NULL, 0);
            for (int i = 0; i < 11; i++)
                in[i] = one;
            ck_assert_ptr_null(sw_graph_apply(graph, op, in, inputs, &sample->args));
            ck_assert_ptr_nonnull(strstr(sw_graph_error(graph)->text, "takes"));
        }
        /* Each size of each input in turn one larger, one smaller, and with a dimension less: refused,
         * or computed within what was allocated, which a sanitizer watches. */
        for (int change = 0; change < sample->inputs * 9; change++) {
            int at = change / 9, d = change % 9 / 2, by = change % 2 ? 1 : -1;
            if (change % 9 != 8 && d >= sample->in[at].ndim)
                continue;
            sw_graph_reset(graph, 1);
            struct sw_tensor *in[10];
            for (int i = 0; i < sample->inputs; i++) {
                int dim[SW_MAX_DIM], ndim = sample->in[i].ndim;
                memcpy(dim, sample->in[i].dim, sizeof dim);
                if (i == at && change % 9 == 8)
                    ndim = ndim > 1 ? ndim - 1 : 2, dim[1] = ndim == 2 ? 1 : dim[1];
                else if (i == at)
                    dim[d] += by;
                in[i] = sw_graph_tensor(graph, ndim, dim, NULL, !sample->in[i].constant);
                ck_assert_ptr_nonnull(in[i]);
                for (size_t j = 0; j < sw_tensor_count(in[i]); j++)
                    in[i]->data[j] = sample->in[i].high;
            }
            struct sw_tensor *out = sw_graph_apply(graph, op, in, sample->inputs, &sample->args);
            if (out && out->grad)
                memset(out->grad, 0, sw_tensor_count(out) * sizeof(float));
            sw_graph_backward(graph);
            if (!out)
                ck_assert_int_ne(sw_graph_error(graph)->status, SW_OK);
        }
    }
    sw_graph_free(graph);
    sw_compute_free(compute);
    sw_ops_free(ops);
}
END_TEST

/* ---- the check itself --------------------------------------------------------------------------- */

static int shape_of_first(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    memcpy(dim, call->in[0]->dim, sizeof call->in[0]->dim);
    return call->in[0]->ndim;
}

static size_t count_of(const struct sw_call *call)
{
    return sw_tensor_count(call->out);
}

/* sin(x) y^2 */
static void good_forward(const struct sw_call *call)
{
    for (size_t j = 0; j < count_of(call); j++)
        call->out->data[j] = sinf(call->in[0]->data[j]) * powf(call->in[1]->data[j], 2);
}

/* Its gradient, with the one by x off by the factor `wrong` at its last number. */
static void add_gradients(const struct sw_call *call, float wrong)
{
    const float *x = call->in[0]->data, *y = call->in[1]->data, *d = call->out->grad;
    float *dx = call->in[0]->grad, *dy = call->in[1]->grad;
    for (size_t j = 0; j < count_of(call); j++) {
        if (dx)
            dx[j] += d[j] * cosf(x[j]) * y[j] * y[j] * (j + 1 == count_of(call) ? wrong : 1);
        if (dy)
            dy[j] += d[j] * sinf(x[j]) * 2 * y[j];
    }
}

static void good_backward(const struct sw_call *call)
{
    add_gradients(call, 1);
}

static void wrong_backward(const struct sw_call *call)
{
    add_gradients(call, 1.01f);
}

static void wrong_for_matrices(const struct sw_call *call)
{
    add_gradients(call, call->out->ndim == 2 ? 1.01f : 1);
}

static void overwriting_backward(const struct sw_call *call)
{
    if (call->in[1]->grad)
        memset(call->in[1]->grad, 0, count_of(call) * sizeof(float));
    add_gradients(call, 1);
}

/* Right only when both inputs want a gradient. */
static void dependent_backward(const struct sw_call *call)
{
    add_gradients(call, call->in[1]->grad ? 1 : 2);
}

static void silent_backward(const struct sw_call *call)
{
    (void)call;
}

static void eating_backward(const struct sw_call *call)
{
    add_gradients(call, 1);
    call->out->grad[0] = 0;
}

static void writing_backward(const struct sw_call *call)
{
    add_gradients(call, 1);
    call->in[0]->data[0] += 1;
}

static void infinite_backward(const struct sw_call *call)
{
    add_gradients(call, 1 / (call->in[0]->data[0] * 0));
}

static void short_forward(const struct sw_call *call)
{
    for (size_t j = 0; j + 1 < count_of(call); j++)
        call->out->data[j] = call->in[0]->data[j];
}

static void writing_forward(const struct sw_call *call)
{
    good_forward(call);
    call->in[1]->data[2] = 0;
}

/* What a race between threads would look like. */
static void restless_forward(const struct sw_call *call)
{
    static int calls;
    good_forward(call);
    call->out->data[0] *= 1 + 1e-6f * (float)calls++;
}

/* Reads `saved`, which it has not written. */
static void saving_forward(const struct sw_call *call)
{
    good_forward(call);
    call->out->data[0] += ((const float *)call->saved)[3];
}

static size_t some_bytes(const struct sw_call *call)
{
    return 16 * count_of(call);
}

static const struct sw_sample smooth[] = {
    {.inputs = 2, .in = {{1, {3}, -1, 1, 0}, {1, {3}, 0.5f, 2, 0}}},
    {.inputs = 2, .in = {{2, {2, 5}, -1, 1, 0}, {2, {2, 5}, 0.5f, 2, 0}}},
};

static struct sw_op good_op(void)
{
    return (struct sw_op){
        .name = "test_op",
        .shapes = "(..),(..)->(..)",
        .doc = "sin(x) y^2",
        .least_inputs = 2,
        .most_inputs = 2,
        .shape = shape_of_first,
        .forward = good_forward,
        .backward = good_backward,
        .samples = smooth,
        .sample_count = 2,
    };
}

static void refused(const struct sw_op *op, const char *why)
{
    struct sw_error error = {0};
    ck_assert_int_eq(check_op(op, NULL, &error), SW_FAILED);
    ck_assert_msg(strncmp(error.text, "operation 'test_op'", 19) == 0, "%s", error.text);
    ck_assert_msg(strstr(error.text, why) != NULL, "found \"%s\", expected \"%s\"", error.text, why);
}

START_TEST(a_right_operation_passes)
{
    struct sw_op op = good_op();
    struct sw_error error = {0};
    double worst = -1;
    ck_assert_msg(check_op(&op, &worst, &error) == SW_OK, "%s", error.text);
    ck_assert(worst > 0 && worst < 2e-4);

    struct sw_sample sample = smooth[0]; /* a gradient that is wrong where none is asked */
    sample.in[0].constant = 1;
    op.backward = wrong_backward;
    op.samples = &sample;
    op.sample_count = 1;
    ck_assert_msg(check_op(&op, &worst, &error) == SW_OK, "%s", error.text);

    op.backward = NULL; /* forward alone is checked */
    op.samples = smooth;
    op.sample_count = 2;
    ck_assert_msg(check_op(&op, &worst, &error) == SW_OK, "%s", error.text);
    ck_assert_double_eq(worst, 0);
}
END_TEST

/* A check that cannot fail would let every wrong derivative through. */
START_TEST(wrong_gradients_are_refused)
{
    struct sw_op op = good_op();
    op.backward = wrong_backward;
    refused(&op, "sample 1: the gradient of input 1 is wrong by 0.0");
    op.backward = wrong_for_matrices;
    refused(&op, "sample 2: the gradient of input 1 is wrong by 0.0");
    op.samples = smooth + 1;
    op.sample_count = 1;
    refused(&op, "at number 9 backward gives ");
    op.backward = silent_backward;
    refused(&op, "the gradient of input 1 is wrong by 1 ");
    op.backward = infinite_backward;
    refused(&op, "the gradient of input 1 is not finite");
}
END_TEST

/* A gradient that overwrites loses what other uses of the value have added. */
START_TEST(gradients_that_do_not_add_are_refused)
{
    struct sw_op op = good_op();
    op.backward = overwriting_backward;
    refused(&op, "backward does not add to the gradient of input 2");
    op.backward = dependent_backward;
    refused(&op, "the gradient of input 1 is ");
    op.backward = eating_backward;
    refused(&op, "backward wrote to the gradient of its result");
    op.backward = writing_backward;
    refused(&op, "input 1 was written to");
}
END_TEST

START_TEST(wrong_forwards_are_refused)
{
    struct sw_op op = good_op();
    op.forward = short_forward;
    refused(&op, "forward left number 2 of its result unwritten or not finite");
    op.forward = writing_forward;
    refused(&op, "input 2 was written to");
    op.forward = restless_forward;
    refused(&op, "two forwards on the same inputs differ");
    op.forward = saving_forward;
    op.saved_size = some_bytes;
    refused(&op, "unwritten or not finite");
}
END_TEST

static int no_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    (void)call;
    (void)dim;
    return -1;
}

START_TEST(samples_that_say_nothing_are_refused)
{
    struct sw_op op = good_op();
    op.sample_count = 0;
    refused(&op, "has no samples");
    op.samples = NULL;
    op.sample_count = 1;
    refused(&op, "has no samples");
    struct sw_sample sample = smooth[0];
    sample.in[0].constant = sample.in[1].constant = 1;
    op.samples = &sample;
    refused(&op, "asks for no gradient");
    sample.inputs = 1;
    refused(&op, "test_op: takes 2 inputs");
    sample.inputs = 11;
    refused(&op, "has 11 inputs, at most 10 fit");
    op = good_op();
    op.shape = no_shape;
    refused(&op, "shapes do not match (..),(..)->(..): got (3),(3)");
}
END_TEST

/* ---- the registry ------------------------------------------------------------------------------- */

/* No op, no model: two of the core's own with one name, or one without a sample, would stop it. */
START_TEST(core_operations_are_all_there)
{
    struct sw_ops *ops = core_ops();
    ck_assert_ptr_nonnull(ops);
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

/* Plugins bring operations by the dozen; each must be found, whatever the order they came in. */
START_TEST(many_operations_are_found)
{
    enum { MANY = 300 };
    static char names[MANY][32];
    static struct sw_op op[MANY];
    struct sw_ops *ops = core_ops();
    int before = sw_ops_count(ops);
    for (int i = 0; i < MANY; i++) {
        struct sw_error error = {0};
        snprintf(names[i], sizeof names[i], "test_%d", i * 7919 % MANY);
        op[i] = good_op();
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
    ck_assert_msg(strstr(error.text, why) != NULL, "found \"%s\", expected \"%s\"", error.text, why);
    ck_assert_int_eq(sw_ops_add(ops, op, &again), SW_FAILED);
    ck_assert_str_eq(error.text, again.text);
    ck_assert_int_eq(sw_ops_count(ops), before);
}

/* A plugin's author learns from this line what is missing. */
START_TEST(incomplete_operations_are_not_added)
{
    struct sw_ops *ops = core_ops();
    struct sw_op op = good_op();
    not_added(ops, NULL, "has no name");
    op.name = NULL;
    not_added(ops, &op, "has no name");
    static const char *const names[] = {"", "2d", "a-b", "a b", "a\n", "\xc3\xa9t\xc3\xa9",
        "a123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        op.name = names[i];
        not_added(ops, &op, "expected a name of at most 63 letters");
    }
    op = good_op();
    op.doc = NULL;
    not_added(ops, &op, "'test_op' has no doc");
    op = good_op();
    op.shapes = "";
    not_added(ops, &op, "'test_op' has no shapes");
    op = good_op();
    op.shape = NULL;
    not_added(ops, &op, "'test_op' has no shape()");
    op = good_op();
    op.forward = NULL;
    not_added(ops, &op, "'test_op' has no forward()");
    op = good_op();
    op.sample_count = 0;
    not_added(ops, &op, "'test_op' has no samples");
    op = good_op();
    op.samples = NULL;
    not_added(ops, &op, "'test_op' has no samples");
    op = good_op();
    op.most_inputs = 11;
    not_added(ops, &op, "takes 2 to 11 inputs");
    op.most_inputs = 1;
    not_added(ops, &op, "takes 2 to 1 inputs");
    op = good_op();
    op.name = sw_ops_count(ops) ? sw_ops_at(ops, 0)->name : "";
    not_added(ops, &op, "is already there");
    sw_ops_free(ops);
}
END_TEST

START_TEST(bad_samples_are_not_added)
{
    struct sw_ops *ops = core_ops();
    struct sw_op op = good_op();
    struct sw_sample sample[2] = {smooth[0], smooth[1]};
    op.samples = sample;
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
    struct sw_ops *ops = core_ops();
    int count = ops ? sw_ops_count(ops) : 0;
    sw_ops_free(ops);
    tcase_add_test(tests, core_operations_are_all_there);
    tcase_add_test(tests, many_operations_are_found);
    tcase_add_test(tests, incomplete_operations_are_not_added);
    tcase_add_test(tests, bad_samples_are_not_added);
    tcase_add_test(tests, a_right_operation_passes);
    tcase_add_test(tests, wrong_gradients_are_refused);
    tcase_add_test(tests, gradients_that_do_not_add_are_refused);
    tcase_add_test(tests, wrong_forwards_are_refused);
    tcase_add_test(tests, samples_that_say_nothing_are_refused);
    tcase_add_loop_test(tests, gradient_of_each_operation, 0, count);
    tcase_add_loop_test(tests, each_operation_refuses_what_does_not_fit, 0, count);
}

UNIT_MAIN("ops", add_tests)
