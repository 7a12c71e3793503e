/* The softmax kernels over lanes.h, once for every instruction set.
 *
 * Their speed: the maximum is found first, in a pass that is bound by loads; then each value is loaded, exponentiated
 * and stored once, and what was stored is scaled where it lies, in the first cache. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vector/lanes_math.h"
#include "kernels/vector/lanes_row.h"

typedef struct softmax_row_state {
    const float *x, *dy;
    float *y; /* NULL: not stored */
    float shift;
} softmax_row_state;

/* The largest value that is not NaN, -infinity if there is none. */
static inline float row_largest(size_t count, const float *x)
{
    lanes most[ROW_SUMS];
    size_t i = 0;
    for (int j = 0; j < ROW_SUMS; j++) {
        most[j] = lanes_set(-INFINITY);
    }
    for (; count - i >= ROW_STEP; i += ROW_STEP) {
#pragma GCC unroll 4
        for (size_t j = 0; j < ROW_SUMS; j++) {
            most[j] = lanes_maximum(lanes_load(x + i + j * LANES), most[j]);
        }
    }
    for (; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes value = lanes_select(lanes_first(n), row_load(x + i, n), lanes_set(-INFINITY));
        most[0] = lanes_maximum(value, most[0]);
    }
    return lanes_largest(lanes_maximum(lanes_maximum(most[0], most[1]), lanes_maximum(most[2], most[3])));
}

/* What is subtracted before the exponential: -infinity would make NaN of a row of its own. */
INLINE float softmax_shift(float largest) { return largest == -INFINITY ? 0 : largest; }

/* The exponential; stored where that is asked for, and summed. */
INLINE lanes softmax_term(const void *row, size_t i, size_t n)
{
    const softmax_row_state *r = row;
    lanes e = lanes_exp(lanes_subtract(row_load(r->x + i, n), lanes_set(r->shift)));
    if (r->y) {
        row_store(r->y + i, e, n);
    }
    return n == LANES ? e : lanes_keep_first(e, n);
}

static inline void softmax_row(size_t count, const float *x, float *y)
{
    softmax_row_state r = {.x = x, .y = y, .shift = softmax_shift(row_largest(count, x))};
    float sum = (float)row_sum(softmax_term, &r, count);
    const lanes factor = lanes_set(sum == 0 ? 0 : 1 / sum);
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        row_store(y + i, lanes_canonical(lanes_multiply(row_load(y + i, n), factor)), n);
    }
}

INLINE lanes softmax_product(const void *row, size_t i, size_t n)
{
    const softmax_row_state *r = row;
    return lanes_multiply(row_load(r->x + i, n), row_load(r->dy + i, n));
}

static inline void softmax_row_gradient(size_t count, const float *y, const float *dy, float *dx)
{
    softmax_row_state r = {.x = y, .dy = dy};
    const lanes sum = lanes_set((float)row_sum(softmax_product, &r, count));
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes value = lanes_multiply(row_load(y + i, n), lanes_subtract(row_load(dy + i, n), sum));
        row_store(dx + i, lanes_canonical(value), n);
    }
}

static inline float logsumexp_row(size_t count, const float *x)
{
    float largest = row_largest(count, x), shift = isinf(largest) ? 0 : largest;
    softmax_row_state r = {.x = x, .shift = shift};
    float values[LANES];
    lanes_store(values, lanes_log(lanes_set((float)row_sum(softmax_term, &r, count))));
    return scalar_canonical(shift + values[0]);
}

static inline void cross_entropy_row_gradient(size_t count, const float *logits, float logsumexp, size_t target,
                                              float scale, float *dlogits)
{
    const lanes shift = lanes_set(logsumexp), factor = lanes_set(scale);
    float value[LANES];
    if (target < count) { /* before dlogits takes its place */
        lanes e = lanes_exp(lanes_subtract(lanes_set(logits[target]), shift));
        lanes_store(value, lanes_canonical(lanes_multiply(lanes_subtract(e, lanes_set(1)), factor)));
    }
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes e = lanes_exp(lanes_subtract(row_load(logits + i, n), shift));
        row_store(dlogits + i, lanes_canonical(lanes_multiply(e, factor)), n);
    }
    if (target < count) {
        dlogits[target] = value[0];
    }
}
