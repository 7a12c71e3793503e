/* Cross entropy fused with the product that makes its logits: they exist for a chunk of rows at a time, in the forward
 * pass and again in the backward pass. */
#include <string.h>

#include "base/parallel.h"
#include "kernels/gemm/linear.h"
#include "kernels/gemm/operand.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

/* Rows of a chunk: a whole number of blocks, and about four megabytes of logits. Part of the definition: the weight's
 * gradient is added up chunk by chunk. */
static size_t chunk_rows(size_t rows, size_t classes)
{
    enum { LOGITS = 1 << 20, MOST = 2048, LEAST = 32 };
    size_t chunk = LOGITS / (classes ? classes : 1) / LEAST * LEAST;
    chunk = chunk < LEAST ? LEAST : chunk > MOST ? MOST : chunk;
    return mote_size_min(chunk, rows);
}

/* ---- forward: x, weight, bias, targets: losses, logsumexp, scratch ---- */

static mote_status cross_entropy_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 2) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, 2) != MOTE_OK ||
        mote_node_expect(graph, node, 3, MOTE_INT32, 1) != MOTE_OK) {
        return graph->status;
    }
    size_t rows = mote_value_rows(graph, node->inputs[0]), classes = mote_value_rows(graph, node->inputs[1]);
    if (mote_value_columns(graph, node->inputs[0]) != mote_value_columns(graph, node->inputs[1]) ||
        mote_value_count(graph, node->inputs[3]) != rows ||
        (node->inputs[2] >= 0 && mote_value_count(graph, node->inputs[2]) != classes)) {
        return mote_node_fail(graph, node, "x, weight, bias and targets do not fit each other");
    }
    size_t scratch[2] = {chunk_rows(rows, classes), classes};
    mote_status status = mote_node_result(graph, node, MOTE_FP32, 1, &rows);
    status = status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 1, &rows) : status;
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 2, scratch) : status;
}

typedef struct chunk {
    const mote_kernels *kernels;
    size_t rows, classes;
    float *logits;
    const int32_t *targets;
    const float *logsumexp, *dlosses;
} chunk;

enum { ROW_GROUP = 16 };

static void gradients_task(void *argument, size_t index, void *scratch)
{
    const chunk *c = argument;
    (void)scratch;
    for (size_t r = index * ROW_GROUP; r < mote_size_min(c->rows, (index + 1) * ROW_GROUP); r++) {
        float *logits = c->logits + r * c->classes;
        if (c->targets[r] < 0) {
            memset(logits, 0, c->classes * sizeof *logits);
        } else {
            c->kernels->cross_entropy_row_gradient(c->classes, logits, c->logsumexp[r], (size_t)c->targets[r],
                                                   c->dlosses[r], logits);
        }
    }
}

/* What both passes read. */
typedef struct head {
    mote_policy policy;
    size_t rows, width, classes, chunk;
    const float *x, *weight, *bias;
    const int32_t *targets;
} head;

static head open_head(const mote_run *run, const mote_node *node)
{
    size_t rows = mote_value_rows(run->graph, node->inputs[0]), classes = mote_value_rows(run->graph, node->inputs[1]);
    return (head){.policy = mote_run_policy(run, node),
                  .rows = rows,
                  .width = mote_value_columns(run->graph, node->inputs[0]),
                  .classes = classes,
                  .chunk = chunk_rows(rows, classes),
                  .x = mote_run_input(run, node, 0),
                  .weight = mote_run_input(run, node, 1),
                  .bias = mote_run_input(run, node, 2),
                  .targets = run->data[node->inputs[3]]};
}

static mote_status make_logits(const mote_run *run, const head *h, size_t row, size_t rows, float *logits)
{
    return mote_linear(run->context, &h->policy, rows, h->width, h->classes, h->x + row * h->width, 0, h->weight, 0,
                       h->bias, logits, 0);
}

static mote_status cross_entropy_run(const mote_run *run, const mote_node *node)
{
    head h = open_head(run, node);
    for (size_t i = 0; i < h.rows; i++) {
        if (h.targets[i] >= 0 && (size_t)h.targets[i] >= h.classes) {
            return mote_fail(run->context, MOTE_ERROR_ARGUMENT, "%s: target %zu is %d, there are %zu classes",
                             node->layer, i, (int)h.targets[i], h.classes);
        }
    }
    for (size_t row = 0; row < h.rows; row += h.chunk) {
        size_t rows = mote_size_min(h.chunk, h.rows - row);
        float *logits = mote_run_output(run, node, 2);
        mote_status status = make_logits(run, &h, row, rows, logits);
        if (status != MOTE_OK) {
            return status;
        }
        mote_cross_entropy(run->context, rows, h.classes, logits, h.targets + row, mote_run_output(run, node, 0) + row,
                           mote_run_output(run, node, 1) + row);
    }
    return MOTE_OK;
}

static bool is_gradient(const mote_node *node) { return node->input_count > 4; }

