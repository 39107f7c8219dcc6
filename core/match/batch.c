/* batch.c -- what the tiles of a batch draw on: Gram matrices of the fragments and whatever the
 * stages prepare, declared as inputs. */
#include "match/internal.h"
#include "tensor/tape/ops.h"

#include <string.h>

static struct sw_whole_batch *whole(struct sw_batch *batch)
{
    return (struct sw_whole_batch *)batch;
}

static const struct sw_input none = {-1};

static struct sw_input declare(struct sw_batch *batch, struct sw_input_def input)
{
    struct sw_whole_batch *b = whole(batch);
    struct sw_error *error = sw_graph_error(batch->graph);
    if (!input.x || (input.kind == SW_IN_PRODUCT && !input.y) || error->status != SW_OK)
        return none;
    if (b->input_count == MOST_INPUTS) {
        sw_fail(error, SW_FAILED, "the stages declare more than %d inputs", MOST_INPUTS);
        return none;
    }
    b->inputs[b->input_count] = input;
    return (struct sw_input){b->input_count++};
}

/* 1 when x has one row for each row of `at`. */
static int fits(struct sw_batch *batch, const struct sw_fragments *at, const struct sw_tensor *x,
                const char *what)
{
    static const char *const called[4] = {"regions", "words", "images", "captions"};
    const struct sw_whole_batch *b = whole(batch);
    int which = at == &b->regions ? 0 : at == &b->words ? 1 : at == &b->groups[0] ? 2 : 3;
    if (!x)
        return 0;
    if (x->ndim == 2 && x->dim[0] == at->rows)
        return 1;
    sw_fail(
        sw_graph_error(batch->graph), SW_FAILED,
        "%s: expected (%d, m), one row for each of the batch's %s, found %d dimensions and %d rows",
        what, at->rows, called[which], x->ndim, x->dim[0]);
    return 0;
}

struct sw_input sw_batch_product(struct sw_batch *batch, struct sw_tensor *regions,
                                 struct sw_tensor *words)
{
    const struct sw_whole_batch *b = whole(batch);
    if (!fits(batch, &b->regions, regions, "pair product") ||
        !fits(batch, &b->words, words, "pair product"))
        return none;
    if (regions->dim[1] != words->dim[1]) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "pair product: expected rows of one width, found %d and %d", regions->dim[1],
                words->dim[1]);
        return none;
    }
    return declare(batch, (struct sw_input_def){.kind = SW_IN_PRODUCT, .x = regions, .y = words});
}

static struct sw_input declare_rows(struct sw_batch *batch, enum sw_input_kind kind,
                                    enum sw_side side, const struct sw_fragments *at,
                                    struct sw_tensor *rows, const char *what)
{
    if (!fits(batch, at, rows, what))
        return none;
    return declare(batch, (struct sw_input_def){.kind = kind, .side = side, .at = at, .x = rows});
}

struct sw_input sw_batch_rows(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows)
{
    return declare_rows(batch, SW_IN_ROWS, side, sw_fragments_of(whole(batch), side), rows, "rows");
}

struct sw_input sw_batch_vectors(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows)
{
    return declare_rows(batch, SW_IN_VECTORS, side, sw_fragments_of(whole(batch), side), rows,
                        "vectors");
}

struct sw_input sw_batch_group(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows)
{
    return declare_rows(batch, SW_IN_VECTORS, side, &whole(batch)->groups[side], rows, "group");
}

struct sw_input sw_batch_shared(struct sw_batch *batch, struct sw_tensor *parameter)
{
    return declare(batch, (struct sw_input_def){.kind = SW_IN_SHARED, .x = parameter});
}

struct sw_input sw_batch_within(struct sw_batch *batch, enum sw_side side, struct sw_tensor *x,
                                struct sw_tensor *y)
{
    const struct sw_fragments *at = sw_fragments_of(whole(batch), side);
    struct sw_args args = {.p = at};
    struct sw_tensor *in[2] = {x, y};
    if (!fits(batch, at, x, "products within") || !fits(batch, at, y, "products within"))
        return none;
    struct sw_tensor *gram = batch->host->apply(batch->graph, "gram", in, x == y ? 1 : 2, &args);
    return declare(batch,
                   (struct sw_input_def){.kind = SW_IN_GRAM, .side = side, .at = at, .x = gram});
}

