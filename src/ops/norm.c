/* Layer and root-mean-square normalization. */
#include "kernels/norm/norm.h"

#include <stdio.h>

#include "ops/ops.h"

typedef struct norm {
    float epsilon;
    int centre; /* subtract the mean: layer norm */
} norm;

static mote_status check_vector(mote_graph *graph, const mote_node *node, int input)
{
    if (node->inputs[input] < 0) {
        return MOTE_OK;
    }
    if (mote_node_expect(graph, node, input, MOTE_FP32, 1) != MOTE_OK) {
        return graph->status;
    }
    if (mote_value_count(graph, node->inputs[input]) != mote_value_columns(graph, node->inputs[0])) {
        return mote_node_fail(graph, node, "input %d has %zu values, x has %zu columns", input,
                              mote_value_count(graph, node->inputs[input]), mote_value_columns(graph, node->inputs[0]));
    }
    return MOTE_OK;
}

/* x, weight, bias: y, and each row's mean and reciprocal deviation. */
static mote_status norm_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK || check_vector(graph, node, 1) != MOTE_OK ||
        check_vector(graph, node, 2) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    size_t statistics[2] = {mote_value_rows(graph, node->inputs[0]), 2};
    mote_status status = mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 2, statistics) : status;
}

static mote_status norm_run(const mote_run *run, const mote_node *node)
{
    const norm *n = MOTE_ATTRIBUTES(node, norm);
    mote_norm(run->context, n->centre, mote_value_rows(run->graph, node->inputs[0]),
              mote_value_columns(run->graph, node->inputs[0]), mote_run_input(run, node, 0),
              mote_run_input(run, node, 1), mote_run_input(run, node, 2), n->epsilon, mote_run_output(run, node, 0),
              mote_run_output(run, node, 1));
    return MOTE_OK;
}

static void norm_describe(const mote_node *node, char *text, size_t size)
{
    const norm *n = MOTE_ATTRIBUTES(node, norm);
    snprintf(text, size, "%s, epsilon %g", n->centre ? "layer" : "rms", (double)n->epsilon);
}

/* x, weight, statistics, dy: dx, dweight, dbias; the last two where there is a weight. */
static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 3, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    size_t columns = mote_value_columns(graph, node->inputs[0]);
    mote_status status = mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape);
    for (int i = 0; i < 2 && status == MOTE_OK; i++) {
        status = mote_node_result(graph, node, MOTE_FP32, 1, &columns);
    }
    return status;
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    const norm *n = MOTE_ATTRIBUTES(node, norm);
    return mote_norm_backward(run->context, n->centre, mote_value_rows(run->graph, node->inputs[0]),
                              mote_value_columns(run->graph, node->inputs[0]), mote_run_input(run, node, 0),
                              mote_run_input(run, node, 1), mote_run_input(run, node, 2), mote_run_input(run, node, 3),
                              mote_run_output(run, node, 0), mote_run_output(run, node, 1),
                              mote_run_output(run, node, 2));
}

static size_t gradient_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    (void)context;
    return mote_norm_workspace(mote_value_rows(graph, node->inputs[0]), mote_value_columns(graph, node->inputs[0]));
}

static const mote_op gradient_op = {.name = "norm_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .workspace = gradient_workspace,
                                    .describe = norm_describe,
                                    .exact_inputs = 4};

static void norm_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                               mote_value *dx)
{
    mote_value inputs[4] = {node->inputs[0], node->inputs[1], node->outputs[1], dy[0]};
    mote_value made = mote_graph_append(graph, &gradient_op, 4, inputs, node->attributes, sizeof(norm));
    for (int i = 0; i < 3; i++) {
        dx[i] = needed[i] ? mote_graph_output_of(graph, made, i) : MOTE_NO_VALUE;
    }
}

static const mote_op norm_op = {.name = "norm",
                                .infer = norm_infer,
                                .differentiate = norm_differentiate,
                                .run = norm_run,
                                .describe = norm_describe};

mote_value mote_graph_layer_norm(mote_graph *graph, mote_value x, mote_value weight, mote_value bias, double epsilon)
{
    norm n = {(float)epsilon, 1};
    return mote_graph_append(graph, &norm_op, 3, (mote_value[]){x, weight, bias}, &n, sizeof n);
}

mote_value mote_graph_rms_norm(mote_graph *graph, mote_value x, mote_value weight, double epsilon)
{
    norm n = {(float)epsilon, 0};
    return mote_graph_append(graph, &norm_op, 3, (mote_value[]){x, weight, MOTE_NO_VALUE}, &n, sizeof n);
}
