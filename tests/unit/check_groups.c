/* check_groups.c -- operations over the fragments of images and captions, and norms over rows,
 * beyond the samples of the gradient check: large inputs, padding, NaN, what is drawn, what is
 * refused. */
#include "rows_unit.h"

/* Captions end to end over ROWS rows, of 1 to 17 words. */
static struct sw_fragments *captions(void)
{
    static int first[ROWS], count[ROWS];
    static struct sw_fragments fragments = {0, ROWS, 17, 1, first, count};
    int groups = 0;
    for (int row = 0; row < ROWS; row += count[groups++]) {
        first[groups] = row;
        count[groups] = 1 + groups * groups % 17;
        if (count[groups] > ROWS - row)
            count[groups] = ROWS - row;
    }
    fragments.groups = groups;
    return &fragments;
}

static int row_of(const struct sw_fragments *groups, int g, int f)
{
    return groups->first[g] + f * groups->stride;
}

/* ---- all of them, large ---- */

enum { D = 130, MOST_INPUTS = 5 };

struct use {
    const char *op;
    int inputs;
    int rows[MOST_INPUTS], columns[MOST_INPUTS]; /* rows 0: as the batch's; columns 0: a vector */
    struct sw_args args;
};

static const struct use uses[] = {
    {"group_mean", 1, {0}, {D}, {{0}, {0}, NULL}},
    {"group_max", 1, {0}, {D}, {{2}, {0}, NULL}},
    {"group_last", 1, {0}, {D}, {{0}, {0}, NULL}},
    {"group_mix", 2, {0}, {D, D}, {{0}, {0}, NULL}},
    {"group_mix", 2, {0}, {1, D}, {{0}, {0}, NULL}},
    {"group_softmax", 1, {0}, {D}, {{0}, {3}, NULL}},
    {"group_sort", 1, {0}, {D}, {{0}, {0}, NULL}},
    {"group_windows", 1, {0}, {D}, {{3, 1}, {0}, NULL}},
    {"group_attention", 3, {0}, {D, D, D}, {{5, 3, 4}, {0.2f}, NULL}},
    {"layer_norm", 3, {0, D, D}, {D}, {{0}, {1e-5f}, NULL}},
    {"batch_norm", 3, {0, D, D}, {D}, {{0}, {1e-5f}, NULL}},
    {"batch_norm", 3, {0, 16, 16}, {D}, {{1}, {1e-5f}, NULL}},
    {"row_moments", 2, {0, D}, {D}, {{0, 1}, {0.5f}, NULL}},
    {"dropout", 1, {0}, {D}, {{1, 2}, {0.3f}, NULL}},
    {"order_scores", 2, {70, 90}, {D, D}, {{0}, {0}, NULL}},
    {"gelu", 1, {0}, {D}, {{0}, {0}, NULL}},
};

static struct sw_tensor *apply_use(const struct use *use, const struct sw_fragments *groups,
                                   struct sw_tensor *in[MOST_INPUTS])
{
    struct sw_args args = use->args;
    args.p = groups;
    for (int i = 0; i < use->inputs; i++)
        in[i] = matrix(use->rows[i] ? use->rows[i] : ROWS, use->columns[i], (uint32_t)i);
    return sw_graph_apply_named(graph, use->op, in, use->inputs, &args);
}

/* A run that cannot be repeated on another machine: the number of threads shows in the numbers. */
START_TEST(same_bits_at_any_number_of_threads)
{
    const struct use *use = &uses[_i];
    float *kept[MOST_INPUTS + 1];
    for (int threads = 1; threads <= 3; threads++) {
        open_graph(threads);
        struct sw_tensor *in[MOST_INPUTS], *out = apply_use(use, regions(), in);
        ck_assert_msg(out != NULL, "%s", sw_graph_error(graph)->text);
        if (out->grad)
            backward(out);
        for (int i = 0; i <= use->inputs; i++) {
            const struct sw_tensor *x = i < use->inputs ? in[i] : out;
            const float *numbers = i < use->inputs ? x->grad : x->data;
            size_t bytes = sw_tensor_count(x) * sizeof(float);
            if (threads == 1)
                kept[i] = memcpy(malloc(bytes), numbers, bytes);
            ck_assert_msg(memcmp(kept[i], numbers, bytes) == 0, "%s: %d threads, number %d",
                          use->op, threads, i);
        }
        close_graph();
    }
    for (int i = 0; i <= use->inputs; i++)
        free(kept[i]);
}
END_TEST

