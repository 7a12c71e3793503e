/* SwiGLU: silu(gate) * up, gate and up side by side in one value, as one product makes them. */
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct rows {
    const mote_kernels *kernels;
    const float *x, *dy;
    float *y, *dx;
    size_t columns, rows; /* columns: of y */
} rows;

enum { ROW_GROUP = 16 };

static void rows_task(void *argument, size_t index, void *scratch)
{
    const rows *j = argument;
    size_t n = j->columns;
    (void)scratch;
    for (size_t r = index * ROW_GROUP; r < mote_size_min(j->rows, (index + 1) * ROW_GROUP); r++) {
        const float *gate = j->x + 2 * r * n;
        if (j->dy) {
            float *dgate = j->dx + 2 * r * n;
            j->kernels->swiglu_gradient(n, gate, gate + n, j->dy + r * n, dgate, dgate + n);
        } else {
            j->kernels->swiglu(n, gate, gate + n, j->y + r * n);
        }
    }
}

static mote_status swiglu_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    if (x.rank < 1 || x.shape[x.rank - 1] % 2) {
        return mote_node_fail(graph, node, "the last dimension must be even: gate and up, found %zu",
                              mote_value_columns(graph, node->inputs[0]));
    }
    x.shape[x.rank - 1] /= 2;
    return mote_node_result(graph, node, MOTE_FP32, x.rank, x.shape);
}

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static mote_status swiglu_run(const mote_run *run, const mote_node *node)
{
    bool gradient = node->input_count > 1;
    float *out = mote_run_output(run, node, 0);
    rows j = {run->context->kernels,
              mote_run_input(run, node, 0),
              gradient ? mote_run_input(run, node, 1) : NULL,
              gradient ? NULL : out,
              gradient ? out : NULL,
              mote_value_columns(run->graph, node->inputs[0]) / 2,
              mote_value_rows(run->graph, node->inputs[0])};
    mote_parallel_for(run->context, mote_size_divide_up(j.rows, ROW_GROUP), rows_task, &j);
    return MOTE_OK;
}

static const mote_op gradient_op = {
    .name = "swiglu_gradient", .infer = gradient_infer, .run = swiglu_run, .in_place = 1};

static void swiglu_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 2, (mote_value[]){node->inputs[0], dy[0]}, NULL, 0);
}

static const mote_op swiglu_op = {
    .name = "swiglu", .infer = swiglu_infer, .differentiate = swiglu_differentiate, .run = swiglu_run};

mote_value mote_graph_swiglu(mote_graph *graph, mote_value x)
{
    return mote_graph_append(graph, &swiglu_op, 1, &x, NULL, 0);
}
