/* Networks of scientific models, each family in a file of its own. They append to a graph; mistakes stick there.
 * Products are layers with names, so that policies find them. */
#ifndef MOTE_MODELS_NETWORKS_H
#define MOTE_MODELS_NETWORKS_H

#include <stdbool.h>

#include "mote/operations.h"

/* A perceptron of x [..., inputs] (multilayer.c): count linear layers "NAME.0", ... of these widths, an activation (see
 * mote_graph_map) between them: [..., widths[count - 1]]. */
mote_value mote_multilayer(mote_graph *graph, const char *name, mote_value x, int count, const size_t *widths,
                           const char *activation);

/* Convolutions of x [batch, length, channels] (convolutional.c) whose kernels of an odd width have their middle at each
 * place; around: beyond the ends is the other end, otherwise zeros. */
typedef struct mote_convolution_line {
    size_t filters, width, dilation;
    bool around;
} mote_convolution_line;

mote_value mote_convolve_line(mote_graph *graph, const char *name, mote_value x, const mote_convolution_line *shape);

/* blocks times x + convolution(gelu(convolution(x))) of a line with as many channels as it has filters. */
mote_value mote_residual_line(mote_graph *graph, const char *name, mote_value x, int blocks,
                              const mote_convolution_line *shape);

/* Message passing between atoms (message_passing.c), padded to the same number of atoms: each round adds to an atom's
 * channels what a perceptron makes of them and of the weighed sum of the others'. */
typedef struct mote_message_passing_shape {
    size_t channels, rounds;
    size_t heads; /* a divisor of channels: each has weights of its own on the edges */
} mote_message_passing_shape;

/* x [batch, atoms, inputs], edges [batch, atoms, atoms, heads]: how much an atom of the second dimension hears of one
 * of the third, 0 where there is no edge and at padding: [batch, atoms, channels], of padding anything. */
mote_value mote_message_passing(mote_graph *graph, const char *name, mote_value x, mote_value edges,
                                const mote_message_passing_shape *shape);

/* Such edges with learned weights for each kind of bond: kinds int32 [batch, atoms, atoms], 0 no bond, 1 .. count. */
mote_value mote_bond_edges(mote_graph *graph, const char *name, mote_value kinds, size_t count, size_t heads);

/* Such edges of distances [batch, atoms, atoms]: a linear layer of basis (2 to 64) Gaussians from 0 to reach, times
 * weight [batch, atoms, atoms], which is 0 where there is no pair (Schuett et al. 2017, arXiv 1706.08566, section 4).
 */
mote_value mote_distance_edges(mote_graph *graph, const char *name, mote_value distances, mote_value weight,
                               size_t basis, double reach, size_t heads);

/* Gated sum over the atoms of x [batch, atoms, channels] whose mask [batch, atoms] is 1, not 0, times factor: [batch,
 * outputs] (Li et al. 2016, arXiv 1511.05493, equation 7, without the hyperbolic tangents). */
mote_value mote_pool_atoms(mote_graph *graph, const char *name, mote_value x, mote_value mask, size_t outputs,
                           double factor);

#endif
