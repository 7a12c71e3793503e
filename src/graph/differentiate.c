/* Reverse-mode differentiation: appends the gradients of one number with respect to all parameters.
 * Source: Griewank and Walther, Evaluating Derivatives, 2nd edition, section 3.2. */
#include <string.h>

#include "formats/element.h"
#include "graph/core.h"
#include "graph/graph.h"

typedef struct state {
    mote_graph *graph;
    int values, nodes; /* when it began */
    bool *needed;      /* values that depend on a parameter, or on an input whose gradient is wanted */
    mote_value *gradients;
} state;

static void mark_needed(state *s)
{
    const mote_graph *graph = s->graph;
    for (int v = 0; v < s->values; v++) {
        s->needed[v] = graph->values[v].kind == MOTE_VALUE_PARAMETER || graph->values[v].wanted;
    }
    for (int i = 0; i < s->nodes; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        bool any = false;
        for (int k = 0; k < node->input_count; k++) {
            any = any || (!node->op->stops && node->inputs[k] >= 0 && s->needed[node->inputs[k]]);
        }
        for (int o = 0; o < node->output_count; o++) {
            mote_format format = mote_layout_of(graph, node->outputs[o])->format;
            s->needed[node->outputs[o]] = any && mote_format_get(format)->kind == MOTE_KIND_TARGET;
        }
    }
}

static void differentiate_node(state *s, int index)
{
    mote_graph *graph = s->graph;
    const mote_node node = graph->nodes[index]; /* a copy: the array moves as it grows */
    mote_value dy[MOTE_NODE_OUTPUTS], dx[MOTE_NODE_INPUTS];
    bool needed[MOTE_NODE_INPUTS] = {false}, reached = false, any = false;
    for (int o = 0; o < node.output_count; o++) {
        dy[o] = s->gradients[node.outputs[o]];
        reached = reached || dy[o] >= 0;
    }
    for (int k = 0; k < node.input_count; k++) {
        dx[k] = MOTE_NO_VALUE;
        needed[k] = node.inputs[k] >= 0 && s->needed[node.inputs[k]];
        any = any || needed[k];
    }
    if (!reached || !any) {
        return;
    }
    if (!node.op->differentiate) {
        mote_node_fail(graph, &node, "it has no gradient");
        return;
    }
    graph->layer_name = node.layer;
    graph->number = node.number;
    graph->segment = node.segment;
    node.op->differentiate(graph, &node, dy, needed, dx);
    for (int k = 0; k < node.input_count && graph->status == MOTE_OK; k++) {
        if (!needed[k] || dx[k] < 0) {
            continue;
        }
        mote_value *sum = &s->gradients[node.inputs[k]];
        *sum = *sum < 0 ? dx[k] : mote_core_sum(graph, *sum, dx[k]);
    }
}

static mote_status prepare(state *s)
{
    mote_graph *graph = s->graph;
    if (graph->phase != MOTE_PHASE_FORWARD) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "differentiate: the graph has gradients already");
    }
    s->values = graph->value_count;
    s->nodes = graph->order_count;
    s->needed = mote_allocate_array(graph->context, (size_t)s->values, sizeof *s->needed);
    s->gradients = mote_allocate_array(graph->context, (size_t)s->values, sizeof *s->gradients);
    if (!s->needed || !s->gradients) {
        return mote_graph_fail(graph, MOTE_ERROR_MEMORY, "out of memory: no room to differentiate");
    }
    memset(s->needed, 0, (size_t)s->values * sizeof *s->needed);
    for (int v = 0; v < s->values; v++) {
        s->gradients[v] = MOTE_NO_VALUE;
    }
    return MOTE_OK;
}

/* Gradients of value, backwards from its own: dy, or 1 where dy is MOTE_NO_VALUE. */
static void differentiate(state *s, mote_value value, mote_value dy)
{
    mote_graph *graph = s->graph;
    const char *layer = graph->layer_name;
    int segment = graph->segment;
    graph->phase = MOTE_PHASE_BACKWARD;
    graph->layer_name = "";
    graph->segment = MOTE_NO_SEGMENT;
    const mote_layout *layout = mote_layout_of(graph, value);
    s->gradients[value] = dy >= 0 ? dy : mote_core_constant(graph, layout->rank, layout->shape, 1.0);
    for (int i = s->nodes - 1; i >= 0 && graph->status == MOTE_OK; i--) {
        differentiate_node(s, graph->order[i]);
    }
    for (int v = 0; v < s->values && graph->status == MOTE_OK; v++) {
        if ((graph->values[v].kind == MOTE_VALUE_PARAMETER || graph->values[v].wanted) && s->gradients[v] >= 0) {
            graph->values[v].gradient = s->gradients[v];
            graph->values[s->gradients[v]].kept = true;
        }
    }
    graph->layer_name = layer;
    graph->segment = segment;
    graph->number = -1;
}

mote_status mote_graph_differentiate_from(mote_graph *graph, mote_value value, mote_value dy)
{
    state s = {.graph = graph};
    mote_status status = prepare(&s);
    if (status == MOTE_OK) {
        mark_needed(&s);
        differentiate(&s, value, dy);
        status = mote_graph_status(graph);
    }
    mote_release(graph->context, s.needed);
    mote_release(graph->context, s.gradients);
    return status == MOTE_OK ? mote_graph_verify(graph) : status;
}

mote_status mote_graph_differentiate(mote_graph *graph, mote_value loss)
{
    if (graph->status != MOTE_OK) {
        return mote_graph_status(graph);
    }
    if (loss < 0 || loss >= graph->value_count || mote_value_count(graph, loss) != 1) {
        return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "differentiate: the loss must be one number");
    }
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind == MOTE_VALUE_PARAMETER && mote_format_is_block(graph->values[v].layout.format)) {
            return mote_fail(graph->context, MOTE_ERROR_ARGUMENT,
                             "differentiate: parameter '%s' is packed; gradients are those of FP32 parameters",
                             graph->values[v].name);
        }
    }
    graph->values[loss].kept = true;
    return mote_graph_differentiate_from(graph, loss, MOTE_NO_VALUE);
}
