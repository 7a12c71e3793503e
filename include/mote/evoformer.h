/* Attention with additive biases and a gate, as the Evoformer has it, forward and backward, under a policy. No matrix
 * of scores is ever stored, nor is a bias or its gradient ever spread to one.
 *
 *   s_ij = scale * q_i . k_j + b1_ij + b2_ij + ...     p_ij = exp(s_ij) / sum over j     y_i = sigmoid(g_i) sum p_ij
 * v_j
 *
 * separately for every index of the leading dimensions and every head. All arrays are dense FP32, the last dimension
 * fastest:
 *
 *   q, y, gate, their gradients    [leading..., queries, heads, width]
 *   k, v, their gradients          [leading..., keys, heads, width]
 *   a bias, its gradient           any shape that broadcasts to [leading..., heads, queries, keys]
 *
 * A bias is added in FP32 in the order given. -infinity hides a key; a row that has no other gives y = 0 and no
 * gradient. Finite biases are plain numbers, the largest too: a row where all are -1e9 is a softmax of what FP32 keeps
 * of s beside -1e9, which is to say of equal numbers. Products take their operands in the policy's formats, as in
 * mote/attention.h, whose arithmetic this is; biases, gates and their gradients stay in FP32. A bias's gradient is the
 * sum of ds_ij over the dimensions in which it has one value for all, in FP32, in an order that depends on the shapes
 * alone. Results have the same bits on every instruction set, for any number of threads. (A leading index alone has
 * them too, but for gradients of biases that it shares and stochastic rounding.)
 *
 * Sources: Jumper et al., Nature 596 (2021), supplement 1.6, algorithms 7, 13 and 14; Song et al., DeepSpeed4Science,
 * arXiv 2310.04610. */
#ifndef MOTE_EVOFORMER_H
#define MOTE_EVOFORMER_H

#include "mote/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MOTE_EVOFORMER_LEADING = 6, MOTE_EVOFORMER_RANK = 9 };

typedef struct mote_evoformer_shape {
    int rank; /* leading dimensions: 0 to MOTE_EVOFORMER_LEADING */
    size_t leading[MOTE_EVOFORMER_LEADING];
    size_t queries, keys, heads, width; /* width of a head: 1 to 2048 */
    float scale;                        /* of q . k; 0: 1 / sqrt(width) */
} mote_evoformer_shape;

/* shape: the last rank dimensions of [leading..., heads, queries, keys], each whole or 1 (one value for all). The mask
 * of B x N sequences of L is {B, N, 1, 1, L}, their pair bias {B, 1, H, L, L}. */
typedef struct mote_evoformer_bias {
    const float *values;
    float *gradient; /* written by the backward pass; NULL: not wanted, and nothing is spent on it */
    int rank;
    size_t shape[MOTE_EVOFORMER_RANK];
} mote_evoformer_bias;

/* y from q, k, v, bias_count biases and gate (NULL: none). statistics [leading..., heads, queries, 2] or NULL is what
 * the backward pass wants to know of each row: an integer M and the sum l of 2^(s_ij log2 e - M), so that the logarithm
 * of the sum of exp(s_ij) is M log 2 + log l. Two numbers, for one could not hold the logarithm of a sum beside a bias
 * of -1e9. y must not overlap the rest. Probabilities below 2^-100 of a row's largest count as 0. Memory: the context's
 * workspace, mote_evoformer_workspace() bytes. Errors: MOTE_ERROR_ARGUMENT, MOTE_ERROR_SHAPE, MOTE_ERROR_UNSUPPORTED
 * (formats), MOTE_ERROR_MEMORY; nothing is written then. */
MOTE_API mote_status mote_evoformer_attention(mote_context *context, const mote_policy *policy,
                                              const mote_evoformer_shape *shape, const float *q, const float *k,
                                              const float *v, int bias_count, const mote_evoformer_bias *biases,
                                              const float *gate, float *y, float *statistics);

/* Gradients dq, dk, dv, dgate (NULL: not wanted) and those that the biases ask for, from dy, shaped as y; y and
 * statistics as mote_evoformer_attention gave them. Gradients must overlap neither one another nor the rest. Errors:
 * as above. */
MOTE_API mote_status mote_evoformer_attention_backward(mote_context *context, const mote_policy *policy,
                                                       const mote_evoformer_shape *shape, const float *q,
                                                       const float *k, const float *v, int bias_count,
                                                       const mote_evoformer_bias *biases, const float *gate,
                                                       const float *y, const float *statistics, const float *dy,
                                                       float *dq, float *dk, float *dv, float *dgate);

/* Bytes of the context's workspace that a forward (backward: a backward) pass takes, with or without a gate: at most a
 * few megabytes a thread, whatever the lengths, and, backward, a float for each query of each head where operands of
 * the backward products are narrower than FP32, and 2 MiB for gradients of biases over queries or keys alone (or 16
 * lines of queries and keys, if those are longer). 0 if the shape is refused. */
MOTE_API size_t mote_evoformer_workspace(const mote_context *context, const mote_policy *policy,
                                         const mote_evoformer_shape *shape, int bias_count,
                                         const mote_evoformer_bias *biases, int backward);

#ifdef __cplusplus
}
#endif
#endif
