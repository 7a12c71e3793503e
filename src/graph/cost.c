/* The cost of a run: what the products multiply, what all operations move. */
#include "graph/core.h"
#include "graph/pieces.h"

static double bytes_of(const mote_graph *graph, mote_value value)
{
    return value >= 0 ? (double)mote_value_bytes(graph->context, mote_layout_of(graph, value)) : 0;
}

static void add_nodes(const mote_graph *graph, double times, double *multiply_adds, double *bytes);

/* What is moved where pieces of a value are copied, or converted, between its place and the body's. */
static double bytes_of_copies(const mote_graph *graph, mote_value value, int axis)
{
    const mote_layout *layout = mote_layout_of(graph, value);
    mote_layout seen = mote_pieces_seen(layout, axis, axis == MOTE_WHOLE ? 0 : layout->shape[axis]);
    return mote_pieces_lie(layout, axis) ? 0 : bytes_of(graph, value) + (double)mote_value_bytes(graph->context, &seen);
}

/* The bodies, so many times as there are pieces, and what is copied from and to their places. */
static void add_pieces(const mote_graph *graph, const mote_node *node, double times, double *multiply_adds,
                       double *bytes)
{
    const mote_pieces *p = mote_node_pieces(node);
    double whole = (double)(p->extent / p->length);
    for (int b = 0; b < MOTE_BODIES; b++) {
        if (p->bodies[b].graph) {
            add_nodes(p->bodies[b].graph, times * (b ? 1 : whole), multiply_adds, bytes);
        }
    }
    for (int k = 0; k < p->input_count; k++) {
        *bytes += times * bytes_of_copies(graph, node->inputs[k], p->input_axes[k]);
    }
    for (int r = 0; r < p->result_count; r++) {
        double sums = p->result_axes[r] == MOTE_WHOLE ? 3 * (whole + (p->bodies[1].graph != NULL) - 1) : 0;
        *bytes += times * sums * bytes_of(graph, node->outputs[r]);
        *bytes += times * bytes_of_copies(graph, node->outputs[r], p->result_axes[r]);
    }
}

static void add_nodes(const mote_graph *graph, double times, double *multiply_adds, double *bytes)
{
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        if (node->op->pieces) {
            add_pieces(graph, node, times, multiply_adds, bytes);
            continue;
        }
        *multiply_adds += node->op->multiply_adds ? times * node->op->multiply_adds(graph, node) : 0;
        for (int k = 0; k < node->input_count && !node->op->view; k++) {
            *bytes += times * bytes_of(graph, node->inputs[k]);
        }
        for (int o = 0; o < node->output_count && !node->op->view; o++) {
            *bytes += times * bytes_of(graph, node->outputs[o]);
        }
    }
}

void mote_graph_cost(const mote_graph *graph, double *multiply_adds, double *bytes)
{
    *multiply_adds = *bytes = 0;
    add_nodes(graph, 1, multiply_adds, bytes);
}
