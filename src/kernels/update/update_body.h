/* The update kernels over lanes.h, once for every instruction set. They are bound by memory: each array is read once
 * and written once, and the two divisions and the square root of AdamW take about as long as 28 bytes a value do from
 * memory with a few cores, less with one. */
#include "kernels/kernels.h"
#include "kernels/vector/lanes_row.h"

/* near: weight1 is below 1/2. The other form is the same with g for m and weight1 - 1 for weight1. */
INLINE void adamw_loop(bool near, size_t count, const mote_adamw_step *s, const float *gradient, float *parameter,
                       float *m, float *v)
{
    const lanes multiplier = lanes_set(s->multiplier), decay = lanes_set(s->decay), beta2 = lanes_set(s->beta2);
    const lanes weight1 = lanes_set(near ? s->weight1 : s->weight1 - 1), weight2 = lanes_set(s->weight2);
    const lanes rate = lanes_set(s->rate), correction = lanes_set(s->correction), epsilon = lanes_set(s->epsilon);
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes g = lanes_multiply(row_load(gradient + i, n), multiplier);
        lanes p = lanes_multiply(row_load(parameter + i, n), decay), first = row_load(m + i, n);
        lanes step = lanes_multiply(weight1, lanes_subtract(g, first));
        first = lanes_add(near ? first : g, step);
        lanes second = lanes_multiply(row_load(v + i, n), beta2);
        second = lanes_add(second, lanes_multiply(lanes_multiply(weight2, g), g));
        lanes below = lanes_add(lanes_divide(lanes_square_root(second), correction), epsilon);
        p = lanes_subtract(p, lanes_divide(lanes_multiply(rate, first), below));
        row_store(m + i, lanes_canonical(first), n);
        row_store(v + i, lanes_canonical(second), n);
        row_store(parameter + i, lanes_canonical(p), n);
    }
}

static inline void update_adamw(size_t count, const mote_adamw_step *step, const float *gradient, float *parameter,
                                float *m, float *v)
{
    if (step->weight1 < 0.5f) {
        adamw_loop(true, count, step, gradient, parameter, m, v);
    } else {
        adamw_loop(false, count, step, gradient, parameter, m, v);
    }
}

INLINE void sgd_loop(bool buffered, bool nesterov, size_t count, const mote_sgd_step *s, const float *gradient,
                     float *parameter, float *buffer)
{
    const lanes multiplier = lanes_set(s->multiplier), decay = lanes_set(s->decay);
    const lanes momentum = lanes_set(s->momentum), rate = lanes_set(s->rate);
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes g = lanes_multiply(row_load(gradient + i, n), multiplier), step = g;
        lanes p = lanes_multiply(row_load(parameter + i, n), decay);
        if (buffered) {
            step = lanes_add(lanes_multiply(momentum, row_load(buffer + i, n)), g);
            row_store(buffer + i, lanes_canonical(step), n);
            step = nesterov ? lanes_add(g, lanes_multiply(momentum, step)) : step;
        }
        row_store(parameter + i, lanes_canonical(lanes_subtract(p, lanes_multiply(rate, step))), n);
    }
}

static inline void update_sgd(size_t count, const mote_sgd_step *step, const float *gradient, float *parameter,
                              float *buffer)
{
    if (buffer && step->nesterov) {
        sgd_loop(true, true, count, step, gradient, parameter, buffer);
    } else if (buffer) {
        sgd_loop(true, false, count, step, gradient, parameter, buffer);
    } else {
        sgd_loop(false, false, count, step, gradient, parameter, NULL);
    }
}

static inline void update_average(size_t count, float weight, const float *x, float *average)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes a = row_load(average + i, n), step = lanes_subtract(row_load(x + i, n), a);
        row_store(average + i, lanes_canonical(lanes_add(a, lanes_multiply(lanes_set(weight), step))), n);
    }
}

static inline double sum_squares(size_t count, const float *x)
{
    lanes_wide even = wide_zero(), odd = wide_zero();
    double sums[2 * LANES];
    size_t i = 0;
    for (; count - i >= 2 * LANES; i += 2 * LANES) {
        even = wide_add_square(even, lanes_load(x + i));
        odd = wide_add_square(odd, lanes_load(x + i + LANES));
    }
    if (i < count) {
        size_t n = mote_size_min(LANES, count - i);
        even = wide_add_square(even, row_load(x + i, n));
        i += n;
    }
    if (i < count) {
        odd = wide_add_square(odd, lanes_load_first(x + i, count - i));
    }
    wide_store(sums, even);
    wide_store(sums + LANES, odd);
    for (int half = LANES; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            sums[j] += sums[j + half];
        }
    }
    return sums[0] == sums[0] ? sums[0] : (double)mote_bits_float(MOTE_FP32_NAN);
}

static inline void update_lift_blocks(const mote_element *element, uint32_t increment, size_t count, float *x)
{
    const lanes zero = lanes_zero();
    const int smallest = element->minimum_exponent - element->mantissa_bits; /* its exponent: above -126 */
    const float unit = mote_bits_float((uint32_t)(smallest + MOTE_FP32_BIAS) << MOTE_FP32_MANTISSA_BITS);
    for (size_t i = 0; i < count; i += MOTE_MX_BLOCK) {
        size_t low = mote_size_min(LANES, count - i), high = mote_size_min(LANES, count - i - low);
        lanes a = row_load(x + i, low), b = high ? row_load(x + i + low, high) : zero;
        float largest = lanes_largest(lanes_maximum(a, lanes_maximum(b, zero)));
        uint32_t scale = mote_block_scale(element, increment, mote_float_bits(largest));
        const lanes least = lanes_set(mote_bits_float(mote_e8m0_bits(scale)) * unit);
        row_store(x + i, lanes_canonical(lanes_select(lanes_less(zero, a), lanes_maximum(least, a), a)), low);
        if (high) {
            row_store(x + i + low, lanes_canonical(lanes_select(lanes_less(zero, b), lanes_maximum(least, b), b)),
                      high);
        }
    }
}
