/* Values side by side; the gradient of each is its slice. */
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

static mote_status concatenate_infer(mote_graph *graph, mote_node *node)
{
    int axis = *MOTE_ATTRIBUTES(node, int);
    size_t length = 0;
    for (int i = 0; i < node->input_count; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, -1) != MOTE_OK) {
            return graph->status;
        }
        const mote_layout *first = mote_layout_of(graph, node->inputs[0]), *x = mote_layout_of(graph, node->inputs[i]);
        bool fits = x->rank == first->rank && axis >= 0 && axis < x->rank;
        for (int d = 0; fits && d < x->rank; d++) {
            fits = d == axis || x->shape[d] == first->shape[d];
        }
        if (!fits || !mote_size_add(length, x->shape[axis], &length)) {
            return mote_node_fail(graph, node, "value %d does not fit to the first along axis %d", i, axis);
        }
    }
    mote_layout y = *mote_layout_of(graph, node->inputs[0]);
    y.shape[axis] = length;
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
    for (int i = 0; i < node->input_count; i++) {
        size_t part = mote_layout_of(run->graph, node->inputs[i])->shape[axis] * inner;
        for (size_t o = 0; o < outer; o++) {
            memcpy(mote_run_output(run, node, 0) + o * y->shape[axis] * inner + begin,
                   mote_run_input(run, node, i) + o * part, part * sizeof(float));
        }
        begin += part;
    }
    return MOTE_OK;
}

static void concatenate_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy,
                                      const bool *needed, mote_value *dx)
{
    int axis = *MOTE_ATTRIBUTES(node, int);
    size_t begin = 0;
    for (int i = 0; i < node->input_count; i++) {
        size_t part = mote_layout_of(graph, node->inputs[i])->shape[axis];
        dx[i] = needed[i] ? mote_graph_slice(graph, dy[0], axis, begin, part) : MOTE_NO_VALUE;
        begin += part;
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
    if (graph->status == MOTE_OK && (count < 1 || count > MOTE_NODE_INPUTS)) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "concatenate: expected 1 to %d values, found %d", MOTE_NODE_INPUTS,
                        count);
    }
    return mote_graph_append(graph, &concatenate_op, count, values, &axis, sizeof axis);
}
