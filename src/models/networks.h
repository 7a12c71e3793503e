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

/* Pre-norm transformer blocks with rotary positions and a layer norm behind the last one (transformer_blocks.c), of x
 * [batch, positions, width]. heads divides width, and width / heads is even. */
typedef struct mote_transformer_shape {
    size_t blocks, heads, hidden;
    bool causal; /* positions see only those before them */
} mote_transformer_shape;

mote_value mote_transformer_blocks(mote_graph *graph, const char *name, mote_value x,
                                   const mote_transformer_shape *shape);

/* Convolutions of x [batch, height, width, channels] (plane.c) with square kernels of an odd width that have their
 * middle at each place, or each stride-th; around: beyond the edges is the other edge, as on a torus, otherwise zeros.
 */
typedef struct mote_convolution_plane {
    size_t filters, width, stride; /* stride 0: 1 */
    bool around;
} mote_convolution_plane;

mote_value mote_convolve_plane(mote_graph *graph, const char *name, mote_value x, const mote_convolution_plane *shape);

/* blocks times x + convolution(gelu(convolution(x))) / 2 of a plane with as many channels as it has filters. */
mote_value mote_residual_plane(mote_graph *graph, const char *name, mote_value x, int blocks,
                               const mote_convolution_plane *shape);

/* A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078, section 2.3, with the reset gate behind the product as in
 * cuDNN) along x [batch, steps, inputs], unrolled (recurrent.c): its last state [batch, units], begun at 0. */
mote_value mote_gated_recurrent(mote_graph *graph, const char *name, mote_value x, size_t units);

/* An energy and its gradient (potential.c). */
typedef struct mote_potential {
    mote_value energy;   /* [rows, 1] */
    mote_value gradient; /* of it with respect to the input: [rows, inputs] */
} mote_potential;

/* A perceptron of x [rows, inputs] with up to 8 hidden layers of these widths, tanh after each. The gradient is made of
 * operations that share the parameters: backwards through a linear layer is a product with its weight (Greydanus et
 * al., arXiv 1906.01563, equation 3, need the gradient's gradient). */
mote_potential mote_potential_network(mote_graph *graph, const char *name, mote_value x, int count,
                                      const size_t *widths);

/* The gradient with respect to coordinates from that with respect to features of them, [rows, features] or as many
 * numbers in another shape, and jacobian [rows, features, coordinates]: [rows, coordinates]. No product, so FP32
 * whatever the policy. */
mote_value mote_chain_rule(mote_graph *graph, mote_value gradient, mote_value jacobian);

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

/* Fourier neural operators (Li et al. 2021, arXiv 2010.08895, section 4; fourier.c) of fields x [batch, height, width,
 * channels] on a regular grid; lines have height 1. */
typedef struct mote_fourier {
    size_t channels;                  /* of the layers */
    size_t modes_height, modes_width; /* waves that a layer keeps: less than these many periods along either side; at
                                         most half of it */
    int layers;
} mote_fourier;

/* A linear layer "lift", layers of gelu(convolution + linear) (the last one without gelu) and a perceptron "project":
 * [batch, height, width, outputs]. Convolutions are made in Fourier space, with a complex matrix of weights for each
 * wave; the transforms are products with matrices of sines and cosines, along the width and then the height. Sides up
 * to 64. */
mote_value mote_fourier_operator(mote_graph *graph, const char *name, mote_value x, size_t outputs,
                                 const mote_fourier *shape);

/* x [batch, height, width, channels] with each place's own coordinates, -1 to 1 along width and (where it is above 1)
 * height, as one or two channels more. */
mote_value mote_with_places(mote_graph *graph, mote_value x);

/* A layer of a graph convolutional network (Kipf and Welling 2017, arXiv 1609.02907, equation 2; graph_convolution.c)
 * without its activation: adjacency [batch, rows, nodes], normalized, times a linear layer of x [batch, nodes, inputs]:
 * [batch, rows, outputs]. */
mote_value mote_convolve_graph(mote_graph *graph, const char *name, mote_value adjacency, mote_value x, size_t outputs);

#endif
