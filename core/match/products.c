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
                                    "word projections", "gru inputs", "gru steps",
                                    "pooled vectors"};
enum { IMAGE_LAYER, REGION_PROJECTIONS = 2, POOLED = 6, PARTS = sizeof parts / sizeof *parts };

/* What `add` of the base reads beside the product itself. */
struct listing {
    struct sw_product_list base;
    const struct sw_graph *graph;
    const struct sw_encoding *encoding;
    const struct sw_whole_batch *batch; /* NULL where no stage scores tiles */
    const struct sw_call *call;         /* whose products are added */
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

/* A row for each different word of the batch, as the text chain begins. */
static int is_distinct_words(const struct listing *l, const struct sw_tensor *x)
{
    return x->dim[0] == l->encoding->distinct_words && x->dim[0] != l->encoding->word_rows.rows;
}

static int is_group_rows(const struct listing *l, const struct sw_tensor *x)
{
    return x->dim[0] != l->encoding->region_rows.rows && x->dim[0] != l->encoding->word_rows.rows &&
           !is_distinct_words(l, x);
}

/* What stands on one row per image or caption counts as pooled; what names its part is the words'
 * or nothing, since a pooling may have a GRU of its own. */
static void add_of_call(struct sw_product_list *base, struct sw_product product)
{
    struct listing *l = (struct listing *)base;
    const struct sw_tensor *x = l->call->in[0], *words = l->encoding->words;
    int of_words = is_made_of(l, x, words), projects = of_words, pooled = is_group_rows(l, x);
    projects |= is_made_of(l, x, l->encoding->regions);
    of_words |= is_made_of(l, words, l->call->out);
    if (product.part && pooled)
        return;
    if (!product.part && pooled) {
        product.part = parts[POOLED];
    } else if (!product.part) {
        product.part = parts[(projects ? REGION_PROJECTIONS : IMAGE_LAYER) + of_words];
        if (!of_words || !is_distinct_words(l, x))
            *(product.transpose_a ? &product.K : &product.M) = l->rows[of_words];
    }
    product.per = pooled ? SW_PER_PAIR : of_words ? SW_PER_WORD : SW_PER_REGION;
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

/* A layer of every pair's own vectors, (R,L,F) times (D,F): R is the words, or the regions. */
static void list_pair_layer(struct listing *l, int R, struct sw_product product)
{
    int of_words = R == l->tile->shown.n;
    const struct sw_fragments *at = of_words ? &l->batch->regions : &l->batch->words;
    product.part = "pair layers";
    product.per = SW_PER_PAIR;
    product.M = l->rows[of_words ? SW_WORDS : SW_REGIONS];
    for (int g = 0; g < at->groups && (of_words || R == l->tile->shown.k); g++)
        append(l, product);
}

/* Every pair's own vectors with the fragments of a side. */
static void list_pair_dots(struct listing *l, enum sw_side with, struct sw_product product)
{
    const struct sw_fragments *at = sw_fragments_of(l->batch, with);
    product.part = "pair dots";
    product.per = SW_PER_PAIR;
    product.M = l->rows[with == SW_WORDS ? SW_REGIONS : SW_WORDS];
    for (int g = 0; g < at->groups; g++) {
        product.N = at->count[g];
        append(l, product);
    }
}

/* Of a call on one pair: vectors or weights that other pairs take, too, are an input of the tile.
 */
static void add_of_pair(struct sw_product_list *base, struct sw_product product)
{
    struct listing *l = (struct listing *)base;
    const struct sw_tensor *x = l->call->in[0], *y = l->call->in[1];
    for (int h = 0; h < l->batch->input_count; h++) {
        const struct sw_input_def *input = &l->batch->inputs[h];
        if (product.backward || y != l->tile->leaf[h])
            continue;
        if (input->kind == SW_IN_SHARED)
            list_pair_layer(l, x->ndim == 3 ? x->dim[0] : x->dim[0] / SW_LANES, product);
        else if (input->kind == SW_IN_VECTORS && product.transpose_b)
            list_pair_dots(l, input->side, product);
        else if (input->kind == SW_IN_VECTORS)
            list_mix(l, input->side, product.N);
    }
}

/* What a pair needs is up to the stages: one pair is scored to see it. */
static void list_pair_calls(struct listing *l, struct sw_worker *worker)
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

int sw_products_of(struct sw_model *model, const struct sw_graph *graph,
                   const struct sw_encoding *encoding, struct sw_products *out,
                   struct sw_error *error)
{
    struct sw_error own = {.status = SW_OK};
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    if (!sw_graph_before(graph, &at, &op, &call))
        return sw_fail(error, SW_FAILED, "expected a recorded step to list its products");
    struct listing l = {.graph = graph,
                        .encoding = encoding,
                        .batch = sw_pairs_scored(graph),
                        .rows = {sw_group_fragments(&encoding->region_rows),
                                 sw_group_fragments(&encoding->word_rows)},
                        .out = out,
                        .error = &own};
    for (l.part = 0; l.part <= PARTS; l.part++)
        list_calls(&l);
    if (l.batch) {
        list_pair_products(&l);
        list_pair_calls(&l, &model->workers[0]);
    }
    return own.status == SW_OK ? SW_OK : sw_fail(error, own.status, "%s", own.text);
}

void sw_products_free(struct sw_products *products)
{
    free(products->list);
    *products = (struct sw_products){0};
}
