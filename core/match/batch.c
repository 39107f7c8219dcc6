/* batch.c -- what the tiles of a batch draw on: Gram matrices of the fragments and whatever the
 * stages prepare, declared as inputs. */
#include "match/internal.h"
#include "tensor/tape/ops.h"

static struct sw_whole_batch *whole(struct sw_batch *batch)
{
    return (struct sw_whole_batch *)batch;
}

static int declare(struct sw_batch *batch, struct sw_input_def input)
{
    struct sw_whole_batch *b = whole(batch);
    struct sw_error *error = sw_graph_error(batch->graph);
    if (!input.x || (input.kind == SW_IN_PRODUCT && !input.y) || error->status != SW_OK)
        return -1;
    if (b->input_count == MOST_INPUTS) {
        sw_fail(error, SW_FAILED, "the stages declare more than %d inputs", MOST_INPUTS);
        return -1;
    }
    b->inputs[b->input_count] = input;
    return b->input_count++;
}

/* 1 when x has one row for each fragment row of that side. */
static int fits(struct sw_batch *batch, enum sw_side side, const struct sw_tensor *x,
                const char *what)
{
    if (!x)
        return 0;
    int rows = side == SW_REGIONS ? batch->regions->dim[0] : batch->words->dim[0];
    if (x->ndim == 2 && x->dim[0] == rows)
        return 1;
    sw_fail(
        sw_graph_error(batch->graph), SW_FAILED,
        "%s: expected (%d, m), one row for each of the batch's %s, found %d dimensions and %d rows",
        what, rows, side == SW_REGIONS ? "regions" : "words", x->ndim, x->dim[0]);
    return 0;
}

int sw_batch_product(struct sw_batch *batch, struct sw_tensor *regions, struct sw_tensor *words)
{
    if (!fits(batch, SW_REGIONS, regions, "pair product") ||
        !fits(batch, SW_WORDS, words, "pair product"))
        return -1;
    if (regions->dim[1] != words->dim[1]) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "pair product: expected rows of one width, found %d and %d", regions->dim[1],
                words->dim[1]);
        return -1;
    }
    return declare(batch, (struct sw_input_def){.kind = SW_IN_PRODUCT, .x = regions, .y = words});
}

int sw_batch_rows(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows)
{
    if (!fits(batch, side, rows, "rows"))
        return -1;
    return declare(batch, (struct sw_input_def){.kind = SW_IN_ROWS, .side = side, .x = rows});
}

int sw_batch_vectors(struct sw_batch *batch, enum sw_side side, struct sw_tensor *rows)
{
    if (!fits(batch, side, rows, "vectors"))
        return -1;
    return declare(batch, (struct sw_input_def){.kind = SW_IN_VECTORS, .side = side, .x = rows});
}

int sw_batch_shared(struct sw_batch *batch, struct sw_tensor *parameter)
{
    return declare(batch, (struct sw_input_def){.kind = SW_IN_SHARED, .x = parameter});
}

/* Room for a functional of each row, (rows,1): it gets its numbers once all functionals are known
 * (see apply_functionals). */
static struct sw_tensor *later(struct sw_batch *batch, enum sw_side side)
{
    static float nothing;
    int rows = (side == SW_REGIONS ? batch->regions : batch->words)->dim[0];
    return sw_graph_tensor(batch->graph, 2, (int[]){rows, 1}, &nothing, 0);
}

int sw_batch_functional(struct sw_batch *batch, struct sw_tensor *w)
{
    struct sw_whole_batch *b = whole(batch);
    if (!w)
        return -1;
    if (w->ndim != 2 || w->dim[0] != 1 || w->dim[1] != batch->dim) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "functional: expected w of shape (1,%d), found %d dimensions, the last of %d",
                batch->dim, w->ndim, w->dim[w->ndim - 1]);
        return -1;
    }
    if (b->functional_count == MOST_FUNCTIONALS) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "the stages declare more than %d functionals", MOST_FUNCTIONALS);
        return -1;
    }
    struct sw_functional f = {.rows = {sw_batch_rows(batch, SW_REGIONS, later(batch, SW_REGIONS)),
                                       sw_batch_rows(batch, SW_WORDS, later(batch, SW_WORDS))},
                              .weight = sw_batch_shared(batch, w)};
    b->functionals[b->functional_count] = f;
    return f.weight < 0 ? -1 : b->functional_count++;
}

