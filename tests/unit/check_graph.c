/* check_graph.c -- the tape. */
#include "unit.h"

#include "tensor/tape/graph.h"

#include <limits.h>
#include <stdint.h>

/* Read by the address sanitizer, where it is built in: a size too large returns NULL as elsewhere.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* ---- operations of the test's own ---------------------------------------------------------------
 */

static int shape_of_first(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0];
    for (int i = 1; i < call->inputs; i++)
        if (call->in[i]->ndim != x->ndim || sw_tensor_count(call->in[i]) != sw_tensor_count(x))
            return -1;
    memcpy(dim, x->dim, sizeof x->dim);
    return x->ndim;
}

static size_t saved_count(const struct sw_call *call)
{
    return sw_tensor_count(call->out) * sizeof(float) + 1;
}

/* f x y, keeping a copy of y as what forward saves for backward */
static void times_forward(const struct sw_call *call)
{
    float *saved = call->saved;
    for (size_t j = 0; j < sw_tensor_count(call->out); j++) {
        saved[j] = call->in[1]->data[j];
        call->out->data[j] = call->args->f[0] * call->in[0]->data[j] * saved[j];
    }
}

static void times_backward(const struct sw_call *call)
{
    const float *saved = call->saved, *d = call->out->grad;
    float *dx = call->in[0]->grad, *dy = call->in[1]->grad, f = call->args->f[0];
    for (size_t j = 0; j < sw_tensor_count(call->out); j++) {
        if (dx)
            dx[j] += f * d[j] * saved[j];
        if (dy)
            dy[j] += f * d[j] * call->in[0]->data[j];
    }
}

static const struct sw_op times = {
    .name = "times",
    .shapes = "(R,K),(R,K)->(R,K)",
    .doc = "f x y",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = shape_of_first,
    .saved_size = saved_count,
    .forward = times_forward,
    .backward = times_backward,
};

static void sign_forward(const struct sw_call *call)
{
    for (size_t j = 0; j < sw_tensor_count(call->out); j++)
        call->out->data[j] = call->in[0]->data[j] < 0 ? -1 : 1;
}

static const struct sw_op sign = {
    .name = "sign",
    .shapes = "(..)->(..)",
    .doc = "no gradient",
    .least_inputs = 1,
    .most_inputs = 3,
    .shape = shape_of_first,
    .forward = sign_forward,
};

/* A shape as an operation of a careless plugin might state it, by args. */
static int stated_shape(const struct sw_call *call, int dim[SW_MAX_DIM])
{
    for (int d = 0; d < SW_MAX_DIM; d++)
        dim[d] = call->args->i[d];
    return call->args->p ? *(const int *)call->args->p : SW_MAX_DIM;
}

static void nothing(const struct sw_call *call)
{
    (void)call;
}

static size_t stated_saved(const struct sw_call *call)
{
    return call->args->f[0] > 0 ? SIZE_MAX - 10 : 0;
}

static const struct sw_op stated = {
    .name = "stated",
    .shapes = "(..)->(..)",
    .doc = "nothing",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = stated_shape,
    .saved_size = stated_saved,
    .forward = nothing,
};

struct fixture {
    struct sw_ops *ops;
    struct sw_compute *compute;
    struct sw_graph *graph;
};

static struct fixture begin(int record)
{
    struct sw_error error = {0};
    struct fixture f;
    f.ops = sw_ops_new(&error);
    ck_assert_msg(f.ops != NULL, "%s", error.text);
    f.compute = sw_compute_new(1, &error);
    ck_assert_msg(f.compute != NULL, "%s", error.text);
    f.graph = sw_graph_new(NULL, f.compute, f.ops, &error);
    ck_assert_ptr_nonnull(f.graph);
    sw_graph_reset(f.graph, record);
    return f;
}

static void end(struct fixture f)
{
    sw_graph_free(f.graph);
    sw_compute_free(f.compute);
    sw_ops_free(f.ops);
}

static struct sw_tensor *vector(struct sw_graph *graph, float a, float b, int needs_grad)
{
    struct sw_tensor *x = sw_graph_tensor(graph, 2, (int[]){1, 2}, NULL, needs_grad);
    ck_assert_ptr_nonnull(x);
    x->data[0] = a;
    x->data[1] = b;
    return x;
}

