/* Bodies of pieces: cut out of the graph in which a builder wrote them, differentiated, planned. */
#include "graph/pieces.h"

#include <stdio.h>
#include <string.h>

#include "graph/core.h"

/* ---- owning ---- */

static mote_pieces *create(mote_graph *graph)
{
    mote_pieces *made = mote_allocate(graph->context, sizeof *made);
    if (!made) {
        mote_graph_fail(graph, MOTE_ERROR_MEMORY, "out of memory: no room for pieces");
        return NULL;
    }
    *made = (mote_pieces){.next = graph->pieces};
    graph->pieces = made;
    return made;
}

void mote_pieces_destroy(mote_graph *graph)
{
    while (graph->pieces) {
        mote_pieces *p = graph->pieces;
        graph->pieces = p->next;
        for (int b = 0; b < MOTE_BODIES; b++) {
            if (p->bodies[b].data) {
                mote_places_release(graph->context, &p->bodies[b].places);
            }
            mote_release(graph->context, p->bodies[b].data);
            mote_graph_destroy(p->bodies[b].graph);
        }
        mote_release(graph->context, p);
    }
}

/* Of a plan: places and pointers of each value. */
static uint64_t places_bytes(const mote_graph *graph)
{
    return (uint64_t)(graph->value_count + 1) * (3 * sizeof(int) + 2 * sizeof(uint64_t) + sizeof(void *));
}

static uint64_t own_bytes(const mote_graph *graph)
{
    return (uint64_t)graph->node_capacity * (sizeof *graph->nodes + sizeof *graph->order) +
           (uint64_t)graph->value_capacity * sizeof *graph->values + mote_arena_bytes(&graph->names) + sizeof *graph;
}

uint64_t mote_graph_bytes(const mote_graph *graph)
{
    uint64_t bytes = 2 * own_bytes(graph) + places_bytes(graph); /* a plan has a copy of it */
    for (const mote_pieces *p = graph->pieces; p; p = p->next) {
        bytes += sizeof *p;
        for (int b = 0; b < MOTE_BODIES && p->bodies[b].graph; b++) {
            const mote_graph *body = p->bodies[b].graph;
            bytes += own_bytes(body) + places_bytes(body);
        }
    }
    return bytes;
}

/* ---- shapes ---- */

mote_layout mote_pieces_resize(const mote_layout *layout, int axis, size_t length)
{
    mote_layout resized = *layout;
    if (axis != MOTE_WHOLE) {
        resized.shape[axis] = length;
    }
    return resized;
}

static bool is_narrow(const mote_layout *layout)
{
    return layout->format != MOTE_FP32 && mote_format_get(layout->format)->kind == MOTE_KIND_TARGET;
}

mote_layout mote_pieces_seen(const mote_layout *layout, int axis, size_t length)
{
    mote_layout seen = mote_pieces_resize(layout, axis, length);
    if (axis != MOTE_WHOLE && is_narrow(layout)) {
        seen.format = MOTE_FP32;
    }
    return seen;
}

bool mote_pieces_lie(const mote_layout *layout, int axis)
{
    size_t in_front = 1;
    for (int d = 0; d < axis; d++) {
        in_front *= layout->shape[d];
    }
    return axis == MOTE_WHOLE || (in_front == 1 && !is_narrow(layout));
}

/* ---- building ---- */

/* A body while it is written into the graph: everything from these numbers on is its own. */
typedef struct draft {
    mote_graph *graph; /* that the builder writes to */
    mote_pieces *pieces;
    mote_body *body;
    size_t length;
    int cut;            /* inputs that are cut: the first ones */
    mote_value *inputs; /* of the node, in the graph's numbers */
    int values, nodes, order, depth;
    mote_value *numbers; /* of the graph's values in the body */
} draft;

/* The pieces, as the builder sees them. */
static void add_pieces(const draft *d, mote_value *pieces)
{
    for (int k = 0; k < d->cut; k++) {
        mote_value_info info = {.kind = MOTE_VALUE_INPUT, .name = "piece", .producer = -1};
        info.layout = mote_pieces_seen(mote_layout_of(d->graph, d->inputs[k]), d->pieces->input_axes[k], d->length);
        pieces[k] = mote_graph_append_value(d->graph, &info);
    }
}

