/* check_gru.c -- the bi-directional GRU against a plain one, caption by caption. */
#include "unit.h"

#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <math.h>

enum { INPUTS = 9, MOST_CAPTIONS = 300 };

/* One call of "bigru" with everything that goes in and comes out. */
struct gru {
    int captions, W, D, rows;
    int first[MOST_CAPTIONS], count[MOST_CAPTIONS];
    struct sw_fragments words;
    struct sw_tensor in[INPUTS]; /* x, then four parameters a direction */
    struct sw_tensor index;      /* which row of x each word has; no data: its own */
    float *out, *dout;           /* (rows, D) */
};

static size_t count_of(const struct gru *gru, int input)
{
    return sw_tensor_count(&gru->in[input]);
}

static float *random_numbers(size_t count, float range, uint32_t stream)
{
    struct sw_random random = sw_random_stream(7, SW_FOR_TESTS, 0, stream);
    float *x = malloc(count * sizeof *x + 1);
    for (size_t j = 0; j < count; j++)
        x[j] = range * (2 * sw_random_uniform(&random) - 1);
    return x;
}

static void set_lengths(struct gru *gru, const int *length)
{
    gru->rows = 0;
    int most = 0;
    for (int c = 0; c < gru->captions; c++) {
        gru->first[c] = gru->rows;
        gru->count[c] = length[c];
        gru->rows += length[c];
        most = length[c] > most ? length[c] : most;
    }
    gru->words = (struct sw_fragments){gru->captions, gru->rows, most, 1, gru->first, gru->count};
}

/* distinct: rows of x that the words share, 0: each has its own */
static struct gru *new_repeating(int captions, const int *length, int distinct, int W, int D)
{
    struct gru *gru = calloc(1, sizeof *gru);
    gru->captions = captions;
    gru->W = W;
    gru->D = D;
    set_lengths(gru, length);
    const int shapes[4][2] = {{3 * D, W}, {3 * D, D}, {3 * D, 0}, {3 * D, 0}};
    gru->in[0] = (struct sw_tensor){.ndim = 2, .dim = {distinct ? distinct : gru->rows, W}};
    gru->index = (struct sw_tensor){.ndim = 1, .dim = {gru->rows}};
    if (distinct)
        gru->index.data = random_numbers((size_t)gru->rows, 1, 101);
    for (int j = 0; distinct && j < gru->rows; j++) /* every row is some word's */
        gru->index.data[j] = j < distinct
                                 ? (float)(distinct - 1 - j)
                                 : (float)(int)((gru->index.data[j] + 1) / 2 * (float)distinct);
    for (int i = 1; i < INPUTS; i++) {
        const int *shape = shapes[(i - 1) % 4];
        gru->in[i] = (struct sw_tensor){.ndim = shape[1] ? 2 : 1, .dim = {shape[0], shape[1]}};
    }
    for (int i = 0; i < INPUTS; i++) {
        float range = i == 0 ? 1 : 2 / sqrtf((float)D);
        gru->in[i].data = random_numbers(count_of(gru, i), range, (uint32_t)i);
        gru->in[i].grad = calloc(count_of(gru, i) + 1, sizeof(float));
    }
    size_t outputs = (size_t)gru->rows * (size_t)D;
    gru->out = calloc(outputs + 1, sizeof(float));
    gru->dout = random_numbers(outputs, 1, 100);
    return gru;
}

static struct gru *new_gru(int captions, const int *length, int W, int D)
{
    return new_repeating(captions, length, 0, W, D);
}

static void free_gru(struct gru *gru)
{
    for (int i = 0; i < INPUTS; i++) {
        free(gru->in[i].data);
        free(gru->in[i].grad);
    }
    free(gru->index.data);
    free(gru->out);
    free(gru->dout);
    free(gru);
}

