/* The verifier: what must hold after every pass. */
#include <string.h>

#include "graph/pieces.h"

static mote_status check_node(mote_graph *graph, int index, const bool *made)
{
    const mote_node *node = &graph->nodes[index];
    for (int i = 0; i < node->input_count; i++) {
        mote_value v = node->inputs[i];
        if (v >= graph->value_count) {
            return mote_node_fail(graph, node, "node %d reads value %d, which does not exist", index, (int)v);
        }
        if (v >= 0 && graph->values[v].kind == MOTE_VALUE_RESULT && !made[v]) {
            return mote_node_fail(graph, node, "node %d reads value %d before it is made", index, (int)v);
        }
    }
    for (int i = 0; i < node->output_count; i++) {
        if (graph->values[node->outputs[i]].producer != index) {
            return mote_node_fail(graph, node, "node %d: output %d names another producer", index, i);
        }
        if (made[node->outputs[i]]) {
            return mote_node_fail(graph, node, "node %d: value %d is made twice", index, (int)node->outputs[i]);
        }
    }
    return MOTE_OK;
}

/* The shape rule again, on a copy: it must give what the values have. */
static mote_status check_shapes(mote_graph *graph, int index)
{
    mote_node copy = graph->nodes[index];
    int values = graph->value_count, count = copy.output_count;
    mote_value outputs[MOTE_NODE_OUTPUTS];
    memcpy(outputs, copy.outputs, sizeof outputs);
    copy.output_count = 0;
    mote_status status = copy.op->infer(graph, &copy);
    bool same = status == MOTE_OK && copy.output_count == count;
    for (int i = 0; same && i < count; i++) {
        const mote_layout *a = mote_layout_of(graph, outputs[i]), *b = mote_layout_of(graph, copy.outputs[i]);
        same = a->format == b->format && mote_same_shape(graph, outputs[i], copy.outputs[i]);
    }
    graph->value_count = values;
    if (graph->status != MOTE_OK) { /* the rule says itself what does not fit */
        return mote_graph_status(graph);
    }
    return same ? MOTE_OK
                : mote_node_fail(graph, &graph->nodes[index], "node %d: its results do not have the shapes of its rule",
                                 index);
}

static mote_status check_bodies(mote_graph *graph, int index)
{
    mote_pieces *pieces = mote_node_pieces(&graph->nodes[index]);
    for (int b = 0; pieces && b < MOTE_BODIES; b++) {
        mote_graph *body = pieces->bodies[b].graph;
        mote_status status = body ? mote_graph_verify(body) : MOTE_OK;
        if (status != MOTE_OK) {
            return mote_graph_fail(graph, status, "%s", mote_context_message(graph->context));
        }
    }
    return MOTE_OK;
}

mote_status mote_graph_verify(mote_graph *graph)
{
    if (graph->status != MOTE_OK) {
        return mote_graph_status(graph);
    }
    if (graph->body >= 0) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "the body of pieces is not finished");
    }
    bool *made = mote_allocate_array(graph->context, (size_t)graph->value_count + 1, sizeof *made);
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    memset(made, 0, (size_t)graph->value_count + 1);
    mote_status status = MOTE_OK;
    for (int i = 0; i < graph->order_count && status == MOTE_OK; i++) {
        int index = graph->order[i];
        status = check_node(graph, index, made);
        status = status == MOTE_OK ? check_shapes(graph, index) : status;
        status = status == MOTE_OK ? check_bodies(graph, index) : status;
        for (int o = 0; o < graph->nodes[index].output_count; o++) {
            made[graph->nodes[index].outputs[o]] = true;
        }
    }
    mote_release(graph->context, made);
    return status;
}
