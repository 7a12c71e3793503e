/* Sixteen lanes of FP32 on every instruction set: one vector, two, or a loop. Each operation is one rounding, and the
 * reductions have one order, so what is written over them has the same bits everywhere. */
#ifndef MOTE_KERNELS_ATTENTION_SIXTEEN_H
#define MOTE_KERNELS_ATTENTION_SIXTEEN_H

#include <math.h>

#include "kernels/kernels.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum { SIXTEEN = 16 };

#if defined(__AVX512F__)

typedef __m512 sixteen;
INLINE sixteen sixteen_load(const float *x) { return _mm512_loadu_ps(x); }
INLINE void sixteen_store(float *x, sixteen a) { _mm512_storeu_ps(x, a); }
INLINE sixteen sixteen_set(float x) { return _mm512_set1_ps(x); }
INLINE sixteen sixteen_add(sixteen a, sixteen b) { return _mm512_add_ps(a, b); }
INLINE sixteen sixteen_sub(sixteen a, sixteen b) { return _mm512_sub_ps(a, b); }
INLINE sixteen sixteen_mul(sixteen a, sixteen b) { return _mm512_mul_ps(a, b); }
INLINE sixteen sixteen_fma(sixteen a, sixteen b, sixteen c) { return _mm512_fmadd_ps(a, b, c); }
/* a > b ? a : b and a < b ? a : b: b where either is NaN */
INLINE sixteen sixteen_max(sixteen a, sixteen b) { return _mm512_max_ps(a, b); }
INLINE sixteen sixteen_min(sixteen a, sixteen b) { return _mm512_min_ps(a, b); }
/* lanes first .. last - 1 of a, other in the rest */
INLINE sixteen sixteen_within(sixteen a, int first, int last, sixteen other)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __mmask16 in = _mm512_cmpge_epi32_mask(lane, _mm512_set1_epi32(first)) &
                   _mm512_cmplt_epi32_mask(lane, _mm512_set1_epi32(last));
    return _mm512_mask_mov_ps(other, in, a);
}
/* 0 in lanes where x < bound, elsewhere a * 2^n; n whole and the result normal, or x or a is a NaN */
INLINE sixteen sixteen_power(sixteen a, sixteen n, sixteen x, float bound)
{
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(bound), _CMP_NLT_UQ), a, n);
}
/* a, or nan where a is a NaN */
INLINE sixteen sixteen_or_nan(sixteen a, sixteen nan)
{
    return _mm512_mask_mov_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), nan);
}

#elif defined(__AVX2__)

typedef struct sixteen {
    __m256 low, high;
} sixteen;
#define BOTH(low_, high_) ((sixteen){low_, high_})
INLINE sixteen sixteen_load(const float *x) { return BOTH(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)); }
INLINE void sixteen_store(float *x, sixteen a)
{
    _mm256_storeu_ps(x, a.low);
    _mm256_storeu_ps(x + 8, a.high);
}
INLINE sixteen sixteen_set(float x) { return BOTH(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
INLINE sixteen sixteen_add(sixteen a, sixteen b)
{
    return BOTH(_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high));
}
INLINE sixteen sixteen_sub(sixteen a, sixteen b)
{
    return BOTH(_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high));
}
INLINE sixteen sixteen_mul(sixteen a, sixteen b)
{
    return BOTH(_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high));
}
INLINE sixteen sixteen_fma(sixteen a, sixteen b, sixteen c)
{
    return BOTH(_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high));
}
INLINE sixteen sixteen_max(sixteen a, sixteen b)
{
    return BOTH(_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high));
}
INLINE sixteen sixteen_min(sixteen a, sixteen b)
{
    return BOTH(_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high));
}
INLINE __m256 eight_within(__m256 a, int first, int last, __m256 other)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i out = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane),
                                  _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(last - 1)));
    return _mm256_blendv_ps(a, other, _mm256_castsi256_ps(out));
}
INLINE sixteen sixteen_within(sixteen a, int first, int last, sixteen other)
{
    return BOTH(eight_within(a.low, first, last, other.low), eight_within(a.high, first - 8, last - 8, other.high));
}
INLINE __m256 eight_power(__m256 a, __m256 n, __m256 x, float bound)
{
    __m256i field = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(MOTE_FP32_BIAS));
    __m256 power = _mm256_castsi256_ps(_mm256_slli_epi32(field, MOTE_FP32_MANTISSA_BITS));
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_set1_ps(bound), _CMP_NLT_UQ), _mm256_mul_ps(a, power));
}
INLINE sixteen sixteen_power(sixteen a, sixteen n, sixteen x, float bound)
{
    return BOTH(eight_power(a.low, n.low, x.low, bound), eight_power(a.high, n.high, x.high, bound));
}
INLINE sixteen sixteen_or_nan(sixteen a, sixteen nan)
{
    return BOTH(_mm256_blendv_ps(a.low, nan.low, _mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q)),
                _mm256_blendv_ps(a.high, nan.high, _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q)));
}

#else

