/* check_align.c -- stages of other methods by their definitions, in double and pair by pair. */
#include "pairs_unit.h"

#include <math.h>

enum { MOST = 24 }; /* fragments of a side */

/* One pair: regions v (k,D), words t (n,D), c_ij = v_i . t_j */
struct pair {
    int k, n;
    double v[MOST][PU_DIM], t[MOST][PU_DIM], c[MOST][MOST];
};

static void score_again(struct pairs_unit *u, int training)
{
    u->examples.training = training;
    sw_graph_reset(u->graph, 0);
    ck_assert_int_eq(sw_model_encode(u->model, u->graph, &u->examples, &u->encoding), SW_OK);
    struct sw_tensor *S = sw_model_score(u->model, u->graph, &u->encoding, NULL);
    ck_assert_msg(S != NULL, "%s", sw_graph_error(u->graph)->text);
    memcpy(u->scores, S->data, sizeof u->scores);
}

static struct pairs_unit *score(const char *model, int training)
{
    struct pairs_unit *u = pu_new(model, 2, 1);
    score_again(u, training);
    return u;
}

static struct pair pair_of(const struct pairs_unit *u, int image, int caption)
{
    static struct pair p;
    const struct sw_fragments *at[2] = {&u->encoding.region_rows, &u->encoding.word_rows};
    p.k = at[0]->count[image];
    p.n = at[1]->count[caption];
    for (int d = 0; d < PU_DIM; d++) {
        for (int i = 0; i < p.k; i++)
            p.v[i][d] =
                u->encoding.regions->data[(at[0]->first[image] + i * at[0]->stride) * PU_DIM + d];
        for (int j = 0; j < p.n; j++)
            p.t[j][d] = u->encoding.words->data[(at[1]->first[caption] + j) * PU_DIM + d];
    }
    for (int i = 0; i < p.k; i++)
        for (int j = 0; j < p.n; j++) {
            p.c[i][j] = 0;
            for (int d = 0; d < PU_DIM; d++)
                p.c[i][j] += p.v[i][d] * p.t[j][d];
        }
    return p;
}

/* The same pair with the sides exchanged. */
static struct pair turned(const struct pair *p)
{
    static struct pair q;
    q.k = p->n;
    q.n = p->k;
    memcpy(q.v, p->t, sizeof q.v);
    memcpy(q.t, p->v, sizeof q.t);
    for (int i = 0; i < p->k; i++)
        for (int j = 0; j < p->n; j++)
            q.c[j][i] = p->c[i][j];
    return q;
}

/* SCAN's attention of the words, a[j][i]; focal: BFAN's, with every fragment counting alike: what
 * is above the average, or all where nothing is. */
static void attend(const struct pair *p, double lambda, int focal, double a[MOST][MOST])
{
    for (int i = 0; i < p->k; i++) {
        double square = 0;
        for (int j = 0; j < p->n; j++) {
            a[j][i] = p->c[i][j] > 0 ? p->c[i][j] : 0.1 * p->c[i][j];
            square += a[j][i] * a[j][i];
        }
        for (int j = 0; j < p->n; j++)
            a[j][i] /= sqrt(square) + 1e-8;
    }
    for (int j = 0; j < p->n; j++) {
        double sum = 0, above = 0;
        for (int i = 0; i < p->k; i++)
            sum += a[j][i] = exp(lambda * a[j][i]);
        for (int i = 0; i < p->k; i++) {
            a[j][i] /= sum;
            above += focal && a[j][i] * p->k > 1 + 1e-6 ? a[j][i] : 0;
        }
        for (int i = 0; i < p->k && above > 0; i++)
            a[j][i] = a[j][i] * p->k > 1 + 1e-6 ? a[j][i] / above : 0;
    }
}

/* cos(t_j, sum_i a_ji v_i) of each word */
static void cosines(const struct pair *p, double a[MOST][MOST], double r[MOST])
{
    for (int j = 0; j < p->n; j++) {
        double dot = 0, xx = 0, yy = 0;
        for (int d = 0; d < PU_DIM; d++) {
            double x = 0;
            for (int i = 0; i < p->k; i++)
                x += a[j][i] * p->v[i][d];
            dot += x * p->t[j][d];
            xx += x * x;
            yy += p->t[j][d] * p->t[j][d];
        }
        r[j] = dot / sqrt(xx * yy);
    }
}

