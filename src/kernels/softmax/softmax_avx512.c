/* The body for avx512. */
#include "kernels/softmax/softmax_body.h"

void mote_softmax_row__avx512(size_t count, const float *x, float *y) { softmax_row(count, x, y); }

void mote_softmax_row_gradient__avx512(size_t count, const float *y, const float *dy, float *dx)
{
    softmax_row_gradient(count, y, dy, dx);
}

float mote_logsumexp_row__avx512(size_t count, const float *x) { return logsumexp_row(count, x); }

void mote_cross_entropy_row_gradient__avx512(size_t count, const float *logits, float logsumexp, size_t target,
                                             float scale, float *dlogits)
{
    cross_entropy_row_gradient(count, logits, logsumexp, target, scale, dlogits);
}
