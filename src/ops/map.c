/* Functions of one value, element by element; their gradients read x again. */
#include "kernels/map/map.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

static const struct {
    const char *name;
    mote_unary function;
} functions[] = {
    {"negate", MOTE_UNARY_NEGATE},
    {"exp", MOTE_UNARY_EXP},
    {"log", MOTE_UNARY_LOG},
    {"sqrt", MOTE_UNARY_SQUARE_ROOT},
    {"reciprocal", MOTE_UNARY_RECIPROCAL},
    {"tanh", MOTE_UNARY_TANH},
    {"erf", MOTE_UNARY_ERF},
    {"sigmoid", MOTE_UNARY_SIGMOID},
    {"silu", MOTE_UNARY_SILU},
    {"gelu", MOTE_UNARY_GELU},
    {"gelu_tanh", MOTE_UNARY_GELU_TANH},
    {"relu", MOTE_UNARY_RELU},
    {"square", MOTE_UNARY_SQUARE},
    {"abs", MOTE_UNARY_ABSOLUTE},
};

enum { COUNT = sizeof functions / sizeof functions[0] };

static mote_status same_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static void map_describe(const mote_node *node, char *text, size_t size)
{
    snprintf(text, size, "%s", functions[*MOTE_ATTRIBUTES(node, int)].name);
}

static mote_status map_run(const mote_run *run, const mote_node *node)
{
    mote_map_unary(run->context, functions[*MOTE_ATTRIBUTES(node, int)].function,
                   mote_value_count(run->graph, node->outputs[0]), mote_run_input(run, node, 0),
                   mote_run_output(run, node, 0));
    return MOTE_OK;
}

/* Inputs x, dy. */
static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    mote_map_unary_gradient(run->context, functions[*MOTE_ATTRIBUTES(node, int)].function,
                            mote_value_count(run->graph, node->outputs[0]), mote_run_input(run, node, 0),
                            mote_run_input(run, node, 1), mote_run_output(run, node, 0));
    return MOTE_OK;
}

static const mote_op gradient_op = {
    .name = "map_gradient", .infer = same_infer, .run = gradient_run, .describe = map_describe, .in_place = 3};

static void map_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                              mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 2, (mote_value[]){node->inputs[0], dy[0]}, node->attributes,
                              sizeof(int));
}

static const mote_op map_op = {.name = "map",
                               .infer = same_infer,
                               .differentiate = map_differentiate,
                               .run = map_run,
                               .describe = map_describe,
                               .in_place = 1};

mote_value mote_graph_map(mote_graph *graph, const char *name, mote_value x)
{
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            return mote_graph_append(graph, &map_op, 1, &x, &i, sizeof i);
        }
    }
    mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "map: unknown function '%s'", name);
    return MOTE_NO_VALUE;
}
