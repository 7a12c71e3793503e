/* Rows of a table by number, and the sum of gradients by number. */
#include <string.h>

#include "base/parallel.h"
#include "ops/ops.h"

typedef struct job {
    const int32_t *tokens;
    const float *from;
    float *to;
    size_t count, columns, groups; /* count: of tokens */
} job;

enum { ROW_GROUP = 64, COLUMN_GROUP = 64 };

static mote_status embedding_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 2) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_INT32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_layout y = *mote_layout_of(graph, node->inputs[1]);
    if (y.rank == MOTE_MAXIMUM_RANK) {
        return mote_node_fail(graph, node, "the tokens have too many dimensions");
    }
    y.shape[y.rank] = mote_value_columns(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, y.rank + 1, y.shape);
}

static void gather_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t i = index * ROW_GROUP; i < mote_size_min(j->count, (index + 1) * ROW_GROUP); i++) {
        memcpy(j->to + i * j->columns, j->from + (size_t)j->tokens[i] * j->columns, j->columns * sizeof(float));
    }
}

static mote_status check_tokens(const mote_run *run, const mote_node *node, const int32_t *tokens, size_t count,
                                size_t entries)
{
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= entries) {
            return mote_fail(run->context, MOTE_ERROR_ARGUMENT, "%s: token %zu is %d, the table has %zu entries",
                             node->layer, i, (int)tokens[i], entries);
        }
    }
    return MOTE_OK;
}

static mote_status embedding_run(const mote_run *run, const mote_node *node)
{
    job j = {.tokens = run->data[node->inputs[1]],
             .from = mote_run_input(run, node, 0),
             .to = mote_run_output(run, node, 0),
             .count = mote_value_count(run->graph, node->inputs[1]),
             .columns = mote_value_columns(run->graph, node->inputs[0])};
    mote_status status = check_tokens(run, node, j.tokens, j.count, mote_value_rows(run->graph, node->inputs[0]));
    if (status == MOTE_OK) {
        mote_parallel_for(run->context, mote_size_divide_up(j.count, ROW_GROUP), gather_task, &j);
    }
    return status;
}

/* ---- gradient: tokens, dy; entries of the table as attribute ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_INT32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    size_t shape[2] = {*MOTE_ATTRIBUTES(node, size_t), mote_value_columns(graph, node->inputs[1])};
    return mote_node_result(graph, node, MOTE_FP32, 2, shape);
}

/* A group of columns of the whole table: tokens in order, so threads do not change a sum. */
static void scatter_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    size_t begin = index * COLUMN_GROUP, count = mote_size_min(COLUMN_GROUP, j->columns - begin);
    (void)scratch;
    for (size_t i = 0; i < j->count; i++) {
        const float *from = j->from + i * j->columns + begin;
        float *to = j->to + (size_t)j->tokens[i] * j->columns + begin;
        for (size_t c = 0; c < count; c++) {
            to[c] += from[c];
        }
    }
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    size_t entries = *MOTE_ATTRIBUTES(node, size_t);
    job j = {.tokens = run->data[node->inputs[0]],
             .from = mote_run_input(run, node, 1),
             .to = mote_run_output(run, node, 0),
             .count = mote_value_count(run->graph, node->inputs[0]),
             .columns = mote_value_columns(run->graph, node->inputs[1])};
    memset(j.to, 0, entries * j.columns * sizeof *j.to);
    mote_parallel_for(run->context, mote_size_divide_up(j.columns, COLUMN_GROUP), scatter_task, &j);
    return MOTE_OK;
}

static const mote_op gradient_op = {.name = "embedding_gradient", .infer = gradient_infer, .run = gradient_run};

static void embedding_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                    mote_value *dx)
{
    size_t entries = mote_value_rows(graph, node->inputs[0]);
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 2, (mote_value[]){node->inputs[1], dy[0]}, &entries, sizeof entries);
}

static const mote_op embedding_op = {
    .name = "embedding", .infer = embedding_infer, .differentiate = embedding_differentiate, .run = embedding_run};

mote_value mote_graph_embedding(mote_graph *graph, mote_value table, mote_value tokens)
{
    return mote_graph_append(graph, &embedding_op, 2, (mote_value[]){table, tokens}, NULL, 0);
}
