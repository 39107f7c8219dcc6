/* arena.h -- memory of one lifetime: bump blocks, chained, kept at their high-water mark. */
#ifndef SW_TENSOR_ARENA_H
#define SW_TENSOR_ARENA_H

#include <stddef.h>

struct sw_arena;

struct sw_arena *sw_arena_new(void);        /* NULL when out of memory */
void sw_arena_free(struct sw_arena *arena); /* NULL is fine */

/* `bytes` bytes, 64-byte aligned, not zeroed; NULL when out of memory. */
void *sw_arena_alloc(struct sw_arena *arena, size_t bytes);
void *sw_arena_zeroed(struct sw_arena *arena, size_t bytes);

/* Forgets all allocations. After the first round everything fits one block, so that a running step
 * makes no system call for memory. */
void sw_arena_reset(struct sw_arena *arena);

size_t sw_arena_held(const struct sw_arena *arena); /* bytes taken from the system */

#endif
