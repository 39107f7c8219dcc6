/* encode.c -- images and captions to regions and words (eq. 1, 2), and S of a training batch. */
#include "match/internal.h"
#include "match/second.h"
#include "tensor/ops/live_rows.h"
#include "tensor/ops/rows.h"

#include <stdint.h>
#include <string.h>

enum { L = SW_LANES };

int sw_region_rows(int images, int k)
{
    return (images + L - 1) / L * L * k;
}

int sw_region_row(int k, int image, int region)
{
    return image / L * L * k + region * L + image % L;
}

/* Where the regions of `images` images lie; count NULL: each has k. */
int sw_region_fragments(struct sw_graph *graph, int images, int k, const int *count,
                        struct sw_fragments *out)
{
    int *first = sw_graph_scratch(graph, sizeof(int) * ((size_t)images + 1));
    int *counts = sw_graph_scratch(graph, sizeof(int) * ((size_t)images + 1));
    if (!first || !counts)
        return sw_graph_error(graph)->status;
    for (int i = 0; i < images; i++) {
        first[i] = sw_region_row(k, i, 0);
        counts[i] = count ? count[i] : k;
        if (counts[i] < 1 || counts[i] > k)
            return sw_fail(sw_graph_error(graph), SW_FAILED,
                           "image %d of the batch: expected 1 to %d regions, found %d", i, k,
                           counts[i]);
    }
    *out = (struct sw_fragments){.groups = images,
                                 .rows = sw_region_rows(images, k),
                                 .most = k,
                                 .stride = L,
                                 .first = first,
                                 .count = counts};
    return SW_OK;
}

int sw_word_fragments(struct sw_graph *graph, int captions, const int *start,
                      struct sw_fragments *out)
{
    int *first = sw_graph_scratch(graph, sizeof(int) * ((size_t)captions + 1));
    int *counts = sw_graph_scratch(graph, sizeof(int) * ((size_t)captions + 1));
    if (!first || !counts)
        return sw_graph_error(graph)->status;
    int most = 0;
    for (int c = 0; c < captions; c++) {
        first[c] = start[c] - start[0];
        counts[c] = start[c + 1] - start[c];
        if (counts[c] < 1)
            return sw_fail(sw_graph_error(graph), SW_FAILED,
                           "caption %d of the batch: expected at least one word, found none", c);
        if (counts[c] > most)
            most = counts[c];
    }
    *out = (struct sw_fragments){.groups = captions,
                                 .rows = start[captions] - start[0],
                                 .most = most,
                                 .stride = 1,
                                 .first = first,
                                 .count = counts};
    return SW_OK;
}

/* ---- one side ----------------------------------------------------------------------------------
 */

void sw_trained_columns(struct sw_graph *graph, struct sw_tensor *x, int range[2])
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    range[0] = 0;
    range[1] = x && x->grad ? x->dim[1] : 0;
    while (range[1] && sw_graph_before(graph, &at, &op, &call))
        if (call->out == x && strcmp(op->name, "rows_at") == 0) {
            x = call->in[0];
        } else if (call->out == x && strcmp(op->name, "concat") == 0) {
            int first = call->in[0]->dim[1];
            if (!call->in[0]->grad) {
                range[0] = first;
                range[1] -= first;
            } else if (!call->in[1]->grad) {
                range[1] = first;
            }
            return;
        }
}

static struct sw_side_pass *begin_side(struct sw_model *model, struct sw_graph *graph,
                                       enum sw_side side, int training)
{
    struct sw_side_pass *pass = sw_graph_scratch(graph, sizeof *pass);
    if (!pass)
        return NULL;
    pass->shown = (struct sw_encode){.host = model->host,
                                     .graph = graph,
                                     .side = side,
                                     .training = training,
                                     .fragments = &pass->fragments,
                                     .vocabulary = model->plan->vocabulary};
    pass->model = model;
    pass->chain = side;
    return pass;
}

/* ---- words that repeat ---- */

