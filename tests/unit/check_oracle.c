/* check_oracle.c -- scores and gradients against those that the methods' published code computed.
 *
 * The numbers lie outside the tree (STEPWISE_SHARED); without them each row is skipped. The tables
 * are in oracle_*.c. */
#include "oracle_unit.h"

/* ---- what is scored ---- */

static void counts_of(const struct sw_safetensors *file, const char *name, int most, int *count,
                      int groups)
{
    const struct sw_safetensors_entry *entry = name ? require(file, name) : NULL;
    for (int g = 0; g < groups; g++)
        count[g] = entry ? (int)number(entry, (size_t)g) : most;
}

/* (groups, most, D) to rows where `fragments` says. */
static struct sw_tensor *laid_out(struct sw_graph *graph, const struct sw_safetensors_entry *from,
                                  const struct sw_fragments *to)
{
    struct sw_tensor *x = sw_graph_tensor(graph, 2, (int[]){to->rows, D}, NULL, 1);
    ck_assert_ptr_nonnull(x);
    memset(x->data, 0, sw_tensor_count(x) * sizeof *x->data);
    for (int g = 0; g < to->groups; g++)
        for (int f = 0; f < to->count[g]; f++)
            for (int d = 0; d < D; d++)
                x->data[(to->first[g] + f * to->stride) * D + d] =
                    (float)number(from, ((size_t)g * from->shape[1] + (size_t)f) * D + (size_t)d);
    return x;
}

/* Fragments of a file as an encoding; the first `captions` captions, or all with 0. */
static void give(struct trial *t, const struct oracle *row, int captions,
                 struct sw_encoding *encoding)
{
    static int first[2][64], count[2][64];
    const struct sw_safetensors_entry *v = require(&t->given, row->regions),
                                      *w = require(&t->given, row->words);
    ck_assert_uint_eq(v->shape[2], D);
    int images = (int)v->shape[0], k = (int)v->shape[1], words = 0;
    captions = captions ? captions : (int)w->shape[0];
    counts_of(&t->given, row->region_counts, k, count[0], images);
    counts_of(&t->given, row->word_counts ? row->word_counts : "lens", 0, count[1], captions);
    for (int i = 0; i < images; i++)
        first[0][i] = sw_region_row(k, i, 0);
    for (int c = 0, at = 0; c < captions; at += count[1][c++]) {
        first[1][c] = at;
        words = count[1][c] > words ? count[1][c] : words;
    }
    int all = first[1][captions - 1] + count[1][captions - 1];
    *encoding = (struct sw_encoding){
        .region_rows = {images, sw_region_rows(images, k), k, SW_LANES, first[0], count[0]},
        .word_rows = {captions, all, words, 1, first[1], count[1]}};
    encoding->regions = laid_out(t->graph, v, &encoding->region_rows);
    encoding->words = laid_out(t->graph, w, &encoding->word_rows);
}

/* Vectors in the place of words: each is a word of its own. */
static void number_words(struct trial *t, const struct sw_safetensors_entry *vectors)
{
    t->captions = (int)vectors->shape[0];
    for (int c = 0; c < t->captions; c++)
        t->caption_start[c + 1] = (c + 1) * (int)vectors->shape[1];
    for (int w = 0; w < t->caption_start[t->captions]; w++)
        t->ids[w] = w;
}

static void read_captions(struct trial *t, const struct sw_safetensors *file)
{
    const struct sw_safetensors_entry *ids = require(file, "ids"), *lens = require(file, "lens");
    t->captions = (int)lens->elements;
    for (int c = 0, start = 0; c < t->captions; c++) {
        int words = (int)number(lens, (size_t)c);
        for (int w = 0; w < words; w++)
            t->ids[start + w] = (int32_t)number(ids, (size_t)c * ids->shape[1] + (size_t)w);
        t->caption_start[c + 1] = start += words;
    }
}

