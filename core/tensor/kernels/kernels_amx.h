/* kernels_amx.h -- matrix products of float32 on AMX, Intel's tile unit for bf16.
 *
 * A float32 x has 24 bits; bf16 holds 8. So x = h + m + l exactly: h is x rounded to bf16, m what
 * is left of it rounded again, l the rest. Of the nine products of two such sums the six of
 * weight above 2^-24 are taken, exactly and summed in float32 by the unit:
 *
 *     a b  ~  ah bl + ah bm + am bm + am bh + ah bh + al bh
 *
 * The three left out are below 2^-23 |a b| together, of both signs, about 2^-26 by root mean
 * square: less than float32's own rounding of a product (Henry, Tang and Heinecke 2019 count the
 * same way). One tile instruction sums 32 products before it touches the result, so a long sum is
 * rounded seldom. tests/unit/check_matrix_kernels.c holds both to their bounds.
 *
 * The unit takes 8192 products in 16 cycles, so six of them leave 2.7 times what two AVX-512 units
 * multiply. The obstacle is memory: a number is split once for each chunk of a product
 * (6 bytes for 4), and operands are laid out in panels of 32 lines so that tiles are contiguous.
 *
 * What differs from float32: numbers below 2^-110 lose their last parts and those below 2^-126 are
 * 0; an operand that is infinite, or rounds to it (from 3.39e38), gives NaN. NaN stays NaN. An
 * element of the result depends on its row, its column and K alone, not on how the product is cut.
 */
#ifndef SW_TENSOR_KERNELS_AMX_H
#define SW_TENSOR_KERNELS_AMX_H

#include "tensor/kernels/kernels_vector.h"

enum {
    TILE = 16,        /* lines per tile, and pairs of k in each: k and k + 16 share a word */
    TILE_WORDS = 256, /* 16 x 16 words of two bf16 */
    STEP = 32,        /* of k, in a tile */
    PARTS = 3,        /* h, m, l */
    PANEL = 2 * TILE, /* lines side by side */
    PART = 2 * TILE_WORDS,
    PANEL_STEP = PARTS * PART,
    /* A block of A (BLOCK_M x BLOCK_K, 196 KB) and the panels of B (BLOCK_N x BLOCK_K, 786 KB) stay
     * in a level-2 cache of 2 MB; all rows of A for one BLOCK_K are split once, up to MOST_M. */
    BLOCK_K = 512,
    BLOCK_M = 64,
    BLOCK_N = 256,
    MOST_M = 1024,
    ROOM_A = MOST_M / PANEL * (BLOCK_K / STEP) * PANEL_STEP, /* words */
    ROOM_B = BLOCK_N / PANEL * (BLOCK_K / STEP) * PANEL_STEP
};

/* The compiler does not see what the tile instructions read and write. */
#define SW_MEMORY_IS_READ __asm__ volatile("" ::: "memory")

/* ---- splitting ------------------------------------------------------------------------------- */

SW_INLINE __m512i upper_half(__m512i x)
{
    return _mm512_and_si512(x, _mm512_set1_epi32((int)0xffff0000));
}

/* x to the nearest bf16, as a float32; ties away from zero. Some NaN become 0. */
SW_INLINE __m512i to_bf16(__m512 x)
{
    const __m512i half = _mm512_set1_epi32(0x8000);
    return upper_half(_mm512_add_epi32(_mm512_castps_si512(x), half));
}

SW_INLINE void store_pairs(uint32_t *out, __m512i low, __m512i high)
{
    _mm512_store_si512(out, _mm512_or_si512(_mm512_srli_epi32(low, 16), high));
}

/* One row of a tile in each of the three parts; x0 and x1 are 16 of k apart. The last part has 8
 * bits as it is, or is NaN where x was. */
SW_INLINE void split(__m512 x0, __m512 x1, uint32_t *out)
{
    for (int part = 0; part < PARTS - 1; part++, out += PART) {
        __m512i b0 = to_bf16(x0), b1 = to_bf16(x1);
        store_pairs(out, b0, b1);
        x0 = _mm512_sub_ps(x0, _mm512_castsi512_ps(b0));
        x1 = _mm512_sub_ps(x1, _mm512_castsi512_ps(b1));
    }
    store_pairs(out, upper_half(_mm512_castps_si512(x0)), upper_half(_mm512_castps_si512(x1)));
}

/* One operand: `lines` rows of A or columns of B. Where k is contiguous, x[line step + k]; else
 * x[k step + line]. */
struct split_operand {
    const float *x;
    size_t step;
    int lines, K;
};

