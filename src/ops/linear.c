/* y = x W^T + b, and its gradients as operations of their own, so that each is placed and read by itself. */
#include "kernels/gemm/linear.h"

#include "formats/layout.h"
#include "kernels/gemm/operand.h"
#include "ops/ops.h"

/* ---- forward ---- */

enum { ACTIVATION_NUMBER = 0, WEIGHT_NUMBER = 1 }; /* of mote_linear()'s operands */

static bool linear_kept(const mote_graph *graph, const mote_node *node, int input, mote_layout *layout,
                        mote_quantize_options *options)
{
    mote_format format = node->policy.forward_weight;
    if (input != 1 || !mote_format_is_block(format) || node->policy.rounding == MOTE_STOCHASTIC) {
        return false; /* stochastic rounding makes another weight in each run */
    }
    *layout = *mote_layout_of(graph, node->inputs[1]);
    layout->format = format;
    layout->axis = 1;
    *options = mote_policy_options(&node->policy, format, false, WEIGHT_NUMBER);
    return true;
}

/* The weight is FP32, or in the blocks that FP32 would be converted to. */
static mote_status check_weight(mote_graph *graph, const mote_node *node)
{
    mote_layout layout;
    mote_quantize_options options;
    const mote_value_info *weight = node->inputs[1] < 0 ? NULL : &graph->values[node->inputs[1]];
    if (!weight || !mote_format_is_block(weight->layout.format)) {
        return mote_node_expect(graph, node, 1, MOTE_FP32, 2);
    }
    if (!linear_kept(graph, node, 1, &layout, &options) || !mote_layout_same(&layout, &weight->layout) ||
        options.rounding != weight->conversion.rounding || options.scale_rule != weight->conversion.scale_rule) {
        return mote_node_fail(graph, node, "its policy does not read the weight as it is packed, in %s",
                              mote_format_get(weight->layout.format)->name);
    }
    return MOTE_OK;
}

static mote_status linear_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK || check_weight(graph, node) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]), w = *mote_layout_of(graph, node->inputs[1]);
    if (x.rank < 1 || x.shape[x.rank - 1] != w.shape[1]) {
        return mote_node_fail(graph, node, "x has %zu columns, the weight %zu; expected the same",
                              mote_value_columns(graph, node->inputs[0]), w.shape[1]);
    }
    if (node->inputs[2] >= 0 && mote_value_count(graph, node->inputs[2]) != w.shape[0]) {
        return mote_node_fail(graph, node, "the bias has %zu values, expected %zu",
                              mote_value_count(graph, node->inputs[2]), w.shape[0]);
    }
    x.shape[x.rank - 1] = w.shape[0];
    return mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape);
}

/* A packed weight's planes are those of any tensor, so that parameters can be set, shared and read without a second
 * layout. mote_pack()'s panels, of the same size, would save making them here: 1 to 9 % of a product of 256 rows or
 * more (of a single row, which no model here asks for, about two thirds). */
static mote_status linear_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    const mote_layout *w = mote_layout_of(run->graph, node->inputs[1]);
    mote_format activation = policy.forward_activation, weight = policy.forward_weight;
    size_t inputs = w->shape[1], outputs = w->shape[0];
    ptrdiff_t turned[2] = {1, (ptrdiff_t)inputs};
    mote_tensor tensor;
    mote_operand a = {.values = mote_run_input(run, node, 0),
                      .rank = 2,
                      .shape = {mote_value_rows(run->graph, node->inputs[0]), inputs},
                      .format = activation,
                      .options = mote_policy_options(&policy, activation, false, ACTIVATION_NUMBER)};
    mote_operand b = {.values = mote_run_input(run, node, 1),
                      .rank = 2,
                      .shape = {inputs, outputs},
                      .strides = turned,
                      .format = weight,
                      .options = mote_policy_options(&policy, weight, false, WEIGHT_NUMBER)};
    if (mote_format_is_block(w->format)) {
        tensor = mote_value_tensor(run->context, w, run->data[node->inputs[1]]);
        tensor.layout.shape[0] = inputs;
        tensor.layout.shape[1] = outputs;
        tensor.layout.axis = 0;
        b = (mote_operand){.tensor = &tensor};
    }
    return mote_matmul_known(run->context, &a, (uint64_t)node->inputs[0] + 1, &b, mote_run_input(run, node, 2),
                             mote_run_output(run, node, 0));
}

