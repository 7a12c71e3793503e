/* Softmax over the last dimension. */
#include "kernels/softmax/softmax.h"

#include "ops/ops.h"

static mote_status softmax_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static mote_status softmax_run(const mote_run *run, const mote_node *node)
{
    mote_softmax(run->context, mote_value_rows(run->graph, node->inputs[0]),
                 mote_value_columns(run->graph, node->inputs[0]), mote_run_input(run, node, 0),
                 mote_run_output(run, node, 0));
    return MOTE_OK;
}

/* Inputs: y, dy. */
static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    mote_softmax_backward(run->context, mote_value_rows(run->graph, node->inputs[0]),
                          mote_value_columns(run->graph, node->inputs[0]), mote_run_input(run, node, 0),
                          mote_run_input(run, node, 1), mote_run_output(run, node, 0));
    return MOTE_OK;
}

static const mote_op gradient_op = {
    .name = "softmax_gradient", .infer = softmax_infer, .run = gradient_run, .in_place = 3};

static void softmax_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 2, (mote_value[]){node->outputs[0], dy[0]}, NULL, 0);
}

static const mote_op softmax_op = {.name = "softmax",
                                   .infer = softmax_infer,
                                   .differentiate = softmax_differentiate,
                                   .run = softmax_run,
                                   .in_place = 1};

mote_value mote_graph_softmax(mote_graph *graph, mote_value x)
{
    return mote_graph_append(graph, &softmax_op, 1, &x, NULL, 0);
}
