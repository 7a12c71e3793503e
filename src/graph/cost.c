/* The cost of a run: what the products multiply, what all operations move. */
#include "graph/core.h"

void mote_graph_cost(const mote_graph *graph, double *multiply_adds, double *bytes)
{
    *multiply_adds = *bytes = 0;
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        *multiply_adds += node->op->multiply_adds ? node->op->multiply_adds(graph, node) : 0;
        for (int k = 0; k < node->input_count && !node->op->view; k++) {
            *bytes += node->inputs[k] >= 0
                          ? (double)mote_value_bytes(graph->context, mote_layout_of(graph, node->inputs[k]))
                          : 0;
        }
        for (int o = 0; o < node->output_count && !node->op->view; o++) {
            *bytes += (double)mote_value_bytes(graph->context, mote_layout_of(graph, node->outputs[o]));
        }
    }
}
