/* fuzz_npy.c -- .npy files: what opens can be read to its last element. */
#include "fuzz.h"

#include "data/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_npy npy;
    struct sw_error error = {0};
    if (!fuzz_succeeded(sw_npy_open(&npy, fuzz_file(data, size), &error), &error)) {
        sw_npy_close(&npy);
        return 0;
    }
    size_t row = sw_npy_row(&npy), rows = npy.ndim ? npy.shape[0] : 1;
    fuzz_touch(npy.data, rows * row * sw_dtype_size(npy.dtype));
    float *out = rows && row ? malloc(row * sizeof *out) : NULL;
    if (out && npy.dtype < SW_INT32)
        fuzz_require(sw_npy_floats(&npy, rows - 1, 1, out) == SW_OK, "the last row is not there");
    if (rows && row && npy.dtype >= SW_UINT8)
        sw_npy_integer(&npy, rows * row - 1);
    free(out);
    sw_npy_close(&npy);
    return 0;
}
