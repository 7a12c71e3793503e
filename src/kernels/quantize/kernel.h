/* Kernel family quantize: FP32 to block formats and back.
 *
 * Rows: the block dimension is contiguous in memory. Columns: it runs down the rows of a row-major matrix,
 * and its neighbour is contiguous; no transposed copy is made, the packed blocks come out contiguous.
 * All versions are exact: the same bytes as ref/. */
#ifndef MOTE_KERNELS_QUANTIZE_KERNEL_H
#define MOTE_KERNELS_QUANTIZE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/element.h"

enum { MOTE_MX_BLOCK = 32, MOTE_NVFP4_BLOCK = 16 };

/* What a kernel must know of format and options. */
typedef struct mote_block_spec {
    const mote_element *element;
    int block; /* MOTE_MX_BLOCK, or MOTE_NVFP4_BLOCK: then scales are E4M3 */
    mote_rounding rounding;
    uint32_t increment; /* mote_scale_increment(); unused by nvfp4 and by dequantize */
    float tensor_scale; /* nvfp4 decode scale; 1 for MX */
    float encode_scale; /* nvfp4: its reciprocal, see mote_nvfp4_scales() */
    bool stream;        /* dequantize: the result is too large for the caches, write past them */
} mote_block_spec;

/* Quantizes one line of count values. elements: ceil(count / block) packed blocks; scales: one byte a block.
 * random: count words if the rounding is stochastic, else NULL. Reads and writes nothing else. */
typedef void mote_quantize_rows_fn(const mote_block_spec *spec, size_t count, const float *x, const uint32_t *random,
                                   uint8_t *elements, uint8_t *scales);

/* maxima[c] = bits of the largest |x| of column c of a row-major matrix of length rows (at least 1) by count columns,
 * ldx floats a row; NaN and infinity count, as the largest bits. Row by row, so that memory is read in order. */
typedef void mote_column_maxima_fn(size_t length, size_t count, const float *x, ptrdiff_t ldx, uint32_t *maxima);

/* Quantizes one block (length values, at most spec->block) of each of count columns of x, a row-major matrix
 * with ldx floats a row and the maxima that mote_column_maxima_fn found. Block c goes to elements +
 * c * element_stride and scales + c * scale_stride.
 * random: length * count words, row-major, if the rounding is stochastic, else NULL.
 * next: a matrix of the same shape that will be read next and is fetched meanwhile, or x itself. */
typedef void mote_quantize_columns_fn(const mote_block_spec *spec, size_t length, size_t count, const float *x,
                                      const float *next, ptrdiff_t ldx, const uint32_t *maxima, const uint32_t *random,
                                      uint8_t *elements, size_t element_stride, uint8_t *scales, size_t scale_stride);

/* The inverses. */
typedef void mote_dequantize_rows_fn(const mote_block_spec *spec, size_t count, const uint8_t *elements,
                                     const uint8_t *scales, float *y);

typedef void mote_dequantize_columns_fn(const mote_block_spec *spec, size_t length, size_t count,
                                        const uint8_t *elements, size_t element_stride, const uint8_t *scales,
                                        size_t scale_stride, float *y, ptrdiff_t ldy);

/* Bits of the largest finite |x[i]|; 0 if there is none. */
typedef uint32_t mote_largest_magnitude_fn(size_t count, const float *x);

/* NVFP4's tensor scale and its reciprocal from the largest finite magnitude of the tensor, as arXiv
 * 2509.25149 appendix B defines them, in FP32: encode = 6 * 448 / largest, decode = 1 / encode. */
static inline void mote_nvfp4_scales(float largest, float *encode, float *decode)
{
    const float range = 6.0f * 448.0f, huge = 0x1.fffffep127f;
    float scale = largest > 0 ? range / largest : 1.0f;
    scale = scale < huge ? scale : huge;
    *encode = scale;
    *decode = 1.0f / scale;
}

/* Block scale of nvfp4 before it is rounded to E4M3: (largest / 6) * encode, in this order. */
static inline float mote_nvfp4_block_ratio(float largest, float encode) { return largest / 6.0f * encode; }

/* What nvfp4's elements are multiplied by, given the decoded block scale; a block scale that rounded to zero
 * makes the whole block zero. */
static inline float mote_nvfp4_reciprocal(float block_scale, float tensor_scale)
{
    const float huge = 0x1.fffffep127f;
    if (block_scale == 0) {
        return 0;
    }
    float reciprocal = 1.0f / (block_scale * tensor_scale);
    return reciprocal < huge ? reciprocal : huge;
}

/* Packs count codes (bits 4, 6 or 8; count a multiple of 4) from the least significant bit up. */
static inline void mote_pack_codes(int bits, size_t count, const uint8_t *codes, uint8_t *packed)
{
    if (bits == 8) {
        memcpy(packed, codes, count);
    } else if (bits == 4) {
        for (size_t i = 0; i < count / 2; i++) {
            packed[i] = (uint8_t)(codes[2 * i] | codes[2 * i + 1] << 4);
        }
    } else {
        for (size_t i = 0; i < count / 4; i++) {
            const uint8_t *c = codes + 4 * i;
            uint32_t word = c[0] | (uint32_t)c[1] << 6 | (uint32_t)c[2] << 12 | (uint32_t)c[3] << 18;
            packed[3 * i] = (uint8_t)word;
            packed[3 * i + 1] = (uint8_t)(word >> 8);
            packed[3 * i + 2] = (uint8_t)(word >> 16);
        }
    }
}

#endif
