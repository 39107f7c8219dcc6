/* order.h -- in which order an epoch sees its captions. */
#ifndef SW_DATA_ORDER_H
#define SW_DATA_ORDER_H

#include <stdint.h>

/* A permutation of 0 .. n-1 into out, by Fisher-Yates over the random stream (seed, order, epoch).
 * It depends on nothing else, so a run that is resumed sees the order that it would have seen. */
void sw_order(uint64_t seed, uint64_t epoch, uint32_t n, uint32_t out[]);

#endif