/* The words of a tile in panels that lie one after the other, each step by step of k. */
SW_INLINE uint32_t *tile_of(uint32_t *panels, const struct split_operand *o, int line, int k)
{
    int steps = (o->K - 1) / STEP + 1;
    size_t panel = (size_t)(line / PANEL), step = (size_t)(k / STEP);
    return panels + (panel * (size_t)steps + step) * PANEL_STEP + line / TILE % 2 * TILE_WORDS;
}

/* 16 numbers from x on, those below `count` of them; zeros for the others. */
SW_INLINE __m512 load_first(const float *x, int count)
{
    if (count >= TILE)
        return _mm512_loadu_ps(x);
    return count > 0 ? _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x)
                     : _mm512_setzero_ps();
}

/* A with k contiguous: rows of tiles are rows of A. */
static void split_rows(const struct split_operand *o, uint32_t *panels)
{
    for (int line = 0; line < o->lines; line++) {
        const float *x = o->x + (size_t)line * o->step;
        uint32_t *out = tile_of(panels, o, line, 0) + line % TILE * TILE;
        for (int k = 0; k < o->K; k += STEP, out += PANEL_STEP)
            split(load_first(x + k, o->K - k), load_first(x + k + TILE, o->K - k - TILE), out);
    }
}

/* B with its columns contiguous: rows of tiles are rows of B, in pairs. */
static void split_columns(const struct split_operand *o, uint32_t *panels)
{
    for (int k = 0; k < o->K; k += STEP)
        for (int i = 0; i < TILE; i++) {
            const float *x0 = o->x + (size_t)(k + i) * o->step, *x1 = x0 + TILE * o->step;
            int there0 = k + i < o->K, there1 = k + i + TILE < o->K;
            for (int line = 0; line < o->lines; line += TILE) {
                int count = o->lines - line;
                split(load_first(x0 + line, there0 ? count : 0),
                      load_first(x1 + line, there1 ? count : 0),
                      tile_of(panels, o, line, k) + i * TILE);
            }
        }
}

/* out (16,16) = the transpose of what is there of x (rows, columns), zeros around it. */
static void transpose_16(const float *x, size_t step, int rows, int columns, float *out)
{
    __m512 r[TILE], t[TILE];
    SW_UNROLL_16 for (int i = 0; i < TILE; i++) r[i] =
        load_first(x + (size_t)i * step, i < rows ? columns : 0);
    SW_UNROLL_16 for (int i = 0; i < TILE; i += 2)
    {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    SW_UNROLL_16 for (int i = 0; i < TILE; i += 4)
    { /* r[i + j]: column j of each quarter of rows i .. i + 3 */
        __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]),
                c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    SW_UNROLL_16 for (int j = 0; j < 4; j++)
    {
        t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
        t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    }
    SW_UNROLL_16 for (int j = 0; j < 8; j++)
    {
        _mm512_store_ps(out + j * TILE, _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88));
        _mm512_store_ps(out + (8 + j) * TILE, _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd));
    }
}

/* Tiles whose rows are the columns of two blocks of x. */
SW_INLINE void split_turned(const float *x0, const float *x1, size_t step, int rows0, int rows1,
                            int columns0, int columns1, uint32_t *out)
{
    float turned[2][TILE_WORDS] __attribute__((aligned(64)));
    transpose_16(x0, step, rows0, columns0, turned[0]);
    transpose_16(x1, step, rows1, columns1, turned[1]);
    for (int i = 0; i < TILE; i++)
        split(_mm512_load_ps(turned[0] + i * TILE), _mm512_load_ps(turned[1] + i * TILE),
              out + i * TILE);
}

/* A with its rows contiguous. */
static void split_rows_turned(const struct split_operand *o, uint32_t *panels)
{
    for (int k = 0; k < o->K; k += STEP)
        for (int line = 0; line < o->lines; line += TILE) {
            const float *x = o->x + (size_t)k * o->step + line;
            int lines = o->lines - line;
            split_turned(x, x + TILE * o->step, o->step, o->K - k, o->K - k - TILE, lines, lines,
                         tile_of(panels, o, line, k));
        }
}

/* B with k contiguous. */
static void split_columns_turned(const struct split_operand *o, uint32_t *panels)
{
    for (int line = 0; line < o->lines; line += TILE)
        for (int k = 0; k < o->K; k += STEP) {
            const float *x = o->x + (size_t)line * o->step + k;
            int lines = o->lines - line;
            split_turned(x, x + TILE, o->step, lines, lines, o->K - k, o->K - k - TILE,
                         tile_of(panels, o, line, k));
        }
}

/* ---- multiplying ----------------------------------------------------------------------------- */

