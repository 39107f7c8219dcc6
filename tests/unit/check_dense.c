/* check_dense.c -- linear, l2norm, embedding, concat and gram beyond the samples of the gradient
 * check: sizes that are cut into chunks, limits, and what is refused. */
#include "rows_unit.h"

/* ---- all of them, large -------------------------------------------------------------------------
 */

enum { MOST_INPUTS = 3 };

static struct sw_word_ids *many_words(void)
{
    static int32_t id[ROWS];
    static struct sw_word_ids words = {ROWS, id};
    for (int j = 0; j < ROWS; j++)
        id[j] = j * j % 37;
    return &words;
}

static const char *const names[] = {"linear", "l2norm", "embedding", "concat", "gram"};

/* Applies operation `which` to inputs that are large enough to be cut. */
static struct sw_tensor *apply_large(int which, struct sw_tensor *in[MOST_INPUTS], int *inputs)
{
    *inputs = (int[]){3, 1, 1, 2, 1}[which];
    in[0] = which == 2 ? matrix(37, 300, 1) : matrix(ROWS, 300, 1);
    in[1] = which == 0 ? matrix(260, 300, 2) : which == 3 ? matrix(ROWS, 70, 2) : NULL;
    in[2] = which == 0 ? matrix(260, 0, 3) : NULL;
    const void *p = which == 2 ? (const void *)many_words() : which == 4 ? regions() : NULL;
    return apply(names[which], in, *inputs, p);
}

/* A run that cannot be repeated on another machine: the number of threads shows in the numbers. */
START_TEST(same_bits_at_any_number_of_threads)
{
    float *kept[MOST_INPUTS + 1];
    int inputs = 0;
    for (int threads = 1; threads <= 3; threads++) {
        open_graph(threads);
        struct sw_tensor *in[MOST_INPUTS], *out = apply_large(_i, in, &inputs);
        backward(out);
        for (int i = 0; i <= inputs; i++) {
            const struct sw_tensor *x = i < inputs ? in[i] : out;
            const float *numbers = i < inputs ? x->grad : x->data;
            size_t bytes = sw_tensor_count(x) * sizeof(float);
            if (threads == 1)
                kept[i] = memcpy(malloc(bytes), numbers, bytes);
            ck_assert_msg(memcmp(kept[i], numbers, bytes) == 0, "%s: %d threads, %s %d", names[_i],
                          threads, i < inputs ? "gradient" : "result", i);
        }
        close_graph();
    }
    for (int i = 0; i <= inputs; i++)
        free(kept[i]);
}
END_TEST

/* Rows or columns that are lost where a large layer is cut. */
START_TEST(linear_by_definition)
{
    open_graph(2);
    struct sw_tensor *in[MOST_INPUTS];
    int inputs;
    struct sw_tensor *out = apply_large(0, in, &inputs);
    backward(out);
    const struct sw_tensor *x = in[0], *w = in[1], *b = in[2];
    for (int i = 0; i < ROWS; i += 3)
        for (int d = 0; d < 260; d += 5)
            ck_assert_double_eq_tol(
                out->data[i * 260 + d],
                product(x->data + i * 300, 1, w->data + d * 300, 1, 300) + b->data[d], 1e-4);
    for (int i = 0; i < ROWS; i += 7)
        for (int f = 0; f < 300; f += 7)
            ck_assert_double_eq_tol(x->grad[i * 300 + f],
                                    product(out->grad + i * 260, 1, w->data + f, 300, 260), 1e-4);
    const float ones[1] = {1};
    for (int d = 0; d < 260; d++) {
        for (int f = d % 7; f < 300; f += 7)
            ck_assert_double_eq_tol(w->grad[d * 300 + f],
                                    product(out->grad + d, 260, x->data + f, 300, ROWS), 2e-4);
        ck_assert_double_eq_tol(b->grad[d], product(out->grad + d, 260, ones, 0, ROWS), 2e-5);
    }
    close_graph();
}
END_TEST

/* Products of a batch's vectors with each other: both gradients go to the same matrix, and threads
 * that add to it at once lose some. Often, since that takes luck. */
START_TEST(linear_of_a_matrix_with_itself)
{
    enum { N = 96, ROUNDS = 3000 };
    const char *op = _i ? "linear_back" : "linear";
    static float first[N * N];
    open_graph(2);
    for (int round = 0; round < ROUNDS; round++) {
        sw_graph_reset(graph, 1);
        struct sw_tensor *x = matrix(N, N, 1), *in[2] = {x, x}, *out = apply(op, in, 2, NULL);
        backward(out);
        const float *g = out->grad, *at = x->data;
        if (round == 0)
            memcpy(first, x->grad, sizeof first);
        ck_assert_mem_eq(first, x->grad, sizeof first);
        for (int i = 0; i < N && round == 0; i++)
            for (int d = 0; d < N; d++) {
                double one = product(g + i * N, 1, _i ? at + d * N : at + d, _i ? 1 : N, N);
                double two = _i ? product(at + i, N, g + d, N, N) : product(g + i, N, at + d, N, N);
                ck_assert_double_eq_tol(x->grad[i * N + d], one + two, 1e-4);
            }
    }
    close_graph();
}
END_TEST

