/* random.c -- streams over Philox4x32-10. */
#include "tensor/tape/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

static void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    philox4x32_ctr_t c;
    philox4x32_key_t k;
    memcpy(c.v, counter, sizeof c.v);
    memcpy(k.v, key, sizeof k.v);
    c = philox4x32(c, k);
    memcpy(out, c.v, sizeof c.v);
}

/* The name of the stream, encrypted under the seed, becomes the stream's key and the upper half of
 * its counter; the lower half counts blocks. Under one key Philox is a bijection, so two names of
 * one seed never share a block. */
struct sw_random sw_random_stream(uint64_t seed, uint32_t purpose, uint64_t step, uint32_t index)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t name[4] = {index, (uint32_t)step, (uint32_t)(step >> 32), purpose};
    uint32_t mixed[4];
    philox(mixed, name, key);
    return (struct sw_random){
        .key = {mixed[0], mixed[1]},
        .counter = {0, 0, mixed[2], mixed[3]},
    };
}

struct sw_random sw_random_keyed(const int key[2], uint32_t a, uint32_t b)
{
    return (struct sw_random){
        .key = {(uint32_t)key[0], (uint32_t)key[1]},
        .counter = {0, 0, a, b},
    };
}

static void next_block(struct sw_random *random)
{
    philox(random->drawn, random->counter, random->key);
    if (++random->counter[0] == 0)
        ++random->counter[1];
}

uint32_t sw_random_u32(struct sw_random *random)
{
    if (!random->left) {
        next_block(random);
        random->left = 4;
    }
    return random->drawn[4 - random->left--];
}

void sw_random_keep(struct sw_random *random, float rate, size_t count, unsigned char *keep)
{
    enum { IN_BLOCK = 8 };
    uint32_t limit = (uint32_t)((double)rate * 65536 + 0.5);
    random->left = 0;
    for (size_t i = 0; i < count; i += IN_BLOCK) {
        next_block(random);
        for (size_t j = 0; j < IN_BLOCK && i + j < count; j++)
            keep[i + j] = (random->drawn[j / 2] >> j % 2 * 16 & 0xffff) >= limit;
    }
}

uint32_t sw_random_below(struct sw_random *random, uint32_t bound)
{
    /* The first 2^32 mod bound numbers are drawn again: what is left divides evenly. */
    uint32_t least = -bound % bound, drawn;
    do
        drawn = sw_random_u32(random);
    while (drawn < least);
    return drawn % bound;
}

float sw_random_uniform(struct sw_random *random)
{
    return (float)(sw_random_u32(random) >> 8) * 0x1p-24f;
}

float sw_random_normal(struct sw_random *random)
{
    const double turn = 6.283185307179586;
    double u = (sw_random_u32(random) + 1.0) * 0x1p-32; /* (0,1]: its logarithm is finite */
    double angle = turn * (sw_random_u32(random) * 0x1p-32);
    return (float)(sqrt(-2 * log(u)) * cos(angle));
}

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
