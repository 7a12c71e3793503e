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

/* A layer of a graph convolutional network (Kipf and Welling 2017, arXiv 1609.02907, equation 2; graph_convolution.c)
 * without its activation: adjacency [batch, rows, nodes], normalized, times a linear layer of x [batch, nodes, inputs]:
 * [batch, rows, outputs]. */
mote_value mote_convolve_graph(mote_graph *graph, const char *name, mote_value adjacency, mote_value x, size_t outputs);

#endif
