/* A source: one side of a product as lines along the reduction dimension, wherever its numbers come from.
 *
 * FP32 arrays are quantized a group of lines at a time, straight into a thread's scratch, so the FP32 side is read once
 * and its narrow form need never reach memory. Tensors are read where they lie. */
#ifndef MOTE_KERNELS_GEMM_SOURCE_H
#define MOTE_KERNELS_GEMM_SOURCE_H

#include "kernels/quantize/box.h"

enum {
    /* The reduction dimension is worked off in segments of this many values; their sums are added to the result one
     * after the other. It is part of the definition of a product (docs/numerics.md), so it is the same on every
     * machine. */
    MOTE_GEMM_SEGMENT = 2048,
    MOTE_GEMM_GROUP = 64, /* lines quantized together at most */
    MOTE_GEMM_LINE_BYTES = MOTE_GEMM_GROUP * MOTE_GEMM_SEGMENT,
    MOTE_GEMM_GROUP_PLAIN = MOTE_GEMM_LINE_BYTES / (MOTE_GEMM_SEGMENT * 4),
    MOTE_GEMM_LINE_SCALES = MOTE_GEMM_GROUP * MOTE_GEMM_SEGMENT / MOTE_NVFP4_BLOCK
};

/* Where a line of a convolution's source finds its values; see convolution.c. */
typedef struct mote_gemm_window mote_gemm_window;
typedef void mote_gemm_gather_fn(const mote_gemm_window *window, size_t line, size_t begin, size_t count,
                                 float *values);

typedef struct mote_gemm_source {
    mote_format format;
    const mote_element *element; /* NULL for fp32 */
    size_t lines, length;        /* length: of the reduction dimension */

    const float *values; /* FP32, or NULL: planes or a window */
    ptrdiff_t line_stride, stride;
    mote_block_spec spec;
    const mote_quantize_options *options;
    uint64_t position, line_position, value_position; /* of the first value in its tensor; steps (random numbers) */

    const mote_gemm_window *window;
    mote_gemm_gather_fn *gather;

    const uint8_t *elements, *scales; /* planes */
    size_t line_bytes, scale_bytes;   /* of a whole line */
    float tensor_scale;
} mote_gemm_source;

/* Lines ready to be expanded: packed codes (FP32 words for fp32), padded with zeros to whole blocks of 32. */
typedef struct mote_gemm_lines {
    const uint8_t *elements, *scales; /* scales: NULL for formats without blocks */
    size_t stride, scale_stride;
} mote_gemm_lines;

typedef struct mote_gemm_line_scratch {
    mote_scratch box;
    _Alignas(64) uint8_t lines[MOTE_GEMM_LINE_BYTES];
    uint8_t scales[MOTE_GEMM_LINE_SCALES];
    float values[MOTE_GEMM_GROUP_PLAIN * MOTE_GEMM_SEGMENT];
} mote_gemm_line_scratch;

/* Bits of an element as lines hold it. */
static inline size_t mote_gemm_source_bits(const mote_gemm_source *source)
{
    return source->element ? (size_t)source->element->bits : 32;
}

/* True if the format has blocks. */
static inline bool mote_gemm_source_blocks(const mote_gemm_source *source)
{
    return mote_format_is_block(source->format);
}

/* Lines that mote_gemm_lines_get takes at once. */
size_t mote_gemm_source_group(const mote_gemm_source *source);

/* Values begin .. begin + count - 1 of lines first .. first + lines - 1; begin is a multiple of MOTE_GEMM_SEGMENT,
 * count at most that. The result points into scratch or into the source's planes. */
mote_gemm_lines mote_gemm_lines_get(const mote_kernels *kernels, const mote_gemm_source *source, size_t first,
                                    size_t lines, size_t begin, size_t count, mote_gemm_line_scratch *scratch);

#endif
