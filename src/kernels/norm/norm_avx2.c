/* The body for avx2. */
#include "kernels/norm/norm_body.h"

void mote_norm_rows__avx2(bool centre, size_t count, const float *x, const float *weight, const float *bias,
                          float epsilon, float *y, float *statistics)
{
    norm_rows(centre, count, x, weight, bias, epsilon, y, statistics);
}

void mote_norm_rows_gradient__avx2(bool centre, size_t count, const float *x, const float *weight,
                                   const float *statistics, const float *dy, float *dx)
{
    norm_rows_gradient(centre, count, x, weight, statistics, dy, dx);
}

void mote_norm_columns_gradient__avx2(size_t rows, size_t columns, size_t stride, const float *x,
                                      const float *statistics, const float *dy, double *dweight, double *dbias)
{
    norm_columns_gradient(rows, columns, stride, x, statistics, dy, dweight, dbias);
}
