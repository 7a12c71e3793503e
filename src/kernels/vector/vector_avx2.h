/* Eight lanes of AVX2, named as quantize_body.h wants them. */
#ifndef MOTE_KERNELS_VECTOR_VECTOR_AVX2_H
#define MOTE_KERNELS_VECTOR_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/quantize/kernel.h"

enum { LANES = 8 };
typedef __m256 vfloat;
typedef __m256i vint;

static inline vfloat vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vfloat v) { _mm256_storeu_ps(p, v); }
/* past the caches; p is aligned to the vector */
static inline void vf_stream(float *p, vfloat v) { _mm256_stream_ps(p, v); }
static inline vfloat vf_set(float x) { return _mm256_set1_ps(x); }
static inline vfloat vf_add(vfloat a, vfloat b) { return _mm256_add_ps(a, b); }
static inline vfloat vf_sub(vfloat a, vfloat b) { return _mm256_sub_ps(a, b); }
static inline vfloat vf_mul(vfloat a, vfloat b) { return _mm256_mul_ps(a, b); }
static inline vfloat vf_div(vfloat a, vfloat b) { return _mm256_div_ps(a, b); }
static inline vfloat vf_min(vfloat a, vfloat b) { return _mm256_min_ps(a, b); }
static inline vfloat vf_from_int(vint a) { return _mm256_cvtepi32_ps(a); }
static inline vint vf_bits(vfloat a) { return _mm256_castps_si256(a); }
static inline vfloat vi_float(vint a) { return _mm256_castsi256_ps(a); }

static inline vint vi_load(const void *p) { return _mm256_loadu_si256(p); }
static inline void vi_store(void *p, vint v) { _mm256_storeu_si256(p, v); }
static inline vint vi_set(uint32_t x) { return _mm256_set1_epi32((int)x); }
static inline vint vi_zero(void) { return _mm256_setzero_si256(); }
static inline vint vi_and(vint a, vint b) { return _mm256_and_si256(a, b); }
static inline vint vi_or(vint a, vint b) { return _mm256_or_si256(a, b); }
static inline vint vi_xor(vint a, vint b) { return _mm256_xor_si256(a, b); }
static inline vint vi_add(vint a, vint b) { return _mm256_add_epi32(a, b); }
static inline vint vi_sub(vint a, vint b) { return _mm256_sub_epi32(a, b); }
static inline vint vi_max(vint a, vint b) { return _mm256_max_epu32(a, b); }
static inline vint vi_min(vint a, vint b) { return _mm256_min_epu32(a, b); }
static inline vint vi_shl(vint a, int n) { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_shr(vint a, int n) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sign_mask(vint a) { return _mm256_srai_epi32(a, 31); }
static inline vint vi_shlv(vint a, vint n) { return _mm256_sllv_epi32(a, n); }
static inline vint vi_shrv(vint a, vint n) { return _mm256_srlv_epi32(a, n); }
/* a < b, unsigned: all ones or 0; a >= b is max(a, b) == a */
static inline vint vi_less(vint a, vint b) { return vi_xor(_mm256_cmpeq_epi32(vi_max(a, b), a), vi_set(0xFFFFFFFFu)); }
static inline vint vi_if_less(vint a, vint b, vint x) { return vi_and(vi_less(a, b), x); }
static inline vint vi_select_less(vint a, vint b, vint x, vint y) { return _mm256_blendv_epi8(y, x, vi_less(a, b)); }
static inline int vi_any_less(vint a, vint b) { return _mm256_movemask_epi8(vi_less(a, b)) != 0; }

static inline vint vi_load_bytes(const uint8_t *p, int count)
{
    uint64_t bytes = 0;
    memcpy(&bytes, p, (size_t)count);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
}
static inline void vi_store_bytes(uint8_t *p, vint v, int count)
{
    __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0x08);
    __m128i narrow = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm_setzero_si128());
    uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(narrow);
    memcpy(p, &bytes, (size_t)count);
}

static inline uint32_t vi_reduce_max(vint a)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

