/* Tiles for avx2, where the 8-bit dot product has 16-bit sums, and packing and expanding. */
#include "kernels/vector/vector_avx2.h"

enum { HAVE_DOT8 = 0 };
static inline vint vi_dot8(vint sum, vint unsigned_bytes, vint bytes)
{
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(unsigned_bytes, bytes));
}
static inline vint vi_dot16(vint sum, vint a, vint b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

#include "kernels/gemm/few_body.h"

void mote_gemm_tile__avx2(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks,
                          const mote_gemm_rows *a, const mote_gemm_columns *b, const mote_gemm_ahead *ahead,
                          float *sums)
{
    gemm_tile(kind, careful, rows, panels, blocks, a, b, ahead, sums);
}

void mote_gemm_expand_row__avx2(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *line,
                                void *row, int32_t *corrections)
{
    gemm_expand_row(kind, element, count, line, row, corrections);
}

void mote_gemm_pack_panel__avx2(const mote_element *element, size_t count, int lines, const uint8_t *line,
                                size_t stride, uint8_t *packed)
{
    gemm_pack_panel(element, count, lines, line, stride, packed);
}

void mote_gemm_expand_panel__avx2(mote_gemm_kind kind, const mote_element *element, size_t count, const uint8_t *packed,
                                  void *panel)
{
    gemm_expand_panel(kind, element, count, packed, panel);
}

void mote_gemm_expand_scales__avx2(bool nv, int field, size_t count, const uint8_t *bytes, int32_t *scales)
{
    gemm_expand_scales(nv, field, count, bytes, scales);
}

void mote_gemm_finish__avx2(int rows, size_t columns, const float *sums, mote_gemm_scale scale, const float *bias,
                            bool add, float *y, ptrdiff_t stride)
{
    gemm_finish(rows, columns, sums, scale, bias, add, y, stride);
}

void mote_gemm_few__avx2(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                         const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    gemm_few(kind, element, rows, panels, blocks, a, b, sums);
}
