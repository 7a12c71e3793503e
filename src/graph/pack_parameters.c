/* The pass that packs parameters: weights that only products read get the format in which these read them. */
#include <string.h>

#include "formats/element.h"
#include "formats/layout.h"
#include "graph/pieces.h"

/* How the readers of a value would like it to lie. */
typedef struct wish {
    bool read, refused; /* refused: they differ, or one of them wants FP32 */
    mote_layout layout;
    mote_quantize_options options;
} wish;

static void add_wish(wish *all, const wish *one)
{
    if (!one->read) {
        return;
    }
    bool same =
        !all->read || (mote_layout_same(&all->layout, &one->layout) && all->options.rounding == one->options.rounding &&
                       all->options.scale_rule == one->options.scale_rule);
    bool refused = all->refused || one->refused || !same;
    *all = *one;
    all->refused = refused;
}

static mote_status find_wishes(const mote_graph *graph, wish **wishes);

/* What the bodies of pieces wish for what they read whole; what is cut is FP32. */
static mote_status add_bodies(const mote_graph *graph, const mote_node *node, wish *wishes)
{
    const mote_pieces *p = mote_node_pieces(node);
    for (int b = 0; b < MOTE_BODIES && p->bodies[b].graph; b++) {
        wish *inside;
        mote_status status = find_wishes(p->bodies[b].graph, &inside);
        if (status != MOTE_OK) {
            return status;
        }
        for (int k = 0; k < p->input_count; k++) {
            const wish cut = {.read = true, .refused = true};
            bool whole = p->input_axes[k] == MOTE_WHOLE;
            add_wish(&wishes[node->inputs[k]], whole ? &inside[p->bodies[b].inputs[k]] : &cut);
        }
        mote_release(graph->context, inside);
    }
    return MOTE_OK;
}

static void add_node(const mote_graph *graph, const mote_node *node, wish *wishes)
{
    for (int k = 0; k < node->input_count; k++) {
        wish one = {.read = true};
        if (node->inputs[k] >= 0) {
            one.refused = !node->op->kept_layout || !node->op->kept_layout(graph, node, k, &one.layout, &one.options);
            add_wish(&wishes[node->inputs[k]], &one);
        }
    }
}

/* Of all values of a graph, the caller's to release. */
static mote_status find_wishes(const mote_graph *graph, wish **wishes)
{
    size_t count = (size_t)graph->value_count + 1;
    wish *found = mote_allocate_array(graph->context, count, sizeof *found);
    mote_status status = found ? MOTE_OK : MOTE_ERROR_MEMORY;
    *wishes = NULL;
    for (int v = 0; found && v < graph->value_count; v++) { /* whoever keeps a value reads FP32 */
        found[v] = (wish){.read = graph->values[v].kept, .refused = graph->values[v].kept};
    }
    for (int i = 0; i < graph->order_count && status == MOTE_OK; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        if (node->op->pieces) {
            status = add_bodies(graph, node, found);
        } else {
            add_node(graph, node, found);
        }
    }
    if (status != MOTE_OK) {
        mote_release(graph->context, found);
        return status;
    }
    *wishes = found;
    return MOTE_OK;
}

/* Bodies see what they read whole as it lies around them. */
static void pack_inputs_of_bodies(mote_graph *graph)
{
    for (int i = 0; i < graph->order_count; i++) {
        const mote_node *node = &graph->nodes[graph->order[i]];
        const mote_pieces *p = mote_node_pieces(node);
        for (int b = 0; p && b < MOTE_BODIES && p->bodies[b].graph; b++) {
            mote_graph *body = p->bodies[b].graph;
            for (int k = 0; k < p->input_count; k++) {
                const mote_value_info *outside = &graph->values[node->inputs[k]];
                if (p->input_axes[k] == MOTE_WHOLE && mote_format_is_block(outside->layout.format)) {
                    body->values[p->bodies[b].inputs[k]].layout = outside->layout;
                    body->values[p->bodies[b].inputs[k]].conversion = outside->conversion;
                }
            }
            pack_inputs_of_bodies(body);
        }
    }
}

mote_status mote_graph_pack_parameters(mote_graph *graph)
{
    wish *wishes;
    if (graph->status != MOTE_OK) {
        return mote_graph_status(graph);
    }
    if (graph->phase != MOTE_PHASE_FORWARD) {
        return mote_fail(graph->context, MOTE_ERROR_ARGUMENT,
                         "pack parameters: the graph has gradients, which are those of FP32 parameters");
    }
    mote_status status = find_wishes(graph, &wishes);
    if (status != MOTE_OK) {
        return status;
    }
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind == MOTE_VALUE_PARAMETER && wishes[v].read && !wishes[v].refused) {
            graph->values[v].layout = wishes[v].layout;
            graph->values[v].conversion = wishes[v].options;
        }
    }
    mote_release(graph->context, wishes);
    pack_inputs_of_bodies(graph);
    return mote_graph_verify(graph);
}
