/* Element codecs: the bits of one number narrower than FP32, in portable C.
 *
 * Every element but mxint8's is sign and magnitude: code = sign << (bits - 1) | magnitude. The magnitude of
 * a floating-point element and of mxint8 (whose values are k / 64) follow one rule, which is why one encoder
 * serves all: with E = max(exponent of |y|, minimum_exponent) and k = |y| / 2^(E - mantissa_bits) rounded
 * to an integer,
 *
 *     magnitude = k + ((E - minimum_exponent) << mantissa_bits)
 *
 * for normal and subnormal elements alike; a carry out of k moves to the next exponent by itself. */
#ifndef MOTE_FORMATS_ELEMENT_H
#define MOTE_FORMATS_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mote/format.h"
#include "mote/quantize.h"

typedef struct mote_element {
    int bits;
    int mantissa_bits;
    int minimum_exponent; /* of a normal element */
    int maximum_exponent; /* OCP's emax */
    uint32_t largest;     /* magnitude code of the largest finite element */
    uint32_t infinity;    /* magnitude code of infinity, or 0 if there is none */
    uint32_t nan;         /* smallest magnitude code that is a NaN, or 0 if there is none */
    bool twos_complement; /* mxint8 */
} mote_element;

enum {
    MOTE_FP32_MANTISSA_BITS = 23,
    MOTE_FP32_BIAS = 127,
    MOTE_FP32_ABS = 0x7FFFFFFF,
    MOTE_FP32_INFINITY = 0x7F800000,
    MOTE_FP32_IMPLIED_ONE = 0x00800000,
    MOTE_FP32_NAN = 0x7FC00000, /* the NaN that decoding makes */
    MOTE_E8M0_NAN = 0xFF,
    MOTE_E8M0_LARGEST = 0xFE,
    MOTE_E4M3_NAN = 0x7F
};

static inline uint32_t mote_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float mote_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Magnitude code of |y|, given as FP32 bits without the sign; y is finite. Saturates. random is one word of
 * the counter-based generator, used by MOTE_STOCHASTIC alone: up if random < discarded fraction * 2^32. */
static inline uint32_t mote_encode_magnitude(const mote_element *element, mote_rounding rounding, uint32_t bits,
                                             uint32_t random)
{
    uint32_t field = bits >> MOTE_FP32_MANTISSA_BITS;
    uint32_t significand = bits & (MOTE_FP32_IMPLIED_ONE - 1);
    int exponent = 1 - MOTE_FP32_BIAS;
    if (field) {
        significand |= MOTE_FP32_IMPLIED_ONE;
        exponent = (int)field - MOTE_FP32_BIAS;
    }
    int lowest = element->minimum_exponent;
    int scaled = exponent > lowest ? exponent - lowest : 0;
    int dropped = exponent > lowest ? 0 : lowest - exponent;
    int shift = MOTE_FP32_MANTISSA_BITS - element->mantissa_bits + dropped; /* bits to discard, at least 1 */
    uint32_t k = shift < 32 ? significand >> shift : 0;
    /* the discarded fraction times 2^32, and whether anything below that is left */
    uint64_t wide = shift < 64 ? ((uint64_t)significand << 32) >> shift : 0;
    uint32_t fraction = (uint32_t)wide;
    bool more = shift < 64 ? (((uint64_t)significand << 32) & ((UINT64_C(1) << shift) - 1)) != 0 : significand != 0;
    const uint32_t half = 0x80000000u;
    switch (rounding) {
    case MOTE_NEAREST_EVEN: k += fraction > half || (fraction == half && (more || (k & 1))); break;
    case MOTE_NEAREST_AWAY: k += fraction >= half; break;
    case MOTE_STOCHASTIC: k += random < fraction; break;
    default: break;
    }
    uint32_t code = k + ((uint32_t)scaled << element->mantissa_bits);
    return code < element->largest ? code : element->largest;
}

/* Code with its sign; sign is 0 or 1. */
static inline uint32_t mote_apply_sign(const mote_element *element, uint32_t magnitude, uint32_t sign)
{
    if (element->twos_complement) {
        uint32_t mask = (1u << element->bits) - 1;
        return (sign ? 0u - magnitude : magnitude) & mask;
    }
    return magnitude | sign << (element->bits - 1);
}

