/* kernels_select.c -- which set of kernels this build has and this CPU runs. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "tensor/kernels.h"

#include <string.h>

static int named(const char *want, const char *name)
{
    return !want || strcmp(want, name) == 0;
}

const struct sw_kernels *sw_kernels_select(const char *want)
{
#ifdef SW_HAVE_AVX512_KERNELS
    if (named(want, "avx512") && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return &sw_kernels_avx512;
#endif
#ifdef SW_HAVE_AVX2_KERNELS
    if (named(want, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &sw_kernels_avx2;
#endif
    return named(want, "baseline") ? &sw_kernels_baseline : NULL;
}