static double cross_entropy_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    double one = (double)mote_value_count(graph, node->inputs[0]) * (double)mote_value_rows(graph, node->inputs[1]);
    return is_gradient(node) ? 3 * one : one;
}

/* The logits, and for the gradient a second time. */
static int cross_entropy_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    const mote_policy *p = &node->policy;
    const mote_format all[3][2] = {{p->forward_activation, p->forward_weight},
                                   {p->backward_gradient, p->backward_weight},
                                   {p->update_gradient, p->update_activation}};
    memcpy(formats, all, sizeof all);
    return is_gradient(node) ? 3 : 1;
}

static size_t cross_entropy_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_policy *p = &node->policy;
    size_t classes = mote_value_rows(graph, node->inputs[1]), width = mote_value_columns(graph, node->inputs[1]);
    size_t rows = chunk_rows(mote_value_rows(graph, node->inputs[0]), classes);
    size_t sizes[3] = {
        mote_matmul_workspace(context, p->forward_activation, p->forward_weight, 1, rows, classes, width),
        mote_matmul_workspace(context, p->backward_gradient, p->backward_weight, 1, rows, width, classes),
        mote_matmul_workspace(context, p->update_gradient, p->update_activation, 1, classes, width, rows)};
    size_t most = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    return most > sizes[2] ? most : sizes[2];
}

/* ---- backward: x, weight, bias, targets, logsumexp, dlosses: dx, dweight, dbias, scratch ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    for (int i = 0; i < 2; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, 2) != MOTE_OK) {
            return graph->status;
        }
    }
    size_t rows = mote_value_rows(graph, node->inputs[0]), classes = mote_value_rows(graph, node->inputs[1]);
    size_t width = mote_value_columns(graph, node->inputs[0]);
    mote_status status = mote_node_result(graph, node, MOTE_FP32, 2, (size_t[]){rows, width});
    status = status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 2, (size_t[]){classes, width}) : status;
    status = status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 1, &classes) : status;
    size_t scratch[2] = {chunk_rows(rows, classes), classes};
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 2, scratch) : status;
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    head h = open_head(run, node);
    float *logits = mote_run_output(run, node, 3);
    memset(mote_run_output(run, node, 1), 0, h.classes * h.width * sizeof(float));
    memset(mote_run_output(run, node, 2), 0, h.classes * sizeof(float));
    for (size_t row = 0; row < h.rows; row += h.chunk) {
        chunk c = {.kernels = run->context->kernels,
                   .rows = mote_size_min(h.chunk, h.rows - row),
                   .classes = h.classes,
                   .logits = logits,
                   .targets = h.targets + row,
                   .logsumexp = mote_run_input(run, node, 4) + row,
                   .dlosses = mote_run_input(run, node, 5) + row};
        mote_status status = make_logits(run, &h, row, c.rows, logits);
        if (status != MOTE_OK) {
            return status;
        }
        mote_parallel_for(run->context, mote_size_divide_up(c.rows, ROW_GROUP), gradients_task, &c);
        status = mote_linear_backward(run->context, &h.policy, c.rows, h.width, h.classes, h.x + row * h.width, 0,
                                      h.weight, 0, logits, 0, 1, mote_run_output(run, node, 0) + row * h.width, 0,
                                      mote_run_output(run, node, 1), 0, mote_run_output(run, node, 2));
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

static const mote_op gradient_op = {.name = "linear_cross_entropy_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .multiply_adds = cross_entropy_multiply_adds,
                                    .operands = cross_entropy_operands,
                                    .workspace = cross_entropy_workspace,
                                    .exact_inputs = 1 | 1 << 4, /* logits must come out as logsumexp saw them */
                                    .product = true};

static void cross_entropy_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy,
                                        const bool *needed, mote_value *dx)
{
    mote_value inputs[6] = {node->inputs[0], node->inputs[1],  node->inputs[2],
                            node->inputs[3], node->outputs[1], dy[0]};
    mote_value made = mote_graph_append(graph, &gradient_op, 6, inputs, NULL, 0);
    for (int i = 0; i < 3; i++) {
        dx[i] = needed[i] ? mote_graph_output_of(graph, made, i) : MOTE_NO_VALUE;
    }
}

static const mote_op cross_entropy_op = {.name = "linear_cross_entropy",
                                         .infer = cross_entropy_infer,
                                         .differentiate = cross_entropy_differentiate,
                                         .run = cross_entropy_run,
                                         .multiply_adds = cross_entropy_multiply_adds,
                                         .operands = cross_entropy_operands,
                                         .workspace = cross_entropy_workspace,
                                         .product = true};

mote_value mote_graph_linear_cross_entropy(mote_graph *graph, mote_value x, mote_value weight, mote_value bias,
                                           mote_value targets)
{
    return mote_graph_append(graph, &cross_entropy_op, 4, (mote_value[]){x, weight, bias, targets}, NULL, 0);
}
