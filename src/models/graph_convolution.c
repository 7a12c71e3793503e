/* The graph convolutional network. */
#include "models/layers.h"
#include "models/networks.h"

mote_value mote_convolve_graph(mote_graph *graph, const char *name, mote_value adjacency, mote_value x, size_t outputs)
{
    mote_layout layout;
    if (mote_graph_status(graph) != MOTE_OK || mote_graph_value_layout(graph, x, &layout) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_graph_enter(graph, name);
    mote_layer layer = mote_linear_layer(graph, "linear", layout.shape[layout.rank - 1], outputs, MOTE_START_UNBIASED);
    x = mote_graph_matmul(graph, adjacency, mote_apply_linear(graph, &layer, x), 0, 0);
    mote_graph_leave(graph);
    return x;
}
