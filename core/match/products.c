/* products.c -- see products.h. */
#include "match/products.h"

#include "match/internal.h"
#include "tensor/ops/gru_plan.h"

#include <stdlib.h>
#include <string.h>

/* Rows of one product of a mix: its result stays in cache. */
enum { MIX_ROWS = 512 };

struct listing {
    struct sw_model *model;
    const struct sw_graph *graph;
    const struct sw_whole_batch *batch;
    int region_rows, word_rows;
    int regions, words; /* rows that are no padding */
    struct sw_products *out;
    struct sw_error *error;
};

static void add(struct listing *l, struct sw_product product)
{
    struct sw_products *out = l->out;
    if (product.M < 1 || product.N < 1 || product.K < 1 || l->error->status != SW_OK)
        return;
    if (out->count == out->room) {
        int room = out->room ? 2 * out->room : 64;
        struct sw_product *list = realloc(out->list, (size_t)room * sizeof *list);
        if (!list) {
            sw_fail(l->error, SW_FAILED, "out of memory for a list of products");
            return;
        }
        out->list = list;
        out->room = room;
    }
    out->list[out->count++] = product;
}

/* ---- the tape -------------------------------------------------------------------------------- */

static const struct sw_call *last_call(const struct sw_graph *graph, const char *name)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    while (sw_graph_before(graph, &at, &op, &call))
        if (strcmp(op->name, name) == 0)
            return call;
    return NULL;
}

static const char *const linear_parts[] = {"image layer", "region projections", "word projections",
                                           "pooled vectors"};
enum { IMAGE_LAYER, REGION_PROJECTIONS, WORD_PROJECTIONS, POOLED, LINEAR_PARTS };

/* A layer over the regions whose x takes no gradient stands at their features. */
static int linear_part(const struct listing *l, const struct sw_tensor *x)
{
    if (x->dim[0] == l->word_rows)
        return WORD_PROJECTIONS;
    return x->dim[0] != l->region_rows ? POOLED : x->grad ? REGION_PROJECTIONS : IMAGE_LAYER;
}

static struct sw_product linear_base(const struct listing *l, const struct sw_tensor *x, int part)
{
    int rows = part == WORD_PROJECTIONS ? l->words : part == POOLED ? x->dim[0] : l->regions;
    return (struct sw_product){.part = linear_parts[part],
                               .per = part == WORD_PROJECTIONS ? SW_PER_WORD
                                      : part == POOLED         ? SW_PER_PAIR
                                                               : SW_PER_REGION,
                               .M = rows};
}

/* out = x w^T + b */
static void list_linear(struct listing *l, const struct sw_call *call, int part)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    struct sw_product product = linear_base(l, x, part);
    int F = x->dim[1], D = w->dim[0], rows = product.M;
    product.transpose_b = 1;
    product.N = D;
    product.K = F;
    add(l, product);
    product.backward = 1;
    product.transpose_b = 0;
    product.N = F;
    product.K = D;
    if (x->grad)
        add(l, product);
    product.transpose_a = 1;
    product.M = D;
    product.K = rows;
    if (w->grad)
        add(l, product);
}

/* out = x w */
static void list_linear_back(struct listing *l, const struct sw_call *call, int part)
{
    const struct sw_tensor *x = call->in[0], *w = call->in[1];
    struct sw_product product = linear_base(l, x, part);
    int D = w->dim[0], F = w->dim[1], rows = product.M;
    product.N = F;
    product.K = D;
    add(l, product);
    product.backward = 1;
    product.transpose_b = 1;
    product.N = D;
    product.K = F;
    if (x->grad)
        add(l, product);
    product.transpose_a = 1;
    product.transpose_b = 0;
    product.M = D;
    product.N = F;
    product.K = rows;
    if (w->grad)
        add(l, product);
}

static void list_linears(struct listing *l, int part)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    while (sw_graph_before(l->graph, &at, &op, &call))
        if (strcmp(op->name, "linear") == 0 && call->in[1]->dim[0] > 1 &&
            linear_part(l, call->in[0]) == part)
            list_linear(l, call, part);
        else if (strcmp(op->name, "linear_back") == 0 && linear_part(l, call->in[0]) == part)
            list_linear_back(l, call, part);
}

