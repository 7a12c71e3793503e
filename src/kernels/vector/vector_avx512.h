/* Sixteen lanes of AVX-512 (F, BW, DQ, VL), named as quantize_body.h wants them. */
#ifndef MOTE_KERNELS_VECTOR_VECTOR_AVX512_H
#define MOTE_KERNELS_VECTOR_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/quantize/kernel.h"

enum { LANES = 16 };
typedef __m512 vfloat;
typedef __m512i vint;

static inline vfloat vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vfloat v) { _mm512_storeu_ps(p, v); }
/* past the caches; p is aligned to the vector */
static inline void vf_stream(float *p, vfloat v)
{
    _mm256_stream_ps(p, _mm512_castps512_ps256(v));
    _mm256_stream_ps(p + 8, _mm512_extractf32x8_ps(v, 1));
}
static inline vfloat vf_set(float x) { return _mm512_set1_ps(x); }
static inline vfloat vf_add(vfloat a, vfloat b) { return _mm512_add_ps(a, b); }
static inline vfloat vf_sub(vfloat a, vfloat b) { return _mm512_sub_ps(a, b); }
static inline vfloat vf_mul(vfloat a, vfloat b) { return _mm512_mul_ps(a, b); }
static inline vfloat vf_div(vfloat a, vfloat b) { return _mm512_div_ps(a, b); }
static inline vfloat vf_min(vfloat a, vfloat b) { return _mm512_min_ps(a, b); }
static inline vfloat vf_from_int(vint a) { return _mm512_cvtepi32_ps(a); }
static inline vint vf_bits(vfloat a) { return _mm512_castps_si512(a); }
static inline vfloat vi_float(vint a) { return _mm512_castsi512_ps(a); }

static inline vint vi_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void vi_store(void *p, vint v) { _mm512_storeu_si512(p, v); }
static inline vint vi_set(uint32_t x) { return _mm512_set1_epi32((int)x); }
static inline vint vi_zero(void) { return _mm512_setzero_si512(); }
static inline vint vi_and(vint a, vint b) { return _mm512_and_si512(a, b); }
static inline vint vi_or(vint a, vint b) { return _mm512_or_si512(a, b); }
static inline vint vi_xor(vint a, vint b) { return _mm512_xor_si512(a, b); }
static inline vint vi_add(vint a, vint b) { return _mm512_add_epi32(a, b); }
static inline vint vi_sub(vint a, vint b) { return _mm512_sub_epi32(a, b); }
static inline vint vi_max(vint a, vint b) { return _mm512_max_epu32(a, b); }
static inline vint vi_min(vint a, vint b) { return _mm512_min_epu32(a, b); }
static inline vint vi_shl(vint a, int n) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_shr(vint a, int n) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sign_mask(vint a) { return _mm512_srai_epi32(a, 31); }
/* shift counts per lane; 32 and above give 0 */
static inline vint vi_shlv(vint a, vint n) { return _mm512_sllv_epi32(a, n); }
static inline vint vi_shrv(vint a, vint n) { return _mm512_srlv_epi32(a, n); }
/* a < b, unsigned, lane by lane: where it holds x, else 0 */
static inline vint vi_if_less(vint a, vint b, vint x)
{
    return _mm512_maskz_mov_epi32(_mm512_cmplt_epu32_mask(a, b), x);
}
/* where a < b, unsigned, x; else y */
static inline vint vi_select_less(vint a, vint b, vint x, vint y)
{
    return _mm512_mask_mov_epi32(y, _mm512_cmplt_epu32_mask(a, b), x);
}
static inline int vi_any_less(vint a, vint b) { return _mm512_cmplt_epu32_mask(a, b) != 0; }

/* Sixteen bytes, zero-extended, and back. count: how many are there; the rest is 0 or not written. */
static inline vint vi_load_bytes(const uint8_t *p, int count)
{
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)((1u << count) - 1), p));
}
static inline void vi_store_bytes(uint8_t *p, vint v, int count)
{
    _mm_mask_storeu_epi8(p, (__mmask16)((1u << count) - 1), _mm512_cvtepi32_epi8(v));
}

static inline uint32_t vi_reduce_max(vint a) { return (uint32_t)_mm512_reduce_max_epu32(a); }

/* Lane i of the result is the largest lane of v[i]: a tree that halves the data at each step, 45
 * instructions for all sixteen. */
