/* ops.c -- operations by name. */
#include "tensor/tape/ops.h"
#include "tensor/tape/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 63, MOST_INPUTS = 10, MOST_OPS = 4096 };

struct sw_ops {
    int count, room;
    const struct sw_op **sorted; /* (room), by name */
};

/* Where the operation of that name is in the list, or belongs. */
static int place_of(const struct sw_ops *ops, const char *name)
{
    int low = 0, high = ops->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(ops->sorted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct sw_op *sw_ops_find(const struct sw_ops *ops, const char *name)
{
    int at = name ? place_of(ops, name) : ops->count;
    return at < ops->count && !strcmp(ops->sorted[at]->name, name) ? ops->sorted[at] : NULL;
}

static int grow(struct sw_ops *ops)
{
    int room = ops->room ? 2 * ops->room : 64;
    const struct sw_op **sorted = realloc(ops->sorted, (size_t)room * sizeof *sorted);
    if (!sorted)
        return 0;
    ops->sorted = sorted;
    ops->room = room;
    return 1;
}

/* Letters, digits and underscores, a letter first: a name that reads well in any message. */
static int name_is_good(const char *name)
{
    size_t length = 0;
    for (; name[length]; length++) {
        char c = name[length];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        int rest = (c >= '0' && c <= '9') || c == '_';
        if (length == LONGEST_NAME || !(letter || (rest && length)))
            return 0;
    }
    return length > 0;
}

static int check_sample(const struct sw_op *op, int index, struct sw_error *error)
{
    const struct sw_sample *sample = &op->samples[index];
    if (sample->inputs < op->least_inputs || sample->inputs > op->most_inputs)
        return sw_fail(error, SW_FAILED, "operation '%s', sample %d: has %d inputs, takes %d to %d",
                       op->name, index + 1, sample->inputs, op->least_inputs, op->most_inputs);
    for (int i = 0; i < sample->inputs; i++) {
        int ndim = sample->in[i].ndim;
        if (ndim < 1 || ndim > SW_MAX_DIM)
            return sw_fail(error, SW_FAILED,
                           "operation '%s', sample %d, input %d: expected 1 to %d dimensions, "
                           "found %d",
                           op->name, index + 1, i + 1, SW_MAX_DIM, ndim);
        double count = 1;
        for (int d = 0; d < ndim; d++)
            count *= sample->in[i].dim[d] > 0 ? sample->in[i].dim[d] : INFINITY;
        if (!(count <= 1 << 20))
            return sw_fail(error, SW_FAILED,
                           "operation '%s', sample %d, input %d: expected 1 to 2^20 numbers",
                           op->name, index + 1, i + 1);
        if (!isfinite(sample->in[i].low) || !isfinite(sample->in[i].high) ||
            sample->in[i].low > sample->in[i].high)
            return sw_fail(error, SW_FAILED,
                           "operation '%s', sample %d, input %d: low %g is above high %g", op->name,
                           index + 1, i + 1, (double)sample->in[i].low, (double)sample->in[i].high);
    }
    return SW_OK;
}

int sw_op_check(const struct sw_op *op, struct sw_error *error)
{
    if (!op || !op->name)
        return sw_fail(error, SW_FAILED, "an operation has no name");
    const char *name = op->name;
    if (!name_is_good(name))
        return sw_fail(error, SW_FAILED,
                       "operation '%s': expected a name of at most %d letters, digits and "
                       "underscores",
                       name, LONGEST_NAME);
    const char *lacks = !op->shapes || !*op->shapes ? "shapes"
                        : !op->doc || !*op->doc     ? "doc"
                        : !op->shape                ? "shape()"
                        : !op->forward              ? "forward()"
                                                    : NULL;
    if (lacks)
        return sw_fail(error, SW_FAILED, "operation '%s' has no %s", name, lacks);
    if (op->least_inputs < 1 || op->most_inputs < op->least_inputs || op->most_inputs > MOST_INPUTS)
        return sw_fail(error, SW_FAILED,
                       "operation '%s': takes %d to %d inputs, expected a range within 1 to %d",
                       name, op->least_inputs, op->most_inputs, MOST_INPUTS);
    if (!op->samples || op->sample_count < 1)
        return sw_fail(error, SW_FAILED,
                       "operation '%s' has no samples, so its gradient cannot be checked", name);
    for (int i = 0; i < op->sample_count; i++)
        if (check_sample(op, i, error) != SW_OK)
            return SW_FAILED;
    return SW_OK;
}

static int check(const struct sw_ops *ops, const struct sw_op *op, struct sw_error *error)
{
    if (sw_op_check(op, error) != SW_OK)
        return SW_FAILED;
    if (sw_ops_find(ops, op->name))
        return sw_fail(error, SW_FAILED, "operation '%s' is already registered", op->name);
    if (ops->count == MOST_OPS)
        return sw_fail(error, SW_FAILED, "operation '%s': expected at most %d operations", op->name,
                       MOST_OPS);
    return SW_OK;
}

int sw_ops_would_add(const struct sw_ops *ops, const struct sw_op *op, struct sw_error *error)
{
    return check(ops, op, error) == SW_OK;
}

int sw_ops_add(struct sw_ops *ops, const struct sw_op *op, struct sw_error *error)
{
    int status = check(ops, op, error);
    if (status != SW_OK)
        return status;
    if (ops->count == ops->room && !grow(ops))
        return sw_fail(error, SW_FAILED, "out of memory for operation '%s'", op->name);
    int at = place_of(ops, op->name);
    memmove(ops->sorted + at + 1, ops->sorted + at,
            (size_t)(ops->count++ - at) * sizeof *ops->sorted);
    ops->sorted[at] = op;
    return SW_OK;
}

struct sw_ops *sw_ops_new(struct sw_error *error)
{
    static const struct sw_op *const *const lists[] = {
        sw_ops_lane, sw_ops_vector, sw_ops_elementwise, sw_ops_dense, sw_ops_group, sw_ops_norm};
    struct sw_ops *ops = calloc(1, sizeof *ops);
    if (!ops) {
        sw_fail(error, SW_FAILED, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct sw_op *const *op = lists[i]; *op; op++)
            if (sw_ops_add(ops, *op, error) != SW_OK) {
                sw_ops_free(ops);
                return NULL;
            }
    return ops;
}

void sw_ops_free(struct sw_ops *ops)
{
    if (!ops)
        return;
    free(ops->sorted);
    free(ops);
}

int sw_ops_count(const struct sw_ops *ops)
{
    return ops->count;
}

const struct sw_op *sw_ops_at(const struct sw_ops *ops, int index)
{
    return index >= 0 && index < ops->count ? ops->sorted[index] : NULL;
}
