/* lua_doctor.c -- facts about the machine: libraries, matrix products, instruction sets. */
#include "lua/binding/lua_session.h"

#include "base/clock.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libraries(): {lua =, jansson =, blas =, blas_core =, compiler = its version} */
static int libraries(lua_State *L)
{
    lua_createtable(L, 0, 5);
    sw_lua_set_text(L, "lua", LUA_RELEASE);
    sw_lua_set_text(L, "jansson", jansson_version_str());
    sw_lua_set_text(L, "blas", openblas_get_config());
    sw_lua_set_text(L, "blas_core", openblas_get_corename());
    sw_lua_set_text(L, "compiler", __VERSION__);
    return 1;
}

/* machine(): {cpus =, memory = bytes, avx2 =, avx512 =, host =} */
static int machine(lua_State *L)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    lua_createtable(L, 0, 5);
    sw_lua_set_integer(L, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    sw_lua_set_integer(L, "memory", (lua_Integer)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    sw_lua_set_text(L, "host", host);
#if defined(__x86_64__) && defined(__GNUC__)
    sw_lua_set_switch(L, "avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    sw_lua_set_switch(L, "avx512",
                      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"));
#endif
    return 1;
}

/* Numbers in [-1, 1) that are the same on every machine. */
static void fill(float *x, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)(seed & 0xffffff00u) / 2147483648.0f;
    }
}

/* The largest |C - naive| over the largest |naive|, for one shape and pair of transposes. */
static double product_error(struct sw_compute *compute, int ta, int tb, int M, int N, int K,
                            float *A, float *B, float *C)
{
    double worst = 0, largest = 0;
    fill(A, (size_t)M * (size_t)K, 1);
    fill(B, (size_t)K * (size_t)N, 2);
    int lda = ta ? M : K, ldb = tb ? K : N;
    sw_gemm(compute, ta, tb, M, N, K, 1, A, lda, B, ldb, 0, C, N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += (double)A[ta ? k * lda + i : i * lda + k] *
                       (double)B[tb ? j * ldb + k : k * ldb + j];
            double off = fabs(sum - (double)C[i * N + j]);
            worst = off <= worst ? worst : off; /* a NaN is kept */
            largest = fabs(sum) > largest ? fabs(sum) : largest;
        }
    return worst / largest;
}

/* session:check_products(): the worst relative difference of BLAS products from plain sums over
 * several shapes and all transposes, or nil and the shape where it is wrong. */
static int check_products(lua_State *L)
{
    static const int shapes[][3] = {
        {1, 1, 1}, {3, 5, 7}, {36, 14, 128}, {65, 33, 200}, {257, 96, 64}};
    enum { MOST = 257 * 256 };
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    float *room = lua_newuserdatauv(L, 3 * MOST * sizeof *room, 0);
    double worst = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int transposed = 0; transposed < 4; transposed++) {
            const int *d = shapes[s];
            double off = product_error(session->session->compute, transposed & 1, transposed >> 1,
                                       d[0], d[1], d[2], room, room + MOST, room + 2 * MOST);
            if (!(off < 1e-5)) {
                lua_pushnil(L);
                lua_pushfstring(L, "(%d,%d) x (%d,%d), transposes %d%d: off by %f", d[0], d[2],
                                d[2], d[1], transposed & 1, transposed >> 1, off);
                return 2;
            }
            worst = off > worst ? off : worst;
        }
    lua_pushnumber(L, worst);
    return 1;
}

/* session:time_products(n): seconds of one (n,n) x (n,n) product on all threads, the best of three.
 */
static int time_products(lua_State *L)
{
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n > 0 && n <= 4096, 2, "expected 1 to 4096");
    size_t count = (size_t)n * (size_t)n;
    float *room = lua_newuserdatauv(L, 3 * count * sizeof *room, 0);
    fill(room, 2 * count, 3);
    double best = INFINITY;
    for (int turn = 0; turn < 3; turn++) {
        double began = sw_seconds();
        sw_gemm(session->session->compute, 0, 0, (int)n, (int)n, (int)n, 1, room, (int)n,
                room + count, (int)n, 0, room + 2 * count, (int)n);
        best = fmin(best, sw_seconds() - began);
    }
    lua_pushnumber(L, best);
    return 1;
}

void sw_lua_open_doctor(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"libraries", libraries}, {"machine", machine}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"check_products", check_products}, {"time_products", time_products}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_add_methods(L, SW_LUA_SESSION, methods);
}