/* Fills out and, when asked, the gradients for dout; returns the error's text, "" for none. */
static const char *run(struct gru *gru, int threads, int record)
{
    static char text[1024];
    struct sw_error error = {0};
    struct sw_compute *compute = sw_compute_new(threads, &error);
    struct sw_ops *ops = sw_ops_new(&error);
    struct sw_graph *graph = sw_graph_new(NULL, compute, ops, &error);
    ck_assert_msg(graph != NULL, "%s", error.text);
    sw_graph_reset(graph, record);
    struct sw_tensor *in[INPUTS + 1];
    for (int i = 0; i < INPUTS; i++) {
        in[i] = &gru->in[i];
        memset(gru->in[i].grad, 0, count_of(gru, i) * sizeof(float));
    }
    struct sw_args args = {.p = &gru->words};
    in[INPUTS] = &gru->index;
    struct sw_tensor *out =
        sw_graph_apply_named(graph, "bigru", in, INPUTS + (gru->index.data != NULL), &args);
    snprintf(text, sizeof text, "%s", sw_graph_error(graph)->text);
    if (out) {
        ck_assert_int_eq(out->dim[0], gru->rows);
        ck_assert_int_eq(out->dim[1], gru->D);
        memcpy(gru->out, out->data, sw_tensor_count(out) * sizeof(float));
    }
    if (out && record) {
        memcpy(out->grad, gru->dout, sw_tensor_count(out) * sizeof(float));
        ck_assert_int_eq(sw_graph_backward(graph), SW_OK);
    }
    sw_graph_free(graph);
    sw_ops_free(ops);
    sw_compute_free(compute);
    return text;
}

/* ---- the plain one ----------------------------------------------------------------------------
 */

/* Inputs in double, so that finite differences of it are exact enough. */
struct plain {
    const struct gru *gru;
    double *in[INPUTS];
};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* w_row . x + b_row */
static double affine(const double *w, const double *b, int row, const double *x, int width)
{
    double sum = b[row];
    for (int k = 0; k < width; k++)
        sum += w[(size_t)row * (size_t)width + (size_t)k] * x[k];
    return sum;
}

/* out (rows, D) in double */
static void run_plain(const struct plain *plain, double *out)
{
    const struct gru *gru = plain->gru;
    int W = gru->W, D = gru->D;
    memset(out, 0, (size_t)gru->rows * (size_t)D * sizeof *out);
    double *h = calloc((size_t)D, sizeof *h), *next = calloc((size_t)D, sizeof *next);
    for (int side = 0; side < 2; side++) {
        double *const *p = plain->in + 1 + 4 * side;
        for (int c = 0; c < gru->captions; c++) {
            memset(h, 0, (size_t)D * sizeof *h);
            for (int t = 0; t < gru->count[c]; t++) {
                int word = gru->first[c] + (side ? gru->count[c] - 1 - t : t);
                int row = gru->index.data ? (int)gru->index.data[word] : word;
                const double *x = plain->in[0] + (size_t)row * (size_t)W;
                for (int j = 0; j < D; j++) {
                    double r = sigmoid(affine(p[0], p[2], j, x, W) + affine(p[1], p[3], j, h, D));
                    double z =
                        sigmoid(affine(p[0], p[2], D + j, x, W) + affine(p[1], p[3], D + j, h, D));
                    double n = tanh(affine(p[0], p[2], 2 * D + j, x, W) +
                                    r * affine(p[1], p[3], 2 * D + j, h, D));
                    next[j] = (1 - z) * n + z * h[j];
                    out[(size_t)word * (size_t)D + (size_t)j] += next[j] / 2;
                }
                memcpy(h, next, (size_t)D * sizeof *h);
            }
        }
    }
    free(h);
    free(next);
}

static struct plain new_plain(const struct gru *gru)
{
    struct plain plain = {.gru = gru};
    for (int i = 0; i < INPUTS; i++) {
        size_t count = count_of(gru, i);
        plain.in[i] = malloc(count * sizeof(double) + 1);
        for (size_t j = 0; j < count; j++)
            plain.in[i][j] = gru->in[i].data[j];
    }
    return plain;
}