static struct sw_tensor *multiply(struct sw_graph *graph, struct sw_tensor *x, struct sw_tensor *y,
                                  float f)
{
    struct sw_tensor *in[2] = {x, y};
    struct sw_args args = {.f = {f}};
    struct sw_tensor *out = sw_graph_apply(graph, &times, in, 2, &args);
    in[0] = in[1] = NULL; /* the tape keeps copies of these */
    args.f[0] = 100;
    return out;
}

static void check_failed(struct fixture f, int status, const char *text)
{
    struct sw_error *error = sw_graph_error(f.graph);
    ck_assert_int_eq(error->status, status);
    ck_assert_msg(strstr(error->text, text) != NULL, "found \"%s\", expected \"%s\"", error->text,
                  text);
}

/* ---- gradients ----------------------------------------------------------------------------------
 */

/* z = (2 x y) (3 (2 x y) x) = 12 x^3 y^2: a value that is used twice must collect both gradients
 * before it passes them on, or training descends a wrong slope without a word. */
START_TEST(gradients_of_a_value_used_twice)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = vector(f.graph, 2, -1, 1), *y = vector(f.graph, 3, 0.5f, 1);
    struct sw_tensor *a = multiply(f.graph, x, y, 2), *b = multiply(f.graph, a, x, 3);
    struct sw_tensor *z = multiply(f.graph, a, b, 1);
    ck_assert_ptr_nonnull(z);
    ck_assert_float_eq(z->data[0], 12 * 8 * 9);
    z->grad[0] = 1;
    z->grad[1] = 2;
    ck_assert_int_eq(sw_graph_backward(f.graph), SW_OK);
    ck_assert_float_eq(x->grad[0], 36 * 4 * 9);
    ck_assert_float_eq(x->grad[1], 2 * 36 * 1 * 0.25f);
    ck_assert_float_eq(y->grad[0], 24 * 8 * 3);
    ck_assert_float_eq(y->grad[1], 2 * 24 * -1 * 0.5f);
    end(f);
}
END_TEST

/* A frozen table must cost no gradient, and scoring without a tape no memory for one. */
START_TEST(gradients_only_where_they_are_needed)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = vector(f.graph, 2, 3, 1), *y = vector(f.graph, 4, 5, 0);
    ck_assert_ptr_null(y->grad);
    struct sw_tensor *z = multiply(f.graph, x, y, 1), *frozen = multiply(f.graph, y, y, 1);
    ck_assert_ptr_nonnull(z->grad);
    ck_assert_float_eq(z->grad[0], 0);
    ck_assert_ptr_null(frozen->grad);
    struct sw_tensor *s = sw_graph_apply(f.graph, &sign, &z, 1, NULL);
    ck_assert_ptr_nonnull(s);
    ck_assert_ptr_null(s->grad); /* no backward: nothing flows through it */
    z->grad[0] = 1;
    sw_graph_backward(f.graph);
    ck_assert_float_eq(x->grad[0], 4);

    static float parameter[2] = {1, 2}, gradient[2] = {7, 7};
    struct sw_tensor weight = {parameter, gradient, 2, {1, 2}};
    sw_graph_reset(f.graph, 0);
    ck_assert_int_eq(sw_graph_records(f.graph), 0);
    ck_assert_ptr_null(vector(f.graph, 2, 3, 1)->grad);
    z = multiply(f.graph, &weight, &weight, 1);
    ck_assert_float_eq(z->data[1], 4);
    ck_assert_ptr_null(z->grad);
    ck_assert_int_eq(sw_graph_backward(f.graph), SW_OK);
    ck_assert_float_eq(gradient[0], 7);
    end(f);
}
END_TEST

/* The gradients of two steps must not mix. */
START_TEST(reset_forgets_the_tape)
{
    struct fixture f = begin(1);
    for (int step = 0; step < 3; step++) {
        sw_graph_reset(f.graph, 1);
        struct sw_tensor *x = vector(f.graph, 2, 3, 1), *z = multiply(f.graph, x, x, 1);
        z->grad[0] = 1;
        sw_graph_backward(f.graph);
        ck_assert_float_eq(x->grad[0], 4);
        ck_assert_float_eq(x->grad[1], 0);
    }
    end(f);
}
END_TEST

