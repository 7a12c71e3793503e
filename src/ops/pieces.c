/* A body piece by piece. Its gradient is another such node: the body with its gradients behind it. */
#include "graph/pieces.h"

#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "formats/layout.h"
#include "graph/core.h"
#include "kernels/map/map.h"
#include "kernels/quantize/box.h"
#include "ops/ops.h"

/* ---- shapes ---- */

static mote_status check_input(mote_graph *graph, const mote_node *node, int k)
{
    const mote_pieces *p = mote_node_pieces(node);
    const mote_body *body = &p->bodies[0];
    if (node->inputs[k] < 0) {
        return mote_node_fail(graph, node, "input %d is missing", k);
    }
    mote_layout seen = mote_pieces_seen(mote_layout_of(graph, node->inputs[k]), p->input_axes[k], p->length);
    if (!mote_layout_same(&seen, mote_layout_of(body->graph, body->inputs[k]))) {
        return mote_node_fail(graph, node, "input %d is not what the body was made for", k);
    }
    return MOTE_OK;
}

/* Result 0 may take the memory of a value that is cut alike: what a piece writes only that piece has read. */
static unsigned replaceable(const mote_graph *graph, const mote_node *node)
{
    const mote_pieces *p = mote_node_pieces(node);
    unsigned mask = 0;
    for (int k = 0; k < p->input_count; k++) {
        bool alike = p->input_axes[k] == p->result_axes[0] && p->result_axes[0] != MOTE_WHOLE &&
                     mote_layout_same(mote_layout_of(graph, node->inputs[k]), mote_layout_of(graph, node->outputs[0]));
        mask |= alike ? 1u << k : 0;
    }
    return mask;
}

static mote_status pieces_infer(mote_graph *graph, mote_node *node)
{
    const mote_pieces *p = mote_node_pieces(node);
    const mote_body *body = &p->bodies[0];
    if (node->input_count != p->input_count) {
        return mote_node_fail(graph, node, "it has %d inputs, its body %d", node->input_count, p->input_count);
    }
    for (int k = 0; k < node->input_count; k++) {
        if (check_input(graph, node, k) != MOTE_OK) {
            return graph->status;
        }
    }
    for (int r = 0; r < p->result_count; r++) {
        mote_layout whole =
            mote_pieces_resize(mote_layout_of(body->graph, body->results[r]), p->result_axes[r], p->extent);
        mote_format format = r == 0 ? p->format : MOTE_FP32;
        if (mote_node_result(graph, node, format, whole.rank, whole.shape) != MOTE_OK) {
            return graph->status;
        }
    }
    node->in_place = replaceable(graph, node);
    return MOTE_OK;
}

