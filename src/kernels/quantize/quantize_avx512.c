/* The vector kernels for avx512. */
#include "kernels/vector/vector_avx512.h"

#include "kernels/quantize/quantize_body.h"

void mote_quantize_rows__avx512(const mote_block_spec *spec, size_t count, const float *x, const uint32_t *random,
                                uint8_t *elements, uint8_t *scales)
{
    quantize_rows(spec, count, x, random, elements, scales);
}

void mote_quantize_columns__avx512(const mote_block_spec *spec, size_t length, size_t count, const float *x,
                                   const float *next, ptrdiff_t ldx, const uint32_t *maxima, const uint32_t *random,
                                   uint8_t *elements, size_t element_stride, uint8_t *scales, size_t scale_stride)
{
    quantize_columns(spec, length, count, x, next, ldx, maxima, random, elements, element_stride, scales, scale_stride);
}

void mote_column_maxima__avx512(size_t length, size_t count, const float *x, ptrdiff_t ldx, uint32_t *maxima)
{
    column_maxima(length, count, x, ldx, maxima);
}

void mote_dequantize_rows__avx512(const mote_block_spec *spec, size_t count, const uint8_t *elements,
                                  const uint8_t *scales, float *y)
{
    dequantize_rows(spec, count, elements, scales, y);
}

void mote_dequantize_columns__avx512(const mote_block_spec *spec, size_t length, size_t count, const uint8_t *elements,
                                     size_t element_stride, const uint8_t *scales, size_t scale_stride, float *y,
                                     ptrdiff_t ldy)
{
    dequantize_columns(spec, length, count, elements, element_stride, scales, scale_stride, y, ldy);
}

uint32_t mote_largest_magnitude__avx512(size_t count, const float *x) { return largest_magnitude(count, x); }
