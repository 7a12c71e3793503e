/* Attention over queries, keys and values that lie side by side, as one product makes them. */
#include "mote/attention.h"

#include <stdio.h>

#include "kernels/attention/attention.h"
#include "ops/ops.h"

/* The layout's heads within a row of x. */
static mote_attention_shape shape_of(const mote_graph *graph, const mote_node *node)
{
    const mote_attention_options *o = MOTE_ATTRIBUTES(node, mote_attention_options);
    const mote_layout *x = mote_layout_of(graph, node->inputs[0]);
    return (mote_attention_shape){.batch = x->shape[0],
                                  .queries = x->shape[1],
                                  .keys = x->shape[1],
                                  .heads = o->heads,
                                  .key_heads = o->key_heads,
                                  .width = x->shape[2] / (o->heads + 2 * o->key_heads),
                                  .scale = (float)o->scale,
                                  .causal = o->causal,
                                  .window = o->window};
}

typedef struct arrays {
    mote_attention_array q, k, v;
} arrays;

/* Queries, keys and values of a value shaped as x. */
static arrays split(const mote_attention_shape *s, float *x)
{
    ptrdiff_t width = (ptrdiff_t)s->width, row = (ptrdiff_t)(s->heads + 2 * s->key_heads) * width;
    mote_attention_array q = {x, row * (ptrdiff_t)s->queries, row, width}, k = q, v;
    k.values += (ptrdiff_t)s->heads * width;
    v = k;
    v.values += (ptrdiff_t)s->key_heads * width;
    return (arrays){q, k, v};
}

static mote_attention_array result(const mote_attention_shape *s, float *y)
{
    ptrdiff_t width = (ptrdiff_t)s->width, row = (ptrdiff_t)s->heads * width;
    return (mote_attention_array){y, row * (ptrdiff_t)s->queries, row, width};
}

/* Arrays carry no const; the kernels read x and dy only. */
static float *memory(const mote_run *run, const mote_node *node, int input) { return run->data[node->inputs[input]]; }

/* ---- forward: x, segments: y, logsumexp ---- */

static mote_status attention_infer(mote_graph *graph, mote_node *node)
{
    const mote_attention_options *o = MOTE_ATTRIBUTES(node, mote_attention_options);
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 3) != MOTE_OK) {
        return graph->status;
    }
    mote_layout x = *mote_layout_of(graph, node->inputs[0]);
    size_t parts = o->heads + 2 * o->key_heads;
    if (o->heads == 0 || o->key_heads == 0 || o->heads % o->key_heads || x.shape[2] % parts) {
        return mote_node_fail(graph, node, "rows of %zu do not split into %zu heads and twice %zu key heads",
                              x.shape[2], o->heads, o->key_heads);
    }
    if (node->inputs[1] >= 0 && (mote_node_expect(graph, node, 1, MOTE_INT32, 2) != MOTE_OK ||
                                 mote_value_count(graph, node->inputs[1]) != x.shape[0] * x.shape[1])) {
        return mote_node_fail(graph, node, "segments must be int32 [batch, positions]");
    }
    size_t logsumexp[3] = {x.shape[0], o->heads, x.shape[1]};
    x.shape[2] = x.shape[2] / parts * o->heads;
    mote_status status = mote_node_result(graph, node, MOTE_FP32, 3, x.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, 3, logsumexp) : status;
}

static mote_status attention_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_attention_shape s = shape_of(run->graph, node);
    arrays x = split(&s, memory(run, node, 0));
    mote_attention_array y = result(&s, mote_run_output(run, node, 0));
    s.segments = node->inputs[1] < 0 ? NULL : run->data[node->inputs[1]];
    return mote_attention(run->context, &policy, &s, &x.q, &x.k, &x.v, &y, mote_run_output(run, node, 1));
}

static bool is_gradient(const mote_node *node) { return node->input_count > 2; }

/* Pairs of positions that see each other, times the width, times two products or five. */
static double attention_multiply_adds(const mote_graph *graph, const mote_node *node)
{
    mote_attention_shape s = shape_of(graph, node);
    double products = is_gradient(node) ? 5 : 2;
    return products * (double)s.batch * (double)s.heads * mote_attention_pairs(&s) * (double)s.width;
}