/* The value's number in the body; those of the graph around it become inputs of the node. */
static void find_number(draft *d, mote_value value)
{
    mote_pieces *p = d->pieces;
    if (value < 0 || d->numbers[value] >= 0) {
        return;
    }
    int k = d->cut;
    while (k < p->input_count && d->inputs[k] != value) {
        k++;
    }
    if (k == p->input_count && d->body != p->bodies) {
        mote_graph_fail(d->graph, MOTE_ERROR_ARGUMENT, "pieces: for the last, shorter piece the builder reads '%s' too",
                        d->graph->values[value].name);
        return;
    }
    if (k == MOTE_NODE_INPUTS - 1) { /* the gradients read one more */
        mote_graph_fail(d->graph, MOTE_ERROR_ARGUMENT, "pieces: the body reads more than %d values", k);
        return;
    }
    if (k == p->input_count) {
        d->inputs[p->input_count] = value;
        p->input_axes[p->input_count++] = MOTE_WHOLE;
    }
    d->numbers[value] = k;
}

/* Numbers what the body reads, result included: what it did not make itself is read from the graph. */
static void find_inputs(draft *d, mote_value result)
{
    const mote_graph *graph = d->graph;
    for (int i = d->nodes; i < graph->node_count && graph->status == MOTE_OK; i++) {
        const mote_node *node = &graph->nodes[i];
        for (int k = 0; k < node->input_count && graph->status == MOTE_OK; k++) {
            if (node->inputs[k] >= 0 && graph->values[node->inputs[k]].producer < d->nodes) {
                find_number(d, node->inputs[k]);
            }
        }
    }
    if (graph->status == MOTE_OK && graph->values[result].producer < d->nodes) {
        find_number(d, result);
    }
}

static void add_inputs(draft *d)
{
    mote_graph *body = d->body->graph;
    for (int k = 0; k < d->pieces->input_count && body->status == MOTE_OK; k++) {
        mote_value_info info = d->graph->values[d->inputs[k]];
        char name[32];
        int length = snprintf(name, sizeof name, "%s.%d", k < d->cut ? "piece" : "whole", k);
        info.layout = mote_pieces_seen(&info.layout, d->pieces->input_axes[k], d->length);
        if (k < d->cut || info.kind == MOTE_VALUE_RESULT) {
            info.name = mote_arena_string(body->context, &body->names, name, (size_t)length);
        }
        info.kind = MOTE_VALUE_INPUT;
        info.producer = -1;
        info.kept = info.wanted = false;
        if (!info.name || mote_graph_append_value(body, &info) < 0) {
            mote_graph_fail(body, MOTE_ERROR_MEMORY, "%s", mote_context_message(body->context));
        }
    }
}

static void move_node(draft *d, const mote_node *node)
{
    mote_graph *body = d->body->graph;
    mote_node moved = *node;
    moved.segment = MOTE_NO_SEGMENT;
    moved.number = body->node_count; /* gradients and random numbers tell nodes of a body apart by it */
    for (int k = 0; k < moved.input_count; k++) {
        moved.inputs[k] = moved.inputs[k] < 0 ? MOTE_NO_VALUE : d->numbers[moved.inputs[k]];
    }
    for (int o = 0; o < moved.output_count; o++) {
        mote_value_info info = d->graph->values[node->outputs[o]];
        info.producer = body->node_count;
        moved.outputs[o] = d->numbers[node->outputs[o]] = mote_graph_append_value(body, &info);
    }
    mote_graph_append_node(body, &moved);
}

/* Nodes and values from the draft on leave the graph, but for the parameters and inputs that were made for it. */
static void clear_draft(draft *d)
{
    mote_graph *graph = d->graph;
    for (int v = d->values; v < graph->value_count; v++) {
        mote_value_info *info = &graph->values[v];
        bool own = info->kind == MOTE_VALUE_RESULT || v < d->values + d->cut;
        if (own && (info->kept || info->wanted)) {
            mote_graph_fail(graph, MOTE_ERROR_ARGUMENT,
                            "pieces: a value inside of the body cannot be read from outside");
        }
        if (own) {
            *info = (mote_value_info){.kind = MOTE_VALUE_RESULT,
                                      .name = "",
                                      .layout = info->layout,
                                      .producer = -1,
                                      .gradient = MOTE_NO_VALUE};
        }
    }
    graph->node_count = d->nodes;
    graph->order_count = d->order;
}