static double linear_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    return (double)mote_value_count(graph, node->inputs[0]) * (double)mote_value_rows(graph, node->inputs[1]);
}

static int linear_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.forward_activation, node->policy.forward_weight, formats);
}

static size_t linear_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_layout *w = mote_layout_of(graph, node->inputs[1]);
    return mote_matmul_workspace(context, node->policy.forward_activation, node->policy.forward_weight, 1,
                                 mote_value_rows(graph, node->inputs[0]), w->shape[0], w->shape[1]);
}

/* ---- dx = dy W ---- */

static mote_status input_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 2) != MOTE_OK) {
        return graph->status;
    }
    mote_layout dx = *mote_layout_of(graph, node->inputs[0]);
    const mote_layout *w = mote_layout_of(graph, node->inputs[1]);
    if (dx.rank < 1 || dx.shape[dx.rank - 1] != w->shape[0]) {
        return mote_node_fail(graph, node, "dy and the weight do not fit");
    }
    dx.shape[dx.rank - 1] = w->shape[1];
    return mote_node_result(graph, node, MOTE_FP32, dx.rank, dx.shape);
}

static mote_status input_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    const mote_layout *w = mote_layout_of(run->graph, node->inputs[1]);
    return mote_linear_backward(run->context, &policy, mote_value_rows(run->graph, node->inputs[0]), w->shape[1],
                                w->shape[0], NULL, 0, mote_run_input(run, node, 1), 0, mote_run_input(run, node, 0), 0,
                                0, mote_run_output(run, node, 0), 0, NULL, 0, NULL);
}

static double input_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    return (double)mote_value_count(graph, node->inputs[0]) * (double)mote_value_columns(graph, node->inputs[1]);
}

static int input_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.backward_gradient, node->policy.backward_weight, formats);
}

static size_t input_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_layout *w = mote_layout_of(graph, node->inputs[1]);
    return mote_matmul_workspace(context, node->policy.backward_gradient, node->policy.backward_weight, 1,
                                 mote_value_rows(graph, node->inputs[0]), w->shape[1], w->shape[0]);
}

static const mote_op input_op = {.name = "linear_input_gradient",
                                 .infer = input_infer,
                                 .run = input_run,
                                 .multiply_adds = input_multiply_adds,
                                 .operands = input_operands,
                                 .workspace = input_workspace,
                                 .product = true};

/* ---- dW = dy^T x; x is FP32 or saved in blocks along the rows ---- */

static mote_status weight_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK || node->inputs[1] < 0 ||
        mote_value_rows(graph, node->inputs[0]) != mote_value_rows(graph, node->inputs[1])) {
        return mote_node_fail(graph, node, "dy and x do not have the same rows");
    }
    size_t shape[2] = {mote_value_columns(graph, node->inputs[0]), mote_value_columns(graph, node->inputs[1])};
    return mote_node_result(graph, node, MOTE_FP32, 2, shape);
}

enum { GRADIENT_NUMBER = 4, SAVED_NUMBER = 5 }; /* of mote_linear_backward()'s operands */