/* What images leave empty, and lanes without an image, must not reach a score or a weight. */
START_TEST(padding_has_no_part)
{
    const struct use *use = &uses[_i];
    struct sw_tensor *in[MOST_INPUTS], *out;
    char used[ROWS] = {0};
    const struct sw_fragments *groups = regions();
    for (int g = 0; g < groups->groups; g++)
        for (int f = 0; f < groups->count[g]; f++)
            used[row_of(groups, g, f)] = 1;
    if (use->rows[0] || !strcmp(use->op, "layer_norm") || !strcmp(use->op, "dropout") ||
        !strcmp(use->op, "gelu"))
        return; /* each row by itself */
    open_graph(1);
    out = apply_use(use, groups, in);
    ck_assert_msg(out != NULL, "%s", sw_graph_error(graph)->text);
    if (out->grad)
        backward(out);
    size_t bytes = sw_tensor_count(out) * sizeof(float);
    float *before = memcpy(malloc(bytes), out->data, bytes);
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < use->columns[0] && !used[row]; j++) {
            ck_assert_float_eq(in[0]->grad[row * use->columns[0] + j], 0);
            if (out->dim[0] == ROWS)
                ck_assert_float_eq(out->data[row * out->dim[1] + j], 0);
            in[0]->data[row * use->columns[0] + j] = NAN;
        }
    struct sw_args args = use->args;
    args.p = groups;
    out = sw_graph_apply_named(graph, use->op, in, use->inputs, &args);
    ck_assert_mem_eq(before, out->data, bytes);
    free(before);
    close_graph();
}
END_TEST

/* ---- poolings by definition ---- */

START_TEST(poolings_by_definition)
{
    const struct sw_fragments *groups = _i ? captions() : regions();
    open_graph(2);
    struct sw_tensor *in[2] = {matrix(ROWS, D, 1), matrix(ROWS, D, 2)};
    struct sw_tensor *mean = apply("group_mean", in, 1, groups);
    struct sw_tensor *most = apply("group_max", in, 1, groups);
    struct sw_tensor *last = apply("group_last", in, 1, groups);
    struct sw_tensor *mix = apply("group_mix", in, 2, groups);
    ck_assert_msg(mix != NULL, "%s", sw_graph_error(graph)->text);
    ck_assert_int_eq(mean->dim[0], _i ? groups->groups : 64);
    for (int g = 0; g < groups->groups; g++)
        for (int d = 0; d < D; d++) {
            double sum = 0, mixed = 0, largest = -INFINITY;
            float end = 0;
            for (int f = 0; f < groups->count[g]; f++) {
                int at = row_of(groups, g, f) * D + d;
                end = in[1]->data[at];
                mixed += (double)in[0]->data[at] * end;
                sum += in[0]->data[at];
                largest = fmax(largest, in[0]->data[at]);
                end = in[0]->data[at];
            }
            ck_assert_double_eq_tol(mean->data[g * D + d], sum / groups->count[g], 1e-6);
            ck_assert_double_eq_tol(mix->data[g * D + d], mixed, 1e-5);
            ck_assert_float_eq(most->data[g * D + d], (float)largest);
            ck_assert_float_eq(last->data[g * D + d], end);
        }
    close_graph();
}
END_TEST

/* A block of lanes with fewer images than lanes: rows of images that are not there are zero. */
START_TEST(rows_without_an_image_are_zero)
{
    static const char *const poolings[] = {"group_mean", "group_max", "group_last"};
    const int first[] = {0, 1, 2}, count[] = {2, 1, 2};
    const struct sw_fragments three = {3, 32, 2, SW_LANES, first, count};
    for (int i = 0; i < 3; i++) {
        open_graph(1);
        struct sw_tensor *x = matrix(32, 5, 1), *out = apply(poolings[i], &x, 1, &three);
        ck_assert_int_eq(out->dim[0], SW_LANES);
        for (int j = 0; j < SW_LANES * 5; j++)
            ck_assert((out->data[j] != 0) == (j < 15));
        close_graph();
    }
}
END_TEST