/* A running step asks the system for nothing. */
START_TEST(memory_stops_growing)
{
    struct fixture f = begin(1);
    size_t bytes = 0;
    for (int step = 0; step < 6; step++) {
        sw_graph_reset(f.graph, 1);
        struct sw_tensor *x = sw_graph_tensor(f.graph, 2, (int[]){100, 300}, NULL, 1);
        memset(x->data, 0, 30000 * sizeof(float));
        for (int i = 0; i < 10; i++)
            x = multiply(f.graph, x, x, 1);
        if (step == 1)
            bytes = sw_graph_bytes(f.graph);
        if (step > 1)
            ck_assert_uint_eq(sw_graph_bytes(f.graph), bytes);
    }
    ck_assert_uint_gt(bytes, 20 * 30000 * sizeof(float));
    end(f);
}
END_TEST

/* A view passes gradients to what it shows. */
START_TEST(reshape_shares_numbers_and_gradient)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = sw_graph_tensor(f.graph, 2, (int[]){2, 6}, NULL, 1);
    struct sw_tensor *view = sw_graph_reshape(f.graph, x, 3, (int[]){3, 4, 1});
    ck_assert_ptr_eq(view->data, x->data);
    ck_assert_ptr_eq(view->grad, x->grad);
    ck_assert_int_eq(view->ndim, 3);
    ck_assert_ptr_null(sw_graph_reshape(f.graph, NULL, 1, (int[]){1}));
    ck_assert_int_eq(sw_graph_error(f.graph)->status, SW_OK);
    ck_assert_ptr_null(sw_graph_reshape(f.graph, x, 2, (int[]){3, 5}));
    check_failed(f, SW_FAILED, "reshape: counts differ: got (2,6) as (3,5)");
    end(f);
}
END_TEST

/* Index tables and flags are built in scratch; what the last step left there would be taken for
 * real. */
START_TEST(scratch_is_zeroed)
{
    struct fixture f = begin(1);
    for (int step = 0; step < 3; step++) {
        unsigned char *at = sw_graph_scratch(f.graph, 5000);
        for (int i = 0; i < 5000; i++)
            if (at[i])
                ck_abort_msg("byte %d is %d", i, at[i]);
        memset(at, 0xcc, 5000);
        sw_graph_reset(f.graph, 1);
    }
    end(f);
}
END_TEST

/* ---- failures -----------------------------------------------------------------------------------
 */

/* The author of a stage reads this line and nothing else. */
START_TEST(shapes_that_do_not_fit_are_named)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = vector(f.graph, 1, 2, 1);
    struct sw_tensor *y = sw_graph_tensor(f.graph, 3, (int[]){3, 4, 16}, NULL, 0);
    ck_assert_ptr_null(multiply(f.graph, x, y, 1));
    ck_assert_str_eq(sw_graph_error(f.graph)->text,
                     "times: shapes do not match (R,K),(R,K)->(R,K): got (1,2),(3,4,16)");
    ck_assert_int_eq(sw_graph_error(f.graph)->status, SW_FAILED);

    /* The first failure sticks, and nothing is done after it. */
    ck_assert_ptr_null(multiply(f.graph, x, x, 1));
    ck_assert_ptr_null(sw_graph_tensor(f.graph, 1, (int[]){1}, NULL, 0));
    ck_assert_ptr_null(sw_graph_reshape(f.graph, x, 1, (int[]){2}));
    ck_assert_ptr_null(sw_graph_scratch(f.graph, 8));
    ck_assert_ptr_null(sw_graph_apply_named(f.graph, "no such thing", &x, 1, NULL));
    ck_assert_int_eq(sw_graph_backward(f.graph), SW_FAILED);
    check_failed(f, SW_FAILED, "got (1,2),(3,4,16)");

    sw_graph_reset(f.graph, 1);
    ck_assert_int_eq(sw_graph_error(f.graph)->status, SW_OK);
    x = vector(f.graph, 1, 2, 1);
    ck_assert_ptr_nonnull(multiply(f.graph, x, x, 1));
    end(f);
}
END_TEST

static void fail_backward(const struct sw_call *call)
{
    sw_fail(sw_graph_error((struct sw_graph *)(size_t)call->args->p), SW_FAILED, "no way back");
}

