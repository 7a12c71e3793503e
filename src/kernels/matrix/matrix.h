/* Kernel family matrix: FP32 matrices as wholes. Exact, or in one order, so the same bits on every instruction set. */
#ifndef MOTE_KERNELS_MATRIX_MATRIX_H
#define MOTE_KERNELS_MATRIX_MATRIX_H

#include <stddef.h>

enum {
    MOTE_TRANSPOSE = 16,  /* rows and columns that are transposed together */
    MOTE_SUM_COLUMNS = 64 /* columns that are summed together */
};

/* to[c][r] = from[r][c]; rows and columns multiples of MOTE_TRANSPOSE, strides in floats. */
typedef void mote_transpose_fn(size_t rows, size_t columns, const float *from, size_t from_stride, float *to,
                               size_t to_stride);

/* sums[c] += values[0][c] + values[1][c] + ... in FP64, in this order, for columns up to MOTE_SUM_COLUMNS; stride in
 * floats. */
typedef void mote_sum_columns_fn(size_t rows, size_t columns, const float *values, ptrdiff_t stride, double *sums);

#endif
