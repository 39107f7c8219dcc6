/* order.c -- see order.h. */
#include "data/order.h"

#include "tensor/tape/random.h"

void sw_order(uint64_t seed, uint64_t epoch, uint32_t n, uint32_t out[])
{
    struct sw_random random = sw_random_stream(seed, SW_FOR_ORDER, epoch, 0);
    for (uint32_t i = 0; i < n; i++)
        out[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = sw_random_below(&random, i), last = out[i - 1];
        out[i - 1] = out[j];
        out[j] = last;
    }
}
