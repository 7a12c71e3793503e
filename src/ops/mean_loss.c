/* The mean over the rows that have a target. */
#include "ops/ops.h"

static size_t count_targets(const int32_t *targets, size_t rows)
{
    size_t count = 0;
    for (size_t i = 0; i < rows; i++) {
        count += targets[i] >= 0;
    }
    return count;
}

/* losses, targets: one number. */
static mote_status mean_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_INT32, -1) != MOTE_OK) {
        return graph->status;
    }
    if (!mote_same_shape(graph, node->inputs[0], node->inputs[1])) {
        return mote_node_fail(graph, node, "as many targets as losses are needed");
    }
    return mote_node_result(graph, node, MOTE_FP32, 0, NULL);
}

static mote_status mean_run(const mote_run *run, const mote_node *node)
{
    const float *losses = mote_run_input(run, node, 0);
    const int32_t *targets = run->data[node->inputs[1]];
    size_t rows = mote_value_count(run->graph, node->inputs[0]), count = count_targets(targets, rows);
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
        sum += targets[i] >= 0 ? (double)losses[i] : 0;
    }
    *mote_run_output(run, node, 0) = count ? (float)(sum / (double)count) : 0;
    return MOTE_OK;
}

/* targets, dy: dlosses. */
static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_INT32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 0) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *targets = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, targets->rank, targets->shape);
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    const int32_t *targets = run->data[node->inputs[0]];
    size_t rows = mote_value_count(run->graph, node->inputs[0]), count = count_targets(targets, rows);
    float each = count ? *mote_run_input(run, node, 1) / (float)count : 0, *out = mote_run_output(run, node, 0);
    for (size_t i = 0; i < rows; i++) {
        out[i] = targets[i] >= 0 ? each : 0;
    }
    return MOTE_OK;
}

static const mote_op gradient_op = {.name = "mean_loss_gradient", .infer = gradient_infer, .run = gradient_run};

static void mean_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                               mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 2, (mote_value[]){node->inputs[1], dy[0]}, NULL, 0);
}

static const mote_op mean_op = {
    .name = "mean_loss", .infer = mean_infer, .differentiate = mean_differentiate, .run = mean_run};

mote_value mote_graph_mean_loss(mote_graph *graph, mote_value losses, mote_value targets)
{
    return mote_graph_append(graph, &mean_op, 2, (mote_value[]){losses, targets}, NULL, 0);
}