struct sw_tensor *sw_row_index(struct sw_encode *encode)
{
    return ((struct sw_side_pass *)encode)->index;
}

/* Leaves the different ids in *words, in the order in which they first come, and sets the pass's
 * index. An id that is no word's is left to the embedding to refuse. */
static void list_distinct(struct sw_side_pass *pass, struct sw_word_ids *words)
{
    struct sw_graph *graph = pass->shown.graph;
    int V = pass->model->plan->vocabulary, N = words->count, found = 0;
    for (int j = 0; j < N; j++)
        if (words->id[j] < 0 || words->id[j] >= V)
            return;
    int *place = sw_graph_scratch(graph, sizeof *place * ((size_t)V + 1)); /* from 1 */
    int32_t *id = sw_graph_scratch(graph, sizeof *id * ((size_t)N + 1));
    struct sw_tensor *index = sw_graph_tensor(graph, 1, &N, NULL, 0);
    if (!place || !id || !index)
        return;
    for (int j = 0; j < N; j++) {
        int *at = &place[words->id[j]];
        if (!*at) {
            id[found++] = words->id[j];
            *at = found;
        }
        index->data[j] = (float)(*at - 1);
    }
    *words = (struct sw_word_ids){found, id};
    pass->distinct = found;
    pass->index = index;
}

/* A row for each fragment. */
static struct sw_tensor *unpack(struct sw_side_pass *pass, struct sw_tensor *x)
{
    struct sw_tensor *in[2] = {x, pass->index};
    if (!x || !pass->index)
        return x;
    pass->index = NULL;
    return sw_graph_apply_named(pass->shown.graph, "rows_at", in, 2, NULL);
}

struct sw_tensor *sw_run_blocks(struct sw_side_pass *pass, struct sw_tensor *x)
{
    const struct sw_model *model = pass->model;
    int chain = pass->chain;
    struct sw_error *error = sw_graph_error(pass->shown.graph);
    for (int b = 0; b < model->plan->block_count[chain] && x; b++) {
        const struct sw_block *block = model->plan->blocks[chain][b].block;
        enum sw_rows takes = model->block_rows[chain][b];
        if (!block->encode)
            continue;
        if (takes == SW_ROW_PER_FRAGMENT && !(x = unpack(pass, x)))
            break;
        int rows = takes == SW_INDEXED_ROWS ? pass->fragments.rows : x->dim[0];
        x = block->encode(&pass->shown, model->block_self[chain][b], x);
        if (takes == SW_INDEXED_ROWS)
            pass->index = NULL;
        if (x && (x->ndim != 2 || x->dim[0] != rows)) {
            sw_fail(error, SW_FAILED,
                    "expected (%d, width) numbers, found %d dimensions and %d rows", rows, x->ndim,
                    x->dim[0]);
            x = NULL;
        }
        if (!x && error->status == SW_OK)
            sw_fail(error, SW_FAILED, "returned nothing");
        sw_error_within(error, "block %s", block->name);
    }
    return unpack(pass, x);
}

/* x (N,D) to one vector per group, (G,P); NULL where the model does not pool */
struct sw_tensor *sw_run_pool(struct sw_side_pass *pass, struct sw_tensor *x)
{
    const struct sw_model *model = pass->model;
    enum sw_side side = pass->shown.side;
    const struct sw_pool *pool = model->plan->pool[side].pool;
    struct sw_error *error = sw_graph_error(pass->shown.graph);
    if (!pool || !x || error->status != SW_OK) /* told where it failed */
        return NULL;
    struct sw_tensor *pooled = pool->pool(&pass->shown, model->pool_self[side], x);
    int rows = sw_group_rows(&pass->fragments);
    if (error->status == SW_OK && (!pooled || pooled->ndim != 2 || pooled->dim[0] != rows))
        sw_fail(error, SW_FAILED, "expected (%d, width) numbers, found %d rows", rows,
                pooled ? pooled->dim[0] : 0);
    sw_error_within(error, "pool %s", pool->name);
    return error->status == SW_OK ? pooled : NULL;
}

