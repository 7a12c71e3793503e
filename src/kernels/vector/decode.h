/* Element codes to FP32, one in each 32-bit lane, over vector_<isa>.h. */
#ifndef MOTE_KERNELS_VECTOR_DECODE_H
#define MOTE_KERNELS_VECTOR_DECODE_H

#include "formats/element.h"

#define INLINE static inline __attribute__((always_inline))

/* Values of codes. Subnormal elements get an implied one like the others, which is then subtracted. */
INLINE vfloat decode(const mote_element *element, int bits, int twos_complement, vint code)
{
    if (twos_complement) {
        vint wide = vi_sub(vi_xor(code, vi_set(0x80)), vi_set(0x80));
        return vf_mul(vf_from_int(wide), vf_set(0x1p-6f));
    }
    if (bits == 4) {
        return vf_decode_e2m1(code);
    }
    int m = element->mantissa_bits;
    uint32_t first = (uint32_t)(element->minimum_exponent + MOTE_FP32_BIAS) << MOTE_FP32_MANTISSA_BITS;
    vint one = vi_set(1u << m);
    vint magnitude = vi_and(code, vi_set((1u << (bits - 1)) - 1));
    vint sign = vi_shl(vi_shr(code, bits - 1), 31);
    vint up = vi_if_less(magnitude, one, vi_set(MOTE_FP32_IMPLIED_ONE));
    vint down = vi_if_less(magnitude, one, vi_set(first));
    vint shifted = vi_shl(magnitude, MOTE_FP32_MANTISSA_BITS - m);
    vint base = vi_set(first - MOTE_FP32_IMPLIED_ONE);
    vfloat value = vf_sub(vi_float(vi_add(vi_add(shifted, base), up)), vi_float(down));
    vint result = vi_or(vf_bits(value), sign);
    if (element->infinity) {
        vint infinite = vi_or(vi_set(MOTE_FP32_INFINITY), sign);
        result = vi_select_less(magnitude, vi_set(element->infinity), result, infinite);
    }
    if (element->nan) {
        result = vi_select_less(magnitude, vi_set(element->nan), result, vi_set(MOTE_FP32_NAN));
    }
    return vi_float(result);
}

#endif