/* Room for a functional of each row, (N,1): it gets its numbers once all functionals are known
 * (see apply_functionals). */
static struct sw_tensor *later(struct sw_batch *batch, enum sw_side side)
{
    static float nothing;
    int rows = (side == SW_REGIONS ? batch->regions : batch->words)->dim[0];
    return sw_graph_tensor(batch->graph, 2, (int[]){rows, 1}, &nothing, 0);
}

struct sw_functional sw_batch_functional(struct sw_batch *batch, struct sw_tensor *w)
{
    struct sw_whole_batch *b = whole(batch);
    const struct sw_functional failed = {-1};
    if (!w)
        return failed;
    if (w->ndim != 2 || w->dim[0] != 1 || w->dim[1] != batch->dim) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "functional: expected w of shape (1,%d), found %d dimensions, the last of %d",
                batch->dim, w->ndim, w->dim[w->ndim - 1]);
        return failed;
    }
    if (b->functional_count == MOST_FUNCTIONALS) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "the stages declare more than %d functionals", MOST_FUNCTIONALS);
        return failed;
    }
    struct sw_functional_def f = {
        .rows = {sw_batch_rows(batch, SW_REGIONS, later(batch, SW_REGIONS)),
                 sw_batch_rows(batch, SW_WORDS, later(batch, SW_WORDS))},
        .weight = sw_batch_shared(batch, w)};
    b->functionals[b->functional_count] = f;
    return f.weight.at < 0 ? failed : (struct sw_functional){b->functional_count++};
}

struct sw_map sw_batch_map(struct sw_batch *batch, enum sw_side side, struct sw_tensor *W)
{
    struct sw_whole_batch *b = whole(batch);
    const struct sw_map failed = {-1};
    if (!W)
        return failed;
    if (W->ndim != 2 || W->dim[1] != batch->dim || b->map_count == MOST_FUNCTIONALS) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "map: expected W of shape (M,%d) and at most %d maps, found the last dimension %d",
                batch->dim, MOST_FUNCTIONALS, W->dim[W->ndim - 1]);
        return failed;
    }
    struct sw_tensor *x = side == SW_REGIONS ? batch->regions : batch->words;
    struct sw_map_def map = {.side = side,
                             .rows = sw_batch_vectors(batch, side, sw_linear(batch, x, W, NULL)),
                             .weight = sw_batch_shared(batch, W)};
    b->maps[b->map_count] = map;
    return map.weight.at < 0 ? failed : (struct sw_map){b->map_count++};
}

/* ---- buffers that tiles report to ---------------------------------------------------------------
 */

static size_t observations(const struct sw_whole_batch *batch)
{
    return (size_t)batch->words.groups *
           (size_t)((batch->regions.groups + SW_LANES - 1) / SW_LANES);
}

struct sw_observed sw_batch_observe(struct sw_batch *batch, struct sw_tensor *buffer, float rate)
{
    struct sw_whole_batch *b = whole(batch);
    if (!buffer || !batch->training || b->observed_count == MOST_OBSERVED)
        return (struct sw_observed){-1};
    size_t count = sw_tensor_count(buffer);
    struct sw_observed_def *o = &b->observed[b->observed_count];
    *o = (struct sw_observed_def){
        .buffer = buffer,
        .rate = rate,
        .count = count,
        .seen = sw_graph_scratch(batch->graph, sizeof(float) * count * observations(b))};
    return (struct sw_observed){o->seen ? b->observed_count++ : -1};
}