/* ---- one by one -------------------------------------------------------------------------------
 */

/* An image with a region of zeros: one such row, and every weight would be lost to its gradient. */
START_TEST(l2norm_of_zeros_takes_no_gradient)
{
    open_graph(1);
    struct sw_tensor *x = matrix(3, 40, 1);
    memset(x->data + 40, 0, 40 * sizeof(float));
    struct sw_tensor *y = apply("l2norm", &x, 1, NULL);
    backward(y);
    for (int j = 0; j < 40; j++) {
        ck_assert_float_eq(y->data[40 + j], 0);
        ck_assert_float_eq(x->grad[40 + j], 0);
    }
    for (int i = 0; i < 3; i += 2) {
        double length = sqrt(product(x->data + i * 40, 1, x->data + i * 40, 1, 40));
        for (int j = 0; j < 40; j++)
            ck_assert_double_eq_tol(y->data[i * 40 + j], x->data[i * 40 + j] / length, 1e-6);
        ck_assert_double_eq_tol(product(x->grad + i * 40, 1, x->data + i * 40, 1, 40), 0, 1e-5);
    }
    close_graph();
}
END_TEST

/* The 1e-8 beside the length counts where the length is as small. */
START_TEST(l2norm_of_a_tiny_row)
{
    open_graph(1);
    struct sw_tensor *x = matrix(1, 2, 1);
    x->data[0] = 3e-8f;
    x->data[1] = 4e-8f;
    struct sw_tensor *y = apply("l2norm", &x, 1, NULL);
    ck_assert_double_eq_tol(y->data[0], 0.5, 1e-6);
    ck_assert_double_eq_tol(y->data[1], 4 / 6.0, 1e-6);
    close_graph();
}
END_TEST

/* A word id from a file that the table does not have. */
START_TEST(embedding_refuses_ids_out_of_range)
{
    const int32_t bad[] = {4, -1, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        open_graph(1);
        const int32_t id[3] = {0, bad[i], 1};
        struct sw_word_ids words = {3, id};
        struct sw_tensor *table = matrix(4, 5, 1);
        ck_assert_ptr_null(apply("embedding", &table, 1, &words));
        ck_assert_ptr_nonnull(strstr(sw_graph_error(graph)->text, "embedding: "));
        close_graph();
    }
}
END_TEST

/* Words that come twice, or that are in no caption, and a table that is frozen. */
START_TEST(embedding_adds_up_repeated_words)
{
    open_graph(2);
    const int32_t id[4] = {2, 0, 2, 2};
    struct sw_word_ids words = {4, id};
    struct sw_tensor *table = matrix(4, 130, 1);
    struct sw_tensor *out = apply("embedding", &table, 1, &words);
    ck_assert_mem_eq(out->data + 390, table->data + 260, 130 * sizeof(float));
    backward(out);
    for (int j = 0; j < 130; j++) {
        const float *g = out->grad + j;
        ck_assert_float_eq(table->grad[j], g[130]);
        ck_assert_float_eq(table->grad[130 + j], 0);
        ck_assert_float_eq(table->grad[260 + j], g[0] + g[260] + g[390]);
        ck_assert_float_eq(table->grad[390 + j], 0);
    }
    table->grad = NULL;
    out = apply("embedding", &table, 1, &words);
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_null(out->grad);
    close_graph();
}
END_TEST

/* Lengths of vectors in coordinates come from these: a stray product, or two that should be the
 * same and are not, and a cosine of a vector with itself is not 1. */
START_TEST(gram_of_images_side_by_side)
{
    open_graph(2);
    struct sw_tensor *in[MOST_INPUTS];
    int inputs;
    struct sw_tensor *out = apply_large(4, in, &inputs);
    ck_assert_msg(out != NULL, "%s", sw_graph_error(graph)->text);
    const struct sw_fragments *groups = regions();
    char used[ROWS] = {0};
    for (int g = 0; g < groups->groups; g++)
        for (int f = 0; f < groups->count[g]; f++) {
            int row = groups->first[g] + f * groups->stride;
            used[row] = 1;
            for (int other = 0; other < 16; other++) {
                int at = groups->first[g] + other * groups->stride;
                float found = out->data[row * 16 + other];
                if (other >= groups->count[g]) {
                    ck_assert_float_eq(found, 0);
                    continue;
                }
                ck_assert(found == out->data[at * 16 + f]);
                ck_assert_double_eq_tol(
                    found, product(in[0]->data + row * 300, 1, in[0]->data + at * 300, 1, 300),
                    5e-4);
            }
        }
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < 16 && !used[row]; j++)
            ck_assert_float_eq(out->data[row * 16 + j], 0);
    close_graph();
}
END_TEST