static void free_plain(struct plain *plain)
{
    for (int i = 0; i < INPUTS; i++)
        free(plain->in[i]);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

/* Lengths of captions; `repeat` times over. D of more than 256 is cut into blocks of units, more
 * than 256 captions into parts. */
static const struct {
    const char *what;
    int lengths[8], captions, repeat, W, D, distinct;
} cases[] = {
    {"mixed lengths", {3, 1, 5, 2, 5, 4}, 6, 1, 5, 7, 0},
    {"captions of one word", {1, 1, 1}, 3, 1, 4, 6, 0},
    {"one caption", {6}, 1, 1, 3, 17, 0},
    {"an empty caption among others", {2, 0, 3}, 3, 1, 4, 5, 0},
    {"several blocks of units", {2, 4, 1, 3}, 4, 1, 9, 300, 0},
    {"several parts", {1, 4, 2, 6, 3}, 5, 54, 4, 6, 0},
    {"words that repeat", {3, 1, 5, 2, 5, 4}, 6, 1, 5, 7, 4},
    {"one word again and again", {4, 2}, 2, 1, 3, 5, 1},
    {"repeated words in several blocks", {2, 4, 1, 3}, 4, 1, 9, 300, 6},
    {"repeated words in several parts", {1, 4, 2, 6, 3}, 5, 54, 4, 6, 40},
};

static struct gru *new_case(int which)
{
    int length[MOST_CAPTIONS], captions = cases[which].captions * cases[which].repeat;
    for (int c = 0; c < captions; c++)
        length[c] = cases[which].lengths[c % cases[which].captions];
    return new_repeating(captions, length, cases[which].distinct, cases[which].W, cases[which].D);
}

/* Text encodings that are not PyTorch's: no checkpoint of anybody else would give the same scores.
 */
START_TEST(equals_a_plain_gru)
{
    struct gru *gru = new_case(_i);
    struct plain plain = new_plain(gru);
    size_t outputs = (size_t)gru->rows * (size_t)gru->D;
    double *expected = malloc(outputs * sizeof *expected);
    run_plain(&plain, expected);
    ck_assert_str_eq(run(gru, 2, 0), "");
    for (size_t j = 0; j < outputs; j++)
        ck_assert_msg(fabs(gru->out[j] - expected[j]) < 3e-6, "%s: number %zu: %g, expected %g",
                      cases[_i].what, j, (double)gru->out[j], expected[j]);
    free(expected);
    free_plain(&plain);
    free_gru(gru);
}
END_TEST

/* sum_j dout_j out_j of the plain one with input i moved by `by` along `direction` */
static double moved_loss(struct plain *plain, int i, const float *direction, double by, double *out)
{
    const struct gru *gru = plain->gru;
    for (size_t j = 0; j < count_of(gru, i); j++)
        plain->in[i][j] = gru->in[i].data[j] + by * direction[j];
    run_plain(plain, out);
    double loss = 0;
    for (size_t j = 0; j < (size_t)gru->rows * (size_t)gru->D; j++)
        loss += gru->dout[j] * out[j];
    for (size_t j = 0; j < count_of(gru, i); j++)
        plain->in[i][j] = gru->in[i].data[j];
    return loss;
}

/* A gradient that is wrong only where the work is cut: training at full size would suffer while the
 * small samples of the gradient check pass. */
START_TEST(gradients_along_random_directions)
{
    struct gru *gru = new_case(_i);
    struct plain plain = new_plain(gru);
    double *out = malloc((size_t)gru->rows * (size_t)gru->D * sizeof *out), h = 1e-5;
    ck_assert_str_eq(run(gru, 2, 1), "");
    for (int i = 0; i < INPUTS; i++) {
        float *direction = random_numbers(count_of(gru, i), 1, 200 + (uint32_t)i);
        double numeric =
            (moved_loss(&plain, i, direction, h, out) - moved_loss(&plain, i, direction, -h, out)) /
            (2 * h);
        double sum = 0, square = 0;
        for (size_t j = 0; j < count_of(gru, i); j++) {
            sum += (double)direction[j] * gru->in[i].grad[j];
            square += pow(gru->in[i].grad[j], 2);
        }
        ck_assert_msg(fabs(sum - numeric) <= 1e-5 * sqrt(square),
                      "%s, input %d: %.9g, expected %.9g", cases[_i].what, i, sum, numeric);
        free(direction);
    }
    free(out);
    free_plain(&plain);
    free_gru(gru);
}
END_TEST

/* A run that cannot be repeated on another machine: the number of threads shows in the numbers. */
START_TEST(same_bits_at_any_number_of_threads)
{
    struct gru *gru = new_case(_i);
    size_t outputs = (size_t)gru->rows * (size_t)gru->D;
    float *out = malloc(outputs * sizeof *out), *grad[INPUTS];
    for (int threads = 1; threads <= 3; threads++) {
        ck_assert_str_eq(run(gru, threads, 1), "");
        if (threads == 1)
            memcpy(out, gru->out, outputs * sizeof *out);
        ck_assert_mem_eq(out, gru->out, outputs * sizeof *out);
        for (int i = 0; i < INPUTS; i++) {
            size_t bytes = count_of(gru, i) * sizeof(float);
            if (threads == 1)
                grad[i] = memcpy(malloc(bytes + 1), gru->in[i].grad, bytes);
            ck_assert_msg(memcmp(grad[i], gru->in[i].grad, bytes) == 0,
                          "%s, %d threads: the gradient of input %d differs", cases[_i].what,
                          threads, i);
        }
    }
    /* Evaluation keeps no gradients and takes its memory part by part. */
    memset(gru->out, 0, outputs * sizeof *out);
    ck_assert_str_eq(run(gru, 2, 0), "");
    ck_assert_mem_eq(out, gru->out, outputs * sizeof *out);
    for (int i = 0; i < INPUTS; i++)
        free(grad[i]);
    free(out);
    free_gru(gru);
}
END_TEST

/* A caption's encoding that depends on what else is in the batch: evaluation would change with the
 * batch size. */
START_TEST(captions_do_not_see_each_other)
{
    const int before[] = {4, 2, 5, 3}, after[] = {4, 7, 5, 1};
    struct gru *gru = new_gru(4, before, 6, 40), *other = new_gru(4, after, 6, 40);
    /* Captions 0 and 2 have the same words in both; the rest differs in words and length. */
    for (int c = 0; c < 4; c += 2)
        memcpy(other->in[0].data + other->first[c] * 6, gru->in[0].data + gru->first[c] * 6,
               (size_t)gru->count[c] * 6 * sizeof(float));
    ck_assert_str_eq(run(gru, 1, 0), "");
    ck_assert_str_eq(run(other, 1, 0), "");
    for (int c = 0; c < 4; c += 2)
        for (int j = 0; j < gru->count[c] * 40; j++)
            ck_assert_float_eq_tol(gru->out[gru->first[c] * 40 + j],
                                   other->out[other->first[c] * 40 + j], 1e-6f);
    /* With the same lengths, not a bit. */
    size_t bytes = 4 * 40 * sizeof(float);
    float *kept = memcpy(malloc(bytes), gru->out, bytes);
    for (int j = gru->first[1] * 6; j < gru->rows * 6; j++)
        gru->in[0].data[j] = 1e3f;
    ck_assert_str_eq(run(gru, 1, 0), "");
    ck_assert_mem_eq(kept, gru->out, bytes);
    free(kept);
    free_gru(gru);
    free_gru(other);
}
END_TEST

/* Words that share a row are the words of a copy: the same numbers, and for the row the sum of its
 * copies' gradients. */
START_TEST(shared_rows_are_copied_rows)
{
    enum { W = 5, D = 48, DISTINCT = 7 };
    const int length[] = {5, 9, 1, 6};
    struct gru *shared = new_repeating(4, length, DISTINCT, W, D),
               *copied = new_gru(4, length, W, D);
    double expected[DISTINCT * W] = {0};
    for (int j = 0; j < copied->rows; j++)
        memcpy(copied->in[0].data + (size_t)j * W,
               shared->in[0].data + (size_t)shared->index.data[j] * W, W * sizeof(float));
    ck_assert_str_eq(run(shared, 2, 1), "");
    ck_assert_str_eq(run(copied, 2, 1), "");
    for (int j = 0; j < copied->rows * D; j++)
        ck_assert_float_eq_tol(shared->out[j], copied->out[j], 1e-6f);
    for (int j = 0; j < copied->rows * W; j++)
        expected[(int)shared->index.data[j / W] * W + j % W] += copied->in[0].grad[j];
    for (int j = 0; j < DISTINCT * W; j++)
        ck_assert_double_eq_tol(shared->in[0].grad[j], expected[j], 1e-5);
    for (int i = 1; i < INPUTS; i++)
        for (size_t j = 0; j < count_of(shared, i); j++)
            ck_assert_float_eq_tol(shared->in[i].grad[j], copied->in[i].grad[j], 2e-5f);
    free_gru(shared);
    free_gru(copied);
}
END_TEST

/* Captions of which no state takes a gradient are left out on the way back. The smallest number
 * there is in their place brings them in, and weighs nothing: what is summed word by word is the
 * same to the last bit, what is summed over all words within rounding. */
START_TEST(captions_without_a_gradient_give_none)
{
    struct gru *gru = new_case(_i);
    float *grad[INPUTS];
    for (int tiny = 1; tiny >= 0; tiny--) {
        for (int c = 0; c < gru->captions; c++)
            for (int j = gru->first[c] * gru->D;
                 c % 3 && j < (gru->first[c] + gru->count[c]) * gru->D; j++)
                gru->dout[j] = tiny ? 1.4e-45f : -0.0f;
        ck_assert_str_eq(run(gru, 2, 1), "");
        for (int i = 0; i < INPUTS; i++) {
            size_t count = count_of(gru, i);
            if (tiny)
                grad[i] = memcpy(malloc(count * sizeof(float) + 1), gru->in[i].grad,
                                 count * sizeof(float));
            int over_all = (i - 1) % 4 == 1 || (i - 1) % 4 == 3; /* W_hh, b_hh */
            for (size_t j = 0; j < count; j++)
                ck_assert_msg(fabsf(grad[i][j] - gru->in[i].grad[j]) <= (over_all ? 1e-5f : 1e-37f),
                              "%s, input %d, number %zu: %.9g, expected %.9g", cases[_i].what, i, j,
                              (double)gru->in[i].grad[j], (double)grad[i][j]);
        }
    }
    struct plain plain = new_plain(gru);
    double *out = malloc((size_t)gru->rows * (size_t)gru->D * sizeof *out), h = 1e-5;
    float *direction = random_numbers(count_of(gru, 2), 1, 300);
    double sum = 0, numeric = (moved_loss(&plain, 2, direction, h, out) -
                               moved_loss(&plain, 2, direction, -h, out)) /
                              (2 * h);
    for (size_t j = 0; j < count_of(gru, 2); j++)
        sum += (double)direction[j] * gru->in[2].grad[j];
    ck_assert_double_eq_tol(sum, numeric, 1e-3 + 1e-4 * fabs(numeric));
    free(direction);
    free(out);
    free_plain(&plain);
    for (int i = 0; i < INPUTS; i++)
        free(grad[i]);
    free_gru(gru);
}
END_TEST

/* An index that points nowhere: said, not read past the end. */
START_TEST(refuses_an_index_that_does_not_fit)
{
    const int length[] = {2, 3};
    const float bad[] = {-1, 3, NAN, INFINITY};
    struct gru *gru = new_repeating(2, length, 3, 4, 4);
    ck_assert_str_eq(run(gru, 1, 0), "");
    for (int i = 0; i < 4; i++) {
        gru->index.data[4] = bad[i];
        ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "bigru: shapes do not match"));
    }
    gru->index.data[4] = 2;
    gru->index.dim[0] = 4;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    free_gru(gru);
}
END_TEST

