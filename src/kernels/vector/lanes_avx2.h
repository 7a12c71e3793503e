/* lanes.h on AVX2 with FMA: two registers. */
#ifndef MOTE_KERNELS_VECTOR_LANES_AVX2_H
#define MOTE_KERNELS_VECTOR_LANES_AVX2_H

#include <immintrin.h>

#include "kernels/vector/lanes_types.h"

#define LANES_LONG INLINE

typedef struct lanes {
    __m256 low, high;
} lanes;
typedef struct lanes_bits {
    __m256i low, high;
} lanes_bits;
typedef struct lanes_mask {
    __m256 low, high;
} lanes_mask;
typedef struct lanes_wide {
    __m256d part[4];
} lanes_wide;

/* The first n of sixteen lanes have all bits set. */
INLINE lanes_mask lanes_first(size_t n)
{
    static const uint32_t ones[2 * LANES] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u,
                                             ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    const float *p = (const float *)(const void *)(ones + LANES - n);
    return (lanes_mask){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

INLINE lanes lanes_set(float x) { return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE lanes lanes_load(const float *p) { return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void lanes_store(float *p, lanes a)
{
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
}
INLINE lanes lanes_load_first(const float *p, size_t n)
{
    lanes_mask mask = lanes_first(n);
    return (lanes){_mm256_maskload_ps(p, _mm256_castps_si256(mask.low)),
                   _mm256_maskload_ps(p + (n > 8 ? 8 : 0), _mm256_castps_si256(mask.high))};
}
INLINE void lanes_store_first(float *p, lanes a, size_t n)
{
    float values[LANES];
    lanes_store(values, a);
    memcpy(p, values, n * sizeof *p);
}

INLINE lanes lanes_add(lanes a, lanes b) { return (lanes){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
INLINE lanes lanes_subtract(lanes a, lanes b)
{
    return (lanes){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
INLINE lanes lanes_multiply(lanes a, lanes b)
{
    return (lanes){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
INLINE lanes lanes_divide(lanes a, lanes b)
{
    return (lanes){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
INLINE lanes lanes_square_root(lanes a) { return (lanes){_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)}; }
INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
INLINE lanes lanes_maximum(lanes a, lanes b)
{
    return (lanes){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
INLINE lanes lanes_minimum(lanes a, lanes b)
{
    return (lanes){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

INLINE lanes_mask lanes_less(lanes a, lanes b)
{
    return (lanes_mask){_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
}
INLINE lanes_mask lanes_equal(lanes a, lanes b)
{
    return (lanes_mask){_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)};
}
INLINE lanes_mask lanes_mask_and(lanes_mask a, lanes_mask b)
{
    return (lanes_mask){_mm256_and_ps(a.low, b.low), _mm256_and_ps(a.high, b.high)};
}
INLINE lanes lanes_select(lanes_mask mask, lanes a, lanes b)
{
    return (lanes){_mm256_blendv_ps(b.low, a.low, mask.low), _mm256_blendv_ps(b.high, a.high, mask.high)};
}

INLINE lanes_bits lanes_to_bits(lanes a)
{
    return (lanes_bits){_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)};
}
INLINE lanes lanes_from_bits(lanes_bits a) { return (lanes){_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
INLINE lanes lanes_from_integer(lanes_bits a) { return (lanes){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
INLINE lanes_bits bits_set(uint32_t x) { return (lanes_bits){_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)}; }
INLINE lanes_bits bits_load(const uint32_t *p)
{
    return (lanes_bits){_mm256_loadu_si256((const void *)p), _mm256_loadu_si256((const void *)(p + 8))};
}
INLINE lanes_bits bits_add(lanes_bits a, lanes_bits b)
{
    return (lanes_bits){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
INLINE lanes_bits bits_subtract(lanes_bits a, lanes_bits b)
{
    return (lanes_bits){_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}
INLINE lanes_bits bits_and(lanes_bits a, lanes_bits b)
{
    return (lanes_bits){_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
}
INLINE lanes_bits bits_or(lanes_bits a, lanes_bits b)
{
    return (lanes_bits){_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}
INLINE lanes_bits bits_xor(lanes_bits a, lanes_bits b)
{
    return (lanes_bits){_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}
INLINE lanes_bits bits_left(lanes_bits a, int n)
{
    return (lanes_bits){_mm256_slli_epi32(a.low, n), _mm256_slli_epi32(a.high, n)};
}
INLINE lanes_bits bits_right_signed(lanes_bits a, int n)
{
    return (lanes_bits){_mm256_srai_epi32(a.low, n), _mm256_srai_epi32(a.high, n)};
}
/* there is no unsigned comparison: with the top bits flipped the signed one answers */
INLINE lanes_mask bits_less(lanes_bits a, lanes_bits b)
{
    lanes_bits flip = bits_set(0x80000000u), x = bits_xor(a, flip), y = bits_xor(b, flip);
    return (lanes_mask){_mm256_castsi256_ps(_mm256_cmpgt_epi32(y.low, x.low)),
                        _mm256_castsi256_ps(_mm256_cmpgt_epi32(y.high, x.high))};
}

INLINE lanes_quarter lanes_fold_sum(lanes a)
{
    __m256 half = _mm256_add_ps(a.low, a.high);
    return (lanes_quarter)_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE lanes_quarter lanes_fold_maximum(lanes a)
{
    __m256 half = _mm256_max_ps(a.low, a.high);
    return (lanes_quarter)_mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

INLINE lanes_wide wide_zero(void)
{
    return (lanes_wide){{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}};
}

INLINE __m256d wide_square(__m256d sum, __m128 a)
{
    __m256d wide = _mm256_cvtps_pd(a);
    return _mm256_fmadd_pd(wide, wide, sum);
}

INLINE lanes_wide wide_add_square(lanes_wide sum, lanes a)
{
    return (lanes_wide){{wide_square(sum.part[0], _mm256_castps256_ps128(a.low)),
                         wide_square(sum.part[1], _mm256_extractf128_ps(a.low, 1)),
                         wide_square(sum.part[2], _mm256_castps256_ps128(a.high)),
                         wide_square(sum.part[3], _mm256_extractf128_ps(a.high, 1))}};
}

INLINE void wide_store(double *p, lanes_wide a)
{
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_pd(p + 4 * i, a.part[i]);
    }
}

#endif