static const char *inputs_of(const struct oracle *row)
{
    return row->inputs ? row->inputs : "encoders/inputs.safetensors";
}

/* Images and captions that are to be encoded. 0 when the file is not there. */
static int load_inputs(struct trial *t, const struct oracle *row)
{
    struct sw_safetensors file = {0};
    if (!open_file(&file, inputs_of(row)))
        return 0;
    const struct sw_safetensors_entry *images =
        require(&file, row->images ? row->images : "images");
    int k = t->k = images->ndim == 3 ? (int)images->shape[1] : 1;
    t->images = (int)images->shape[0];
    t->features = calloc((size_t)sw_region_rows(t->images, k) * FEATURES, sizeof *t->features);
    counts_of(&file, row->image_counts, k, t->region_count, t->images);
    for (int i = 0; i < t->images; i++)
        for (int r = 0; r < t->region_count[i]; r++)
            for (int f = 0; f < FEATURES; f++)
                t->features[sw_region_row(k, i, r) * FEATURES + f] =
                    (float)number(images, (size_t)((i * k + r) * FEATURES + f));
    if (row->word_vectors)
        number_words(t, require(&file, row->word_vectors));
    else
        read_captions(t, &file);
    sw_safetensors_close(&file);
    return 1;
}

static void encode(struct trial *t, int captions, int training, struct sw_encoding *encoding)
{
    struct sw_examples examples = {.images = t->images,
                                   .k = t->k,
                                   .region_count = t->region_count,
                                   .features = t->features,
                                   .captions = captions ? captions : t->captions,
                                   .caption_start = t->caption_start,
                                   .ids = t->ids,
                                   .training = training};
    ck_assert_msg(sw_model_encode(t->model, t->graph, &examples, encoding) == SW_OK, "%s",
                  sw_graph_error(t->graph)->text);
}

/* ---- a row ---- */

static struct sw_tensor *scores_of(struct trial *t, const struct oracle *row, int captions,
                                   struct sw_encoding *encoding)
{
    int training = row->gradients != NULL;
    sw_graph_reset(t->graph, training);
    if (row->given)
        give(t, row, captions, encoding);
    else
        encode(t, captions, training, encoding);
    encoding->training = training;
    struct sw_tensor *S = sw_model_score(t->model, t->graph, encoding, NULL);
    ck_assert_msg(S && sw_graph_error(t->graph)->status == SW_OK, "%s: %s", row->name,
                  sw_graph_error(t->graph)->text);
    return S;
}

/* All weights are one stream of normal numbers, dealt out by the names' order, 0.1 of each to a
 * bias and one over the root of its width to a matrix. SGRAF's GRU is called cap_rnn and stands
 * before `embed`, so that in its training the text encoder has the numbers of encoders/weights in
 * another order. */
static void deal_gru_first(const struct trial *t)
{
    static const char *const names[] = {"embedding.random.weight",       "text.gru.bias_hh_l0",
                                        "text.gru.bias_hh_l0_reverse",   "text.gru.bias_ih_l0",
                                        "text.gru.bias_ih_l0_reverse",   "text.gru.weight_hh_l0",
                                        "text.gru.weight_hh_l0_reverse", "text.gru.weight_ih_l0",
                                        "text.gru.weight_ih_l0_reverse"};
    enum { NAMES = sizeof names / sizeof *names, MOST = 1 << 16 };
    static double stream[MOST];
    size_t at = 0;
    for (int deal = 0; deal < 2; deal++, at = 0)
        for (int i = 0; i < NAMES; i++) {
            const struct sw_parameter *p =
                sw_model_find_parameter(t->model, names[deal ? (i + 1) % NAMES : i]);
            ck_assert_ptr_nonnull(p);
            double scale = p->tensor->ndim == 1 ? 0.1 : 1 / sqrt((double)p->tensor->dim[1]);
            size_t all = sw_tensor_count(p->tensor);
            ck_assert_uint_le(at + all, MOST);
            for (size_t j = 0; j < all; j++, at++)
                if (deal)
                    p->tensor->data[j] = (float)(stream[at] * scale);
                else
                    stream[at] = (double)p->tensor->data[j] / scale;
        }
}

