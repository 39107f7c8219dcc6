/* check_gradcheck.c -- the check of gradients against operations that are wrong in one way each. */
#include "unit.h"

#include "tensor/tape/graph.h"

#include <math.h>

/* sw_gradcheck on a graph of its own. */
static int check_op(const struct sw_op *op, double *worst, struct sw_error *error)
{
    struct sw_ops *ops = sw_ops_new(error);
    struct sw_compute *compute = sw_compute_new(2, error);
    ck_assert_msg(compute != NULL, "%s", error->text);
    struct sw_graph *graph = sw_graph_new(NULL, compute, ops, error);
    int status = sw_gradcheck(graph, op, worst, error);
    sw_graph_free(graph);
    sw_compute_free(compute);
    sw_ops_free(ops);
    return status;
}

/* ---- operations
 * ----------------------------------------------------------------------------------- */

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
    ck_assert_msg(strstr(error.text, why) != NULL, "found \"%s\", expected \"%s\"", error.text,
                  why);
}

/* A check that refuses what is right sends a plugin's author after a fault that is not there. */
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

/* A result that is partly left from before, or differs from call to call, makes runs unrepeatable.
 */
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

/* An operation that is never tried must not count as checked. */
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

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_right_operation_passes);
    tcase_add_test(tests, wrong_gradients_are_refused);
    tcase_add_test(tests, gradients_that_do_not_add_are_refused);
    tcase_add_test(tests, wrong_forwards_are_refused);
    tcase_add_test(tests, samples_that_say_nothing_are_refused);
}

UNIT_MAIN("gradcheck", add_tests)
