/* Attention with biases and a gate, as the Evoformer has it. */
#include "mote/evoformer.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

enum { Q, K, V, GATE, BIAS, Y = BIAS + MOTE_EVOFORMER_BIASES, STATISTICS, DY, BACKWARD_INPUTS };
enum { FORWARD_INPUTS = Y };
_Static_assert((int)BACKWARD_INPUTS <= (int)MOTE_NODE_INPUTS && (int)FORWARD_INPUTS <= (int)MOTE_NODE_OUTPUTS,
               "a node holds them all");

typedef struct attributes {
    double scale;
    uint8_t wanted; /* backward, bit i: the gradient of input i is a result */
} attributes;

/* ---- shapes ---- */

/* From q [leading..., queries, heads, width] and k. */
static mote_evoformer_shape shape_of(const mote_graph *graph, const mote_node *node)
{
    const mote_layout *q = mote_layout_of(graph, node->inputs[Q]), *k = mote_layout_of(graph, node->inputs[K]);
    mote_evoformer_shape s = {.rank = q->rank - 3, .scale = (float)MOTE_ATTRIBUTES(node, attributes)->scale};
    memcpy(s.leading, q->shape, (size_t)s.rank * sizeof *s.leading);
    s.queries = q->shape[s.rank];
    s.heads = q->shape[s.rank + 1];
    s.width = q->shape[s.rank + 2];
    s.keys = k->shape[s.rank];
    return s;
}

/* Those that there are, in order; at[i]: which input bias i is. Without memory (run NULL) only their shapes. */
static int biases_of(const mote_graph *graph, const mote_run *run, const mote_node *node, mote_evoformer_bias *biases,
                     int *at)
{
    int count = 0;
    for (int i = BIAS; i < BIAS + MOTE_EVOFORMER_BIASES; i++) {
        if (node->inputs[i] >= 0) {
            const mote_layout *layout = mote_layout_of(graph, node->inputs[i]);
            biases[count] =
                (mote_evoformer_bias){.values = run ? mote_run_input(run, node, i) : NULL, .rank = layout->rank};
            memcpy(biases[count].shape, layout->shape, (size_t)layout->rank * sizeof *layout->shape);
            at[count++] = i;
        }
    }
    return count;
}

static mote_status check_bias(mote_graph *graph, mote_node *node, int input, const mote_evoformer_shape *s)
{
    size_t whole[MOTE_EVOFORMER_RANK];
    memcpy(whole, s->leading, (size_t)s->rank * sizeof *whole);
    whole[s->rank] = s->heads;
    whole[s->rank + 1] = s->queries;
    whole[s->rank + 2] = s->keys;
    if (mote_node_expect(graph, node, input, MOTE_FP32, -1) != MOTE_OK) {
        return graph->status;
    }
    const mote_layout *b = mote_layout_of(graph, node->inputs[input]);
    int before = s->rank + 3 - b->rank;
    for (int d = 0; d < b->rank; d++) {
        if (before < 0 || (b->shape[d] != 1 && b->shape[d] != whole[before + d])) {
            return mote_node_fail(graph, node, "bias %d does not broadcast to [leading..., heads, queries, keys]",
                                  input - BIAS);
        }
    }
    return MOTE_OK;
}

/* ---- forward: q, k, v, gate, biases: y, statistics ---- */

