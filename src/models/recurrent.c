/* Recurrent networks, unrolled. */
#include "models/layers.h"
#include "models/networks.h"

/* Gate number of those side by side in x [batch, 3 units]. */
static mote_value part(mote_graph *graph, mote_value x, size_t number, size_t units)
{
    return mote_graph_slice(graph, x, 1, number * units, units);
}

static mote_value sigmoid_of_sum(mote_graph *graph, mote_value a, mote_value b)
{
    return mote_graph_map(graph, "sigmoid", mote_graph_add(graph, a, b));
}

mote_value mote_gated_recurrent(mote_graph *graph, const char *name, mote_value x, size_t units)
{
    const size_t batch = mote_extent(graph, x, 0), steps = mote_extent(graph, x, 1), inputs = mote_extent(graph, x, 2);
    mote_value state = mote_graph_constant(graph, 2, (size_t[]){batch, units}, 0);
    mote_graph_enter(graph, name);
    const mote_layer in = mote_linear_layer(graph, "input", inputs, 3 * units, MOTE_START_PLAIN);
    const mote_layer back = mote_linear_layer(graph, "state", units, 3 * units, MOTE_START_PLAIN);
    const mote_value given = mote_apply_linear(graph, &in, x);
    for (size_t t = 0; t < steps; t++) {
        mote_value now =
            mote_graph_reshape(graph, mote_graph_slice(graph, given, 1, t, 1), 2, (size_t[]){batch, 3 * units});
        mote_value kept = mote_apply_linear(graph, &back, state);
        mote_value reset = sigmoid_of_sum(graph, part(graph, now, 0, units), part(graph, kept, 0, units));
        mote_value update = sigmoid_of_sum(graph, part(graph, now, 1, units), part(graph, kept, 1, units));
        mote_value remembered = mote_graph_multiply(graph, reset, part(graph, kept, 2, units));
        mote_value candidate =
            mote_graph_map(graph, "tanh", mote_graph_add(graph, part(graph, now, 2, units), remembered));
        /* candidate + update (state - candidate) */
        mote_value change = mote_graph_multiply(graph, update, mote_graph_subtract(graph, state, candidate));
        state = mote_graph_add(graph, candidate, change);
    }
    mote_graph_leave(graph);
    return state;
}
