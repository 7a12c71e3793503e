/* The family in portable C. */
#include "kernels/kernels.h"

void mote_transpose__c(size_t rows, size_t columns, const float *from, size_t from_stride, float *to, size_t to_stride)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            to[c * to_stride + r] = from[r * from_stride + c];
        }
    }
}

void mote_sum_columns__c(size_t rows, size_t columns, const float *values, ptrdiff_t stride, double *sums)
{
    for (size_t r = 0; r < rows && columns; r++) {
        const float *row = values + (ptrdiff_t)r * stride;
        for (size_t c = 0; c < columns; c++) {
            sums[c] += (double)row[c];
        }
    }
}