void sw_batch_observed(struct sw_whole_batch *batch)
{
    for (int i = 0; i < batch->observed_count; i++) {
        const struct sw_observed_def *o = &batch->observed[i];
        struct sw_tensor *value =
            sw_graph_tensor(batch->shown.graph, o->buffer->ndim, o->buffer->dim, NULL, 0);
        if (!value)
            return;
        memcpy(value->data, o->buffer->data, sizeof(float) * o->count);
        for (size_t t = 0; t < observations(batch); t++)
            for (size_t c = 0; c < o->count; c++)
                value->data[c] += o->rate * (o->seen[t * o->count + c] - value->data[c]);
        sw_graph_update(batch->shown.graph, o->buffer, value);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A stage that scores all pairs at once: (G,C), kept for the sum. */
static void score_all(struct sw_whole_batch *batch, int s)
{
    const struct sw_stage *stage = batch->model->plan->stages[s].stage;
    struct sw_error *error = sw_graph_error(batch->shown.graph);
    struct sw_tensor *scores =
        stage->score_all(&batch->shown, batch->model->stage_self[s], batch->prepared[s]);
    int rows = batch->groups[SW_REGIONS].rows, columns = batch->words.groups;
    int ok = scores && scores->ndim == 2 && scores->dim[0] == rows && scores->dim[1] == columns;
    if (!ok && error->status == SW_OK)
        sw_fail(error, SW_FAILED, "expected scores of shape (%d,%d), found (%d,%d)", rows, columns,
                scores ? scores->dim[0] : 0, scores ? scores->dim[scores->ndim - 1] : 0);
    sw_error_within(error, "stage %s", stage->name);
    batch->matrices[s] = scores;
}

/* Stages that need it fail where images have different counts: fixed slots have no meaning there.
 */
static void check_regions(const struct sw_whole_batch *batch, const struct sw_stage *stage)
{
    for (int i = 0; (stage->flags & SW_NEEDS_EQUAL_REGIONS) && i < batch->regions.groups; i++)
        if (batch->regions.count[i] != batch->regions.most) {
            sw_fail(sw_graph_error(batch->shown.graph), SW_MISUSE,
                    "stage %s: expected the same number of regions in every image, found %d and %d",
                    stage->name, batch->regions.most, batch->regions.count[i]);
            return;
        }
}

static void prepare_parts(struct sw_whole_batch *batch)
{
    const struct sw_model *model = batch->model;
    struct sw_graph *graph = batch->shown.graph;
    struct sw_error *error = sw_graph_error(graph);
    for (int f = 0; f < model->fusion_count; f++) {
        const struct sw_fusion_use *use = model->fusions[f];
        batch->fusion_prepared[f] = sw_graph_scratch(graph, use->fusion->prepared_size + 1);
        if (use->fusion->prepare && error->status == SW_OK) {
            use->fusion->prepare(&batch->shown, use->self, batch->fusion_prepared[f]);
            sw_error_within(error, "fusion %s", use->fusion->name);
        }
    }
    for (int s = 0; s < model->plan->stage_count; s++) {
        const struct sw_stage *stage = model->plan->stages[s].stage;
        batch->prepared[s] = sw_graph_scratch(graph, stage->prepared_size + 1);
        check_regions(batch, stage);
        if (stage->prepare && error->status == SW_OK) {
            stage->prepare(&batch->shown, model->stage_self[s], batch->prepared[s]);
            sw_error_within(error, "stage %s", stage->name);
        }
        if (batch->shown.training && (stage->flags & SW_COUPLES_PAIRS))
            batch->couples = 1;
        if (stage->score_all && error->status == SW_OK)
            score_all(batch, s);
    }
}

/* Functionals [from, from + count) of one side's fragments, in one sweep over them. */
static void apply_some(struct sw_whole_batch *batch, enum sw_side side, int from, int count)
{
    const struct sw_functional_def *f = batch->functionals + from;
    struct sw_tensor *in[1 + SW_MOST_ROW_DOTS] = {side == SW_REGIONS ? batch->shown.regions
                                                                     : batch->shown.words};
    for (int i = 0; i < count; i++)
        in[1 + i] = batch->inputs[f[i].weight.at].x;
    struct sw_tensor *all =
        sw_graph_apply_named(batch->shown.graph, "row_dots", in, 1 + count, NULL);
    for (int i = 0; all && i < count; i++) {
        struct sw_tensor *rows = batch->inputs[f[i].rows[side].at].x;
        size_t at = (size_t)i * (size_t)all->dim[1];
        rows->data = all->data + at;
        rows->grad = all->grad ? all->grad + at : NULL;
    }
}

static void apply_functionals(struct sw_whole_batch *batch)
{
    for (int from = 0; from < batch->functional_count; from += SW_MOST_ROW_DOTS) {
        int left = batch->functional_count - from;
        int count = left < SW_MOST_ROW_DOTS ? left : SW_MOST_ROW_DOTS;
        apply_some(batch, SW_REGIONS, from, count);
        apply_some(batch, SW_WORDS, from, count);
    }
}

/* One row per image or caption: a fragment set of its own. */
static int set_up_groups(struct sw_whole_batch *batch, enum sw_side side)
{
    const struct sw_fragments *of = sw_fragments_of(batch, side);
    size_t groups = (size_t)of->groups + 1;
    int *first = sw_graph_scratch(batch->shown.graph, sizeof(int) * groups);
    int *count = sw_graph_scratch(batch->shown.graph, sizeof(int) * groups);
    if (!first || !count)
        return 0;
    for (int g = 0; g < of->groups; g++) {
        first[g] = g;
        count[g] = 1;
    }
    batch->groups[side] = (struct sw_fragments){.groups = of->groups,
                                                .rows = sw_group_rows(of),
                                                .most = 1,
                                                .stride = of->stride,
                                                .first = first,
                                                .count = count};
    return 1;
}

/* (N,1): 1 for each fragment behind a group's own ones; NULL where there is no second set. */
static struct sw_tensor *set_of_rows(struct sw_graph *graph, const struct sw_fragments *at,
                                     const int *own)
{
    struct sw_tensor *set = own ? sw_graph_tensor(graph, 2, (int[]){at->rows, 1}, NULL, 0) : NULL;
    if (!set)
        return NULL;
    memset(set->data, 0, sizeof(float) * (size_t)at->rows);
    for (int g = 0; g < at->groups; g++)
        for (int f = own[g]; f < at->count[g]; f++)
            set->data[sw_group_row(at, g, f)] = 1;
    return set;
}

static struct sw_whole_batch *new_batch(struct sw_model *model, struct sw_graph *graph,
                                        const struct sw_encoding *encoding,
                                        const struct sw_pair_options *options)
{
    struct sw_whole_batch *batch = sw_graph_scratch(graph, sizeof *batch);
    if (!batch)
        return NULL;
    batch->model = model;
    batch->regions = encoding->region_rows;
    batch->words = encoding->word_rows;
    batch->shown = (struct sw_batch){.host = model->host,
                                     .graph = graph,
                                     .regions = encoding->regions,
                                     .words = encoding->words,
                                     .image = encoding->image,
                                     .text = encoding->text,
                                     .dim = model->plan->dim,
                                     .direction = model->plan->direction,
                                     .training = encoding->training,
                                     .region_fragments = &batch->regions,
                                     .word_fragments = &batch->words};
    batch->shown.sets[SW_REGIONS] = set_of_rows(graph, &batch->regions, encoding->own[SW_REGIONS]);
    batch->shown.sets[SW_WORDS] = set_of_rows(graph, &batch->words, encoding->own[SW_WORDS]);
    if (options)
        batch->options = *options;
    size_t stages = (size_t)model->plan->stage_count + 1;
    batch->prepared = sw_graph_scratch(graph, sizeof(void *) * stages);
    batch->matrices = sw_graph_scratch(graph, sizeof(void *) * stages);
    batch->fusion_prepared =
        sw_graph_scratch(graph, sizeof(void *) * ((size_t)model->fusion_count + 1));
    int whole_one = batch->prepared && batch->matrices && batch->fusion_prepared &&
                    set_up_groups(batch, SW_REGIONS) && set_up_groups(batch, SW_WORDS);
    return whole_one ? batch : NULL;
}

struct sw_whole_batch *sw_batch_prepare(struct sw_model *model, struct sw_graph *graph,
                                        const struct sw_encoding *encoding,
                                        const struct sw_pair_options *options)
{
    struct sw_tensor *regions = encoding->regions, *words = encoding->words;
    struct sw_whole_batch *batch = new_batch(model, graph, encoding, options);
    if (!batch || (model->has_tiles && (!regions || !words)))
        return NULL;
    if (model->has_tiles) {
        sw_batch_product(&batch->shown, regions, words);
        sw_batch_within(&batch->shown, SW_REGIONS, regions, regions);
        sw_batch_within(&batch->shown, SW_WORDS, words, words);
        sw_batch_vectors(&batch->shown, SW_REGIONS, regions);
        sw_batch_vectors(&batch->shown, SW_WORDS, words);
    }
    prepare_parts(batch);
    apply_functionals(batch);
    return sw_graph_error(graph)->status == SW_OK ? batch : NULL;
}
