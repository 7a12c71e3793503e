/* The same values, behind which nothing is differentiated. */
#include "ops/ops.h"

static mote_status stop_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static const mote_op stop_op = {.name = "stop_gradient", .infer = stop_infer, .view = true, .stops = true};

mote_value mote_graph_stop_gradient(mote_graph *graph, mote_value x)
{
    return mote_graph_append(graph, &stop_op, 1, &x, NULL, 0);
}
