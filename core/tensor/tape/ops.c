/* ops.c -- operations by name. */
#include "tensor/tape/ops.h"
#include "tensor/tape/graph.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 63, MOST_INPUTS = 10, MOST_OPS = 4096 };

struct sw_ops {
    int count, room;
    const struct sw_op **sorted; /* (room) */
    unsigned slots;              /* a power of two, at least twice the count */
    const struct sw_op **slot;   /* (slots), open addressing by name */
};

static uint32_t hash(const char *name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h ^ h >> 15;
}

const struct sw_op *sw_ops_find(const struct sw_ops *ops, const char *name)
{
    if (!name || !ops->slots)
        return NULL;
    for (unsigned at = hash(name);; at++) {
        const struct sw_op *op = ops->slot[at & (ops->slots - 1)];
        if (!op || strcmp(op->name, name) == 0)
            return op;
    }
}

static void insert(struct sw_ops *ops, const struct sw_op *op)
{
    unsigned at = hash(op->name);
    while (ops->slot[at & (ops->slots - 1)])
        at++;
    ops->slot[at & (ops->slots - 1)] = op;
}

static int grow(struct sw_ops *ops)
{
    int room = ops->room ? 2 * ops->room : 32;
    const struct sw_op **sorted = realloc(ops->sorted, (size_t)room * sizeof *sorted);
    if (!sorted)
        return 0;
    ops->sorted = sorted;
    const struct sw_op **slot = calloc(2 * (size_t)room, sizeof *slot);
    if (!slot)
        return 0;
    free(ops->slot);
    ops->slot = slot;
    ops->slots = 2 * (unsigned)room;
    ops->room = room;
    for (int i = 0; i < ops->count; i++)
        insert(ops, ops->sorted[i]);
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
        return sw_fail(error, SW_FAILED, "operation '%s' is already there", op->name);
    if (ops->count == MOST_OPS)
        return sw_fail(error, SW_FAILED, "operation '%s': there are %d already", op->name,
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
    int at = ops->count++;
    for (; at && strcmp(ops->sorted[at - 1]->name, op->name) > 0; at--)
        ops->sorted[at] = ops->sorted[at - 1];
    ops->sorted[at] = op;
    insert(ops, op);
    return SW_OK;
}

struct sw_ops *sw_ops_new(struct sw_error *error)
{
    static const struct sw_op *const *const lists[] = {
        sw_ops_lane,  sw_ops_vector, sw_ops_elementwise, sw_ops_dense,
        sw_ops_group, sw_ops_norm,   sw_ops_parts};
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
    free(ops->slot);
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