/* A softmax whose numbers are far from zero, and the order with equal numbers in it. */
START_TEST(columns_by_definition)
{
    const struct sw_fragments *groups = _i ? captions() : regions();
    open_graph(2);
    struct sw_tensor *x = matrix(ROWS, D, 1);
    for (int j = 0; j < ROWS * D; j++)
        x->data[j] = 1000 + roundf(8 * x->data[j]) / 4;
    struct sw_args args = {{0}, {2}, groups};
    struct sw_tensor *softmax = sw_graph_apply_named(graph, "group_softmax", &x, 1, &args);
    struct sw_tensor *sorted = apply("group_sort", &x, 1, groups);
    for (int g = 0; g < groups->groups; g++)
        for (int d = 0; d < D; d++) {
            double sum = 0, exps = 0, sorts = 0, all = 0;
            for (int f = 0; f < groups->count[g]; f++)
                exps += exp(2 * ((double)x->data[row_of(groups, g, f) * D + d] - 1000));
            for (int f = 0; f < groups->count[g]; f++) {
                int at = row_of(groups, g, f) * D + d;
                ck_assert_double_eq_tol(softmax->data[at],
                                        exp(2 * ((double)x->data[at] - 1000)) / exps, 1e-6);
                sum += softmax->data[at];
                sorts += sorted->data[at];
                all += x->data[at];
                if (f)
                    ck_assert(sorted->data[at] <= sorted->data[row_of(groups, g, f - 1) * D + d]);
            }
            ck_assert_double_eq_tol(sum, 1, 1e-6);
            ck_assert_double_eq(sorts, all);
        }
    close_graph();
}
END_TEST

/* A NaN that is lost on the way would hide a broken run. */
START_TEST(nan_stays)
{
    static const char *const ops_with_nan[] = {"group_mean", "group_max",     "group_softmax",
                                               "group_sort", "group_windows", "batch_norm"};
    const int first[] = {0}, count[] = {4};
    const struct sw_fragments one = {1, 4, 4, 1, first, count};
    for (int row = 0; row < 4; row++) {
        open_graph(1);
        struct sw_tensor *in[3] = {matrix(4, 3, 1), matrix(3, 0, 2), matrix(3, 0, 3)};
        in[0]->data[row * 3 + 1] = NAN;
        struct sw_args args = {{0}, {1}, &one};
        args.i[0] = strcmp(ops_with_nan[_i], "group_windows") == 0;
        struct sw_tensor *out = sw_graph_apply_named(
            graph, ops_with_nan[_i], in, strcmp(ops_with_nan[_i], "batch_norm") ? 1 : 3, &args);
        int found = 0;
        for (size_t j = 0; j < sw_tensor_count(out); j++)
            found += isnan(out->data[j]);
        ck_assert_int_ge(found, 1);
        backward(out); /* reads and writes within its tensors */
        close_graph();
    }
}
END_TEST

/* ---- attention and windows ---- */

START_TEST(attention_by_definition)
{
    const struct sw_fragments *groups = _i ? captions() : regions();
    open_graph(2);
    struct sw_tensor *in[3] = {matrix(ROWS, D, 1), matrix(ROWS, D, 2), matrix(ROWS, D, 3)};
    struct sw_args args = {{2}, {0}, groups};
    struct sw_tensor *out = sw_graph_apply_named(graph, "group_attention", in, 3, &args);
    for (int g = 0; g < groups->groups; g += 5)
        for (int f = 0; f < groups->count[g]; f++)
            for (int d = 0; d < D; d += 9) {
                double sum = 0, mixed = 0;
                int head = d / (D / 2) * (D / 2);
                for (int j = 0; j < groups->count[g]; j++) {
                    double logit = product(in[0]->data + row_of(groups, g, f) * D + head, 1,
                                           in[1]->data + row_of(groups, g, j) * D + head, 1, D / 2);
                    double w = exp(logit / sqrt(D / 2));
                    sum += w;
                    mixed += w * in[2]->data[row_of(groups, g, j) * D + d];
                }
                ck_assert_double_eq_tol(out->data[row_of(groups, g, f) * D + d], mixed / sum, 1e-5);
            }
    close_graph();
}
END_TEST

START_TEST(windows_end_with_their_caption)
{
    const struct sw_fragments *groups = captions();
    open_graph(2);
    struct sw_tensor *x = matrix(ROWS, D, 1);
    struct sw_args args = {{3, 1}, {0}, groups};
    struct sw_tensor *out = sw_graph_apply_named(graph, "group_windows", &x, 1, &args);
    ck_assert_int_eq(out->dim[1], 3 * D);
    for (int g = 0; g < groups->groups; g++)
        for (int f = 0; f < groups->count[g]; f++)
            for (int j = 0; j < 3; j++) {
                int at = f + j - 1, there = at >= 0 && at < groups->count[g];
                const float *found = out->data + row_of(groups, g, f) * 3 * D + j * D;
                for (int d = 0; d < D; d++)
                    ck_assert_float_eq(found[d],
                                       there ? x->data[row_of(groups, g, at) * D + d] : 0);
            }
    close_graph();
}
END_TEST

