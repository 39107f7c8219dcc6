/* naaf.c -- NAAF, negative-aware attention (Zhang et al., CVPR 2022): what a word finds nowhere
 * counts against the pair, and a threshold u divides what fits from what does not.
 *
 *   c_ij = v_i . t_j,  m_j = max_i c_ij - u
 *   missing: N_j = m_j where m_j < 0, else 0; in evaluation where (softmax(intra T T^T) m)_j < 0
 *   found:   a_ij = softmax_i(lambda c_ij) over the regions with c_ij > u,
 *            F_j = cos(t_j, sum_i a_ij v_i), 0 where there is no such region
 *   fitting: R_j = sum_i b_ij c_ij, b: SCAN's attention with the same lambda
 *   S = mean_j (N_j + F_j + R_j)
 *
 * Training moves u to where two Gaussians meet: the one of best similarities in matched pairs, and
 * alpha times the one in mismatched pairs; evaluation takes the matched ones' mean less three
 * deviations. Both go seven tenths of the way at a time.
 *
 * Not as published. There u moves after each caption: those of the batch so far whose own image is
 * ranked first count, with the lowest image of the batch as their mismatch, and up to 200 words
 * into each batch u is 0. So a score depends on the captions before it in its batch. Here u moves
 * once per step, by running sums that follow over about a step; until these stand for 200 words a
 * step it stays; first and lowest are meant among the SW_LANES images of a tile.
 *
 * Words have length 1, as published encoders leave them. Words query, whatever the model's
 * direction. */
#include "attention.h"

#include <math.h>
#include <stddef.h>

enum { LAMBDA, INTRA, THRESHOLD, MOVES, ALPHA };
enum { L = SW_LANES, ENOUGH_WORDS = 200 };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "20", NULL, 0.001, 1000, "sharpness of both attentions over the regions"},
    {"intra", SW_NUMBER, "5", NULL, 0, 1000,
     "sharpness of the attention among words that judges, in evaluation, what is missing"},
    {"threshold", SW_NUMBER, "0", NULL, -1, 1, "u, at first"},
    {"moves", SW_SWITCH, "true", NULL, 0, 0, "whether training moves u"},
    {"alpha", SW_NUMBER, "2", NULL, 0.001, 1000,
     "weight of the mismatched pairs where u is sought"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What a tile reports, and what is kept of it: words of a caption whose own image is first, and of
 * their best similarities the sums and sums of squares. */
enum { WORDS, MATCHED, MATCHED_SQUARE, MISMATCHED, MISMATCHED_SQUARE, SEEN };

struct naaf {
    float lambda, intra, alpha;
    int moves;
    /* buffers: u in training and in evaluation (1), sums per tile (SEEN) */
    struct sw_tensor *threshold, *safe_threshold, *seen;
};

struct prepared {
    struct sw_input similarity, alike;
    struct sw_input image, caption; /* their places in the batch; -1: there is no such image */
    struct sw_observed seen;
    float threshold;
};

/* ---- operations of our own ---- */

static int where_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *x = call->in[0], *by = call->in[1];
    if (x->ndim != by->ndim)
        return -1;
    for (int d = 0; d < x->ndim; d++) {
        if (x->dim[d] != by->dim[d])
            return -1;
        out_dim[d] = x->dim[d];
    }
    return x->ndim;
}

static size_t count_of(const struct sw_tensor *x)
{
    size_t count = 1;
    for (int d = 0; d < x->ndim; d++)
        count *= (size_t)x->dim[d];
    return count;
}

static void where_forward(const struct sw_call *call)
{
    const float *x = call->in[0]->data, *by = call->in[1]->data, otherwise = call->args->f[0];
    size_t count = count_of(call->out);
    for (size_t i = 0; i < count; i++)
        call->out->data[i] = by[i] > 0 ? x[i] : otherwise;
}

static void where_backward(const struct sw_call *call)
{
    const float *by = call->in[1]->data, *dy = call->out->grad;
    float *dx = call->in[0]->grad;
    size_t count = count_of(call->out);
    for (size_t i = 0; dx && i < count; i++)
        dx[i] += by[i] > 0 ? dy[i] : 0;
}

static const struct sw_sample where_samples[] = {
    {.inputs = 2, .in = {{3, {2, 3, L}, -1, 1, 0}, {3, {2, 3, L}, -1, 1, 1}}, .args = {.f = {-3}}},
};

static const struct sw_op where = {
    .name = "naaf_where",
    .shapes = "(..),(..)->(..)",
    .doc = "x where y > 0, else f0; y has no gradient",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = where_shape,
    .forward = where_forward,
    .backward = where_backward,
    .samples = where_samples,
    .sample_count = 1,
};

