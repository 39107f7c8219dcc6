/* lua_similar.c -- which rows of arrays point the same way: methods of numbers. */
#include "lua/binding/binding.h"
#include "lua/binding/numbers.h"

#include "data/similar_rows.h"

/* Float32 numbers of two dimensions, as unit() and sketch() give them. */
static const struct sw_npy *unit_rows_at(lua_State *L, int index)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, index);
    luaL_argcheck(L, npy->ndim == 2 && npy->dtype == SW_FLOAT32, index, "expected unit rows");
    return npy;
}

/* numbers:unit([list]): its rows (all, or those listed, from 1) scaled to length 1, as float32 */
static int unit(lua_State *L)
{
    const struct sw_npy *npy = sw_lua_numbers_at(L, 1);
    luaL_argcheck(L, npy->ndim == 2, 1, "expected two dimensions");
    int is_list = lua_istable(L, 2);
    size_t columns = npy->shape[1], rows = is_list ? lua_rawlen(L, 2) : npy->shape[0];
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, 2, (size_t[]){rows, columns});
    for (size_t r = 0; r < rows; r++) {
        lua_Integer from = (lua_Integer)r + 1;
        if (is_list) {
            lua_rawgeti(L, 2, from);
            from = luaL_checkinteger(L, -1);
            lua_pop(L, 1);
        }
        luaL_argcheck(L, from >= 1 && (size_t)from <= npy->shape[0], 2, "out of range");
        sw_npy_floats(npy, (size_t)from - 1, 1, out + r * columns);
    }
    sw_unit_rows(out, rows, columns);
    return 1;
}

/* unit:sketch(width): each row in `width` numbers, of length 1; see sw_sketch_rows */
static int sketch(lua_State *L)
{
    const struct sw_npy *x = unit_rows_at(L, 1);
    lua_Integer width = luaL_checkinteger(L, 2);
    luaL_argcheck(L, width >= 1 && width <= 1 << 16, 2, "out of range");
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, 2, (size_t[]){x->shape[0], (size_t)width});
    sw_sketch_rows(x->data, x->shape[0], x->shape[1], (size_t)width, out);
    return 1;
}

static const struct sw_npy *other_rows(lua_State *L, const struct sw_npy *x)
{
    const struct sw_npy *y = unit_rows_at(L, 2);
    luaL_argcheck(L, x->shape[1] == y->shape[1], 2, "expected rows of the same length");
    return y;
}

/* unit:cosines(other): of each of its rows (m) with each of the other's (n): numbers (m, n) */
static int cosines(lua_State *L)
{
    const struct sw_npy *x = unit_rows_at(L, 1), *y = other_rows(L, x);
    float *out = sw_lua_new_numbers(L, SW_FLOAT32, 2, (size_t[]){x->shape[0], y->shape[0]});
    sw_cosines(x->data, x->shape[0], y->data, y->shape[0], x->shape[1], out);
    return 1;
}

/* unit:above(other, least): a list of the other's rows, from 1, whose cosine with any of its rows
 * is at least that */
static int above(lua_State *L)
{
    enum { BLOCK = 1024 };
    const struct sw_npy *x = unit_rows_at(L, 1), *y = other_rows(L, x);
    size_t m = x->shape[0], n = y->shape[0], k = x->shape[1];
    float least = (float)luaL_checknumber(L, 3);
    float *out = lua_newuserdatauv(L, (m * BLOCK + 1) * sizeof *out, 0);
    unsigned char *is_near = lua_newuserdatauv(L, BLOCK, 0);
    lua_Integer found = 0;
    lua_newtable(L);
    for (size_t from = 0; from < n; from += BLOCK) {
        size_t count = n - from < BLOCK ? n - from : BLOCK;
        sw_cosines(x->data, m, (const float *)y->data + from * k, count, k, out);
        for (size_t c = 0; c < count; c++)
            is_near[c] = 0;
        for (size_t r = 0; r < m; r++)
            for (size_t c = 0; c < count; c++)
                is_near[c] |= out[r * count + c] >= least;
        for (size_t c = 0; c < count; c++) {
            if (is_near[c]) {
                lua_pushinteger(L, (lua_Integer)(from + c) + 1);
                lua_rawseti(L, -2, ++found);
            }
        }
    }
    return 1;
}

void sw_lua_open_similar(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"unit", unit}, {"sketch", sketch}, {"cosines", cosines}, {"above", above}, {NULL, NULL}};
    sw_lua_add_methods(L, SW_LUA_NUMBERS, methods);
}
