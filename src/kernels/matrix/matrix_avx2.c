/* The body for avx2. */
#include "kernels/vector/vector_avx2.h"

#include "kernels/matrix/matrix_body.h"

void mote_transpose__avx2(size_t rows, size_t columns, const float *from, size_t from_stride, float *to,
                          size_t to_stride)
{
    transpose(rows, columns, from, from_stride, to, to_stride);
}

void mote_sum_columns__avx2(size_t rows, size_t columns, const float *values, ptrdiff_t stride, double *sums)
{
    sum_columns(rows, columns, values, stride, sums);
}
