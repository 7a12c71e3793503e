/* The policy pass: gives products their formats, and keeps what the forward pass saves for the gradients in the format
 * in which they will read it: blocks along the batch for a weight's gradient, 16 bits for element-wise gradients. */
#include "formats/layout.h"
#include "graph/core.h"
#include "graph/policy_set.h"

/* One narrow copy of a value. */
typedef struct narrow {
    mote_value from, cast, widened; /* widened: MOTE_NO_VALUE where the reader takes the cast as it is */
    mote_layout layout;
} narrow;

typedef struct saver {
    mote_graph *graph;
    narrow *copies;
    int count, capacity;
} saver;

/* Position in the order of the node that made value. */
static int position_of(const mote_graph *graph, mote_value value)
{
    int position = 0;
    while (graph->order[position] != graph->values[value].producer) {
        position++;
    }
    return position;
}

/* Appends the conversion behind the value's producer, as part of its layer and segment. */
static mote_value cast_behind(mote_graph *graph, mote_value value, const mote_layout *layout,
                              const mote_quantize_options *options)
{
    const mote_node producer = graph->nodes[graph->values[value].producer];
    int first = graph->order_count;
    graph->layer_name = producer.layer;
    graph->segment = producer.segment;
    graph->phase = producer.phase;
    mote_value cast = mote_core_cast(graph, value, layout, options);
    if (cast >= 0) {
        mote_graph_move_last(graph, first, position_of(graph, value) + 1);
    }
    return cast;
}

static mote_value widen_before(mote_graph *graph, mote_value cast, int reader)
{
    const mote_node node = graph->nodes[reader];
    int first = graph->order_count, position = 0;
    graph->layer_name = node.layer;
    graph->segment = node.segment;
    graph->phase = MOTE_PHASE_BACKWARD;
    mote_value widened = mote_core_widen(graph, cast);
    while (graph->order[position] != reader) {
        position++;
    }
    if (widened >= 0) {
        mote_graph_move_last(graph, first, position);
    }
    return widened;
}

/* What reader, of the backward pass, reads instead of value, in this layout. */
static mote_value replace(saver *s, mote_value value, const mote_layout *layout, const mote_quantize_options *options,
                          bool widen, int reader)
{
    for (int i = 0; i < s->count; i++) {
        narrow *copy = &s->copies[i];
        if (copy->from == value && mote_layout_same(&copy->layout, layout) && widen == (copy->widened >= 0)) {
            return widen ? copy->widened : copy->cast;
        }
    }
    narrow made = {.from = value, .cast = MOTE_NO_VALUE, .widened = MOTE_NO_VALUE, .layout = *layout};
    made.cast = cast_behind(s->graph, value, layout, options);
    if (made.cast >= 0 && widen) {
        made.widened = widen_before(s->graph, made.cast, reader);
    }
    if (s->count < s->capacity) {
        s->copies[s->count++] = made;
    }
    return widen ? made.widened : made.cast;
}

static void save_inputs(saver *s, int index, mote_format saved)
{
    mote_graph *graph = s->graph;
    for (int k = 0; k < graph->nodes[index].input_count && graph->status == MOTE_OK; k++) {
        const mote_node *node = &graph->nodes[index];
        mote_value value = node->inputs[k];
        if (value < 0 || graph->values[value].producer < 0 ||
            graph->nodes[graph->values[value].producer].phase != MOTE_PHASE_FORWARD) {
            continue;
        }
        mote_layout layout = *mote_layout_of(graph, value);
        mote_quantize_options options = {0};
        bool blocks = node->op->kept_layout && node->op->kept_layout(graph, node, k, &layout, &options);
        if (layout.format != MOTE_FP32 && !blocks) {
            continue;
        }
        if (!blocks) {
            enum { SMALL = 4096 }; /* statistics and the like stay as they are */
            if (saved == MOTE_FP32 || mote_value_count(graph, value) < SMALL || mote_value_columns(graph, value) < 2 ||
                node->op->exact_inputs >> k & 1) {
                continue;
            }
            layout.format = saved;
        }
        mote_value instead = replace(s, value, &layout, &options, !blocks, index);
        graph->nodes[index].inputs[k] = instead;
    }
}

mote_status mote_graph_apply_policy(mote_graph *graph, const mote_policy_set *set)
{
    saver s = {.graph = graph, .capacity = graph->value_count};
    const char *layer = graph->layer_name;
    mote_phase phase = graph->phase;
    if (graph->status != MOTE_OK) {
        return mote_graph_status(graph);
    }
    mote_status status = mote_policy_set_products(graph, set);
    if (status != MOTE_OK) {
        return status;
    }
    s.copies = mote_allocate_array(graph->context, (size_t)s.capacity + 1, sizeof *s.copies);
    if (!s.copies) {
        return MOTE_ERROR_MEMORY;
    }
    int nodes = graph->node_count;
    for (int i = 0; i < nodes; i++) { /* nodes are numbered in the order in which they were made */
        if (graph->nodes[i].phase == MOTE_PHASE_BACKWARD) {
            save_inputs(&s, i, set->saved);
        }
    }
    graph->layer_name = layer;
    graph->segment = MOTE_NO_SEGMENT;
    graph->phase = phase;
    mote_release(graph->context, s.copies);
    return mote_graph_verify(graph);
}