/* Tiles 0 to 3 hold C, 4 and 5 rows of A, 6 and 7 columns of B. */
SW_INLINE void load_rows(int tall, const uint32_t *a, int part)
{
    _tile_loadd(4, a + part * PART, 64);
    if (tall)
        _tile_loadd(5, a + part * PART + TILE_WORDS, 64);
}

SW_INLINE void load_columns(int wide, const uint32_t *b, int part)
{
    _tile_loadd(6, b + part * PART, 64);
    if (wide)
        _tile_loadd(7, b + part * PART + TILE_WORDS, 64);
}

SW_INLINE void add_products(int tall, int wide)
{
    _tile_dpbf16ps(0, 4, 6);
    if (wide)
        _tile_dpbf16ps(1, 4, 7);
    if (tall)
        _tile_dpbf16ps(2, 5, 6);
    if (tall && wide)
        _tile_dpbf16ps(3, 5, 7);
}

/* out (32,32) = a b over `steps` steps of k, in its first 16 rows unless tall and its first 16
 * columns unless wide. Each product differs from the one before in one operand, so that 14 tiles
 * are loaded for 24 products. */
SW_INLINE void multiply_tiles(int tall, int wide, int steps, const uint32_t *a, const uint32_t *b,
                              float *out)
{
    enum { H, M, L, STRIDE = PANEL * sizeof(float) };
    SW_MEMORY_IS_READ;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int s = 0; s < steps; s++, a += PANEL_STEP, b += PANEL_STEP) {
        load_rows(tall, a, H);
        load_columns(wide, b, L);
        add_products(tall, wide);
        load_columns(wide, b, M);
        add_products(tall, wide);
        load_rows(tall, a, M);
        add_products(tall, wide);
        load_columns(wide, b, H);
        add_products(tall, wide);
        load_rows(tall, a, H);
        add_products(tall, wide);
        load_rows(tall, a, L);
        add_products(tall, wide);
    }
    _tile_stored(0, out, STRIDE);
    if (wide)
        _tile_stored(1, out + TILE, STRIDE);
    if (tall)
        _tile_stored(2, out + TILE * PANEL, STRIDE);
    if (tall && wide)
        _tile_stored(3, out + TILE * PANEL + TILE, STRIDE);
    SW_MEMORY_IS_READ;
}

static void multiply_panels(int rows, int columns, int steps, const uint32_t *a, const uint32_t *b,
                            float *out)
{
    if (rows > TILE && columns > TILE)
        multiply_tiles(1, 1, steps, a, b, out);
    else if (rows > TILE)
        multiply_tiles(1, 0, steps, a, b, out);
    else if (columns > TILE)
        multiply_tiles(0, 1, steps, a, b, out);
    else
        multiply_tiles(0, 0, steps, a, b, out);
}

/* C (rows, columns) = x, or += . A sum is rounded into C once for each BLOCK_K, which keeps long
 * ones exact. */
static void put_block(int rows, int columns, const float *x, int accumulate, float *C, size_t ldc)
{
    for (int i = 0; i < rows; i++, x += PANEL, C += ldc)
        for (int j = 0; j < columns; j += TILE) {
            __mmask16 there = (__mmask16)((1u << smaller(TILE, columns - j)) - 1);
            __m512 sum = _mm512_load_ps(x + j);
            if (accumulate)
                sum = _mm512_add_ps(_mm512_maskz_loadu_ps(there, C + j), sum);
            _mm512_mask_storeu_ps(C + j, there, sum);
        }
}

/* A block of C is on its way while the one before it is computed. */
SW_INLINE void fetch_block(int rows, int columns, const float *C, size_t ldc)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j += TILE)
            _mm_prefetch((const char *)(C + (size_t)i * ldc + j), _MM_HINT_T1);
}

/* C (M,N) = a b, or += ; a and b hold panels of BLOCK_K or less of k. */
static void multiply_block(int M, int N, int steps, const uint32_t *a, const uint32_t *b,
                           int accumulate, float *C, size_t ldc)
{
    float sums[PANEL * PANEL] __attribute__((aligned(64)));
    size_t panel = (size_t)steps * PANEL_STEP;
    for (int j = 0; j < N; j += PANEL)
        for (int i = 0; i < M; i += PANEL) {
            int rows = smaller(PANEL, M - i), columns = smaller(PANEL, N - j);
            float *at = C + (size_t)i * ldc + j;
            if (accumulate)
                fetch_block(rows, columns, at, ldc);
            multiply_panels(rows, columns, steps, a + (size_t)(i / PANEL) * panel,
                            b + (size_t)(j / PANEL) * panel, sums);
            put_block(rows, columns, sums, accumulate, at, ldc);
        }
}

