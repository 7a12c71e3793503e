/* The builder: values, nodes, layers, and the failure that sticks. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/philox.h"
#include "formats/layout.h"
#include "graph/pieces.h"

enum { FIRST_CAPACITY = 8 }; /* most graphs are bodies of pieces, which are small and many */

mote_status mote_graph_create(mote_context *context, mote_graph **graph)
{
    mote_graph *made = mote_allocate(context, sizeof *made);
    *graph = made;
    if (!made) {
        return MOTE_ERROR_MEMORY;
    }
    *made = (mote_graph){.context = context,
                         .segment = MOTE_NO_SEGMENT,
                         .number = -1,
                         .layer_name = "",
                         .body = MOTE_NO_VALUE,
                         .again = MOTE_NO_VALUE};
    return MOTE_OK;
}

void mote_graph_destroy(mote_graph *graph)
{
    if (graph) {
        mote_context *context = graph->context;
        mote_pieces_destroy(graph);
        mote_arena_clear(context, &graph->names);
        mote_release(context, graph->nodes);
        mote_release(context, graph->order);
        mote_release(context, graph->values);
        mote_release(context, graph);
    }
}

/* Remembers the context's message. */
static mote_status stick(mote_graph *graph, mote_status status)
{
    if (graph->status == MOTE_OK && status != MOTE_OK) {
        graph->status = status;
        snprintf(graph->message, sizeof graph->message, "%s", mote_context_message(graph->context));
    }
    return status;
}

mote_status mote_graph_status(mote_graph *graph)
{
    return graph->status == MOTE_OK ? MOTE_OK : mote_fail(graph->context, graph->status, "%s", graph->message);
}

mote_status mote_graph_fail(mote_graph *graph, mote_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mote_fail(graph->context, status, "%s", text);
    return stick(graph, status);
}

mote_status mote_node_fail(mote_graph *graph, const mote_node *node, const char *format, ...)
{
    char text[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mote_graph_fail(graph, MOTE_ERROR_SHAPE, "%s%s%s: %s", node->layer, *node->layer ? ": " : "", node->op->name,
                           text);
}

/* ---- layers ---- */

static void set_layer(mote_graph *graph)
{
    char *copy = mote_arena_string(graph->context, &graph->names, graph->layer, strlen(graph->layer));
    if (copy) {
        graph->layer_name = copy;
    } else {
        stick(graph, MOTE_ERROR_MEMORY);
    }
}

void mote_graph_enter(mote_graph *graph, const char *name)
{
    size_t used = strlen(graph->layer);
    int length = snprintf(graph->layer + used, sizeof graph->layer - used, "%s%s", used ? "." : "", name);
    if (length < 0 || (size_t)length >= sizeof graph->layer - used || !*name || graph->depth == MOTE_LAYER_DEPTH) {
        graph->layer[used] = '\0';
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "layer '%s': its name is empty or too long, or it nests too deep",
                        name);
        return;
    }
    graph->depths[graph->depth++] = (int)used;
    set_layer(graph);
}

void mote_graph_leave(mote_graph *graph)
{
    if (graph->depth == 0) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "a layer is left that was never entered");
        return;
    }
    graph->layer[graph->depths[--graph->depth]] = '\0';
    set_layer(graph);
}

void mote_graph_begin_segment(mote_graph *graph)
{
    if (graph->segment != MOTE_NO_SEGMENT || graph->body >= 0) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "segments do not nest, and none begins inside of pieces");
        return;
    }
    graph->segment = graph->segment_count++;
}

void mote_graph_end_segment(mote_graph *graph) { graph->segment = MOTE_NO_SEGMENT; }

/* ---- growth ---- */

static bool grow(mote_graph *graph, void **array, int count, int *capacity, size_t item)
{
    if (count < *capacity) {
        return true;
    }
    int wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    void *larger = mote_allocate_array(graph->context, (size_t)wanted, item);
    if (!larger) {
        stick(graph, MOTE_ERROR_MEMORY);
        return false;
    }
    if (count) {
        memcpy(larger, *array, (size_t)count * item);
    }
    mote_release(graph->context, *array);
    *array = larger;
    *capacity = wanted;
    return true;
}

