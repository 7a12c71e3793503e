/* Values one behind the other along an axis. */
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

static mote_status concatenate_infer(mote_graph *graph, mote_node *node)
{
    int axis = *MOTE_ATTRIBUTES(node, int);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_layout y = *mote_layout_of(graph, node->inputs[0]);
    if (axis < 0 || axis >= y.rank) {
        return mote_node_fail(graph, node, "axis %d of %d dimensions", axis, y.rank);
    }
    for (int k = 1; k < node->input_count; k++) {
        if (mote_node_expect(graph, node, k, MOTE_FP32, y.rank) != MOTE_OK) {
            return graph->status;
        }
        const mote_layout *x = mote_layout_of(graph, node->inputs[k]);
        for (int d = 0; d < y.rank; d++) {
            if (d != axis && x->shape[d] != y.shape[d]) {
                return mote_node_fail(graph, node, "dimension %d: value %d has %zu entries, expected %zu", d, k,
                                      x->shape[d], y.shape[d]);
            }
        }
        if (!mote_size_add(y.shape[axis], x->shape[axis], &y.shape[axis])) {
            return mote_node_fail(graph, node, "too many entries along axis %d", axis);
        }
    }
    return mote_node_result(graph, node, MOTE_FP32, y.rank, y.shape);
}

static mote_status concatenate_run(const mote_run *run, const mote_node *node)
{
    int axis = *MOTE_ATTRIBUTES(node, int);
    const mote_layout *y = mote_layout_of(run->graph, node->outputs[0]);
    size_t outer = 1, inner = 1, begin = 0;
    for (int d = 0; d < y->rank; d++) {
        outer *= d < axis ? y->shape[d] : 1;
        inner *= d > axis ? y->shape[d] : 1;
    }
    for (int k = 0; k < node->input_count; k++) {
        size_t count = mote_layout_of(run->graph, node->inputs[k])->shape[axis];
        for (size_t o = 0; o < outer; o++) {
            memcpy(mote_run_output(run, node, 0) + (o * y->shape[axis] + begin) * inner,
                   mote_run_input(run, node, k) + o * count * inner, count * inner * sizeof(float));
        }
        begin += count;
    }
    return MOTE_OK;
}

static void concatenate_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy,
                                      const bool *needed, mote_value *dx)
{
    int axis = *MOTE_ATTRIBUTES(node, int);
    size_t begin = 0;
    for (int k = 0; k < node->input_count; k++) {
        size_t count = mote_layout_of(graph, node->inputs[k])->shape[axis];
        dx[k] = needed[k] ? mote_graph_slice(graph, dy[0], axis, begin, count) : MOTE_NO_VALUE;
        begin += count;
    }
}

static void concatenate_describe(const mote_node *node, char *text, size_t size)
{
    snprintf(text, size, "axis %d", *MOTE_ATTRIBUTES(node, int));
}

static const mote_op concatenate_op = {.name = "concatenate",
                                       .infer = concatenate_infer,
                                       .differentiate = concatenate_differentiate,
                                       .run = concatenate_run,
                                       .describe = concatenate_describe};

mote_value mote_graph_concatenate(mote_graph *graph, int count, const mote_value *values, int axis)
{
    if (count < 1 || count > MOTE_NODE_INPUTS) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "concatenate: expected 1 to %d values, found %d", MOTE_NODE_INPUTS,
                        count);
        return MOTE_NO_VALUE;
    }
    return mote_graph_append(graph, &concatenate_op, count, values, &axis, sizeof axis);
}
