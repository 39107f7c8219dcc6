/* graph.h -- an eager tape: each operation computes at once and appends a node; append order is the
 * topological order, so backward walks the nodes from the end. */
#ifndef SW_TENSOR_GRAPH_H
#define SW_TENSOR_GRAPH_H

#include "base/error.h"
#include "stepwise/plugin.h"
#include "tensor/tape/arena.h"
#include "tensor/threads/compute.h"

/* Operations by name. The core's own are there from the start; plugins add theirs. */
struct sw_ops;
struct sw_ops *sw_ops_new(struct sw_error *error);
void sw_ops_free(struct sw_ops *ops);
int sw_ops_add(struct sw_ops *ops, const struct sw_op *op, struct sw_error *error);
/* Name, shapes, doc, functions and samples: whatever does not depend on other operations. */
int sw_op_check(const struct sw_op *op, struct sw_error *error);
/* 1 when sw_ops_add would take it, else 0 with the reason in *error. */
int sw_ops_would_add(const struct sw_ops *ops, const struct sw_op *op, struct sw_error *error);
const struct sw_op *sw_ops_find(const struct sw_ops *ops, const char *name); /* NULL: none */
int sw_ops_count(const struct sw_ops *ops);
const struct sw_op *sw_ops_at(const struct sw_ops *ops, int index); /* sorted by name */

/* The dimensions of what a call of `op` gives, as an operation of a graph checks them: their
 * number, or -1 with an error that names the shapes. For calls outside a graph. */
int sw_op_result(const struct sw_op *op, const struct sw_call *call, int dim[SW_MAX_DIM],
                 struct sw_error *error);

/* One graph serves one thread. host, compute and ops outlive it. host may be NULL in tests. */
struct sw_graph *sw_graph_new(const struct sw_host *host, struct sw_compute *compute,
                              const struct sw_ops *ops, struct sw_error *error);
void sw_graph_free(struct sw_graph *graph);

/* Forgets nodes, tensors, scratch and failure. record: whether gradients will be asked for. */
void sw_graph_reset(struct sw_graph *graph, int record);
int sw_graph_records(const struct sw_graph *graph);

/* A tensor of the graph. data == NULL: allocated, not filled. needs_grad: with a zeroed gradient,
 * when the graph records. */
struct sw_tensor *sw_graph_tensor(struct sw_graph *graph, int ndim, const int *dim, float *data,
                                  int needs_grad);
/* The same numbers and gradient under another shape of the same count. */
struct sw_tensor *sw_graph_reshape(struct sw_graph *graph, struct sw_tensor *x, int ndim,
                                   const int *dim);
void *sw_graph_scratch(struct sw_graph *graph, size_t bytes); /* zeroed; NULL after a failure */

/* NULL when an input is NULL, the graph has failed, or shapes do not fit (which fails the graph).
 */
struct sw_tensor *sw_graph_apply(struct sw_graph *graph, const struct sw_op *op,
                                 struct sw_tensor *const *in, int inputs,
                                 const struct sw_args *args);
struct sw_tensor *sw_graph_apply_named(struct sw_graph *graph, const char *name,
                                       struct sw_tensor *const *in, int inputs,
                                       const struct sw_args *args);

/* The keys of random streams that operations of this pass ask for: (seed, step) and the number of
 * the call since the reset. */
void sw_graph_seed(struct sw_graph *graph, uint64_t seed, uint64_t step);
void sw_graph_random(struct sw_graph *graph, int key[2]);

/* Numbers that get another value when the step is done, and not when it fails: sw_graph_commit
 * copies them, in the order of the calls. */
void sw_graph_update(struct sw_graph *graph, struct sw_tensor *buffer, struct sw_tensor *value);
void sw_graph_commit(struct sw_graph *graph);

/* Walks the tape from the end; the caller has set the gradient of what it starts from. The graph's
 * status: an operation may fail on the way back, too. */
int sw_graph_backward(struct sw_graph *graph);

/* Iterates over the recorded calls, newest first. Set *at = NULL to start; 0 at the end. */
int sw_graph_before(const struct sw_graph *graph, const void **at, const struct sw_op **op,
                    const struct sw_call **call);

/* SW_OK, or the first failure. SW_INTERRUPTED: the threads were asked to end early
 * (sw_compute_interrupted) and the graph ended between two operations. */
struct sw_error *sw_graph_error(struct sw_graph *graph);
/* Why there is no tensor: the first failure, or that an input was missing. */
int sw_graph_failure(const struct sw_graph *graph, struct sw_error *error);
size_t sw_graph_bytes(const struct sw_graph *graph); /* memory held by the graph's arena */

size_t sw_tensor_count(const struct sw_tensor *tensor);

/* Tries `op` on each of its samples, on `graph`, which is reset. Refuses, naming the operation and
 * the sample: a shape that does not fit, a result that is not finite or not wholly written, two
 * forwards that differ in a bit, a written input, a gradient that is set and not added to, that
 * depends on which other inputs want one, or that differs from the numeric one by more than 1e-3
 * of the largest of its input. *worst, where not NULL, becomes the largest such difference found.
 *
 * The loss is sum_j sin(1.7 (j+1)) out_j; its numeric gradient a four-point stencil in double over
 * float forwards, (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h, with h within a few hundredths
 * of the input's range, so that no point leaves that range. */
int sw_gradcheck(struct sw_graph *graph, const struct sw_op *op, double *worst,
                 struct sw_error *error);

#endif
