/* The two sides of a tile in attention: rows and columns of an operand, quantized, expanded and kept while they are
 * used.
 *
 * An operand's view holds positions (lines of memory) by width. Its lines are the positions, reduced along the width,
 * or, "down", the columns, reduced along the positions. */
#ifndef MOTE_KERNELS_ATTENTION_SIDE_H
#define MOTE_KERNELS_ATTENTION_SIDE_H

#include "kernels/attention/attention.h"

/* Counts bytes, or hands out parts of memory, 64-byte aligned. */
typedef struct mote_attention_memory {
    uint8_t *memory; /* NULL: only counts */
    size_t used;
} mote_attention_memory;
void *mote_attention_take(mote_attention_memory *memory, size_t count, size_t size);

typedef struct mote_attention_rows {
    int operand;
    mote_gemm_row_area area;
    mote_gemm_range range; /* of all rows */
    float tensor_scale;
} mote_attention_rows;

typedef struct mote_attention_columns {
    int operand;
    uint8_t *values; /* room for the expanded panels, their scales, and packed codes before they are expanded */
    int32_t *scales;
    uint8_t *codes;
    mote_gemm_columns columns;
    size_t panels;
    mote_gemm_range range;
    float tensor_scale;
    bool wild; /* down: a value is not finite, so that 0 times it is not 0 */
} mote_attention_columns;

/* Room for lines of length in any format. codes: shared by sides that are filled one after the other. */
void mote_attention_place_rows(mote_attention_memory *memory, size_t lines, size_t length, mote_attention_rows *rows);
void mote_attention_place_columns(mote_attention_memory *memory, size_t lines, size_t length, uint8_t *codes,
                                  mote_attention_columns *columns);
size_t mote_attention_code_bytes(size_t lines, size_t length);

void mote_attention_fill_rows(const mote_attention_job *j, int operand, const mote_attention_view *view,
                              size_t positions, size_t width, bool down, mote_gemm_scratch *scratch,
                              mote_attention_rows *rows);
void mote_attention_fill_columns(const mote_attention_job *j, int operand, const mote_attention_view *view,
                                 size_t positions, size_t width, bool down, mote_gemm_scratch *scratch,
                                 mote_attention_columns *columns);

/* True if tiles take FP32 rows of this operand where they lie, and how. values: whole blocks of 32 a row. */
bool mote_attention_in_place(const mote_attention_job *j, int operand);
void mote_attention_use_rows(int operand, const float *values, size_t stride, mote_attention_rows *rows);

/* What a tile multiplies: rows row .. row + rows - 1 from block a on, panels panel and panel + 1 from block b on, count
 * blocks. */
typedef struct mote_attention_tile {
    size_t row;
    int rows;
    size_t panel, a, b, count;
} mote_attention_tile;

/* to[r * MOTE_GEMM_WIDTH + c] = the product, added to what is there with add. */
void mote_attention_multiply(const mote_attention_job *j, const mote_attention_rows *a, const mote_attention_columns *b,
                             const mote_attention_tile *tile, bool add, float *to);

/* The same where b runs down positions, of which row r sees seen[r] alone: elsewhere a is 0, and must win against a b
 * that is not finite. */
void mote_attention_multiply_seen(const mote_attention_job *j, const mote_attention_rows *a,
                                  const mote_attention_columns *b, const mote_attention_tile *tile,
                                  const mote_attention_range *seen, bool add, float *to);

#endif