static void cut_out(draft *d, mote_value result)
{
    mote_graph *graph = d->graph;
    size_t count = (size_t)graph->value_count;
    d->numbers = mote_allocate_array(graph->context, count, sizeof *d->numbers);
    if (!d->numbers || mote_graph_create(graph->context, &d->body->graph) != MOTE_OK) {
        mote_release(graph->context, d->numbers);
        mote_graph_fail(graph, MOTE_ERROR_MEMORY, "out of memory: no room for pieces");
        return;
    }
    for (int v = 0; v < graph->value_count; v++) {
        d->numbers[v] = v >= d->values && v < d->values + d->cut ? v - d->values : MOTE_NO_VALUE;
    }
    mote_graph *body = d->body->graph; /* its first values are the inputs */
    find_inputs(d, result);
    if (graph->status == MOTE_OK) {
        add_inputs(d);
        for (int i = d->nodes; i < graph->node_count && body->status == MOTE_OK; i++) {
            move_node(d, &graph->nodes[i]);
        }
        d->body->results[0] = d->numbers[result];
        for (int k = 0; k < d->pieces->input_count; k++) {
            d->body->inputs[k] = k;
        }
    }
    if (graph->status == MOTE_OK && body->status == MOTE_OK) {
        body->values[d->body->results[0]].kept = true;
        if (mote_graph_prune(body, false) != MOTE_OK) {
            mote_graph_fail(body, MOTE_ERROR_MEMORY, "out of memory: no room for pieces");
        }
    }
    if (graph->status == MOTE_OK && mote_graph_status(body) != MOTE_OK) {
        mote_graph_fail(graph, body->status, "%s", mote_context_message(graph->context));
    }
    mote_release(graph->context, d->numbers);
}

/* Checks what the builder gave back. */
static mote_status check_result(const draft *d, mote_value result, int axis)
{
    mote_graph *graph = d->graph;
    if (graph->status != MOTE_OK) {
        return graph->status;
    }
    if (result < 0 || result >= graph->value_count || graph->depth != d->depth) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "pieces: the builder %s",
                               graph->depth != d->depth ? "leaves another layer open" : "returns no value");
    }
    mote_layout layout = *mote_layout_of(graph, result);
    if (layout.format != MOTE_FP32) {
        return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "pieces: the builder's result is not fp32");
    }
    if (axis != MOTE_WHOLE && (axis < 0 || axis >= layout.rank || layout.shape[axis] != d->length)) {
        return mote_graph_fail(graph, MOTE_ERROR_SHAPE,
                               "pieces: a result of %d dimensions, %zu entries along axis %d, cannot be joined: "
                               "expected %zu entries there, as the piece has",
                               layout.rank, axis >= 0 && axis < layout.rank ? layout.shape[axis] : 0, axis, d->length);
    }
    if (mote_format_get(d->pieces->format)->block_length > 1 && axis == layout.rank - 1) {
        return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "pieces: blocks of %s run along the last axis, which is cut",
                               mote_format_get(d->pieces->format)->name);
    }
    const mote_body *first = d->pieces->bodies;
    if (d->body != first) {
        const mote_layout *other = mote_layout_of(first->graph, first->results[0]);
        mote_layout wanted = mote_pieces_resize(other, axis, d->length);
        if (wanted.rank != layout.rank ||
            memcmp(wanted.shape, layout.shape, (size_t)layout.rank * sizeof *layout.shape) != 0) {
            return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "pieces: the last, shorter piece gives another shape");
        }
    }
    return MOTE_OK;
}

static void build_body(draft *d, mote_piece_builder *build, void *argument)
{
    mote_graph *graph = d->graph;
    mote_value outer = graph->body, pieces[MOTE_NODE_INPUTS];
    d->values = graph->value_count;
    d->nodes = graph->node_count;
    d->order = graph->order_count;
    d->depth = graph->depth;
    graph->body = d->values;
    add_pieces(d, pieces);
    mote_value result = graph->status == MOTE_OK ? build(graph, argument, pieces) : MOTE_NO_VALUE;
    graph->body = outer;
    if (check_result(d, result, d->pieces->result_axes[0]) == MOTE_OK) {
        cut_out(d, result);
        clear_draft(d);
    }
}

/* The format in which results are put down: nvfp4's scale of a whole tensor is not known before the last piece, and
 * sums are added up in FP32. */
static mote_status check_format(mote_graph *graph, const mote_pieces_options *o)
{
    const mote_format_traits *traits = mote_format_get(o->format);
    if (!traits || traits->kind != MOTE_KIND_TARGET || o->format == MOTE_NVFP4) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "pieces: results cannot be put down in %s",
                               traits ? traits->name : "an unknown format");
    }
    if (o->format != MOTE_FP32 && o->result_axis == MOTE_SUM_OF_PIECES) {
        return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "pieces: a sum of pieces is fp32, not %s", traits->name);
    }
    return MOTE_OK;
}