/* in: scores (1,1,L), best similarities (1,n,L), images (1,L,1), caption (1,1,1) */
static int seen_shape(const struct sw_call *call, int out_dim[SW_MAX_DIM])
{
    const struct sw_tensor *best = call->in[1], *images = call->in[2];
    if (call->in[0]->ndim != 3 || call->in[0]->dim[1] != 1 || call->in[0]->dim[2] != L ||
        best->ndim != 3 || best->dim[0] != 1 || best->dim[2] != L || count_of(images) != L ||
        count_of(call->in[3]) != 1)
        return -1;
    out_dim[0] = SEEN;
    return 1;
}

/* Adds a lane's best similarities to a sum and a sum of squares. */
static void add_best(const struct sw_tensor *best, int lane, float u, float sums[2])
{
    for (int j = 0; j < best->dim[1]; j++) {
        const float x = best->data[j * L + lane] + u;
        sums[0] += x;
        sums[1] += x * x;
    }
}

static void seen_forward(const struct sw_call *call)
{
    const float *score = call->in[0]->data, *image = call->in[2]->data;
    float *out = call->out->data;
    int first = -1, last = -1;
    for (int i = 0; i < SEEN; i++)
        out[i] = 0;
    for (int l = 0; l < L; l++) {
        if (image[l] < 0)
            continue;
        first = first < 0 || score[l] > score[first] ? l : first;
        last = last < 0 || score[l] < score[last] ? l : last;
    }
    if (first == last || image[first] != call->in[3]->data[0])
        return;
    out[WORDS] = (float)call->in[1]->dim[1];
    add_best(call->in[1], first, call->args->f[0], out + MATCHED);
    add_best(call->in[1], last, call->args->f[0], out + MISMATCHED);
}

static const struct sw_sample seen_samples[] = {
    {.inputs = 4,
     .in = {{3, {1, 1, L}, -1, 1, 1},
            {3, {1, 3, L}, -1, 1, 1},
            {3, {1, L, 1}, 0, 0, 1},
            {3, {1, 1, 1}, 0, 0, 1}}},
};

static const struct sw_op seen = {
    .name = "naaf_seen",
    .shapes = "(1,1,L),(1,n,L),(1,L,1),(1,1,1)->(5)",
    .doc = "where the image with the highest score is the caption's: n, and the sums and sums of "
           "squares of best similarities, plus f0, of this image and of the one with the lowest "
           "score; else 0",
    .least_inputs = 4,
    .most_inputs = 4,
    .shape = seen_shape,
    .forward = seen_forward,
    .samples = seen_samples,
    .sample_count = 1,
};

/* ---- once per batch ---- */

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    static const int one = 1, all = SEEN;
    struct naaf *s = self;
    const float threshold = (float)values[THRESHOLD].number;
    s->lambda = (float)values[LAMBDA].number;
    s->intra = (float)values[INTRA].number;
    s->moves = (int)values[MOVES].number;
    s->alpha = (float)values[ALPHA].number;
    s->threshold = host->buffer(model, "threshold", 1, &one, threshold);
    s->safe_threshold = host->buffer(model, "safe_threshold", 1, &one, threshold);
    s->seen = host->buffer(model, "seen", 1, &all, 0);
    return s->threshold && s->safe_threshold && s->seen ? 0 : SW_PLUGIN_FAILED;
}

/* Where N(mean[0], deviation[0]) and alpha N(mean[1], deviation[1]) meet; NAN: nowhere. */
static double meeting(const double mean[2], const double deviation[2], double alpha)
{
    const double p = deviation[0] * deviation[0], n = deviation[1] * deviation[1];
    const double A = p - n, B = 2 * (mean[0] * n - mean[1] * p);
    const double C = mean[1] * mean[1] * p - mean[0] * mean[0] * n +
                     2 * p * n * log(deviation[1] / (alpha * deviation[0]) + 1e-8);
    const double E = B * B - 4 * A * C;
    return E > 0 ? (-B + sqrt(E)) / (2 * A + 1e-10) : NAN;
}

/* Seven tenths of the way to `to`, which is 0 where it is no similarity. */
static float moved(float from, double to)
{
    return (float)(0.7 * (to >= 0 && to <= 1 ? to : 0) + 0.3 * (double)from);
}

/* By what the steps so far have seen; the threshold of this one. */
static float move(struct sw_batch *batch, const struct naaf *s, double tiles)
{
    static const int one = 1;
    const struct sw_host *host = batch->host;
    const float *sums = s->seen->data, u = s->threshold->data[0];
    double mean[2], deviation[2];
    if (!s->moves || !(sums[WORDS] * tiles > ENOUGH_WORDS))
        return u;
    for (int i = 0; i < 2; i++) {
        mean[i] = sums[i ? MISMATCHED : MATCHED] / sums[WORDS];
        double square = sums[i ? MISMATCHED_SQUARE : MATCHED_SQUARE] / sums[WORDS];
        deviation[i] = sqrt(fmax(square - mean[i] * mean[i], 1e-12));
    }
    const double to = meeting(mean, deviation, s->alpha);
    if (isnan(to))
        return u;
    const float next = moved(u, to),
                safe = moved(s->safe_threshold->data[0], mean[0] - 3 * deviation[0]);
    host->update(batch->graph, s->threshold, host->constant(batch->graph, 1, &one, next));
    host->update(batch->graph, s->safe_threshold, host->constant(batch->graph, 1, &one, safe));
    return next;
}

