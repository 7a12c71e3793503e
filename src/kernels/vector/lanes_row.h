/* Sums along a row with a fixed order.
 *
 * They go round four accumulators, so that additions do not wait for each other: term i belongs to lane i % 16 of
 * accumulator i / 16 % 4, each added in order. After ROW_CHUNK terms the accumulators are folded, (0 + 1) + (2 + 3) and
 * then lanes_sum(), and added to a total in FP64: the error stays below 70 * 2^-24 of the sum of magnitudes however
 * long the row is, and near 2^-24 in practice. */
#ifndef MOTE_KERNELS_VECTOR_LANES_ROW_H
#define MOTE_KERNELS_VECTOR_LANES_ROW_H

#include "base/context.h"
#include "kernels/vector/lanes.h"

enum { ROW_SUMS = 4, ROW_STEP = ROW_SUMS * LANES, ROW_CHUNK = 4096 };

/* Terms i .. i + n - 1 of a row, n at most LANES; lanes from n on must be zero. */
typedef lanes row_term(const void *row, size_t i, size_t n);

/* Lanes of a row's values: whole ones, or the last n with zeros behind. */
INLINE lanes row_load(const float *p, size_t n) { return n == LANES ? lanes_load(p) : lanes_load_first(p, n); }

INLINE void row_store(float *p, lanes a, size_t n)
{
    if (n == LANES) {
        lanes_store(p, a);
    } else {
        lanes_store_first(p, a, n);
    }
}

/* term is known when this is compiled, so that it becomes part of the loop. */
INLINE double row_sum(row_term *term, const void *row, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count;) {
        size_t end = mote_size_min(count, i + ROW_CHUNK);
        lanes sum[ROW_SUMS] = {lanes_zero(), lanes_zero(), lanes_zero(), lanes_zero()};
        for (; end - i >= ROW_STEP; i += ROW_STEP) {
#pragma GCC unroll 4
            for (size_t j = 0; j < ROW_SUMS; j++) {
                sum[j] = lanes_add(sum[j], term(row, i + j * LANES, LANES));
            }
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < ROW_SUMS; j++) {
            size_t n = mote_size_min(LANES, end - i);
            if (n == LANES) {
                sum[j] = lanes_add(sum[j], term(row, i, LANES));
            } else if (n > 0) {
                sum[j] = lanes_add(sum[j], term(row, i, n));
            }
            i += n;
        }
        total += (double)lanes_sum(lanes_add(lanes_add(sum[0], sum[1]), lanes_add(sum[2], sum[3])));
    }
    return total;
}

#endif
