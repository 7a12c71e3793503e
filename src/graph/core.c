/* The operations that passes append: constants, sums of gradients, conversions of what is kept. */
#include "graph/core.h"

#include <stdio.h>
#include <string.h>

#include "kernels/map/map.h"

/* ---- where a value lies ---- */

static size_t rounded(size_t bytes)
{
    return (bytes + MOTE_PLACE_ALIGNMENT - 1) / MOTE_PLACE_ALIGNMENT * MOTE_PLACE_ALIGNMENT;
}

size_t mote_value_bytes(mote_context *context, const mote_layout *layout)
{
    mote_layout_sizes sizes;
    if (mote_layout_measure(context, layout, &sizes) != MOTE_OK) {
        return 0;
    }
    return rounded(sizes.element_bytes) + rounded(sizes.scale_bytes) +
           (layout->format == MOTE_NVFP4 ? MOTE_PLACE_ALIGNMENT : 0);
}

/* Behind both planes. */
static uint8_t *tensor_scale_place(const mote_layout_sizes *sizes, void *memory)
{
    return (uint8_t *)memory + rounded(sizes->element_bytes) + rounded(sizes->scale_bytes);
}

mote_tensor mote_value_tensor(mote_context *context, const mote_layout *layout, void *memory)
{
    mote_layout_sizes sizes = {0};
    mote_tensor tensor = {.layout = *layout, .elements = memory, .tensor_scale = 1};
    mote_layout_measure(context, layout, &sizes);
    if (sizes.scale_bytes) {
        tensor.scales = (uint8_t *)memory + rounded(sizes.element_bytes);
    }
    if (layout->format == MOTE_NVFP4) {
        memcpy(&tensor.tensor_scale, tensor_scale_place(&sizes, memory), sizeof tensor.tensor_scale);
    }
    return tensor;
}

void mote_value_keep_scale(mote_context *context, const mote_tensor *tensor)
{
    mote_layout_sizes sizes = {0};
    if (tensor->layout.format == MOTE_NVFP4) {
        mote_layout_measure(context, &tensor->layout, &sizes);
        memcpy(tensor_scale_place(&sizes, tensor->elements), &tensor->tensor_scale, sizeof tensor->tensor_scale);
    }
}

/* ---- constant ---- */

typedef struct constant {
    mote_layout layout;
    float number;
} constant;

_Static_assert(sizeof(constant) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

static mote_status constant_infer(mote_graph *graph, mote_node *node)
{
    const constant *a = MOTE_ATTRIBUTES(node, constant);
    return mote_node_result(graph, node, MOTE_FP32, a->layout.rank, a->layout.shape);
}

static mote_status constant_run(const mote_run *run, const mote_node *node)
{
    const constant *a = MOTE_ATTRIBUTES(node, constant);
    float *y = mote_run_output(run, node, 0);
    size_t count = mote_value_count(run->graph, node->outputs[0]);
    for (size_t i = 0; i < count; i++) {
        y[i] = a->number;
    }
    return MOTE_OK;
}

static void constant_describe(const mote_node *node, char *text, size_t size)
{
    snprintf(text, size, "%g", (double)MOTE_ATTRIBUTES(node, constant)->number);
}

static const mote_op constant_op = {
    .name = "constant", .infer = constant_infer, .run = constant_run, .describe = constant_describe};

mote_value mote_core_constant(mote_graph *graph, int rank, const size_t *shape, double number)
{
    constant a = {.layout = {.format = MOTE_FP32, .rank = rank}, .number = (float)number};
    if (rank < 0 || rank > MOTE_MAXIMUM_RANK) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "constant: expected 0 to %d dimensions, found %d", MOTE_MAXIMUM_RANK,
                        rank);
        return MOTE_NO_VALUE;
    }
    for (int d = 0; d < rank; d++) {
        a.layout.shape[d] = shape[d];
    }
    return mote_graph_append(graph, &constant_op, 0, NULL, &a, sizeof a);
}

/* ---- sum ---- */

static mote_status sum_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    if (!mote_same_shape(graph, node->inputs[0], node->inputs[1])) {
        return mote_node_fail(graph, node, "two gradients of one value have different shapes");
    }
    const mote_layout *layout = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, layout->rank, layout->shape);
}

static mote_status sum_run(const mote_run *run, const mote_node *node)
{
    mote_map_binary(run->context, MOTE_BINARY_ADD, mote_value_count(run->graph, node->outputs[0]),
                    mote_run_input(run, node, 0), 1, mote_run_input(run, node, 1), 1, mote_run_output(run, node, 0));
    return MOTE_OK;
}

