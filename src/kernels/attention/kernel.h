/* Kernel family attention: what happens to a tile of scores between the two products of attention.
 *
 * Scores come from the tiles of family gemm as pieces: for MOTE_GEMM_WIDTH keys each, MOTE_GEMM_ROWS rows of
 * MOTE_GEMM_WIDTH numbers, piece after piece. All versions work on sixteen lanes and reduce them in one order, so they
 * give the same bits.
 *
 * Powers: 2^x for x <= 0 within 1 ulp; what would be less than 2^MOTE_ATTENTION_POWER_LOWEST is 0, so that
 * probabilities are normal numbers or nothing. */
#ifndef MOTE_KERNELS_ATTENTION_KERNEL_H
#define MOTE_KERNELS_ATTENTION_KERNEL_H

#include "kernels/gemm/kernel.h"

enum {
    MOTE_ATTENTION_PIECE = MOTE_GEMM_PIECE, /* numbers of a piece */
    MOTE_ATTENTION_POWER_LOWEST = -100
};

/* Keys first .. last - 1 of a tile, which a row sees; first == last: none. */
typedef struct mote_attention_range {
    int first, last;
} mote_attention_range;

/* Sums over a row are 32 chains, lane i of a piece in chain i, added at the end: i to i + 16, + 8, + 4, + 2, + 1.
 *
 * Running softmax. For each row r of a tile, with t = scale * score for the keys that it sees:
 *   maximum = max(maxima[r], the smallest integer >= all t)     an integer, so that rescaling is exact
 *   p       = 2^(t - maximum), 0 for other keys                 pieces * MOTE_GEMM_WIDTH numbers, stride floats a row
 *   factor  = 2^(maxima[r] - maximum), 0 below 2^-126           what earlier results must be multiplied by
 *   sums[r] = sums[r] * factor + sum of p;  maxima[r] = maximum
 * A row starts with maxima -FLT_MAX and sums 0. A t of -infinity is like a key unseen. */
typedef void mote_attention_softmax_fn(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                                       const float *scores, float *maxima, float *sums, float *factors, float *p,
                                       size_t stride);

/* What the backward pass needs of a row. */
typedef struct mote_attention_row {
    float shift; /* log2 of the sum of 2^t over all keys that the row sees */
    float delta; /* dy * y */
} mote_attention_row;

/* p = 2^min(scale * score - shift, 0) and ds = p * (dp - delta) * gradient_scale for the keys that each row sees, 0 for
 * others. scores and dp in pieces; p and ds with stride floats a row. */
typedef void mote_attention_gradient_fn(int rows, size_t pieces, const mote_attention_range *visible, float scale,
                                        float gradient_scale, const mote_attention_row *row, const float *scores,
                                        const float *dp, float *p, float *ds, size_t stride);

/* Sum of x[i] * y[i]: sixteen chains of multiply-adds, lane i mod 16, then added lane i to lane i + 8, + 4, + 2, + 1.
 */
typedef float mote_attention_dot_fn(size_t count, const float *x, const float *y);

/* y[r][c] = values[r][c] * factors[r], rows MOTE_GEMM_WIDTH values and stride floats of y apart; columns at most
 * MOTE_GEMM_WIDTH; every NaN becomes MOTE_FP32_NAN. */
typedef void mote_attention_finish_fn(int rows, size_t columns, const float *values, const float *factors, float *y,
                                      ptrdiff_t stride);

/* ---- additive biases and gates ---- */

/* One bias where a tile begins: the value of row r and key c is values[r * row + c * step]. */
typedef struct mote_attention_bias {
    const float *values;
    ptrdiff_t row, step;
} mote_attention_bias;

/* scores = scores * scale + biases in order, rounded after each, for keys keys of rows in pieces. With finish the sum t
 * becomes t * log2 e - shifts[r] (shifts NULL: 0): what the softmax and the gradient take, with scale 1. A finite t
 * stays finite: beyond FP32 it is taken as its largest number. */
typedef void mote_attention_add_biases_fn(int rows, size_t keys, float scale, int count,
                                          const mote_attention_bias *biases, bool finish, const float *shifts,
                                          float *scores);

/* to[r * row + c * step] += ds[r * stride + c], rows in order; step 0: the sum of a row's keys, sixteen chains and
 * then lanes i to i + 8, + 4, + 2, + 1, is added to to[r * row]. */
typedef void mote_attention_gather_bias_fn(int rows, size_t keys, const float *ds, size_t stride, float *to,
                                           ptrdiff_t row, ptrdiff_t step);

/* y[i] = x[i] * sigmoid(gate[i]), to 5 ulp. y may be x or gate. */
typedef void mote_attention_gate_fn(size_t count, const float *gate, const float *x, float *y);

/* dgate[i] = dy[i] * y[i] * (1 - sigmoid(gate[i])), with y after the gate, to 6 ulp. dgate may be any argument. */
typedef void mote_attention_gate_gradient_fn(size_t count, const float *gate, const float *y, const float *dy,
                                             float *dgate);

#endif