static inline vint vi_maxima(const vint v[LANES])
{
    vint four[4];
    for (int i = 0; i < 4; i++) {
        const vint *w = v + 4 * i;
        vint a = vi_max(_mm512_unpacklo_epi32(w[0], w[1]), _mm512_unpackhi_epi32(w[0], w[1]));
        vint b = vi_max(_mm512_unpacklo_epi32(w[2], w[3]), _mm512_unpackhi_epi32(w[2], w[3]));
        four[i] = vi_max(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    vint a = vi_max(_mm512_shuffle_i32x4(four[0], four[1], 0x44), _mm512_shuffle_i32x4(four[0], four[1], 0xEE));
    vint b = vi_max(_mm512_shuffle_i32x4(four[2], four[3], 0x44), _mm512_shuffle_i32x4(four[2], four[3], 0xEE));
    return vi_max(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
}

/* Packs 4 * LANES codes, one a lane of c[0..3], and stores those of the first valid (a multiple of 16). */
static inline void vi_store_codes(uint8_t *p, const vint c[4], int bits, int valid)
{
    const vint order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    vint bytes = _mm512_permutexvar_epi32(
        order, _mm512_packus_epi16(_mm512_packus_epi32(c[0], c[1]), _mm512_packus_epi32(c[2], c[3])));
    if (bits == 8) {
        _mm512_mask_storeu_epi8(p, valid == 64 ? ~UINT64_C(0) : (UINT64_C(1) << valid) - 1, bytes);
    } else if (bits == 4) {
        vint pairs = _mm512_maddubs_epi16(bytes, _mm512_set1_epi16(0x1001));
        _mm256_mask_storeu_epi8(p, (__mmask32)((UINT64_C(1) << valid / 2) - 1), _mm512_cvtepi16_epi8(pairs));
    } else {
        vint pairs = _mm512_maddubs_epi16(bytes, _mm512_set1_epi16(0x4001));
        vint fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x10000001)); /* 24 bits in each dword */
        const vint squeeze =
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
        const vint gather = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 3, 3, 3);
        vint packed = _mm512_permutexvar_epi32(gather, _mm512_shuffle_epi8(fours, squeeze));
        _mm512_mask_storeu_epi8(p, (UINT64_C(1) << valid * 6 / 8) - 1, packed);
    }
}

/* Shuffle control that brings bytes b and b + 1 to the low half of a 32-bit lane and zeros to the rest. */
#define TWO(b) ((int)(0xFFFF0000u | ((b) + 1) << 8 | (b)))

/* The inverse: codes of the first valid values, the rest 0. Reads no byte beyond them. */
static inline void vi_load_codes(const uint8_t *p, int bits, int valid, vint c[4])
{
    if (bits == 8) {
        for (int i = 0; i < 4; i++) {
            int here = valid - i * LANES;
            c[i] = here > 0 ? _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + i * LANES))) : vi_zero();
        }
    } else if (bits == 4) {
        /* each dword holds eight codes: spread it over eight lanes and shift each to its own */
        const vint shifts = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
        const vint spread = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        vint all = _mm512_maskz_loadu_epi32((__mmask16)((1u << valid / 8) - 1), p);
        for (int i = 0; i < 4; i++) {
            vint dwords = _mm512_permutexvar_epi32(vi_add(spread, vi_set(2u * (uint32_t)i)), all);
            c[i] = vi_and(vi_shrv(dwords, shifts), vi_set(0xF));
        }
    } else {
        /* two bytes hold each code: bring them to its lane and shift; byte 6 i / 8, bit 6 i % 8 */
        const vint first = _mm512_setr_epi32(TWO(0), TWO(0), TWO(1), TWO(2), TWO(3), TWO(3), TWO(4), TWO(5), TWO(6),
                                             TWO(6), TWO(7), TWO(8), TWO(9), TWO(9), TWO(10), TWO(11));
        const vint shifts = _mm512_setr_epi32(0, 6, 4, 2, 0, 6, 4, 2, 0, 6, 4, 2, 0, 6, 4, 2);
        const vint second = _mm512_add_epi8(first, _mm512_set1_epi32(0x0404));
        for (int i = 0; i < 4; i++) {
            if (i * LANES >= valid) {
                c[i] = vi_zero();
                continue;
            }
            /* a block has 24 bytes: its first sixteen codes from bytes 0-15, the others from bytes 8-23 */
            const uint8_t *block = p + i / 2 * 24 + i % 2 * 8;
            vint bytes = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)block));
            vint words = _mm512_shuffle_epi8(bytes, i % 2 ? second : first);
            c[i] = vi_and(vi_shrv(words, shifts), vi_set(0x3F));
        }
    }
}

/* Value of a 4-bit code: one table look-up, the index is the code. */
static inline vfloat vf_decode_e2m1(vint code)
{
    const vfloat table = _mm512_setr_ps(0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6);
    return _mm512_permutexvar_ps(code, table);
}