mote_value mote_graph_append_value(mote_graph *graph, const mote_value_info *info)
{
    void *values = graph->values;
    bool grown = grow(graph, &values, graph->value_count, &graph->value_capacity, sizeof *graph->values);
    graph->values = values;
    if (!grown) {
        return MOTE_NO_VALUE;
    }
    graph->values[graph->value_count] = *info;
    graph->values[graph->value_count].gradient = MOTE_NO_VALUE;
    return graph->value_count++;
}

int mote_graph_append_node(mote_graph *graph, const mote_node *node)
{
    void *nodes = graph->nodes, *order = graph->order;
    int capacity = graph->node_capacity;
    bool grown = grow(graph, &nodes, graph->node_count, &capacity, sizeof *graph->nodes);
    graph->nodes = nodes;
    grown = grown && grow(graph, &order, graph->node_count, &graph->node_capacity, sizeof *graph->order);
    graph->order = order;
    if (!grown) {
        return -1;
    }
    graph->nodes[graph->node_count] = *node;
    graph->order[graph->order_count++] = graph->node_count;
    return graph->node_count++;
}

/* ---- values ---- */

static mote_value named_value(mote_graph *graph, const mote_value_info *info, const char *name, const char *what)
{
    char full[sizeof graph->layer + 128];
    mote_layout_sizes sizes;
    if (graph->status != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    int length = snprintf(full, sizeof full, "%s%s%s", graph->layer, *graph->layer ? "." : "", name);
    if (!*name || length < 0 || (size_t)length >= sizeof full) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "%s '%s': its name is empty or too long", what, name);
        return MOTE_NO_VALUE;
    }
    for (int v = 0; v < graph->value_count; v++) {
        const mote_value_info *other = &graph->values[v];
        if (other->kind == MOTE_VALUE_RESULT || strcmp(other->name, full) != 0) {
            continue;
        }
        bool again = graph->again >= 0 && v >= graph->again && other->kind == info->kind;
        if (again && mote_layout_same(&other->layout, &info->layout)) {
            return v;
        }
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "%s '%s': %s", what, full,
                        again ? "it had another shape before" : "the name is taken");
        return MOTE_NO_VALUE;
    }
    mote_value_info made = *info;
    if (stick(graph, mote_layout_measure(graph->context, &made.layout, &sizes)) != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    made.name = mote_arena_string(graph->context, &graph->names, full, (size_t)length);
    if (!made.name) {
        stick(graph, MOTE_ERROR_MEMORY);
        return MOTE_NO_VALUE;
    }
    made.producer = -1;
    return mote_graph_append_value(graph, &made);
}

static bool set_shape(mote_graph *graph, mote_layout *layout, mote_format format, int rank, const size_t *shape)
{
    if (rank < 0 || rank > MOTE_MAXIMUM_RANK) {
        mote_graph_fail(graph, MOTE_ERROR_SHAPE, "expected 0 to %d dimensions, found %d", MOTE_MAXIMUM_RANK, rank);
        return false;
    }
    *layout = (mote_layout){.format = format, .rank = rank, .axis = rank ? rank - 1 : 0};
    for (int d = 0; d < rank; d++) {
        layout->shape[d] = shape[d];
    }
    return true;
}

mote_value mote_graph_input(mote_graph *graph, const char *name, mote_format format, int rank, const size_t *shape)
{
    mote_value_info info = {.kind = MOTE_VALUE_INPUT};
    const mote_format_traits *traits = mote_format_get(format);
    if (graph->status == MOTE_OK && (!traits || (traits->kind != MOTE_KIND_TARGET && format != MOTE_INT32))) {
        mote_graph_fail(graph, MOTE_ERROR_ARGUMENT, "input '%s': expected int32 or a format from fp32 to nvfp4", name);
    }
    if (graph->status != MOTE_OK || !set_shape(graph, &info.layout, format, rank, shape)) {
        return MOTE_NO_VALUE;
    }
    return named_value(graph, &info, name, "input");
}

