/* lua_tensor.c -- tensors as Lua values: numbers, shapes, views. What computes on them is
 * lua_tensor_ops.c, how they read in a script core/lua/tensor/tensor.lua. */
#include "lua/binding/tensor.h"

#include "data/npy.h"
#include "tensor/kernels/kernels.h"
#include "tensor/tape/random.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNED = 64 };

struct sw_lua_tensor *sw_lua_tensor_at(lua_State *L, int index)
{
    struct sw_lua_tensor *tensor = luaL_checkudata(L, index, SW_LUA_TENSOR);
    if (tensor->base->model && !sw_lua_model_is_open(tensor->base->model))
        sw_lua_fail(L, SW_MISUSE, "the tensor is a weight of a model that is closed");
    return tensor;
}

static struct sw_lua_tensor *push(lua_State *L, size_t more, int ndim, const int *dim)
{
    struct sw_lua_tensor *tensor =
        lua_newuserdatauv(L, sizeof *tensor + more, SW_LUA_TENSOR_VALUES);
    memset(tensor, 0, sizeof *tensor);
    tensor->x.ndim = ndim;
    memcpy(tensor->x.dim, dim, (size_t)ndim * sizeof *dim);
    tensor->base = tensor;
    luaL_setmetatable(L, SW_LUA_TENSOR);
    return tensor;
}

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
}

struct sw_lua_tensor *sw_lua_new_tensor(lua_State *L, int ndim, const int *dim, int with_gradient,
                                        size_t saved)
{
    size_t bytes = sizeof(float);
    int bad = 0;
    for (int d = 0; d < ndim; d++)
        bad = bad || dim[d] < 0 || __builtin_mul_overflow(bytes, (size_t)dim[d], &bytes);
    if (bad || bytes > PTRDIFF_MAX / 8 || saved > PTRDIFF_MAX / 8)
        sw_lua_fail(L, SW_MISUSE, "a tensor of this shape is too large");
    size_t room = rounded(bytes);
    struct sw_lua_tensor *tensor =
        push(L, room * (with_gradient ? 2 : 1) + saved + ALIGNED, ndim, dim);
    char *at = (char *)(tensor + 1);
    at += (ALIGNED - (uintptr_t)at % ALIGNED) % ALIGNED;
    tensor->x.data = (float *)(void *)at;
    at += room;
    if (with_gradient) {
        tensor->x.grad = (float *)(void *)at;
        memset(at, 0, bytes);
        at += room;
    }
    tensor->saved = at;
    return tensor;
}

struct sw_lua_tensor *sw_lua_tensor_view(lua_State *L, int owner, int ndim, const int *dim,
                                         float *data, float *gradient)
{
    owner = lua_absindex(L, owner);
    struct sw_lua_tensor *view = push(L, 0, ndim, dim);
    view->x.data = data;
    view->x.grad = gradient;
    lua_pushvalue(L, owner);
    lua_setiuservalue(L, -2, SW_LUA_OWNER);
    return view;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* The list of dimensions at `index`: 1 to 4 of them, each 1 or more. */
static int shape_at(lua_State *L, int index, int dim[SW_MAX_DIM])
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Unsigned ndim = lua_rawlen(L, index);
    if (ndim < 1 || ndim > SW_MAX_DIM)
        return sw_lua_fail(L, SW_MISUSE, "a shape: expected 1 to %d dimensions, found %d",
                           SW_MAX_DIM, (int)(ndim > INT_MAX ? INT_MAX : ndim));
    for (int d = 0; d < (int)ndim; d++) {
        int whole;
        lua_rawgeti(L, index, d + 1);
        lua_Integer size = lua_tointegerx(L, -1, &whole);
        if (!whole || size < 1 || size > INT_MAX)
            return sw_lua_fail(L, SW_MISUSE, "a shape: expected whole numbers from 1, found %s",
                               luaL_tolstring(L, -1, NULL));
        dim[d] = (int)size;
        lua_pop(L, 1);
    }
    return (int)ndim;
}

/* tensor(shape [, with_gradient]): zeros */
static int new_tensor(lua_State *L)
{
    int dim[SW_MAX_DIM];
    int ndim = shape_at(L, 1, dim);
    struct sw_lua_tensor *tensor = sw_lua_new_tensor(L, ndim, dim, lua_toboolean(L, 2), 0);
    memset(tensor->x.data, 0, sw_tensor_count(&tensor->x) * sizeof(float));
    return 1;
}

