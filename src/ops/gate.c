/* x times the sigmoid of a gate. */
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct gate_job {
    const mote_kernels *kernels;
    const float *x, *gate, *dy;
    float *out;
    size_t count;
} gate_job;

enum { PIECE = 1 << 14 };

static void gate_task(void *argument, size_t index, void *scratch)
{
    const gate_job *j = argument;
    size_t at = index * PIECE, count = mote_size_min(PIECE, j->count - at);
    (void)scratch;
    if (j->dy) {
        j->kernels->attention_gate_gradient(count, j->gate + at, j->x + at, j->dy + at, j->out + at);
    } else {
        j->kernels->attention_gate(count, j->gate + at, j->x + at, j->out + at);
    }
}

/* Inputs: x and gate, or, for the gate's gradient, y, gate and dy. */
static mote_status gate_run(const mote_run *run, const mote_node *node)
{
    gate_job j = {run->context->kernels,         mote_run_input(run, node, 0),
                  mote_run_input(run, node, 1),  node->input_count > 2 ? mote_run_input(run, node, 2) : NULL,
                  mote_run_output(run, node, 0), mote_value_count(run->graph, node->outputs[0])};
    mote_parallel_for(run->context, mote_size_divide_up(j.count, PIECE), gate_task, &j);
    return MOTE_OK;
}

static mote_status gate_infer(mote_graph *graph, mote_node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, -1) != MOTE_OK) {
            return graph->status;
        }
        if (!mote_same_shape(graph, node->inputs[0], node->inputs[i])) {
            return mote_node_fail(graph, node, "the gate must have the shape of x");
        }
    }
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return mote_node_result(graph, node, MOTE_FP32, x->rank, x->shape);
}

static const mote_op gradient_op = {.name = "gate_gradient", .infer = gate_infer, .run = gate_run, .in_place = 7};

static void gate_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                               mote_value *dx)
{
    if (needed[0]) {
        dx[0] = mote_graph_gate(graph, dy[0], node->inputs[1]);
    }
    if (needed[1]) {
        mote_value inputs[3] = {node->outputs[0], node->inputs[1], dy[0]};
        dx[1] = mote_graph_append(graph, &gradient_op, 3, inputs, NULL, 0);
    }
}

static const mote_op gate_op = {
    .name = "gate", .infer = gate_infer, .differentiate = gate_differentiate, .run = gate_run, .in_place = 3};

mote_value mote_graph_gate(mote_graph *graph, mote_value x, mote_value gate)
{
    return mote_graph_append(graph, &gate_op, 2, (mote_value[]){x, gate}, NULL, 0);
}
