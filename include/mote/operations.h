/* Operations of a graph. Each call appends one node and returns its result; see mote/graph.h for what happens to
 * mistakes. x [..., n] stands for any number of leading dimensions. Every operation has a gradient with respect to its
 * FP32 inputs unless it says that none goes through. Products (linear, matmul, convolution, attention,
 * linear_cross_entropy) take the number formats of the graph's policy; everything else is FP32.
 */
#ifndef MOTE_OPERATIONS_H
#define MOTE_OPERATIONS_H

#include "mote/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- core ---- */

MOTE_API mote_value mote_graph_constant(mote_graph *graph, int rank, const size_t *shape, double number);

/* Numbers that are copied into the graph. */
MOTE_API mote_value mote_graph_array(mote_graph *graph, int rank, const size_t *shape, const float *values);

/* Element by element; a and b broadcast as in NumPy. */
MOTE_API mote_value mote_graph_add(mote_graph *graph, mote_value a, mote_value b);
MOTE_API mote_value mote_graph_subtract(mote_graph *graph, mote_value a, mote_value b);
MOTE_API mote_value mote_graph_multiply(mote_graph *graph, mote_value a, mote_value b);
MOTE_API mote_value mote_graph_divide(mote_graph *graph, mote_value a, mote_value b);

/* x times a number. */
MOTE_API mote_value mote_graph_scale(mote_graph *graph, mote_value x, double factor);

/* Element by element. name: negate exp log sqrt reciprocal tanh erf sigmoid silu gelu gelu_tanh relu square abs.
 * gelu: x Phi(x) (arXiv 1606.08415); gelu_tanh: its approximation by tanh, section 2 there. */
MOTE_API mote_value mote_graph_map(mote_graph *graph, const char *name, mote_value x);

/* int32, shaped as x: how many of count breaks, which ascend, a value exceeds. No gradient goes through. */
MOTE_API mote_value mote_graph_bins(mote_graph *graph, mote_value x, size_t count, const float *breaks);

/* Sum or mean over axes first .. first + count - 1, which are dropped. */
MOTE_API mote_value mote_graph_sum(mote_graph *graph, mote_value x, int first, int count);
MOTE_API mote_value mote_graph_mean(mote_graph *graph, mote_value x, int first, int count);

/* x, as a constant: nothing it depends on gets a gradient through it. Costs nothing. */
MOTE_API mote_value mote_graph_stop_gradient(mote_graph *graph, mote_value x);

/* x [..., n] in a narrower format, so that it takes less memory: MOTE_BF16, MOTE_FP16 or a block format, with blocks
 * along n; to nearest even, scale rule floor. Only mote_graph_widen(), mote_graph_slice() and, as values that they cut,
 * pieces read it. Gradients pass through as if nothing were rounded, and are FP32. x itself if it is in that format. */
MOTE_API mote_value mote_graph_cast(mote_graph *graph, mote_value x, mote_format format);

/* The same in FP32; x itself if it is. */
MOTE_API mote_value mote_graph_widen(mote_graph *graph, mote_value x);

/* x repeated to a shape, as in NumPy. */
MOTE_API mote_value mote_graph_broadcast(mote_graph *graph, mote_value x, int rank, const size_t *shape);

/* The same values in another shape; costs nothing. */
MOTE_API mote_value mote_graph_reshape(mote_graph *graph, mote_value x, int rank, const size_t *shape);

/* Dimension d of the result is dimension axes[d] of x. */
MOTE_API mote_value mote_graph_permute(mote_graph *graph, mote_value x, const int *axes);

/* count entries from begin on along axis. x may be in a narrow format, with blocks along another axis: FP32 of it. */
MOTE_API mote_value mote_graph_slice(mote_graph *graph, mote_value x, int axis, size_t begin, size_t count);

/* 1 to 32 values one behind the other along axis; elsewhere their shapes are equal. */
MOTE_API mote_value mote_graph_concatenate(mote_graph *graph, int count, const mote_value *values, int axis);