/* ---- norms and dropout ---- */

/* Mean and variance of a result's channel, over the rows of the groups. */
static void channel_moments(const struct sw_tensor *x, const struct sw_fragments *groups, int slot,
                            int column, double *mean, double *variance)
{
    double sum = 0, squares = 0, count = 0;
    for (int g = 0; g < groups->groups; g++)
        for (int f = 0; f < groups->count[g]; f++)
            for (int d = 0; d < D; d++)
                if ((slot < 0 || f == slot) && (column < 0 || d == column)) {
                    double number = x->data[row_of(groups, g, f) * D + d];
                    sum += number;
                    squares += number * number;
                    count++;
                }
    *mean = sum / count;
    *variance = squares / count - *mean * *mean;
}

/* Statistics over the wrong axis, or over padding, train just as well at first. */
START_TEST(batch_norm_by_definition)
{
    const struct sw_fragments *groups = regions();
    int slots = _i, C = slots ? 16 : D;
    open_graph(2);
    struct sw_tensor *in[5] = {matrix(ROWS, D, 1), matrix(C, 0, 2), matrix(C, 0, 3)};
    struct sw_args args = {{slots}, {0}, groups};
    struct sw_tensor *out = sw_graph_apply_named(graph, "batch_norm", in, 3, &args);
    struct sw_tensor *running[2];
    for (int i = 0; i < 2; i++) {
        struct sw_tensor *of[2] = {in[0], in[1]};
        args.i[1] = i;
        args.f[0] = 0.25f;
        running[i] = sw_graph_apply_named(graph, "row_moments", of, 2, &args);
    }
    for (int c = 0; c < C; c += 3) {
        double mean, variance, of_x, spread, n = 0;
        channel_moments(out, groups, slots ? c : -1, slots ? -1 : c, &mean, &variance);
        ck_assert_double_eq_tol(mean, in[2]->data[c], 1e-5);
        ck_assert_double_eq_tol(sqrt(variance), fabs(in[1]->data[c]), 1e-4);
        channel_moments(in[0], groups, slots ? c : -1, slots ? -1 : c, &of_x, &spread);
        for (int g = 0; g < groups->groups; g++)
            n += slots ? D * (c < groups->count[g]) : groups->count[g];
        double old = 0.75 * in[1]->data[c];
        ck_assert_double_eq_tol(running[0]->data[c], old + 0.25 * of_x, 1e-6);
        ck_assert_double_eq_tol(running[1]->data[c], old + 0.25 * spread * n / (n - 1), 1e-6);
    }
    /* with moments that are given, what the batch holds does not matter */
    in[3] = matrix(C, 0, 4);
    in[4] = matrix(C, 0, 5);
    for (int c = 0; c < C; c++)
        in[4]->data[c] = 2 + in[4]->data[c];
    args = (struct sw_args){{slots}, {0.5f}, groups};
    out = sw_graph_apply_named(graph, "batch_norm", in, 5, &args);
    for (int d = 0; d < D; d++) {
        int c = slots ? 3 : d, at = row_of(groups, 7, 3) * D + d;
        double normed = (in[0]->data[at] - in[3]->data[c]) / sqrt(in[4]->data[c] + 0.5);
        ck_assert_double_eq_tol(out->data[at], normed * in[1]->data[c] + in[2]->data[c], 1e-5);
    }
    close_graph();
}
END_TEST

START_TEST(layer_norm_by_definition)
{
    open_graph(2);
    struct sw_tensor *in[3] = {matrix(ROWS, D, 1), matrix(D, 0, 2), matrix(D, 0, 3)};
    struct sw_args args = {.f = {0.25f}};
    struct sw_tensor *out = sw_graph_apply_named(graph, "layer_norm", in, 3, &args);
    const float ones[1] = {1};
    for (int i = 0; i < ROWS; i += 7) {
        const float *x = in[0]->data + i * D;
        double mean = product(x, 1, ones, 0, D) / D;
        double variance = product(x, 1, x, 1, D) / D - mean * mean;
        for (int d = 0; d < D; d++)
            ck_assert_double_eq_tol(
                out->data[i * D + d],
                (x[d] - mean) / sqrt(variance + 0.25) * in[1]->data[d] + in[2]->data[d], 1e-5);
    }
    close_graph();
}
END_TEST

/* A key that is not used, or a rate that is another, changes what a dropout rate in a paper means.
 */
