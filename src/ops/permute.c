/* Dimensions in another order. Where one dimension is the last of both sides its rows are copied; otherwise planes of
 * the two last ones are transposed, a block at a time. */
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct order {
    int axes[MOTE_MAXIMUM_RANK];
} order;

_Static_assert(sizeof(order) <= MOTE_NODE_ATTRIBUTES, "the attributes must fit");

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

/* ---- running ---- */

enum { RUN = 1 << 14, /* values that a task copies */ ROWS = 256, COLUMNS = 64, GRAIN = 16 /* of the kernel */ };

/* Dimensions of the result, joined where both sides walk them in one stride. The last one is apart; so is, for planes,
 * the one along which from is contiguous. */
typedef struct walk {
    const mote_kernels *kernels;
    const float *from;
    float *to;
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK], from_stride[MOTE_MAXIMUM_RANK], to_stride[MOTE_MAXIMUM_RANK];
    size_t rows, row_stride;       /* the last dimension, and its stride in from */
    size_t columns, column_stride; /* where from is contiguous, and its stride in to; 0: the last one is */
    size_t runs, count;            /* runs: of a task */
} walk;

static void add_dimension(walk *w, size_t length, size_t from_stride)
{
    int last = w->rank - 1;
    if (length == 1) {
        return;
    }
    if (w->rank && w->from_stride[last] == from_stride * length) {
        w->shape[last] *= length;
        w->from_stride[last] = from_stride;
        return;
    }
    w->shape[w->rank] = length;
    w->from_stride[w->rank++] = from_stride;
}

static void take_out(walk *w, int dimension)
{
    w->rank--;
    for (int d = dimension; d < w->rank; d++) {
        w->shape[d] = w->shape[d + 1];
        w->from_stride[d] = w->from_stride[d + 1];
        w->to_stride[d] = w->to_stride[d + 1];
    }
}

static void open_walk(walk *w, const mote_layout *x, const int *axes)
{
    size_t strides[MOTE_MAXIMUM_RANK], step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        strides[d] = step;
        step *= x->shape[d];
    }
    for (int d = 0; d < x->rank; d++) {
        add_dimension(w, x->shape[axes[d]], strides[axes[d]]);
    }
    if (w->rank == 0) { /* one value */
        w->shape[0] = w->from_stride[0] = 1;
        w->rank = 1;
    }
    w->count = step;
    step = 1;
    for (int d = w->rank - 1; d >= 0; d--) {
        w->to_stride[d] = step;
        step *= w->shape[d];
    }
    w->rows = w->shape[w->rank - 1];
    w->row_stride = w->from_stride[w->rank - 1];
    take_out(w, w->rank - 1);
    for (int d = 0; d < w->rank && w->row_stride != 1; d++) {
        if (w->from_stride[d] == 1) {
            w->columns = w->shape[d];
            w->column_stride = w->to_stride[d];
            take_out(w, d);
        }
    }
}

/* Offsets of number index of the dimensions that are not apart. */
static void offsets(const walk *w, size_t index, size_t *from, size_t *to)
{
    *from = *to = 0;
    for (int d = w->rank - 1; d >= 0; d--) {
        size_t at = index % w->shape[d];
        *from += at * w->from_stride[d];
        *to += at * w->to_stride[d];
        index /= w->shape[d];
    }
}

static void copy_task(void *argument, size_t index, void *scratch)
{
    const walk *w = argument;
    size_t end = mote_size_min(w->count / w->rows, (index + 1) * w->runs);
    (void)scratch;
    for (size_t i = index * w->runs; i < end; i++) {
        size_t from, to;
        offsets(w, i, &from, &to);
        memcpy(w->to + to, w->from + from, w->rows * sizeof *w->to);
    }
}

/* to[c][r] = from[r][c] */
static void turn(const walk *w, size_t rows, size_t columns, const float *from, float *to)
{
    size_t whole_rows = rows - rows % GRAIN, whole_columns = columns - columns % GRAIN;
    if (whole_rows && whole_columns) {
        w->kernels->transpose(whole_rows, whole_columns, from, w->row_stride, to, w->column_stride);
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = r < whole_rows ? whole_columns : 0; c < columns; c++) {
            to[c * w->column_stride + r] = from[r * w->row_stride + c];
        }
    }
}

static void turn_task(void *argument, size_t index, void *scratch)
{
    const walk *w = argument;
    size_t across = mote_size_divide_up(w->rows, ROWS), down = mote_size_divide_up(w->columns, COLUMNS), from, to;
    size_t row = index % across * ROWS, column = index / across % down * COLUMNS;
    (void)scratch;
    offsets(w, index / across / down, &from, &to);
    turn(w, mote_size_min(ROWS, w->rows - row), mote_size_min(COLUMNS, w->columns - column),
         w->from + from + row * w->row_stride + column, w->to + to + column * w->column_stride + row);
}

static mote_status permute_run(const mote_run *run, const mote_node *node)
{
    walk w = {
        .kernels = run->context->kernels, .from = mote_run_input(run, node, 0), .to = mote_run_output(run, node, 0)};
    if (mote_value_count(run->graph, node->outputs[0]) == 0) {
        return MOTE_OK;
    }
    open_walk(&w, mote_layout_of(run->graph, node->inputs[0]), MOTE_ATTRIBUTES(node, order)->axes);
    if (w.columns == 0) {
        w.runs = w.rows < RUN ? RUN / w.rows : 1;
        mote_parallel_for(run->context, mote_size_divide_up(w.count / w.rows, w.runs), copy_task, &w);
    } else {
        size_t planes = w.count / w.rows / w.columns;
        mote_parallel_for(run->context,
                          planes * mote_size_divide_up(w.rows, ROWS) * mote_size_divide_up(w.columns, COLUMNS),
                          turn_task, &w);
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