static inline vint vi_maxima(const vint v[LANES])
{
    vint four[2];
    for (int i = 0; i < 2; i++) {
        const vint *w = v + 4 * i;
        vint a = vi_max(_mm256_unpacklo_epi32(w[0], w[1]), _mm256_unpackhi_epi32(w[0], w[1]));
        vint b = vi_max(_mm256_unpacklo_epi32(w[2], w[3]), _mm256_unpackhi_epi32(w[2], w[3]));
        four[i] = vi_max(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    }
    return vi_max(_mm256_permute2x128_si256(four[0], four[1], 0x20), _mm256_permute2x128_si256(four[0], four[1], 0x31));
}

/* 32 codes, one a lane; valid is 32, or 16 for nvfp4's last block */
static inline void vi_store_codes(uint8_t *p, const vint c[4], int bits, int valid)
{
    const vint order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    vint bytes = _mm256_permutevar8x32_epi32(
        _mm256_packus_epi16(_mm256_packus_epi32(c[0], c[1]), _mm256_packus_epi32(c[2], c[3])), order);
    if (bits == 8) {
        vi_store(p, bytes);
    } else if (bits == 4) {
        vint pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi16(0x1001));
        __m128i packed = _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(pairs, pairs), 0x08));
        if (valid == 32) {
            _mm_storeu_si128((__m128i *)p, packed);
        } else {
            _mm_storel_epi64((__m128i *)p, packed);
        }
    } else {
        vint pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi16(0x4001));
        vint fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x10000001));
        const vint squeeze =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
        vint packed =
            _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, squeeze), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 3));
        _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
        _mm_storel_epi64((__m128i *)(p + 16), _mm256_extracti128_si256(packed, 1));
    }
}

/* Shuffle control that brings bytes b and b + 1 to the low half of a 32-bit lane and zeros to the rest. */
#define TWO(b) ((int)(0xFFFF0000u | ((b) + 1) << 8 | (b)))

static inline void vi_load_codes(const uint8_t *p, int bits, int valid, vint c[4])
{
    if (bits == 8) {
        for (int i = 0; i < 4; i++) {
            c[i] = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + i * LANES)));
        }
    } else if (bits == 4) {
        const vint shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
        for (int i = 0; i < 4; i++) {
            uint32_t dword = 0;
            if (i * LANES < valid) {
                memcpy(&dword, p + 4 * i, sizeof dword);
            }
            c[i] = vi_and(vi_shrv(vi_set(dword), shifts), vi_set(0xF));
        }
    } else {
        const vint shifts = _mm256_setr_epi32(0, 6, 4, 2, 0, 6, 4, 2);
        const vint first = _mm256_setr_epi32(TWO(0), TWO(0), TWO(1), TWO(2), TWO(3), TWO(3), TWO(4), TWO(5));
        /* vector i's eight codes are bytes 6 i .. 6 i + 5 of the block's 24, read from bytes 0 or 8 on */
        static const int8_t from[4] = {0, 0, 8, 8}, skip[4] = {0, 6, 4, 10};
        for (int i = 0; i < 4; i++) {
            vint bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(p + from[i])));
            vint where = _mm256_add_epi8(first, _mm256_set1_epi32(skip[i] * 0x0101));
            c[i] = vi_and(vi_shrv(_mm256_shuffle_epi8(bytes, where), shifts), vi_set(0x3F));
        }
    }
}

static inline vfloat vf_decode_e2m1(vint code)
{
    const vfloat table = _mm256_setr_ps(0, 0.5f, 1, 1.5f, 2, 3, 4, 6);
    vint sign = vi_and(vi_shl(code, 28), vi_set(0x80000000u));
    return vi_float(vi_or(vf_bits(_mm256_permutevar8x32_ps(table, code)), sign));
}

static inline void vi_store_transposed(uint8_t *p, size_t stride, const vint d[4], int bytes, int valid)
{
    vint a = _mm256_unpacklo_epi32(d[0], d[1]), b = _mm256_unpackhi_epi32(d[0], d[1]);
    vint e = _mm256_unpacklo_epi32(d[2], d[3]), f = _mm256_unpackhi_epi32(d[2], d[3]);
    vint t[4] = {_mm256_unpacklo_epi64(a, e), _mm256_unpackhi_epi64(a, e), _mm256_unpacklo_epi64(b, f),
                 _mm256_unpackhi_epi64(b, f)};
    for (int j = 0; j < 4; j++) {
        __m128i part[2] = {_mm256_castsi256_si128(t[j]), _mm256_extracti128_si256(t[j], 1)};
        for (int i = 0; i < 2; i++) {
            uint8_t *to = p + (size_t)(4 * i + j) * stride;
            if (4 * i + j < valid && bytes == 16) {
                _mm_storeu_si128((__m128i *)to, part[i]);
            } else if (4 * i + j < valid) {
                _mm_storel_epi64((__m128i *)to, part[i]);
            }
        }
    }
}

