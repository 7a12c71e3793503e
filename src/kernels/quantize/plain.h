/* Formats without block scales, and q8_0: runs of values of a tensor, decoded and encoded. */
#ifndef MOTE_KERNELS_QUANTIZE_PLAIN_H
#define MOTE_KERNELS_QUANTIZE_PLAIN_H

#include "kernels/quantize/box.h"

/* True if a tensor has blocks that the kernels of this family convert; otherwise these functions do. */
static inline bool mote_in_blocks(const mote_open_tensor *open)
{
    return open->layout.traits->kind == MOTE_KIND_TARGET && open->spec.block > 1;
}

/* Single-threaded work on one box, as mote_quantize_box and mote_dequantize_box. */
void mote_plain_quantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                             const mote_strided *x, mote_scratch *scratch);
void mote_plain_dequantize_box(const mote_kernels *kernels, const mote_open_tensor *open, const mote_box *box,
                               const mote_strided *y, mote_scratch *scratch);

#endif
