/* graph.c -- the eager tape. */
#include "tensor/tape/graph.h"
#include "tensor/tape/random.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *before;
    const struct sw_op *op;
    struct sw_args args;
    struct sw_call call; /* its args and in point into this node and right behind it */
    struct sw_tensor *in[];
};

/* Where a name was found last: a step asks for some thirty names thousands of times. */
enum { MOST_FOUND = 128 };
struct found {
    const char *name; /* by its address; what stands there is compared, too */
    const struct sw_op *op;
};

struct update {
    struct update *next;
    struct sw_tensor *buffer;
    const struct sw_tensor *value;
};

struct sw_graph {
    const struct sw_host *host;
    struct sw_compute *compute;
    const struct sw_ops *ops;
    struct sw_arena *arena;
    struct node *last;
    int record;
    uint64_t seed, step;
    uint32_t streams; /* asked for since the reset */
    struct update *updates, **last_update;
    struct sw_error error;
    struct found found[MOST_FOUND];
};

struct sw_graph *sw_graph_new(const struct sw_host *host, struct sw_compute *compute,
                              const struct sw_ops *ops, struct sw_error *error)
{
    struct sw_graph *graph = calloc(1, sizeof *graph);
    if (graph)
        graph->arena = sw_arena_new();
    if (!graph || !graph->arena) {
        free(graph);
        sw_fail(error, SW_FAILED, "out of memory");
        return NULL;
    }
    graph->host = host;
    graph->compute = compute;
    graph->ops = ops;
    sw_graph_reset(graph, 0);
    return graph;
}

void sw_graph_free(struct sw_graph *graph)
{
    if (!graph)
        return;
    sw_arena_free(graph->arena);
    free(graph);
}

void sw_graph_reset(struct sw_graph *graph, int record)
{
    sw_arena_reset(graph->arena);
    graph->last = NULL;
    graph->record = record != 0;
    graph->streams = 0;
    graph->updates = NULL;
    graph->last_update = &graph->updates;
    graph->error.status = SW_OK;
    graph->error.text[0] = 0;
}

void sw_graph_seed(struct sw_graph *graph, uint64_t seed, uint64_t step)
{
    graph->seed = seed;
    graph->step = step;
}

void sw_graph_random(struct sw_graph *graph, int key[2])
{
    struct sw_random random =
        sw_random_stream(graph->seed, SW_FOR_TRAINING, graph->step, graph->streams++);
    for (int i = 0; i < 2; i++)
        key[i] = (int)(sw_random_u32(&random) >> 1);
}

void sw_graph_update(struct sw_graph *graph, struct sw_tensor *buffer, struct sw_tensor *value)
{
    if (!buffer || !value || graph->error.status != SW_OK)
        return;
    if (sw_tensor_count(buffer) != sw_tensor_count(value)) {
        sw_fail(&graph->error, SW_FAILED, "update of a buffer: expected %zu numbers, found %zu",
                sw_tensor_count(buffer), sw_tensor_count(value));
        return;
    }
    struct update *update = sw_graph_scratch(graph, sizeof *update);
    if (!update)
        return;
    *update = (struct update){.buffer = buffer, .value = value};
    *graph->last_update = update;
    graph->last_update = &update->next;
}

void sw_graph_commit(struct sw_graph *graph)
{
    for (const struct update *u = graph->updates; u; u = u->next)
        memcpy(u->buffer->data, u->value->data, sizeof(float) * sw_tensor_count(u->value));
}

int sw_graph_records(const struct sw_graph *graph)
{
    return graph->record;
}

struct sw_error *sw_graph_error(struct sw_graph *graph)
{
    return &graph->error;
}

int sw_graph_failure(const struct sw_graph *graph, struct sw_error *error)
{
    const struct sw_error *own = &graph->error;
    return own->status == SW_OK ? sw_fail(error, SW_FAILED, "expected a tensor, found none")
                                : sw_fail(error, own->status, "%s", own->text);
}

