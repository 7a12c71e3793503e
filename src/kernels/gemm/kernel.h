/* Kernel family gemm: products of matrices whose operands lie ready in the cache.
 *
 * A product y = a b^T is worked off in tiles: up to MOTE_GEMM_ROWS rows of a against one to three panels of
 * MOTE_GEMM_PANEL columns. Both operands are expanded first, from their narrow codes to what the arithmetic takes, so
 * that the inner loop only loads and multiplies. A step is one 32-bit word of each row and column:
 *
 *   kind      a word holds   arithmetic of a block                     used for
 *   INT8      4 integers     exact, 8-bit dot products                 mxint8, e2m3, e2m1 with each other
 *   INT16     2 integers     exact, 16-bit dot products                the same and e3m2
 *   FLOAT     1 FP32         FP32 multiply-adds in order               e4m3, e5m2, or one side without blocks
 *   BF16      2 BF16         FP32 multiply-adds in order               as FLOAT, where BF16 dot products are fast
 *   INT8_NV   4 integers     exact                                     nvfp4 (blocks of 16, scales that are no powers)
 *   FLOAT_NV  1 FP32         FP32 multiply-adds in order               nvfp4 against a side without blocks
 *   PLAIN     1 FP32         FP32 multiply-adds in order, no scales    fp32, bf16, fp16 with each other
 *
 * For each block b the sum s_b of its element products is formed from zero; the tile then does, with one rounding,
 * sum = sum + s_b * scale_a(b) * scale_b(b), block after block. Every version does the same operations in the same
 * order, so a tile's bits depend on its row and its column alone. docs/kernels.md draws the layouts. */
#ifndef MOTE_KERNELS_GEMM_KERNEL_H
#define MOTE_KERNELS_GEMM_KERNEL_H

#include "kernels/quantize/kernel.h"

typedef enum mote_gemm_kind {
    MOTE_GEMM_INT8,
    MOTE_GEMM_INT16,
    MOTE_GEMM_FLOAT,
    MOTE_GEMM_BF16,
    MOTE_GEMM_INT8_NV,
    MOTE_GEMM_FLOAT_NV,
    MOTE_GEMM_PLAIN,
    MOTE_GEMM_KIND_COUNT
} mote_gemm_kind;

enum {
    MOTE_GEMM_ROWS = 12,  /* rows of a tile at most: two lots of what the registers hold */
    MOTE_GEMM_FEW = 4,    /* rows that share the work of expanding in registers */
    MOTE_GEMM_PANEL = 16, /* columns of a panel: one 64-byte line a step */
    MOTE_GEMM_WIDTH = 2 * MOTE_GEMM_PANEL,
    MOTE_GEMM_PIECE = MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH, /* sums of a tile's two panels */
    MOTE_GEMM_PANELS = 3,                               /* of a tile at most */
    MOTE_GEMM_WIDE_ROWS = 8,                            /* rows that go best with three panels */
    MOTE_GEMM_LINE = MOTE_GEMM_PANEL * 4,
    MOTE_GEMM_OFFSET = 128 /* INT8: added to the columns' integers, which the instruction wants unsigned */
};

/* Steps of 32 values. */
static inline size_t mote_gemm_steps(mote_gemm_kind kind)
{
    return kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV ? 8
           : kind == MOTE_GEMM_INT16 || kind == MOTE_GEMM_BF16 ? 16
                                                               : 32;
}

static inline bool mote_gemm_is_nv(mote_gemm_kind kind)
{
    return kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_FLOAT_NV;
}

/* Place of value i among a row's or a column's: a BF16 word holds the earlier of its two values in its high half, which
 * the instruction multiplies first. */
static inline size_t mote_gemm_place(mote_gemm_kind kind, size_t i) { return kind == MOTE_GEMM_BF16 ? i ^ 1 : i; }

/* A kind's arithmetic works on element values times 2^fraction. */
static inline int mote_gemm_fraction(mote_gemm_kind kind, const mote_element *element)
{
    if (kind == MOTE_GEMM_INT8 || kind == MOTE_GEMM_INT8_NV || kind == MOTE_GEMM_INT16) {
        return element->mantissa_bits - element->minimum_exponent;
    }
    return element->nan && !element->infinity ? -8 : 0; /* e4m3 passes through FP16, see vf_from_e4m3() */
}

/* Rows of a, expanded: values in the order of the reduction dimension.
 * scales: of a block, as a power of two: (exponent + MOTE_GEMM_ROW_BIAS) << 23; of nvfp4: FP32 bits.
 * corrections: INT8 and INT8_NV: -MOTE_GEMM_OFFSET times the sum of the block's integers. */
typedef struct mote_gemm_rows {
    const uint8_t *values;
    size_t stride; /* bytes from row to row */
    const int32_t *scales, *corrections;
    size_t scale_stride; /* blocks from row to row */
} mote_gemm_rows;

