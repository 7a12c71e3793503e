/* The tile, written once over vector_<isa>.h and compiled for each instruction set, kind and height.
 *
 * Where the speed comes from: the sums of a block and the sums over blocks both stay in registers (6 x 2 vectors each
 * of 32 with AVX-512, for six rows); a step is two loads of columns, six broadcasts of rows and twelve dot products; a
 * block ends with a conversion, an integer addition that multiplies two powers of two, and a multiply-add. FP32 has one
 * sort of sums alone, so that AVX-512's registers take twice as many: 8 x 3, which has the fewest loads (11 for 24
 * multiply-adds; a processor whose other hardware thread is busy issues three instructions a cycle, and then each
 * load counts), or 12 x 2 where there are only two panels. */
#include "kernels/kernels.h"
#include "kernels/vector/decode.h"

enum {
    VECTORS_PER_PANEL = MOTE_GEMM_PANEL / LANES,
    SHORT = 6,     /* rows whose sums of both sorts fit the registers */
    PLAIN_TURN = 8 /* steps of FP32 that are written out: few enough for the cache of decoded instructions */
};

#if defined(MOTE_GEMM_HAVE_BF16)
#define TILES_BF16(vectors)  TILES(BF16, vectors)
#define ROW_OF_BF16(vectors) ROW_OF(BF16, vectors)
#else /* not chosen */
#define TILES_BF16(vectors)
#define ROW_OF_BF16(vectors)                                                                                           \
    {                                                                                                                  \
        NULL                                                                                                           \
    }
static inline vint vi_dot_bf16(vint sum, vint a, vint b) { return (void)a, (void)b, sum; }
#endif

/* Sums of one block in one vector of columns. Where there is no 8-bit dot product with 32-bit sums, INT8 takes only
 * operands whose sums over a block fit 16 bits (mote_gemm_choose) and widens them at the end of it. */
INLINE vint begin_block(mote_gemm_kind kind, const int32_t *correction)
{
    bool corrected = kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV;
    return corrected && HAVE_DOT8 ? vi_broadcast(correction) : vi_zero();
}

INLINE vint step(mote_gemm_kind kind, vint sum, vint column, vint row)
{
    if (kind == MOTE_GEMM_FLOAT || kind == MOTE_GEMM_FLOAT_NV || kind == MOTE_GEMM_PLAIN) {
        return vf_bits(vf_fma(vi_float(row), vi_float(column), vi_float(sum)));
    }
    if (kind == MOTE_GEMM_BF16) {
        return vi_dot_bf16(sum, column, row);
    }
    sum = kind == MOTE_GEMM_INT16 ? vi_dot16(sum, column, row) : vi_dot8(sum, column, row);
    if (!HAVE_DOT8) { /* two instructions: keep the compiler from computing all products first and spilling them */
        __asm__ volatile("" : "+v"(sum));
    }
    return sum;
}

INLINE vfloat end_block(mote_gemm_kind kind, vint sum, const int32_t *correction)
{
    if (kind == MOTE_GEMM_FLOAT || kind == MOTE_GEMM_FLOAT_NV || kind == MOTE_GEMM_BF16) {
        return vi_float(sum);
    }
    if ((kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV) && !HAVE_DOT8) {
        sum = vi_dot16(vi_broadcast(correction), sum, vi_set_words(1));
    }
    return vf_from_int(sum);
}

