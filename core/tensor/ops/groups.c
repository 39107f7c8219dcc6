/* groups.c -- see groups.h. */
#include "tensor/ops/groups.h"
#include "tensor/ops/rows.h"

#include <limits.h>
#include <string.h>

static const int region_first[] = {0, 1, 2}, region_count[] = {3, 1, 2};
const struct sw_fragments sw_sample_regions = {3, 48, 3, SW_LANES, region_first, region_count};
static const int word_first[] = {0, 2, 2}, word_count[] = {2, 0, 4};
const struct sw_fragments sw_sample_words = {3, 6, 4, 1, word_first, word_count};

int sw_groups_fit(const struct sw_fragments *groups, int rows)
{
    if (!groups || groups->rows != rows || groups->groups < 0 ||
        groups->groups > INT_MAX - SW_LANES || groups->most < 0 || groups->stride < 1)
        return 0;
    for (int g = 0; g < groups->groups; g++) {
        int count = groups->count[g];
        if (count < 0 || count > groups->most || groups->first[g] < 0)
            return 0;
        if (count > 0 && groups->first[g] + (count - 1) * (long long)groups->stride >= rows)
            return 0;
    }
    return 1;
}

int sw_group_rows(const struct sw_fragments *groups)
{
    if (groups->stride == 1)
        return groups->groups;
    return (groups->groups + SW_LANES - 1) / SW_LANES * SW_LANES;
}

void sw_over_groups(const struct sw_call *call, int columns,
                    void (*work)(const void *call, int from, int to))
{
    const struct sw_fragments *groups = call->args->p;
    double cost = (double)groups->most * columns;
    sw_over_rows(call->compute, sw_group_rows(groups), cost < 1e9 ? (int)cost : (int)1e9, work,
                 call);
}

int sw_group_fragments(const struct sw_fragments *groups)
{
    int sum = 0;
    for (int g = 0; g < groups->groups; g++)
        sum += groups->count[g];
    return sum;
}

struct clear {
    float *x;
    size_t columns;
};

static void clear_some(const void *data, int from, int to)
{
    const struct clear *clear = data;
    memset(clear->x + (size_t)from * clear->columns, 0,
           (size_t)(to - from) * clear->columns * sizeof(float));
}

void sw_clear_padded(const struct sw_call *call, float *x, int columns)
{
    const struct sw_fragments *groups = call->args->p;
    struct clear clear = {x, (size_t)columns};
    if (sw_group_fragments(groups) < groups->rows)
        sw_over_rows(call->compute, groups->rows, columns, clear_some, &clear);
}