START_TEST(gram_refuses_groups_beyond_the_rows)
{
    int first[2] = {0, 2}, count[2] = {2, 3};
    const struct sw_fragments bad[] = {
        {2, 4, 3, 1, first, count}, /* the last row is the fifth */
        {2, 5, 2, 1, first, count}, /* a count above the most */
        {2, 5, 3, 0, first, count},         {2, 5, 3, 2, first, count},
        {2, 6, 3, 1, first, count}, /* x has five rows */
        {1, 5, 3, INT32_MAX, first, count},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        open_graph(1);
        struct sw_tensor *x = matrix(bad[i].rows == 4 ? 4 : 5, 3, 1);
        ck_assert_msg(apply("gram", &x, 1, &bad[i]) == NULL, "case %zu", i);
        close_graph();
    }
}
END_TEST

/* ---- rows without a gradient ---- */

/* Rows without a gradient are left out of a layer's backward products. The smallest number there is
 * in their place brings them in, and weighs nothing, so the gradients are the same within rounding
 * of sums of up to 1,500 numbers below 1. */
static const struct {
    const char *op;
    int rows, bias;
    int every; /* an image of so many keeps its gradient; 0: none does */
} sparse[] = {
    {"linear", ROWS, 1, 3},
    {"linear", ROWS, 0, 16},
    {"linear", 2 * ROWS, 1, 2},
    {"linear_back", ROWS, 0, 3},
    {"linear_back", 3 * ROWS, 0, 2},
    {"linear", ROWS, 1, 0},
    {"linear", 70, 1, 5},
    {"linear", 3, 1, 0},
    {"linear_back", 1, 0, 2},
};

START_TEST(rows_without_a_gradient_give_none)
{
    enum { F = 90, D = 130 };
    int back = strcmp(sparse[_i].op, "linear_back") == 0, inputs = 2 + sparse[_i].bias;
    float *kept[3];
    for (int tiny = 1; tiny >= 0; tiny--) {
        open_graph(2);
        struct sw_tensor *in[3] = {matrix(sparse[_i].rows, back ? D : F, 1), matrix(D, F, 2),
                                   matrix(D, 0, 3)};
        fill(in[0]->grad, sw_tensor_count(in[0]), 7); /* as another operation left it */
        struct sw_tensor *out = apply(sparse[_i].op, in, inputs, NULL);
        ck_assert_ptr_nonnull(out);
        fill(out->grad, sw_tensor_count(out), 99);
        size_t width = (size_t)out->dim[1];
        for (size_t j = 0; j < sw_tensor_count(out); j++)
            if (!sparse[_i].every || (int)(j / width) % SW_LANES % sparse[_i].every)
                out->grad[j] = tiny ? 1.4e-45f : -0.0f;
        ck_assert_int_eq(sw_graph_backward(graph), SW_OK);
        for (int i = 0; i < inputs; i++) {
            size_t count = sw_tensor_count(in[i]);
            if (tiny)
                kept[i] = memcpy(malloc(count * sizeof(float)), in[i]->grad, count * sizeof(float));
            for (size_t j = 0; j < count; j++)
                ck_assert_msg(fabsf(kept[i][j] - in[i]->grad[j]) <= 5e-5f,
                              "input %d, number %zu: %.9g, expected %.9g", i, j,
                              (double)in[i]->grad[j], (double)kept[i][j]);
        }
        close_graph();
    }
    for (int i = 0; i < inputs; i++)
        free(kept[i]);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, same_bits_at_any_number_of_threads, 0, sizeof names / sizeof *names);
    tcase_add_test(tests, linear_by_definition);
    tcase_add_loop_test(tests, linear_of_a_matrix_with_itself, 0, 2);
    tcase_add_loop_test(tests, rows_without_a_gradient_give_none, 0,
                        sizeof sparse / sizeof *sparse);
    tcase_add_test(tests, l2norm_of_zeros_takes_no_gradient);
    tcase_add_test(tests, l2norm_of_a_tiny_row);
    tcase_add_test(tests, embedding_refuses_ids_out_of_range);
    tcase_add_test(tests, embedding_adds_up_repeated_words);
    tcase_add_test(tests, gram_of_images_side_by_side);
    tcase_add_test(tests, gram_refuses_groups_beyond_the_rows);
}

UNIT_MAIN("dense", add_tests)
