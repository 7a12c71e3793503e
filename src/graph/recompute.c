/* Passes over a plan's copy of the graph: copying, dropping what nobody reads, computing segments twice.
 * Source of the last: Chen et al., arXiv 1604.06174, section 4. */
#include <string.h>

#include "graph/plan.h"

static void *duplicate(mote_context *context, const void *array, size_t count, size_t item)
{
    void *copy = mote_allocate_array(context, count + 1, item);
    if (copy && count) {
        memcpy(copy, array, count * item);
    }
    return copy;
}

mote_status mote_graph_copy(const mote_graph *graph, mote_graph *copy)
{
    *copy = *graph;
    copy->names = (mote_arena){0};
    copy->pieces = NULL; /* the original keeps them */
    copy->nodes = duplicate(graph->context, graph->nodes, (size_t)graph->node_count, sizeof *graph->nodes);
    copy->order = duplicate(graph->context, graph->order, (size_t)graph->node_count, sizeof *graph->order);
    copy->values = duplicate(graph->context, graph->values, (size_t)graph->value_count, sizeof *graph->values);
    copy->node_capacity = copy->node_count + 1;
    copy->value_capacity = copy->value_count + 1;
    if (!copy->nodes || !copy->order || !copy->values) {
        mote_graph_release_copy(copy);
        return MOTE_ERROR_MEMORY;
    }
    return MOTE_OK;
}

void mote_graph_release_copy(mote_graph *copy)
{
    mote_release(copy->context, copy->nodes);
    mote_release(copy->context, copy->order);
    mote_release(copy->context, copy->values);
    mote_arena_clear(copy->context, &copy->names);
    copy->nodes = NULL;
    copy->order = NULL;
    copy->values = NULL;
}

mote_status mote_graph_prune(mote_graph *graph, bool only_forward)
{
    bool *read = mote_allocate_array(graph->context, (size_t)graph->value_count + 1, sizeof *read);
    if (!read) {
        return MOTE_ERROR_MEMORY;
    }
    for (int v = 0; v < graph->value_count; v++) {
        read[v] = graph->values[v].kept;
    }
    int left = graph->order_count;
    for (int i = graph->order_count - 1; i >= 0; i--) { /* the kept ones gather at the end, in order */
        const mote_node *node = &graph->nodes[graph->order[i]];
        bool needed = false;
        for (int o = 0; o < node->output_count; o++) {
            needed = needed || read[node->outputs[o]];
        }
        if (!needed || (only_forward && node->phase == MOTE_PHASE_BACKWARD)) {
            continue;
        }
        for (int k = 0; k < node->input_count; k++) {
            if (node->inputs[k] >= 0) {
                read[node->inputs[k]] = true;
            }
        }
        graph->order[--left] = graph->order[i];
    }
    graph->order_count -= left;
    if (graph->order_count) { /* a body that returns its piece has no nodes */
        memmove(graph->order, graph->order + left, (size_t)graph->order_count * sizeof *graph->order);
    }
    mote_release(graph->context, read);
    return MOTE_OK;
}

/* ---- recomputation ---- */

static bool made_in(const mote_graph *graph, mote_value value, int segment)
{
    int producer = value < 0 ? -1 : graph->values[value].producer;
    return producer >= 0 && graph->nodes[producer].segment == segment &&
           graph->nodes[producer].phase == MOTE_PHASE_FORWARD;
}

/* Marks what the segment's gradients read of its results, and what those come from. Returns the position of the first
 * such gradient, or -1. */
static int mark_read(const mote_graph *graph, int segment, bool *read)
{
    int first = -1;
    for (int i = graph->order_count - 1; i >= 0; i--) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        bool reads = node->segment == segment && node->phase == MOTE_PHASE_BACKWARD;
        for (int o = 0; o < node->output_count && made_in(graph, node->outputs[o], segment); o++) {
            reads = reads || read[node->outputs[o]];
        }
        for (int k = 0; reads && k < node->input_count; k++) {
            if (made_in(graph, node->inputs[k], segment)) {
                read[node->inputs[k]] = true;
                first = node->phase == MOTE_PHASE_BACKWARD ? i : first;
            }
        }
    }
    return first;
}

/* Appends copies of the marked nodes; copies[v] becomes the second edition of value v. */
static mote_status copy_nodes(mote_graph *graph, int segment, const bool *read, mote_value *copies)
{
    int count = graph->order_count;
    for (int i = 0; i < count; i++) {
        int index = graph->order[i];
        const mote_node node = graph->nodes[index];
        bool wanted = false;
        for (int o = 0; o < node.output_count; o++) {
            wanted = wanted || (made_in(graph, node.outputs[o], segment) && read[node.outputs[o]]);
        }
        if (!wanted || node.phase == MOTE_PHASE_BACKWARD) {
            continue;
        }
        int made = mote_graph_copy_node(graph, index);
        if (made < 0) {
            return MOTE_ERROR_MEMORY;
        }
        for (int o = 0; o < node.output_count; o++) {
            copies[node.outputs[o]] = graph->nodes[made].outputs[o];
        }
        for (int k = 0; k < node.input_count; k++) {
            mote_value v = node.inputs[k];
            if (v >= 0 && copies[v] >= 0) {
                graph->nodes[made].inputs[k] = copies[v];
            }
        }
    }
    return MOTE_OK;
}

static mote_status recompute_segment(mote_graph *graph, int segment)
{
    int values = graph->value_count, nodes = graph->order_count;
    bool *read = mote_allocate_array(graph->context, (size_t)values + 1, sizeof *read);
    mote_value *copies = mote_allocate_array(graph->context, (size_t)values + 1, sizeof *copies);
    mote_status status = read && copies ? MOTE_OK : MOTE_ERROR_MEMORY;
    if (status == MOTE_OK) {
        memset(read, 0, (size_t)values * sizeof *read);
        for (int v = 0; v < values; v++) {
            copies[v] = MOTE_NO_VALUE;
        }
        int first = mark_read(graph, segment, read);
        status = first >= 0 ? copy_nodes(graph, segment, read, copies) : MOTE_OK;
        for (int i = 0; status == MOTE_OK && i < nodes; i++) {
            mote_node *node = &graph->nodes[graph->order[i]];
            for (int k = 0; node->phase == MOTE_PHASE_BACKWARD && node->segment == segment && k < node->input_count;
                 k++) {
                if (node->inputs[k] >= 0 && copies[node->inputs[k]] >= 0) {
                    node->inputs[k] = copies[node->inputs[k]];
                }
            }
        }
        if (status == MOTE_OK && first >= 0) {
            mote_graph_move_last(graph, nodes, first);
        }
    }
    mote_release(graph->context, read);
    mote_release(graph->context, copies);
    return status;
}

mote_status mote_graph_recompute(mote_graph *graph, int count)
{
    graph->phase = MOTE_PHASE_BACKWARD;
    for (int segment = 0; segment < count; segment++) {
        mote_status status = recompute_segment(graph, segment);
        if (status != MOTE_OK) {
            return status;
        }
    }
    mote_status status = mote_graph_prune(graph, false);
    return status == MOTE_OK ? mote_graph_verify(graph) : status;
}
