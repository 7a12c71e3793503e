/* The family for avx512bf16: 8-bit floats are exact in BF16, whose dot products do two multiply-adds a lane, one after
 * the other, at twice the rate of FP32. The instruction rounds as two fused multiply-adds do, the high half first, and
 * takes numbers below FP32's normal range for zero, which sums of products of MX elements never reach. */
#include "kernels/gemm/dot_vnni.h"

#define MOTE_GEMM_HAVE_BF16
static inline vint vi_dot_bf16(vint sum, vint a, vint b)
{
    return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)a, (__m512bh)b));
}
/* bytes of a table of 128 by the low seven bits of each index */
static inline vint vi_lookup_two(const vint table[2], vint index)
{
    return _mm512_permutex2var_epi8(table[0], index, table[1]);
}
/* 4 i in every byte of lane i */
static inline vint vi_lane_bytes(void)
{
    const vint lanes = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    return _mm512_mullo_epi32(lanes, vi_set(0x01010101));
}
/* 0, 1, 2 ... 63 */
static inline vint vi_iota_bytes(void) { return vi_add(vi_lane_bytes(), vi_set(0x03020100)); }
/* in each lane the words of bytes 2 w and 2 w + 1, the first in the high half */
static inline vint vi_swapped_words(vint low, vint high, int w)
{
    return _mm512_permutex2var_epi8(low, vi_add(vi_lane_bytes(), vi_set(w ? 0x42024303 : 0x40004101)), high);
}

/* lanes of the lower (i 0) or upper halves of two vectors in turn */
static inline vint vi_zip(vint even, vint odd, int i)
{
    const vint order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_epi32(even, vi_add(order, vi_set(i ? 8 : 0)), odd);
}

#include "kernels/gemm/few_body.h"

void mote_gemm_tile__avx512bf16(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks,
                                const mote_gemm_rows *a, const mote_gemm_columns *b, const mote_gemm_ahead *ahead,
                                float *sums)
{
    gemm_tile(kind, careful, rows, panels, blocks, a, b, ahead, sums);
}

void mote_gemm_few__avx512bf16(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                               const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    gemm_few(kind, element, rows, panels, blocks, a, b, sums);
}

void mote_gemm_expand_row__avx512bf16(mote_gemm_kind kind, const mote_element *element, size_t count,
                                      const uint8_t *line, void *row, int32_t *corrections)
{
    gemm_expand_row(kind, element, count, line, row, corrections);
}

void mote_gemm_expand_panel__avx512bf16(mote_gemm_kind kind, const mote_element *element, size_t count,
                                        const uint8_t *packed, void *panel)
{
    gemm_expand_panel(kind, element, count, packed, panel);
}
