/* second.c -- see second.h. */
#include "match/second.h"

#include "match/internal.h"
#include "tensor/tape/random.h"

#include <stdlib.h>
#include <string.h>

enum { L = SW_LANES, MOST_DRAWN = 3 };

size_t sw_second_rows(enum sw_side side, int groups, const struct sw_second *second)
{
    size_t rows = 0;
    if (side == SW_REGIONS)
        return (size_t)sw_region_rows(groups, second->most);
    for (int g = 0; g < groups; g++)
        rows += (size_t)second->count[g];
    return rows;
}

/* Where `count` fragments of each group lie, at most `most`. */
static int lay_out(struct sw_graph *graph, enum sw_side side, int groups, int most,
                   const int *count, struct sw_fragments *out)
{
    int *first = sw_graph_scratch(graph, sizeof(int) * ((size_t)groups + 1));
    int rows = 0;
    for (int g = 0; first && g < groups; g++) {
        first[g] = side == SW_REGIONS ? sw_region_row(most, g, 0) : rows;
        rows += count[g];
    }
    *out = (struct sw_fragments){.groups = groups,
                                 .rows = side == SW_REGIONS ? sw_region_rows(groups, most) : rows,
                                 .most = most,
                                 .stride = side == SW_REGIONS ? L : 1,
                                 .first = first,
                                 .count = count};
    return first ? SW_OK : sw_graph_error(graph)->status;
}

static int check_counts(struct sw_graph *graph, int groups, int least,
                        const struct sw_second *second)
{
    for (int g = 0; g < groups; g++)
        if (second->count[g] < least || second->count[g] > second->most)
            return sw_fail(sw_graph_error(graph), SW_FAILED,
                           "second set of fragments: expected %d to %d, found %d", least,
                           second->most, second->count[g]);
    return SW_OK;
}

/* A pass of the same side with `chain`; its fragments are still those of `pass`. */
static struct sw_side_pass *like(const struct sw_side_pass *pass, int chain)
{
    struct sw_side_pass *other = sw_graph_scratch(pass->shown.graph, sizeof *other);
    if (!other)
        return NULL;
    *other = *pass;
    other->shown.fragments = &other->fragments;
    other->shown.ids = NULL;
    other->index = NULL;
    other->chain = chain;
    return other;
}

/* The rows of x (M,D) and y (K,D), each group's of x before those of y: `to` gets their fragments.
 */
static struct sw_tensor *in_order(struct sw_side_pass *to, const struct sw_fragments *own,
                                  const struct sw_fragments *more, struct sw_tensor *x,
                                  struct sw_tensor *y)
{
    struct sw_graph *graph = to->shown.graph;
    struct sw_fragments *all = &to->fragments;
    int D = x->dim[1], groups = own->groups, most = own->most + more->most;
    int *count = sw_graph_scratch(graph, sizeof(int) * ((size_t)groups + 1));
    for (int g = 0; count && g < groups; g++)
        count[g] = own->count[g] + more->count[g];
    if (!count || lay_out(graph, to->shown.side, groups, most, count, all) != SW_OK)
        return NULL;
    struct sw_tensor *index = sw_graph_tensor(graph, 1, &all->rows, NULL, 0);
    struct sw_tensor *both[2] = {sw_graph_reshape(graph, x, 3, (int[]){x->dim[0], 1, D}),
                                 sw_graph_reshape(graph, y, 3, (int[]){y->dim[0], 1, D})};
    struct sw_tensor *stacked = sw_graph_apply_named(graph, "vec_stack", both, 2, NULL);
    if (!index || !stacked)
        return NULL;
    memset(index->data, 0, sizeof(float) * (size_t)all->rows); /* of padding: any row */
    for (int g = 0; g < groups; g++)
        for (int f = 0; f < count[g]; f++) {
            int later = f - own->count[g];
            size_t from = later < 0 ? sw_group_row(own, g, f)
                                    : (size_t)x->dim[0] + sw_group_row(more, g, later);
            index->data[sw_group_row(all, g, f)] = (float)from;
        }
    struct sw_tensor *in[2] = {sw_graph_reshape(graph, stacked, 2, (int[]){stacked->dim[0], D}),
                               index};
    return sw_graph_apply_named(graph, "rows_at", in, 2, NULL);
}

static struct sw_tensor *no_file(const struct sw_side_pass *pass, const char *file)
{
    sw_fail(sw_graph_error(pass->shown.graph), SW_MISUSE,
            "the model takes its %s from files SPLIT_%s.npy, and these have none",
            pass->shown.side == SW_REGIONS ? "regions" : "words", file);
    return NULL;
}

struct sw_tensor *sw_join_second(struct sw_side_pass **pass, const struct sw_second *second,
                                 struct sw_tensor *own)
{
    struct sw_graph *graph = (*pass)->shown.graph;
    enum sw_side side = (*pass)->shown.side;
    const struct sw_second_plan *plan = &(*pass)->model->plan->second[side];
    int groups = (*pass)->fragments.groups;
    (*pass)->own = own ? (*pass)->fragments.count : NULL;
    if (!second->rows)
        return own ? own : no_file(*pass, plan->file);
    struct sw_side_pass *more = like(*pass, side + 2), *all = like(*pass, side);
    if (!more || !all || check_counts(graph, groups, plan->alone, second) != SW_OK ||
        lay_out(graph, side, groups, second->most, second->count, &more->fragments) != SW_OK)
        return NULL;
    if (more->fragments.rows == 0)
        return own;
    int dim[2] = {more->fragments.rows, plan->width};
    struct sw_tensor *x =
        sw_run_blocks(more, sw_graph_tensor(graph, 2, dim, (float *)(size_t)second->rows, 0));
    if (x && own)
        x = in_order(all, &(*pass)->fragments, &more->fragments, own, x);
    *pass = own ? all : more;
    return x;
}

int sw_most_regions(const struct sw_model *model, const struct sw_examples *examples)
{
    const struct sw_second *second = &examples->second[SW_REGIONS];
    if (!model->plan->second[SW_REGIONS].file || !second->rows)
        return examples->k;
    return second->most + (model->plan->second[SW_REGIONS].alone ? 0 : examples->k);
}

int sw_second_draw(const struct sw_model_plan *plan, uint64_t seed, struct sw_examples *examples,
                   void *room[2], struct sw_error *error)
{
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++) {
        const struct sw_second_plan *of = &plan->second[side];
        struct sw_second *out = &examples->second[side];
        int groups = side == SW_REGIONS ? examples->images : examples->captions;
        struct sw_random random = sw_random_stream(seed, SW_FOR_TESTS, (uint64_t)side, 0);
        room[side] = NULL;
        if (!of->file)
            continue;
        size_t rows = (size_t)sw_region_rows(groups, MOST_DRAWN), width = (size_t)of->width;
        float *numbers = calloc(rows * width + (size_t)groups + 1, sizeof *numbers);
        if (!numbers)
            return sw_fail(error, SW_FAILED, "out of memory for %d second sets", groups);
        int *count = (int *)(void *)(numbers + rows * width);
        for (int g = 0; g < groups; g++)
            count[g] = MOST_DRAWN - (int)sw_random_below(&random, of->alone ? 3 : 4);
        for (size_t i = 0; i < rows * width; i++)
            numbers[i] = sw_random_uniform(&random);
        room[side] = numbers;
        *out = (struct sw_second){.rows = numbers, .count = count, .most = MOST_DRAWN};
    }
    return SW_OK;
}
