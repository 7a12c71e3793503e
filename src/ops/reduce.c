/* Sums over axes, and repetition, which is their gradient. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

/* ---- sum over neighbouring axes: [outer, length, inner] to [outer, inner] ---- */

typedef struct axes {
    int first, count;
} axes;

typedef struct sum_job {
    const mote_kernels *kernels;
    const float *x;
    float *y;
    size_t length, inner, groups;
} sum_job;

/* A group of neighbouring results: in FP64, in order, so the number of threads does not matter. */
static void sum_task(void *argument, size_t index, void *scratch)
{
    const sum_job *j = argument;
    size_t outer = index / j->groups, begin = index % j->groups * MOTE_SUM_COLUMNS;
    size_t count = mote_size_min(MOTE_SUM_COLUMNS, j->inner - begin);
    const float *x = j->x + outer * j->length * j->inner + begin;
    double sums[MOTE_SUM_COLUMNS] = {0};
    (void)scratch;
    j->kernels->sum_columns(j->length, count, x, (ptrdiff_t)j->inner, sums);
    for (size_t i = 0; i < count; i++) {
        j->y[outer * j->inner + begin + i] = (float)sums[i];
    }
}

static mote_status sum_infer(mote_graph *graph, mote_node *node)
{
    const axes *a = MOTE_ATTRIBUTES(node, axes);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    if (a->first < 0 || a->count < 0 || a->first > x.rank || a->count > x.rank - a->first) {
        return mote_node_fail(graph, node, "axes %d to %d of %d dimensions", a->first, a->first + a->count - 1, x.rank);
    }
    memmove(x.shape + a->first, x.shape + a->first + a->count,
            (size_t)(x.rank - a->first - a->count) * sizeof *x.shape);
    return mote_node_result(graph, node, MOTE_FP32, x.rank - a->count, x.shape);
}

static mote_status sum_run(const mote_run *run, const mote_node *node)
{
    const axes *a = MOTE_ATTRIBUTES(node, axes);
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]);
    sum_job j = {run->context->kernels, mote_run_input(run, node, 0), mote_run_output(run, node, 0), 1, 1, 0};
    size_t outer = 1;
    for (int d = 0; d < x->rank; d++) {
        size_t *part = d < a->first ? &outer : d < a->first + a->count ? &j.length : &j.inner;
        *part *= x->shape[d];
    }
    j.groups = mote_size_divide_up(j.inner, MOTE_SUM_COLUMNS);
    mote_parallel_for(run->context, outer * j.groups, sum_task, &j);
    return MOTE_OK;
}

static void sum_describe(const mote_node *node, char *text, size_t size)
{
    const axes *a = MOTE_ATTRIBUTES(node, axes);
    snprintf(text, size, "axes %d..%d", a->first, a->first + a->count - 1);
}

static void sum_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                              mote_value *dx)
{
    const axes *a = MOTE_ATTRIBUTES(node, axes);
    mote_layout x = *mote_layout_of(graph, node->inputs[0]), kept = x;
    (void)needed;
    for (int d = a->first; d < a->first + a->count; d++) {
        kept.shape[d] = 1;
    }
    dx[0] = mote_graph_broadcast(graph, mote_graph_reshape(graph, dy[0], kept.rank, kept.shape), x.rank, x.shape);
}

static const mote_op sum_op = {
    .name = "sum", .infer = sum_infer, .differentiate = sum_differentiate, .run = sum_run, .describe = sum_describe};

mote_value mote_graph_sum(mote_graph *graph, mote_value x, int first, int count)
{
    axes a = {first, count};
    return mote_graph_append(graph, &sum_op, 1, &x, &a, sizeof a);
}

mote_value mote_graph_mean(mote_graph *graph, mote_value x, int first, int count)
{
    mote_value sum = mote_graph_sum(graph, x, first, count);
    if (sum < 0) {
        return sum;
    }
    double length = (double)mote_value_count(graph, x) / (double)mote_value_count(graph, sum);
    return mote_graph_scale(graph, sum, 1 / length);
}

mote_value mote_sum_to(mote_graph *graph, mote_value dy, const mote_layout *shape)
{
    mote_layout target = *shape; /* a copy: the values move */
    if (dy < 0) {
        return dy;
    }
    int rank = mote_layout_of(graph, dy)->rank, missing = rank - target.rank;
    dy = missing ? mote_graph_sum(graph, dy, 0, missing) : dy;
    for (int d = 0; d < target.rank && dy >= 0; d++) {
        const mote_layout *now = mote_layout_of(graph, dy);
        if (target.shape[d] == 1 && now->shape[d] != 1) {
            mote_layout kept = *now;
            kept.shape[d] = 1;
            dy = mote_graph_reshape(graph, mote_graph_sum(graph, dy, d, 1), kept.rank, kept.shape);
        }
    }
    return dy;
}

/* ---- broadcast ---- */

typedef struct target {
    int rank;
    uint32_t unused;
    size_t shape[MOTE_MAXIMUM_RANK];
} target;

_Static_assert(sizeof(target) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

static mote_status broadcast_infer(mote_graph *graph, mote_node *node)
{
    const target *t = MOTE_ATTRIBUTES(node, target);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    for (int d = 0; d < x->rank; d++) {
        int to = d + t->rank - x->rank;
        if (to < 0 || (x->shape[d] != 1 && x->shape[d] != t->shape[to])) {
            return mote_node_fail(graph, node, "dimension %d of %zu does not go into the result's", d, x->shape[d]);
        }
    }
    return mote_node_result(graph, node, MOTE_FP32, t->rank, t->shape);
}

static mote_status broadcast_run(const mote_run *run, const mote_node *node)
{
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]),
                      *y = mote_layout_of(run->graph, node->outputs[0]);
    const float *from = mote_run_input(run, node, 0);
    float *to = mote_run_output(run, node, 0);
    size_t count = mote_value_count(run->graph, node->outputs[0]), index[MOTE_MAXIMUM_RANK] = {0};
    size_t stride[MOTE_MAXIMUM_RANK] = {0}, step = 1, at = 0;
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d + y->rank - x->rank] = x->shape[d] == 1 ? 0 : step;
        step *= x->shape[d];
    }
    for (size_t i = 0; i < count; i++) {
        to[i] = from[at];
        for (int d = y->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < y->shape[d]) {
                break;
            }
            at -= stride[d] * y->shape[d];
            index[d] = 0;
        }
    }
    return MOTE_OK;
}

static void broadcast_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                    mote_value *dx)
{
    (void)needed;
    dx[0] = mote_sum_to(graph, dy[0], mote_layout_of(graph, node->inputs[0]));
}

static const mote_op broadcast_op = {
    .name = "broadcast", .infer = broadcast_infer, .differentiate = broadcast_differentiate, .run = broadcast_run};

mote_value mote_graph_broadcast(mote_graph *graph, mote_value x, int rank, const size_t *shape)
{
    target t = {.rank = rank};
    if (rank < 0 || rank > MOTE_MAXIMUM_RANK) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "broadcast: expected 0 to %d dimensions, found %d", MOTE_MAXIMUM_RANK,
                        rank);
        return MOTE_NO_VALUE;
    }
    memcpy(t.shape, shape, (size_t)rank * sizeof *shape);
    return mote_graph_append(graph, &broadcast_op, 1, &x, &t, sizeof t);
}
