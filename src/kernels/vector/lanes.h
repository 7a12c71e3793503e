/* Sixteen FP32 lanes on every instruction set, with the same bits: what the element-wise, row-wise and optimizer
 * kernels are written over, once.
 *
 * A value of type lanes is as many registers as sixteen floats take: one of AVX-512, two of AVX2, four of 16 bytes in
 * portable C. (One vector type of 64 bytes everywhere would be shorter, but compilers keep what is wider than a
 * register in memory and compare it value by value.) Types: lanes, lanes_bits (sixteen uint32_t), lanes_mask,
 * lanes_wide (sixteen doubles).
 *
 * Same bits: every operation here rounds as IEEE 754 says, none is contracted or reassociated (-ffp-contract=off), and
 * only lanes_fma fuses. Which NaN an operation gives is left to the processor, so results pass lanes_canonical() before
 * they reach memory. Horizontal sums and maxima fold halves: lanes i and i + 8, then i + 4, i + 2, i + 1. */
#ifndef MOTE_KERNELS_VECTOR_LANES_H
#define MOTE_KERNELS_VECTOR_LANES_H

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include "kernels/vector/lanes_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "kernels/vector/lanes_avx2.h"
#else
#include "kernels/vector/lanes_c.h"
#endif

#include "formats/element.h"

/* Each instruction set gives, with a, b, c lanes and m a mask:
 *
 *   lanes_set(x), lanes_load(p), lanes_store(p, a)     p of any alignment
 *   lanes_load_first(p, n), lanes_store_first(p, a, n) the first n <= 16 lanes; the others are zero, no byte is touched
 *   lanes_first(n)                                     mask of the first n lanes
 *   lanes_add, lanes_subtract, lanes_multiply, lanes_divide, lanes_square_root, lanes_fma(a, b, c) = a b + c
 *   lanes_maximum(a, b) = a > b ? a : b                b if one is NaN; lanes_minimum with <
 *   lanes_less, lanes_equal, lanes_mask_and, lanes_select(m, a, b) = m ? a : b
 *   lanes_to_bits, lanes_from_bits (the same bits), lanes_from_integer (int32_t to float)
 *   bits_set, bits_load, bits_add, bits_subtract, bits_and, bits_or, bits_xor, bits_left(a, n),
 *   bits_right_signed(a, n), bits_less (unsigned)
 *   lanes_fold_sum, lanes_fold_maximum                 two halvings
 *   wide_zero, wide_add_square(sum, a), wide_store     FP64; squares of FP32 are exact in it
 *   LANES_LONG                                         in front of a function that is long: inline where that is fast
 */

INLINE lanes lanes_zero(void) { return lanes_set(0); }

/* Lanes from n on become zero. */
INLINE lanes lanes_keep_first(lanes a, size_t n) { return lanes_select(lanes_first(n), a, lanes_zero()); }

INLINE lanes lanes_absolute(lanes a) { return lanes_from_bits(bits_and(lanes_to_bits(a), bits_set(MOTE_FP32_ABS))); }
INLINE lanes lanes_negate(lanes a) { return lanes_from_bits(bits_xor(lanes_to_bits(a), bits_set(~MOTE_FP32_ABS))); }

/* Magnitude of a, sign of sign. */
INLINE lanes lanes_copy_sign(lanes a, lanes sign)
{
    lanes_bits magnitude = bits_and(lanes_to_bits(a), bits_set(MOTE_FP32_ABS));
    return lanes_from_bits(bits_or(magnitude, bits_and(lanes_to_bits(sign), bits_set(~MOTE_FP32_ABS))));
}

/* Every NaN becomes 0x7FC00000. */
INLINE lanes lanes_canonical(lanes a)
{
    return lanes_select(lanes_equal(a, a), a, lanes_from_bits(bits_set(MOTE_FP32_NAN)));
}

#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
/* a 2^n for a between 1/2 and 2 and integers n from -160 to 160, rounded once: two powers, of which the first never
 * leaves the normal numbers. */
INLINE lanes lanes_scale(lanes a, lanes n)
{
    const float round = 0x1.8p23f; /* its last bits hold the integer */
    lanes_bits whole = bits_subtract(lanes_to_bits(lanes_add(n, lanes_set(round))), lanes_to_bits(lanes_set(round)));
    lanes_bits half = bits_right_signed(whole, 1), rest = bits_subtract(whole, half), bias = bits_set(MOTE_FP32_BIAS);
    lanes first = lanes_from_bits(bits_left(bits_add(half, bias), MOTE_FP32_MANTISSA_BITS));
    lanes second = lanes_from_bits(bits_left(bits_add(rest, bias), MOTE_FP32_MANTISSA_BITS));
    return lanes_multiply(lanes_multiply(a, first), second);
}
#endif

INLINE float lanes_sum(lanes a)
{
    lanes_quarter q = lanes_fold_sum(a);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

/* The largest that is not NaN, -infinity if there is none, provided no lane of a is NaN. */
INLINE float lanes_largest(lanes a)
{
    lanes_quarter q = lanes_fold_maximum(a);
    float even = q[0] > q[2] ? q[0] : q[2], odd = q[1] > q[3] ? q[1] : q[3];
    return even > odd ? even : odd;
}

INLINE float scalar_canonical(float x) { return x == x ? x : mote_bits_float(MOTE_FP32_NAN); }

#endif
