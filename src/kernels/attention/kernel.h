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
    MOTE_ATTENTION_PIECE = MOTE_GEMM_ROWS * MOTE_GEMM_WIDTH, /* numbers of a piece */
    MOTE_ATTENTION_POWER_LOWEST = -100,
    MOTE_ATTENTION_TURN = 16 /* rows and columns that are transposed together */
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

/* to[c][r] = from[r][c]; rows and columns multiples of MOTE_ATTENTION_TURN, strides in floats. */
typedef void mote_attention_turn_fn(size_t rows, size_t columns, const float *from, size_t from_stride, float *to,
                                    size_t to_stride);

#endif