/* Lets the side's blocks say which fragments stay; keep (N), or NULL where none of them asks. */
static unsigned char *augment(struct sw_side_pass *pass)
{
    const struct sw_model *model = pass->model;
    enum sw_side side = pass->shown.side;
    unsigned char *keep = NULL;
    for (int b = 0; b < model->plan->block_count[side]; b++) {
        const struct sw_block *block = model->plan->blocks[side][b].block;
        if (!block->augment || !pass->shown.training)
            continue;
        if (!keep) {
            keep = sw_graph_scratch(pass->shown.graph, (size_t)pass->fragments.rows + 1);
            if (!keep)
                return NULL;
            memset(keep, 1, (size_t)pass->fragments.rows);
        }
        block->augment(&pass->shown, model->block_self[side][b], keep);
        sw_error_within(sw_graph_error(pass->shown.graph), "block %s", block->name);
    }
    return keep;
}

/* How many of each group's fragments stay: at least its first. */
static int *kept_counts(const struct sw_side_pass *pass, unsigned char *keep)
{
    const struct sw_fragments *f = &pass->fragments;
    int *kept = sw_graph_scratch(pass->shown.graph, sizeof *kept * ((size_t)f->groups + 1));
    for (int g = 0; kept && g < f->groups; g++) {
        for (int i = 0; i < f->count[g]; i++)
            kept[g] += keep[f->first[g] + i * f->stride] != 0;
        if (kept[g] == 0)
            kept[g] = keep[f->first[g]] = 1;
    }
    return kept;
}

static void drop_regions(struct sw_side_pass *pass, unsigned char *keep)
{
    struct sw_fragments old = pass->fragments;
    struct sw_graph *graph = pass->shown.graph;
    int F = pass->model->plan->features, *kept = kept_counts(pass, keep), most = 1;
    for (int g = 0; kept && g < old.groups; g++)
        most = kept[g] > most ? kept[g] : most;
    if (!kept || sw_region_fragments(graph, old.groups, most, kept, &pass->fragments) != SW_OK)
        return;
    int dim[2] = {pass->fragments.rows, F};
    struct sw_tensor *left = sw_graph_tensor(graph, 2, dim, NULL, 0);
    if (!left)
        return;
    memset(left->data, 0, sizeof(float) * sw_tensor_count(left));
    for (int g = 0; g < old.groups; g++)
        for (int i = 0, to = 0; i < old.count[g]; i++) {
            size_t from = (size_t)old.first[g] + (size_t)i * (size_t)old.stride;
            if (keep[from])
                memcpy(left->data + (size_t)sw_region_row(most, g, to++) * (size_t)F,
                       pass->features + from * (size_t)F, sizeof(float) * (size_t)F);
        }
    pass->features = left->data;
}

static void drop_words(struct sw_side_pass *pass, unsigned char *keep)
{
    struct sw_fragments old = pass->fragments;
    struct sw_graph *graph = pass->shown.graph;
    int *kept = kept_counts(pass, keep), used = 0;
    int *start = sw_graph_scratch(graph, sizeof *start * ((size_t)old.groups + 1));
    if (!kept || !start)
        return;
    for (int g = 0; g < old.groups; g++) {
        start[g] = used;
        for (int i = 0; i < old.count[g]; i++)
            if (keep[old.first[g] + i])
                pass->shown.ids[used++] = pass->shown.ids[old.first[g] + i];
    }
    start[old.groups] = used;
    sw_word_fragments(graph, old.groups, start, &pass->fragments);
}

/* eq. 1: features (N,F) -> v_i (N,D). pass: its fragments and features are set. */
static struct sw_tensor *own_regions(struct sw_side_pass *pass)
{
    unsigned char *keep = augment(pass);
    if (keep)
        drop_regions(pass, keep);
    int dim[2] = {pass->fragments.rows, pass->model->plan->features};
    return sw_run_blocks(
        pass, sw_graph_tensor(pass->shown.graph, 2, dim, (float *)(size_t)pass->features, 0));
}

