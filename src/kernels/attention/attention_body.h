/* The kernels of family attention, written once over sixteen.h.
 *
 * Where the speed comes from: a tile's scores are in the first cache, where its products left them; a row takes two
 * passes, one for its maximum, one for sixteen powers at a time, some 16 instructions, against the 128 multiply-adds
 * that the same sixteen scores cost in the products for a head of 64. Only vectors at the edge of what a row sees are
 * masked. All rows of a tile are one call, so that short ones overlap. */
#include <float.h>

#include "kernels/attention/sixteen.h"

enum { VECTORS = MOTE_GEMM_WIDTH / SIXTEEN };

/* The pieces that a range touches; first == end if it is empty. */
typedef struct touched {
    size_t first, end;
} touched;

INLINE touched pieces_touched(mote_attention_range seen, size_t pieces)
{
    if (seen.first >= seen.last) {
        return (touched){pieces, pieces};
    }
    return (touched){(size_t)seen.first / MOTE_GEMM_WIDTH, ((size_t)seen.last + MOTE_GEMM_WIDTH - 1) / MOTE_GEMM_WIDTH};
}

/* True if the range has all of a piece. */
INLINE bool sees_all(mote_attention_range seen, size_t piece)
{
    int first = (int)(piece * MOTE_GEMM_WIDTH);
    return seen.first <= first && seen.last >= first + MOTE_GEMM_WIDTH;
}

/* Lanes of vector v of a piece outside the range become other. */
INLINE sixteen keep_seen(sixteen a, mote_attention_range seen, size_t piece, int v, float other)
{
    int at = (int)(piece * MOTE_GEMM_WIDTH) + v * SIXTEEN;
    return sixteen_within(a, seen.first - at, seen.last - at, sixteen_set(other));
}

INLINE void clear_unseen(touched t, size_t pieces, float *p)
{
    for (size_t i = 0; i < pieces; i++) {
        for (int v = 0; v < VECTORS && (i < t.first || i >= t.end); v++) {
            sixteen_store(p + i * MOTE_GEMM_WIDTH + v * SIXTEEN, sixteen_set(0));
        }
    }
}

INLINE float largest_seen(mote_attention_range seen, touched pieces, sixteen scale, const float *scores)
{
    sixteen most[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        most[v] = sixteen_set(-FLT_MAX);
    }
    for (size_t i = pieces.first; i < pieces.end; i++) {
        bool all = sees_all(seen, i);
        for (int v = 0; v < VECTORS; v++) {
            sixteen t = sixteen_mul(sixteen_load(scores + i * MOTE_ATTENTION_PIECE + v * SIXTEEN), scale);
            most[v] = sixteen_max(all ? t : keep_seen(t, seen, i, v, -FLT_MAX), most[v]);
        }
    }
    return sixteen_largest(sixteen_max(most[0], most[1]));
}

/* Powers of the pieces of one row, and their sum. */
INLINE float powers(mote_attention_range seen, touched pieces, sixteen scale, float maximum, const float *scores,
                    float *p)
{
    const sixteen shift = sixteen_set(maximum);
    sixteen sum[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        sum[v] = sixteen_set(0);
    }
    for (size_t i = pieces.first; i < pieces.end; i++) {
        bool all = sees_all(seen, i);
        for (int v = 0; v < VECTORS; v++) {
            sixteen t = sixteen_mul(sixteen_load(scores + i * MOTE_ATTENTION_PIECE + v * SIXTEEN), scale);
            sixteen power = sixteen_exp2(sixteen_sub(t, shift));
            power = all ? power : keep_seen(power, seen, i, v, 0);
            sum[v] = sixteen_add(sum[v], power);
            sixteen_store(p + i * MOTE_GEMM_WIDTH + v * SIXTEEN, power);
        }
    }
    return sixteen_sum(sixteen_add(sum[0], sum[1]));
}