/* 0 when what it needs is not there. */
static int start(struct trial *t, const struct oracle *row)
{
    struct sw_safetensors file = {0};
    int vocabulary = VOCABULARY;
    if (row->word_vectors && open_file(&file, inputs_of(row))) {
        const struct sw_safetensors_entry *vectors = require(&file, row->word_vectors);
        vocabulary = (int)(vectors->shape[0] * vectors->shape[1]);
    }
    sw_safetensors_close(&file);
    build(t, row->model, vocabulary, 2);
    int there = (!row->given || open_file(&t->given, row->given)) &&
                (row->given || load_inputs(t, row)) &&
                load_weights(t, row->weights, row->names, !row->given);
    if (there && row->gru_first)
        deal_gru_first(t);
    return there;
}

static const struct oracle *row_named(const struct oracle *rows, const char *name)
{
    while (rows->name && strcmp(rows->name, name) != 0)
        rows++;
    ck_assert_msg(rows->name != NULL, "no row '%s'", name);
    return rows;
}

static void check_scores(const struct oracle *rows, const struct oracle *row)
{
    struct sw_safetensors file = {0};
    struct trial t, other;
    struct sw_encoding encoding, second;
    double worst = 0, bound = row->tolerance > 0 ? row->tolerance : 1e-5;
    if (start(&t, row) && open_file(&file, row->file)) {
        const struct sw_safetensors_entry *theirs = require(&file, row->scores);
        struct sw_tensor *S = scores_of(&t, row, 0, &encoding), *more = NULL;
        int I = S->dim[0], C = S->dim[1];
        const struct oracle *also = row->also ? row_named(rows, row->also) : NULL;
        if (also && start(&other, also))
            more = scores_of(&other, also, 0, &second);
        ck_assert_uint_eq(theirs->elements, (size_t)(I * C));
        for (int i = 0; i < I; i++)
            for (int c = 0; c < C; c++) {
                double ours = S->data[i * C + c] + (more ? more->data[i * C + c] : 0);
                double gap = fabs(ours - number(theirs, (size_t)(i * C + c)));
                worst = gap <= worst ? worst : gap; /* a NaN becomes the worst */
            }
        if (also)
            end(&other);
        printf("%s: scores within %.1e\n", row->name, worst);
        ck_assert_msg(worst <= bound, "%s: scores differ by %g, expected at most %g", row->name,
                      worst, bound);
    }
    sw_safetensors_close(&file);
    end(&t);
}

/* The largest difference between a gradient of ours and theirs, and their largest number. */
struct gap {
    double worst, most;
};

static struct gap gap_of(const float *ours, const struct sw_safetensors_entry *theirs)
{
    struct gap gap = {0, 0};
    for (size_t i = 0; i < theirs->elements; i++) {
        double size = fabs(number(theirs, i)), off = fabs(ours[i] - number(theirs, i));
        gap.most = size <= gap.most ? gap.most : size;
        gap.worst = off <= gap.worst ? gap.worst : off;
    }
    return gap;
}

/* Of given fragments, whose rows lie elsewhere in our tensors. */
static struct gap gap_of_rows(const struct sw_tensor *ours, const struct sw_fragments *at,
                              const struct sw_safetensors_entry *theirs)
{
    struct gap gap = {0, 0};
    for (int g = 0; g < at->groups; g++)
        for (int f = 0; f < at->count[g]; f++)
            for (int d = 0; d < D; d++) {
                double x =
                    number(theirs, ((size_t)g * theirs->shape[1] + (size_t)f) * D + (size_t)d);
                double off = fabs(ours->grad[(at->first[g] + f * at->stride) * D + d] - x);
                gap.most = fabs(x) <= gap.most ? gap.most : fabs(x);
                gap.worst = off <= gap.worst ? gap.worst : off;
            }
    return gap;
}

