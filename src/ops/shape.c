/* The same values elsewhere: reshape, permute, slice and its gradient. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "graph/core.h"
#include "kernels/quantize/box.h"
#include "ops/ops.h"

/* ---- reshape: a view ---- */

typedef struct target {
    size_t shape[MOTE_MAXIMUM_RANK];
    int rank;
} target;

_Static_assert(sizeof(target) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

static mote_status reshape_infer(mote_graph *graph, mote_node *node)
{
    const target *t = MOTE_ATTRIBUTES(node, target);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_status status = mote_node_result(graph, node, MOTE_FP32, t->rank, t->shape);
    if (status == MOTE_OK &&
        mote_value_count(graph, node->inputs[0]) != mote_value_count(graph, node->outputs[node->output_count - 1])) {
        return mote_node_fail(graph, node, "%zu values do not fill the new shape",
                              mote_value_count(graph, node->inputs[0]));
    }
    return status;
}

static void reshape_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx)
{
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    (void)needed;
    dx[0] = mote_graph_reshape(graph, dy[0], x.rank, x.shape);
}

static const mote_op reshape_op = {
    .name = "reshape", .infer = reshape_infer, .differentiate = reshape_differentiate, .view = true};

mote_value mote_graph_reshape(mote_graph *graph, mote_value x, int rank, const size_t *shape)
{
    target t = {.rank = rank};
    if (rank < 0 || rank > MOTE_MAXIMUM_RANK) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "reshape: expected 0 to %d dimensions, found %d", MOTE_MAXIMUM_RANK,
                        rank);
        return MOTE_NO_VALUE;
    }
    memcpy(t.shape, shape, (size_t)rank * sizeof *shape);
    return mote_graph_append(graph, &reshape_op, 1, &x, &t, sizeof t);
}

/* ---- permute ---- */

typedef struct order {
    int axes[MOTE_MAXIMUM_RANK];
} order;

static mote_status permute_infer(mote_graph *graph, mote_node *node)
{
    const order *o = MOTE_ATTRIBUTES(node, order);
    size_t shape[MOTE_MAXIMUM_RANK];
    unsigned seen = 0;
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    for (int d = 0; d < x->rank; d++) {
        if (o->axes[d] < 0 || o->axes[d] >= x->rank || seen >> o->axes[d] & 1) {
            return mote_node_fail(graph, node, "the axes are no permutation of %d dimensions", x->rank);
        }
        seen |= 1u << o->axes[d];
        shape[d] = x->shape[o->axes[d]];
    }
    return mote_node_result(graph, node, MOTE_FP32, x->rank, shape);
}

/* Copies rows of the last dimension. */
typedef struct copy_job {
    const float *from;
    float *to;
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK], stride[MOTE_MAXIMUM_RANK];
} copy_job;

static void copy_task(void *argument, size_t index, void *scratch)
{
    const copy_job *j = argument;
    size_t last = (size_t)j->rank - 1, at = 0, rest = index;
    float *to = j->to + index * j->shape[last];
    (void)scratch;
    for (size_t d = last; d-- > 0;) {
        at += rest % j->shape[d] * j->stride[d];
        rest /= j->shape[d];
    }
    for (size_t i = 0; i < j->shape[last]; i++) {
        to[i] = j->from[at + i * j->stride[last]];
    }
}

static mote_status permute_run(const mote_run *run, const mote_node *node)
{
    const order *o = MOTE_ATTRIBUTES(node, order);
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]),
                      *y = mote_layout_of(run->graph, node->outputs[0]);
    copy_job j = {.from = mote_run_input(run, node, 0), .to = mote_run_output(run, node, 0), .rank = x->rank};
    size_t strides[MOTE_MAXIMUM_RANK], step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        strides[d] = step;
        step *= x->shape[d];
    }
    for (int d = 0; d < x->rank; d++) {
        j.shape[d] = y->shape[d];
        j.stride[d] = strides[o->axes[d]];
    }
    if (x->rank == 0) {
        *j.to = *j.from;
    } else if (j.shape[x->rank - 1]) {
        mote_parallel_for(run->context, step / j.shape[x->rank - 1], copy_task, &j);
    }
    return MOTE_OK;
}

static void permute_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                  mote_value *dx)
{
    const order *o = MOTE_ATTRIBUTES(node, order);
    int back[MOTE_MAXIMUM_RANK] = {0};
    (void)needed;
    for (int d = 0; d < mote_layout_of(graph, node->inputs[0])->rank; d++) {
        back[o->axes[d]] = d;
    }
    dx[0] = mote_graph_permute(graph, dy[0], back);
}

static const mote_op permute_op = {
    .name = "permute", .infer = permute_infer, .differentiate = permute_differentiate, .run = permute_run};

mote_value mote_graph_permute(mote_graph *graph, mote_value x, const int *axes)
{
    order o = {{0}};
    if (x >= 0 && x < graph->value_count) {
        memcpy(o.axes, axes, (size_t)mote_layout_of(graph, x)->rank * sizeof *axes);
    }
    return mote_graph_append(graph, &permute_op, 1, &x, &o, sizeof o);
}