/* Columns of a row of word vectors that a gradient is wanted for: those of the trained tables. */
static int trained_columns(const struct sw_graph *graph, const struct sw_tensor *x)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    if (!x->grad)
        return 0;
    while (sw_graph_before(graph, &at, &op, &call))
        if (call->out == x && strcmp(op->name, "concat") == 0)
            return trained_columns(graph, call->in[0]) + trained_columns(graph, call->in[1]);
    return x->dim[1];
}

static void list_gru_inputs(struct listing *l, const struct sw_call *call)
{
    const struct sw_gru *gru = call->saved;
    int D3 = 3 * gru->dim, W = gru->width, trained = trained_columns(l->graph, call->in[0]);
    struct sw_product base = {.part = "gru inputs", .per = SW_PER_WORD};
    for (int side = 0; side < gru->sides; side++) {
        struct sw_product forward = base, weight = base, input = base;
        forward.transpose_b = 1;
        forward.M = l->words;
        forward.N = D3;
        forward.K = W;
        add(l, forward);
        weight.backward = weight.transpose_a = 1;
        weight.M = D3;
        weight.N = W;
        weight.K = l->words;
        add(l, weight);
        input.backward = 1;
        input.M = l->words;
        input.N = trained;
        input.K = D3;
        add(l, input);
    }
}

/* All directions of one turn: C (M,N) of an inner width K. */
static void add_sides(struct listing *l, int sides, int turn, int backward, int transpose_a, int M,
                      int N, int K)
{
    for (int side = 0; side < sides; side++)
        add(l, (struct sw_product){.part = "gru steps",
                                   .per = SW_PER_WORD,
                                   .backward = backward,
                                   .turn = turn,
                                   .transpose_a = transpose_a,
                                   .transpose_b = !backward,
                                   .M = M,
                                   .N = N,
                                   .K = K});
}