int mote_attention_operands(const mote_policy *policy, bool backward, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    /* the left operands; the gradient makes the scores a second time */
    static const int lefts[2][MOTE_NODE_PRODUCTS] = {
        {MOTE_FORWARD_Q, MOTE_FORWARD_P},
        {MOTE_FORWARD_Q, MOTE_BACKWARD_DY, MOTE_UPDATE_P, MOTE_BACKWARD_DS, MOTE_UPDATE_DS}};
    mote_format all[MOTE_ATTENTION_OPERANDS];
    int count = backward ? 5 : 2;
    mote_attention_formats(policy, all);
    for (int i = 0; i < count; i++) {
        int left = lefts[backward][i];
        formats[i][0] = all[left];
        formats[i][1] = all[left + 1];
    }
    return count;
}

static int attention_operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_attention_operands(&node->policy, is_gradient(node), formats);
}

static size_t attention_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    mote_attention_shape s = shape_of(graph, node);
    return mote_attention_workspace(context, &s, is_gradient(node));
}

static void attention_describe(const mote_node *node, char *text, size_t size)
{
    const mote_attention_options *o = MOTE_ATTRIBUTES(node, mote_attention_options);
    snprintf(text, size, "%zu heads, %zu key heads%s, window %zu", o->heads, o->key_heads, o->causal ? ", causal" : "",
             o->window);
}

/* ---- backward: x, segments, y, logsumexp, dy: dx ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    if (mote_node_expect(graph, node, 0, MOTE_FP32, 3) != MOTE_OK ||
        mote_node_expect(graph, node, 2, MOTE_FP32, 3) != MOTE_OK ||
        mote_node_expect(graph, node, 4, MOTE_FP32, 3) != MOTE_OK) {
        return graph->status;
    }
    return mote_node_result(graph, node, MOTE_FP32, 3, mote_layout_of(graph, node->inputs[0])->shape);
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_attention_shape s = shape_of(run->graph, node);
    arrays x = split(&s, memory(run, node, 0)), dx = split(&s, mote_run_output(run, node, 0));
    mote_attention_array y = result(&s, memory(run, node, 2)), dy = result(&s, memory(run, node, 4));
    s.segments = node->inputs[1] < 0 ? NULL : run->data[node->inputs[1]];
    return mote_attention_backward(run->context, &policy, &s, &x.q, &x.k, &x.v, &y, mote_run_input(run, node, 3), &dy,
                                   &dx.q, &dx.k, &dx.v);
}

/* Queries and keys stay as the forward pass had them: from rounded ones the scores would be others than those whose
 * logsumexp is kept, and the larger the scores, the less would the probabilities add up to 1. */
static const mote_op gradient_op = {.name = "attention_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .multiply_adds = attention_multiply_adds,
                                    .operands = attention_operands,
                                    .workspace = attention_workspace,
                                    .describe = attention_describe,
                                    .exact_inputs = 1 << 0 | 1 << 3,
                                    .product = true};

static void attention_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                    mote_value *dx)
{
    mote_value inputs[5] = {node->inputs[0], node->inputs[1], node->outputs[0], node->outputs[1], dy[0]};
    (void)needed;
    dx[0] = mote_graph_append(graph, &gradient_op, 5, inputs, node->attributes, sizeof(mote_attention_options));
}

static const mote_op attention_op = {.name = "attention",
                                     .infer = attention_infer,
                                     .differentiate = attention_differentiate,
                                     .run = attention_run,
                                     .multiply_adds = attention_multiply_adds,
                                     .operands = attention_operands,
                                     .workspace = attention_workspace,
                                     .describe = attention_describe,
                                     .may_be_infinite = 2, /* logsumexp of what sees nothing */
                                     .product = true};

mote_value mote_graph_attention(mote_graph *graph, mote_value x, mote_value segments,
                                const mote_attention_options *options)
{
    mote_attention_options o = *options;
    o.key_heads = o.key_heads ? o.key_heads : o.heads;
    return mote_graph_append(graph, &attention_op, 2, (mote_value[]){x, segments}, &o, sizeof o);
}