/* ---- slice, and padding with zeros ---- */

typedef struct part {
    size_t begin, count, whole; /* along the axis */
    int axis;
} part;

static mote_status part_infer(mote_graph *graph, mote_node *node, bool pad)
{
    const part *p = MOTE_ATTRIBUTES(node, part);
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    bool fits = p->axis >= 0 && p->axis < x.rank && p->begin <= p->whole && p->count <= p->whole - p->begin &&
                x.shape[p->axis] == (pad ? p->count : p->whole);
    if (!fits) {
        return mote_node_fail(graph, node, "entries %zu to %zu of %zu along axis %d", p->begin, p->begin + p->count,
                              p->whole, p->axis);
    }
    x.shape[p->axis] = pad ? p->whole : p->count;
    return mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape);
}

static mote_status slice_infer(mote_graph *graph, mote_node *node)
{
    mote_value x = node->inputs[0];
    mote_format format = x < 0 ? MOTE_FP32 : mote_layout_of(graph, x)->format;
    const mote_format_traits *traits = mote_format_get(format);
    if (mote_node_expect(graph, node, 0, traits->kind == MOTE_KIND_TARGET ? format : MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    if (traits->block_length > 1 && mote_layout_of(graph, x)->axis == MOTE_ATTRIBUTES(node, part)->axis) {
        return mote_node_fail(graph, node, "blocks of %s run along axis %d", traits->name,
                              mote_layout_of(graph, x)->axis);
    }
    return part_infer(graph, node, false);
}

static mote_status pad_infer(mote_graph *graph, mote_node *node)
{
    mote_status status = mote_node_expect(graph, node, 0, MOTE_FP32, -1);
    return status == MOTE_OK ? part_infer(graph, node, true) : status;
}

/* Runs of values in front of and behind the axis. */
static void count_runs(const mote_graph *graph, const mote_node *node, size_t *outer, size_t *inner)
{
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    *outer = *inner = 1;
    for (int d = 0; d < x->rank; d++) {
        *outer *= d < MOTE_ATTRIBUTES(node, part)->axis ? x->shape[d] : 1;
        *inner *= d > MOTE_ATTRIBUTES(node, part)->axis ? x->shape[d] : 1;
    }
}

static mote_status slice_run(const mote_run *run, const mote_node *node)
{
    const part *p = MOTE_ATTRIBUTES(node, part);
    const mote_layout *x = mote_layout_of(run->graph, node->inputs[0]);
    size_t outer, inner;
    if (x->format != MOTE_FP32) {
        mote_tensor tensor = mote_value_tensor(run->context, x, run->data[node->inputs[0]]);
        return mote_dequantize_part(run->context, &tensor, p->axis, p->begin, p->count, mote_run_output(run, node, 0));
    }
    count_runs(run->graph, node, &outer, &inner);
    for (size_t o = 0; o < outer; o++) {
        memcpy(mote_run_output(run, node, 0) + o * p->count * inner,
               mote_run_input(run, node, 0) + (o * p->whole + p->begin) * inner, p->count * inner * sizeof(float));
    }
    return MOTE_OK;
}

static mote_status pad_run(const mote_run *run, const mote_node *node)
{
    const part *p = MOTE_ATTRIBUTES(node, part);
    size_t outer, inner;
    count_runs(run->graph, node, &outer, &inner);
    memset(mote_run_output(run, node, 0), 0, outer * p->whole * inner * sizeof(float));
    for (size_t o = 0; o < outer; o++) {
        memcpy(mote_run_output(run, node, 0) + (o * p->whole + p->begin) * inner,
               mote_run_input(run, node, 0) + o * p->count * inner, p->count * inner * sizeof(float));
    }
    return MOTE_OK;
}

static void part_describe(const mote_node *node, char *text, size_t size)
{
    const part *p = MOTE_ATTRIBUTES(node, part);
    snprintf(text, size, "axis %d, %zu..%zu of %zu", p->axis, p->begin, p->begin + p->count, p->whole);
}

static void slice_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                mote_value *dx);

static const mote_op slice_op = {.name = "slice",
                                 .infer = slice_infer,
                                 .differentiate = slice_differentiate,
                                 .run = slice_run,
                                 .describe = part_describe};

static void pad_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                              mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &slice_op, 1, dy, node->attributes, sizeof(part));
}

static const mote_op pad_op = {
    .name = "pad", .infer = pad_infer, .differentiate = pad_differentiate, .run = pad_run, .describe = part_describe};

static void slice_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &pad_op, 1, dy, node->attributes, sizeof(part));
}

mote_value mote_graph_slice(mote_graph *graph, mote_value x, int axis, size_t begin, size_t count)
{
    part p = {.begin = begin, .count = count, .axis = axis};
    if (x >= 0 && x < graph->value_count && axis >= 0 && axis < mote_layout_of(graph, x)->rank) {
        p.whole = mote_layout_of(graph, x)->shape[axis];
    }
    return mote_graph_append(graph, &slice_op, 1, &x, &p, sizeof p);
}
