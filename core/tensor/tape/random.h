/* random.h -- counter-based random numbers (Philox4x32-10 of Random123): a stream is named by
 * (seed, purpose, step, index), so the order in which streams are drawn from does not matter. */
#ifndef SW_TENSOR_RANDOM_H
#define SW_TENSOR_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; numbers are part of what a seed means and never change. */
enum sw_purpose {
    SW_FOR_PARAMETERS = 1,
    SW_FOR_ORDER = 2,
    SW_FOR_SCENES = 3,
    SW_FOR_WORDS = 4,
    SW_FOR_TESTS = 5,
    SW_FOR_BENCH = 6,
    SW_FOR_BOOTSTRAP = 7,
    SW_FOR_TRAINING = 8, /* dropout, dropped fragments */
    SW_FOR_TENSORS = 9,  /* of a script */
};

struct sw_random {
    uint32_t key[2], counter[4], drawn[4];
    int left;
};

struct sw_random sw_random_stream(uint64_t seed, uint32_t purpose, uint64_t step, uint32_t index);
/* The stream of a key that is drawn already, as host->random gives it, and two numbers. */
struct sw_random sw_random_keyed(const int key[2], uint32_t a, uint32_t b);
uint32_t sw_random_u32(struct sw_random *random);
uint32_t sw_random_below(struct sw_random *random, uint32_t bound); /* unbiased; bound > 0 */
/* keep[i] = 0 with probability `rate`, else 1; takes whole blocks of the stream, 16 bits per
 * number. */
void sw_random_keep(struct sw_random *random, float rate, size_t count, unsigned char *keep);
float sw_random_uniform(struct sw_random *random); /* [0,1), 24 bits */
float sw_random_normal(struct sw_random *random);  /* mean 0, deviation 1 (Box-Muller) */

/* A permutation of 0 .. n-1 into out, by Fisher-Yates over the random stream (seed, order, epoch).
 * It depends on nothing else, so a run that is resumed sees the order that it would have seen. */
void sw_order(uint64_t seed, uint64_t epoch, uint32_t n, uint32_t out[]);

#endif
