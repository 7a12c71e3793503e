/* One body for every instruction set: branch-free integer arithmetic on one lane, which the compiler
 * vectorizes. Values are loaded and stored with memcpy: codes of a file need not be aligned. */
#include "formats/element.h"
#include "kernels/kernels.h"

/* Magnitude code of |x|, given as bits, for an element with m mantissa bits and smallest normal exponent
 * lowest; may reach or pass the code of infinity. The terms are those of mote_encode_magnitude(). */
static inline __attribute__((always_inline)) uint32_t magnitude16(uint32_t bits, int m, int lowest,
                                                                  mote_rounding rounding, uint32_t random)
{
    int field = (int)(bits >> MOTE_FP32_MANTISSA_BITS);
    int normal = field > 0;
    int exponent = field + !normal - MOTE_FP32_BIAS;
    uint32_t significand = (bits & (MOTE_FP32_IMPLIED_ONE - 1)) | (uint32_t)normal << MOTE_FP32_MANTISSA_BITS;
    int above = exponent - lowest;
    int scaled = above > 0 ? above : 0;
    int below = above < 0 ? -above : 0;
    /* beyond 31 everything is discarded; 31 keeps the same result, for the significand has 24 bits, but
     * stochastic rounding sees the fraction shrink, so it moves the rest into the significand */
    int shift = MOTE_FP32_MANTISSA_BITS - m + below;
    int rest = shift > 31 ? shift - 31 : 0;
    rest = rest > 31 ? 31 : rest;
    shift = shift > 31 ? 31 : shift;
    uint32_t k;
    switch (rounding) {
    case MOTE_NEAREST_EVEN: {
        uint32_t odd = significand >> shift & 1;
        k = (significand + ((1u << (shift - 1)) - 1) + odd) >> shift;
        break;
    }
    case MOTE_NEAREST_AWAY: k = (significand + (1u << (shift - 1))) >> shift; break;
    case MOTE_STOCHASTIC: {
        uint32_t fraction = significand << (32 - shift);
        fraction = rest ? (significand << 1) >> rest : fraction;
        k = (significand >> shift) + (random < fraction);
        break;
    }
    default: k = significand >> shift; break;
    }
    return k + ((uint32_t)scaled << m);
}

static inline __attribute__((always_inline)) uint16_t narrow_one(uint32_t bits, int m, int lowest, uint32_t infinity,
                                                                 mote_rounding rounding, uint32_t random)
{
    uint32_t magnitude = bits & MOTE_FP32_ABS;
    uint32_t code = magnitude16(magnitude, m, lowest, rounding, random);
    uint32_t limit = rounding == MOTE_TOWARD_ZERO ? infinity - 1 : infinity;
    code = code < limit ? code : limit;
    code = magnitude == MOTE_FP32_INFINITY ? infinity : code;
    code = magnitude > MOTE_FP32_INFINITY ? infinity | 1u << (m - 1) : code;
    return (uint16_t)(code | (bits >> 16 & 0x8000));
}

static inline __attribute__((always_inline)) void narrow_all(int m, int lowest, uint32_t infinity,
                                                             mote_rounding rounding, size_t count, const float *x,
                                                             const uint32_t *random, uint16_t *codes)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t code = narrow_one(mote_float_bits(x[i]), m, lowest, infinity, rounding,
                                   rounding == MOTE_STOCHASTIC ? random[i] : 0);
        memcpy(codes + i, &code, sizeof code);
    }
}

static inline __attribute__((always_inline)) void narrow_rounding(int m, int lowest, uint32_t infinity,
                                                                  mote_rounding rounding, size_t count, const float *x,
                                                                  const uint32_t *random, uint16_t *codes)
{
    switch (rounding) {
    case MOTE_NEAREST_EVEN: narrow_all(m, lowest, infinity, MOTE_NEAREST_EVEN, count, x, NULL, codes); break;
    case MOTE_NEAREST_AWAY: narrow_all(m, lowest, infinity, MOTE_NEAREST_AWAY, count, x, NULL, codes); break;
    case MOTE_STOCHASTIC: narrow_all(m, lowest, infinity, MOTE_STOCHASTIC, count, x, random, codes); break;
    default: narrow_all(m, lowest, infinity, MOTE_TOWARD_ZERO, count, x, NULL, codes); break;
    }
}

/* bf16 to nearest even, what training asks for: the upper half of the bits after adding just less than half of its last
 * place. Arrays of the right types, because a memcpy of each value would not be vectorized. */
static inline __attribute__((always_inline)) void narrow_brain(size_t count, const float *x, uint16_t *codes)
{
    enum { CHUNK = 256, NAN_CODE = 0x7FC0 };
    for (size_t i = 0; i < count; i += CHUNK) {
        uint32_t bits[CHUNK];
        uint16_t chunk[CHUNK];
        size_t here = mote_size_min(CHUNK, count - i);
        memcpy(bits, x + i, here * sizeof *bits);
        for (size_t l = 0; l < here; l++) {
            uint32_t b = bits[l], code = (b + 0x7FFF + (b >> 16 & 1)) >> 16;
            uint32_t nan = 0 - (uint32_t)((b & MOTE_FP32_ABS) > MOTE_FP32_INFINITY);
            chunk[l] = (uint16_t)((code & ~nan) | ((NAN_CODE | (b >> 16 & 0x8000)) & nan));
        }
        memcpy(codes + i, chunk, here * sizeof *chunk);
    }
}

static inline void narrow(mote_format format, mote_rounding rounding, size_t count, const float *x,
                          const uint32_t *random, uint16_t *codes)
{
    if (format == MOTE_BF16 && rounding == MOTE_NEAREST_EVEN) {
        narrow_brain(count, x, codes);
    } else if (format == MOTE_BF16) {
        narrow_rounding(7, -126, 0x7F80, rounding, count, x, random, codes);
    } else {
        narrow_rounding(10, -14, 0x7C00, rounding, count, x, random, codes);
    }
}

static inline void widen(mote_format format, size_t count, const uint16_t *codes, float *y)
{
    enum { M = 10, BIAS = 15, FIELD_MAXIMUM = 31 };
    for (size_t i = 0; i < count; i++) {
        uint16_t code;
        memcpy(&code, codes + i, sizeof code);
        uint32_t bits = (uint32_t)code << 16, sign = bits & 0x80000000u;
        if (format == MOTE_FP16) {
            uint32_t magnitude = code & 0x7FFFu;
            uint32_t normal = (magnitude << (MOTE_FP32_MANTISSA_BITS - M)) +
                              ((uint32_t)(MOTE_FP32_BIAS - BIAS) << MOTE_FP32_MANTISSA_BITS);
            uint32_t subnormal = mote_float_bits((float)magnitude * 0x1p-24f);
            uint32_t top = normal + ((uint32_t)(MOTE_FP32_BIAS - BIAS) << MOTE_FP32_MANTISSA_BITS);
            bits = magnitude >> M == 0 ? subnormal : normal;
            bits = magnitude >> M == FIELD_MAXIMUM ? top : bits;
            bits |= sign;
        }
        bits = (bits & MOTE_FP32_ABS) > MOTE_FP32_INFINITY ? (uint32_t)MOTE_FP32_NAN : bits;
        y[i] = mote_bits_float(bits);
    }
}
