/* Cross entropy of scores that exist as a value, because others read them too; see cross_entropy.c for those that need
 * not. */
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct job {
    const mote_kernels *kernels;
    size_t rows, classes;
    const float *scores, *dy;
    const int32_t *targets;
    float *losses, *logsumexp, *dscores;
} job;

enum { ROW_GROUP = 64 };

static mote_status check(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    int rank = mote_layout_of(graph, node->inputs[0])->rank - 1;
    if (rank < 0) {
        return mote_node_fail(graph, node, "the scores need a dimension of classes");
    }
    if (mote_node_expect(graph, node, 1, MOTE_INT32, rank) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]), *t = mote_layout_of(graph, node->inputs[1]);
    bool fits = true;
    for (int d = 0; d < rank; d++) {
        fits = fits && x->shape[d] == t->shape[d];
    }
    return fits ? MOTE_OK : mote_node_fail(graph, node, "expected a target for each row of scores");
}

/* scores, targets: losses, logsumexp. */
static mote_status entropy_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node) != MOTE_OK) {
        return graph->status;
    }
    mote_layout y = *mote_layout_of(graph, node->inputs[1]);
    mote_status status = mote_node_result(graph, node, MOTE_FP32, y.rank, y.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, y.rank, y.shape) : status;
}

static void losses_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t r = index * ROW_GROUP; r < mote_size_min(j->rows, (index + 1) * ROW_GROUP); r++) {
        const float *scores = j->scores + r * j->classes;
        j->logsumexp[r] = j->kernels->logsumexp_row(j->classes, scores);
        j->losses[r] = j->targets[r] < 0 ? 0 : j->logsumexp[r] - scores[j->targets[r]];
    }
}

static job open_job(const mote_run *run, const mote_node *node)
{
    return (job){.kernels = run->context->kernels,
                 .rows = mote_value_count(run->graph, node->inputs[1]),
                 .classes = mote_value_columns(run->graph, node->inputs[0]),
                 .scores = mote_run_input(run, node, 0),
                 .targets = run->data[node->inputs[1]]};
}

static mote_status entropy_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    for (size_t r = 0; r < j.rows; r++) {
        if (j.targets[r] >= 0 && (size_t)j.targets[r] >= j.classes) {
            return mote_fail(run->context, MOTE_ERROR_ARGUMENT, "%s: target %zu is %d, there are %zu classes",
                             node->layer, r, (int)j.targets[r], j.classes);
        }
    }
    j.losses = mote_run_output(run, node, 0);
    j.logsumexp = mote_run_output(run, node, 1);
    mote_parallel_for(run->context, mote_size_divide_up(j.rows, ROW_GROUP), losses_task, &j);
    return MOTE_OK;
}

/* ---- gradient: scores, targets, logsumexp, dy ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (check(graph, node) != MOTE_OK || mote_node_expect(graph, node, 2, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 3, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static void gradient_task(void *argument, size_t index, void *scratch)
{
    const job *j = argument;
    (void)scratch;
    for (size_t r = index * ROW_GROUP; r < mote_size_min(j->rows, (index + 1) * ROW_GROUP); r++) {
        float *to = j->dscores + r * j->classes;
        if (j->targets[r] < 0) {
            memset(to, 0, j->classes * sizeof *to);
        } else {
            j->kernels->cross_entropy_row_gradient(j->classes, j->scores + r * j->classes, j->logsumexp[r],
                                                   (size_t)j->targets[r], j->dy[r], to);
        }
    }
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    job j = open_job(run, node);
    j.logsumexp = run->data[node->inputs[2]];
    j.dy = mote_run_input(run, node, 3);
    j.dscores = mote_run_output(run, node, 0);
    mote_parallel_for(run->context, mote_size_divide_up(j.rows, ROW_GROUP), gradient_task, &j);
    return MOTE_OK;
}

static const mote_op gradient_op = {.name = "softmax_cross_entropy_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .in_place = 1,
                                    .exact_inputs = 4};

static void entropy_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx)
{
    mote_value inputs[4] = {node->inputs[0], node->inputs[1], node->outputs[1], dy[0]};
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 4, inputs, NULL, 0);
}

static const mote_op entropy_op = {.name = "softmax_cross_entropy",
                                   .infer = entropy_infer,
                                   .differentiate = entropy_differentiate,
                                   .run = entropy_run};

mote_value mote_graph_softmax_cross_entropy(mote_graph *graph, mote_value scores, mote_value targets)
{
    return mote_graph_append(graph, &entropy_op, 2, (mote_value[]){scores, targets}, NULL, 0);
}
