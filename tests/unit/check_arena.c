/* check_arena.c -- memory of one lifetime. */
#include "unit.h"

#include "tensor/tape/arena.h"

#include <stdint.h>

/* Read by the address sanitizer, where it is built in: a size too large returns NULL as elsewhere.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Vector kernels load 64-byte lines: a tensor that begins elsewhere would crash or be slow. */
START_TEST(every_piece_is_aligned)
{
    struct sw_arena *arena = sw_arena_new();
    for (size_t bytes = 0; bytes < 300; bytes += 7) {
        void *at = sw_arena_alloc(arena, bytes);
        ck_assert_ptr_nonnull(at);
        ck_assert_uint_eq((uintptr_t)at % 64, 0);
    }
    sw_arena_free(arena);
}
END_TEST

enum { PIECES = 500 };

static size_t piece_size(int i)
{
    return (size_t)(i * 7919 % 5000 + (i % 97 == 0 ? 200000 : 0));
}

/* One round of a step: pieces of mixed sizes, each filled with a byte of its own. */
static void take_round(struct sw_arena *arena, unsigned char **piece)
{
    for (int i = 0; i < PIECES; i++) {
        piece[i] = sw_arena_alloc(arena, piece_size(i));
        ck_assert_ptr_nonnull(piece[i]);
        memset(piece[i], i & 255, piece_size(i));
    }
}

/* Overlapping pieces would let one tensor's numbers overwrite another's. */
START_TEST(pieces_do_not_overlap)
{
    struct sw_arena *arena = sw_arena_new();
    unsigned char *piece[PIECES];
    for (int round = 0; round < 3; round++) {
        take_round(arena, piece);
        for (int i = 0; i < PIECES; i++) {
            size_t kept = 0;
            for (size_t j = 0; j < piece_size(i); j++)
                kept += piece[i][j] == (i & 255);
            ck_assert_uint_eq(kept, piece_size(i));
        }
        sw_arena_reset(arena);
    }
    sw_arena_free(arena);
}
END_TEST

/* A long training run must stop growing after its first step, and give each tensor its old place.
 */
START_TEST(a_second_round_fits_what_the_first_left)
{
    struct sw_arena *arena = sw_arena_new();
    unsigned char *piece[PIECES], *again[PIECES];
    take_round(arena, piece);
    sw_arena_reset(arena);
    size_t held = sw_arena_held(arena);
    take_round(arena, piece);
    ck_assert_uint_eq(sw_arena_held(arena), held);
    for (int i = 1; i < PIECES; i++)
        ck_assert_msg(piece[i] > piece[i - 1] && piece[i] < piece[0] + held,
                      "piece %d is not in the one block", i);
    for (int round = 0; round < 5; round++) {
        sw_arena_reset(arena);
        take_round(arena, again);
        ck_assert_mem_eq(again, piece, sizeof piece);
    }
    ck_assert_uint_eq(sw_arena_held(arena), held);
    sw_arena_free(arena);
}
END_TEST

/* A gradient that starts from what the last step left there would be wrong. */
START_TEST(zeroed_is_zero_after_reuse)
{
    struct sw_arena *arena = sw_arena_new();
    for (int round = 0; round < 3; round++) {
        unsigned char *at = sw_arena_zeroed(arena, 1000);
        for (int i = 0; i < 1000; i++)
            ck_assert_uint_eq(at[i], 0);
        memset(at, 0xee, 1000);
        sw_arena_reset(arena);
    }
    sw_arena_free(arena);
}
END_TEST

/* A size from a hostile file must come back as "out of memory", not as a small piece. */
START_TEST(sizes_that_cannot_be_are_refused)
{
    static const size_t sizes[] = {SIZE_MAX,
                                   SIZE_MAX - 1,
                                   SIZE_MAX - 63,
                                   SIZE_MAX - 64,
                                   SIZE_MAX - 127,
                                   SIZE_MAX / 2,
                                   (size_t)PTRDIFF_MAX - 64,
                                   (size_t)1 << 62};
    struct sw_arena *arena = sw_arena_new();
    unsigned char *before = sw_arena_zeroed(arena, 10);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_ptr_null(sw_arena_alloc(arena, sizes[i]));
        ck_assert_ptr_null(sw_arena_zeroed(arena, sizes[i]));
    }
    ck_assert_ptr_nonnull(sw_arena_alloc(arena, 10));
    ck_assert_uint_eq(before[9], 0);
    sw_arena_free(arena);
    sw_arena_free(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, every_piece_is_aligned);
    tcase_add_test(tests, pieces_do_not_overlap);
    tcase_add_test(tests, a_second_round_fits_what_the_first_left);
    tcase_add_test(tests, zeroed_is_zero_after_reuse);
    tcase_add_test(tests, sizes_that_cannot_be_are_refused);
}

UNIT_MAIN("arena", add_tests)