/* Value of a code, exact; NaN codes give the quiet NaN, infinities an infinity. */
static inline float mote_decode_element(const mote_element *element, uint32_t code)
{
    if (element->twos_complement) {
        int value = (int)(code & 0xFF);
        value = value < 128 ? value : value - 256;
        return (float)value *
               mote_bits_float((uint32_t)(MOTE_FP32_BIAS - element->mantissa_bits) << MOTE_FP32_MANTISSA_BITS);
    }
    uint32_t sign = code >> (element->bits - 1) & 1;
    uint32_t magnitude = code & ((1u << (element->bits - 1)) - 1);
    if (element->nan && magnitude >= element->nan) {
        return mote_bits_float(MOTE_FP32_NAN);
    }
    if (element->infinity && magnitude == element->infinity) {
        return mote_bits_float(MOTE_FP32_INFINITY | sign << 31);
    }
    int field = (int)(magnitude >> element->mantissa_bits);
    uint32_t k = magnitude & ((1u << element->mantissa_bits) - 1);
    if (field > 0) {
        k |= 1u << element->mantissa_bits;
        field--;
    }
    /* k * 2^(minimum_exponent - mantissa_bits + field) in two steps, each exact in FP32 for bf16 too */
    int power = element->minimum_exponent + field + MOTE_FP32_BIAS;
    float value =
        (float)k * mote_bits_float((uint32_t)(MOTE_FP32_BIAS - element->mantissa_bits) << MOTE_FP32_MANTISSA_BITS);
    value *= mote_bits_float((uint32_t)power << MOTE_FP32_MANTISSA_BITS);
    return sign ? -value : value;
}

/* 2^(scale - 127) as FP32 bits: E8M0's smallest is a subnormal FP32, 0xFF is NaN. */
static inline uint32_t mote_e8m0_bits(uint32_t scale)
{
    if (scale == 0) {
        return MOTE_FP32_IMPLIED_ONE >> 1;
    }
    return scale == MOTE_E8M0_NAN ? (uint32_t)MOTE_FP32_NAN : scale << MOTE_FP32_MANTISSA_BITS;
}

/* 2^(127 - scale), the exact reciprocal of a finite E8M0 scale, as FP32 bits. */
static inline uint32_t mote_e8m0_reciprocal_bits(uint32_t scale)
{
    return scale == MOTE_E8M0_LARGEST ? MOTE_FP32_IMPLIED_ONE >> 1
                                      : (MOTE_E8M0_LARGEST - scale) << MOTE_FP32_MANTISSA_BITS;
}

/* What the scale rule adds to the bits of the largest magnitude before its exponent is read: a carry into
 * the exponent is the rule's step to the next power of two. floor adds nothing; even adds half a unit of
 * the element's mantissa; ceil carries when the significand exceeds that of the largest element. */
static inline uint32_t mote_scale_increment(const mote_element *element, mote_scale_rule rule)
{
    uint32_t ones = (1u << element->mantissa_bits) - 1;
    int drop = MOTE_FP32_MANTISSA_BITS - element->mantissa_bits;
    switch (rule) {
    case MOTE_SCALE_EVEN: return 1u << (drop - 1);
    case MOTE_SCALE_CEIL: return MOTE_FP32_IMPLIED_ONE - 1 - ((element->largest & ones) << drop);
    default: return 0;
    }
}

/* E8M0 scale of a block whose largest magnitude has these FP32 bits. increment: mote_scale_increment(). */
static inline uint32_t mote_block_scale(const mote_element *element, uint32_t increment, uint32_t largest)
{
    if (largest >= MOTE_FP32_INFINITY) {
        return MOTE_E8M0_NAN;
    }
    /* A subnormal's significand starts one bit lower. Only mxint8 (emax 0) has scales that low; the binades
     * below the first clamp to scale 0 in any case. */
    uint32_t carry = largest < MOTE_FP32_IMPLIED_ONE ? increment >> 1 : increment;
    int exponent = (int)((largest + carry) >> MOTE_FP32_MANTISSA_BITS) - element->maximum_exponent;
    exponent = exponent < 0 ? 0 : exponent;
    return exponent > MOTE_E8M0_LARGEST ? MOTE_E8M0_LARGEST : (uint32_t)exponent;
}

/* The element of a format, or NULL for formats that have none of 16 bits or fewer. */
const mote_element *mote_element_get(mote_format format);

/* True if the format has blocks with scales. */
static inline bool mote_format_is_block(mote_format format) { return mote_format_get(format)->block_length > 1; }

/* Element code number index of a packed line or flat array; bits is 4, 6, 8 or 16. */
uint32_t mote_unpack_code(const uint8_t *elements, int bits, size_t index);

#endif