/* The values that are cut: of one extent along their axes, which becomes *extent. */
static mote_status check_cut(mote_graph *graph, const mote_pieces_options *o, size_t *extent)
{
    if (o->count < 1 || o->count > MOTE_NODE_INPUTS - 2 || o->length == 0) {
        return mote_graph_fail(
            graph, MOTE_ERROR_ARGUMENT,
            "pieces: expected 1 to %d values to cut, found %d, and pieces of at least 1 entry, found "
            "%zu",
            MOTE_NODE_INPUTS - 2, o->count, o->length);
    }
    for (int k = 0; k < o->count; k++) {
        mote_value value = o->values[k];
        if (value < 0 || value >= graph->value_count) {
            return mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "pieces: the graph has no value %d", (int)value);
        }
        const mote_layout *layout = mote_layout_of(graph, value);
        if (o->axes[k] < 0 || o->axes[k] >= layout->rank) {
            return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "pieces: value %d of those to cut has %d dimensions, no %d",
                                   k, layout->rank, o->axes[k]);
        }
        if (mote_format_get(layout->format)->block_length > 1 &&
            (layout->axis != layout->rank - 1 || o->axes[k] == layout->axis)) {
            return mote_graph_fail(
                graph, MOTE_ERROR_SHAPE,
                "pieces: value %d of those to cut has blocks of %s along axis %d: they must run along "
                "the last one, and the cut along another",
                k, mote_format_get(layout->format)->name, layout->axis);
        }
        size_t found = layout->shape[o->axes[k]];
        *extent = k == 0 ? found : *extent;
        if (found != *extent || found == 0) {
            return mote_graph_fail(graph, MOTE_ERROR_SHAPE,
                                   "pieces: value %d of those to cut has %zu entries along axis %d, expected %zu", k,
                                   found, o->axes[k], *extent ? *extent : 1);
        }
    }
    return MOTE_OK;
}

mote_pieces *mote_pieces_build(mote_graph *graph, const mote_pieces_options *o, mote_piece_builder *build,
                               void *argument, mote_value inputs[MOTE_NODE_INPUTS])
{
    size_t extent = 0;
    if (graph->status != MOTE_OK || check_cut(graph, o, &extent) != MOTE_OK || check_format(graph, o) != MOTE_OK) {
        return NULL;
    }
    mote_pieces *p = create(graph);
    if (!p) {
        return NULL;
    }
    p->extent = extent;
    p->length = o->length < extent ? o->length : extent;
    p->input_count = o->count;
    p->result_count = 1;
    p->result_axes[0] = o->result_axis;
    p->format = o->format;
    memcpy(p->input_axes, o->axes, (size_t)o->count * sizeof *o->axes);
    memcpy(inputs, o->values, (size_t)o->count * sizeof *inputs);
    mote_value again = graph->again, first = graph->value_count;
    draft d = {
        .graph = graph, .pieces = p, .body = &p->bodies[0], .length = p->length, .cut = o->count, .inputs = inputs};
    build_body(&d, build, argument);
    if (extent % p->length && graph->status == MOTE_OK) {
        d.body = &p->bodies[1];
        d.length = extent % p->length;
        graph->again = again >= 0 ? again : first;
        build_body(&d, build, argument);
        graph->again = again;
    }
    return graph->status == MOTE_OK ? p : NULL;
}

/* ---- gradients ---- */

/* A copy of the body with the gradients of its result behind it; its values keep their numbers. */
static mote_status differentiate_body(mote_graph *graph, const mote_pieces *p, const mote_body *from,
                                      const bool *needed, mote_body *to)
{
    mote_graph copy;
    mote_value result = from->results[0];
    mote_status status = mote_graph_create(graph->context, &to->graph);
    status = status == MOTE_OK ? mote_graph_copy(from->graph, &copy) : status;
    if (status != MOTE_OK) {
        return mote_graph_fail(graph, status, "out of memory: no room for gradients of pieces");
    }
    *to->graph = copy; /* the created one is empty */
    mote_value_info info = {.kind = MOTE_VALUE_INPUT, .name = "gradient", .producer = -1};
    info.layout = *mote_layout_of(to->graph, result);
    to->graph->values[result].kept = false;
    for (int k = 0; k < p->input_count; k++) {
        to->inputs[k] = from->inputs[k];
        to->graph->values[to->inputs[k]].wanted = needed[k];
    }
    mote_value dy = mote_graph_append_value(to->graph, &info);
    to->inputs[p->input_count] = dy;
    status = dy < 0 ? to->graph->status : mote_graph_differentiate_from(to->graph, result, dy);
    status = status == MOTE_OK ? mote_graph_prune(to->graph, false) : status;
    return status == MOTE_OK ? MOTE_OK : mote_graph_fail(graph, status, "%s", mote_context_message(graph->context));
}

