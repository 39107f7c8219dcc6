/* fuzz_weights.c -- tensors of other programs: what is listed can be read to its last number, or
 * is refused. */
#include "fuzz.h"

#include "data/weights.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 1 << 20 };
    struct sw_weights weights;
    struct sw_error error = {0};
    if (fuzz_succeeded(sw_weights_open(&weights, fuzz_file(data, size), &error), &error)) {
        for (size_t i = 0; i < weights.count; i++) {
            const struct sw_weight *weight = &weights.list[i];
            struct sw_error bad = {0};
            if (weight->elements > MOST || weight->bytes > size * 2000)
                continue;
            float *numbers = malloc(weight->elements * sizeof *numbers);
            fuzz_require(numbers != NULL, "out of memory");
            if (fuzz_succeeded(sw_weights_floats(&weights, weight, numbers, &bad), &bad))
                fuzz_touch(numbers, weight->elements * sizeof *numbers);
            free(numbers);
        }
    }
    sw_weights_close(&weights);
    return 0;
}