/* total + sum * scale_a * scale_b, rounded once. */
INLINE vfloat add_block(mote_gemm_kind kind, bool careful, vfloat total, vfloat sum, const int32_t *scale_a,
                        vint scale_b)
{
    vint a = vi_broadcast(scale_a);
    if (kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_FLOAT_NV) {
        return vf_fma(sum, vf_mul(vi_float(a), vi_float(scale_b)), total);
    }
    if (!careful) {
        return vf_fma(sum, vi_float(vi_add(a, scale_b)), total);
    }
    /* beyond FP32's exponents: two powers, each a normal number */
    vint field_a = vi_sar(a, MOTE_FP32_MANTISSA_BITS), field_b = vi_sar(scale_b, MOTE_FP32_MANTISSA_BITS);
    vint bias = vi_set(MOTE_FP32_BIAS), shift = vi_set(1024); /* lets numbers with a sign be compared without */
    vint exponent = vi_add(vi_sub(vi_add(field_a, field_b), bias), shift);
    exponent = vi_min(vi_max(exponent, vi_set(1024 + MOTE_GEMM_POWER_LOWEST)), vi_set(1024 + MOTE_GEMM_POWER_HIGHEST));
    /* the second power is what FP32 can hold of it, the first the rest: one, and the same bits as above, where all fits
     */
    vint normal = vi_min(vi_max(exponent, vi_set(1024 - 126)), vi_set(1024 + MOTE_FP32_BIAS));
    vint first = vi_shl(vi_add(vi_sub(exponent, normal), bias), MOTE_FP32_MANTISSA_BITS);
    vint second = vi_shl(vi_add(vi_sub(normal, shift), bias), MOTE_FP32_MANTISSA_BITS);
    vint below = vi_set(1024 + MOTE_GEMM_FIELD_NAN);
    second = vi_select_less(vi_add(field_a, shift), below, second, vi_set(MOTE_FP32_NAN));
    second = vi_select_less(vi_add(field_b, shift), below, second, vi_set(MOTE_FP32_NAN));
    return vf_fma(vf_mul(sum, vi_float(first)), vi_float(second), total);
}

INLINE void ask_ahead(mote_gemm_ahead *next, int lines_per_row)
{
    for (int i = 0; i < next->lines; i++, next->columns += MOTE_GEMM_LINE) {
        __builtin_prefetch((const void *)next->columns, 0, 2);
    }
    for (int r = 0; r < next->rows; r++, next->result += next->stride) {
        for (int i = 0; i < lines_per_row; i++) {
            __builtin_prefetch((const void *)(next->result + (uintptr_t)i * MOTE_GEMM_LINE));
        }
    }
}

/* Rows of the next tile are too short for the processor to guess them. (FP32's are long, and would crowd out columns.)
 */
INLINE void fetch_next_rows(const uint8_t *values, size_t stride, int bytes)
{
    for (int r = 0; r < SHORT; r++) {
        for (int line = 0; line < bytes; line += 64) {
            __builtin_prefetch(values + (size_t)r * stride + line);
        }
    }
}

/* Where the sums of row r in vector v begin. */
INLINE float *sums_at(float *sums, int r, int v)
{
    int lane = v * LANES;
    return sums + lane / MOTE_GEMM_WIDTH * MOTE_GEMM_PIECE + r * MOTE_GEMM_WIDTH + lane % MOTE_GEMM_WIDTH;
}

/* A tile whose rows and vectors are constants. */
INLINE void tile(mote_gemm_kind kind, bool careful, int rows, int vectors, size_t blocks, const mote_gemm_rows *a,
                 const mote_gemm_columns *b, const mote_gemm_ahead *ahead, float *sums)
{
    mote_gemm_ahead next = *ahead;
    const bool nv = kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_FLOAT_NV;
    const int steps = (int)mote_gemm_steps(kind) >> nv;
    const uint8_t *values = a->values;
    const uint8_t *columns[2];
    const int32_t *scales[2];
    vfloat total[SHORT][2];
    for (int v = 0; v < vectors; v++) {
        columns[v] =
            b->values + (size_t)(v / VECTORS_PER_PANEL) * b->stride + (size_t)(v % VECTORS_PER_PANEL) * sizeof(vint);
        scales[v] =
            b->scales + (size_t)(v / VECTORS_PER_PANEL) * b->scale_stride + (size_t)(v % VECTORS_PER_PANEL) * LANES;
        for (int r = 0; r < rows; r++) {
            total[r][v] = vf_load(sums_at(sums, r, v));
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        vint sum[SHORT][2];
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                sum[r][v] = begin_block(kind, a->corrections + (size_t)r * a->scale_stride + block);
            }
        }
#pragma GCC unroll 32
        for (int s = 0; s < steps; s++) {
            vint column[2];
            for (int v = 0; v < vectors; v++) {
                column[v] = vi_load(columns[v] + (size_t)s * MOTE_GEMM_LINE);
            }
            for (int r = 0; r < rows; r++) {
                vint row = vi_broadcast(values + (ptrdiff_t)r * (ptrdiff_t)a->stride + 4 * s);
                for (int v = 0; v < vectors; v++) {
                    sum[r][v] = step(kind, sum[r][v], column[v], row);
                }
            }
        }
        for (int r = 0; r < rows; r++) {
            size_t at = (size_t)r * a->scale_stride + block;
            for (int v = 0; v < vectors; v++) {
                total[r][v] = add_block(kind, careful, total[r][v], end_block(kind, sum[r][v], a->corrections + at),
                                        a->scales + at, vi_load(scales[v] + block * MOTE_GEMM_PANEL));
            }
        }
        ask_ahead(&next, (vectors + VECTORS_PER_PANEL - 1) / VECTORS_PER_PANEL);
        if (rows == SHORT && kind != MOTE_GEMM_FLOAT && kind != MOTE_GEMM_FLOAT_NV) {
            fetch_next_rows(values + SHORT * a->stride, a->stride, 4 * steps);
        }
        values += 4 * steps;
        for (int v = 0; v < vectors; v++) {
            columns[v] += (size_t)steps * MOTE_GEMM_LINE;
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            vf_store(sums_at(sums, r, v), total[r][v]);
        }
    }
}