/* A gradient that is next to nothing, as of a bias before a batch norm, is rounding: it is measured
 * against a hundredth of the largest of all. */
static void compare(const struct oracle *row, const char *name, struct gap gap, double largest,
                    double *worst)
{
    double scale = gap.most > 1e-2 * largest ? gap.most : 1e-2 * largest;
    double bound = row->tolerance > 0 ? row->tolerance : 1e-4, off = gap.worst / scale;
    *worst = off <= *worst ? *worst : off;
    ck_assert_msg(off <= bound, "%s: the gradient of %s differs by %g of its largest, %g",
                  row->name, name, off, gap.most);
}

static void check_gradients(const struct oracle *row)
{
    struct sw_safetensors file = {0};
    struct trial t;
    struct sw_encoding encoding;
    if (start(&t, row) && open_file(&file, row->gradients)) {
        struct sw_tensor *S = scores_of(&t, row, TRAINED, &encoding);
        static const int32_t image_of[TRAINED] = {0, 1, 2, 3};
        struct sw_pair_images pairs = {.n = TRAINED, .image = image_of};
        struct sw_tensor *loss = sw_model_loss(t.model, t.graph, &encoding, S, &pairs, 0);
        ck_assert_msg(loss != NULL, "%s: %s", row->name, sw_graph_error(t.graph)->text);
        double theirs = number(require(&file, "loss"), 0), largest = 0, worst = 0;
        ck_assert_msg(fabs(loss->data[0] - theirs) <= 1e-5 * (1 + fabs(theirs)),
                      "%s: loss %.8g, expected %.8g", row->name, (double)loss->data[0], theirs);
        loss->grad[0] = 1;
        ck_assert_msg(sw_graph_backward(t.graph) == SW_OK, "%s: %s", row->name,
                      sw_graph_error(t.graph)->text);
        for (size_t e = 0; e < file.count; e++)
            for (size_t i = 0;
                 strncmp(file.entries[e].name, "scores", 6) != 0 &&
                 strcmp(file.entries[e].name, "loss") != 0 && i < file.entries[e].elements;
                 i++)
                largest = fmax(largest, fabs(number(&file.entries[e], i)));
        int compared = 0;
        for (int i = 0; i < sw_model_parameters(t.model); i++) {
            const struct sw_parameter *ours = sw_model_parameter(t.model, i);
            char room[256];
            const char *name = their_name(row->gradient_names ? row->gradient_names : row->names,
                                          ours->name, room);
            if (!ours->tensor->grad || !name)
                continue;
            const struct sw_safetensors_entry *entry = require(&file, name);
            ck_assert_uint_eq(entry->elements, sw_tensor_count(ours->tensor));
            compare(row, ours->name, gap_of(ours->tensor->grad, entry), largest, &worst);
            compared++;
        }
        if (row->given) {
            compare(row, "regions",
                    gap_of_rows(encoding.regions, &encoding.region_rows, require(&file, "regions")),
                    largest, &worst);
            compare(row, "words",
                    gap_of_rows(encoding.words, &encoding.word_rows, require(&file, "words")),
                    largest, &worst);
        }
        ck_assert_int_gt(compared + 2 * (row->given != NULL), 0);
        printf("%s: gradients of %d parameters within %.1e\n", row->name, compared, worst);
    }
    sw_safetensors_close(&file);
    end(&t);
}

/* A table of results says "SCAN" beside a number: it must be SCAN that was computed. */
static void check_row(const struct oracle *rows, int index)
{
    for (int i = 0; rows[i].name; i++)
        if (i == index && rows[i].gradients)
            check_gradients(&rows[i]);
        else if (i == index && rows[i].scores)
            check_scores(rows, &rows[i]);
}

static int count_of(const struct oracle *rows)
{
    int count = 0;
    while (rows[count].name)
        count++;
    return count;
}

