/* gru_plan.c -- captions sorted by length, and where their rows lie. */
#include "tensor/ops/gru_plan.h"

#include "base/values.h"

#include <string.h>

int sw_gru_fits(const struct sw_fragments *words, int rows)
{
    if (!words || words->stride != 1 || words->rows != rows || words->groups < 0)
        return 0;
    int next = 0, most = 0;
    for (int c = 0; c < words->groups; c++) {
        if (words->first[c] != next || words->count[c] < 0 || words->count[c] > rows - next)
            return 0;
        next += words->count[c];
        most = sw_max(most, words->count[c]);
    }
    return next == rows && most <= words->most;
}

static int longest(const struct sw_fragments *words)
{
    int most = 0;
    for (int c = 0; c < words->groups; c++)
        most = sw_max(most, words->count[c]);
    return most;
}

/* Takes `count` things of `size` bytes from memory that is counted only while `base` is NULL. */
static void *carve(char *base, size_t *used, size_t count, size_t size)
{
    void *at = base ? base + *used : NULL;
    *used = (*used + count * size + 63) / 64 * 64;
    return at;
}

struct tables {
    int *order, *before;  /* (C), (longest + 1) */
    int *running, *start; /* (parts, longest + 1) */
    int *live;            /* a part's captions, then as much of running and of start */
};

/* Fills *gru and *tables but for what depends on the order; returns how many bytes all take, with
 * the struct itself at their head. */
static size_t carve_all(char *base, const struct sw_fragments *words,
                        const struct sw_gru_sizes *sizes, struct sw_gru *gru, struct tables *tables)
{
    size_t used = 0, steps = (size_t)longest(words) + 1;
    size_t parts = ((size_t)words->groups + SW_GRU_PART - 1) / SW_GRU_PART;
    size_t part_rows = sw_min_size(SW_GRU_PART * (steps - 1), (size_t)words->rows);
    size_t rows = sizes->records ? (size_t)words->rows : part_rows;
    size_t D = (size_t)sizes->dim * sizeof(float);
    carve(base, &used, 1, sizeof *gru);
    *gru = (struct sw_gru){.words = words,
                           .inputs = sizes->inputs,
                           .width = sizes->width,
                           .dim = sizes->dim,
                           .sides = sizes->sides,
                           .parts = (int)parts};
    gru->part = carve(base, &used, parts, sizeof *gru->part);
    tables->order = carve(base, &used, (size_t)words->groups, sizeof(int));
    tables->before = carve(base, &used, steps, sizeof(int));
    tables->running = carve(base, &used, parts * steps, sizeof(int));
    tables->start = carve(base, &used, parts * steps, sizeof(int));
    for (int side = 0; side < sizes->sides; side++) {
        gru->shares[side] = carve(base, &used, (size_t)sizes->inputs, 3 * D);
        gru->gates[side] = carve(base, &used, rows, 4 * D);
        gru->h[side] = carve(base, &used, rows, D);
        gru->bias[side] = carve(base, &used, 3, D);
        gru->prepared[side] = carve(base, &used, sizes->prepared_bytes, 1);
        if (sizes->records) {
            gru->dgates[side] = carve(base, &used, part_rows, 4 * D);
            gru->packed[side] = carve(base, &used, part_rows, D);
        }
    }
    if (sizes->records) {
        size_t captions = sw_min_size(SW_GRU_PART, (size_t)words->groups);
        gru->is_live = carve(base, &used, (size_t)words->groups, 1);
        gru->place = carve(base, &used, captions, sizeof(int));
        tables->live = carve(base, &used, captions + 2 * steps, sizeof(int));
        gru->live = (struct sw_gru_part){
            .caption = tables->live,
            .running = tables->live ? tables->live + captions : NULL,
            .start = tables->live ? tables->live + captions + steps : NULL,
        };
    }
    gru->dx_columns = sizes->dx_columns;
    return used;
}

size_t sw_gru_bytes(const struct sw_fragments *words, const struct sw_gru_sizes *sizes)
{
    struct sw_gru gru;
    struct tables tables;
    return carve_all(NULL, words, sizes, &gru, &tables);
}