/* The same for PLAIN, which has neither blocks nor scales. */
INLINE void tile_plain(int rows, int vectors, size_t blocks, const mote_gemm_rows *a, const mote_gemm_columns *b,
                       const mote_gemm_ahead *ahead, float *sums)
{
    mote_gemm_ahead next = *ahead;
    const uint8_t *values = a->values, *columns[MOTE_GEMM_PANELS];
    vfloat total[MOTE_GEMM_ROWS][MOTE_GEMM_PANELS];
    for (int v = 0; v < vectors; v++) {
        columns[v] =
            b->values + (size_t)(v / VECTORS_PER_PANEL) * b->stride + (size_t)(v % VECTORS_PER_PANEL) * sizeof(vint);
        for (int r = 0; r < rows; r++) {
            total[r][v] = vf_load(sums_at(sums, r, v));
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        ask_ahead(&next, (vectors + VECTORS_PER_PANEL - 1) / VECTORS_PER_PANEL);
        for (int turn = 0; turn < MOTE_MX_BLOCK / PLAIN_TURN; turn++) {
#pragma GCC unroll 8
            for (int s = 0; s < PLAIN_TURN; s++) {
                vfloat column[MOTE_GEMM_PANELS];
                for (int v = 0; v < vectors; v++) {
                    column[v] = vi_float(vi_load(columns[v] + (size_t)s * MOTE_GEMM_LINE));
                }
                for (int r = 0; r < rows; r++) {
                    vfloat row = vi_float(vi_broadcast(values + (ptrdiff_t)r * (ptrdiff_t)a->stride + 4 * s));
                    for (int v = 0; v < vectors; v++) {
                        total[r][v] = vf_fma_into(total[r][v], row, column[v]);
                    }
                }
            }
            values += 4 * PLAIN_TURN;
            for (int v = 0; v < vectors; v++) {
                columns[v] += (size_t)PLAIN_TURN * MOTE_GEMM_LINE;
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) {
            vf_store(sums_at(sums, r, v), total[r][v]);
        }
    }
}

/* Every kind and height is compiled by itself. */
#define TILE(kind, rows, vectors)                                                                                      \
    static void tile_##kind##_##rows##_##vectors(size_t blocks, const mote_gemm_rows *a, const mote_gemm_columns *b,   \
                                                 const mote_gemm_ahead *ahead, float *sums)                            \
    {                                                                                                                  \
        tile(MOTE_GEMM_##kind, false, rows, vectors, blocks, a, b, ahead, sums);                                       \
    }
#define PLAIN(rows, vectors)                                                                                           \
    static void tile_PLAIN_##rows##_##vectors(size_t blocks, const mote_gemm_rows *a, const mote_gemm_columns *b,      \
                                              const mote_gemm_ahead *ahead, float *sums)                               \
    {                                                                                                                  \
        tile_plain(rows, vectors, blocks, a, b, ahead, sums);                                                          \
    }
#define PLAINS(vectors)                                                                                                \
    PLAIN(1, vectors)                                                                                                  \
    PLAIN(2, vectors) PLAIN(3, vectors) PLAIN(4, vectors) PLAIN(5, vectors) PLAIN(6, vectors)
#define TILES(kind, vectors)                                                                                           \
    TILE(kind, 1, vectors)                                                                                             \
    TILE(kind, 2, vectors) TILE(kind, 3, vectors) TILE(kind, 4, vectors) TILE(kind, 5, vectors) TILE(kind, 6, vectors)
#define ROW_OF(kind, vectors)                                                                                          \
    {                                                                                                                  \
        tile_##kind##_1_##vectors, tile_##kind##_2_##vectors, tile_##kind##_3_##vectors, tile_##kind##_4_##vectors,    \
            tile_##kind##_5_##vectors, tile_##kind##_6_##vectors                                                       \
    }
#define FOR_VECTORS(vectors)                                                                                           \
    TILES(INT8, vectors)                                                                                               \
    TILES(INT16, vectors)                                                                                              \
    TILES(FLOAT, vectors)                                                                                              \
    TILES_BF16(vectors) TILES(INT8_NV, vectors) TILES(FLOAT_NV, vectors) PLAINS(vectors)
#define TABLE_OF(vectors)                                                                                              \
    {                                                                                                                  \
        ROW_OF(INT8, vectors), ROW_OF(INT16, vectors), ROW_OF(FLOAT, vectors), ROW_OF_BF16(vectors),                   \
            ROW_OF(INT8_NV, vectors), ROW_OF(FLOAT_NV, vectors), ROW_OF(PLAIN, vectors)                                \
    }
typedef void tile_function(size_t blocks, const mote_gemm_rows *a, const mote_gemm_columns *b,
                           const mote_gemm_ahead *ahead, float *sums);

/* AVX-512 works on two panels of one vector together; AVX2 on one panel of two vectors at a time. */
FOR_VECTORS(2)
static tile_function *const two[MOTE_GEMM_KIND_COUNT][SHORT] = TABLE_OF(2);
#if defined(__AVX512F__)
FOR_VECTORS(1)
static tile_function *const one[MOTE_GEMM_KIND_COUNT][SHORT] = TABLE_OF(1);
#define TALLS(vectors)                                                                                                 \
    PLAIN(7, vectors)                                                                                                  \
    PLAIN(8, vectors) PLAIN(9, vectors) PLAIN(10, vectors) PLAIN(11, vectors) PLAIN(12, vectors)
#define TALL_OF(vectors)                                                                                               \
    {                                                                                                                  \
        tile_PLAIN_7_##vectors, tile_PLAIN_8_##vectors, tile_PLAIN_9_##vectors, tile_PLAIN_10_##vectors,               \
            tile_PLAIN_11_##vectors, tile_PLAIN_12_##vectors                                                           \
    }
TALLS(1)
TALLS(2)
static tile_function *const tall[2][MOTE_GEMM_ROWS - SHORT] = {TALL_OF(1), TALL_OF(2)};
PLAINS(3)
PLAIN(7, 3)
PLAIN(8, 3)
static tile_function *const wide[MOTE_GEMM_WIDE_ROWS] = {tile_PLAIN_1_3, tile_PLAIN_2_3, tile_PLAIN_3_3,
                                                         tile_PLAIN_4_3, tile_PLAIN_5_3, tile_PLAIN_6_3,
                                                         tile_PLAIN_7_3, tile_PLAIN_8_3};
#endif

/* Scales out of the ordinary: one row and one vector at a time. */
static void tile_carefully(mote_gemm_kind kind, size_t blocks, const mote_gemm_rows *a, const mote_gemm_columns *b,
                           float *sums)
{
    static const mote_gemm_ahead nothing;
    switch (kind) {
    case MOTE_GEMM_INT8: tile(MOTE_GEMM_INT8, true, 1, VECTORS_PER_PANEL, blocks, a, b, &nothing, sums); break;
    case MOTE_GEMM_INT16: tile(MOTE_GEMM_INT16, true, 1, VECTORS_PER_PANEL, blocks, a, b, &nothing, sums); break;
    case MOTE_GEMM_BF16: tile(MOTE_GEMM_BF16, true, 1, VECTORS_PER_PANEL, blocks, a, b, &nothing, sums); break;
    default: tile(MOTE_GEMM_FLOAT, true, 1, VECTORS_PER_PANEL, blocks, a, b, &nothing, sums); break;
    }
}

INLINE mote_gemm_rows rows_from(const mote_gemm_rows *a, int row)
{
    return (mote_gemm_rows){a->values + (size_t)row * a->stride, a->stride, a->scales + (size_t)row * a->scale_stride,
                            a->corrections + (size_t)row * a->scale_stride, a->scale_stride};
}

INLINE mote_gemm_columns panels_from(const mote_gemm_columns *b, int panel)
{
    return (mote_gemm_columns){b->values + (size_t)panel * b->stride, b->stride,
                               b->scales + (size_t)panel * b->scale_stride, b->scale_stride};
}

INLINE void short_tile(mote_gemm_kind kind, int rows, int panels, size_t blocks, const mote_gemm_rows *a,
                       const mote_gemm_columns *b, const mote_gemm_ahead *ahead, float *sums)
{
#if defined(__AVX512F__)
    (panels == 2 ? two : one)[kind][rows - 1](blocks, a, b, ahead, sums);
#else
    mote_gemm_columns second = panels_from(b, 1);
    mote_gemm_ahead beside = *ahead; /* the other half of the result's lines; the columns are asked for */
    beside.lines = 0;
    beside.result += MOTE_GEMM_LINE;
    two[kind][rows - 1](blocks, a, b, ahead, sums);
    if (panels == 2) {
        two[kind][rows - 1](blocks, a, &second, &beside, sums + MOTE_GEMM_PANEL);
    }
#endif
}

/* One or two panels. */
INLINE void narrow_tile(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks, const mote_gemm_rows *a,
                        const mote_gemm_columns *b, const mote_gemm_ahead *ahead, float *sums)
{
    bool powers = !mote_gemm_is_nv(kind) && kind != MOTE_GEMM_PLAIN;
    if (careful && powers) {
        mote_gemm_columns second = panels_from(b, 1);
        for (int r = 0; r < rows; r++) {
            mote_gemm_rows row = rows_from(a, r);
            tile_carefully(kind, blocks, &row, b, sums + r * MOTE_GEMM_WIDTH);
            if (panels == 2) {
                tile_carefully(kind, blocks, &row, &second, sums + r * MOTE_GEMM_WIDTH + MOTE_GEMM_PANEL);
            }
        }
        return;
    }
#if defined(__AVX512F__)
    if (kind == MOTE_GEMM_PLAIN && rows > SHORT) {
        tall[panels - 1][rows - SHORT - 1](blocks, a, b, ahead, sums);
        return;
    }
#endif
    int first = rows > SHORT ? rows - rows / 2 : rows;
    short_tile(kind, first, panels, blocks, a, b, ahead, sums);
    if (first < rows) {
        mote_gemm_rows rest = rows_from(a, first);
        mote_gemm_ahead more = *ahead;
        more.columns += blocks * (uintptr_t)more.lines * MOTE_GEMM_LINE;
        more.result += blocks * (uintptr_t)more.rows * more.stride;
        short_tile(kind, rows - first, panels, blocks, &rest, b, &more, sums + first * MOTE_GEMM_WIDTH);
    }
}

INLINE void gemm_tile(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks, const mote_gemm_rows *a,
                      const mote_gemm_columns *b, const mote_gemm_ahead *ahead, float *sums)
{
    static const mote_gemm_ahead nothing;
    ahead = ahead ? ahead : &nothing;
#if defined(__AVX512F__)
    if (kind == MOTE_GEMM_PLAIN && rows <= MOTE_GEMM_WIDE_ROWS && panels == MOTE_GEMM_PANELS) {
        wide[rows - 1](blocks, a, b, ahead, sums);
        return;
    }
#endif
    narrow_tile(kind, careful, rows, panels < 2 ? panels : 2, blocks, a, b, ahead, sums);
    if (panels == MOTE_GEMM_PANELS) {
        mote_gemm_columns third = panels_from(b, 2);
        narrow_tile(kind, careful, rows, 1, blocks, a, &third, &nothing, sums + MOTE_GEMM_PIECE);
    }
}
