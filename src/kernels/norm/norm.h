/* Kernel family norm: layer norm (centre) and RMS norm along rows, and their gradients.
 *
 *   mean = centre ? sum(x) / n : 0,  rstd = 1 / sqrt(sum((x - mean)^2) / n + epsilon)
 *   z = (x - mean) rstd,  y = z weight + bias
 *
 * Sources: Ba et al., arXiv 1607.06450; Zhang and Sennrich, arXiv 1910.07467. The same bits on every instruction set;
 * sums as vector/lanes_row.h defines them. Every NaN written is 0x7FC00000; a row with a NaN or an infinity becomes NaN
 * (RMS: or zeros), and so may one whose squares leave FP32. */
#ifndef MOTE_KERNELS_NORM_NORM_H
#define MOTE_KERNELS_NORM_NORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"

/* One row. weight (NULL: ones) and bias (NULL: zeros) have count values; statistics receives mean and rstd. y may be x.
 * With r = min(count / 64, 64) + 8 roundings of a sum and u = 2^-24: mean to (r + 1) u of the mean magnitude; rstd to
 * (r + 6) u, beside the square of the mean's error over the deviation; given these two, z weight to 3 u, and y to one
 * more rounding. */
typedef void mote_norm_rows_fn(bool centre, size_t count, const float *x, const float *weight, const float *bias,
                               float epsilon, float *y, float *statistics);

/* dx = rstd (g - mean(g) - z mean(g z)) with g = dy weight, for one row; without centre the mean(g) falls away.
 * dx may be x or dy. Error: (r + 8) u rstd (|g| + mean |g| + |z| mean |g z|). */
typedef void mote_norm_rows_gradient_fn(bool centre, size_t count, const float *x, const float *weight,
                                        const float *statistics, const float *dy, float *dx);

/* dweight[c] += sum over rows of dy z, dbias[c] += sum over rows of dy, for columns columns of matrices with stride
 * values a row; statistics has two values a row. dweight or dbias may be NULL. Rows are added in order in FP32 for
 * MOTE_NORM_CHUNK rows at a time, then to the sums in FP64: 2^-18 of the sum of magnitudes at worst however many rows
 * there are, about 2^-23 in practice. */
enum { MOTE_NORM_CHUNK = 64 };
typedef void mote_norm_columns_gradient_fn(size_t rows, size_t columns, size_t stride, const float *x,
                                           const float *statistics, const float *dy, double *dweight, double *dbias);

/* rows rows of columns values, shared among the context's threads; statistics: two values a row. */
void mote_norm(const mote_context *context, bool centre, size_t rows, size_t columns, const float *x,
               const float *weight, const float *bias, float epsilon, float *y, float *statistics);

/* The gradients of mote_norm: dx (NULL: none), dweight and dbias (NULL: none), each overwritten. dx may be x or dy. The
 * sums over rows are cut by the number of rows and columns alone. Uses the context's workspace. Errors:
 * MOTE_ERROR_MEMORY; then dx, dweight and dbias are untouched. */
mote_status mote_norm_backward(mote_context *context, bool centre, size_t rows, size_t columns, const float *x,
                               const float *weight, const float *statistics, const float *dy, float *dx, float *dweight,
                               float *dbias);

/* Bytes of the context's workspace that mote_norm_backward takes. */
size_t mote_norm_workspace(size_t rows, size_t columns);

#endif