/* tensor:shape(): its dimensions, as so many results */
static int shape(lua_State *L)
{
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    for (int d = 0; d < x->ndim; d++)
        lua_pushinteger(L, x->dim[d]);
    return x->ndim;
}

/* tensor:count(): how many numbers it has */
static int count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)sw_tensor_count(&sw_lua_tensor_at(L, 1)->x));
    return 1;
}

/* tensor:window(first, shape): the numbers from `first` on (0 is the first) as a tensor of that
 * shape that shares them, and their gradient. */
static int window(lua_State *L)
{
    int dim[SW_MAX_DIM];
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    lua_Integer first = luaL_checkinteger(L, 2);
    int ndim = shape_at(L, 3, dim);
    size_t has = sw_tensor_count(&tensor->x), wants = 1;
    for (int d = 0; d < ndim; d++)
        if (__builtin_mul_overflow(wants, (size_t)dim[d], &wants))
            wants = SIZE_MAX;
    if (first < 0 || (size_t)first > has || wants > has - (size_t)first)
        return sw_lua_fail(L, SW_MISUSE, "expected at most %d numbers from number %d on, found %d",
                           (int)has, (int)first, wants > INT_MAX ? INT_MAX : (int)wants);
    struct sw_lua_tensor *view = sw_lua_tensor_view(L, 1, ndim, dim, tensor->x.data + first,
                                                    tensor->x.grad ? tensor->x.grad + first : NULL);
    view->base = tensor->base;
    view->is_view = 1;
    return 1;
}

/* tensor:gradient(): the gradient as a tensor that shares it; nil where none is formed */
static int gradient(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    if (!tensor->x.grad)
        return 0;
    struct sw_lua_tensor *view =
        sw_lua_tensor_view(L, 1, tensor->x.ndim, tensor->x.dim, tensor->x.grad, NULL);
    view->model = tensor->base->model;
    return 1;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static size_t place_at(lua_State *L, const struct sw_tensor *x)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    size_t has = sw_tensor_count(x);
    if (i < 1 || (size_t)i > has)
        sw_lua_fail(L, SW_MISUSE, "expected a number of 1 to %d, found %s", (int)has,
                    lua_tostring(L, 2));
    return (size_t)i - 1;
}

/* tensor:get(i): its i-th number, counted from 1 through all dimensions */
static int get(lua_State *L)
{
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    lua_pushnumber(L, x->data[place_at(L, x)]);
    return 1;
}

/* tensor:set(i, number) */
static int set(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    tensor->x.data[place_at(L, &tensor->x)] = (float)luaL_checknumber(L, 3);
    tensor->base->version++;
    return 0;
}

/* tensor:assign(list): all of its numbers, in their order */
static int assign(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    size_t has = sw_tensor_count(&tensor->x);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_rawlen(L, 2) != has)
        return sw_lua_fail(L, SW_MISUSE, "expected %d numbers, found %d", (int)has,
                           (int)lua_rawlen(L, 2));
    for (size_t i = 0; i < has; i++) {
        int is_number;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        lua_Number x = lua_tonumberx(L, -1, &is_number);
        if (!is_number)
            return sw_lua_fail(L, SW_MISUSE, "number %d of a tensor: expected a number, found %s",
                               (int)i + 1, luaL_typename(L, -1));
        tensor->x.data[i] = (float)x;
        lua_pop(L, 1);
    }
    tensor->base->version++;
    return 0;
}

