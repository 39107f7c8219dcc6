/* kernels_select.c -- which set of kernels this build has and this CPU runs. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall */
#endif
#include "tensor/kernels/kernels.h"

#include <string.h>
#ifdef SW_HAVE_AMX_KERNELS
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static int named(const char *want, const char *name)
{
    return !want || strcmp(want, name) == 0;
}

#ifdef SW_HAVE_AVX512_KERNELS
static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("fma");
}
#endif

#ifdef SW_HAVE_AMX_KERNELS
/* Tiles are 8 KB of registers per thread, so Linux gives them to a process that asks
 * (arch_prctl(2)): once for all its threads. */
static int has_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18, AMX_BF16 = 22, AMX_TILE = 24 };
    unsigned a, b, c, features;
    return __get_cpuid_count(7, 0, &a, &b, &c, &features) && features >> AMX_BF16 & 1 &&
           features >> AMX_TILE & 1 &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

const struct sw_kernels *sw_kernels_select(const char *want)
{
#ifdef SW_HAVE_AMX_KERNELS
    if (named(want, "amx") && has_amx() && has_avx512())
        return &sw_kernels_amx;
#endif
#ifdef SW_HAVE_AVX512_KERNELS
    if (named(want, "avx512") && has_avx512())
        return &sw_kernels_avx512;
#endif
#ifdef SW_HAVE_AVX2_KERNELS
    if (named(want, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &sw_kernels_avx2;
#endif
    return named(want, "baseline") ? &sw_kernels_baseline : NULL;
}
