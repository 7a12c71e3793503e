/* Functions on lanes. Polynomials are minimax (Remez exchange in 40 digits, coefficients rounded to FP32); NaN gives
 * NaN. Largest errors over every thirteenth FP32 number, in units in the last place: exp 0.89, log 0.94, tanh 1.56,
 * erf 1.22, normal 6.3, logistic 2.4; gaussian 1.33. Subnormal results are rounded twice at most. */
#ifndef MOTE_KERNELS_VECTOR_LANES_MATH_H
#define MOTE_KERNELS_VECTOR_LANES_MATH_H

#include "kernels/vector/lanes.h"

/* c[0] + c[1] x + ... + c[degree] x^degree. */
INLINE lanes lanes_polynomial(lanes x, int degree, const float *c)
{
    lanes p = lanes_set(c[degree]);
#pragma GCC unroll 16
    for (int i = degree - 1; i >= 0; i--) {
        p = lanes_fma(p, x, lanes_set(c[i]));
    }
    return p;
}

/* e^x: x = n ln 2 + r with |r| <= ln 2 / 2, and 2^n e^r. Overflows to infinity, goes through the subnormals to zero. */
LANES_LONG lanes lanes_exp(lanes x)
{
    static const float c[] = {1,
                              1,
                              0x1.fffffcp-2f, /* 1 + r + r^2 q(r): 2^-28.3 of e^r */
                              0x1.555492p-3f,
                              0x1.5558f2p-5f,
                              0x1.1239e2p-7f,
                              0x1.6a2434p-10f};
    const float below = -104, above = 89; /* where the result has become 0 and infinity */
    const float round = 0x1.8p23f;        /* adding it rounds to an integer */
    x = lanes_maximum(lanes_set(below), lanes_minimum(lanes_set(above), x));
    lanes n = lanes_subtract(lanes_fma(x, lanes_set(0x1.715476p+0f), lanes_set(round)), lanes_set(round));
    lanes r = lanes_fma(n, lanes_set(-0x1.62e430p-1f), x); /* exact */
    r = lanes_fma(n, lanes_set(0x1.05c610p-29f), r);
    return lanes_scale(lanes_polynomial(r, 6, c), n);
}

/* ln x: x = 2^n (1 + f) with 1 + f between sqrt(1/2) and sqrt(2). -infinity for zeros, NaN below. */
LANES_LONG lanes lanes_log(lanes x)
{
    static const float c[] = {-0.5f, /* f + f^2 p(f): 2^-27.3 of the result */
                              0x1.555554p-2f, -0x1.000226p-2f, 0x1.99a008p-3f, -0x1.547244p-3f,
                              0x1.22da1ep-3f, -0x1.0d8542p-3f, 0x1.055b68p-3f, -0x1.38b57ap-4f};
    const lanes_bits root = bits_set(0x3F3504F3); /* sqrt(1/2) */
    const lanes zero = lanes_zero(), infinity = lanes_from_bits(bits_set(MOTE_FP32_INFINITY));
    lanes_mask subnormal = lanes_less(x, lanes_set(0x1p-126f));
    lanes_bits bits = lanes_to_bits(lanes_select(subnormal, lanes_multiply(x, lanes_set(0x1p23f)), x));
    lanes_bits exponent = bits_right_signed(bits_subtract(bits, root), MOTE_FP32_MANTISSA_BITS);
    lanes f = lanes_from_bits(bits_subtract(bits, bits_left(exponent, MOTE_FP32_MANTISSA_BITS)));
    f = lanes_subtract(f, lanes_set(1));
    lanes n = lanes_from_integer(exponent);
    n = lanes_select(subnormal, lanes_subtract(n, lanes_set(MOTE_FP32_MANTISSA_BITS)), n);
    lanes y = lanes_fma(n, lanes_set(-0x1.05c610p-29f), f);
    y = lanes_fma(lanes_multiply(f, f), lanes_polynomial(f, 8, c), y);
    y = lanes_fma(n, lanes_set(0x1.62e430p-1f), y);
    lanes special = lanes_select(lanes_less(zero, x), x, lanes_from_bits(bits_set(MOTE_FP32_NAN)));
    special = lanes_select(lanes_equal(x, zero), lanes_negate(infinity), special);
    return lanes_select(lanes_mask_and(lanes_less(zero, x), lanes_less(x, infinity)), y, special);
}