static mote_status forward_infer(mote_graph *graph, mote_node *node)
{
    for (int i = Q; i <= V; i++) {
        if (mote_node_expect(graph, node, i, MOTE_FP32, -1) != MOTE_OK) {
            return graph->status;
        }
    }
    const mote_layout q = *mote_layout_of(graph, node->inputs[Q]), *k = mote_layout_of(graph, node->inputs[K]);
    bool fits = q.rank >= 3 && q.rank <= 3 + MOTE_EVOFORMER_LEADING && k->rank == q.rank &&
                mote_same_shape(graph, node->inputs[K], node->inputs[V]);
    for (int d = 0; fits && d < q.rank; d++) {
        fits = d == q.rank - 3 || q.shape[d] == k->shape[d];
    }
    if (!fits) {
        return mote_node_fail(graph, node,
                              "expected q [leading..., queries, heads, width], k and v [leading..., keys, "
                              "heads, width] with at most %d leading dimensions",
                              MOTE_EVOFORMER_LEADING);
    }
    if (node->inputs[GATE] >= 0 && !mote_same_shape(graph, node->inputs[Q], node->inputs[GATE])) {
        return mote_node_fail(graph, node, "the gate must have the shape of q");
    }
    mote_evoformer_shape s = shape_of(graph, node);
    for (int i = BIAS; i < BIAS + MOTE_EVOFORMER_BIASES; i++) {
        if (node->inputs[i] >= 0 && check_bias(graph, node, i, &s) != MOTE_OK) {
            return graph->status;
        }
    }
    size_t statistics[MOTE_EVOFORMER_RANK + 1];
    memcpy(statistics, s.leading, (size_t)s.rank * sizeof *statistics);
    statistics[s.rank] = s.heads;
    statistics[s.rank + 1] = s.queries;
    statistics[s.rank + 2] = 2;
    mote_status status = mote_node_result(graph, node, MOTE_FP32, q.rank, q.shape);
    return status == MOTE_OK ? mote_node_result(graph, node, MOTE_FP32, q.rank, statistics) : status;
}

static mote_status forward_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_evoformer_shape s = shape_of(run->graph, node);
    mote_evoformer_bias biases[MOTE_EVOFORMER_BIASES];
    int at[MOTE_EVOFORMER_BIASES], count = biases_of(run->graph, run, node, biases, at);
    return mote_evoformer_attention(run->context, &policy, &s, mote_run_input(run, node, Q),
                                    mote_run_input(run, node, K), mote_run_input(run, node, V), count, biases,
                                    mote_run_input(run, node, GATE), mote_run_output(run, node, 0),
                                    mote_run_output(run, node, 1));
}

/* Two products forward, five backward. */
static double multiply_adds(const mote_graph *graph, const mote_node *node)
{
    mote_evoformer_shape s = shape_of(graph, node);
    double rows = (double)mote_value_rows(graph, node->inputs[Q]);
    return (node->input_count > FORWARD_INPUTS ? 5 : 2) * rows * (double)s.keys * (double)s.width;
}

static int operands(const mote_node *node, mote_format formats[MOTE_NODE_PRODUCTS][2])
{
    return mote_attention_operands(&node->policy, node->input_count > FORWARD_INPUTS, formats);
}

static size_t workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    mote_evoformer_shape s = shape_of(graph, node);
    mote_evoformer_bias biases[MOTE_EVOFORMER_BIASES];
    float any; /* only whether a gradient is wanted counts */
    int at[MOTE_EVOFORMER_BIASES], count = biases_of(graph, NULL, node, biases, at);
    for (int i = 0; i < count; i++) {
        biases[i].gradient = MOTE_ATTRIBUTES(node, attributes)->wanted >> at[i] & 1 ? &any : NULL;
    }
    return mote_evoformer_workspace(context, &node->policy, &s, count, biases, node->input_count > FORWARD_INPUTS);
}

static void describe(const mote_node *node, char *text, size_t size)
{
    int biases = 0;
    for (int i = BIAS; i < BIAS + MOTE_EVOFORMER_BIASES; i++) {
        biases += node->inputs[i] >= 0;
    }
    snprintf(text, size, "%d biases%s", biases, node->inputs[GATE] >= 0 ? ", gate" : "");
}

/* ---- backward: those, y, statistics, dy: what is wanted of dq, dk, dv, dgate, the biases' ---- */

static mote_status gradient_infer(mote_graph *graph, mote_node *node)
{
    unsigned wanted = MOTE_ATTRIBUTES(node, attributes)->wanted;
    mote_status status = MOTE_OK;
    for (int i = 0; i < FORWARD_INPUTS && status == MOTE_OK; i++) {
        if (wanted >> i & 1) {
            const mote_layout layout = *mote_layout_of(graph, node->inputs[i]);
            status = mote_node_result(graph, node, MOTE_FP32, layout.rank, layout.shape);
        }
    }
    return status;
}

