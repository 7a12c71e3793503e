/* Channels-last convolutions: mote_convolve() and its gradients. */
#include <stdio.h>

#include "kernels/gemm/operand.h"
#include "ops/ops.h"

/* The whole shape, from the attributes' strides, paddings and dilations and the values. */
static mote_convolution shape_of(const mote_graph *graph, const mote_node *node, mote_value x, mote_value w)
{
    mote_convolution s = *MOTE_ATTRIBUTES(node, mote_convolution);
    const mote_layout *image = mote_layout_of(graph, x), *weight = mote_layout_of(graph, w);
    s.batch = image->shape[0];
    s.height = image->shape[1];
    s.width = image->shape[2];
    s.channels = image->shape[3];
    s.filters = weight->shape[0];
    s.kernel_height = weight->shape[1];
    s.kernel_width = weight->shape[2];
    return s;
}

static mote_status convolution_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 4) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 4) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]), *w = mote_layout_of(graph, node->inputs[1]);
    if (x->shape[3] != w->shape[3]) {
        return mote_node_fail(graph, node, "x has %zu channels, the weight %zu", x->shape[3], w->shape[3]);
    }
    if (node->inputs[2] >= 0 && mote_value_count(graph, node->inputs[2]) != w->shape[0]) {
        return mote_node_fail(graph, node, "the bias has %zu values, expected %zu",
                              mote_value_count(graph, node->inputs[2]), w->shape[0]);
    }
    mote_convolution s = shape_of(graph, node, node->inputs[0], node->inputs[1]);
    size_t shape[4] = {s.batch, 0, 0, s.filters};
    if (mote_convolution_output(graph->context, &s, &shape[1], &shape[2]) != MOTE_OK) {
        return mote_node_fail(graph, node, "%s", mote_context_message(graph->context));
    }
    return mote_node_result(graph, node, MOTE_FP32, 4, shape);
}

static mote_status convolution_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_convolution s = shape_of(run->graph, node, node->inputs[0], node->inputs[1]);
    return mote_convolve(run->context, &policy, &s, mote_run_input(run, node, 0), mote_run_input(run, node, 1),
                         mote_run_input(run, node, 2), mote_run_output(run, node, 0));
}

static double convolution_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    mote_value w = node->inputs[1];
    return (double)mote_value_count(graph, node->outputs[0]) * (double)mote_value_count(graph, w) /
           (double)mote_layout_of(graph, w)->shape[0];
}

static int convolution_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.forward_activation, node->policy.forward_weight, formats);
}

static void convolution_describe(const mote_node *node, char *text, size_t size)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    snprintf(text, size, "stride %zux%zu padding %zux%zu dilation %zux%zu", s->stride_height, s->stride_width,
             s->padding_height, s->padding_width, s->dilation_height, s->dilation_width);
}

/* ---- gradients; their attributes hold the whole shape ---- */

static size_t workspace_of(mote_context *context, mote_format a, mote_format b, size_t rows, size_t columns,
                           size_t length)
{
    return mote_matmul_workspace(context, a, b, 1, rows, columns, length);
}

static size_t convolution_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    mote_value y = node->outputs[0], w = node->inputs[1];
    size_t filters = mote_layout_of(graph, w)->shape[0];
    return workspace_of(context, node->policy.forward_activation, node->policy.forward_weight,
                        mote_value_rows(graph, y), filters, mote_value_count(graph, w) / (filters ? filters : 1));
}

/* Of either gradient, from dy, the second input. */
static double gradient_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    return (double)mote_value_count(graph, node->inputs[1]) *
           (double)(s->kernel_height * s->kernel_width * s->channels);
}

/* dx from w and dy. */
static mote_status input_infer(mote_graph *graph, mote_node *node)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 4) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 4) != MOTE_OK) {
        return graph->status;
    }
    return mote_node_result(graph, node, MOTE_FP32, 4, (size_t[]){s->batch, s->height, s->width, s->channels});
}

static mote_status input_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    return mote_convolve_backward(run->context, &policy, MOTE_ATTRIBUTES(node, mote_convolution), NULL,
                                  mote_run_input(run, node, 0), mote_run_input(run, node, 1), 0,
                                  mote_run_output(run, node, 0), NULL, NULL);
}

static int input_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.backward_gradient, node->policy.backward_weight, formats);
}

static size_t input_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    return workspace_of(context, node->policy.backward_gradient, node->policy.backward_weight,
                        mote_value_rows(graph, node->outputs[0]), s->channels,
                        s->kernel_height * s->kernel_width * s->filters);
}

static const mote_op input_op = {.name = "convolution_input_gradient",
                                 .infer = input_infer,
                                 .run = input_run,
                                 .multiply_adds = gradient_multiply_adds,
                                 .operands = input_operands,
                                 .workspace = input_workspace,
                                 .describe = convolution_describe,
                                 .product = true};

/* dw from x and dy. */
static mote_status weight_infer(mote_graph *graph, mote_node *node)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 4) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 4) != MOTE_OK) {
        return graph->status;
    }
    return mote_node_result(graph, node, MOTE_FP32, 4,
                            (size_t[]){s->filters, s->kernel_height, s->kernel_width, s->channels});
}

static mote_status weight_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    return mote_convolve_backward(run->context, &policy, MOTE_ATTRIBUTES(node, mote_convolution),
                                  mote_run_input(run, node, 0), NULL, mote_run_input(run, node, 1), 0, NULL,
                                  mote_run_output(run, node, 0), NULL);
}

static int weight_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_one_product(node->policy.update_gradient, node->policy.update_activation, formats);
}

static size_t weight_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_convolution *s = MOTE_ATTRIBUTES(node, mote_convolution);
    return workspace_of(context, node->policy.update_gradient, node->policy.update_activation, s->filters,
                        s->kernel_height * s->kernel_width * s->channels, mote_value_rows(graph, node->inputs[1]));
}

static const mote_op weight_op = {.name = "convolution_weight_gradient",
                                  .infer = weight_infer,
                                  .run = weight_run,
                                  .multiply_adds = gradient_multiply_adds,
                                  .operands = weight_operands,
                                  .workspace = weight_workspace,
                                  .describe = convolution_describe,
                                  .product = true};

static void convolution_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy,
                                      const bool *needed, mote_value *dx)
{
    mote_convolution s = shape_of(graph, node, node->inputs[0], node->inputs[1]);
    if (needed[0]) {
        dx[0] = mote_graph_append(graph, &input_op, 2, (mote_value[]){node->inputs[1], dy[0]}, &s, sizeof s);
    }
    if (needed[1]) {
        dx[1] = mote_graph_append(graph, &weight_op, 2, (mote_value[]){node->inputs[0], dy[0]}, &s, sizeof s);
    }
    if (needed[2]) {
        dx[2] = mote_graph_sum(graph, dy[0], 0, 3);
    }
}

static const mote_op convolution_op = {.name = "convolution",
                                       .infer = convolution_infer,
                                       .differentiate = convolution_differentiate,
                                       .run = convolution_run,
                                       .multiply_adds = convolution_multiply_adds,
                                       .operands = convolution_operands,
                                       .workspace = convolution_workspace,
                                       .describe = convolution_describe,
                                       .product = true};

_Static_assert(sizeof(mote_convolution) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

mote_value mote_graph_convolution(mote_graph *graph, mote_value x, mote_value weight, mote_value bias,
                                  const mote_convolution *shape)
{
    return mote_graph_append(graph, &convolution_op, 3, (mote_value[]){x, weight, bias}, shape, sizeof *shape);
}