/* Lane l of d[0..3] holds sixteen bytes that belong to column l: stores the first bytes (16 or 8) of them at
 * p + l * stride for l < valid. The 4 x 4 transposes leave column 4 i + j in part i of t[j]. */
static inline void vi_store_transposed(uint8_t *p, size_t stride, const vint d[4], int bytes, int valid)
{
    vint a = _mm512_unpacklo_epi32(d[0], d[1]), b = _mm512_unpackhi_epi32(d[0], d[1]);
    vint e = _mm512_unpacklo_epi32(d[2], d[3]), f = _mm512_unpackhi_epi32(d[2], d[3]);
    vint t[4] = {_mm512_unpacklo_epi64(a, e), _mm512_unpackhi_epi64(a, e), _mm512_unpacklo_epi64(b, f),
                 _mm512_unpackhi_epi64(b, f)};
    for (int j = 0; j < 4; j++) {
        __m128i part[4] = {_mm512_castsi512_si128(t[j]), _mm512_extracti32x4_epi32(t[j], 1),
                           _mm512_extracti32x4_epi32(t[j], 2), _mm512_extracti32x4_epi32(t[j], 3)};
        for (int i = 0; i < 4; i++) {
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
    vint a = _mm512_unpacklo_epi32(t[0], t[1]), b = _mm512_unpackhi_epi32(t[0], t[1]);
    vint e = _mm512_unpacklo_epi32(t[2], t[3]), f = _mm512_unpackhi_epi32(t[2], t[3]);
    d[0] = _mm512_unpacklo_epi64(a, e);
    d[1] = _mm512_unpackhi_epi64(a, e);
    d[2] = _mm512_unpacklo_epi64(b, f);
    d[3] = _mm512_unpackhi_epi64(b, f);
}

static inline __m128i load_column(const uint8_t *p, size_t stride, int column, int bytes, int valid)
{
    if (column >= valid) {
        return _mm_setzero_si128();
    }
    const __m128i *from = (const __m128i *)(p + (size_t)column * stride);
    return bytes == 16 ? _mm_loadu_si128(from) : _mm_loadl_epi64(from);
}

/* The inverse of vi_store_transposed; bytes and columns that are not there come as 0. */
static inline void vi_load_transposed(const uint8_t *p, size_t stride, int bytes, int valid, vint d[4])
{
    vint t[4];
    for (int j = 0; j < 4; j++) {
        vint v = _mm512_castsi128_si512(load_column(p, stride, j, bytes, valid));
        v = _mm512_inserti32x4(v, load_column(p, stride, 4 + j, bytes, valid), 1);
        v = _mm512_inserti32x4(v, load_column(p, stride, 8 + j, bytes, valid), 2);
        t[j] = _mm512_inserti32x4(v, load_column(p, stride, 12 + j, bytes, valid), 3);
    }
    transpose_four(t, d);
}

/* Lane i of vector j to lane j of vector i. */
static inline void vi_transpose(vint d[16])
{
    vint t[16]; /* [4 g + j], quarter q: column 4 q + j of rows 4 g .. 4 g + 3 */
    for (int i = 0; i < 16; i += 4) {
        transpose_four(d + i, t + i);
    }
    for (int j = 0; j < 4; j++) {
        vint even = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x88), odd = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xDD);
        vint even_two = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x88);
        vint odd_two = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xDD);
        d[j] = _mm512_shuffle_i32x4(even, even_two, 0x88);
        d[4 + j] = _mm512_shuffle_i32x4(odd, odd_two, 0x88);
        d[8 + j] = _mm512_shuffle_i32x4(even, even_two, 0xDD);
        d[12 + j] = _mm512_shuffle_i32x4(odd, odd_two, 0xDD);
    }
}