static double scan_t2i(const struct pair *p, double lambda, int focal, double sharpness)
{
    double a[MOST][MOST], r[MOST], mean = 0, sum = 0;
    attend(p, lambda, focal, a);
    cosines(p, a, r);
    for (int j = 0; j < p->n; j++) {
        mean += r[j] / p->n;
        sum += exp(sharpness * r[j]);
    }
    return sharpness > 0 ? log(sum) / sharpness : mean;
}

static double max_t2i(const struct pair *p, double slope)
{
    double mean = 0;
    for (int j = 0; j < p->n; j++) {
        double most = -INFINITY;
        for (int i = 0; i < p->k; i++)
            most = fmax(most, p->c[i][j]);
        mean += (most > 0 ? most : slope * most) / p->n;
    }
    return mean;
}

static double scan_both(const struct pair *p)
{
    struct pair q = turned(p);
    return 0.5 * scan_t2i(p, 9, 0, 0) + 0.5 * scan_t2i(&q, 4, 0, 0);
}

static double scan_lse(const struct pair *p)
{
    return scan_t2i(p, 5, 0, 6);
}

static double scan_i2t(const struct pair *p)
{
    struct pair q = turned(p);
    return scan_t2i(&q, 4, 0, 0);
}

/* A single fragment queries with nothing but signs, so that rounding decides what is above average.
 */
static double bfan_both(const struct pair *p)
{
    if (p->k == 1 || p->n == 1)
        return NAN;
    struct pair q = turned(p);
    return scan_t2i(p, 20, 1, 0) + scan_t2i(&q, 20, 1, 0);
}

static double max_both(const struct pair *p)
{
    struct pair q = turned(p);
    return 0.5 * max_t2i(p, 0.1) + 0.5 * max_t2i(&q, 0.1);
}

static double max_plain(const struct pair *p)
{
    return max_t2i(p, 1);
}

static double scan_nine(const struct pair *p)
{
    return scan_t2i(p, 9, 0, 0);
}

/* NAAF's. Of a sum that is next to 0 rounding decides what it is: NAN. */
static double naaf(const struct pair *p, double u, int training)
{
    double kept[MOST][MOST] = {{0}}, b[MOST][MOST], m[MOST], found[MOST], sum = 0;
    attend(p, 20, 0, b);
    for (int j = 0; j < p->n; j++) {
        double all = 1e-8;
        m[j] = -INFINITY;
        for (int i = 0; i < p->k; i++) {
            m[j] = fmax(m[j], p->c[i][j] - u);
            all += kept[j][i] = p->c[i][j] > u ? exp(20 * (p->c[i][j] - u)) : 0;
        }
        for (int i = 0; i < p->k; i++)
            kept[j][i] /= all;
    }
    cosines(p, kept, found);
    for (int j = 0; j < p->n; j++) {
        double judged = m[j], weights = 0, of_words = 0;
        for (int other = 0; other < p->n; other++) {
            double alike = 0;
            for (int d = 0; d < PU_DIM; d++)
                alike += p->t[j][d] * p->t[other][d];
            weights += exp(5 * alike);
            of_words += exp(5 * alike) * m[other];
        }
        judged = training ? m[j] : of_words / weights;
        if (fabs(judged) < 1e-5 || fabs(m[j]) < 1e-5)
            return NAN;
        sum += (judged < 0 ? m[j] : 0) + (m[j] > 0 ? found[j] : 0);
        for (int i = 0; i < p->k; i++)
            sum += b[j][i] * p->c[i][j];
    }
    return sum / p->n;
}

static double naaf_trained(const struct pair *p)
{
    return naaf(p, 0.1, 1);
}

static double naaf_evaluated(const struct pair *p)
{
    return naaf(p, 0.1, 0);
}

static double naaf_low(const struct pair *p)
{
    return naaf(p, -0.05, 0);
}

#define NAAF(threshold_) "{\"stages\":[{\"plugin\":\"naaf\",\"threshold\":" threshold_ "}]}"

