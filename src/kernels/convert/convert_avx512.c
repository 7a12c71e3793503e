/* The body for avx512. */
#include "kernels/convert/convert_body.h"

void mote_narrow__avx512(mote_format format, mote_rounding rounding, size_t count, const float *x,
                         const uint32_t *random, uint16_t *codes)
{
    narrow(format, rounding, count, x, random, codes);
}

void mote_widen__avx512(mote_format format, size_t count, const uint16_t *codes, float *y)
{
    widen(format, count, codes, y);
}
