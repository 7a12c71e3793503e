/* Arithmetic of two values, element by element, with broadcasting. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

/* Shape of the result of broadcasting. */
static mote_status binary_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *a = mote_layout_of(graph, node->inputs[0]), *b = mote_layout_of(graph, node->inputs[1]);
    int rank = a->rank > b->rank ? a->rank : b->rank;
    size_t shape[MOTE_MAXIMUM_RANK];
    for (int d = 0; d < rank; d++) {
        int da = d - (rank - a->rank), db = d - (rank - b->rank);
        size_t na = da >= 0 ? a->shape[da] : 1, nb = db >= 0 ? b->shape[db] : 1;
        if (na != nb && na != 1 && nb != 1) {
            return mote_node_fail(graph, node, "dimension %d: a has %zu, b has %zu; expected the same or 1", d, na, nb);
        }
        shape[d] = na == 1 ? nb : na;
    }
    return mote_node_result(graph, node, MOTE_FP32, rank, shape);
}

/* The walk: innermost dimensions that both sides have alike are one run. */
typedef struct walk {
    mote_context *context;
    mote_binary operation;
    const float *a, *b;
    float *y;
    int rank;
    size_t shape[MOTE_MAXIMUM_RANK], a_stride[MOTE_MAXIMUM_RANK], b_stride[MOTE_MAXIMUM_RANK];
} walk;

/* Strides of a value seen in the result's shape: 0 where it is repeated. */
static void broadcast_strides(const mote_layout *layout, int rank, const size_t *shape, size_t *stride)
{
    size_t step = 1;
    for (int d = rank - 1; d >= 0; d--) {
        int own = d - (rank - layout->rank);
        size_t length = own >= 0 ? layout->shape[own] : 1;
        stride[d] = length == 1 && shape[d] != 1 ? 0 : step;
        step *= length;
    }
}

/* Joins neighbouring dimensions that both sides walk in one stride. */
static void collapse(walk *w)
{
    int kept = 0;
    for (int d = 1; d < w->rank; d++) {
        bool a = w->a_stride[kept] == w->a_stride[d] * w->shape[d],
             b = w->b_stride[kept] == w->b_stride[d] * w->shape[d];
        if ((a && b) || w->shape[kept] == 1) {
            w->shape[kept] *= w->shape[d];
        } else {
            w->shape[++kept] = w->shape[d];
        }
        w->a_stride[kept] = w->a_stride[d];
        w->b_stride[kept] = w->b_stride[d];
    }
    w->rank = kept + 1;
}

static void binary_task(void *argument, size_t index, void *scratch)
{
    const walk *w = argument;
    int last = w->rank - 1;
    size_t a = 0, b = 0, rest = index;
    (void)scratch;
    for (int d = last - 1; d >= 0; d--) {
        size_t i = rest % w->shape[d];
        rest /= w->shape[d];
        a += i * w->a_stride[d];
        b += i * w->b_stride[d];
    }
    w->context->kernels->map_binary(w->operation, w->shape[last], w->a + a, w->a_stride[last] != 0, w->b + b,
                                    w->b_stride[last] != 0, w->y + index * w->shape[last]);
}

static mote_status binary_run(const mote_run *run, const mote_node *node)
{
    const mote_layout *y = mote_layout_of(run->graph, node->outputs[0]);
    walk w = {.context = run->context,
              .operation = (mote_binary)*MOTE_ATTRIBUTES(node, int),
              .a = mote_run_input(run, node, 0),
              .b = mote_run_input(run, node, 1),
              .y = mote_run_output(run, node, 0),
              .rank = y->rank ? y->rank : 1,
              .shape = {1}};
    memcpy(w.shape, y->shape, (size_t)y->rank * sizeof *y->shape);
    broadcast_strides(mote_layout_of(run->graph, node->inputs[0]), w.rank, w.shape, w.a_stride);
    broadcast_strides(mote_layout_of(run->graph, node->inputs[1]), w.rank, w.shape, w.b_stride);
    collapse(&w);
    size_t runs = 1;
    for (int d = 0; d + 1 < w.rank; d++) {
        runs *= w.shape[d];
    }
    if (w.rank == 1) {
        mote_map_binary(run->context, w.operation, w.shape[0], w.a, w.a_stride[0] != 0, w.b, w.b_stride[0] != 0, w.y);
    } else if (w.shape[w.rank - 1]) {
        mote_parallel_for(run->context, runs, binary_task, &w);
    }
    return MOTE_OK;
}

static void binary_describe(const mote_node *node, char *text, size_t size)
{
    static const char *const names[] = {[MOTE_BINARY_ADD] = "add",
                                        [MOTE_BINARY_SUBTRACT] = "subtract",
                                        [MOTE_BINARY_MULTIPLY] = "multiply",
                                        [MOTE_BINARY_DIVIDE] = "divide"};
    snprintf(text, size, "%s", names[*MOTE_ATTRIBUTES(node, int)]);
}

static void binary_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    mote_value a = node->inputs[0], b = node->inputs[1], da = dy[0], db = dy[0];
    switch ((mote_binary)*MOTE_ATTRIBUTES(node, int)) {
    case MOTE_BINARY_SUBTRACT: db = needed[1] ? mote_graph_scale(graph, dy[0], -1) : db; break;
    case MOTE_BINARY_MULTIPLY:
        da = needed[0] ? mote_graph_multiply(graph, dy[0], b) : da;
        db = needed[1] ? mote_graph_multiply(graph, dy[0], a) : db;
        break;
    case MOTE_BINARY_DIVIDE:
        da = needed[0] || needed[1] ? mote_graph_divide(graph, dy[0], b) : da;
        db = needed[1] ? mote_graph_scale(graph, mote_graph_multiply(graph, da, node->outputs[0]), -1) : db;
        break;
    default: break;
    }
    dx[0] = needed[0] ? mote_sum_to(graph, da, mote_layout_of(graph, a)) : MOTE_NO_VALUE;
    dx[1] = needed[1] ? mote_sum_to(graph, db, mote_layout_of(graph, b)) : MOTE_NO_VALUE;
}

static const mote_op binary_op = {.name = "binary",
                                  .infer = binary_infer,
                                  .differentiate = binary_differentiate,
                                  .run = binary_run,
                                  .describe = binary_describe,
                                  .in_place = 3}; /* an operand that is broadcast has another size */

static mote_value append(mote_graph *graph, mote_binary operation, mote_value a, mote_value b)
{
    int attribute = operation;
    return mote_graph_append(graph, &binary_op, 2, (mote_value[]){a, b}, &attribute, sizeof attribute);
}

mote_value mote_graph_add(mote_graph *graph, mote_value a, mote_value b)
{
    return append(graph, MOTE_BINARY_ADD, a, b);
}

mote_value mote_graph_subtract(mote_graph *graph, mote_value a, mote_value b)
{
    return append(graph, MOTE_BINARY_SUBTRACT, a, b);
}

mote_value mote_graph_multiply(mote_graph *graph, mote_value a, mote_value b)
{
    return append(graph, MOTE_BINARY_MULTIPLY, a, b);
}

mote_value mote_graph_divide(mote_graph *graph, mote_value a, mote_value b)
{
    return append(graph, MOTE_BINARY_DIVIDE, a, b);
}

mote_value mote_graph_constant(mote_graph *graph, int rank, const size_t *shape, double number)
{
    return mote_core_constant(graph, rank, shape, number);
}

mote_value mote_graph_scale(mote_graph *graph, mote_value x, double factor)
{
    return mote_graph_multiply(graph, x, mote_core_constant(graph, 0, NULL, factor));
}