/* order = captions by falling length, ties by rising index: a counting sort. */
static void sort(const struct sw_fragments *words, int most, int *before, int *order)
{
    memset(before, 0, ((size_t)most + 1) * sizeof *before);
    for (int c = 0; c < words->groups; c++)
        before[words->count[c]]++;
    for (int length = most, sum = 0; length >= 0; length--) {
        int here = before[length];
        before[length] = sum;
        sum += here;
    }
    for (int c = 0; c < words->groups; c++)
        order[before[words->count[c]]++] = c;
}

static void plan_part(struct sw_gru_part *part, const struct sw_fragments *words, int *running,
                      int *start)
{
    part->running = running;
    part->start = start;
    part->steps = words->count[part->caption[0]];
    int i = part->captions;
    for (int t = 0; t <= part->steps; t++) {
        while (i > 0 && words->count[part->caption[i - 1]] <= t)
            i--;
        running[t] = i;
        start[t] = part->rows;
        part->rows += i;
    }
}

void sw_gru_lay_out_live(struct sw_gru *gru, const struct sw_gru_part *part)
{
    struct sw_gru_part *live = &gru->live;
    int *caption = (int *)(size_t)live->caption, count = 0;
    for (int i = 0; i < part->captions; i++)
        if (gru->is_live[part->caption[i]]) {
            gru->place[count] = i;
            caption[count++] = part->caption[i];
        }
    live->captions = count;
    live->rows = live->steps = 0;
    if (count)
        plan_part(live, gru->words, (int *)(size_t)live->running, (int *)(size_t)live->start);
}

struct sw_gru *sw_gru_lay_out(void *memory, const struct sw_fragments *words,
                              const struct sw_gru_sizes *sizes)
{
    struct sw_gru *gru = memory;
    struct tables tables;
    carve_all(memory, words, sizes, gru, &tables);
    int most = longest(words);
    sort(words, most, tables.before, tables.order);
    size_t at = 0;
    for (int p = 0; p < gru->parts; p++) {
        struct sw_gru_part *part = &gru->part[p];
        int first = p * SW_GRU_PART;
        *part =
            (struct sw_gru_part){.caption = tables.order + first, .at = sizes->records ? at : 0};
        part->captions = sw_min(SW_GRU_PART, words->groups - first);
        size_t table = (size_t)p * ((size_t)most + 1);
        plan_part(part, words, tables.running + table, tables.start + table);
        at += (size_t)part->rows;
    }
    return gru;
}

/* All directions of one turn; an empty product does not count. */
static void add_sides(struct sw_product_list *out, int sides, const char *part, int backward,
                      int turn, int transpose_a, int M, int N, int K)
{
    for (int side = 0; side < sides; side++)
        out->add(out,
                 (struct sw_product){part, 0, backward, turn, transpose_a, !backward, M, N, K});
}

void sw_gru_products(const struct sw_call *call, struct sw_product_list *out)
{
    static const char inputs[] = "gru inputs", steps[] = "gru steps";
    const struct sw_gru *gru = call->saved;
    int N = gru->inputs, D = gru->dim, W = gru->width, turn = 0, back = !!call->out->grad;
    add_sides(out, gru->sides, inputs, 0, 0, 0, N, 3 * D, W);
    add_sides(out, gru->sides, inputs, 1, 0, 1, 3 * D, W, back ? N : 0);
    add_sides(out, gru->sides, inputs, 1, 0, 0, N, back ? gru->dx_columns : 0, 3 * D);
    /* No step starts from the state before the first: it is zero. */
    for (int p = 0; p < gru->parts; p++) {
        const struct sw_gru_part *part = &gru->part[p];
        for (int t = 1; t < part->steps; t++)
            add_sides(out, gru->sides, steps, 0, turn++, 0, part->running[t], 3 * D, D);
        for (int t = part->steps - 1; back && t > 0; t--)
            add_sides(out, gru->sides, steps, 1, turn++, 0, part->running[t], D, 3 * D);
        if (back)
            add_sides(out, gru->sides, steps, 1, turn++, 1, 3 * D, D,
                      part->rows - part->running[0]);
    }
}