/* Squares of four lanes, transposed each by itself. */
static inline void transpose_four(const vint t[4], vint d[4])
{
    vint a = _mm256_unpacklo_epi32(t[0], t[1]), b = _mm256_unpackhi_epi32(t[0], t[1]);
    vint e = _mm256_unpacklo_epi32(t[2], t[3]), f = _mm256_unpackhi_epi32(t[2], t[3]);
    d[0] = _mm256_unpacklo_epi64(a, e);
    d[1] = _mm256_unpackhi_epi64(a, e);
    d[2] = _mm256_unpacklo_epi64(b, f);
    d[3] = _mm256_unpackhi_epi64(b, f);
}

static inline __m128i load_column(const uint8_t *p, size_t stride, int column, int bytes, int valid)
{
    if (column >= valid) {
        return _mm_setzero_si128();
    }
    const __m128i *from = (const __m128i *)(p + (size_t)column * stride);
    return bytes == 16 ? _mm_loadu_si128(from) : _mm_loadl_epi64(from);
}

static inline void vi_load_transposed(const uint8_t *p, size_t stride, int bytes, int valid, vint d[4])
{
    vint t[4];
    for (int j = 0; j < 4; j++) {
        t[j] = _mm256_set_m128i(load_column(p, stride, 4 + j, bytes, valid), load_column(p, stride, j, bytes, valid));
    }
    transpose_four(t, d);
}

static inline void vi_transpose(vint d[8])
{
    vint t[8];
    for (int i = 0; i < 8; i += 4) {
        transpose_four(d + i, t + i);
    }
    for (int j = 0; j < 4; j++) {
        d[j] = _mm256_permute2x128_si256(t[j], t[4 + j], 0x20);
        d[4 + j] = _mm256_permute2x128_si256(t[j], t[4 + j], 0x31);
    }
}

/* a * b + c, rounded once */
static inline vfloat vf_fma(vfloat a, vfloat b, vfloat c) { return _mm256_fmadd_ps(a, b, c); }
/* sum + a * b in the register of the sum: given the choice, gcc overwrites a factor and then copies it back. */
static inline vfloat vf_fma_into(vfloat sum, vfloat a, vfloat b)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}
/* the same 32-bit word in every lane */
static inline vint vi_broadcast(const void *p)
{
    int word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}
