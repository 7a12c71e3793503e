/* Kernel family convert: FP32 to the 16-bit formats and back. */
#ifndef MOTE_KERNELS_CONVERT_CONVERT_H
#define MOTE_KERNELS_CONVERT_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "mote/quantize.h"

/* codes[i] = x[i] in format (MOTE_BF16 or MOTE_FP16). Overflow gives infinity, as IEEE 754 says for the
 * rounding (toward zero: the largest finite value; stochastic: infinity from twice the last exponent on);
 * NaN gives the quiet NaN of the same sign. random: count words for MOTE_STOCHASTIC, else NULL. Exact. */
typedef void mote_narrow_fn(mote_format format, mote_rounding rounding, size_t count, const float *x,
                            const uint32_t *random, uint16_t *codes);

/* y[i] = value of codes[i]; any NaN gives 0x7FC00000. Exact. */
typedef void mote_widen_fn(mote_format format, size_t count, const uint16_t *codes, float *y);

#endif