size_t sw_graph_bytes(const struct sw_graph *graph)
{
    return sw_arena_held(graph->arena);
}

size_t sw_tensor_count(const struct sw_tensor *tensor)
{
    size_t count = 1;
    for (int d = 0; d < tensor->ndim; d++)
        count *= (size_t)tensor->dim[d];
    return count;
}

/* Bytes that one thread clears at a time; what is shorter is not shared. */
enum { CLEARED = 512 * 1024 };

struct clearing {
    char *at;
    size_t bytes;
};

static void clear_some(void *data, int chunk, int worker)
{
    (void)worker;
    const struct clearing *clearing = data;
    size_t from = (size_t)chunk * CLEARED, left = clearing->bytes - from;
    memset(clearing->at + from, 0, left < CLEARED ? left : CLEARED);
}

static void clear(struct sw_compute *compute, void *at, size_t bytes)
{
    struct clearing clearing = {at, bytes};
    size_t chunks = bytes / CLEARED + 1;
    if (!compute || chunks < 3 || chunks > INT_MAX) {
        memset(at, 0, bytes);
        return;
    }
    struct sw_place before = sw_part_begin(compute, "clear", 0);
    sw_parallel(compute, (int)chunks, clear_some, &clearing);
    sw_part_end(compute, before);
}

static void *take(struct sw_graph *graph, size_t bytes, int zeroed)
{
    void *at = sw_arena_alloc(graph->arena, bytes);
    if (!at)
        sw_fail(&graph->error, SW_FAILED, "out of memory for %zu bytes", bytes);
    else if (zeroed)
        clear(graph->compute, at, bytes);
    return at;
}

void *sw_graph_scratch(struct sw_graph *graph, size_t bytes)
{
    return graph->error.status == SW_OK ? take(graph, bytes, 1) : NULL;
}