/* tanh x: x + x^3 p(x^2) up to 0.55, 1 - 2 / (e^2|x| + 1) above, where it is more than half. */
LANES_LONG lanes lanes_tanh(lanes x)
{
    static const float c[] = {-0x1.55554ap-2f, /* 2^-29.8 */
                              0x1.110d26p-3f, -0x1.b9287ap-5f, 0x1.593d08p-6f, -0x1.9b304ap-8f};
    const lanes one = lanes_set(1);
    lanes size = lanes_absolute(x), square = lanes_multiply(x, x);
    lanes small = lanes_fma(lanes_multiply(square, lanes_polynomial(square, 4, c)), x, x);
    lanes above = lanes_add(lanes_exp(lanes_add(size, size)), one);
    lanes large = lanes_subtract(one, lanes_divide(lanes_set(2), above));
    return lanes_select(lanes_less(size, lanes_set(0.55f)), small, lanes_copy_sign(large, x));
}

/* erf x: x + x p(x^2) up to 0.9, 1 - e^q(|x|) above, with q close to ln erfc; from 4 on it is 1. */
LANES_LONG lanes lanes_erf(lanes x)
{
    static const float p[] = {0x1.06eba8p-3f, /* 2^-31.7 */
                              -0x1.812744p-2f, 0x1.ce2e54p-4f,   -0x1.b81524p-6f,
                              0x1.550a44p-8f,  -0x1.aca394p-11f, 0x1.6510c4p-14f};
    static const float q[] = {0x1.62d89ap-13f, /* 2^-34 of erf */
                              -0x1.212626p+0f, -0x1.444d1ep-1f, -0x1.bb4548p-4f, 0x1.9aebaep-6f,
                              -0x1.10624ep-8f, 0x1.c4590cp-12f, -0x1.5d71d4p-16f};
    lanes size = lanes_absolute(x), square = lanes_multiply(x, x);
    lanes small = lanes_fma(lanes_polynomial(square, 6, p), x, x);
    lanes exponent = lanes_polynomial(lanes_minimum(lanes_set(4), size), 7, q);
    lanes large = lanes_subtract(lanes_set(1), lanes_exp(exponent));
    return lanes_select(lanes_less(size, lanes_set(0.9f)), small, lanes_copy_sign(large, x));
}

/* e^(-scale x^2) for scale 1 or 1/2, |x| at most 16: what rounding x^2 loses is put back. */
LANES_LONG lanes lanes_gaussian(lanes x, float scale)
{
    lanes square = lanes_multiply(x, x), lost = lanes_fma(x, x, lanes_negate(square));
    lanes e = lanes_exp(lanes_multiply(square, lanes_set(-scale)));
    return lanes_fma(lanes_multiply(e, lost), lanes_set(-scale), e);
}

/* The logistic function in parts: 1 / (1 + e^-x) = numerator / denominator, with small = e^-|x| between 0 and 1, so
 * that nothing overflows or cancels on either side. */
typedef struct lanes_logistic_parts {
    lanes small, numerator, opposite, denominator; /* opposite: numerator of 1 / (1 + e^x) */
} lanes_logistic_parts;

LANES_LONG lanes_logistic_parts lanes_logistic(lanes x)
{
    const lanes one = lanes_set(1);
    lanes small = lanes_exp(lanes_negate(lanes_absolute(x)));
    lanes_mask negative = lanes_less(x, lanes_zero());
    return (lanes_logistic_parts){small, lanes_select(negative, small, one), lanes_select(negative, one, small),
                                  lanes_add(one, small)};
}

/* The normal distribution: its distribution function at x, and bell = e^(-x^2/2). The tail beyond |x| is bell times
 * Mills' ratio, a quotient of polynomials without a negative term: 2^-27.3 up to 14.5, where the tail has become zero.
 */
LANES_LONG lanes lanes_normal(lanes x, lanes *bell)
{
    static const float above[] = {0.5f, 0x1.c0d128p-2f, 0x1.774524p-3f, 0x1.4cdfa2p-5f, 0x1.0dc620p-8f};
    static const float below[] = {1, 0x1.acaac4p+0f, 0x1.33d7d8p+0f, 0x1.e0be70p-2f, 0x1.a138b8p-4f, 0x1.521b8ap-7f};
    lanes size = lanes_minimum(lanes_set(14.5f), lanes_absolute(x));
    lanes ratio = lanes_divide(lanes_polynomial(size, 4, above), lanes_polynomial(size, 5, below));
    *bell = lanes_gaussian(size, 0.5f);
    lanes tail = lanes_multiply(*bell, ratio);
    return lanes_select(lanes_less(x, lanes_zero()), tail, lanes_subtract(lanes_set(1), tail));
}

#endif