static const struct {
    const char *model;
    double (*expected)(const struct pair *p);
    int training;
} stages[] = {
    {"{\"stages\":[\"scan\"]}", scan_both, 0},
    {"{\"direction\":\"i2t\",\"stages\":[\"scan\"]}", scan_i2t, 0},
    {"{\"direction\":\"t2i\",\"stages\":[{\"plugin\":\"scan\",\"lambda_t2i\":5,\"reduce\":\"lse\"}]"
     "}",
     scan_lse, 0},
    {"{\"stages\":[\"bfan\"]}", bfan_both, 0},
    {"{\"stages\":[\"max_mean\"]}", max_both, 0},
    {"{\"direction\":\"t2i\",\"stages\":[{\"plugin\":\"max_mean\",\"slope\":1}]}", max_plain, 0},
    {"{\"direction\":\"t2i\",\"stages\":[{\"plugin\":\"imram\",\"steps\":1}]}", scan_nine, 0},
    {NAAF("0.1"), naaf_trained, 1},
    {NAAF("0.1"), naaf_evaluated, 0},
    {NAAF("-0.05"), naaf_low, 0},
};

/* A row of a table that says "SCAN" must be SCAN, whatever the lengths of a pair's sides are. */
START_TEST(stages_by_definition)
{
    struct pairs_unit *u = score(stages[_i].model, stages[_i].training);
    for (int i = 0; i < PU_IMAGES; i++)
        for (int c = 0; c < PU_IMAGES; c++) {
            struct pair p = pair_of(u, i, c);
            double expected = stages[_i].expected(&p), found = u->scores[i * PU_IMAGES + c];
            ck_assert_msg(isnan(expected) ? isfinite(found) : fabs(found - expected) <= 1e-5,
                          "%s, image %d with %d regions, caption %d with %d words: expected %.7g, "
                          "found %.7g",
                          stages[_i].model, i, p.k, c, p.n, expected, found);
        }
    pu_free(u);
}
END_TEST

/* Evaluation takes the running values: they must follow the batches of training, and nothing else.
 */
START_TEST(running_values_follow_training)
{
    struct pairs_unit *u = pu_new("{\"stages\":[\"saf\"]}", 2, 0);
    static const char *const names[] = {
        "saf.attention_norm.running_mean", "saf.attention_norm.running_var",
        "saf.image.local_norm.running_mean", "saf.image.global_norm.running_var"};
    for (int training = 0; training < 2; training++) {
        u->examples.training = training;
        sw_graph_reset(u->graph, 1);
        ck_assert_ptr_nonnull(sw_model_scores(u->model, u->graph, &u->examples, NULL));
        sw_graph_commit(u->graph);
        for (int i = 0; i < 4; i++) {
            const struct sw_parameter *p = sw_model_find_parameter(u->model, names[i]);
            ck_assert_ptr_nonnull(p);
            double start = strstr(names[i], "var") ? 1 : 0;
            ck_assert_msg(isfinite(p->tensor->data[0]) &&
                              (p->tensor->data[0] != (float)start) == training,
                          "%s: %g", names[i], (double)p->tensor->data[0]);
        }
    }
    pu_free(u);
}
END_TEST

static float *buffer_of(struct pairs_unit *u, const char *name)
{
    const struct sw_parameter *p = sw_model_find_parameter(u->model, name);
    ck_assert_ptr_nonnull(p);
    return p->tensor->data;
}

/* What a training step has seen of its captions: those whose image is first among the images of its
 * tile, with the last of these. */
START_TEST(naaf_sees_matched_and_mismatched_words)
{
    struct pairs_unit *u = score(NAAF("0.1"), 1);
    double sums[5] = {0};
    const int blocks = (PU_IMAGES + SW_LANES - 1) / SW_LANES, tiles = blocks * PU_IMAGES;
    for (int c = 0; c < PU_IMAGES; c++) {
        int block = c / SW_LANES * SW_LANES, of[2] = {block, block};
        for (int i = block; i < PU_IMAGES && i < block + SW_LANES; i++) {
            of[0] = u->scores[i * PU_IMAGES + c] > u->scores[of[0] * PU_IMAGES + c] ? i : of[0];
            of[1] = u->scores[i * PU_IMAGES + c] < u->scores[of[1] * PU_IMAGES + c] ? i : of[1];
        }
        /* each tile's report counts (1 - rate) less for each one after it */
        double weight = pow(1 - 1.0 / tiles, tiles - 1 - c * blocks - c / SW_LANES) / tiles;
        for (int way = 0; way < 2 && of[0] == c; way++) {
            struct pair p = pair_of(u, of[way], c);
            sums[0] += way == 0 ? weight * p.n : 0;
            for (int j = 0; j < p.n; j++) {
                double most = -INFINITY;
                for (int i = 0; i < p.k; i++)
                    most = fmax(most, p.c[i][j]);
                sums[1 + 2 * way] += weight * most;
                sums[2 + 2 * way] += weight * most * most;
            }
        }
    }
    ck_assert_double_gt(sums[0], 0);
    sw_graph_commit(u->graph);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol((double)buffer_of(u, "naaf.seen")[i], sums[i], 1e-5);
    ck_assert_float_eq(buffer_of(u, "naaf.threshold")[0], 0.1f); /* too few words so far */
    pu_free(u);
}
END_TEST