/* Columns, expanded: panel after panel, step after step, a line of MOTE_GEMM_PANEL words.
 * scales: block after block, MOTE_GEMM_PANEL each: (exponent + MOTE_GEMM_COLUMN_BIAS) << 23, so that the sum with a
 * row's is the FP32 number 2^(sum of the exponents); of nvfp4: FP32 bits. */
typedef struct mote_gemm_columns {
    const uint8_t *values;
    size_t stride; /* bytes from panel to panel */
    const int32_t *scales;
    size_t scale_stride; /* words from panel to panel */
} mote_gemm_columns;

/* The biases add up to FP32's; each keeps its side's fields, with the elements' fraction, within nine bits and a sign.
 * MOTE_GEMM_FIELD_NAN says NaN, for rows and columns alike; no finite scale reaches it. A careful
 * tile's powers stop where nothing changes any more: a sum of MX elements times 2^-252 is lost in rounding, one times
 * 2^180 overflows, while times half of either it is still a number. */
enum {
    MOTE_GEMM_ROW_BIAS = 32,
    MOTE_GEMM_COLUMN_BIAS = MOTE_FP32_BIAS - MOTE_GEMM_ROW_BIAS,
    MOTE_GEMM_FIELD_NAN = 255,
    MOTE_GEMM_POWER_LOWEST = -252,
    MOTE_GEMM_POWER_HIGHEST = 180
};

/* Lines of memory that a tile asks for as it goes, a few with each block of 32, because a processor waits for a dozen
 * at once at most, and for none the sooner: of what the tiles after it read and write. */
typedef struct mote_gemm_ahead {
    uintptr_t columns; /* the next: one line after the other; addresses may lie behind what there is */
    int lines;         /* of them with each block */
    uintptr_t result;  /* of the next rows */
    uintptr_t stride;  /* bytes from row to row */
    int rows;          /* of them with each block */
} mote_gemm_ahead;

/* sums[r * MOTE_GEMM_WIDTH + c] += the product of row r and column c over blocks blocks of 32 (nvfp4: of 16, twice as
 * many). rows <= MOTE_GEMM_ROWS, panels 1 to MOTE_GEMM_PANELS; a third panel's sums begin MOTE_GEMM_PIECE behind the
 * first's. careful: exponents may add up beyond FP32's, or be NaN. ahead: may be NULL. */
typedef void mote_gemm_tile_fn(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks,
                               const mote_gemm_rows *a, const mote_gemm_columns *b, const mote_gemm_ahead *ahead,
                               float *sums);

/* Expands one packed line of count values (a multiple of 32) of at most 8 bits to a row. corrections: one a block of 32
 * or, for nvfp4, 16; not written by kinds without. */
typedef void mote_gemm_expand_row_fn(mote_gemm_kind kind, const mote_element *element, size_t count,
                                     const uint8_t *line, void *row, int32_t *corrections);

/* Packs lines (at most MOTE_GEMM_PANEL) of count values (a multiple of 32), stride bytes apart, to a panel of codes;
 * lines that are missing become zeros. element NULL: the lines are FP32. */
typedef void mote_gemm_pack_panel_fn(const mote_element *element, size_t count, int lines, const uint8_t *line,
                                     size_t stride, uint8_t *packed);

/* Expands a panel of codes of count values (a multiple of 32) a column to what a tile of this kind takes. */
typedef void mote_gemm_expand_panel_fn(mote_gemm_kind kind, const mote_element *element, size_t count,
                                       const uint8_t *packed, void *panel);

/* Columns in packed panels. field: as of mote_gemm_expand_scales_fn. */
typedef struct mote_gemm_codes {
    const uint8_t *codes, *scales;
    size_t stride, scale_stride; /* bytes from panel to panel */
    int field;
} mote_gemm_codes;

/* The same as expanding panels of codes and their scales and then a tile without care, for columns with blocks, of a
 * kind other than FLOAT_NV: for few rows, at the speed of reading the packed panels. blocks: of 32. */
typedef void mote_gemm_few_fn(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                              const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums);

/* Scale bytes as tiles take them: (byte + field) << 23, or MOTE_GEMM_FIELD_NAN << 23 for 255; of nvfp4 FP32 bits. */
typedef void mote_gemm_expand_scales_fn(bool nv, int field, size_t count, const uint8_t *bytes, int32_t *scales);

/* What sums are multiplied by at the end: a number near one and a power of two in two halves, which together may lie
 * beyond FP32's range although the result does not. All are 1 but for nvfp4. */
typedef struct mote_gemm_scale {
    float fraction, first, second;
} mote_gemm_scale;

/* y = sums * scale (+ bias) (+ y), rows (MOTE_GEMM_WIDTH sums and stride values of y apart) by columns; every NaN
 * becomes MOTE_FP32_NAN. */
typedef void mote_gemm_finish_fn(int rows, size_t columns, const float *sums, mote_gemm_scale scale, const float *bias,
                                 bool add, float *y, ptrdiff_t stride);

#endif