START_TEST(dropout_drops_its_share)
{
    open_graph(2);
    struct sw_tensor *x = matrix(ROWS, 300, 1), *out[2];
    int kept = 0, both = 0;
    for (int i = 0; i < 2; i++) {
        struct sw_args args = {{i, 5}, {0.4f}, NULL};
        out[i] = sw_graph_apply_named(graph, "dropout", &x, 1, &args);
    }
    for (int j = 0; j < ROWS * 300; j++) {
        kept += out[0]->data[j] != 0;
        both += out[0]->data[j] != 0 && out[1]->data[j] != 0;
        if (out[0]->data[j] != 0)
            ck_assert_float_eq_tol(out[0]->data[j], x->data[j] / 0.6f, 1e-6f);
    }
    ck_assert_double_eq_tol(kept / (300.0 * ROWS), 0.6, 0.005);
    ck_assert_double_eq_tol(both / (300.0 * ROWS), 0.36, 0.005);
    close_graph();
}
END_TEST

/* ---- misuse ---- */

static int refused(const char *op, struct sw_tensor *const *in, int inputs, struct sw_args args)
{
    int refused = sw_graph_apply_named(graph, op, in, inputs, &args) == NULL;
    struct sw_error *error = sw_graph_error(graph);
    refused = refused && strstr(error->text, op) == error->text;
    error->status = SW_OK;
    return refused;
}

/* Fragments beyond the rows, and arguments that no tensor can serve, would read or write beyond. */
START_TEST(bad_groups_and_arguments_are_refused)
{
    int first[2] = {0, 2}, count[2] = {2, 3};
    const struct sw_fragments bad[] = {
        {2, 5, 2, 1, first, count},  {2, 5, 3, 0, first, count}, {2, 5, 3, 2, first, count},
        {-1, 5, 3, 1, first, count}, {2, 6, 3, 1, first, count},
    };
    const struct sw_fragments good = {2, 5, 3, 1, first, count};
    open_graph(1);
    struct sw_tensor *in[3] = {matrix(5, 4, 1), matrix(5, 4, 2), matrix(5, 4, 3)};
    for (int i = 0; i < (int)(sizeof bad / sizeof *bad) + 1; i++) {
        const void *p = i < (int)(sizeof bad / sizeof *bad) ? &bad[i] : NULL;
        ck_assert(refused("group_mean", in, 1, (struct sw_args){.p = p}));
        ck_assert(refused("group_mix", in, 2, (struct sw_args){.p = p}));
        ck_assert(refused("group_sort", in, 1, (struct sw_args){.p = p}));
        ck_assert(refused("group_attention", in, 3, (struct sw_args){{2}, {0}, p}));
        ck_assert(refused("group_windows", in, 1, (struct sw_args){{2}, {0}, p}));
    }
    ck_assert(refused("group_max", in, 1, (struct sw_args){{-1}, {0}, &good}));
    ck_assert(refused("group_attention", in, 3, (struct sw_args){{3}, {0}, &good}));
    ck_assert(refused("group_attention", in, 3, (struct sw_args){{2}, {1}, &good}));
    ck_assert(refused("group_windows", in, 1, (struct sw_args){{0}, {0}, &good}));
    ck_assert(refused("group_windows", in, 1, (struct sw_args){{2, 2}, {0}, &good}));
    ck_assert(refused("dropout", in, 1, (struct sw_args){{0}, {1}, NULL}));
    ck_assert(refused("dropout", in, 1, (struct sw_args){{0}, {NAN}, NULL}));
    close_graph();
}
END_TEST

static void add_tests(TCase *tests)
{
    enum { USES = sizeof uses / sizeof *uses };
    tcase_add_loop_test(tests, same_bits_at_any_number_of_threads, 0, USES);
    tcase_add_loop_test(tests, padding_has_no_part, 0, USES);
    tcase_add_loop_test(tests, poolings_by_definition, 0, 2);
    tcase_add_test(tests, rows_without_an_image_are_zero);
    tcase_add_loop_test(tests, columns_by_definition, 0, 2);
    tcase_add_loop_test(tests, nan_stays, 0, 6);
    tcase_add_loop_test(tests, attention_by_definition, 0, 2);
    tcase_add_test(tests, windows_end_with_their_caption);
    tcase_add_loop_test(tests, batch_norm_by_definition, 0, 2);
    tcase_add_test(tests, layer_norm_by_definition);
    tcase_add_test(tests, dropout_drops_its_share);
    tcase_add_test(tests, bad_groups_and_arguments_are_refused);
}

UNIT_MAIN("groups", add_tests)