/* tensor:list(): all of its numbers, in their order */
static int list(lua_State *L)
{
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    size_t has = sw_tensor_count(x);
    lua_createtable(L, has < INT_MAX ? (int)has : 0, 0);
    for (size_t i = 0; i < has; i++) {
        lua_pushnumber(L, x->data[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* tensor:fill(number): every number becomes this one */
static int fill(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    float value = (float)luaL_checknumber(L, 2);
    for (size_t i = sw_tensor_count(&tensor->x); i-- > 0;)
        tensor->x.data[i] = value;
    tensor->base->version++;
    lua_settop(L, 1);
    return 1;
}

/* tensor:copy(other): takes the numbers of one of the same count */
static int copy(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    const struct sw_tensor *other = &sw_lua_tensor_at(L, 2)->x;
    size_t has = sw_tensor_count(&tensor->x), found = sw_tensor_count(other);
    if (has != found)
        return sw_lua_fail(L, SW_MISUSE, "expected %d numbers, found %d", (int)has, (int)found);
    memmove(tensor->x.data, other->data, has * sizeof(float));
    tensor->base->version++;
    lua_settop(L, 1);
    return 1;
}

/* tensor:draw(seed, index, scale [, uniform]): random numbers of that seed's stream `index`, of
 * mean 0 and deviation `scale`; uniform: from -scale to scale */
static int draw(lua_State *L)
{
    struct sw_lua_tensor *tensor = sw_lua_tensor_at(L, 1);
    lua_Integer seed = luaL_checkinteger(L, 2), index = luaL_checkinteger(L, 3);
    float scale = (float)luaL_checknumber(L, 4);
    int uniform = lua_toboolean(L, 5);
    struct sw_random random = sw_random_stream((uint64_t)seed, SW_FOR_TENSORS, 0, (uint32_t)index);
    size_t has = sw_tensor_count(&tensor->x);
    for (size_t i = 0; i < has; i++)
        tensor->x.data[i] =
            scale * (uniform ? 2 * sw_random_uniform(&random) - 1 : sw_random_normal(&random));
    tensor->base->version++;
    lua_settop(L, 1);
    return 1;
}

/* ---- .npy files ------------------------------------------------------------------------------ */

static void close_npy(void *npy)
{
    sw_npy_close(npy);
    free(npy);
}

/* tensor_npy(path): the array of a file, as float32 */
static int read_npy(lua_State *L)
{
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1);
    int dim[SW_MAX_DIM] = {1};
    struct sw_lua_box *box = sw_lua_box(L, close_npy);
    struct sw_npy *npy = box->value = calloc(1, sizeof *npy);
    if (!npy)
        return sw_lua_fail(L, SW_FAILED, "out of memory for a file");
    if (sw_npy_open(npy, path, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    for (int d = 0; d < npy->ndim; d++) {
        if (npy->shape[d] < 1 || npy->shape[d] > INT_MAX)
            return sw_lua_fail(L, SW_FAILED, "%s: a tensor needs 1 to %d numbers along each side",
                               path, INT_MAX);
        dim[d] = (int)npy->shape[d];
    }
    struct sw_lua_tensor *tensor = sw_lua_new_tensor(L, npy->ndim ? npy->ndim : 1, dim, 0, 0);
    int status = sw_npy_floats(npy, 0, npy->ndim ? npy->shape[0] : 1, tensor->x.data);
    sw_lua_box_empty(box);
    return status == SW_OK ? 1 : sw_lua_fail(L, SW_FAILED, "%s: cannot be read as numbers", path);
}

/* tensor:save(path): as a float32 .npy file, whole or not at all */
static int save(lua_State *L)
{
    struct sw_error error = {0};
    size_t dims[SW_MAX_DIM];
    const struct sw_tensor *x = &sw_lua_tensor_at(L, 1)->x;
    for (int d = 0; d < x->ndim; d++)
        dims[d] = (size_t)x->dim[d];
    if (sw_npy_write(luaL_checkstring(L, 2), x->data, x->ndim, dims, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

/* class(name): the methods and the metatable of "tensor" or "model", to which Lua adds. */
static int class_of(lua_State *L)
{
    static const char *const names[] = {"tensor", "model", NULL};
    static const char *const classes[] = {SW_LUA_TENSOR, "stepwise.model"};
    luaL_getmetatable(L, classes[luaL_checkoption(L, 1, NULL, names)]);
    if (lua_getfield(L, -1, "methods") == LUA_TNIL) { /* __index may become a function */
        lua_pop(L, 1);
        lua_getfield(L, -1, "__index");
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "methods");
    }
    lua_insert(L, -2);
    return 2;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

void sw_lua_open_tensors(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"tensor", new_tensor}, {"tensor_npy", read_npy}, {"class", class_of}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"shape", shape}, {"count", count}, {"window", window}, {"gradient", gradient},
        {"get", get},     {"set", set},     {"assign", assign}, {"list", list},
        {"fill", fill},   {"copy", copy},   {"draw", draw},     {"save", save},
        {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, SW_LUA_TENSOR, methods, nothing);
    sw_lua_open_tensor_ops(L);
}