static mote_status gradient_run(const mote_run *run, const mote_node *node)
{
    mote_policy policy = mote_run_policy(run, node);
    mote_evoformer_shape s = shape_of(run->graph, node);
    mote_evoformer_bias biases[MOTE_EVOFORMER_BIASES];
    int at[MOTE_EVOFORMER_BIASES], count = biases_of(run->graph, run, node, biases, at), output = 0;
    float *gradients[FORWARD_INPUTS] = {NULL};
    for (int i = 0; i < FORWARD_INPUTS; i++) {
        if (MOTE_ATTRIBUTES(node, attributes)->wanted >> i & 1) {
            gradients[i] = mote_run_output(run, node, output++);
        }
    }
    for (int i = 0; i < count; i++) {
        biases[i].gradient = gradients[at[i]];
    }
    return mote_evoformer_attention_backward(run->context, &policy, &s, mote_run_input(run, node, Q),
                                             mote_run_input(run, node, K), mote_run_input(run, node, V), count, biases,
                                             mote_run_input(run, node, GATE), mote_run_input(run, node, Y),
                                             mote_run_input(run, node, STATISTICS), mote_run_input(run, node, DY),
                                             gradients[Q], gradients[K], gradients[V], gradients[GATE]);
}

/* What makes the scores stays exact, so that they are those whose statistics are kept. */
static const mote_op gradient_op = {.name = "evoformer_attention_gradient",
                                    .infer = gradient_infer,
                                    .run = gradient_run,
                                    .multiply_adds = multiply_adds,
                                    .operands = operands,
                                    .workspace = workspace,
                                    .describe = describe,
                                    .exact_inputs =
                                        1 << Q | 1 << K | ((1 << MOTE_EVOFORMER_BIASES) - 1) << BIAS | 1 << STATISTICS,
                                    .product = true};

static void differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                          mote_value *dx)
{
    mote_value inputs[BACKWARD_INPUTS];
    attributes a = *MOTE_ATTRIBUTES(node, attributes);
    int output = 0;
    memcpy(inputs, node->inputs, FORWARD_INPUTS * sizeof *inputs);
    inputs[Y] = node->outputs[0];
    inputs[STATISTICS] = node->outputs[1];
    inputs[DY] = dy[0];
    a.wanted = 1 << Q | 1 << K | 1 << V; /* they come together */
    for (int i = GATE; i < FORWARD_INPUTS; i++) {
        a.wanted = (uint8_t)(a.wanted | (unsigned)needed[i] << i);
    }
    mote_value first = mote_graph_append(graph, &gradient_op, BACKWARD_INPUTS, inputs, &a, sizeof a);
    for (int i = 0; i < FORWARD_INPUTS && first >= 0; i++) {
        if (a.wanted >> i & 1) {
            dx[i] = mote_graph_output_of(graph, first, output++);
        }
    }
}

static const mote_op forward_op = {.name = "evoformer_attention",
                                   .infer = forward_infer,
                                   .differentiate = differentiate,
                                   .run = forward_run,
                                   .multiply_adds = multiply_adds,
                                   .operands = operands,
                                   .workspace = workspace,
                                   .describe = describe,
                                   .may_be_infinite = 2, /* statistics of rows without a key */
                                   .product = true};

mote_value mote_graph_evoformer_attention(mote_graph *graph, mote_value q, mote_value k, mote_value v, mote_value gate,
                                          int bias_count, const mote_value *biases, double scale)
{
    mote_value inputs[FORWARD_INPUTS] = {q, k, v, gate};
    attributes a = {.scale = scale};
    if (bias_count < 0 || bias_count > MOTE_EVOFORMER_BIASES) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "evoformer_attention: expected up to %d biases, found %d",
                        MOTE_EVOFORMER_BIASES, bias_count);
        return MOTE_NO_VALUE;
    }
    for (int i = 0; i < MOTE_EVOFORMER_BIASES; i++) {
        inputs[BIAS + i] = i < bias_count ? biases[i] : MOTE_NO_VALUE;
    }
    return mote_graph_append(graph, &forward_op, FORWARD_INPUTS, inputs, &a, sizeof a);
}
