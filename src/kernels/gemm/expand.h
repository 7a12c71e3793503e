/* Operands of tiles: rows and panels of columns expanded from their codes, and what a tile must know of their scales.
 */
#ifndef MOTE_KERNELS_GEMM_EXPAND_H
#define MOTE_KERNELS_GEMM_EXPAND_H

#include "kernels/gemm/product.h"

/* A range of scale bytes. */
typedef struct mote_gemm_range {
    int lowest, highest;
} mote_gemm_range;

/* Where expanded rows lie. Between rows is a gap, so that they do not share cache sets. */
typedef struct mote_gemm_row_area {
    uint8_t *values;
    size_t stride;                 /* bytes from row to row: mote_gemm_row_bytes() */
    int32_t *scales, *corrections; /* of a row: blocks * mote_gemm_parts() */
    uint8_t *ranges;               /* of each row: smallest and largest scale byte */
    size_t blocks;                 /* of 32 */
} mote_gemm_row_area;

/* Scale blocks in 32 values. */
static inline size_t mote_gemm_parts(mote_gemm_kind kind) { return mote_gemm_is_nv(kind) ? 2 : 1; }

size_t mote_gemm_row_bytes(mote_gemm_kind kind, size_t blocks);

/* Expands lines of a source (as mote_gemm_lines_get returned them) to rows row .. row + count - 1 of an area. in_place:
 * tiles read the values where the source has them, so only scales are written. */
void mote_gemm_expand_rows(const mote_kernels *kernels, mote_gemm_kind kind, const mote_gemm_source *source,
                           const mote_gemm_lines *lines, size_t count, bool in_place, const mote_gemm_row_area *area,
                           size_t row);

/* Expands panels panel .. panel + panels - 1 of a segment of packed columns, blocks first .. first + blocks - 1 of it.
 * values: panels * blocks * mote_gemm_steps() lines, not used for FP32, which is what a tile takes as it is; scales:
 * panels * blocks * mote_gemm_parts() * MOTE_GEMM_PANEL. */
mote_gemm_columns mote_gemm_expand_columns(const mote_kernels *kernels, mote_gemm_kind kind,
                                           const mote_gemm_packed *packed, size_t segment, size_t panel, size_t panels,
                                           size_t first, size_t blocks, uint8_t *values, int32_t *scales);

/* Ranges of rows, from an area's ranges, and of packed panels. */
mote_gemm_range mote_gemm_range_of_rows(const uint8_t *ranges, size_t row, size_t rows);
mote_gemm_range mote_gemm_range_of_panels(const mote_gemm_packed *packed, size_t segment, size_t panel, size_t panels);

/* Kinds whose scales are powers of two. */
static inline bool mote_gemm_has_powers(mote_gemm_kind kind)
{
    return kind != MOTE_GEMM_PLAIN && !mote_gemm_is_nv(kind);
}

/* What the sum of a row's and a column's scale bytes stands above its power of two, for rows of format a and columns of
 * format b. */
int mote_gemm_bias(mote_gemm_kind kind, mote_format a, mote_format b);

/* True if exponents of these rows and columns could leave FP32's normal range, or one is a NaN; for kinds whose scales
 * are powers. */
static inline bool mote_gemm_needs_care(int bias, mote_gemm_range rows, mote_gemm_range columns)
{
    return rows.highest == MOTE_E8M0_NAN || columns.highest == MOTE_E8M0_NAN ||
           rows.lowest + columns.lowest - bias < 1 || rows.highest + columns.highest - bias > MOTE_E8M0_LARGEST;
}

/* What sums are multiplied by at the end: the tensor scales' product, which need not fit FP32. */
mote_gemm_scale mote_gemm_scale_of(mote_gemm_kind kind, float a, float b);

#endif
