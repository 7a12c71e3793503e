/* Biases and gates of attention, written once over lanes.h.
 *
 * Where the speed comes from: a tile's scores are in the first cache, where their product left them, and are read and
 * written once for all biases; sixteen scores with two biases take some 14 instructions beside the 64 multiply-adds of
 * the products for a head of 32. A bias that is read again for another sequence comes from the second cache if the
 * sequences that share it follow one another, which the order of tasks (bias.c) sees to. */
#include <float.h>

#include "kernels/kernels.h"
#include "kernels/vector/lanes_math.h"
#include "kernels/vector/lanes_row.h"

/* n values step floats apart. */
INLINE lanes load_apart(const float *p, ptrdiff_t step, size_t n)
{
    float values[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        values[i] = p[(ptrdiff_t)i * step];
    }
    return lanes_load(values);
}

INLINE lanes load_bias(const mote_attention_bias *b, int row, size_t key, size_t n)
{
    const float *p = b->values + row * b->row;
    if (b->step == 1) {
        return row_load(p + key, n);
    }
    return b->step == 0 ? lanes_set(*p) : load_apart(p + (ptrdiff_t)key * b->step, b->step, n);
}

/* t log2 e; what is finite stays so. */
INLINE lanes to_binary(lanes t)
{
    lanes binary = lanes_multiply(t, lanes_set(0x1.715476p+0f));
    lanes inside = lanes_maximum(lanes_set(-FLT_MAX), lanes_minimum(lanes_set(FLT_MAX), binary));
    return lanes_select(lanes_less(lanes_absolute(t), lanes_from_bits(bits_set(MOTE_FP32_INFINITY))), inside, binary);
}

/* n scores of a row. */
INLINE void add_lanes(int row, size_t key, size_t n, lanes scale, int count, const mote_attention_bias *biases,
                      bool finish, lanes shift, float *scores)
{
    float *at =
        scores + key / MOTE_GEMM_WIDTH * MOTE_ATTENTION_PIECE + (size_t)row * MOTE_GEMM_WIDTH + key % MOTE_GEMM_WIDTH;
    lanes t = lanes_multiply(lanes_load(at), scale);
#pragma GCC unroll 2
    for (int i = 0; i < count; i++) {
        t = lanes_add(t, load_bias(&biases[i], row, key, n));
    }
    lanes_store(at, finish ? lanes_subtract(to_binary(t), shift) : t);
}

/* count and finish are known when this is compiled, where that pays. */
INLINE void add_rows(int rows, size_t keys, float scale, int count, const mote_attention_bias *biases, bool finish,
                     const float *shifts, float *scores)
{
    const lanes scales = lanes_set(scale);
    const size_t whole = keys - keys % LANES;
    for (int r = 0; r < rows; r++) {
        const lanes shift = lanes_set(shifts ? shifts[r] : 0);
        for (size_t key = 0; key < whole; key += LANES) {
            add_lanes(r, key, LANES, scales, count, biases, finish, shift, scores);
        }
        if (whole < keys) {
            add_lanes(r, whole, keys - whole, scales, count, biases, finish, shift, scores);
        }
    }
}

static inline void attention_add_biases(int rows, size_t keys, float scale, int count,
                                        const mote_attention_bias *biases, bool finish, const float *shifts,
                                        float *scores)
{
    if (finish && count == 1) {
        add_rows(rows, keys, scale, 1, biases, true, shifts, scores);
    } else if (finish && count == 2) {
        add_rows(rows, keys, scale, 2, biases, true, shifts, scores);
    } else {
        add_rows(rows, keys, scale, count, biases, finish, shifts, scores);
    }
}

INLINE void gather_row(size_t keys, const float *ds, float *to)
{
    for (size_t key = 0; key < keys; key += LANES) {
        size_t n = mote_size_min(LANES, keys - key);
        row_store(to + key, lanes_canonical(lanes_add(row_load(to + key, n), row_load(ds + key, n))), n);
    }
}

INLINE float sum_of_row(size_t keys, const float *ds)
{
    lanes sum = lanes_zero();
    for (size_t key = 0; key < keys; key += LANES) {
        sum = lanes_add(sum, row_load(ds + key, mote_size_min(LANES, keys - key)));
    }
    return lanes_sum(sum);
}

static inline void attention_gather_bias(int rows, size_t keys, const float *ds, size_t stride, float *to,
                                         ptrdiff_t row, ptrdiff_t step)
{
    for (int r = 0; r < rows; r++) {
        const float *from = ds + (size_t)r * stride;
        float *here = to + r * row;
        if (step == 1) {
            gather_row(keys, from, here);
        } else if (step == 0) {
            *here = scalar_canonical(*here + sum_of_row(keys, from));
        } else {
            for (size_t key = 0; key < keys; key++) {
                float *one = here + (ptrdiff_t)key * step;
                *one = scalar_canonical(*one + from[key]);
            }
        }
    }
}

static inline void attention_gate(size_t count, const float *gate, const float *x, float *y)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes_logistic_parts p = lanes_logistic(row_load(gate + i, n));
        lanes value = lanes_multiply(row_load(x + i, n), lanes_divide(p.numerator, p.denominator));
        row_store(y + i, lanes_canonical(value), n);
    }
}

static inline void attention_gate_gradient(size_t count, const float *gate, const float *y, const float *dy,
                                           float *dgate)
{
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = mote_size_min(LANES, count - i);
        lanes_logistic_parts p = lanes_logistic(row_load(gate + i, n));
        lanes change = lanes_multiply(row_load(dy + i, n), row_load(y + i, n));
        row_store(dgate + i, lanes_canonical(lanes_multiply(change, lanes_divide(p.opposite, p.denominator))), n);
    }
}