/* Gradients that were not computed must not pass for gradients that are zero. */
START_TEST(a_failure_on_the_way_back_is_seen)
{
    struct fixture f = begin(1);
    struct sw_op op = times;
    op.name = "one_way";
    op.backward = fail_backward;
    struct sw_tensor *x = vector(f.graph, 1, 2, 1), *y = multiply(f.graph, x, x, 1);
    struct sw_args args = {.p = f.graph};
    struct sw_tensor *z = sw_graph_apply(f.graph, &op, (struct sw_tensor *[]){y, y}, 2, &args);
    ck_assert_ptr_nonnull(z);
    ck_assert_int_eq(sw_graph_backward(f.graph), SW_FAILED);
    check_failed(f, SW_FAILED, "no way back");
    struct sw_error error = {0};
    ck_assert_int_eq(sw_graph_failure(f.graph, &error), SW_FAILED);
    ck_assert_str_eq(error.text, "no way back");
    end(f);
}
END_TEST

/* A stage is a straight run of calls without checks between them: NULL in must be NULL out. */
START_TEST(a_missing_input_gives_nothing)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = vector(f.graph, 1, 2, 1);
    ck_assert_ptr_null(multiply(f.graph, x, NULL, 1));
    ck_assert_ptr_null(multiply(f.graph, NULL, x, 1));
    ck_assert_ptr_null(sw_graph_apply(NULL, &times, &x, 1, NULL));
    ck_assert_ptr_null(sw_graph_apply_named(NULL, "add", &x, 1, NULL));
    ck_assert_int_eq(sw_graph_error(f.graph)->status, SW_OK);
    /* What needed a result says so, rather than go on without. */
    struct sw_error error = {0};
    ck_assert_int_eq(sw_graph_failure(f.graph, &error), SW_FAILED);
    ck_assert_str_eq(error.text, "expected a tensor, found none");
    end(f);
}
END_TEST

/* Read past the inputs that are there, and a forgotten mask becomes a crash. */
START_TEST(wrong_number_of_inputs_is_refused)
{
    struct fixture f = begin(1);
    struct sw_tensor *x = vector(f.graph, 1, 2, 1), *in[4] = {x, x, x, x};
    static const int counts[] = {-1, 0, 1, 3, 11};
    for (int i = 0; i < 5; i++) {
        sw_graph_reset(f.graph, 1);
        ck_assert_ptr_null(sw_graph_apply(f.graph, &times, in, counts[i], NULL));
        check_failed(f, SW_FAILED, "times: takes 2 inputs, (R,K),(R,K)->(R,K): got ");
    }
    sw_graph_reset(f.graph, 1);
    ck_assert_ptr_null(sw_graph_apply(f.graph, &sign, in, 4, NULL));
    check_failed(f, SW_FAILED, "sign: takes 1 to 3 inputs, (..)->(..): got 4");
    end(f);
}
END_TEST

/* Operations are named by text, so a slip of the pen is found only here. */
START_TEST(an_unknown_operation_has_a_near_miss)
{
    struct fixture f = begin(1);
    static const struct sw_sample sample = {.inputs = 2,
                                            .in = {{1, {1}, 0, 1, 0}, {1, {1}, 0, 1, 0}}};
    struct sw_op op = times;
    op.name = "test_times";
    op.samples = &sample;
    op.sample_count = 1;
    struct sw_error error = {0};
    ck_assert_msg(sw_ops_add(f.ops, &op, &error) == SW_OK, "%s", error.text);
    struct sw_tensor *x = vector(f.graph, 1, 2, 1), *in[2] = {x, x};
    struct sw_args args = {.f = {1}};
    struct sw_tensor *z = sw_graph_apply_named(f.graph, "test_times", in, 2, &args);
    ck_assert_ptr_nonnull(z);
    ck_assert_float_eq(z->data[1], 4);
    ck_assert_ptr_null(sw_graph_apply_named(f.graph, "test_tims", in, 2, &args));
    check_failed(f, SW_MISUSE, "no operation 'test_tims'; did you mean 'test_times'?");
    sw_graph_reset(f.graph, 1);
    ck_assert_ptr_null(sw_graph_apply_named(f.graph, NULL, in, 2, &args));
    check_failed(f, SW_MISUSE, "no operation ''");
    end(f);
}
END_TEST