typedef struct sixteen {
    float lane[SIXTEEN];
} sixteen;
#define EACH(expression)                                                                                               \
    sixteen r;                                                                                                         \
    for (int i = 0; i < SIXTEEN; i++) {                                                                                \
        r.lane[i] = expression;                                                                                        \
    }                                                                                                                  \
    return r
INLINE sixteen sixteen_load(const float *x) { EACH(x[i]); }
INLINE void sixteen_store(float *x, sixteen a) { memcpy(x, a.lane, sizeof a.lane); }
INLINE sixteen sixteen_set(float x) { EACH(x); }
INLINE sixteen sixteen_add(sixteen a, sixteen b) { EACH(a.lane[i] + b.lane[i]); }
INLINE sixteen sixteen_sub(sixteen a, sixteen b) { EACH(a.lane[i] - b.lane[i]); }
INLINE sixteen sixteen_mul(sixteen a, sixteen b) { EACH(a.lane[i] * b.lane[i]); }
INLINE sixteen sixteen_fma(sixteen a, sixteen b, sixteen c) { EACH(fmaf(a.lane[i], b.lane[i], c.lane[i])); }
INLINE sixteen sixteen_max(sixteen a, sixteen b) { EACH(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]); }
INLINE sixteen sixteen_min(sixteen a, sixteen b) { EACH(a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]); }
INLINE sixteen sixteen_within(sixteen a, int first, int last, sixteen other)
{
    EACH(i >= first && i < last ? a.lane[i] : other.lane[i]);
}
INLINE float one_power(float a, float n, float x, float bound)
{
    bool number = n >= -MOTE_FP32_BIAS && n <= MOTE_FP32_BIAS; /* not so where the result is 0 or a NaN */
    int32_t field = number ? (int32_t)n + MOTE_FP32_BIAS : 0;
    return x < bound ? 0 : number ? a * mote_bits_float((uint32_t)field << MOTE_FP32_MANTISSA_BITS) : a;
}
INLINE sixteen sixteen_power(sixteen a, sixteen n, sixteen x, float bound)
{
    EACH(one_power(a.lane[i], n.lane[i], x.lane[i], bound));
}
INLINE sixteen sixteen_or_nan(sixteen a, sixteen nan) { EACH(a.lane[i] == a.lane[i] ? a.lane[i] : nan.lane[i]); }

#endif

/* Reductions: lane i with lane i + 8, then + 4, + 2, + 1. */
#if defined(__AVX2__)
#if defined(__AVX512F__)
INLINE __m256 lower_eight(sixteen a) { return _mm512_castps512_ps256(a); }
INLINE __m256 upper_eight(sixteen a) { return _mm512_extractf32x8_ps(a, 1); }
#else
INLINE __m256 lower_eight(sixteen a) { return a.low; }
INLINE __m256 upper_eight(sixteen a) { return a.high; }
#endif
#define REDUCE(a, operation)                                                                                           \
    __m256 eight = _mm256_##operation(lower_eight(a), upper_eight(a));                                                 \
    __m128 four = _mm_##operation(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));                     \
    __m128 two = _mm_##operation(four, _mm_movehl_ps(four, four));                                                     \
    return _mm_cvtss_f32(_mm_##operation(two, _mm_movehdup_ps(two)))
INLINE float sixteen_sum(sixteen a) { REDUCE(a, add_ps); }
INLINE float sixteen_largest(sixteen a) { REDUCE(a, max_ps); }
#else
INLINE float sixteen_sum(sixteen a)
{
    for (int half = SIXTEEN / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            a.lane[i] += a.lane[i + half];
        }
    }
    return a.lane[0];
}
INLINE float sixteen_largest(sixteen a)
{
    for (int half = SIXTEEN / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
        }
    }
    return a.lane[0];
}
#endif

/* 2^x for x <= 0, 0 below 2^lowest; NaN stays NaN. x is split into its nearest integer n, found by adding a number so
 * large that nothing smaller than one fits, and the rest r, exactly; 2^r by the polynomial of degree 6 with the
 * smallest relative error on [-1/2, 1/2] whose value at 0 is 1: 2^-28.5. With the roundings of its last two steps the
 * result is within 1.02 ulp (all fractions were tried). */
INLINE sixteen sixteen_exp2(sixteen x)
{
    const sixteen shift = sixteen_set(0x1.8p23f);
    sixteen n = sixteen_sub(sixteen_add(x, shift), shift), r = sixteen_sub(x, n);
    sixteen p = sixteen_set(0x1.470b4ap-13f);
    p = sixteen_fma(p, r, sixteen_set(0x1.5f7276p-10f));
    p = sixteen_fma(p, r, sixteen_set(0x1.3b270ep-7f));
    p = sixteen_fma(p, r, sixteen_set(0x1.c6ae72p-5f));
    p = sixteen_fma(p, r, sixteen_set(0x1.ebfbe2p-3f));
    p = sixteen_fma(p, r, sixteen_set(0x1.62e432p-1f));
    p = sixteen_fma(p, r, sixteen_set(1));
    return sixteen_power(p, n, x, MOTE_ATTENTION_POWER_LOWEST);
}

#endif