/* Appends "(3,4,16)" to a text of `size` bytes that holds `used`; returns what it holds then. */
static size_t write_shape(char *out, size_t size, size_t used, int ndim, const int *dim)
{
    for (int d = 0; d <= ndim && used < size; d++) {
        int wrote = d < ndim ? snprintf(out + used, size - used, "%s%d", d ? "," : "(", dim[d])
                             : snprintf(out + used, size - used, "%s", ndim ? ")" : "()");
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    return used < size ? used : size - 1;
}

/* The count of numbers, or SIZE_MAX after failing the graph in the name of `who`. */
static size_t checked_count(struct sw_graph *graph, const char *who, int ndim, const int *dim)
{
    if (ndim < 1 || ndim > SW_MAX_DIM) {
        sw_fail(&graph->error, SW_FAILED, "%s: expected 1 to %d dimensions, found %d", who,
                SW_MAX_DIM, ndim);
        return SIZE_MAX;
    }
    size_t count = 1;
    int bad = 0;
    for (int d = 0; d < ndim; d++)
        bad = bad || dim[d] < 0 || __builtin_mul_overflow(count, (size_t)dim[d], &count);
    if (bad || count > PTRDIFF_MAX / sizeof(float)) {
        char shape[64];
        write_shape(shape, sizeof shape, 0, ndim, dim);
        sw_fail(&graph->error, SW_FAILED, "%s: shape %s is negative or too large", who, shape);
        return SIZE_MAX;
    }
    return count;
}

static struct sw_tensor *make(struct sw_graph *graph, const char *who, int ndim, const int *dim,
                              float *data, int with_grad)
{
    size_t count = checked_count(graph, who, ndim, dim);
    if (count == SIZE_MAX)
        return NULL;
    struct sw_tensor *tensor = take(graph, sizeof *tensor, 0);
    if (!tensor)
        return NULL;
    *tensor = (struct sw_tensor){.ndim = ndim};
    memcpy(tensor->dim, dim, (size_t)ndim * sizeof *dim);
    tensor->data = data ? data : take(graph, count * sizeof(float), 0);
    if (tensor->data && with_grad)
        tensor->grad = take(graph, count * sizeof(float), 1);
    return graph->error.status == SW_OK ? tensor : NULL;
}

struct sw_tensor *sw_graph_tensor(struct sw_graph *graph, int ndim, const int *dim, float *data,
                                  int needs_grad)
{
    if (graph->error.status != SW_OK)
        return NULL;
    return make(graph, "tensor", ndim, dim, data, needs_grad && graph->record);
}

struct sw_tensor *sw_graph_reshape(struct sw_graph *graph, struct sw_tensor *x, int ndim,
                                   const int *dim)
{
    if (!x || graph->error.status != SW_OK)
        return NULL;
    struct sw_tensor *view = make(graph, "reshape", ndim, dim, x->data, 0);
    if (!view)
        return NULL;
    if (sw_tensor_count(view) != sw_tensor_count(x)) {
        char shapes[128];
        size_t used = write_shape(shapes, sizeof shapes, 0, x->ndim, x->dim);
        used += (size_t)snprintf(shapes + used, sizeof shapes - used, " as ");
        write_shape(shapes, sizeof shapes, used, ndim, dim);
        sw_fail(&graph->error, SW_FAILED, "reshape: counts differ: got %s", shapes);
        return NULL;
    }
    view->grad = x->grad;
    return view;
}

static int fail_shapes(const struct sw_op *op, const struct sw_call *call, struct sw_error *error)
{
    char got[512];
    size_t used = 0;
    got[0] = 0;
    for (int i = 0; i < call->inputs; i++) {
        if (i && used + 1 < sizeof got)
            got[used++] = ',';
        used = write_shape(got, sizeof got, used, call->in[i]->ndim, call->in[i]->dim);
    }
    sw_fail(error, SW_FAILED, "%s: shapes do not match %s: got %s", op->name, op->shapes, got);
    return -1;
}

static int check_inputs(const struct sw_op *op, int inputs, struct sw_error *error)
{
    if (inputs >= op->least_inputs && inputs <= op->most_inputs)
        return SW_OK;
    if (op->least_inputs == op->most_inputs)
        return sw_fail(error, SW_FAILED, "%s: takes %d inputs, %s: got %d", op->name,
                       op->least_inputs, op->shapes, inputs);
    return sw_fail(error, SW_FAILED, "%s: takes %d to %d inputs, %s: got %d", op->name,
                   op->least_inputs, op->most_inputs, op->shapes, inputs);
}

int sw_op_result(const struct sw_op *op, const struct sw_call *call, int dim[SW_MAX_DIM],
                 struct sw_error *error)
{
    if (check_inputs(op, call->inputs, error) != SW_OK)
        return -1;
    int ndim = op->shape(call, dim);
    return ndim < 0 ? fail_shapes(op, call, error) : ndim;
}

static int some_are_missing(struct sw_tensor *const *in, int inputs)
{
    for (int i = 0; i < inputs; i++)
        if (!in[i])
            return 1;
    return 0;
}

static int some_grad(struct sw_tensor *const *in, int inputs)
{
    for (int i = 0; i < inputs; i++)
        if (in[i]->grad)
            return 1;
    return 0;
}

/* Appends the call; its inputs and arguments are copied, since the caller's may be gone by then. */
static int append(struct sw_graph *graph, const struct sw_op *op, const struct sw_call *call)
{
    size_t pointers = (size_t)call->inputs * sizeof(struct sw_tensor *);
    struct node *node = take(graph, sizeof *node + pointers, 0);
    if (!node)
        return 0;
    memcpy(node->in, call->in, pointers);
    node->op = op;
    node->args = *call->args;
    node->call = *call;
    node->call.in = node->in;
    node->call.args = &node->args;
    node->before = graph->last;
    graph->last = node;
    return 1;
}

/* Asked after each operation, since one that saw the interrupt has left numbers out. */
static void notice_interrupt(struct sw_graph *graph)
{
    if (graph->compute && sw_compute_interrupted(graph->compute))
        sw_fail(&graph->error, SW_INTERRUPTED, "interrupted");
}

struct sw_tensor *sw_graph_apply(struct sw_graph *graph, const struct sw_op *op,
                                 struct sw_tensor *const *in, int inputs,
                                 const struct sw_args *args)
{
    static const struct sw_args none;
    if (!graph || !op || graph->error.status != SW_OK ||
        check_inputs(op, inputs, &graph->error) != SW_OK || some_are_missing(in, inputs))
        return NULL;
    struct sw_call call = {
        .host = graph->host,
        .compute = graph->compute,
        .in = in,
        .inputs = inputs,
        .args = args ? args : &none,
    };
    int dim[SW_MAX_DIM] = {0};
    int ndim = op->shape(&call, dim);
    if (ndim < 0) {
        fail_shapes(op, &call, &graph->error);
        return NULL;
    }
    int with_grad = graph->record && op->backward && some_grad(in, inputs);
    call.out = make(graph, op->name, ndim, dim, NULL, with_grad);
    if (!call.out)
        return NULL;
    if (op->saved_size && !(call.saved = take(graph, op->saved_size(&call), 0)))
        return NULL;
    struct sw_place before = sw_part_begin(graph->compute, op->name, 0);
    op->forward(&call);
    sw_part_end(graph->compute, before);
    notice_interrupt(graph);
    if (graph->error.status != SW_OK) /* as when a plugin could not score a pair */
        return NULL;
    if (with_grad && !append(graph, op, &call))
        return NULL;
    return call.out;
}

static void fail_unknown(struct sw_graph *graph, const char *name)
{
    enum { MOST = 256 };
    const char *names[MOST];
    int count = sw_ops_count(graph->ops) < MOST ? sw_ops_count(graph->ops) : MOST;
    for (int i = 0; i < count; i++)
        names[i] = sw_ops_at(graph->ops, i)->name;
    char hint[512];
    sw_suggest(hint, sizeof hint, name, names, (size_t)count);
    sw_fail(&graph->error, SW_MISUSE, "no operation '%s'%s", name, hint);
}

static const struct sw_op *find(struct sw_graph *graph, const char *name)
{
    struct found *found = &graph->found[((uintptr_t)name ^ (uintptr_t)name >> 7) % MOST_FOUND];
    if (name && found->name == name && strcmp(found->op->name, name) == 0)
        return found->op;
    const struct sw_op *op = sw_ops_find(graph->ops, name);
    if (op)
        *found = (struct found){name, op};
    return op;
}

struct sw_tensor *sw_graph_apply_named(struct sw_graph *graph, const char *name,
                                       struct sw_tensor *const *in, int inputs,
                                       const struct sw_args *args)
{
    if (!graph || graph->error.status != SW_OK)
        return NULL;
    const struct sw_op *op = find(graph, name);
    if (!op)
        fail_unknown(graph, name ? name : "");
    return sw_graph_apply(graph, op, in, inputs, args);
}

int sw_graph_backward(struct sw_graph *graph)
{
    const struct node *node = graph->last;
    for (; node && graph->error.status == SW_OK; node = node->before) {
        struct sw_place before = sw_part_begin(graph->compute, node->op->name, 1);
        node->op->backward(&node->call);
        sw_part_end(graph->compute, before);
        notice_interrupt(graph);
    }
    return graph->error.status;
}

int sw_graph_before(const struct sw_graph *graph, const void **at, const struct sw_op **op,
                    const struct sw_call **call)
{
    const struct node *node = *at ? ((const struct node *)*at)->before : graph->last;
    if (!node)
        return 0;
    *at = node;
    *op = node->op;
    *call = &node->call;
    return 1;
}