/* All eight tiles are 16 rows of 64 bytes. */
static void configure_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } tiles __attribute__((aligned(64))) = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        tiles.row_bytes[i] = 64;
        tiles.rows[i] = TILE;
    }
    SW_MEMORY_IS_READ;
    _tile_loadconfig(&tiles);
}

/* C (lines of A, N) = a b, or +=, of panels over the same K. */
static void multiply_lines(const struct split_operand *a, const uint32_t *panels_a, int N,
                           const uint32_t *panels_b, int accumulate, float *C, size_t ldc)
{
    int steps = (a->K - 1) / STEP + 1;
    for (int i = 0; i < a->lines; i += BLOCK_M)
        multiply_block(smaller(BLOCK_M, a->lines - i), N, steps,
                       panels_a + (size_t)(i / PANEL * steps) * PANEL_STEP, panels_b, accumulate,
                       C + (size_t)i * ldc, ldc);
}

/* Lines of an operand from `line` on and BLOCK_K of its K from k on. */
static struct split_operand part_of(const float *x, int ld, int k_is_contiguous, int line,
                                    int lines, int k, int K)
{
    size_t step = (size_t)ld, l = (size_t)line, from = (size_t)k;
    return (struct split_operand){.x = x + (k_is_contiguous ? l * step + from : from * step + l),
                                  .step = step,
                                  .lines = lines,
                                  .K = smaller(BLOCK_K, K - k)};
}

static void amx_product(int transpose_a, int transpose_b, int M, int N, int K, const float *A,
                        int lda, const float *B, int ldb, int accumulate, float *C, int ldc,
                        void *room)
{
    uint32_t *panels_a = room, *panels_b = panels_a + ROOM_A;
    size_t c_step = (size_t)ldc;
    configure_tiles();
    for (int m = 0; m < M; m += MOST_M)
        for (int k = 0; k < K; k += BLOCK_K) {
            struct split_operand a = part_of(A, lda, !transpose_a, m, smaller(MOST_M, M - m), k, K);
            (transpose_a ? split_rows_turned : split_rows)(&a, panels_a);
            for (int n = 0; n < N; n += BLOCK_N) {
                struct split_operand b =
                    part_of(B, ldb, transpose_b, n, smaller(BLOCK_N, N - n), k, K);
                (transpose_b ? split_columns_turned : split_columns)(&b, panels_b);
                multiply_lines(&a, panels_a, b.lines, panels_b, accumulate || k > 0,
                               C + (size_t)m * c_step + n, c_step);
            }
        }
    _tile_release();
}

/* ---- operands that are split once for many products ------------------------------------------ */

/* Words of N columns over K: all panels of one BLOCK_K, then those of the next. */
SW_INLINE size_t split_words(int K, int N)
{
    size_t steps = (size_t)(K - 1) / STEP + 1, panels = (size_t)(N - 1) / PANEL + 1;
    return steps * panels * PANEL_STEP;
}

/* k: a multiple of BLOCK_K. */
SW_INLINE size_t words_before(int k, int N)
{
    return k ? split_words(k, N) : 0;
}

static size_t amx_prepared_size(int K, int N)
{
    return split_words(K, N) * sizeof(uint32_t);
}

static void amx_prepare(int transpose_b, int K, int N, const float *B, int ldb, void *out)
{
    for (int k = 0; k < K; k += BLOCK_K) {
        struct split_operand b = part_of(B, ldb, transpose_b, 0, N, k, K);
        (transpose_b ? split_columns_turned : split_columns)(&b,
                                                             (uint32_t *)out + words_before(k, N));
    }
}

static void amx_product_prepared(int M, int K, const float *A, int lda,
                                 const struct sw_prepared_product *list, int count, int ldc,
                                 void *room)
{
    uint32_t *panels_a = room;
    configure_tiles();
    for (int m = 0; m < M; m += MOST_M)
        for (int k = 0; k < K; k += BLOCK_K) {
            struct split_operand a = part_of(A, lda, 1, m, smaller(MOST_M, M - m), k, K);
            split_rows(&a, panels_a);
            for (int p = 0; p < count; p++) {
                int N = list[p].N, steps = (a.K - 1) / STEP + 1;
                const uint32_t *panels = (const uint32_t *)list[p].prepared + words_before(k, N);
                for (int n = 0; n < N; n += BLOCK_N)
                    multiply_lines(&a, panels_a, smaller(BLOCK_N, N - n),
                                   panels + (size_t)(n / PANEL * steps) * PANEL_STEP,
                                   k > 0 || !list[p].fresh, list[p].C + (size_t)m * (size_t)ldc + n,
                                   (size_t)ldc);
            }
        }
    _tile_release();
}

#endif
