/* Portable C: one value at a time. The definition that ships; ref/ is the one that is only read. */
#include "kernels/kernels.h"

static uint32_t magnitude(float x) { return mote_float_bits(x) & MOTE_FP32_ABS; }

/* Scale byte of a block and the factor for its elements. */
static uint8_t choose_scale(const mote_block_spec *spec, uint32_t largest, float *factor)
{
    *factor = 0;
    if (spec->block == MOTE_MX_BLOCK) {
        uint32_t scale = mote_block_scale(spec->element, spec->increment, largest);
        if (scale != MOTE_E8M0_NAN) {
            *factor = mote_bits_float(mote_e8m0_reciprocal_bits(scale));
        }
        return (uint8_t)scale;
    }
    if (largest >= MOTE_FP32_INFINITY) {
        return MOTE_E4M3_NAN;
    }
    const mote_element *e4m3 = mote_element_get(MOTE_MXFP8_E4M3);
    float ratio = mote_nvfp4_block_ratio(mote_bits_float(largest), spec->encode_scale);
    uint32_t scale = mote_encode_magnitude(e4m3, MOTE_NEAREST_EVEN, mote_float_bits(ratio), 0);
    *factor = mote_nvfp4_reciprocal(mote_decode_element(e4m3, scale), spec->tensor_scale);
    return (uint8_t)scale;
}

/* One block of length values, stride apart, with its largest magnitude; random words random_stride apart. */
static void quantize_block(const mote_block_spec *spec, size_t length, const float *x, ptrdiff_t stride,
                           uint32_t largest, const uint32_t *random, size_t random_stride, uint8_t *elements,
                           uint8_t *scale)
{
    uint8_t codes[MOTE_MX_BLOCK] = {0};
    float factor;
    *scale = choose_scale(spec, largest, &factor);
    if (largest < MOTE_FP32_INFINITY) {
        for (size_t i = 0; i < length; i++) {
            float scaled = x[(ptrdiff_t)i * stride] * factor;
            uint32_t code = mote_encode_magnitude(spec->element, spec->rounding, magnitude(scaled),
                                                  random ? random[i * random_stride] : 0);
            codes[i] = (uint8_t)mote_apply_sign(spec->element, code, mote_float_bits(scaled) >> 31);
        }
    }
    mote_pack_codes(spec->element->bits, (size_t)spec->block, codes, elements);
}

void mote_quantize_rows__c(const mote_block_spec *spec, size_t count, const float *x, const uint32_t *random,
                           uint8_t *elements, uint8_t *scales)
{
    size_t block = (size_t)spec->block, bytes = block * (size_t)spec->element->bits / 8;
    for (size_t i = 0; i < count; i += block) {
        size_t length = mote_size_min(block, count - i);
        uint32_t largest = 0;
        for (size_t j = i; j < i + length; j++) {
            uint32_t m = magnitude(x[j]);
            largest = m > largest ? m : largest;
        }
        quantize_block(spec, length, x + i, 1, largest, random ? random + i : NULL, 1, elements + i / block * bytes,
                       scales + i / block);
    }
}

void mote_quantize_columns__c(const mote_block_spec *spec, size_t length, size_t count, const float *x,
                              const float *next, ptrdiff_t ldx, const uint32_t *maxima, const uint32_t *random,
                              uint8_t *elements, size_t element_stride, uint8_t *scales, size_t scale_stride)
{
    (void)next;
    for (size_t c = 0; c < count; c++) {
        quantize_block(spec, length, x + c, ldx, maxima[c], random ? random + c : NULL, count,
                       elements + c * element_stride, scales + c * scale_stride);
    }
}

void mote_column_maxima__c(size_t length, size_t count, const float *x, ptrdiff_t ldx, uint32_t *maxima)
{
    for (size_t c = 0; c < count; c++) {
        maxima[c] = 0;
    }
    for (size_t r = 0; r < length; r++) {
        for (size_t c = 0; c < count; c++) {
            uint32_t m = magnitude(x[(ptrdiff_t)r * ldx + (ptrdiff_t)c]);
            maxima[c] = m > maxima[c] ? m : maxima[c];
        }
    }
}

static void dequantize_block(const mote_block_spec *spec, size_t length, const uint8_t *elements, uint8_t scale,
                             float *y, ptrdiff_t stride)
{
    float factor = spec->block == MOTE_MX_BLOCK ? mote_bits_float(mote_e8m0_bits(scale))
                                                : mote_decode_element(mote_element_get(MOTE_MXFP8_E4M3), scale);
    for (size_t i = 0; i < length; i++) {
        uint32_t code = mote_unpack_code(elements, spec->element->bits, i);
        float value = mote_decode_element(spec->element, code) * factor;
        if (spec->block == MOTE_NVFP4_BLOCK) {
            value *= spec->tensor_scale; /* the product before is exact, so this rounds once */
        }
        /* any NaN that comes out is the one NaN, whichever operand it came from */
        y[(ptrdiff_t)i * stride] = value == value ? value : mote_bits_float(MOTE_FP32_NAN);
    }
}

void mote_dequantize_rows__c(const mote_block_spec *spec, size_t count, const uint8_t *elements, const uint8_t *scales,
                             float *y)
{
    size_t block = (size_t)spec->block, bytes = block * (size_t)spec->element->bits / 8;
    for (size_t i = 0; i < count; i += block) {
        dequantize_block(spec, mote_size_min(block, count - i), elements + i / block * bytes, scales[i / block], y + i,
                         1);
    }
}

void mote_dequantize_columns__c(const mote_block_spec *spec, size_t length, size_t count, const uint8_t *elements,
                                size_t element_stride, const uint8_t *scales, size_t scale_stride, float *y,
                                ptrdiff_t ldy)
{
    for (size_t c = 0; c < count; c++) {
        dequantize_block(spec, length, elements + c * element_stride, scales[c * scale_stride], y + c, ldy);
    }
}

uint32_t mote_largest_magnitude__c(size_t count, const float *x)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t m = magnitude(x[i]);
        largest = m < MOTE_FP32_INFINITY && m > largest ? m : largest;
    }
    return largest;
}
