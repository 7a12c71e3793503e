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

#endif
