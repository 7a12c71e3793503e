/* Batched products of two activations. Either side may be turned, which strides express. */
#include <stdio.h>
#include <string.h>

#include "kernels/gemm/linear.h"
#include "kernels/gemm/operand.h"
#include "ops/ops.h"

typedef struct turns {
    int a, b;       /* transposed */
    int a_gradient; /* a is an output gradient: its format and rounding */
    int b_gradient;
} turns;

/* Dimensions of the product: y [..., m, n], reduced over k. */
static mote_status sizes(mote_graph *graph, const mote_node *node, size_t *m, size_t *n, size_t *k)
{
    const turns *t = MOTE_ATTRIBUTES(node, turns);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, -1) != MOTE_OK ||
        mote_node_expect(graph, node, 1, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *a = mote_layout_of(graph, node->inputs[0]), *b = mote_layout_of(graph, node->inputs[1]);
    if (a->rank < 2 || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)(a->rank - 2) * sizeof *a->shape) != 0) {
        return mote_node_fail(graph, node, "expected two batches of matrices with equal leading dimensions");
    }
    const size_t *as = a->shape + a->rank - 2, *bs = b->shape + b->rank - 2;
    *m = as[t->a ? 1 : 0];
    *k = as[t->a ? 0 : 1];
    *n = bs[t->b ? 0 : 1];
    if (bs[t->b ? 1 : 0] != *k) {
        return mote_node_fail(graph, node, "a reduces over %zu values, b over %zu", *k, bs[t->b ? 1 : 0]);
    }
    return MOTE_OK;
}

static mote_status matmul_infer(mote_graph *graph, mote_node *node)
{
    size_t m = 0, n = 0, k = 0;
    if (sizes(graph, node, &m, &n, &k) != MOTE_OK) {
        return graph->status;
    }
    mote_layout y = *mote_layout_of(graph, node->inputs[0]);
    y.shape[y.rank - 2] = m;
    y.shape[y.rank - 1] = n;
    return mote_node_result(graph, node, MOTE_FP32, y.rank, y.shape);
}

static mote_format format_of(const mote_node *node, bool gradient)
{
    return gradient ? node->policy.backward_gradient : node->policy.forward_activation;
}

/* One side; strides keeps its strides. */
static mote_operand side(const mote_run *run, const mote_node *node, int input, bool turned, bool gradient,
                         ptrdiff_t *strides)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_format format = format_of(node, gradient);
    const mote_layout *layout = mote_layout_of(run->graph, node->inputs[input]);
    mote_operand operand = {.values = mote_run_input(run, node, input),
                            .rank = layout->rank,
                            .strides = strides,
                            .format = format,
                            .options = mote_policy_options(&policy, format, gradient, (uint64_t)input)};
    ptrdiff_t step = 1;
    for (int d = layout->rank - 1; d >= 0; d--) {
        operand.shape[d] = layout->shape[d];
        strides[d] = step;
        step *= (ptrdiff_t)layout->shape[d];
    }
    if (turned) {
        int r = layout->rank - 2, c = layout->rank - 1;
        size_t rows = operand.shape[r];
        ptrdiff_t stride = strides[r];
        operand.shape[r] = operand.shape[c];
        operand.shape[c] = rows;
        strides[r] = strides[c];
        strides[c] = stride;
    }
    return operand;
}

static mote_status matmul_run(const mote_run *run, const mote_node *node)
{
    const turns *t = MOTE_ATTRIBUTES(node, turns);
    ptrdiff_t a_strides[MOTE_MAXIMUM_RANK], b_strides[MOTE_MAXIMUM_RANK];
    mote_operand a = side(run, node, 0, t->a, t->a_gradient, a_strides);
    mote_operand b = side(run, node, 1, t->b, t->b_gradient, b_strides);
    return mote_matmul(run->context, &a, &b, NULL, 0, mote_run_output(run, node, 0), NULL);
}

static double matmul_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    const mote_layout *a = mote_layout_of(graph, node->inputs[0]);
    size_t k = a->shape[a->rank - (MOTE_ATTRIBUTES(node, turns)->a ? 2 : 1)];
    return (double)mote_value_count(graph, node->outputs[0]) * (double)k;
}

static int matmul_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    const turns *t = MOTE_ATTRIBUTES(node, turns);
    return mote_one_product(format_of(node, t->a_gradient), format_of(node, t->b_gradient), formats);
}

static size_t matmul_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const turns *t = MOTE_ATTRIBUTES(node, turns);
    const mote_layout *a = mote_layout_of(graph, node->inputs[0]), *y = mote_layout_of(graph, node->outputs[0]);
    size_t m = y->shape[y->rank - 2], n = y->shape[y->rank - 1], count = mote_value_count(graph, node->outputs[0]);
    return mote_matmul_workspace(context, format_of(node, t->a_gradient), format_of(node, t->b_gradient),
                                 m && n ? count / (m * n) : 0, m, n, a->shape[a->rank - (t->a ? 2 : 1)]);
}

static void matmul_describe(const mote_node *node, char *text, size_t size)
{
    const turns *t = MOTE_ATTRIBUTES(node, turns);
    snprintf(text, size, "%s, %s", t->a ? "a^T" : "a", t->b ? "b^T" : "b");
}

static void matmul_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx);

static const mote_op matmul_op = {.name = "matmul",
                                  .infer = matmul_infer,
                                  .differentiate = matmul_differentiate,
                                  .run = matmul_run,
                                  .multiply_adds = matmul_multiply_adds,
                                  .operands = matmul_operands,
                                  .workspace = matmul_workspace,
                                  .describe = matmul_describe,
                                  .product = true};

static mote_value append(mote_graph *graph, mote_value a, mote_value b, turns t)
{
    return mote_graph_append(graph, &matmul_op, 2, (mote_value[]){a, b}, &t, sizeof t);
}

/* da = dy b^T and db = a^T dy, each turned back where the operand was turned. */
static void matmul_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    turns t = *MOTE_ATTRIBUTES(node, turns);
    mote_value a = node->inputs[0], b = node->inputs[1];
    if (needed[0]) {
        dx[0] = t.a ? append(graph, b, dy[0], (turns){t.b, 1, 0, 1}) : append(graph, dy[0], b, (turns){0, !t.b, 1, 0});
    }
    if (needed[1]) {
        dx[1] = t.b ? append(graph, dy[0], a, (turns){1, t.a, 1, 0}) : append(graph, a, dy[0], (turns){!t.a, 0, 0, 1});
    }
}

mote_value mote_graph_matmul(mote_graph *graph, mote_value a, mote_value b, int transpose_a, int transpose_b)
{
    return append(graph, a, b, (turns){transpose_a != 0, transpose_b != 0, 0, 0});
}