/* a [..., m, k] b [..., k, n]; with transpose_a, a is [..., k, m], with transpose_b, b is [..., n, k]. Leading
 * dimensions are equal. A product: both sides in the policy's forward_activation. */
MOTE_API mote_value mote_graph_matmul(mote_graph *graph, mote_value a, mote_value b, int transpose_a, int transpose_b);

/* ---- fused ---- */

/* Parameters of a linear layer or a layer norm that is used more than once. */
typedef struct mote_layer {
    const char *name;        /* of the layer; not copied */
    mote_value weight, bias; /* bias may be MOTE_NO_VALUE */
} mote_layer;

/* x [..., inputs] weight [outputs, inputs]^T + bias [outputs] (or MOTE_NO_VALUE). */
MOTE_API mote_value mote_graph_linear(mote_graph *graph, mote_value x, mote_value weight, mote_value bias);

/* Channels-last convolution of x [batch, height, width, channels] with weight [filters, kernel height, kernel width,
 * channels]; see mote_convolve(). Of shape, only strides, paddings and dilations are read. */
MOTE_API mote_value mote_graph_convolution(mote_graph *graph, mote_value x, mote_value weight, mote_value bias,
                                           const mote_convolution *shape);

/* Layer normalization (arXiv 1607.06450) of x [..., n] over n; weight, bias [n] or MOTE_NO_VALUE. */
MOTE_API mote_value mote_graph_layer_norm(mote_graph *graph, mote_value x, mote_value weight, mote_value bias,
                                          double epsilon);

/* Root-mean-square normalization (arXiv 1910.07467). */
MOTE_API mote_value mote_graph_rms_norm(mote_graph *graph, mote_value x, mote_value weight, double epsilon);

/* exp(x) / sum(exp(x)) over the last dimension. */
MOTE_API mote_value mote_graph_softmax(mote_graph *graph, mote_value x);

/* silu(gate) * up (arXiv 2002.05202) where x [..., 2 n] holds gate and up side by side: [..., n]. */
MOTE_API mote_value mote_graph_swiglu(mote_graph *graph, mote_value x);

/* x sigmoid(gate), of one shape. */
MOTE_API mote_value mote_graph_gate(mote_graph *graph, mote_value x, mote_value gate);

/* Rows of table [entries, n] at tokens (int32, any shape): [..., n]. A token outside of the table fails the run. */
MOTE_API mote_value mote_graph_embedding(mote_graph *graph, mote_value table, mote_value tokens);

/* Rotary positions (arXiv 2104.09864, the halves of a head as pairs) for the first heads heads of x [batch, positions,
 * columns], each of width columns; the others pass. */
MOTE_API mote_value mote_graph_rotary(mote_graph *graph, mote_value x, size_t heads, size_t width, double base);

/* What attention sees. */
typedef struct mote_attention_options {
    size_t heads, key_heads; /* key_heads 0: as many as heads; otherwise a divisor: grouped queries */
    int causal;
    size_t window; /* 0: all; otherwise that many nearest positions, see mote_attention_shape */
    double scale;  /* 0: 1 / sqrt(width of a head) */
} mote_attention_options;

/* Attention over x [batch, positions, (heads + 2 key_heads) width]: queries, keys and values of all heads side by side;
 * [batch, positions, heads * width]. segments: int32 [batch, positions], or MOTE_NO_VALUE: positions see only those
 * with an equal number, which lie side by side; negative ones are padding. No matrix of scores exists (arXiv
 * 2205.14135). */
MOTE_API mote_value mote_graph_attention(mote_graph *graph, mote_value x, mote_value segments,
                                         const mote_attention_options *options);

enum { MOTE_EVOFORMER_BIASES = 4 };

/* Attention of q [leading..., queries, heads, width] to k and v [leading..., keys, heads, width], with up to
 * MOTE_EVOFORMER_BIASES biases that broadcast to [leading..., heads, queries, keys], times sigmoid(gate) (shaped as q,
 * or MOTE_NO_VALUE): shaped as q. scale 0: 1 / sqrt(width). See mote/evoformer.h. */
