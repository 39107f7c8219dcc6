/* tensor.h -- tensors as userdata: what lua_tensor.c, lua_tensor_ops.c and lua_model.c share.
 *
 * Numbers, gradient and what an operation saves lie in the userdata itself, so that the collector
 * counts them and frees them. A view points into the tensor that it holds as a user value. */
#ifndef SW_LUA_TENSOR_H
#define SW_LUA_TENSOR_H

#include "lua/binding/lua_session.h"

#define SW_LUA_TENSOR "stepwise.tensor"

enum { SW_LUA_MOST_INPUTS = 10 };

/* User values: what a tensor keeps alive. OWNER: the tensor or the model whose numbers it shows, or
 * the model whose batch it is of. INPUTS: a list of tensors. STRUCTURE: what args.p points to. */
enum { SW_LUA_OWNER = 1, SW_LUA_INPUTS, SW_LUA_SESSION_OF, SW_LUA_STRUCTURE, SW_LUA_TENSOR_VALUES };

struct sw_lua_model;

struct sw_lua_tensor {
    struct sw_tensor x;
    struct sw_lua_tensor *base;       /* whose version counts: itself, or the viewed one's */
    unsigned version;                 /* rises with each write from Lua */
    const struct sw_lua_model *model; /* the one that has the numbers, or NULL */
    /* how it came to be: op of a call; at of a view; batch of a model's scores or loss */
    const struct sw_op *op;
    struct sw_args args;
    void *saved;
    int inputs;
    unsigned seen[SW_LUA_MOST_INPUTS]; /* the versions of the inputs */
    int is_view;
    size_t at;
    struct sw_tensor *of_batch; /* on the model's graph */
    unsigned batch;
};

/* The tensor at `index`; raises when it is none, or its model is closed. */
struct sw_lua_tensor *sw_lua_tensor_at(lua_State *L, int index);

/* Pushes a tensor of this shape with its numbers not filled, its gradient zero where it has one,
 * and `saved` bytes at a multiple of 64. Raises where there is no memory. */
struct sw_lua_tensor *sw_lua_new_tensor(lua_State *L, int ndim, const int *dim, int with_gradient,
                                        size_t saved);

/* Pushes a tensor that shows numbers of the owner at `owner`. */
struct sw_lua_tensor *sw_lua_tensor_view(lua_State *L, int owner, int ndim, const int *dim,
                                         float *data, float *gradient);

/* Whether the model is open; and runs its batch's tape back from `tensor`, or raises. lua_model.c.
 */
int sw_lua_model_is_open(const struct sw_lua_model *model);
void sw_lua_model_backward(lua_State *L, const struct sw_lua_tensor *tensor);

/* The trained numbers of the model at `index` and their gradients; NULL when it is no model. */
struct sw_model *sw_lua_model_of(lua_State *L, int index);
/* The model's last batch counts as done: running statistics become what it found. */
void sw_lua_model_commit(lua_State *L, int index);

void sw_lua_open_tensor_ops(lua_State *L);

#endif
