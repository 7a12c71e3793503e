/* Dropout from counter-based random numbers: the backward pass draws the same ones again, nothing is kept. */
#include <stdio.h>

#include "kernels/map/map.h"
#include "ops/ops.h"

static mote_status dropout_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static mote_status dropout_run(const mote_run *run, const mote_node *node)
{
    double probability = *MOTE_ATTRIBUTES(node, double);
    mote_dropout(run->context, mote_value_count(run->graph, node->outputs[0]), mote_run_stream(run, node), 0,
                 (uint32_t)(probability * 0x1p32), (float)(1 / (1 - probability)), mote_run_input(run, node, 0),
                 mote_run_output(run, node, 0));
    return MOTE_OK;
}

static void dropout_describe(const mote_node *node, char *text, size_t size)
{
    snprintf(text, size, "%g", *MOTE_ATTRIBUTES(node, double));
}

static void dropout_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx);

static const mote_op dropout_op = {.name = "dropout",
                                   .infer = dropout_infer,
                                   .differentiate = dropout_differentiate,
                                   .run = dropout_run,
                                   .describe = dropout_describe,
                                   .in_place = 1};

static void dropout_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx)
{
    (void)needed; /* the new node has this one's number, and so its random numbers */
    dx[0] = mote_graph_append(graph, &dropout_op, 1, dy, node->attributes, sizeof(double));
}

mote_value mote_graph_dropout(mote_graph *graph, mote_value x, double probability)
{
    if (!(probability >= 0 && probability < 1)) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "dropout: expected a probability from 0 to below 1, found %g",
                        probability);
        return MOTE_NO_VALUE;
    }
    return probability == 0 ? x : mote_graph_append(graph, &dropout_op, 1, &x, &probability, sizeof probability);
}
