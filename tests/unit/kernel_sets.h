/* kernel_sets.h -- what the tests of the kernels share. */
#ifndef SW_TESTS_KERNEL_SETS_H
#define SW_TESTS_KERNEL_SETS_H

#include "unit.h"

#include "stepwise/plugin.h"
#include "tensor/kernels/kernels.h"
#include "tensor/tape/random.h"

#include <math.h>

enum { L = SW_LANES, SETS = 4 };
static const char *const set_names[SETS] = {"baseline", "avx2", "avx512", "amx"};

/* The set of a looped test, or NULL after a line that says why it is skipped. */
static inline const struct sw_kernels *set(int i)
{
    const struct sw_kernels *kernels = sw_kernels_select(set_names[i]);
    if (!kernels)
        printf("skipped: this CPU or this build has no %s kernels\n", set_names[i]);
    return kernels;
}

static inline float *filled(size_t count, uint32_t index, float low, float high)
{
    struct sw_random random = sw_random_stream(7, SW_FOR_TESTS, 0, index);
    float *x = aligned_alloc(64, (count * sizeof *x + 127) / 64 * 64);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < count; i++)
        x[i] = low + (high - low) * sw_random_uniform(&random);
    return x;
}

static inline float *lanes(int rows, int columns, uint32_t index)
{
    return filled((size_t)rows * (size_t)columns * L, index, -1, 1);
}

static inline void assert_near(double found, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(found - expected) <= tolerance, "%s: expected %.9g, found %.9g", what,
                  expected, found);
}

#endif
