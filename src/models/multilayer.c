/* The multilayer perceptron. */
#include <stdio.h>

#include "models/layers.h"
#include "models/networks.h"

mote_value mote_multilayer(mote_graph *graph, const char *name, mote_value x, int count, const size_t *widths,
                           const char *activation)
{
    mote_layout layout;
    if (mote_graph_status(graph) != MOTE_OK || mote_graph_value_layout(graph, x, &layout) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    size_t inputs = layout.shape[layout.rank - 1];
    mote_graph_enter(graph, name);
    for (int i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        bool last = i + 1 == count;
        mote_layer layer =
            mote_linear_layer(graph, number, inputs, widths[i], last ? MOTE_START_PLAIN : MOTE_START_RECTIFIED);
        x = mote_apply_linear(graph, &layer, x);
        x = last ? x : mote_graph_map(graph, activation, x);
        inputs = widths[i];
    }
    mote_graph_leave(graph);
    return x;
}