int sw_batch_map(struct sw_batch *batch, enum sw_side side, struct sw_tensor *W)
{
    struct sw_whole_batch *b = whole(batch);
    if (!W)
        return -1;
    if (W->ndim != 2 || W->dim[1] != batch->dim || b->map_count == MOST_FUNCTIONALS) {
        sw_fail(sw_graph_error(batch->graph), SW_FAILED,
                "map: expected W of shape (M,%d) and at most %d maps, found the last dimension %d",
                batch->dim, MOST_FUNCTIONALS, W->dim[W->ndim - 1]);
        return -1;
    }
    struct sw_tensor *x = side == SW_REGIONS ? batch->regions : batch->words;
    struct sw_map map = {.side = side,
                         .rows = sw_batch_vectors(batch, side, sw_linear(batch, x, W, NULL)),
                         .weight = sw_batch_shared(batch, W)};
    b->maps[b->map_count] = map;
    return map.weight < 0 ? -1 : b->map_count++;
}

/* G = X X^T within each image or caption, as rows (rows, most). */
static void declare_gram(struct sw_batch *batch, enum sw_side side, struct sw_tensor *x,
                         const struct sw_fragments *fragments)
{
    struct sw_args args = {.p = fragments};
    struct sw_tensor *gram = batch->host->apply(batch->graph, "gram", &x, 1, &args);
    declare(batch, (struct sw_input_def){.kind = SW_IN_GRAM, .side = side, .x = gram});
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
        if (stage->prepare && error->status == SW_OK) {
            stage->prepare(&batch->shown, model->stage_self[s], batch->prepared[s]);
            sw_error_within(error, "stage %s", stage->name);
        }
    }
}

/* Functionals [from, from + count) of one side's fragments, in one sweep over them. */
static void apply_some(struct sw_whole_batch *batch, enum sw_side side, int from, int count)
{
    const struct sw_functional *f = batch->functionals + from;
    struct sw_tensor *in[1 + SW_MOST_ROW_DOTS] = {side == SW_REGIONS ? batch->shown.regions
                                                                     : batch->shown.words};
    for (int i = 0; i < count; i++)
        in[1 + i] = batch->inputs[f[i].weight].x;
    struct sw_tensor *all =
        sw_graph_apply_named(batch->shown.graph, "row_dots", in, 1 + count, NULL);
    for (int i = 0; all && i < count; i++) {
        struct sw_tensor *rows = batch->inputs[f[i].rows[side]].x;
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

struct sw_whole_batch *sw_batch_prepare(struct sw_model *model, struct sw_graph *graph,
                                        struct sw_tensor *regions, struct sw_tensor *words,
                                        const struct sw_fragments *region_rows,
                                        const struct sw_fragments *word_rows,
                                        const struct sw_pair_options *options)
{
    struct sw_whole_batch *batch = sw_graph_scratch(graph, sizeof *batch);
    if (!batch || !regions || !words)
        return NULL;
    batch->shown = (struct sw_batch){.host = model->host,
                                     .graph = graph,
                                     .regions = regions,
                                     .words = words,
                                     .dim = model->plan->dim,
                                     .direction = model->plan->direction};
    batch->model = model;
    batch->regions = *region_rows;
    batch->words = *word_rows;
    if (options)
        batch->options = *options;
    int parts = model->plan->stage_count, fusions = model->fusion_count;
    batch->prepared = sw_graph_scratch(graph, sizeof(void *) * (size_t)(parts + 1));
    batch->fusion_prepared = sw_graph_scratch(graph, sizeof(void *) * (size_t)(fusions + 1));
    if (!batch->prepared || !batch->fusion_prepared)
        return NULL;
    sw_batch_product(&batch->shown, regions, words);
    declare_gram(&batch->shown, SW_REGIONS, regions, &batch->regions);
    declare_gram(&batch->shown, SW_WORDS, words, &batch->words);
    sw_batch_vectors(&batch->shown, SW_REGIONS, regions);
    sw_batch_vectors(&batch->shown, SW_WORDS, words);
    prepare_parts(batch);
    apply_functionals(batch);
    return sw_graph_error(graph)->status == SW_OK ? batch : NULL;
}