static const mote_op sum_op = {.name = "sum_gradients", .infer = sum_infer, .run = sum_run, .in_place = 3};

mote_value mote_core_sum(mote_graph *graph, mote_value a, mote_value b)
{
    return mote_graph_append(graph, &sum_op, 2, (mote_value[]){a, b}, NULL, 0);
}

/* ---- cast and widen ---- */

/* Gradients pass straight through the rounding. Casts that group dimensions otherwise are made when there are gradients
 * already. */
static void pass_through(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                         mote_value *dx)
{
    (void)graph;
    (void)node;
    (void)needed;
    dx[0] = dy[0];
}

typedef struct cast {
    mote_quantize_options options;
    uint8_t format, rank, axis;
    uint32_t shape[MOTE_MAXIMUM_RANK]; /* short: attributes are small; checked when made */
} cast;

_Static_assert(sizeof(cast) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

static mote_status cast_infer(mote_graph *graph, mote_node *node)
{
    const cast *a = MOTE_ATTRIBUTES(node, cast);
    size_t shape[MOTE_MAXIMUM_RANK], count = 1;
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    for (int d = 0; d < a->rank; d++) {
        shape[d] = a->shape[d];
        if (!mote_size_multiply(count, shape[d], &count)) {
            return mote_node_fail(graph, node, "too large");
        }
    }
    if (count != mote_value_count(graph, node->inputs[0])) {
        return mote_node_fail(graph, node, "expected %zu values, found %zu", count,
                              mote_value_count(graph, node->inputs[0]));
    }
    mote_status status = mote_node_result(graph, node, (mote_format)a->format, a->rank, shape);
    if (status == MOTE_OK) {
        graph->values[node->outputs[0]].layout.axis = a->axis;
    }
    return status;
}

static mote_status cast_run(const mote_run *run, const mote_node *node)
{
    const cast *a = MOTE_ATTRIBUTES(node, cast);
    const mote_layout *layout = mote_layout_of(run->graph, node->outputs[0]);
    mote_tensor tensor = mote_value_tensor(run->context, layout, run->data[node->outputs[0]]);
    mote_quantize_options options = a->options;
    options.seed += mote_run_stream(run, node);
    mote_status status = mote_quantize(run->context, mote_run_input(run, node, 0), NULL, &options, &tensor);
    mote_value_keep_scale(run->context, &tensor);
    return status;
}

static const mote_op cast_op = {.name = "cast", .infer = cast_infer, .differentiate = pass_through, .run = cast_run};

mote_value mote_core_cast(mote_graph *graph, mote_value x, const mote_layout *layout,
                          const mote_quantize_options *options)
{
    cast a = {.options = *options,
              .format = (uint8_t)layout->format,
              .rank = (uint8_t)layout->rank,
              .axis = (uint8_t)layout->axis};
    for (int d = 0; d < layout->rank; d++) {
        if (layout->shape[d] > UINT32_MAX) {
            mote_graph_fail(graph, MOTE_ERROR_SHAPE, "cast: a dimension of %zu is too long", layout->shape[d]);
            return MOTE_NO_VALUE;
        }
        a.shape[d] = (uint32_t)layout->shape[d];
    }
    return mote_graph_append(graph, &cast_op, 1, &x, &a, sizeof a);
}

static mote_status widen_infer(mote_graph *graph, mote_node *node)
{
    if (node->inputs[0] < 0) {
        return mote_node_fail(graph, node, "input 0 is missing");
    }
    const mote_layout *layout = mote_layout_of(graph, node->inputs[0]);
    if (mote_format_get(layout->format)->kind != MOTE_KIND_TARGET) {
        return mote_node_fail(graph, node, "input 0: %s is no format of numbers",
                              mote_format_get(layout->format)->name);
    }
    return mote_node_result(graph, node, MOTE_FP32, layout->rank, layout->shape);
}

static mote_status widen_run(const mote_run *run, const mote_node *node)
{
    mote_tensor tensor =
        mote_value_tensor(run->context, mote_layout_of(run->graph, node->inputs[0]), run->data[node->inputs[0]]);
    return mote_dequantize(run->context, &tensor, mote_run_output(run, node, 0), NULL);
}

static const mote_op widen_op = {
    .name = "widen", .infer = widen_infer, .differentiate = pass_through, .run = widen_run};

mote_value mote_core_widen(mote_graph *graph, mote_value x)
{
    return mote_graph_append(graph, &widen_op, 1, &x, NULL, 0);
}