/* A size that wraps around would give a small piece for a large tensor: memory overwritten. */
START_TEST(counts_that_overflow_are_refused)
{
    struct fixture f = begin(1);
    static const int dims[][4] = {{INT_MAX, INT_MAX, INT_MAX, 2},
                                  {1 << 16, 1 << 16, 1 << 16, 1 << 16},
                                  {1 << 20, 1 << 20, 1 << 21, 1},
                                  {2, -1, 1, 1},
                                  {0, -1, 1, 1}};
    for (int i = 0; i < 5; i++) {
        sw_graph_reset(f.graph, 1);
        ck_assert_ptr_null(sw_graph_tensor(f.graph, 4, dims[i], NULL, 1));
        check_failed(f, SW_FAILED, "tensor: shape (");

        sw_graph_reset(f.graph, 1);
        struct sw_tensor *x = vector(f.graph, 1, 2, 1);
        struct sw_args args = {0};
        memcpy(args.i, dims[i], sizeof args.i);
        ck_assert_ptr_null(sw_graph_apply(f.graph, &stated, &x, 1, &args));
        check_failed(f, SW_FAILED, "stated: shape (");
    }
    /* Not an overflow, only more than any machine has. */
    sw_graph_reset(f.graph, 1);
    ck_assert_ptr_null(sw_graph_tensor(f.graph, 3, (int[]){1 << 20, 1 << 20, 1 << 10}, NULL, 1));
    check_failed(f, SW_FAILED, "out of memory for 4503599627370496 bytes");
    sw_graph_reset(f.graph, 1);
    ck_assert_ptr_null(sw_graph_scratch(f.graph, SIZE_MAX));
    check_failed(f, SW_FAILED, "out of memory");
    end(f);
}
END_TEST

/* Operations come from outside: one that states nonsense must not take the program down. */
START_TEST(nonsense_from_an_operation_is_refused)
{
    struct fixture f = begin(1);
    static const int ndims[] = {0, 5, INT_MAX};
    for (int i = 0; i < 3; i++) {
        sw_graph_reset(f.graph, 1);
        struct sw_tensor *x = vector(f.graph, 1, 2, 1);
        struct sw_args args = {.i = {1, 1, 1, 1}, .p = &ndims[i]};
        ck_assert_ptr_null(sw_graph_apply(f.graph, &stated, &x, 1, &args));
        check_failed(f, SW_FAILED, "stated: expected 1 to 4 dimensions, found");
        ck_assert_ptr_null(sw_graph_tensor(f.graph, ndims[i], args.i, NULL, 0));
    }
    sw_graph_reset(f.graph, 1);
    struct sw_tensor *x = vector(f.graph, 1, 2, 1);
    struct sw_args args = {.i = {1, 1, 1, 1}, .f = {1}};
    ck_assert_ptr_null(sw_graph_apply(f.graph, &stated, &x, 1, &args));
    check_failed(f, SW_FAILED, "out of memory");
    /* Nothing of nothing is fine. */
    sw_graph_reset(f.graph, 1);
    struct sw_tensor *none = sw_graph_tensor(f.graph, 2, (int[]){0, 3}, NULL, 1);
    ck_assert_ptr_nonnull(none);
    ck_assert_ptr_nonnull(multiply(f.graph, none, none, 1));
    ck_assert_int_eq(sw_graph_backward(f.graph), SW_OK);
    end(f);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, gradients_of_a_value_used_twice);
    tcase_add_test(tests, gradients_only_where_they_are_needed);
    tcase_add_test(tests, reset_forgets_the_tape);
    tcase_add_test(tests, memory_stops_growing);
    tcase_add_test(tests, reshape_shares_numbers_and_gradient);
    tcase_add_test(tests, scratch_is_zeroed);
    tcase_add_test(tests, shapes_that_do_not_fit_are_named);
    tcase_add_test(tests, a_failure_on_the_way_back_is_seen);
    tcase_add_test(tests, a_missing_input_gives_nothing);
    tcase_add_test(tests, wrong_number_of_inputs_is_refused);
    tcase_add_test(tests, an_unknown_operation_has_a_near_miss);
    tcase_add_test(tests, counts_that_overflow_are_refused);
    tcase_add_test(tests, nonsense_from_an_operation_is_refused);
}

UNIT_MAIN("graph", add_tests)
