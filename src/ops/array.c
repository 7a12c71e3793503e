/* Numbers that a graph carries with it. */
#include <string.h>

#include "formats/layout.h"
#include "ops/ops.h"

typedef struct array {
    const float *values; /* of the arena of the graph that was given them, which outlives copies of the node */
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK];
} array;

_Static_assert(sizeof(array) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

static mote_status array_infer(mote_graph *graph, mote_node *node)
{
    const array *a = MOTE_ATTRIBUTES(node, array);
    return mote_node_result(graph, node, MOTE_FP32, a->rank, a->shape);
}

static mote_status array_run(const mote_run *run, const mote_node *node)
{
    memcpy(mote_run_output(run, node, 0), MOTE_ATTRIBUTES(node, array)->values,
           mote_value_count(run->graph, node->outputs[0]) * sizeof(float));
    return MOTE_OK;
}

static const mote_op array_op = {.name = "array", .infer = array_infer, .run = array_run};

mote_value mote_graph_array(mote_graph *graph, int rank, const size_t *shape, const float *values)
{
    array a = {.rank = rank};
    mote_layout layout = {.format = MOTE_FP32, .rank = rank};
    mote_layout_sizes sizes;
    if (graph->status != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    if (rank < 0 || rank > MOTE_MAXIMUM_RANK) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "array: expected 0 to %d dimensions, found %d", MOTE_MAXIMUM_RANK,
                        rank);
        return MOTE_NO_VALUE;
    }
    memcpy(layout.shape, shape, (size_t)rank * sizeof *shape);
    memcpy(a.shape, shape, (size_t)rank * sizeof *shape);
    mote_status status = mote_layout_measure(graph->context, &layout, &sizes);
    float *copy = status == MOTE_OK ? mote_arena_allocate(graph->context, &graph->names, sizes.element_bytes) : NULL;
    if (!copy) {
        mote_graph_fail(graph, status == MOTE_OK ? MOTE_ERROR_MEMORY : status, "array: %s",
                        mote_context_message(graph->context));
        return MOTE_NO_VALUE;
    }
    memcpy(copy, values, sizes.element_bytes);
    a.values = copy;
    return mote_graph_append(graph, &array_op, 0, NULL, &a, sizeof a);
}