START_TEST(alignment_stages)
{
    check_row(oracle_align, _i);
}
END_TEST

/* One side's pooled vectors of a file, with rows that belong to nobody up to `rows`. */
static struct sw_tensor *pooled(struct sw_graph *graph, const struct sw_safetensors_entry *from,
                                int rows)
{
    struct sw_tensor *x = sw_graph_tensor(graph, 2, (int[]){rows, D}, NULL, 1);
    for (int i = 0; i < rows * D; i++)
        x->data[i] = i < TRAINED * D ? (float)number(from, (size_t)i) : 0;
    return x;
}

/* Theirs may have a part along the vector, which has no effect: the encoder gives it its length. */
static struct gap gap_across(const struct sw_tensor *ours,
                             const struct sw_safetensors_entry *theirs)
{
    struct gap gap = {0, 0};
    for (int i = 0; i < TRAINED; i++) {
        const float *x = ours->data + i * D;
        double along = 0;
        for (int d = 0; d < D; d++)
            along += x[d] * number(theirs, (size_t)(i * D + d));
        for (int d = 0; d < D; d++) {
            double want = number(theirs, (size_t)(i * D + d)) - along * x[d];
            gap.most = fmax(gap.most, fabs(want));
            double off = fabs(ours->grad[i * D + d] - want);
            gap.worst = off <= gap.worst ? gap.worst : off;
        }
    }
    return gap;
}

/* SAEM: hinge plus half of the angular loss, as gradients of the pooled vectors. */
START_TEST(losses_of_pooled_vectors)
{
    const struct oracle *row = row_named(oracle_pooled, "SAEM, losses");
    struct sw_safetensors file = {0};
    struct trial t;
    build(&t, row->model, VOCABULARY, 2);
    if (open_file(&file, row->inputs)) {
        static const int32_t image_of[TRAINED] = {0, 1, 2, 3};
        static const int caption_start[TRAINED + 1] = {0, 1, 2, 3, 4};
        const struct sw_pair_images pairs = {.n = TRAINED, .image = image_of};
        const char *const names[2] = {"gradient.image", "gradient.text"};
        struct sw_encoding e = {.training = 1};
        double worst = 0, theirs = number(require(&file, "loss.hinge"), 0) +
                                   0.5 * number(require(&file, "loss.angular"), 0);
        sw_graph_reset(t.graph, 1);
        ck_assert(!sw_region_fragments(t.graph, TRAINED, 1, NULL, &e.region_rows) &&
                  !sw_word_fragments(t.graph, TRAINED, caption_start, &e.word_rows));
        e.image = pooled(t.graph, require(&file, "image"), SW_LANES);
        e.text = pooled(t.graph, require(&file, "text"), TRAINED);
        struct sw_tensor *S = sw_model_score(t.model, t.graph, &e, NULL);
        struct sw_tensor *loss = sw_model_loss(t.model, t.graph, &e, S, &pairs, 0);
        ck_assert_msg(loss != NULL, "%s", sw_graph_error(t.graph)->text);
        ck_assert_double_eq_tol(loss->data[0], theirs, 1e-5 * theirs);
        loss->grad[0] = 1;
        ck_assert_int_eq(sw_graph_backward(t.graph), SW_OK);
        for (int side = 0; side < 2; side++)
            compare(row, names[side],
                    gap_across(side ? e.text : e.image, require(&file, names[side])), 0, &worst);
        printf("%s: within %.1e\n", row->name, worst);
    }
    sw_safetensors_close(&file);
    end(&t);
}
END_TEST

START_TEST(pooled_vectors)
{
    check_row(oracle_pooled, _i);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, alignment_stages, 0, count_of(oracle_align));
    tcase_add_loop_test(tests, pooled_vectors, 0, count_of(oracle_pooled));
    tcase_add_test(tests, losses_of_pooled_vectors);
}

UNIT_MAIN("oracle", add_tests)