static size_t body_workspace(mote_context *context, const mote_graph *body)
{
    size_t most = 0;
    for (int i = 0; i < body->order_count; i++) {
        const mote_node *node = &body->nodes[body->order[i]];
        size_t bytes = node->op->workspace ? node->op->workspace(context, body, node) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static size_t pieces_workspace(mote_context *context, const mote_graph *graph, const mote_node *node)
{
    const mote_pieces *p = mote_node_pieces(node);
    size_t most = 0;
    (void)graph;
    for (int b = 0; b < MOTE_BODIES && p->bodies[b].graph; b++) {
        size_t bytes = body_workspace(context, p->bodies[b].graph);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void pieces_describe(const mote_node *node, char *text, size_t size)
{
    const mote_pieces *p = mote_node_pieces(node);
    int used = snprintf(text, size, "%zu by %zu along axis", p->extent, p->length);
    for (int k = 0; k < p->input_count && used > 0 && (size_t)used < size; k++) {
        if (p->input_axes[k] != MOTE_WHOLE) {
            used += snprintf(text + used, size - (size_t)used, " %d", p->input_axes[k]);
        }
    }
}

/* ---- copies between a piece and its place ---- */

enum { COPY_GROUP = 16384 }; /* words that a task copies */

/* Runs of words, evenly spaced on both sides. */
typedef struct copy_job {
    const uint32_t *from;
    uint32_t *to;
    size_t from_step, to_step, run, count;
} copy_job;

static void copy_task(void *argument, size_t index, void *scratch)
{
    const copy_job *j = argument;
    size_t at = index * COPY_GROUP, end = mote_size_min(j->count, at + COPY_GROUP);
    size_t row = at / j->run, column = at % j->run;
    (void)scratch;
    while (at < end) {
        size_t length = mote_size_min(j->run - column, end - at);
        memcpy(j->to + row * j->to_step + column, j->from + row * j->from_step + column, length * sizeof *j->to);
        at += length;
        row++;
        column = 0;
    }
}

/* Where piece entries from begin on lie in a value: run words each step words from offset on, count in all. */
typedef struct stretch {
    size_t offset, run, step, count;
} stretch;

static stretch find_stretch(const mote_layout *whole, int axis, size_t begin, size_t length)
{
    size_t inner = 1, outer = 1;
    for (int d = 0; d < whole->rank; d++) {
        outer *= d < axis ? whole->shape[d] : 1;
        inner *= d > axis ? whole->shape[d] : 1;
    }
    return (stretch){begin * inner, length * inner, whole->shape[axis] * inner, outer * length * inner};
}

static void copy(const mote_run *run, copy_job j)
{
    if (j.run) {
        mote_parallel_for(run->context, mote_size_divide_up(j.count, COPY_GROUP), copy_task, &j);
    }
}

/* ---- running ---- */

/* One piece: entries begin, begin + 1, ... length of them, computed by body. */
typedef struct piece {
    const mote_run *run;
    const mote_node *node;
    const mote_pieces *pieces;
    const mote_body *body;
    size_t index, begin, length;
} piece;

/* Copies the piece of an input to memory, as the body has it. */
static mote_status fetch(const piece *c, const mote_layout *whole, int axis, void *data, void *memory)
{
    if (mote_pieces_seen(whole, axis, c->length).format != whole->format) {
        mote_tensor tensor = mote_value_tensor(c->run->context, whole, data);
        return mote_dequantize_part(c->run->context, &tensor, axis, c->begin, c->length, memory);
    }
    stretch s = find_stretch(whole, axis, c->begin, c->length);
    copy(c->run, (copy_job){(uint32_t *)data + s.offset, memory, s.step, s.run, s.run, s.count});
    return MOTE_OK;
}

/* Puts the inputs' places into the body's data: where they lie, or a copy behind the body's own values. */
static mote_status bind_inputs(const piece *c)
{
    mote_status status = MOTE_OK;
    const mote_run *run = c->run;
    const mote_body *body = c->body;
    uint8_t *free_memory = c->node->scratch < 0 ? NULL : (uint8_t *)run->data[c->node->scratch] + body->places.arena;
    for (int k = 0; k < c->pieces->input_count && status == MOTE_OK; k++) {
        const mote_layout *whole = mote_layout_of(run->graph, c->node->inputs[k]);
        uint32_t *data = run->data[c->node->inputs[k]];
        int axis = c->pieces->input_axes[k];
        if (!mote_pieces_lie(whole, axis)) {
            status = fetch(c, whole, axis, data, free_memory);
            data = (uint32_t *)(void *)free_memory;
            free_memory += mote_value_bytes(run->context, mote_layout_of(body->graph, body->inputs[k]));
        } else if (axis != MOTE_WHOLE) {
            data += find_stretch(whole, axis, c->begin, c->length).offset;
        }
        body->data[body->inputs[k]] = data;
    }
    return status;
}

/* Where result r could be written at once: its place in the whole, if that is one stretch and no input of the node; the
 * sum, if this is its first term. */
static float *direct_place(const piece *c, int r)
{
    float *whole = mote_run_output(c->run, c->node, r);
    const mote_layout *layout = mote_layout_of(c->run->graph, c->node->outputs[r]);
    int axis = c->pieces->result_axes[r];
    for (int k = 0; k < c->node->input_count; k++) {
        if (c->run->data[c->node->inputs[k]] == whole) {
            return NULL; /* a piece that is still being read */
        }
    }
    if (axis == MOTE_WHOLE) {
        return c->index == 0 ? whole : NULL;
    }
    return mote_pieces_lie(layout, axis) ? whole + find_stretch(layout, axis, c->begin, c->length).offset : NULL;
}

static void bind_values(const piece *c)
{
    const mote_body *body = c->body;
    const mote_graph *graph = body->graph;
    for (int v = 0; v < graph->value_count; v++) {
        bool own = body->places.root[v] == v && graph->values[v].kind == MOTE_VALUE_RESULT;
        if (own && body->places.first[v] != MOTE_NO_PLACE && body->places.bytes[v]) { /* so there is scratch memory */
            body->data[v] = (uint8_t *)c->run->data[c->node->scratch] + body->places.offset[v];
        }
    }
    for (int r = 0; r < c->pieces->result_count; r++) {
        int root = body->places.root[body->results[r]];
        float *place = direct_place(c, r);
        if (place && graph->values[root].kind == MOTE_VALUE_RESULT) {
            body->data[root] = place;
        }
    }
    for (int v = 0; v < graph->value_count; v++) {
        body->data[v] = body->data[body->places.root[v]];
    }
}

/* Brings the results that are not yet there to their places. */
static mote_status deliver(const piece *c)
{
    const mote_run *run = c->run;
    mote_status status = MOTE_OK;
    for (int r = 0; r < c->pieces->result_count && status == MOTE_OK; r++) {
        const mote_layout *layout = mote_layout_of(run->graph, c->node->outputs[r]);
        float *whole = mote_run_output(run, c->node, r), *made = c->body->data[c->body->results[r]];
        int axis = c->pieces->result_axes[r];
        size_t count = mote_value_count(run->graph, c->node->outputs[r]);
        if (layout->format != MOTE_FP32) {
            mote_tensor tensor = mote_value_tensor(run->context, layout, whole);
            status = mote_quantize_part(run->context, made, &tensor, axis, c->begin, c->length);
            continue;
        }
        if (axis == MOTE_WHOLE && c->index) {
            mote_map_binary(run->context, MOTE_BINARY_ADD, count, whole, 1, made, 1, whole);
            continue;
        }
        stretch s =
            axis == MOTE_WHOLE ? (stretch){0, count, count, count} : find_stretch(layout, axis, c->begin, c->length);
        if (made != whole + s.offset) {
            copy(run, (copy_job){(const uint32_t *)(const void *)made, (uint32_t *)(void *)(whole + s.offset), s.run,
                                 s.step, s.run, s.count});
        }
    }
    return status;
}

static mote_status run_piece(const piece *c)
{
    uint32_t words[4];
    mote_status status = bind_inputs(c);
    if (status != MOTE_OK) {
        return status;
    }
    bind_values(c);
    mote_philox_group(mote_run_stream(c->run, c->node), c->index, words);
    mote_run inner = {.context = c->run->context,
                      .graph = c->body->graph,
                      .data = c->body->data,
                      .seed = (uint64_t)words[1] << 32 | words[0],
                      .nonfinite = c->run->nonfinite};
    status = mote_run_nodes(&inner);
    return status == MOTE_OK && !(inner.nonfinite && *inner.nonfinite) ? deliver(c) : status;
}

static mote_status pieces_run(const mote_run *run, const mote_node *node)
{
    const mote_pieces *p = mote_node_pieces(node);
    piece c = {.run = run, .node = node, .pieces = p};
    mote_status status = MOTE_OK;
    while (c.begin < p->extent && status == MOTE_OK && !(run->nonfinite && *run->nonfinite)) {
        c.length = mote_size_min(p->length, p->extent - c.begin);
        c.body = &p->bodies[c.length < p->length];
        status = run_piece(&c);
        c.begin += c.length;
        c.index++;
    }
    return status;
}

/* ---- building ---- */

static void pieces_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx);

/* Exact inputs: the gradients compute the body again, from what the forward pass had. */
static const mote_op pieces_op = {.name = "pieces",
                                  .infer = pieces_infer,
                                  .differentiate = pieces_differentiate,
                                  .run = pieces_run,
                                  .workspace = pieces_workspace,
                                  .describe = pieces_describe,
                                  .exact_inputs = ~0u,
                                  .pieces = true};

static void pieces_differentiate(mote_graph *graph, const mote_node *node, const mote_value *dy, const bool *needed,
                                 mote_value *dx)
{
    int result_of[MOTE_NODE_INPUTS];
    mote_value inputs[MOTE_NODE_INPUTS];
    mote_pieces_attributes a = {mote_pieces_differentiate(graph, mote_node_pieces(node), needed, result_of)};
    if (!a.pieces || a.pieces->result_count == 0) {
        return;
    }
    memcpy(inputs, node->inputs, sizeof inputs);
    inputs[node->input_count] = dy[0];
    mote_value first = mote_graph_append(graph, &pieces_op, node->input_count + 1, inputs, &a, sizeof a);
    for (int k = 0; k < node->input_count && first >= 0; k++) {
        dx[k] = result_of[k] < 0 ? MOTE_NO_VALUE : mote_graph_output_of(graph, first, result_of[k]);
    }
}

mote_value mote_graph_pieces(mote_graph *graph, const mote_pieces_options *options, mote_piece_builder *build,
                             void *argument)
{
    mote_value inputs[MOTE_NODE_INPUTS];
    mote_pieces_attributes a = {mote_pieces_build(graph, options, build, argument, inputs)};
    return a.pieces ? mote_graph_append(graph, &pieces_op, a.pieces->input_count, inputs, &a, sizeof a) : MOTE_NO_VALUE;
}