MOTE_API mote_value mote_graph_evoformer_attention(mote_graph *graph, mote_value q, mote_value k, mote_value v,
                                                   mote_value gate, int bias_count, const mote_value *biases,
                                                   double scale);

/* Zero with this probability, otherwise divided by its complement; the numbers drawn depend on the run's seed, the
 * place in the graph and the place in x alone. */
MOTE_API mote_value mote_graph_dropout(mote_graph *graph, mote_value x, double probability);

/* Cross entropy of softmax(x [rows, width] weight [classes, width]^T + bias) at targets (int32 [rows]), in nats:
 * [rows]; 0 where the target is negative. Logits exist for some rows at a time only. bias may be MOTE_NO_VALUE. */
MOTE_API mote_value mote_graph_linear_cross_entropy(mote_graph *graph, mote_value x, mote_value weight, mote_value bias,
                                                    mote_value targets);

/* Cross entropy of softmax(scores [..., classes]) at targets (int32 [...]), in nats: [...]; 0 where the target is
 * negative. A target of classes or above fails the run. */
MOTE_API mote_value mote_graph_softmax_cross_entropy(mote_graph *graph, mote_value scores, mote_value targets);

/* Mean of losses [...] where the target (int32 [...]) is not negative; 0 if that is nowhere. */
MOTE_API mote_value mote_graph_mean_loss(mote_graph *graph, mote_value losses, mote_value targets);

/* ---- points in space ---- */

/* FP32 whatever the policy, and what their gradients read is kept in FP32. */

/* R x, or R^T x where inverse is not 0, of each point x [..., points, 3] with the matrix R [..., 3, 3] of the same
 * leading dimensions. */
MOTE_API mote_value mote_graph_rotate(mote_graph *graph, mote_value rotations, mote_value x, int inverse);

/* |a_i - b_j|^2 of a [..., m, n] and b [..., k, n]: [..., m, k]. Leading dimensions are equal. */
MOTE_API mote_value mote_graph_squared_distances(mote_graph *graph, mote_value a, mote_value b);

/* Frames and points: rotations [frames, 3, 3], translations [frames, 3], points [points, 3]. */
typedef struct mote_framed_points {
    mote_value rotations, translations, points;
} mote_framed_points;

typedef enum mote_frame_pairs {
    MOTE_PAIRS_ALL = 0,
    MOTE_PAIRS_WITHIN_CHAINS = 1,
    MOTE_PAIRS_BETWEEN_CHAINS = 2
} mote_frame_pairs;

typedef struct mote_frame_error {
    double clamp;       /* distances count up to it; 0: as they are */
    double unit;        /* that they are divided by */
    int least_distance; /* 0: sqrt(d^2 + 1e-4), as in the monomer's published code; otherwise sqrt(max(d^2, 1e-8)), as
                         * in the multimer's */
    mote_frame_pairs pairs;
} mote_frame_error;

/* The frame aligned point error (Jumper et al. 2021, supplement, Alg. 28): the mean over pairs of a frame and a point
 * of the distance between the predicted and the true point, each seen from its frame; one number. frame_mask [frames]
 * and point_mask [points] are weights; 1e-4 is added to their sum. frame_chains [frames] and point_chains [points]:
 * int32, read for the pairs that need them, otherwise MOTE_NO_VALUE. The truth gets no gradient. */
MOTE_API mote_value mote_graph_frame_aligned_error(mote_graph *graph, const mote_framed_points *predicted,
                                                   const mote_framed_points *truth, mote_value frame_mask,
                                                   mote_value point_mask, mote_value frame_chains,
                                                   mote_value point_chains, const mote_frame_error *options);

/* Alg. 26 there: [residues], 1 where the other names of a residue's symmetric atoms fit better to its distances from
 * all atoms that have one name, else 0. atoms (predicted), named, other [residues, atoms, 3]; mask, ambiguous
 * [residues, atoms]. No gradient goes through. */
