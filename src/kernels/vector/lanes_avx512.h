/* lanes.h on AVX-512 (F and DQ): one register. */
#ifndef MOTE_KERNELS_VECTOR_LANES_AVX512_H
#define MOTE_KERNELS_VECTOR_LANES_AVX512_H

#include <immintrin.h>

#include "kernels/vector/lanes_types.h"

#define LANES_LONG INLINE

typedef __m512 lanes;
typedef __m512i lanes_bits;
typedef __mmask16 lanes_mask;
typedef struct lanes_wide {
    __m512d low, high;
} lanes_wide;

INLINE lanes lanes_set(float x) { return _mm512_set1_ps(x); }
INLINE lanes lanes_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void lanes_store(float *p, lanes a) { _mm512_storeu_ps(p, a); }
INLINE lanes_mask lanes_first(size_t n) { return (lanes_mask)((1u << n) - 1); }
INLINE lanes lanes_load_first(const float *p, size_t n) { return _mm512_maskz_loadu_ps(lanes_first(n), p); }
INLINE void lanes_store_first(float *p, lanes a, size_t n) { _mm512_mask_storeu_ps(p, lanes_first(n), a); }

INLINE lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }
INLINE lanes lanes_subtract(lanes a, lanes b) { return _mm512_sub_ps(a, b); }
INLINE lanes lanes_multiply(lanes a, lanes b) { return _mm512_mul_ps(a, b); }
INLINE lanes lanes_divide(lanes a, lanes b) { return _mm512_div_ps(a, b); }
INLINE lanes lanes_square_root(lanes a) { return _mm512_sqrt_ps(a); }
INLINE lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }
INLINE lanes lanes_maximum(lanes a, lanes b) { return _mm512_max_ps(a, b); }
INLINE lanes lanes_minimum(lanes a, lanes b) { return _mm512_min_ps(a, b); }

INLINE lanes_mask lanes_less(lanes a, lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE lanes_mask lanes_equal(lanes a, lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
INLINE lanes_mask lanes_mask_and(lanes_mask a, lanes_mask b) { return (lanes_mask)(a & b); }
INLINE lanes lanes_select(lanes_mask mask, lanes a, lanes b) { return _mm512_mask_mov_ps(b, mask, a); }

INLINE lanes_bits lanes_to_bits(lanes a) { return _mm512_castps_si512(a); }
INLINE lanes lanes_from_bits(lanes_bits a) { return _mm512_castsi512_ps(a); }
INLINE lanes lanes_from_integer(lanes_bits a) { return _mm512_cvtepi32_ps(a); }
INLINE lanes_bits bits_set(uint32_t x) { return _mm512_set1_epi32((int)x); }
INLINE lanes_bits bits_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
INLINE lanes_bits bits_add(lanes_bits a, lanes_bits b) { return _mm512_add_epi32(a, b); }
INLINE lanes_bits bits_subtract(lanes_bits a, lanes_bits b) { return _mm512_sub_epi32(a, b); }
INLINE lanes_bits bits_and(lanes_bits a, lanes_bits b) { return _mm512_and_si512(a, b); }
INLINE lanes_bits bits_or(lanes_bits a, lanes_bits b) { return _mm512_or_si512(a, b); }
INLINE lanes_bits bits_xor(lanes_bits a, lanes_bits b) { return _mm512_xor_si512(a, b); }
INLINE lanes_bits bits_left(lanes_bits a, int n) { return _mm512_slli_epi32(a, (unsigned)n); }
INLINE lanes_bits bits_right_signed(lanes_bits a, int n) { return _mm512_srai_epi32(a, (unsigned)n); }
INLINE lanes_mask bits_less(lanes_bits a, lanes_bits b) { return _mm512_cmplt_epu32_mask(a, b); }

/* The instruction rounds once, as the two exact-but-last multiplications of the other instruction sets do. */
INLINE lanes lanes_scale(lanes a, lanes n) { return _mm512_scalef_ps(a, n); }

INLINE lanes_quarter lanes_fold_sum(lanes a)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return (lanes_quarter)_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE lanes_quarter lanes_fold_maximum(lanes a)
{
    __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return (lanes_quarter)_mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE lanes_wide wide_zero(void) { return (lanes_wide){_mm512_setzero_pd(), _mm512_setzero_pd()}; }

INLINE lanes_wide wide_add_square(lanes_wide sum, lanes a)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a)), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
    return (lanes_wide){_mm512_fmadd_pd(low, low, sum.low), _mm512_fmadd_pd(high, high, sum.high)};
}

INLINE void wide_store(double *p, lanes_wide a)
{
    _mm512_storeu_pd(p, a.low);
    _mm512_storeu_pd(p + 8, a.high);
}

#endif
