/* products.c -- see products.h. */
#include "match/products.h"

#include "match/internal.h"

#include <stdlib.h>
#include <string.h>

/* Rows of one product of a mix: its result stays in cache. */
enum { MIX_ROWS = 512 };

/* Of products that do not name their part; the order in which parts are listed, other names last.
 */
static const char *const parts[] = {"image layer",      "text layer", "region projections",
                                    "word projections", "gru inputs", "gru steps"};
enum { IMAGE_LAYER, REGION_PROJECTIONS = 2, PARTS = sizeof parts / sizeof *parts };

/* What `add` of the base reads beside the product itself. */
struct listing {
    struct sw_product_list base;
    const struct sw_graph *graph;
    const struct sw_whole_batch *batch;
    const struct sw_call *call; /* whose products are added */
    const struct sw_whole_tile *tile;
    int rows[2]; /* of regions, of words: without padding */
    int part;    /* the one of `parts` that is listed; PARTS: those that are not there */
    struct sw_products *out;
    struct sw_error *error;
};

static void append(struct listing *l, struct sw_product product)
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

/* ---- the batch's tape ------------------------------------------------------------------------ */

/* 1 when x is `from`, or was made of it row by row: an operation's rows are its first input's. */
static int is_made_of(const struct listing *l, const struct sw_tensor *x,
                      const struct sw_tensor *from)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    while (x != from && sw_graph_before(l->graph, &at, &op, &call))
        if (call->out == x)
            x = call->in[0];
    return x == from;
}

static int part_of(const char *name)
{
    int part = 0;
    while (part < PARTS && strcmp(parts[part], name) != 0)
        part++;
    return part;
}

static void add_of_call(struct sw_product_list *base, struct sw_product product)
{
    struct listing *l = (struct listing *)base;
    const struct sw_tensor *x = l->call->in[0], *words = l->batch->shown.words;
    int of_words = is_made_of(l, x, words), projects = of_words;
    projects |= is_made_of(l, x, l->batch->shown.regions);
    of_words |= is_made_of(l, words, l->call->out);
    if (!product.part) {
        product.part = parts[(projects ? REGION_PROJECTIONS : IMAGE_LAYER) + of_words];
        *(product.transpose_a ? &product.K : &product.M) = l->rows[of_words];
    }
    product.per = of_words ? SW_PER_WORD : SW_PER_REGION;
    if (part_of(product.part) == l->part)
        append(l, product);
}

static void list_calls(struct listing *l)
{
    const void *at = NULL;
    const struct sw_op *op;
    l->base.add = add_of_call;
    while (sw_graph_before(l->graph, &at, &op, &l->call))
        if (op->products)
            op->products(l->call, &l->base);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void list_pair_products(struct listing *l)
{
    for (int h = 0; h < l->batch->input_count; h++)
        if (l->batch->inputs[h].kind == SW_IN_PRODUCT)
            append(l, (struct sw_product){.part = "pair products",
                                          .per = SW_PER_PAIR,
                                          .transpose_b = 1,
                                          .M = l->rows[SW_WORDS],
                                          .N = l->rows[SW_REGIONS],
                                          .K = l->batch->inputs[h].x->dim[1]});
}

/* One mix of every pair: the rows of all pairs of a caption (an image) lie together, since they mix
 * the same vectors. */
static void list_mix(struct listing *l, enum sw_side over, int width)
{
    const struct sw_fragments *mixed = sw_fragments_of(l->batch, over);
    int rows = l->rows[over == SW_WORDS ? SW_REGIONS : SW_WORDS];
    int blocks = (rows + MIX_ROWS - 1) / MIX_ROWS;
    for (int g = 0; g < mixed->groups; g++)
        for (int b = 0; b < blocks; b++)
            append(l, (struct sw_product){.part = "pair mixes",
                                          .per = SW_PER_PAIR,
                                          .M = rows / blocks + (b < rows % blocks),
                                          .N = width,
                                          .K = mixed->count[g]});
}

/* Of a call on one pair: vectors that other pairs mix, too, are an input of the tile. */
static void add_of_pair(struct sw_product_list *base, struct sw_product product)
{
    struct listing *l = (struct listing *)base;
    for (int h = 0; h < l->batch->input_count; h++)
        if (l->tile->leaf[h] && l->call->in[1] == l->tile->leaf[h])
            list_mix(l, l->batch->inputs[h].side, product.N);
}

/* Which mixes a pair needs is up to the stages: one pair is scored to see them. */
static void list_mixes(struct listing *l, struct sw_worker *worker)
{
    struct sw_whole_tile tile;
    int first = 0;
    sw_tile_of_pairs(&tile, l->batch, worker, &first, &first, 1);
    sw_tile_score(&tile);
    const struct sw_error *failed = sw_graph_error(worker->graph);
    if (failed->status != SW_OK)
        sw_fail(l->error, failed->status, "%s", failed->text);
    l->tile = &tile;
    const void *at = NULL;
    const struct sw_op *op;
    l->base.add = add_of_pair;
    while (sw_graph_before(worker->graph, &at, &op, &l->call))
        if (op->products && l->call->inputs > 1)
            op->products(l->call, &l->base);
}

static int all_counts(const struct sw_fragments *fragments)
{
    int sum = 0;
    for (int g = 0; g < fragments->groups; g++)
        sum += fragments->count[g];
    return sum;
}

int sw_products_of(struct sw_model *model, const struct sw_graph *graph, struct sw_products *out,
                   struct sw_error *error)
{
    struct sw_error own = {.status = SW_OK};
    const struct sw_whole_batch *batch = sw_pairs_scored(graph);
    if (!batch)
        return sw_fail(error, SW_FAILED, "expected a recorded step to list its products");
    struct listing l = {.graph = graph,
                        .batch = batch,
                        .rows = {all_counts(&batch->regions), all_counts(&batch->words)},
                        .out = out,
                        .error = &own};
    for (l.part = 0; l.part <= PARTS; l.part++)
        list_calls(&l);
    list_pair_products(&l);
    list_mixes(&l, &model->workers[0]);
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

void sw_products_free(struct sw_products *products)
{
    free(products->list);
    *products = (struct sw_products){0};
}