MOTE_API mote_value mote_graph_renaming(mote_graph *graph, mote_value atoms, mote_value named, mote_value other,
                                        mote_value mask, mote_value ambiguous);

/* lDDT (Mariani et al. 2013; 1.9.6 there) of points to truth, both [n, 3], among points whose mask [n] is set and whose
 * true distance is below 15: [n] of 0 to 1; 1 where there is no such pair. classes: the bin of bins equal ones that
 * each is in, int32 [n]. No gradient goes through. */
MOTE_API mote_value mote_graph_lddt(mote_graph *graph, mote_value points, mote_value truth, mote_value mask, int bins,
                                    mote_value *classes);

/* ---- piece by piece ---- */

/* Writes one piece's computation with ordinary calls on graph: what they read of the graph around it is read whole.
 * pieces: the values that are cut, each with the piece's length along its axis. Called twice, the second time for a
 * shorter last piece, and must make the same operations then; parameters made by the first call are found again by
 * their names. Returns the result. Layers may be entered and left; segments, outputs and gradients are refused, other
 * calls of mote_graph_pieces() are not. */
typedef mote_value mote_piece_builder(mote_graph *graph, void *argument, const mote_value *pieces);

enum { MOTE_SUM_OF_PIECES = -1 };

typedef struct mote_pieces_options {
    int count; /* of values that are cut, at least 1 */
    const mote_value *values;
    const int *axes; /* along which each is cut; all have the same extent there */
    size_t length;   /* entries of a piece; the last one may be shorter */
    int result_axis; /* along which the results are joined: there they have the piece's length. MOTE_SUM_OF_PIECES: they
                      * are added up instead, in order, and have one shape */
    mote_format format; /* in which joined results lie: MOTE_FP32, or what mote_graph_cast() makes of them, but for
                         * MOTE_NVFP4. Blocks run along the last axis, and results are joined along another */
} mote_pieces_options;

/* A computation cut into pieces, so that nothing inside of it is larger than one: only one piece's intermediates exist
 * at a time, and the gradients compute each piece again instead of keeping any. An example: x [rows, n] plus a
 * transition of it whose hidden layer [rows, 4 n] would be the largest value of all.
 *
 *   static mote_value transition(mote_graph *graph, void *argument, const mote_value *x)
 *   {
 *       const mote_value *weights = argument;
 *       mote_value hidden = mote_graph_map(graph, "gelu", mote_graph_linear(graph, *x, weights[0], MOTE_NO_VALUE));
 *       return mote_graph_add(graph, *x, mote_graph_linear(graph, hidden, weights[1], MOTE_NO_VALUE));
 *   }
 *   mote_pieces_options options = {1, &x, (int[]){0}, 128, 0, MOTE_FP32};
 *   y = mote_graph_pieces(graph, &options, transition, weights);
 *
 * Joined results take the memory of a value that is cut where nobody reads that later and both have one shape and axis;
 * so a residual like this one is added in place. Pieces along the first dimension (of more than one entry) are used
 * where they lie, others are copied. Values are those of the whole computation, bit for bit, where each row is computed
 * by itself; gradients of what is read whole are sums over the pieces in order. Dropout draws other numbers for each
 * piece. Policies reach inside.
 * Values that are cut may lie in a narrow format, with blocks along the last axis and the cut along another: the
 * builder sees FP32. Each piece is decoded when it is cut out and, where the result lies so, encoded when it is put
 * down, with the bits of a cast of the whole. Gradients are FP32 and take no notice of the rounding.
 * Errors, which stick: MOTE_ERROR_SHAPE for extents that differ, results that cannot be joined and blocks along a cut,
 * MOTE_ERROR_ARGUMENT for a format in which results cannot lie and for a builder that returns no value, leaves a layer
 * open, reads more than 31 values (those that are cut included) or makes something else for the last piece. */
MOTE_API mote_value mote_graph_pieces(mote_graph *graph, const mote_pieces_options *options, mote_piece_builder *build,
                                      void *argument);

#ifdef __cplusplus
}
#endif
#endif