/* a * b + c, rounded once */
static inline vfloat vf_fma(vfloat a, vfloat b, vfloat c) { return _mm512_fmadd_ps(a, b, c); }
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
    return _mm512_set1_epi32(word);
}
static inline vint vi_sar(vint a, int n) { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_set_bytes(int x) { return _mm512_set1_epi8((char)x); }
static inline vint vi_set_words(int x) { return _mm512_set1_epi16((short)x); }
static inline vint vi_shl_words(vint a, int n) { return _mm512_sll_epi16(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sar_words(vint a, int n) { return _mm512_sra_epi16(a, _mm_cvtsi32_si128(n)); }
static inline vint vi_sub_bytes(vint a, vint b) { return _mm512_sub_epi8(a, b); }
static inline vint vi_sub_words(vint a, vint b) { return _mm512_sub_epi16(a, b); }

/* a 16-byte table, looked up with the low four bits of each byte whose top bit is clear */
static inline vint vi_lookup_bytes(const int8_t *table, vint index)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), index);
}
/* a table of 32 words, looked up with the low five bits of each word */
static inline vint vi_lookup_words(const int16_t *table, vint index)
{
    return _mm512_permutexvar_epi16(index, _mm512_loadu_si512(table));
}
/* words of x, those negated where bit of the word of a is set */
static inline vint vi_negate_words(vint x, vint a, int bit)
{
    return _mm512_mask_sub_epi16(x, _mm512_test_epi16_mask(a, vi_set_words(1 << bit)), vi_zero(), x);
}
/* bytes 0 and 1 of each lane, or 2 and 3, to its words */
static inline vint vi_words_of_lanes(vint a, int i)
{
    const vint first = _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    const vint second =
        _mm512_broadcast_i32x4(_mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
    return _mm512_shuffle_epi8(a, i ? second : first);
}
/* bytes of x where bit (of 0 .. 7) of the byte of a is set, else those of y */
static inline vint vi_select_bit(vint a, int bit, vint x, vint y)
{
    return _mm512_mask_mov_epi8(y, _mm512_test_epi8_mask(a, vi_set_bytes(1 << bit)), x);
}
/* half i of the bytes of a to words; LANES bytes of it, from byte LANES * i on, to lanes */
static inline vint vi_words_of_half(vint a, int i)
{
    return _mm512_cvtepu8_epi16(i ? _mm512_extracti64x4_epi64(a, 1) : _mm512_castsi512_si256(a));
}
static inline __m128i vi_quarter(vint a, int i)
{
    switch (i) {
    case 0: return _mm512_castsi512_si128(a);
    case 1: return _mm512_extracti32x4_epi32(a, 1);
    case 2: return _mm512_extracti32x4_epi32(a, 2);
    default: return _mm512_extracti32x4_epi32(a, 3);
    }
}
static inline vint vi_lanes_of_quarter(vint a, int i) { return _mm512_cvtepu8_epi32(vi_quarter(a, i)); }
/* 16-bit words in memory to lanes */
static inline vint vi_lanes_of_words(const uint8_t *p)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
}
/* three bytes of memory to each lane; reads 3 * LANES bytes */
static inline vint vi_lanes_of_triples(const uint8_t *p)
{
    const vint twelve = _mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
    const vint three = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
    vint bytes = _mm512_maskz_loadu_epi8((UINT64_C(1) << 48) - 1, p);
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(twelve, bytes), three);
}
/* LANES e4m3 or e5m2 codes, from byte LANES * i on, by way of FP16, which holds both exactly; e4m3 comes out 2^-8 times
 * its value, its NaN as 1.875 */
static inline vfloat vf_from_e4m3(vint a, int i)
{
    __m256i words = _mm256_slli_epi16(_mm256_cvtepi8_epi16(vi_quarter(a, i)), 7);
    return _mm512_cvtph_ps(_mm256_and_si256(words, _mm256_set1_epi16((short)0xBFFF)));
}
static inline vfloat vf_from_e5m2(vint a, int i)
{
    return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(vi_quarter(a, i)), 8));
}
/* FP16 codes in the low half of each lane */
static inline vfloat vf_from_half(vint a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
/* byte q of every lane to bytes LANES * q and on */
static inline vint vi_by_byte(vint a)
{
    const vint within = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const vint across = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(across, _mm512_shuffle_epi8(a, within));
}
/* sums of the signed bytes of every part (16 or 32 of them) of a, in order */
static inline void vi_sum_bytes(vint a, int part, int32_t *sums)
{
    vint eights = _mm512_sad_epu8(_mm512_xor_si512(a, vi_set_bytes(0x80)), vi_zero()); /* sum + 8 * 128 */
    vint parts = _mm512_add_epi64(eights, _mm512_shuffle_epi32(eights, 0x4E));
    if (part == 32) {
        parts = _mm512_add_epi64(parts, _mm512_permutex_epi64(parts, 0x4E));
    }
    for (int i = 0; i < 64 / part; i++) {
        sums[i] = _mm_cvtsi128_si32(vi_quarter(parts, i * part / 16)) - 128 * part;
    }
}

/* half as many FP64 lanes */
typedef __m512d vdouble;
static inline vdouble vd_load(const double *p) { return _mm512_loadu_pd(p); }
static inline void vd_store(double *p, vdouble a) { _mm512_storeu_pd(p, a); }
static inline vdouble vd_add(vdouble a, vdouble b) { return _mm512_add_pd(a, b); }
static inline vdouble vd_load_floats(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }

#endif