/* eq. 2: ids -> t_j (N,D). pass: its fragments are set. */
static struct sw_tensor *own_words(struct sw_side_pass *pass, const int32_t *ids)
{
    struct sw_graph *graph = pass->shown.graph;
    const struct sw_model *model = pass->model;
    const struct sw_embedding *embedding = model->plan->embedding;
    struct sw_word_ids *words = sw_graph_scratch(graph, sizeof *words);
    if (!words)
        return NULL;
    words->id = ids;
    if (pass->shown.training) { /* a block may change them */
        size_t bytes = sizeof *ids * (size_t)pass->fragments.rows;
        pass->shown.ids = sw_graph_scratch(graph, bytes + 1);
        if (!pass->shown.ids)
            return NULL;
        words->id = memcpy(pass->shown.ids, ids, bytes);
        unsigned char *keep = augment(pass);
        if (keep)
            drop_words(pass, keep);
    }
    words->count = pass->fragments.rows;
    list_distinct(pass, words);
    struct sw_tensor *x = embedding->embed(model->host, graph, model->embedding_self, words);
    int width = model->plan->word_dim * embedding->tables;
    if (x && (x->ndim != 2 || x->dim[0] != words->count || x->dim[1] != width)) {
        sw_fail(sw_graph_error(graph), SW_FAILED,
                "embedding %s: expected (%d,%d) numbers, found (%d,%d)", embedding->name,
                words->count, width, x->dim[0], x->dim[x->ndim - 1]);
        return NULL;
    }
    return sw_run_blocks(pass, x);
}

struct sw_tensor *sw_encode_regions(struct sw_side_pass **pass, const struct sw_examples *examples)
{
    const struct sw_second_plan *second = &(*pass)->model->plan->second[SW_REGIONS];
    struct sw_tensor *x = second->alone ? NULL : own_regions(*pass);
    return second->file && sw_graph_error((*pass)->shown.graph)->status == SW_OK
               ? sw_join_second(pass, &examples->second[SW_REGIONS], x)
               : x;
}

struct sw_tensor *sw_encode_words(struct sw_side_pass **pass, const struct sw_examples *examples)
{
    const struct sw_second_plan *second = &(*pass)->model->plan->second[SW_WORDS];
    struct sw_tensor *x =
        second->alone ? NULL : own_words(*pass, examples->ids + examples->caption_start[0]);
    return second->file && sw_graph_error((*pass)->shown.graph)->status == SW_OK
               ? sw_join_second(pass, &examples->second[SW_WORDS], x)
               : x;
}

/* Both passes of a batch, their fragments set. */
int sw_begin_sides(struct sw_model *model, struct sw_graph *graph,
                   const struct sw_examples *examples, struct sw_side_pass *side[2])
{
    for (int s = 0; s < 2; s++)
        side[s] = begin_side(model, graph, (enum sw_side)s, examples->training);
    if (!side[0] || !side[1])
        return sw_graph_error(graph)->status;
    sw_graph_seed(graph, model->plan->seed, examples->step);
    side[SW_REGIONS]->features = examples->features;
    if (sw_region_fragments(graph, examples->images, examples->k, examples->region_count,
                            &side[SW_REGIONS]->fragments) ||
        sw_word_fragments(graph, examples->captions, examples->caption_start,
                          &side[SW_WORDS]->fragments))
        return sw_graph_error(graph)->status;
    return SW_OK;
}