static double density(double x, double mean, double deviation)
{
    return exp(-0.5 * pow((x - mean) / deviation, 2)) / deviation;
}

/* The threshold goes to where the two Gaussians meet, in training and no other time. */
START_TEST(naaf_moves_its_threshold)
{
    static const double mean[2] = {0.5, 0.25}, deviation[2] = {0.12, 0.08};
    double low = mean[1], high = mean[0];
    for (int i = 0; i < 60; i++) {
        double x = (low + high) / 2;
        int matched = density(x, mean[0], deviation[0]) > 2 * density(x, mean[1], deviation[1]);
        low = matched ? low : x;
        high = matched ? x : high;
    }
    for (int way = 0; way < 3; way++) { /* evaluation, training, training without moves */
        struct pairs_unit *u = pu_new(
            way < 2 ? NAAF("0.1")
                    : "{\"stages\":[{\"plugin\":\"naaf\",\"threshold\":0.1,\"moves\":false}]}",
            1, 1);
        float *seen = buffer_of(u, "naaf.seen");
        seen[0] = 11;
        for (int i = 0; i < 2; i++) {
            seen[1 + 2 * i] = (float)(11 * mean[i]);
            seen[2 + 2 * i] = (float)(11 * (mean[i] * mean[i] + deviation[i] * deviation[i]));
        }
        u->examples.training = way > 0;
        sw_graph_reset(u->graph, 1);
        ck_assert_ptr_nonnull(sw_model_scores(u->model, u->graph, &u->examples, NULL));
        sw_graph_commit(u->graph);
        double moved = way == 1 ? 0.7 : 0;
        ck_assert_double_eq_tol((double)buffer_of(u, "naaf.threshold")[0],
                                moved * high + (1 - moved) * 0.1, 1e-5);
        ck_assert_double_eq_tol((double)buffer_of(u, "naaf.safe_threshold")[0],
                                moved * (mean[0] - 3 * deviation[0]) + (1 - moved) * 0.1, 1e-5);
        pu_free(u);
    }
}
END_TEST

/* Once they have moved apart, training and evaluation each go by their own. */
START_TEST(naaf_has_two_thresholds)
{
    struct pairs_unit *u = pu_new("{\"stages\":[{\"plugin\":\"naaf\",\"moves\":false}]}", 2, 1);
    buffer_of(u, "naaf.threshold")[0] = 0.1f;
    buffer_of(u, "naaf.safe_threshold")[0] = -0.05f;
    for (int training = 0; training < 2; training++) {
        score_again(u, training);
        for (int i = 0; i < PU_IMAGES; i++) {
            struct pair p = pair_of(u, i, i);
            double expected = naaf(&p, training ? 0.1 : -0.05, training);
            if (!isnan(expected))
                ck_assert_double_eq_tol((double)u->scores[i * (PU_IMAGES + 1)], expected, 1e-5);
        }
    }
    pu_free(u);
}
END_TEST

/* Numbers per region slot: more regions than that is a plain error. */
START_TEST(more_regions_than_slots_are_refused)
{
    struct pairs_unit *u = pu_new("{\"stages\":[{\"plugin\":\"sgr\",\"regions\":6}]}", 1, 0);
    sw_graph_reset(u->graph, 0);
    sw_model_scores(u->model, u->graph, &u->examples, NULL);
    const char *text = sw_graph_error(u->graph)->text;
    ck_assert_msg(strstr(text, "stage sgr: option 'regions': expected at least 7") != NULL, "%s",
                  text);
    pu_free(u);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, stages_by_definition, 0, sizeof stages / sizeof *stages);
    tcase_add_test(tests, running_values_follow_training);
    tcase_add_test(tests, naaf_sees_matched_and_mismatched_words);
    tcase_add_test(tests, naaf_moves_its_threshold);
    tcase_add_test(tests, naaf_has_two_thresholds);
    tcase_add_test(tests, more_regions_than_slots_are_refused);
}

UNIT_MAIN("align", add_tests)