mote_value mote_graph_parameter(mote_graph *graph, const char *name, int rank, const size_t *shape,
                                mote_initializer initializer, double spread)
{
    mote_value_info info = {.kind = MOTE_VALUE_PARAMETER, .initializer = initializer, .spread = spread};
    if (graph->status != MOTE_OK || !set_shape(graph, &info.layout, MOTE_FP32, rank, shape)) {
        return MOTE_NO_VALUE;
    }
    return named_value(graph, &info, name, "parameter");
}

void mote_graph_share(mote_graph *graph, mote_value first) { graph->again = first; }

static bool known(const mote_graph *graph, mote_value value) { return value >= 0 && value < graph->value_count; }

void mote_graph_output(mote_graph *graph, mote_value value)
{
    if (known(graph, value)) {
        graph->values[value].kept = true;
    }
}

void mote_graph_want_gradient(mote_graph *graph, mote_value input)
{
    if (known(graph, input)) {
        graph->values[input].wanted = true;
    }
}

void mote_graph_consume(mote_graph *graph, mote_value input)
{
    if (known(graph, input) && graph->values[input].kind == MOTE_VALUE_INPUT) {
        graph->values[input].consumed = true;
    }
}

mote_value mote_graph_gradient(const mote_graph *graph, mote_value value)
{
    return known(graph, value) ? graph->values[value].gradient : MOTE_NO_VALUE;
}

size_t mote_graph_value_count(const mote_graph *graph) { return (size_t)graph->value_count; }

const char *mote_graph_value_name(const mote_graph *graph, mote_value value)
{
    return known(graph, value) ? graph->values[value].name : "";
}

mote_status mote_graph_value_layout(mote_graph *graph, mote_value value, mote_layout *layout)
{
    if (!known(graph, value)) {
        return mote_fail(graph->context, MOTE_ERROR_ARGUMENT, "the graph has no value %d", (int)value);
    }
    *layout = graph->values[value].layout;
    return MOTE_OK;
}

int mote_graph_is_parameter(const mote_graph *graph, mote_value value)
{
    return known(graph, value) && graph->values[value].kind == MOTE_VALUE_PARAMETER;
}

size_t mote_graph_parameter_count(const mote_graph *graph)
{
    size_t count = 0;
    for (int v = 0; v < graph->value_count; v++) {
        count += mote_graph_is_parameter(graph, v) ? mote_value_count(graph, v) : 0;
    }
    return count;
}

/* ---- nodes ---- */

mote_status mote_node_result(mote_graph *graph, mote_node *node, mote_format format, int rank, const size_t *shape)
{
    mote_value_info info = {.kind = MOTE_VALUE_RESULT, .name = node->op->name, .producer = graph->node_count};
    mote_layout_sizes sizes;
    if (!set_shape(graph, &info.layout, format, rank, shape)) {
        return graph->status;
    }
    if (mote_layout_measure(graph->context, &info.layout, &sizes) != MOTE_OK) {
        return mote_node_fail(graph, node, "%s", mote_context_message(graph->context));
    }
    mote_value value = mote_graph_append_value(graph, &info);
    if (value < 0) {
        return MOTE_ERROR_MEMORY;
    }
    node->outputs[node->output_count++] = value;
    return MOTE_OK;
}

mote_value mote_graph_append(mote_graph *graph, const mote_op *op, int input_count, const mote_value *inputs,
                             const void *attributes, size_t size)
{
    if (graph->status != MOTE_OK) {
        return MOTE_NO_VALUE;
    }
    mote_node node = {.op = op,
                      .input_count = input_count,
                      .layer = graph->layer_name,
                      .segment = graph->segment,
                      .in_place = op->in_place,
                      .scratch = MOTE_NO_VALUE,
                      .phase = graph->phase,
                      .number = graph->number >= 0 ? graph->number : graph->node_count};
    if (input_count) {
        memcpy(node.inputs, inputs, (size_t)input_count * sizeof *inputs);
    }
    if (size) {
        memcpy(node.attributes, attributes, size);
    }
    for (int i = 0; i < input_count; i++) {
        if (inputs[i] >= graph->value_count) {
            mote_node_fail(graph, &node, "the graph has no value %d", (int)inputs[i]);
            return MOTE_NO_VALUE;
        }
        if (inputs[i] >= 0 && graph->values[inputs[i]].kind == MOTE_VALUE_RESULT &&
            graph->values[inputs[i]].producer < 0) {
            mote_node_fail(graph, &node, "input %d: value %d exists inside of pieces only", i, (int)inputs[i]);
            return MOTE_NO_VALUE;
        }
    }
    mote_policy_find("fp32", &node.policy);
    int values = graph->value_count;
    if (op->infer(graph, &node) != MOTE_OK || graph->status != MOTE_OK) {
        graph->value_count = values;
        stick(graph, MOTE_ERROR_SHAPE);
        return MOTE_NO_VALUE;
    }
    if (mote_graph_append_node(graph, &node) < 0) {
        graph->value_count = values;
        return MOTE_NO_VALUE;
    }
    return node.outputs[0];
}

