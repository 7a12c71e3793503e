/* Tiles for avx512vnni: integer dot products that add four or two products to a 32-bit sum. */
#include "kernels/gemm/dot_vnni.h"
#include "kernels/gemm/few_body.h"

void mote_gemm_tile__avx512vnni(mote_gemm_kind kind, bool careful, int rows, int panels, size_t blocks,
                                const mote_gemm_rows *a, const mote_gemm_columns *b, const mote_gemm_ahead *ahead,
                                float *sums)
{
    gemm_tile(kind, careful, rows, panels, blocks, a, b, ahead, sums);
}

void mote_gemm_few__avx512vnni(mote_gemm_kind kind, const mote_element *element, int rows, int panels, size_t blocks,
                               const mote_gemm_rows *a, const mote_gemm_codes *b, float *sums)
{
    gemm_few(kind, element, rows, panels, blocks, a, b, sums);
}
