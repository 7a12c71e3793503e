/* Scaled dot-product attention, forward and backward, under a policy. No matrix of scores is ever stored.
 *
 *   s_ij = scale * q_i . k_j     p_ij = exp(s_ij) / sum over the j that i sees     y_i = sum p_ij v_j
 *
 * The products take their operands in the policy's formats, each quantized along its own reduction dimension:
 *
 *   forward    S = Q K^T      along the head's width             forward_activation, both
 *              y = P V        along the keys                     forward_activation, both
 *   backward   dP = dY V^T    along the width                    backward_gradient, forward_activation
 *              dV = P^T dY    along the queries                  update_activation, update_gradient
 *              dQ = dS K      along the keys                     backward_gradient, forward_activation
 *              dK = dS^T Q    along the queries                  update_gradient, update_activation
 *
 * with dS = scale P (dP - delta), delta_i = dy_i . y_i, or, where dP comes from
 * narrow operands, the sum of p_ij dP_ij, so that a row's changes add up to zero. Blocks along positions start at
 * multiples of 32. With s in units of log 2, the forward pass takes P relative to the smallest integer that is no less
 * than what the row has seen so far: its rescaling is exact, so a block's codes do not depend on which keys came first.
 * The backward pass computes P again from the log-sums. docs/numerics.md gives the bounds.
 *
 * A row's result depends on its sequence alone: it has the same bits on every instruction set, for any number of
 * threads, alone or in a batch. (nvfp4's tensor scales come from the tile of queries or keys that is worked on; that of
 * P is fixed at the largest probability, 1.) What a row does not see cannot reach it, NaN and infinity included,
 * except, in a format with blocks, through the block of 32 that it shares with what the row sees.
 *
 * Sources: Dao et al., arXiv 2205.14135, section 3 and appendix B (tiles, running maxima, backward pass); Dao, arXiv
 * 2307.08691.
 */
#ifndef MOTE_ATTENTION_H
#define MOTE_ATTENTION_H

#include "mote/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_attention_shape {
    size_t batch, queries, keys; /* positions */
    size_t heads, key_heads;     /* heads is a multiple of key_heads; head h reads key head h / (heads / key_heads) */
    size_t width;                /* of a head: 1 to 2048 */
    float scale;                 /* of q . k; 0: 1 / sqrt(width) */
    int causal;                  /* query i sees keys <= i */
    size_t window;               /* 0: all; w: query i sees keys j with |i - j| < w (and, causal, j <= i) */
    /* [batch, queries] or NULL; queries == keys then. Positions see only positions with an equal number; equal numbers
     * lie side by side (packed documents), or the call is refused. A negative number is padding: it sees nothing,
     * nothing sees it. */
    const int32_t *segments;
} mote_attention_shape;

/* FP32 values [batch, position, head, width]; strides in floats, the width is contiguous. q, k and v may lie in one
 * array [positions, 3 * heads * width]. */
typedef struct mote_attention_array {
    float *values;
    ptrdiff_t batch, position, head;
} mote_attention_array;

/* y [batch, queries, heads, width] from q, k [batch, keys, key_heads, width] and v, which are not modified. logsumexp
 * [batch, heads, queries], dense, or NULL: natural logarithm of the sum of exp(s_ij). A row that sees nothing, or only
 * scores of -infinity, has y = 0 and logsumexp -infinity. y must not overlap the operands. Probabilities below 2^-100
 * of a row's largest count as 0. Memory: the context's workspace, mote_attention_workspace() bytes. Errors:
 * MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE, MOTE_ERROR_UNSUPPORTED (formats), MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_attention(mote_context *context, const mote_policy *policy, const mote_attention_shape *shape,
                                    const mote_attention_array *q, const mote_attention_array *k,
                                    const mote_attention_array *v, const mote_attention_array *y, float *logsumexp);

/* Gradients dq, dk, dv of the above, shaped as q, k, v, from dy, shaped as y; y and logsumexp as mote_attention gave
 * them. Where key heads are shared, dk and dv are sums over the heads that share them, in order. dq, dk and dv must
 * overlap neither one another nor the rest. Errors: as mote_attention. */
MOTE_API mote_status mote_attention_backward(mote_context *context, const mote_policy *policy,
                                             const mote_attention_shape *shape, const mote_attention_array *q,
                                             const mote_attention_array *k, const mote_attention_array *v,
                                             const mote_attention_array *y, const float *logsumexp,
                                             const mote_attention_array *dy, const mote_attention_array *dq,
                                             const mote_attention_array *dk, const mote_attention_array *dv);

/* Bytes of the context's workspace that a forward (backward: a backward) pass takes; the same for every policy, a few
 * megabytes a thread at most, whatever the length, and, backward, a float for each query of each head. 0 if the shape
 * is refused. */
MOTE_API size_t mote_attention_workspace(const mote_context *context, const mote_attention_shape *shape, int backward);

#ifdef __cplusplus
}
#endif
#endif