mote_value mote_graph_output_of(const mote_graph *graph, mote_value value, int index)
{
    if (!known(graph, value) || graph->values[value].producer < 0) {
        return MOTE_NO_VALUE;
    }
    return graph->nodes[graph->values[value].producer].outputs[index];
}

int mote_graph_copy_node(mote_graph *graph, int index)
{
    mote_node copy = graph->nodes[index];
    copy.phase = graph->phase;
    for (int i = 0; i < copy.output_count; i++) {
        mote_value_info info = graph->values[copy.outputs[i]];
        info.producer = graph->node_count;
        info.kept = false;
        copy.outputs[i] = mote_graph_append_value(graph, &info);
        if (copy.outputs[i] < 0) {
            return -1;
        }
    }
    return mote_graph_append_node(graph, &copy);
}

void mote_graph_move_last(mote_graph *graph, int first, int before)
{
    /* rotation by three reversals */
    int parts[3][2] = {{before, first - 1}, {first, graph->order_count - 1}, {before, graph->order_count - 1}};
    for (int p = 0; p < 3; p++) {
        for (int i = parts[p][0], j = parts[p][1]; i < j; i++, j--) {
            int swap = graph->order[i];
            graph->order[i] = graph->order[j];
            graph->order[j] = swap;
        }
    }
}

/* ---- for operations ---- */

size_t mote_value_count(const mote_graph *graph, mote_value value)
{
    const mote_layout *layout = mote_layout_of(graph, value);
    size_t count = 1;
    for (int d = 0; d < layout->rank; d++) {
        count *= layout->shape[d];
    }
    return count;
}

size_t mote_value_columns(const mote_graph *graph, mote_value value)
{
    const mote_layout *layout = mote_layout_of(graph, value);
    return layout->rank ? layout->shape[layout->rank - 1] : 1;
}

size_t mote_value_rows(const mote_graph *graph, mote_value value)
{
    const mote_layout *layout = mote_layout_of(graph, value);
    size_t rows = 1;
    for (int d = 0; d + 1 < layout->rank; d++) {
        rows *= layout->shape[d];
    }
    return rows;
}

bool mote_same_shape(const mote_graph *graph, mote_value a, mote_value b)
{
    const mote_layout *la = mote_layout_of(graph, a), *lb = mote_layout_of(graph, b);
    return la->rank == lb->rank && memcmp(la->shape, lb->shape, (size_t)la->rank * sizeof la->shape[0]) == 0;
}

mote_status mote_node_expect(mote_graph *graph, const mote_node *node, int input, mote_format format, int rank)
{
    if (input >= node->input_count || node->inputs[input] < 0) {
        return mote_node_fail(graph, node, "input %d is missing", input);
    }
    const mote_layout *layout = mote_layout_of(graph, node->inputs[input]);
    if (layout->format != format) {
        return mote_node_fail(graph, node, "input %d: expected %s, found %s", input, mote_format_get(format)->name,
                              mote_format_get(layout->format)->name);
    }
    if (rank >= 0 && layout->rank != rank) {
        return mote_node_fail(graph, node, "input %d: expected %d dimensions, found %d", input, rank, layout->rank);
    }
    return MOTE_OK;
}

uint64_t mote_run_stream(const mote_run *run, const mote_node *node)
{
    uint32_t words[4];
    mote_philox_group(run->seed, (uint64_t)node->number, words);
    return (uint64_t)words[1] << 32 | words[0];
}
