/* values.c -- see values.h. */
#include "base/values.h"

#include <inttypes.h>
#include <stdio.h>

const char *sw_hex(char out[17], uint64_t x)
{
    snprintf(out, 17, "%016" PRIx64, x);
    return out;
}

const char *sw_shape_text(char out[128], int ndim, const size_t *shape, const char *between)
{
    size_t used = 0;
    snprintf(out, 128, "a scalar");
    for (int i = 0; i < ndim && used < 128; i++)
        used += (size_t)snprintf(out + used, 128 - used, "%s%zu", i ? between : "", shape[i]);
    return out;
}