static mote_status weight_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[1]);
    size_t rows = mote_value_rows(run->graph, node->inputs[0]);
    size_t outputs = mote_value_columns(run->graph, node->inputs[0]);
    size_t inputs = mote_value_columns(run->graph, node->inputs[1]);
    if (x->format == MOTE_FP32) {
        return mote_linear_backward(run->context, &policy, rows, inputs, outputs, mote_run_input(run, node, 1), 0, NULL,
                                    0, mote_run_input(run, node, 0), 0, 0, NULL, 0, mote_run_output(run, node, 0), 0,
                                    NULL);
    }
    mote_tensor tensor = mote_value_tensor(run->context, x, run->data[node->inputs[1]]);
    ptrdiff_t turned[2] = {1, (ptrdiff_t)outputs};
    mote_operand a = {.values = mote_run_input(run, node, 0),
                      .rank = 2,
                      .shape = {outputs, rows},
                      .strides = turned,
                      .format = policy.update_gradient,
                      .options = mote_policy_options(&policy, policy.update_gradient, true, GRADIENT_NUMBER)};
    mote_operand b = {.tensor = &tensor};
    return mote_matmul(run->context, &a, &b, NULL, 0, mote_run_output(run, node, 0), NULL);
}

static bool weight_kept(const mote_graph *graph, const mote_node *node, int input, mote_layout *layout,
                        mote_quantize_options *options)
{
    mote_format format = node->policy.update_activation;
    if (input != 1 || mote_format_get(format)->block_length == 1) {
        return false;
    }
    *layout =
        (mote_layout){.format = format,
                      .rank = 2,
                      .axis = 0,
                      .shape = {mote_value_rows(graph, node->inputs[1]), mote_value_columns(graph, node->inputs[1])}};
    *options = mote_policy_options(&node->policy, format, false, SAVED_NUMBER);
    return true;
}

static double weight_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    return (double)mote_value_count(graph, node->inputs[0]) * (double)mote_value_columns(graph, node->inputs[1]);
}

static int weight_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.update_gradient, node->policy.update_activation, formats);
}

static size_t weight_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    return mote_matmul_workspace(context, node->policy.update_gradient, node->policy.update_activation, 1,
                                 mote_value_columns(graph, node->inputs[0]), mote_value_columns(graph, node->inputs[1]),
                                 mote_value_rows(graph, node->inputs[0]));
}

static const mote_op weight_op = {.name = "linear_weight_gradient",
                                  .infer = weight_infer,
                                  .run = weight_run,
                                  .multiply_adds = weight_multiply_adds,
                                  .operands = weight_operands,
                                  .workspace = weight_workspace,
                                  .kept_layout = weight_kept,
                                  .product = true};

/* ---- db: the sum of dy's rows ---- */

static mote_status bias_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    size_t columns = mote_value_columns(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, 1, &columns);
}

static mote_status bias_run(const mote_run *run, const mote_node *node)
{
    size_t columns = mote_value_columns(run->graph, node->inputs[0]);
    mote_sum_columns(run->context, mote_value_rows(run->graph, node->inputs[0]), columns, mote_run_input(run, node, 0),
                     (ptrdiff_t)columns, false, mote_run_output(run, node, 0));
    return MOTE_OK;
}

static const mote_op bias_op = {.name = "bias_gradient", .infer = bias_infer, .run = bias_run};

static void linear_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    if (needed[0]) {
        dx[0] = mote_graph_append(graph, &input_op, 2, (mote_value[]){dy[0], node->inputs[1]}, NULL, 0);
    }
    if (needed[1]) {
        dx[1] = mote_graph_append(graph, &weight_op, 2, (mote_value[]){dy[0], node->inputs[0]}, NULL, 0);
    }
    if (needed[2]) {
        dx[2] = mote_graph_append(graph, &bias_op, 1, dy, NULL, 0);
    }
}

static const mote_op linear_op = {.name = "linear",
                                  .infer = linear_infer,
                                  .differentiate = linear_differentiate,
                                  .run = linear_run,
                                  .multiply_adds = linear_multiply_adds,
                                  .operands = linear_operands,
                                  .workspace = linear_workspace,
                                  .kept_layout = linear_kept,
                                  .product = true};

mote_value mote_graph_linear(mote_graph *graph, mote_value x, mote_value weight, mote_value bias)
{
    return mote_graph_append(graph, &linear_op, 3, (mote_value[]){x, weight, bias}, NULL, 0);
}
