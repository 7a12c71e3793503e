/* Kernel family softmax: one row at a time, with the same bits on every instruction set; sums as vector/lanes_row.h
 * defines them. Every NaN written is 0x7FC00000. A NaN in a row reaches all of it. */
#ifndef MOTE_KERNELS_SOFTMAX_SOFTMAX_H
#define MOTE_KERNELS_SOFTMAX_SOFTMAX_H

#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

/* y = e^(x - m) / sum(e^(x - m)), m the largest. y may be x. A row of -infinity alone becomes zeros; +infinity makes it
 * NaN. Relative error: (8 + max - x) 2^-24, the latter from rounding the difference; and 2^-148 where y is below
 * 2^-126. */
typedef void mote_softmax_row_fn(size_t count, const float *x, float *y);

/* dx = y (dy - sum(y dy)), to (r + 4) 2^-24 |y| (|dy| + sum |y dy|). dx may be y or dy. */
typedef void mote_softmax_row_gradient_fn(size_t count, const float *y, const float *dy, float *dx);

/* ln(sum(e^x)): -infinity for a row of -infinity alone or of no values, +infinity if one is. Error: 2 ulp of the result
 * or of the largest, whichever is larger, and 2^-22. */
typedef float mote_logsumexp_row_fn(size_t count, const float *x);

/* dlogits[i] = (e^(logits[i] - logsumexp) - (i == target)) * scale: the gradient of scale times the cross entropy. A
 * target of count or above is none. dlogits may be logits. Error: (4 + |logit - logsumexp|) 2^-24 of e^... times scale,
 * and one rounding. */
typedef void mote_cross_entropy_row_gradient_fn(size_t count, const float *logits, float logsumexp, size_t target,
                                                float scale, float *dlogits);

/* rows rows of columns values, shared among the context's threads. */
void mote_softmax(const mote_context *context, size_t rows, size_t columns, const float *x, float *y);
void mote_softmax_backward(const mote_context *context, size_t rows, size_t columns, const float *y, const float *dy,
                           float *dx);

/* losses[r] = logsumexps[r] - logits[r][targets[r]], which is -ln softmax(logits[r])[target]. A target outside 0 ..
 * columns - 1 is none: its loss is zero. */
void mote_cross_entropy(const mote_context *context, size_t rows, size_t columns, const float *logits,
                        const int32_t *targets, float *losses, float *logsumexps);

/* dlogits = scale times the gradient of the sum of the losses; zeros in rows without a target. dlogits may be logits.
 */
void mote_cross_entropy_backward(const mote_context *context, size_t rows, size_t columns, const float *logits,
                                 const float *logsumexps, const int32_t *targets, float scale, float *dlogits);

#endif