/* No step starts from the state before the first: it is zero. */
static void list_gru_steps(struct listing *l, const struct sw_call *call)
{
    const struct sw_gru *gru = call->saved;
    int D = gru->dim, turn = 0;
    for (int p = 0; p < gru->parts; p++) {
        const struct sw_gru_part *part = &gru->part[p];
        for (int t = 1; t < part->steps; t++)
            add_sides(l, gru->sides, turn++, 0, 0, part->running[t], 3 * D, D);
        for (int t = part->steps - 1; t > 0; t--)
            add_sides(l, gru->sides, turn++, 1, 0, part->running[t], D, 3 * D);
        add_sides(l, gru->sides, turn++, 1, 1, 3 * D, D, part->rows - part->running[0]);
    }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void list_pair_products(struct listing *l)
{
    for (int h = 0; h < l->batch->input_count; h++)
        if (l->batch->inputs[h].kind == SW_IN_PRODUCT)
            add(l, (struct sw_product){.part = "pair products",
                                       .per = SW_PER_PAIR,
                                       .transpose_b = 1,
                                       .M = l->words,
                                       .N = l->regions,
                                       .K = l->batch->inputs[h].x->dim[1]});
}

/* One mix of every pair: the rows of all pairs of a caption (an image) lie together, since they mix
 * the same vectors. */
static void list_mix(struct listing *l, enum sw_side over, int width)
{
    const struct sw_fragments *mixed = sw_fragments_of(l->batch, over);
    int rows = over == SW_WORDS ? l->regions : l->words;
    int blocks = (rows + MIX_ROWS - 1) / MIX_ROWS;
    for (int g = 0; g < mixed->groups; g++)
        for (int b = 0; b < blocks; b++)
            add(l, (struct sw_product){.part = "pair mixes",
                                       .per = SW_PER_PAIR,
                                       .M = rows / blocks + (b < rows % blocks),
                                       .N = width,
                                       .K = mixed->count[g]});
}

/* A layer of every pair's own vectors, (R,L,F) times (D,F): R is the words, or the regions. */
static void list_pair_layer(struct listing *l, const struct sw_whole_tile *tile,
                            const struct sw_tensor *x, const struct sw_tensor *w)
{
    int of_words = x->dim[0] == tile->shown.n;
    const struct sw_fragments *at = of_words ? &l->batch->regions : &l->batch->words;
    for (int g = 0; g < at->groups && (of_words || x->dim[0] == tile->shown.k); g++)
        add(l, (struct sw_product){.part = "pair layers",
                                   .per = SW_PER_PAIR,
                                   .transpose_b = 1,
                                   .M = of_words ? l->words : l->regions,
                                   .N = w->dim[0],
                                   .K = w->dim[1]});
}

/* Every pair's own vectors with the fragments of a side. */
static void list_pair_dots(struct listing *l, enum sw_side with, int width)
{
    const struct sw_fragments *at = sw_fragments_of(l->batch, with);
    for (int g = 0; g < at->groups; g++)
        add(l, (struct sw_product){.part = "pair dots",
                                   .per = SW_PER_PAIR,
                                   .transpose_b = 1,
                                   .M = with == SW_WORDS ? l->regions : l->words,
                                   .N = at->count[g],
                                   .K = width});
}

enum { PAIR_MIXES, PAIR_DOTS, PAIR_LAYERS, PAIR_PARTS };

static void list_pair_call(struct listing *l, const struct sw_whole_tile *tile,
                           const struct sw_op *op, const struct sw_call *call, int part)
{
    const struct sw_tensor *x = call->in[0], *y = call->inputs > 1 ? call->in[1] : NULL;
    for (int h = 0; h < l->batch->input_count; h++) {
        const struct sw_input_def *input = &l->batch->inputs[h];
        if (!y || y != tile->leaf[h] || x->dim[0] == 1)
            continue;
        if (part == PAIR_MIXES && strcmp(op->name, "mix") == 0)
            list_mix(l, input->side, y->dim[2]);
        if (part == PAIR_DOTS && strcmp(op->name, "vec_dots") == 0 && input->kind == SW_IN_VECTORS)
            list_pair_dots(l, input->side, y->dim[2]);
        if (part == PAIR_LAYERS && strcmp(op->name, "linear") == 0 && x->ndim == 3)
            list_pair_layer(l, tile, x, y);
    }
}

/* What a pair needs is up to the stages: one pair is scored to see it. */
static void list_pair_calls(struct listing *l)
{
    struct sw_worker *worker = &l->model->workers[0];
    struct sw_whole_tile tile;
    int first = 0;
    sw_tile_of_pairs(&tile, l->batch, worker, &first, &first, 1);
    sw_tile_score(&tile);
    const struct sw_error *failed = sw_graph_error(worker->graph);
    if (failed->status != SW_OK)
        sw_fail(l->error, failed->status, "%s", failed->text);
    for (int part = 0; part < PAIR_PARTS; part++) {
        const void *at = NULL;
        const struct sw_op *op;
        const struct sw_call *call;
        while (sw_graph_before(worker->graph, &at, &op, &call))
            list_pair_call(l, &tile, op, call, part);
    }
}

/* The GRU over all words: a pooling may have one of its own. */
static const struct sw_call *word_gru(const struct listing *l)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    while (sw_graph_before(l->graph, &at, &op, &call))
        if ((strcmp(op->name, "bigru") == 0 || strcmp(op->name, "gru") == 0) &&
            call->out->dim[0] == l->word_rows)
            return call;
    return NULL;
}

int sw_products_of(struct sw_model *model, const struct sw_graph *graph,
                   const struct sw_encoding *encoding, struct sw_products *out,
                   struct sw_error *error)
{
    struct sw_error own = {.status = SW_OK};
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call, *scores = last_call(graph, "pair_scores");
    if (!sw_graph_before(graph, &at, &op, &call))
        return sw_fail(error, SW_FAILED, "expected a recorded step to list its products");
    struct listing l = {.model = model,
                        .graph = graph,
                        .region_rows = encoding->region_rows.rows,
                        .word_rows = encoding->word_rows.rows,
                        .regions = sw_group_fragments(&encoding->region_rows),
                        .words = sw_group_fragments(&encoding->word_rows),
                        .out = out,
                        .error = &own};
    for (int part = 0; part < LINEAR_PARTS; part++)
        list_linears(&l, part);
    const struct sw_call *gru = word_gru(&l);
    if (gru) {
        list_gru_inputs(&l, gru);
        list_gru_steps(&l, gru);
    }
    if (scores) {
        l.batch = scores->args->p;
        list_pair_products(&l);
        list_pair_calls(&l);
    }
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

void sw_products_free(struct sw_products *products)
{
    free(products->list);
    *products = (struct sw_products){0};
}
