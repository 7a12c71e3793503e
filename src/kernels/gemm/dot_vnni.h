/* Integer dot products of AVX-512 VNNI: they add four or two products to a 32-bit sum. */
#ifndef MOTE_KERNELS_GEMM_DOT_VNNI_H
#define MOTE_KERNELS_GEMM_DOT_VNNI_H

#include "kernels/vector/vector_avx512.h"

enum { HAVE_DOT8 = 1 };
static inline vint vi_dot8(vint sum, vint unsigned_bytes, vint bytes)
{
    return _mm512_dpbusd_epi32(sum, unsigned_bytes, bytes);
}
static inline vint vi_dot16(vint sum, vint a, vint b) { return _mm512_dpwssd_epi32(sum, a, b); }

#endif
