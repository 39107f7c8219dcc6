/* arena.c -- chained bump blocks; a reset joins them into one. */
#include "tensor/tape/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Under the address sanitizer what is not handed out may not be touched, so that a write past a
 * tensor's end is found although its neighbour lies in the same block. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SW_ARENA_GUARDED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SW_ARENA_GUARDED 1
#endif
#ifdef SW_ARENA_GUARDED
#include <sanitizer/asan_interface.h>
#define GUARD(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define OPEN(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
enum { GAP = 64 };
#else
#define GUARD(at, size) ((void)(at), (void)(size))
#define OPEN(at, size) ((void)(at), (void)(size))
enum { GAP = 0 };
#endif

enum { ALIGNMENT = 64, FIRST_BLOCK = 64 * 1024 };

struct block {
    struct block *before; /* filled earlier */
    size_t size, taken;   /* bytes behind the head */
};

struct sw_arena {
    struct block *last;
    size_t used; /* in all blocks, since the last reset */
};

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static char *start_of(struct block *block)
{
    return (char *)block + ALIGNMENT;
}

static void drop(struct block *block)
{
    OPEN(start_of(block), block->size);
    free(block);
}

/* Large blocks lie on large pages where the kernel gives them on request: a product that walks rows
 * of 4 KB would touch one page per row, and takes 5 to 10 % longer. */
static void *get(size_t size)
{
    enum { PAGE = 2 << 20 };
    if (size < 2 * (size_t)PAGE)
        return aligned_alloc(ALIGNMENT, size);
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    void *at = aligned_alloc(PAGE, whole);
    if (at)
        madvise(at, whole, MADV_HUGEPAGE); /* a request; without it, only slower */
    return at;
}

/* `size` is a multiple of ALIGNMENT. */
static int push(struct sw_arena *arena, size_t size)
{
    _Static_assert(sizeof(struct block) <= ALIGNMENT, "a block's head fits one unit");
    if (size > PTRDIFF_MAX / 2)
        return 0;
    struct block *block = get(size + ALIGNMENT);
    if (!block)
        return 0;
    block->before = arena->last;
    block->size = size;
    block->taken = 0;
    arena->last = block;
    GUARD(start_of(block), size);
    return 1;
}

struct sw_arena *sw_arena_new(void)
{
    return calloc(1, sizeof(struct sw_arena));
}

static void drop_all(struct sw_arena *arena)
{
    while (arena->last) {
        struct block *before = arena->last->before;
        drop(arena->last);
        arena->last = before;
    }
}

void sw_arena_free(struct sw_arena *arena)
{
    if (!arena)
        return;
    drop_all(arena);
    free(arena);
}

void *sw_arena_alloc(struct sw_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - 2 * ALIGNMENT - GAP)
        return NULL;
    size_t size = rounded(bytes ? bytes : 1) + GAP;
    struct block *block = arena->last;
    if (!block || size > block->size - block->taken) {
        size_t next = block ? block->size : FIRST_BLOCK / 2;
        next = next > PTRDIFF_MAX / 4 ? next : 2 * next;
        if (!push(arena, next > size ? next : size) && !push(arena, size))
            return NULL;
        block = arena->last;
    }
    void *at = start_of(block) + block->taken;
    block->taken += size;
    arena->used += size;
    OPEN(at, bytes);
    return at;
}

void *sw_arena_zeroed(struct sw_arena *arena, size_t bytes)
{
    void *at = sw_arena_alloc(arena, bytes);
    if (at)
        memset(at, 0, bytes);
    return at;
}

void sw_arena_reset(struct sw_arena *arena)
{
    if (arena->last && arena->last->before) {
        /* An eighth more than this round took, so that a slightly longer one still fits. Without
         * memory for it the arena starts empty, and the next allocation says so. */
        size_t whole = rounded(arena->used + arena->used / 8);
        drop_all(arena);
        push(arena, whole);
    }
    if (arena->last) {
        arena->last->taken = 0;
        GUARD(start_of(arena->last), arena->last->size);
    }
    arena->used = 0;
}

size_t sw_arena_held(const struct sw_arena *arena)
{
    size_t bytes = 0;
    for (const struct block *block = arena->last; block; block = block->before)
        bytes += block->size;
    return bytes;
}