/* Word counts that do not fit the rows: said, not read past the end. */
START_TEST(refuses_captions_that_do_not_fit)
{
    const int length[] = {2, 3};
    struct gru *gru = new_gru(2, length, 3, 4);
    struct sw_fragments good = gru->words;
    ck_assert_str_eq(run(gru, 1, 0), "");
    gru->words.rows = 6;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "bigru: shapes do not match"));
    gru->words = good;
    gru->words.stride = 2;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    gru->words = good;
    gru->words.most = 2;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    gru->words = good;
    gru->first[1] = 1;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    gru->first[1] = 2;
    gru->count[1] = 4;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    gru->count[1] = -1;
    ck_assert_ptr_nonnull(strstr(run(gru, 1, 0), "shapes do not match"));
    free_gru(gru);
}
END_TEST

static void add_tests(TCase *tests)
{
    int count = sizeof cases / sizeof *cases;
    tcase_add_loop_test(tests, equals_a_plain_gru, 0, count);
    tcase_add_loop_test(tests, gradients_along_random_directions, 0, count);
    tcase_add_loop_test(tests, same_bits_at_any_number_of_threads, 0, count);
    tcase_add_test(tests, captions_do_not_see_each_other);
    tcase_add_test(tests, shared_rows_are_copied_rows);
    tcase_add_loop_test(tests, captions_without_a_gradient_give_none, 0, count);
    tcase_add_test(tests, refuses_an_index_that_does_not_fit);
    tcase_add_test(tests, refuses_captions_that_do_not_fit);
}

UNIT_MAIN("gru", add_tests)
