/* What linear layers and convolutions share. */
#ifndef MOTE_KERNELS_GEMM_LINEAR_H
#define MOTE_KERNELS_GEMM_LINEAR_H

#include "kernels/gemm/product.h"
#include "mote/linear.h"

/* Options for operand number (0 to 5) of a layer's products in a format. */
mote_quantize_options mote_policy_options(const mote_policy *policy, mote_format format, bool gradient,
                                          uint64_t number);

/* sums[c] = sum of column c in FP64 and in order, added to what is there if accumulate. */
void mote_sum_columns(const mote_context *context, size_t rows, size_t columns, const float *values, ptrdiff_t stride,
                      bool accumulate, float *sums);

#endif