static inline vint vi_sar(vint a, int n) { return _mm256_sra_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_set_bytes(int x) { return _mm256_set1_epi8((char)x); }
static inline vint vi_set_words(int x) { return _mm256_set1_epi16((short)x); }
static inline vint vi_shl_words(vint a, int n) { return _mm256_sll_epi16(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sar_words(vint a, int n) { return _mm256_sra_epi16(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sub_bytes(vint a, vint b) { return _mm256_sub_epi8(a, b); }
static inline vint vi_sub_words(vint a, vint b) { return _mm256_sub_epi16(a, b); }

static inline vint vi_lookup_bytes(const int8_t *table, vint index)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), index);
}
static inline vint vi_negate_words(vint x, vint a, int bit)
{
    vint sign = vi_sar_words(vi_shl_words(a, 15 - bit), 15);
    return vi_sub_words(vi_xor(x, sign), sign);
}
static inline vint vi_words_of_lanes(vint a, int i)
{
    vint low = vi_and(i ? vi_shr(a, 16) : a, vi_set(0xFF));
    return vi_or(low, vi_and(i ? vi_shr(a, 8) : vi_shl(a, 8), vi_set(0xFF0000)));
}
/* bytes of x where bit (of 0 .. 7) of the byte of a is set, else those of y */
static inline vint vi_select_bit(vint a, int bit, vint x, vint y)
{
    return _mm256_blendv_epi8(y, x, _mm256_sll_epi16(a, _mm_cvtsi32_si128(7 - bit)));
}
/* a table of 32 words: low and high bytes, and the two halves of the table, are looked up apart */
static inline vint vi_lookup_words(const int16_t *table, vint index)
{
    int8_t low[32], high[32];
    for (int i = 0; i < 32; i++) {
        low[i] = (int8_t)(table[i] & 0xFF);
        high[i] = (int8_t)(table[i] >> 8);
    }
    vint four = vi_and(index, vi_set_words(0xF));
    vint both = vi_or(four, _mm256_slli_epi16(four, 8));
    vint first = _mm256_blendv_epi8(vi_lookup_bytes(low, both), vi_lookup_bytes(high, both), vi_set_words(0xFF00));
    vint second =
        _mm256_blendv_epi8(vi_lookup_bytes(low + 16, both), vi_lookup_bytes(high + 16, both), vi_set_words(0xFF00));
    vint bit = vi_set_words(0x10);
    return _mm256_blendv_epi8(first, second, _mm256_cmpeq_epi16(vi_and(index, bit), bit));
}
static inline vint vi_words_of_half(vint a, int i)
{
    return _mm256_cvtepu8_epi16(i ? _mm256_extracti128_si256(a, 1) : _mm256_castsi256_si128(a));
}
/* in the low half */
static inline __m128i vi_quarter(vint a, int i)
{
    __m128i half = i / 2 ? _mm256_extracti128_si256(a, 1) : _mm256_castsi256_si128(a);
    return i % 2 ? _mm_unpackhi_epi64(half, half) : half;
}
static inline vint vi_lanes_of_quarter(vint a, int i) { return _mm256_cvtepu8_epi32(vi_quarter(a, i)); }
static inline vint vi_lanes_of_words(const uint8_t *p)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
}
static inline vint vi_lanes_of_triples(const uint8_t *p)
{
    /* bytes 0-11 of the first load, bytes 12-23 of the second */
    const vint three = _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, 4, 5, 6, -1, 7, 8, 9, -1,
                                        10, 11, 12, -1, 13, 14, 15, -1);
    __m128i first = _mm_loadu_si128((const __m128i *)p), second = _mm_loadu_si128((const __m128i *)(p + 8));
    return _mm256_shuffle_epi8(_mm256_set_m128i(second, first), three);
}
static inline vfloat vf_from_e4m3(vint a, int i)
{
    __m128i words = _mm_slli_epi16(_mm_cvtepi8_epi16(vi_quarter(a, i)), 7);
    return _mm256_cvtph_ps(_mm_and_si128(words, _mm_set1_epi16((short)0xBFFF)));
}
static inline vfloat vf_from_e5m2(vint a, int i)
{
    return _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(vi_quarter(a, i)), 8));
}
static inline vfloat vf_from_half(vint a)
{
    vint words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, a), 0x08);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(words));
}
static inline vint vi_by_byte(vint a)
{
    const vint within =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const vint across = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(a, within), across);
}
static inline void vi_sum_bytes(vint a, int part, int32_t *sums)
{
    vint eights = _mm256_sad_epu8(vi_xor(a, vi_set_bytes(0x80)), vi_zero()); /* sum + 8 * 128 */
    vint parts = _mm256_add_epi64(eights, _mm256_shuffle_epi32(eights, 0x4E));
    int32_t low = _mm_cvtsi128_si32(_mm256_castsi256_si128(parts));
    int32_t high = _mm_cvtsi128_si32(_mm256_extracti128_si256(parts, 1));
    sums[0] = (part == 32 ? low + high : low) - 128 * part;
    if (part == 16) {
        sums[1] = high - 128 * part;
    }
}

/* half as many FP64 lanes */
typedef __m256d vdouble;
static inline vdouble vd_load(const double *p) { return _mm256_loadu_pd(p); }
static inline void vd_store(double *p, vdouble a) { _mm256_storeu_pd(p, a); }
static inline vdouble vd_add(vdouble a, vdouble b) { return _mm256_add_pd(a, b); }
static inline vdouble vd_load_floats(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }

#endif