mote_pieces *mote_pieces_differentiate(mote_graph *graph, const mote_pieces *p, const bool *needed,
                                       int result_of[MOTE_NODE_INPUTS])
{
    mote_pieces *made = create(graph);
    if (!made) {
        return NULL;
    }
    made->extent = p->extent;
    made->length = p->length;
    made->input_count = p->input_count + 1;
    memcpy(made->input_axes, p->input_axes, sizeof p->input_axes);
    made->input_axes[p->input_count] = p->result_axes[0];
    for (int b = 0; b < MOTE_BODIES && p->bodies[b].graph; b++) {
        mote_body *body = &made->bodies[b];
        if (differentiate_body(graph, p, &p->bodies[b], needed, body) != MOTE_OK) {
            return NULL;
        }
        int count = 0;
        for (int k = 0; k < p->input_count; k++) {
            mote_value gradient = body->graph->values[body->inputs[k]].gradient;
            result_of[k] = gradient < 0 ? -1 : count;
            if (gradient >= 0) {
                made->result_axes[count] = p->input_axes[k];
                body->results[count++] = gradient;
            }
        }
        if (b && count != made->result_count) {
            mote_graph_fail(graph, MOTE_ERROR_ARGUMENT,
                            "pieces: the last, shorter piece has gradients of %d values, the others of %d", count,
                            made->result_count);
            return NULL;
        }
        made->result_count = count;
    }
    return made;
}

/* ---- plans ---- */

static mote_status plan_body(mote_graph *graph, mote_body *body)
{
    if (!body->graph || body->data) {
        return MOTE_OK;
    }
    mote_status status = mote_pieces_plan(body->graph);
    status = status == MOTE_OK ? mote_places_find(body->graph, true, &body->places) : status;
    if (status != MOTE_OK) {
        return status;
    }
    body->data = mote_allocate_array(graph->context, (size_t)body->graph->value_count + 1, sizeof *body->data);
    if (!body->data) {
        mote_places_release(graph->context, &body->places);
        return MOTE_ERROR_MEMORY;
    }
    memset(body->data, 0, (size_t)body->graph->value_count * sizeof *body->data);
    return MOTE_OK;
}

/* Its values, and behind them the pieces that are not used where they are. */
static size_t scratch_bytes(const mote_graph *graph, const mote_node *node, const mote_body *body)
{
    const mote_pieces *p = mote_node_pieces(node);
    size_t bytes = body->graph ? body->places.arena : 0;
    for (int k = 0; body->graph && k < p->input_count; k++) {
        bool lies = mote_pieces_lie(mote_layout_of(graph, node->inputs[k]), p->input_axes[k]);
        bytes += lies ? 0 : mote_value_bytes(graph->context, mote_layout_of(body->graph, body->inputs[k]));
    }
    return bytes;
}

mote_status mote_pieces_plan(mote_graph *graph)
{
    for (int i = 0; i < graph->order_count; i++) {
        int index = graph->order[i];
        mote_pieces *p = mote_node_pieces(&graph->nodes[index]);
        size_t bytes = 0;
        for (int b = 0; p && b < MOTE_BODIES; b++) {
            mote_status status = plan_body(graph, &p->bodies[b]);
            if (status != MOTE_OK) {
                return status;
            }
            size_t needed = scratch_bytes(graph, &graph->nodes[index], &p->bodies[b]);
            bytes = needed > bytes ? needed : bytes;
        }
        if (bytes == 0) {
            continue;
        }
        mote_value_info info = {.kind = MOTE_VALUE_RESULT, .name = "scratch", .producer = index};
        info.layout = (mote_layout){.format = MOTE_FP32, .rank = 1, .shape = {bytes / sizeof(float)}};
        if (graph->nodes[index].scratch < 0) { /* a copy of a body that was planned before has it */
            graph->nodes[index].scratch = mote_graph_append_value(graph, &info);
        } else {
            graph->values[graph->nodes[index].scratch].layout = info.layout;
        }
        if (graph->nodes[index].scratch < 0) {
            return MOTE_ERROR_MEMORY;
        }
    }
    return MOTE_OK;
}
