/* How many breaks each value is beyond. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/ops.h"

typedef struct scale {
    const float *breaks; /* ascending; of the arena of the graph that was given them */
    size_t count;
} scale;

typedef struct job {
    scale scale;
    const float *x;
    int32_t *y;
    size_t count;
} job;

enum { GROUP = 4096 };

static mote_status bins_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_INT32, x->rank, x->shape);
}

static void bins_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t i = index * GROUP; i < mote_size_min(j->count, (index + 1) * GROUP); i++) {
        size_t low = 0, high = j->scale.count; /* breaks below low are exceeded, from high on they are not */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (j->x[i] > j->scale.breaks[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        j->y[i] = (int32_t)low;
    }
}

static mote_status bins_run(const mote_run *run, const mote_node *node)
{
    job j = {.scale = *MOTE_ATTRIBUTES(node, scale),
             .x = mote_run_input(run, node, 0),
             .y = run->data[node->outputs[0]],
             .count = mote_value_count(run->graph, node->inputs[0])};
    mote_parallel_for(run->context, mote_size_divide_up(j.count, GROUP), bins_task, &j);
    return MOTE_OK;
}

static void bins_describe(const mote_node *node, char *text, size_t size)
{
    snprintf(text, size, "%zu breaks", MOTE_ATTRIBUTES(node, scale)->count);
}

static const mote_op bins_op = {
    .name = "bins", .infer = bins_infer, .run = bins_run, .describe = bins_describe, .stops = true};

mote_value mote_graph_bins(mote_graph *graph, mote_value x, size_t count, const float *breaks)
{
    size_t bytes;
    if (graph->status != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    if (count > INT32_MAX || !mote_size_multiply(count, sizeof *breaks, &bytes)) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "bins: %zu breaks are too many", count);
        return MOTE_NO_VALUE;
    }
    float *copy = mote_arena_allocate(graph->context, &graph->names, bytes + 1);
    if (!copy) {
        mote_graph_fail(graph, MOTE_ERROR_MEMORY, "out of memory: no room for %zu breaks", count);
        return MOTE_NO_VALUE;
    }
    memcpy(copy, breaks, bytes);
    scale s = {copy, count};
    return mote_graph_append(graph, &bins_op, 1, &x, &s, sizeof s);
}
