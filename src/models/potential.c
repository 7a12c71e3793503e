/* Potentials: networks whose gradient with respect to their input is what is asked for, as of a Hamiltonian or of the
 * energy of atoms. The gradient is made of operations like the network itself, so a loss may read it. */
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

enum { LAYERS = 8 };

/* Backwards through the hidden layers: gradient [rows, widths] of the energy with respect to what layer 0 reads. */
static mote_value input_gradient(mote_graph *graph, int count, const mote_layer *layers, const mote_value *hidden)
{
    mote_value one = mote_graph_constant(graph, 0, NULL, 1);
    mote_value gradient = layers[count - 1].weight; /* [1, width], the same for all rows */
    for (int i = count - 2; i >= 0; i--) {
        mote_value slope = mote_graph_subtract(graph, one, mote_graph_map(graph, "square", hidden[i]));
        gradient = mote_graph_multiply(graph, slope, gradient);
        mote_graph_enter(graph, layers[i].name);
        gradient = mote_graph_matmul(graph, gradient, layers[i].weight, 0, 0);
        mote_graph_leave(graph);
    }
    return gradient;
}

mote_potential mote_potential_network(mote_graph *graph, const char *name, mote_value x, int count,
                                      const size_t *widths)
{
    mote_potential made = {MOTE_NO_VALUE, MOTE_NO_VALUE};
    mote_layer layers[LAYERS + 1];
    mote_value hidden[LAYERS];
    char names[LAYERS + 1][16];
    size_t inputs = mote_extent(graph, x, 1);
    count = count < LAYERS ? count : LAYERS;
    mote_graph_enter(graph, name);
    for (int i = 0; i <= count; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        layers[i] = mote_linear_layer(graph, names[i], inputs, i < count ? widths[i] : 1, MOTE_START_PLAIN);
        x = mote_apply_linear(graph, &layers[i], x);
        if (i < count) {
            x = hidden[i] = mote_graph_map(graph, "tanh", x);
            inputs = widths[i];
        }
    }
    made.energy = x;
    made.gradient = input_gradient(graph, count + 1, layers, hidden);
    mote_graph_leave(graph);
    return made;
}

mote_value mote_chain_rule(mote_graph *graph, mote_value gradient, mote_value jacobian)
{
    const size_t rows = mote_extent(graph, jacobian, 0), features = mote_extent(graph, jacobian, 1);
    gradient = mote_graph_reshape(graph, gradient, 3, (size_t[]){rows, features, 1});
    return mote_graph_sum(graph, mote_graph_multiply(graph, gradient, jacobian), 1, 1);
}