/* (rows,1): the place of each image or caption in the batch; -1: a row that only fills a block */
static struct sw_tensor *places(struct sw_batch *batch, int groups, int rows)
{
    struct sw_tensor *x = batch->host->constant(batch->graph, 2, (int[]){rows, 1}, -1);
    for (int g = 0; x && g < groups; g++)
        x->data[g] = (float)g;
    return x;
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct naaf *s = self;
    struct prepared *p = prepared;
    const struct sw_host *host = batch->host;
    const int images = batch->region_fragments->groups, captions = batch->word_fragments->groups;
    const int blocks = (images + L - 1) / L;
    p->similarity = host->input_product(batch, batch->regions, batch->words);
    if (!batch->training) {
        p->alike = host->input_within(batch, SW_WORDS, batch->words, batch->words);
        p->threshold = s->safe_threshold->data[0];
        return;
    }
    const float tiles = (float)blocks * (float)captions;
    p->threshold = move(batch, s, tiles);
    p->image = host->input_group(batch, SW_REGIONS, places(batch, images, blocks * L));
    p->caption = host->input_group(batch, SW_WORDS, places(batch, captions, captions));
    p->seen = host->observed(batch, s->seen, 1 / tiles);
}

/* ---- once per tile ---- */

static struct sw_tensor *take_where(struct sw_tile *tile, struct sw_tensor *x, struct sw_tensor *by,
                                    float otherwise)
{
    return sw_apply2(tile, "naaf_where", x, by, (struct sw_args){.f = {otherwise}});
}

/* What decides whether m_j (1,n,L) counts against the pair, where it is below 0: m_j itself, or in
 * evaluation what similar words find. */
static struct sw_tensor *judged(struct sw_tile *tile, const struct naaf *s,
                                const struct prepared *p, struct sw_tensor *m)
{
    const struct sw_host *host = tile->host;
    int column[3] = {tile->n, 1, L}, row[3] = {1, tile->n, L};
    if (tile->training)
        return m;
    struct sw_tensor *alike = sw_softmax(tile, sw_read(tile, p->alike), SW_WORDS, s->intra);
    m = host->reshape(tile->graph, m, 3, column);
    m = sw_apply2(tile, "lane_matmul", alike, m, (struct sw_args){.i = {0}});
    return host->reshape(tile->graph, m, 3, row);
}

/* Tiles of one caption report, once: those of a backward pass that any pairs share do not. */
static void report(struct sw_tile *tile, const struct prepared *p, struct sw_tensor *score,
                   struct sw_tensor *m)
{
    struct sw_tensor *in[4] = {score, m, sw_read(tile, p->image), sw_read(tile, p->caption)};
    struct sw_args args = {.f = {p->threshold}};
    if (in[3] && in[3]->dim[1] == 1)
        tile->host->observe(tile, p->seen,
                            tile->host->apply(tile->graph, "naaf_seen", in, 4, &args));
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct naaf *s = self;
    const struct prepared *p = prepared;
    struct similarities c = product_of(tile, p->similarity);
    struct sw_tensor *above = sw_affine(tile, c.numbers, 1, -p->threshold); /* (n,k,L) */
    struct sw_tensor *m =
        sw_masked(tile, "lane_max", above, SW_REGIONS, (struct sw_args){.i = {0}});
    struct sw_tensor *missing =
        take_where(tile, m, sw_affine(tile, judged(tile, s, p, m), -1, 0), 0);
    struct sw_tensor *kept =
        sw_softmax(tile, take_where(tile, above, above, -1e6f), SW_REGIONS, s->lambda);
    struct sw_tensor *found = sw_cosine(tile, sw_words_of(tile), attend(tile, kept, SW_WORDS));
    struct sw_tensor *fitting =
        sw_apply2(tile, "lane_rowdot", attention(tile, c, SW_WORDS, s->lambda), c.numbers,
                  (struct sw_args){.i = {0}});
    found = take_where(tile, found, m, 0);
    struct sw_tensor *score =
        sw_mean(tile, sw_plus(tile, sw_plus(tile, missing, found), fitting), SW_WORDS);
    if (tile->training)
        report(tile, p, score, m);
    return score;
}

static const struct sw_stage naaf = {
    .name = "naaf",
    .doc = "NAAF: what a word finds nowhere counts against the pair (Zhang et al. 2022)",
    .options = options,
    .self_size = sizeof(struct naaf),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
    .flags = SW_JUMPS,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "naaf",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "NAAF's negative-aware attention",
    .stages = (const struct sw_stage *const[]){&naaf, NULL},
    .ops = (const struct sw_op *const[]){&where, &seen, NULL},
};