int sw_model_encode(struct sw_model *model, struct sw_graph *graph,
                    const struct sw_examples *examples, struct sw_encoding *out)
{
    struct sw_side_pass *side[2];
    *out = (struct sw_encoding){.training = examples->training};
    if (sw_begin_sides(model, graph, examples, side) != SW_OK)
        return sw_graph_error(graph)->status;
    out->regions = sw_encode_regions(&side[SW_REGIONS], examples);
    out->words = sw_encode_words(&side[SW_WORDS], examples);
    out->image = sw_run_pool(side[SW_REGIONS], out->regions);
    out->text = sw_run_pool(side[SW_WORDS], out->words);
    out->region_rows = side[SW_REGIONS]->fragments;
    out->word_rows = side[SW_WORDS]->fragments;
    for (int s = 0; s < 2; s++)
        out->own[s] = side[s]->own;
    out->distinct_words = side[SW_WORDS]->distinct;
    return sw_graph_error(graph)->status;
}

/* ---- who takes a gradient ---- */

struct touching {
    const struct sw_fragments *at;
    const struct sw_tensor *rows;
    _Atomic int *touched;
};

static void touch_some(const void *data, int from, int to)
{
    const struct touching *t = data;
    size_t D = (size_t)t->rows->dim[1];
    for (int g = from; g < to; g++) {
        int live = 0;
        for (int f = 0; f < t->at->count[g] && !live; f++)
            live = sw_is_live(t->rows->grad + sw_group_row(t->at, g, f) * D, D);
        *t->touched += live;
    }
}

int sw_encoding_touched(struct sw_compute *compute, const struct sw_encoding *encoding)
{
    _Atomic int touched = 0;
    struct touching sides[2] = {{&encoding->region_rows, encoding->regions, &touched},
                                {&encoding->word_rows, encoding->words, &touched}};
    for (int s = 0; s < 2; s++)
        if (sides[s].rows && sides[s].rows->grad)
            sw_over_rows(compute, sides[s].at->groups, sides[s].at->most * sides[s].rows->dim[1],
                         touch_some, &sides[s]);
    return touched;
}

struct sw_tensor *sw_model_score(struct sw_model *model, struct sw_graph *graph,
                                 const struct sw_encoding *encoding,
                                 const struct sw_pair_options *options)
{
    return sw_pairs_scores(sw_batch_prepare(model, graph, encoding, options));
}

struct sw_tensor *sw_model_scores(struct sw_model *model, struct sw_graph *graph,
                                  const struct sw_examples *examples,
                                  const struct sw_pair_options *options)
{
    struct sw_encoding encoding;
    if (sw_model_encode(model, graph, examples, &encoding) != SW_OK)
        return NULL;
    return sw_model_score(model, graph, &encoding, options);
}

struct sw_tensor *sw_model_loss(struct sw_model *model, struct sw_graph *graph,
                                const struct sw_encoding *encoding, struct sw_tensor *scores,
                                const struct sw_pair_images *pairs, int epoch)
{
    struct sw_error *error = sw_graph_error(graph);
    struct sw_loss_batch batch = {.host = model->host,
                                  .graph = graph,
                                  .scores = scores,
                                  .image = encoding->image,
                                  .text = encoding->text,
                                  .pairs = pairs,
                                  .epoch = epoch};
    struct sw_tensor *total = NULL;
    if (!model->plan->loss_count)
        sw_fail(error, SW_MISUSE, "the model names no loss");
    for (int l = 0; l < model->plan->loss_count && scores; l++) {
        const struct sw_loss_plan *use = &model->plan->losses[l];
        struct sw_tensor *loss = use->loss->loss(&batch, model->loss_self[l]);
        if (error->status == SW_OK && (!loss || sw_tensor_count(loss) != 1))
            sw_fail(error, SW_FAILED, "expected one number");
        if (loss && use->weight != 1) {
            struct sw_args args = {.f = {use->weight}};
            loss = sw_graph_apply_named(graph, "affine", &loss, 1, &args);
        }
        struct sw_tensor *both[2] = {total, loss};
        total = total ? sw_graph_apply_named(graph, "add", both, 2, NULL) : loss;
        sw_error_within(error, "loss %s", use->loss->name);
        if (error->status != SW_OK)
            return NULL;
    }
    return total;
}