INLINE void attention_softmax(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                              const float *scores, float *maxima, float *sums, float *factors, float *p, size_t stride)
{
    const sixteen scales = sixteen_set(scale);
    for (int r = 0; r < rows; r++) {
        const float *row = scores + r * MOTE_GEMM_WIDTH;
        float *to = p + (size_t)r * stride;
        touched here = pieces_touched(visible[r], pieces);
        factors[r] = 1;
        clear_unseen(here, pieces, to);
        if (here.first == here.end) {
            continue;
        }
        float most = ceilf(largest_seen(visible[r], here, scales, row));
        float maximum = most > maxima[r] ? most : maxima[r], step = maxima[r] - maximum;
        int power = step >= -126 ? (int)step : -MOTE_FP32_BIAS; /* also where it is a NaN */
        factors[r] = mote_bits_float((uint32_t)(power + MOTE_FP32_BIAS) << MOTE_FP32_MANTISSA_BITS);
        sums[r] = sums[r] * factors[r] + powers(visible[r], here, scales, maximum, row, to);
        maxima[r] = maximum;
    }
}

INLINE void attention_gradient(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                               float gradient_scale, const mote_attention_row *row, const float *scores,
                               const float *dp, float *p, float *ds, size_t stride)
{
    const sixteen scales = sixteen_set(scale), gradient_scales = sixteen_set(gradient_scale), zero = sixteen_set(0);
    for (int r = 0; r < rows; r++) {
        const sixteen shift = sixteen_set(row[r].shift), delta = sixteen_set(row[r].delta);
        float *p_row = p + (size_t)r * stride, *ds_row = ds + (size_t)r * stride;
        touched here = pieces_touched(visible[r], pieces);
        clear_unseen(here, pieces, p_row);
        clear_unseen(here, pieces, ds_row);
        for (size_t i = here.first; i < here.end; i++) {
            bool all = sees_all(visible[r], i);
            for (int v = 0; v < VECTORS; v++) {
                size_t from = i * MOTE_ATTENTION_PIECE + (size_t)(r * MOTE_GEMM_WIDTH + v * SIXTEEN);
                size_t to = i * MOTE_GEMM_WIDTH + (size_t)(v * SIXTEEN);
                sixteen x = sixteen_sub(sixteen_mul(sixteen_load(scores + from), scales), shift);
                sixteen power = sixteen_exp2(sixteen_min(zero, x));
                sixteen change = sixteen_mul(power, sixteen_sub(sixteen_load(dp + from), delta));
                change = sixteen_mul(change, gradient_scales);
                sixteen_store(p_row + to, all ? power : keep_seen(power, visible[r], i, v, 0));
                sixteen_store(ds_row + to, all ? change : keep_seen(change, visible[r], i, v, 0));
            }
        }
    }
}

INLINE float attention_dot(size_t count, const float *x, const float *y)
{
    size_t whole = count - count % SIXTEEN;
    sixteen sum = sixteen_set(0);
    for (size_t i = 0; i < whole; i += SIXTEEN) {
        sum = sixteen_fma(sixteen_load(x + i), sixteen_load(y + i), sum);
    }
    if (whole < count) {
        float x_rest[SIXTEEN] = {0}, y_rest[SIXTEEN] = {0};
        memcpy(x_rest, x + whole, (count - whole) * sizeof *x);
        memcpy(y_rest, y + whole, (count - whole) * sizeof *y);
        sum = sixteen_fma(sixteen_load(x_rest), sixteen_load(y_rest), sum);
    }
    return sixteen_sum(sum);
}

INLINE void attention_finish(int rows, size_t columns, const float *values, const float *factors, float *y,
                             ptrdiff_t stride)
{
    const sixteen nan = sixteen_set(mote_bits_float(MOTE_FP32_NAN));
    for (int r = 0; r < rows; r++) {
        float finished[MOTE_GEMM_WIDTH], *to = y + r * stride;
        bool whole = columns == MOTE_GEMM_WIDTH;
        for (int v = 0; v < VECTORS; v++) {
            sixteen x = sixteen_mul(sixteen_load(values + r * MOTE_GEMM_WIDTH + v * SIXTEEN), sixteen_set(factors[r]));
            sixteen_store((whole ? to : finished) + v * SIXTEEN, sixteen_or_nan(x, nan));
        }
        if (!whole) {
            memcpy(to, finished, columns * sizeof *to);
        }
    }
}
